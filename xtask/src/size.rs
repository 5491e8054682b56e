//! `cargo xtask size`: what a browser loads.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::command::{command, output, root};

/// Bytes after brotli that the design allows for all that a browser loads.
const TOTAL_BUDGET: u64 = 16_000;
/// The same for what has to be there before the first `record()`.
const FIRST_BUDGET: u64 = 2_500;
/// What an application imports, and so has before it records anything. The rest of the package is
/// loaded by these, later.
const ENTRIES: [&str; 2] = ["index.js", "react.js"];

/// Bytes of a file, as it is and as it travels.
#[derive(Clone, Copy, Default)]
pub struct Size {
    /// As it is.
    pub raw: u64,
    /// After `gzip -9`.
    pub gzip: u64,
    /// After `brotli -q 11`.
    pub brotli: u64,
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Size) {
        self.raw += other.raw;
        self.gzip += other.gzip;
        self.brotli += other.brotli;
    }
}

/// The sizes of these files, in their order.
pub fn sizes(files: &[PathBuf]) -> Result<Vec<Size>> {
    let mut node = command("node", [Path::new("xtask/scripts/sizes.mjs")]);
    let lines = output(node.args(files))?;
    lines
        .lines()
        .map(|line| size(line).context("an answer of sizes.mjs"))
        .collect()
}

fn size(line: &str) -> Result<Size> {
    let answer: Value = serde_json::from_str(line)?;
    let bytes = |name: &str| answer[name].as_u64().with_context(|| format!("no {name}"));
    Ok(Size {
        raw: bytes("raw")?,
        gzip: bytes("gzip")?,
        brotli: bytes("brotli")?,
    })
}

/// What the built package weighs.
pub struct Report {
    files: Vec<(String, Size)>,
    total: Size,
    before_first_record: Size,
}

/// Measures the package in `npm/dist`.
pub fn measure() -> Result<Report> {
    let folder = root().join("npm/dist");
    let mut files: Vec<PathBuf> = folder
        .read_dir()
        .context("npm/dist")?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "js" || extension == "wasm")
    });
    files.sort();
    let mut report = Report {
        files: Vec::new(),
        total: Size::default(),
        before_first_record: Size::default(),
    };
    for (file, size) in files.iter().zip(sizes(&files)?) {
        report.total += size;
        if ENTRIES.iter().any(|entry| file.ends_with(entry)) {
            report.before_first_record += size;
        }
        let path = file.strip_prefix(root()).unwrap_or(file);
        report
            .files
            .push((path.to_string_lossy().into_owned(), size));
    }
    Ok(report)
}

impl Report {
    /// For programs.
    pub fn json(&self) -> Value {
        let bytes =
            |size: &Size| json!({ "raw": size.raw, "gzip": size.gzip, "brotli": size.brotli });
        let files = self.files.iter().map(|(path, size)| {
            let mut file = bytes(size);
            file["path"] = json!(path);
            file
        });
        json!({
            "total": bytes(&self.total),
            "before_first_record": bytes(&self.before_first_record),
            "files": files.collect::<Vec<_>>(),
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let row = |name: &str, size: &Size| {
            format!(
                "{name:34} {:>9} {:>9} {:>9}",
                size.raw, size.gzip, size.brotli
            )
        };
        let mut lines = vec![format!(
            "{:34} {:>9} {:>9} {:>9}",
            "bytes", "raw", "gzip -9", "brotli 11"
        )];
        lines.extend(self.files.iter().map(|(path, size)| row(path, size)));
        for (name, size, budget) in [
            (
                "before the first record()",
                &self.before_first_record,
                FIRST_BUDGET,
            ),
            ("everything a browser loads", &self.total, TOTAL_BUDGET),
        ] {
            lines.push(format!(
                "{}  {}",
                row(name, size),
                standing(size.brotli, budget)
            ));
        }
        lines.join("\n")
    }
}

fn standing(bytes: u64, budget: u64) -> String {
    match bytes.checked_sub(budget) {
        None => format!("{} under the budget of {budget}", budget - bytes),
        Some(0) => format!("at the budget of {budget}"),
        Some(over) => format!("{over} OVER the budget of {budget}"),
    }
}
