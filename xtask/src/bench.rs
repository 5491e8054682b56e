//! `cargo xtask bench`: what things cost, beside what they replace. No part of the tests: a number is no failure.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{command, target};
use crate::needs::{self, Engine};
use crate::parts::{self, Part};
use crate::progress::Progress;

/// Measures the built package in a page, and Amplify beside it; or, with `--profile` among these arguments of
/// `tests/bench/sdk.ts`, says where the package's time goes. Prints what comes of it.
pub fn sdk(arguments: &[String]) -> Result<()> {
    let progress = Progress::start();
    let browser = Engine::Chromium.program(&progress)?;
    parts::build(&progress, &[Part::Sdk])?;
    let mut node = command("node", ["--import", "tsx", "tests/bench/sdk.ts"]);
    run(node.args(arguments).env("CHROMIUM", browser))
}

/// Measures what requests cost the built worker, and one in JavaScript beside it, with these arguments of
/// `tests/bench/edge.ts`. Prints what comes of it.
pub fn edge(arguments: &[String]) -> Result<()> {
    parts::build(&Progress::start(), &[Part::Edge])?;
    let mut node = command("node", ["--import", "tsx", "tests/bench/edge.ts"]);
    run(node.args(arguments))
}

/// Measures what records cost the lake, and DuckDB beside it, with these arguments of `tests/bench/lake.ts`. Prints
/// what comes of it.
pub fn lake(arguments: &[String]) -> Result<()> {
    let progress = Progress::start();
    needs::packages(&progress)?;
    parts::lake_release(&progress)?;
    let mut node = command("node", ["--import", "tsx", "tests/bench/lake.ts"]);
    run(node.args(arguments))
}

/// Sends events through worker, Kinesis and lake for minutes while parts of it are killed, with these arguments of
/// `tests/bench/soak.ts`. Fails where an event is lost or there twice.
pub fn soak(arguments: &[String]) -> Result<()> {
    parts::build(&Progress::start(), &[Part::Edge, Part::Lake])?;
    let mut node = command("node", ["--import", "tsx", "tests/bench/soak.ts"]);
    run(node.args(arguments))
}

fn run(node: &mut Command) -> Result<()> {
    let node = node.env("CARGO_TARGET_DIR", target());
    let status = node.status().context("could not start `node`")?;
    if !status.success() {
        bail!("the bench ended with {status}");
    }
    Ok(())
}
