//! `cargo xtask dist`: all that a release has, in one folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lexopt::Parser;
use lexopt::prelude::*;

use crate::Command;
use crate::command::{command, output, root, run, target};
use crate::cross::{self, Architecture};
use crate::lambda;
use crate::parts::{self, Part};
use crate::progress::Progress;

/// Runs it as its arguments say.
pub fn run_command(command: &Command, mut arguments: Parser) -> Result<()> {
    let mut architectures = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("arch") => architectures.push(cross::named(&mut arguments)?),
            other => return Err(command.unexpected(&other)),
        }
    }
    if architectures.is_empty() {
        architectures.extend(Architecture::ALL);
    }
    println!("{}", build(&architectures)?.display());
    Ok(())
}

/// What `sha256sum --check` reads.
const SUMS: &str = "SHA256SUMS";

/// Builds the packages, the lake's program and functions for both processors, and their checksums; gives the folder.
fn build(architectures: &[Architecture]) -> Result<PathBuf> {
    let folder = target().join("dist");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let progress = Progress::start();
    parts::build(&progress, &[Part::Worker])?;
    progress.step("dist: packages", |step| {
        let mut pack = command("npm", ["pack", "--workspace", "npm"]);
        pack.args(["--workspace", "npm/worker", "--pack-destination"]);
        run(step, pack.arg(&folder)).map(drop)
    })?;
    let tools = cross::tools(&progress)?;
    for architecture in architectures {
        let program = "forebay-lake";
        let built = cross::compile(&progress, &tools, *architecture, program, program)?;
        let name = format!("{program}-linux-{}", architecture.name());
        std::fs::copy(built, folder.join(name))?;
    }
    lambda::build(
        &progress,
        &lambda::Options {
            architectures: architectures.to_vec(),
            schema: root().join("demo-react/forebay.schema.json"),
            folder: folder.clone(),
        },
    )?;
    write_sums(&folder)?;
    Ok(folder)
}

fn write_sums(folder: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in folder.read_dir()? {
        names.push(entry?.file_name());
    }
    names.sort();
    let sums = output(command("sha256sum", names).current_dir(folder))?;
    std::fs::write(folder.join(SUMS), sums)?;
    Ok(())
}
