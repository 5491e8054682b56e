//! `cargo xtask lambda`: the functions of AWS Lambda as zips, for both of its processors, without Docker.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, command, root, run, target};
use crate::needs;
use crate::progress::Progress;

/// The C library of Lambda's runtime `provided.al2023`.
const GLIBC: &str = "2.34";
const PROFILE: &str = "lambda";
/// What links for another processor: a cargo command, and the compiler that it calls.
const PACKAGES: [&str; 2] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];

/// A processor of Lambda.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Architecture {
    /// Graviton: a fifth cheaper.
    Arm64,
    /// Intel and AMD.
    X86,
}

impl Architecture {
    /// Both.
    pub const ALL: [Architecture; 2] = [Architecture::Arm64, Architecture::X86];

    /// The one that Lambda's setting Architectures calls so, or Rust.
    pub fn named(name: &str) -> Option<Architecture> {
        match name {
            "arm64" => Some(Architecture::Arm64),
            "x86_64" | "x86-64" => Some(Architecture::X86),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Architecture::Arm64 => "arm64",
            Architecture::X86 => "x86_64",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Architecture::Arm64 => "aarch64-unknown-linux-gnu",
            Architecture::X86 => "x86_64-unknown-linux-gnu",
        }
    }
}

/// What to build, and where to.
pub struct Options {
    /// For which processors.
    pub architectures: Vec<Architecture>,
    /// The schema of the lake, which the zip has beside the program.
    pub schema: PathBuf,
    /// The folder of the zips.
    pub folder: PathBuf,
}

/// Builds the zips; gives their paths.
pub fn build(options: &Options) -> Result<Vec<PathBuf>> {
    let schema = std::path::absolute(&options.schema)?;
    if !schema.is_file() {
        bail!(
            "there is no schema {}: --schema FILE names it",
            schema.display()
        );
    }
    let progress = Progress::start();
    let tools = tools(&progress)?;
    let folder = std::path::absolute(&options.folder)?;
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let zips = options.architectures.iter().map(|architecture| {
        needs::rust_target(&progress, architecture.target())?;
        let program = compile(&progress, &tools, *architecture)?;
        let zip = folder.join(format!("forebay-lambda-{}.zip", architecture.name()));
        let made = format!("lambda: zip for {}", architecture.name());
        progress.step(&made, |step| {
            let script = root().join("xtask/scripts/zip.py");
            let mut python = command(tools.join("python"), [&script, &zip]);
            python.args([&program, &schema]);
            run(step, &mut python).map(drop)
        })?;
        Ok(zip)
    });
    zips.collect()
}

/// The folder of the programs of a Python environment that has what links.
fn tools(progress: &Progress) -> Result<PathBuf> {
    let folder = target().join("zig");
    needs::python_environment(progress, "zig", &folder, &PACKAGES)?;
    Ok(folder.join("bin"))
}

fn compile(progress: &Progress, tools: &Path, architecture: Architecture) -> Result<PathBuf> {
    let triple = architecture.target();
    let mut build = cargo([
        "zigbuild",
        "--package",
        "forebay-lambda",
        "--profile",
        PROFILE,
    ]);
    build.args(["--target", &format!("{triple}.{GLIBC}")]);
    let mut path = vec![tools.to_owned()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    build.env("PATH", std::env::join_paths(path)?);
    // The program has the paths of sources, for panics: without the folders of this machine, so that the same
    // sources are the same program everywhere.
    let variable = format!(
        "CARGO_TARGET_{}_RUSTFLAGS",
        triple.to_uppercase().replace('-', "_")
    );
    build.env(variable, remapped()?);
    let step = format!("lambda: compile for {}", architecture.name());
    progress.step(&step, |step| run(step, &mut build).map(drop))?;
    Ok(target().join(triple).join(PROFILE).join("bootstrap"))
}

fn remapped() -> Result<String> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => std::env::home_dir()
            .context("the home folder is not known: set CARGO_HOME")?
            .join(".cargo"),
    };
    let remap = |folder: &Path, name| format!("--remap-path-prefix={}={name}", folder.display());
    Ok([remap(&home, "cargo"), remap(root(), "forebay")].join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_have_the_names_of_lambda() {
        for architecture in Architecture::ALL {
            assert_eq!(Architecture::named(architecture.name()), Some(architecture));
        }
        assert_eq!(Architecture::named("x86-64"), Some(Architecture::X86));
        assert_eq!(Architecture::named("arm"), None);
    }
}
