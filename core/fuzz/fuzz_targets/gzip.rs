//! Any bytes as a body: what is decompressed has the length that was said before, within the limit, and what
//! was compressed comes back.
#![cfg_attr(fuzzing, no_main)]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use forebay_core_fuzz::http::errors::RequestError;
use forebay_core_fuzz::http::gzip::{inflated, inflated_len};

/// How gzip begins.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

forebay_core_fuzz::target!(|input: (u16, u16, &[u8])| {
    let (limit, said, bytes) = input;
    let limit = usize::from(limit);
    let taken = |body: Vec<u8>| -> Result<Vec<u8>, RequestError> {
        let length = inflated_len(&body, limit)?;
        assert!(length <= limit);
        let inflated = inflated(body, length)?;
        assert_eq!(inflated.len(), length);
        Ok(inflated)
    };
    let _ = taken(bytes.to_vec());
    let length = u32::from(said).to_le_bytes();
    let _ = taken([&HEAD, bytes, &length].concat());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("room");
    let compressed = encoder.finish().expect("room");
    match taken(compressed) {
        Ok(again) => assert_eq!(again, bytes),
        Err(error) => assert!(error.status() == 413 && bytes.len() > limit, "{error}"),
    }
});
