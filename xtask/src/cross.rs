//! Programs for Linux on either processor, from any machine and without Docker: zig links.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use lexopt::{Parser, ValueExt as _};

use crate::command::{cargo, root, run, target};
use crate::needs;
use crate::progress::Progress;

/// The C library of Lambda's runtime `provided.al2023`, which is older than what servers have.
const GLIBC: &str = "2.34";
const PROFILE: &str = "lambda";
/// What links for another processor: a cargo command, and the compiler that it calls.
const PACKAGES: [&str; 2] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];

/// A processor, by the name that Lambda has for it.
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

    /// Its name.
    pub fn name(self) -> &'static str {
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

/// The value of an option `--arch`.
pub fn named(arguments: &mut Parser) -> Result<Architecture> {
    let name = arguments.value()?.string()?;
    Architecture::named(&name).ok_or_else(|| anyhow!("--arch takes arm64 or x86_64, not `{name}`"))
}

/// The folder of the programs of a Python environment that has what links, and its interpreter.
pub fn tools(progress: &Progress) -> Result<PathBuf> {
    let folder = target().join("zig");
    needs::python_environment(progress, "zig", &folder, &PACKAGES)?;
    Ok(folder.join("bin"))
}

/// Compiles a program of a package; gives its path.
pub fn compile(
    progress: &Progress,
    tools: &Path,
    architecture: Architecture,
    package: &str,
    program: &str,
) -> Result<PathBuf> {
    needs::rust_target(progress, architecture.target())?;
    let triple = architecture.target();
    let mut build = cargo(["zigbuild", "--package", package, "--profile", PROFILE]);
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
    let step = format!("{package}: compile for {}", architecture.name());
    progress.step(&step, |step| run(step, &mut build).map(drop))?;
    Ok(target().join(triple).join(PROFILE).join(program))
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
