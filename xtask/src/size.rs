//! `cargo xtask size`.

use std::io::Write;

use anyhow::Result;

/// Bytes after brotli at its best, as a web server that compresses ahead of time sends them.
pub fn brotli(bytes: &[u8]) -> Result<usize> {
    let mut compressed = brotli::CompressorWriter::new(Vec::new(), 4096, 11, 22);
    compressed.write_all(bytes)?;
    Ok(compressed.into_inner().len())
}
