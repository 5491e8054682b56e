//! `cargo xtask lambda`: the functions of AWS Lambda as zips, for both of its processors, without Docker.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::*;

use crate::Command;
use crate::command::{command, root, run, target};
use crate::cross::{self, Architecture};
use crate::progress::Progress;

/// Runs it as its arguments say.
pub fn run_command(command: &Command, mut arguments: Parser) -> Result<()> {
    let mut options = Options {
        architectures: Vec::new(),
        schema: root().join("demo-react/forebay.schema.json"),
        folder: target().join("lambda"),
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("arch") => options.architectures.push(cross::named(&mut arguments)?),
            Long("schema") => options.schema = arguments.value()?.into(),
            Long("out") => options.folder = arguments.value()?.into(),
            other => return Err(command.unexpected(&other)),
        }
    }
    if options.architectures.is_empty() {
        options.architectures.extend(Architecture::ALL);
    }
    for zip in build(&Progress::start(), &options)? {
        println!("{}", zip.display());
    }
    Ok(())
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
pub fn build(progress: &Progress, options: &Options) -> Result<Vec<PathBuf>> {
    let schema = std::path::absolute(&options.schema)?;
    if !schema.is_file() {
        bail!(
            "there is no schema {}: --schema FILE names it",
            schema.display()
        );
    }
    let tools = cross::tools(progress)?;
    let folder = std::path::absolute(&options.folder)?;
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let zips = options.architectures.iter().map(|architecture| {
        let program = cross::compile(
            progress,
            &tools,
            *architecture,
            "forebay-lambda",
            "bootstrap",
        )?;
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
