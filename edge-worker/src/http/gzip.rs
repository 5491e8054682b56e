//! Bodies that were compressed in the browser, by CompressionStream.
//!
//! They are known by how they begin: a `Content-Encoding` header would cost a browser a CORS
//! preflight, and JSON never begins like gzip.

use std::io::Read;

use flate2::bufread::GzDecoder;

use crate::http::errors::RequestError;

/// The first two bytes of gzip (RFC 1952).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The body as it was before it was compressed; any other body as it is.
///
/// # Errors
/// [`RequestError::PayloadTooLarge`] for more than `limit` bytes, of which no more are taken into
/// memory; [`RequestError::BadRequest`] for what begins like gzip and is not, or goes on behind it.
pub fn inflated(body: Vec<u8>, limit: usize) -> Result<Vec<u8>, RequestError> {
    if !body.starts_with(&MAGIC) {
        return Ok(body);
    }
    let mut decoder = GzDecoder::new(body.as_slice());
    let mut inflated = Vec::new();
    let read = decoder
        .by_ref()
        .take(limit as u64 + 1)
        .read_to_end(&mut inflated);
    if inflated.len() > limit {
        return Err(RequestError::PayloadTooLarge { limit });
    }
    if read.is_err() || !decoder.into_inner().is_empty() {
        let problem = "The body begins like gzip and cannot be decompressed; send it again.";
        return Err(RequestError::BadRequest(problem.to_owned()));
    }
    Ok(inflated)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_not_compressed_stays_as_it_is() {
        for body in [&b""[..], b"{}", &[0x1f], &[0x1f, 0x8a, 8]] {
            assert_eq!(inflated(body.to_vec(), 10), Ok(body.to_vec()));
        }
    }

    #[test]
    fn no_more_than_the_limit_is_taken() {
        let zeros = vec![0; 1_000_000];
        assert_eq!(inflated(gzip(&zeros), 1_000_000), Ok(zeros.clone()));
        let limit = 999_999;
        assert_eq!(
            inflated(gzip(&zeros), limit),
            Err(RequestError::PayloadTooLarge { limit })
        );
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let whole = gzip(b"{\"BatchItem\":{}}");
        let mut damaged = whole.clone();
        damaged[12] ^= 0xff;
        let doubled = [whole.clone(), whole.clone()].concat();
        for body in [&whole[..2], &whole[..whole.len() - 1], &damaged, &doubled] {
            let refused = inflated(body.to_vec(), 100);
            assert!(
                matches!(refused, Err(RequestError::BadRequest(_))),
                "{refused:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_inflated_or_refused(mut bytes in any::<Vec<u8>>(), magic in any::<bool>()) {
            if magic {
                bytes.splice(..0, [0x1f, 0x8b, 8, 0]);
            }
            let taken = inflated(bytes, 100);
            prop_assert!(taken.is_err() || taken.is_ok_and(|taken| taken.len() <= 100 || !magic));
        }

        #[test]
        fn what_was_compressed_comes_back(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(inflated(gzip(&bytes), bytes.len()), Ok(bytes));
        }
    }
}
