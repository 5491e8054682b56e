//! What workerd is told: the edge worker with its bindings, and in front of it a worker that sets
//! `request.cf`, as Cloudflare's own front does.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::parts::edge_folder;

/// The date whose behaviour workerd is asked for.
const COMPATIBILITY_DATE: &str = "2026-10-01";
const FRONT: &str = include_str!("../scripts/front.js");

/// What the local worker is configured with.
pub struct WorkerConfig<'a> {
    /// Where it listens; port 0 takes any free one.
    pub address: String,
    /// JSON text of `request.cf`.
    pub cf: &'a str,
    /// JSON text of the binding `FOREBAY`.
    pub forebay: String,
    /// Text of the schema file.
    pub schema: &'a str,
    /// Further secrets, each out of the environment variable of its name.
    pub secrets: &'a [&'a str],
}

/// Environment variable out of which workerd fills the binding `MASTER_SECRETS`, so that no
/// secret stands in the configuration.
pub const MASTER_SECRETS: &str = "FOREBAY_MASTER_SECRETS";
/// The same for the binding `PII_SALT`.
pub const PII_SALT: &str = "FOREBAY_PII_SALT";

/// Writes the configuration and, next to it, all modules, so that a later build does not change
/// the worker that runs. Gives the path of the configuration.
pub fn write_config(folder: &Path, config: &WorkerConfig<'_>) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    std::fs::write(folder.join("front.js"), FRONT)?;
    std::fs::write(folder.join("forebay.schema.json"), config.schema)?;
    let built = edge_folder();
    let mut modules = Vec::new();
    collect(&built, &built, &mut modules)?;
    let Some(entry) = modules.iter().position(|name| name == "main.js") else {
        bail!(
            "there is no edge worker in {}: run `cargo xtask build edge`",
            built.display()
        );
    };
    // workerd runs the module that stands first.
    modules.swap(0, entry);
    let mut embedded = String::new();
    for name in &modules {
        let copy = folder.join(name);
        if let Some(parent) = copy.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::copy(built.join(name), &copy).with_context(|| name.clone())?;
        let kind = if name.ends_with(".wasm") {
            "wasm"
        } else {
            "esModule"
        };
        let name = literal(name);
        writeln!(embedded, "    (name = {name}, {kind} = embed {name}),")?;
    }
    let path = folder.join("config.capnp");
    std::fs::write(&path, text(config, &embedded))?;
    Ok(path)
}

fn text(config: &WorkerConfig<'_>, modules: &str) -> String {
    let secrets: Vec<String> = config
        .secrets
        .iter()
        .map(|name| format!("    (name = \"{name}\", fromEnvironment = \"{name}\"),\n"))
        .collect();
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "front", worker = .front),
    (name = "forebay", worker = .forebay),
    (name = "local", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = {address}, http = (), service = "front")],
);

const front :Workerd.Worker = (
  modules = [(name = "front.js", esModule = embed "front.js")],
  bindings = [
    (name = "WORKER", service = "forebay"),
    (name = "CF", json = {cf}),
  ],
  compatibilityDate = "{COMPATIBILITY_DATE}",
);

const forebay :Workerd.Worker = (
  modules = [
{modules}    (name = "forebay.schema.json", text = embed "forebay.schema.json"),
  ],
  bindings = [
    (name = "FOREBAY", json = {forebay}),
    (name = "MASTER_SECRETS", fromEnvironment = "{MASTER_SECRETS}"),
    (name = "PII_SALT", fromEnvironment = "{PII_SALT}"),
{secrets}    (name = "KINESIS_ACCESS_KEY_ID", text = "local"),
    (name = "KINESIS_SECRET_ACCESS_KEY", text = "local"),
  ],
  globalOutbound = "local",
  compatibilityDate = "{COMPATIBILITY_DATE}",
);
"#,
        address = literal(&config.address),
        cf = literal(config.cf),
        secrets = secrets.concat(),
        forebay = literal(&config.forebay),
    )
}

/// The scripts and WebAssembly modules below `folder`, as paths from `root`.
fn collect(root: &Path, folder: &Path, modules: &mut Vec<String>) -> Result<()> {
    let Ok(entries) = folder.read_dir() else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, modules)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "js" || extension == "wasm")
        {
            modules.push(path.strip_prefix(root)?.to_string_lossy().into_owned());
        }
    }
    modules.sort();
    Ok(())
}

/// `text` as a string literal of Cap'n Proto's language.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => literal.extend(['\\', character]),
            control if control.is_ascii_control() => {
                literal.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn a_literal_keeps_what_json_holds() {
        assert_eq!(
            literal("{\"city\":\"M\u{fc}n\\nchen\"}\n"),
            r#""{\"city\":\"München\"}\x0a""#.replace("Mün", "Mün\\\\n")
        );
    }
}
