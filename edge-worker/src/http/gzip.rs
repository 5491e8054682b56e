//! Bodies that were compressed in the browser, by CompressionStream.
//!
//! They are known by how they begin: a `Content-Encoding` header would cost a browser a CORS
//! preflight, and JSON never begins like gzip.

use std::io::Read;

use flate2::bufread::GzDecoder;

use crate::http::errors::RequestError;

/// The first two bytes of gzip (RFC 1952).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// No more bytes come out of one byte of DEFLATE.
const MAX_RATIO: usize = 1032;

fn damaged() -> RequestError {
    let problem = "The body begins like gzip and cannot be decompressed; send it again.";
    RequestError::BadRequest(problem.to_owned())
}

/// How many bytes a body has once it is decompressed, as its last four bytes say (RFC 1952): it is
/// known before memory is taken for them, and a body that says something else is damaged.
///
/// # Errors
/// [`RequestError::PayloadTooLarge`] for more than `limit` bytes, [`RequestError::BadRequest`] for
/// more than such a body can hold.
pub fn inflated_len(body: &[u8], limit: usize) -> Result<usize, RequestError> {
    let said = match (body.starts_with(&MAGIC), body.last_chunk::<4>()) {
        (true, Some(length)) => usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX),
        _ => body.len(),
    };
    if said > body.len().saturating_mul(MAX_RATIO) {
        return Err(damaged());
    }
    if said > limit {
        return Err(RequestError::PayloadTooLarge { limit });
    }
    Ok(said)
}

/// The body as it was before it was compressed; any other body as it is. `length` is what
/// [`inflated_len`] says of it, and no more memory is taken.
///
/// # Errors
/// [`RequestError::BadRequest`] for what begins like gzip and is not, or goes on behind it.
pub fn inflated(body: Vec<u8>, length: usize) -> Result<Vec<u8>, RequestError> {
    if !body.starts_with(&MAGIC) {
        return Ok(body);
    }
    let mut decoder = GzDecoder::new(body.as_slice());
    let mut inflated = vec![0; length];
    decoder.read_exact(&mut inflated).map_err(|_| damaged())?;
    // The end, and with it the checksum, is only read when more is asked for.
    let rest = decoder.read(&mut [0]).map_err(|_| damaged())?;
    if rest > 0 || !decoder.into_inner().is_empty() {
        return Err(damaged());
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

    fn taken(body: &[u8], limit: usize) -> Result<Vec<u8>, RequestError> {
        inflated(body.to_vec(), inflated_len(body, limit)?)
    }

    #[test]
    fn what_is_not_compressed_stays_as_it_is() {
        for body in [&b""[..], b"{}", &[0x1f], &[0x1f, 0x8a, 8]] {
            assert_eq!(taken(body, 10), Ok(body.to_vec()));
        }
    }

    #[test]
    fn no_more_than_the_limit_is_taken() {
        let zeros = vec![0; 1_000_000];
        assert_eq!(taken(&gzip(&zeros), 1_000_000), Ok(zeros.clone()));
        let limit = 999_999;
        assert_eq!(
            taken(&gzip(&zeros), limit),
            Err(RequestError::PayloadTooLarge { limit })
        );
    }

    #[test]
    fn whoever_lies_about_the_length_is_refused_before_memory_is_taken_for_more() {
        let whole = gzip(&vec![0; 1_000_000]);
        for said in [0_u32, 1, 999_999, 1_000_001, u32::MAX] {
            let mut lying = whole.clone();
            let at = lying.len() - 4;
            lying[at..].copy_from_slice(&said.to_le_bytes());
            let refused = taken(&lying, 2_000_000);
            assert!(refused.is_err(), "{said}");
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let whole = gzip(b"{\"BatchItem\":{}}");
        let mut damaged = whole.clone();
        damaged[12] ^= 0xff;
        let doubled = [whole.clone(), whole.clone()].concat();
        for body in [&whole[..2], &whole[..whole.len() - 1], &damaged, &doubled] {
            let refused = taken(body, 100_000);
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
            let taken = taken(&bytes, 100);
            prop_assert!(taken.is_err() || taken.is_ok_and(|taken| taken.len() <= 100 || !magic));
        }

        #[test]
        fn what_was_compressed_comes_back(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(taken(&gzip(&bytes), bytes.len()), Ok(bytes));
        }
    }
}
