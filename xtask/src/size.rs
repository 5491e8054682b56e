//! `cargo xtask size`: what a browser loads of an app that uses the package, as bundlers build it.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::command::{command, output, root, target};

/// Bytes after brotli that the design allows for all that a page fetches until its first event has arrived, by
/// whichever bundler it is more.
const TOTAL_BUDGET: u64 = 16_500;
/// What is held at present: the budget is missed, and this keeps it from being missed by more.
const TOTAL_BOUND: u64 = 18_550;
/// The same for what has to be there before the first `record()`, without what an app that has a chunk fetches
/// anyway: Vite adds a kilobyte to each.
const FIRST_BUDGET: u64 = 2_500;
/// The table of the README is between these.
const BEGIN: &str = "<!-- cargo xtask size --write -->\n";
const END: &str = "<!-- /size -->";
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

/// A file by its name, and its bytes.
type File = (String, Size);

/// What a bundler makes of the least of an app.
struct Bundle {
    /// The bundler's name and version.
    name: String,
    /// What a page has when it records its first event.
    before: Vec<File>,
    /// What it fetches from then on, until that event has arrived.
    afterwards: Vec<File>,
    /// What the page does not fetch, and others may.
    unused: Vec<File>,
    /// What the bundler adds to any app that has a chunk, with the few bytes of such an app.
    bare: Size,
}

/// What the built package weighs.
pub struct Report {
    bundles: Vec<Bundle>,
    /// The package's own files that are loaded where they are used, and count apart.
    where_used: Vec<File>,
    /// What generated code adds to an app's own download; see sizes.mjs.
    schema: Value,
}

/// Measures the package in `npm/dist`: bundles an app and opens it in the Chromium at `browser`.
pub fn measure(browser: &Path) -> Result<Report> {
    let mut node = command("node", ["--import", "tsx", "tests/bench/fetched.ts"]);
    node.env("CHROMIUM", browser)
        .env("CARGO_TARGET_DIR", target());
    let fetched: Value =
        serde_json::from_str(&output(&mut node)?).context("an answer of fetched.ts")?;
    let bundles = fetched.as_array().into_iter().flatten().map(|bundle| {
        let files = |which: &str| -> Result<Vec<File>> {
            measured(serde_json::from_value(bundle[which].clone())?)
        };
        Ok(Bundle {
            name: bundle["bundler"].as_str().context("a name")?.to_owned(),
            before: files("before")?,
            afterwards: files("afterwards")?,
            unused: files("unused")?,
            bare: sum(&measured(vec![serde_json::from_value(
                bundle["bare"].clone(),
            )?])?),
        })
    });
    Ok(Report {
        bundles: bundles
            .collect::<Result<_>>()
            .context("an answer of fetched.ts")?,
        where_used: measured(where_used()?)?,
        schema: schema_sizes()?,
    })
}

/// The files that `npm/package.json` says are loaded where they are used.
fn where_used() -> Result<Vec<PathBuf>> {
    let package = std::fs::read(root().join("npm/package.json")).context("npm/package.json")?;
    let package: Value = serde_json::from_slice(&package).context("npm/package.json")?;
    let names: Vec<String> = serde_json::from_value(package["browserFiles"]["whereUsed"].clone())
        .context("browserFiles.whereUsed of npm/package.json")?;
    let npm = root().join("npm");
    Ok(names.into_iter().map(|name| npm.join(name)).collect())
}

fn measured(paths: Vec<PathBuf>) -> Result<Vec<File>> {
    let sizes = sizes(&paths)?;
    let names = paths.iter().map(|path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    Ok(names.zip(sizes).collect())
}

fn sum<'f>(files: impl IntoIterator<Item = &'f File>) -> Size {
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

impl Bundle {
    /// What is there before the first record().
    fn first(&self) -> Size {
        sum(&self.before)
    }

    /// What of it is there for the package, and what belongs to the app that uses it.
    fn first_of_package(&self) -> Size {
        let (first, bare) = (self.first(), self.bare);
        Size {
            raw: first.raw.saturating_sub(bare.raw),
            gzip: first.gzip.saturating_sub(bare.gzip),
            brotli: first.brotli.saturating_sub(bare.brotli),
        }
    }

    fn total(&self) -> Size {
        sum(self.before.iter().chain(&self.afterwards))
    }

    /// What has a budget, in words, with it.
    fn totals(&self) -> [(&'static str, Size, u64); 2] {
        [
            (
                "before record(), more than a bare app",
                self.first_of_package(),
                FIRST_BUDGET,
            ),
            ("everything a page fetches", self.total(), TOTAL_BUDGET),
        ]
    }
}

impl Report {
    /// Whether a page fetches more than it is to.
    pub fn is_over_budget(&self) -> bool {
        let mut totals = self.bundles.iter().flat_map(Bundle::totals);
        totals.any(|(_, size, budget)| {
            let bound = if budget == TOTAL_BUDGET {
                TOTAL_BOUND
            } else {
                budget
            };
            size.brotli > bound
        })
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let bytes =
            |size: Size| json!({ "raw": size.raw, "gzip": size.gzip, "brotli": size.brotli });
        let all = |files: &[File]| -> Value {
            let file = |(name, size): &File| {
                let mut file = bytes(*size);
                file["file"] = json!(name);
                file
            };
            files.iter().map(file).collect()
        };
        let bundle = |bundle: &Bundle| {
            json!({
                "bundler": bundle.name,
                "total": bytes(bundle.total()),
                "before_first_record": bytes(bundle.first()),
                "bare": bytes(bundle.bare),
                "before": all(&bundle.before),
                "afterwards": all(&bundle.afterwards),
                "unused": all(&bundle.unused),
            })
        };
        json!({
            "bundles": self.bundles.iter().map(bundle).collect::<Value>(),
            "where_used": all(&self.where_used),
            "schema": self.schema,
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let row = |name: &str, size: Size| {
            format!(
                "{name:40} {:>9} {:>9} {:>9}",
                size.raw, size.gzip, size.brotli
            )
        };
        let rows = |files: &[File]| -> Vec<String> {
            let row = |(name, size): &File| row(&format!("  {name}"), *size);
            files.iter().map(row).collect()
        };
        let mut lines = vec![format!(
            "{:40} {:>9} {:>9} {:>9}",
            "bytes", "raw", "gzip -9", "brotli 11"
        )];
        for bundle in &self.bundles {
            lines.push(format!("the least of an app, by {}", bundle.name));
            lines.extend(rows(&bundle.before));
            lines.extend(rows(&bundle.afterwards));
            for (name, size, budget) in bundle.totals() {
                let standing = standing(size.brotli, budget);
                lines.push(format!("{}  {standing}", row(name, size)));
            }
            let unused = sum(&bundle.unused);
            lines.push(row("beside it, for pages that use more", unused));
            lines.push(String::new());
        }
        lines.push(String::from(
            "the package's files that are loaded where they are used",
        ));
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
            lines.push(format!("  {name:38} {:>29}", size.to_string()));
        }
        lines.join("\n")
    }

    /// The README's table.
    fn markdown(&self) -> String {
        let row = |name: &str, value: &dyn Fn(&Bundle) -> u64| {
            let cells = self.bundles.iter().map(|bundle| thousands(value(bundle)));
            format!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "))
        };
        let names = self.bundles.iter().map(|bundle| bundle.name.as_str());
        let used = |names: &[&str]| {
            let sizes = names.iter().filter_map(|name| {
                let (_, size) = self.where_used.iter().find(|(file, _)| file == name)?;
                Some(thousands(size.brotli))
            });
            sizes.collect::<Vec<_>>().join(", ")
        };
        let schema = |part: &str| self.schema[part].to_string();
        [
            format!(
                "| an app that records one event, built by | {} |",
                names.collect::<Vec<_>>().join(" | ")
            ),
            format!("|---|{}", "---|".repeat(self.bundles.len())),
            row("before the first `record()`", &|bundle| {
                bundle.first().brotli
            }),
            row("of that, in any app with a chunk of its own", &|bundle| {
                bundle.bare.brotli
            }),
            row(
                "after it, without any call: the engine with the WebAssembly module",
                &|bundle| sum(&bundle.afterwards).brotli,
            ),
            row("**all of it**", &|bundle| bundle.total().brotli),
            row(
                "scripts in the output that a page fetches only if it uses more",
                &|bundle| sum(&bundle.unused).brotli,
            ),
            String::new(),
            String::from("| scripts that are fetched when they are used | |"),
            String::from("|---|---|"),
            format!(
                "| React, auto-track, sign-in and `identifyUser()`, the API of Amplify v5 | {} |",
                used(&["react.js", "auto-track.js", "identify.js", "amplify-v5.js"])
            ),
            format!(
                "| options, or one of Amplify's forms of configuration | {} |",
                used(&["options.js"])
            ),
            format!(
                "| other open tabs, or events of an earlier visit | {} |",
                used(&["others.js"])
            ),
            format!(
                "| violations, for the first event that is not valid | {} |",
                used(&["violations.js"])
            ),
            format!(
                "| a schema, in the app's own code: at first, for each event type | {}, {} |",
                schema("fixed"),
                schema("per_event")
            ),
        ]
        .map(|line| line + "\n")
        .concat()
    }

    /// Whether the README's table says this.
    pub fn is_in_readme(&self) -> Result<bool> {
        let text = read_readme()?;
        Ok(parts(&text)?.1 == self.markdown())
    }

    /// Puts the table into the README.
    pub fn write_to_readme(&self) -> Result<()> {
        let text = read_readme()?;
        let (before, _, after) = parts(&text)?;
        std::fs::write(readme(), [before, &self.markdown(), after].concat()).context("README.md")
    }
}

fn readme() -> PathBuf {
    root().join("README.md")
}

fn read_readme() -> Result<String> {
    std::fs::read_to_string(readme()).context("README.md")
}

/// What stands before the table, the table, and what stands after it.
fn parts(text: &str) -> Result<(&str, &str, &str)> {
    let begin = text.find(BEGIN).map(|at| at + BEGIN.len());
    let end = text.find(END);
    match (begin, end) {
        (Some(begin), Some(end)) if begin <= end => {
            Ok((&text[..begin], &text[begin..end], &text[end..]))
        }
        _ => bail!(
            "README.md has no place for the table, between `{}` and `{END}`",
            BEGIN.trim_end()
        ),
    }
}

/// A number with a comma before every three digits from the right.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn standing(bytes: u64, budget: u64) -> String {
    match bytes.checked_sub(budget) {
        None => format!("{} under the budget of {budget}", budget - bytes),
        Some(0) => format!("at the budget of {budget}"),
        Some(over) => format!("{over} OVER the budget of {budget}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        let numbers = [0, 999, 1_000, 16_500, 1_234_567];
        assert_eq!(
            numbers.map(thousands),
            ["0", "999", "1,000", "16,500", "1,234,567"]
        );
    }

    #[test]
    fn the_table_is_between_its_marks() {
        let text = format!("before\n{BEGIN}| old |\n{END}\nafter\n");
        let (before, table, after) = parts(&text).unwrap();
        assert_eq!(table, "| old |\n");
        assert_eq!([before, table, after].concat(), text);
        assert!(parts("no place").is_err());
        assert!(parts(&format!("{END}{BEGIN}")).is_err());
    }
}
