//! `cargo xtask size`: what a browser loads.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::command::{command, output, root};

/// Bytes after brotli that the design allows for all that a browser loads.
const TOTAL_BUDGET: u64 = 16_500;
/// The same for what has to be there before the first `record()`.
const FIRST_BUDGET: u64 = 2_500;
/// The schema whose generated code is measured.
const SCHEMA: &str = "demo-react/forebay.schema.json";

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
    /// What every page loads.
    files: Vec<(String, Size)>,
    /// What is loaded where it is used, and counts apart.
    where_used: Vec<(String, Size)>,
    before_first_record: Size,
    total: Size,
    /// What generated code adds to an app's own download; see sizes.mjs.
    schema: Value,
}

/// Measures the package in `npm/dist`: what a browser loads of it, as its `package.json` says.
pub fn measure() -> Result<Report> {
    let package = std::fs::read(root().join("npm/package.json")).context("npm/package.json")?;
    let package: Value = serde_json::from_slice(&package).context("npm/package.json")?;
    let named = |time: &str| -> Result<Vec<String>> {
        serde_json::from_value(package["browserFiles"][time].clone())
            .with_context(|| format!("browserFiles.{time} of npm/package.json"))
    };
    let measured = |names: Vec<String>| -> Result<Vec<(String, Size)>> {
        let named: Vec<String> = names.iter().map(|name| format!("npm/{name}")).collect();
        let paths: Vec<PathBuf> = named.iter().map(|name| root().join(name)).collect();
        Ok(named.into_iter().zip(sizes(&paths)?).collect())
    };
    let before = measured(named("beforeFirstRecord")?)?;
    let afterwards = measured(named("afterwards")?)?;
    let before_first_record = sum(&before);
    let files = [before, afterwards].concat();
    Ok(Report {
        before_first_record,
        total: sum(&files),
        files,
        where_used: measured(named("whereUsed")?)?,
        schema: schema_sizes()?,
    })
}

fn sum<'f>(files: impl IntoIterator<Item = &'f (String, Size)>) -> Size {
    let mut sum = Size::default();
    for (_, size) in files {
        sum += *size;
    }
    sum
}

fn schema_sizes() -> Result<Value> {
    let mut node = command("node", ["xtask/scripts/sizes.mjs", "--schema", SCHEMA]);
    serde_json::from_str(&output(&mut node)?).context("an answer of sizes.mjs")
}

impl Report {
    /// Whether a browser loads more than it is to.
    pub fn is_over_budget(&self) -> bool {
        let mut totals = self.totals().into_iter();
        totals.any(|(_, size, budget)| size.brotli > budget)
    }

    /// What has a budget, in words, with it.
    fn totals(&self) -> [(&'static str, &Size, u64); 2] {
        [
            (
                "before the first record()",
                &self.before_first_record,
                FIRST_BUDGET,
            ),
            ("everything a browser loads", &self.total, TOTAL_BUDGET),
        ]
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let bytes =
            |size: &Size| json!({ "raw": size.raw, "gzip": size.gzip, "brotli": size.brotli });
        let all = |files: &[(String, Size)]| -> Value {
            let file = |(path, size): &(String, Size)| {
                let mut file = bytes(size);
                file["path"] = json!(path);
                file
            };
            files.iter().map(file).collect()
        };
        json!({
            "total": bytes(&self.total),
            "before_first_record": bytes(&self.before_first_record),
            "files": all(&self.files),
            "where_used": all(&self.where_used),
            "schema": self.schema,
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let row = |name: &str, size: &Size| {
            format!(
                "{name:40} {:>9} {:>9} {:>9}",
                size.raw, size.gzip, size.brotli
            )
        };
        let mut lines = vec![format!(
            "{:40} {:>9} {:>9} {:>9}",
            "bytes", "raw", "gzip -9", "brotli 11"
        )];
        let rows = |files: &[(String, Size)]| -> Vec<String> {
            files.iter().map(|(path, size)| row(path, size)).collect()
        };
        lines.extend(rows(&self.files));
        for (name, size, budget) in self.totals() {
            let standing = standing(size.brotli, budget);
            lines.push(format!("{}  {standing}", row(name, size)));
        }
        lines.push(String::from("\nwhere it is used"));
        lines.extend(rows(&self.where_used));
        lines.push(String::from("\nwhat a schema adds to an app's own code"));
        for (name, size) in [
            ("of 1 event", &self.schema["by_events"]["1"]),
            ("of 10 events", &self.schema["by_events"]["10"]),
            ("of 50 events", &self.schema["by_events"]["50"]),
            ("fixed", &self.schema["fixed"]),
            ("per event", &self.schema["per_event"]),
            (SCHEMA, &self.schema["file"]),
        ] {
            lines.push(format!("{name:40} {:>29}", size.to_string()));
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
