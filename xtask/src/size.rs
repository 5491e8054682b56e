//! `cargo xtask size`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{command, output};

/// Bytes of a file, as it is and as it travels.
#[derive(Clone, Default)]
pub struct Size {
    /// As it is.
    pub raw: u64,
    /// After `gzip -9`.
    pub gzip: u64,
    /// After `brotli -q 11`.
    pub brotli: u64,
}

/// The sizes of these files, in their order.
pub fn sizes(files: &[PathBuf]) -> Result<Vec<Size>> {
    let mut node = command("node", [Path::new("xtask/scripts/sizes.mjs")]);
    let lines = output(node.args(files))?;
    lines.lines().map(|line| size(line).context("an answer of sizes.mjs")).collect()
}

fn size(line: &str) -> Result<Size> {
    let answer: Value = serde_json::from_str(line)?;
    let bytes = |name: &str| answer[name].as_u64().with_context(|| format!("no {name}"));
    Ok(Size { raw: bytes("raw")?, gzip: bytes("gzip")?, brotli: bytes("brotli")? })
}
