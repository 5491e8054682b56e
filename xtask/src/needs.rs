//! What a machine must have before the project builds: found, set up where that is possible, and
//! otherwise named together with the next step.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{command, root, run};
use crate::progress::Progress;

const NODE: (u32, u32) = (20, 19);

/// Node and npm, new enough.
pub fn node() -> Result<()> {
    let (major, minor) = NODE;
    let next = format!("install Node {major}.{minor} or newer (https://nodejs.org) and try again");
    let Some(version) = answer("node", &["--version"]) else {
        bail!("`node` was not found: {next}");
    };
    let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse().ok());
    let found: (u32, u32) =
        (numbers.next().flatten().unwrap_or(0), numbers.next().flatten().unwrap_or(0));
    if found < NODE {
        bail!("Node {} is too old: {next}", version.trim());
    }
    if answer("npm", &["--version"]).is_none() {
        bail!("`npm` was not found, though `node` was: install npm and try again");
    }
    Ok(())
}

/// The compiler's library for WebAssembly. With rustup it is there, since `rust-toolchain.toml`
/// names it.
pub fn wasm_target() -> Result<()> {
    let target = "wasm32-unknown-unknown";
    let folder = answer("rustc", &["--print", "target-libdir", "--target", target]);
    if folder.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        return Ok(());
    }
    bail!(
        "rustc has no {target}: run `rustup target add {target}`, or install that target with \
         whatever your Rust came from"
    );
}

/// The npm packages, as the lockfile says: installed when they never were, or when the lockfile
/// has changed since.
pub fn packages(progress: &Progress) -> Result<()> {
    let lockfile = root().join("package-lock.json");
    let stamp = root().join("node_modules/.forebay-lockfile");
    let wanted = std::fs::read(&lockfile).context("package-lock.json")?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    progress.step("npm packages", |step| {
        run(step, &mut command("npm", ["ci", "--no-audit", "--no-fund"]))?;
        std::fs::write(&stamp, wanted).context("node_modules")
    })
}

/// The first line-or-lines a program prints, or `None` where it is missing or fails.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program by name, as the shell would find it.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
