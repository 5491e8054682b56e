//! The project's own commands, run as `cargo xtask <command>`.

mod command;
mod needs;
mod parts;
mod progress;
mod size;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::Parser;
use lexopt::prelude::*;

use parts::Part;
use progress::Progress;

const USAGE: &str = "\
cargo xtask <command>

  build [sdk|edge|lake|page]..   build these parts, or all
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = Parser::from_env();
    match arguments.next()? {
        Some(Value(name)) => match name.string()?.as_str() {
            "build" => build(arguments),
            other => bail!("there is no command `{other}`\n\n{USAGE}"),
        },
        Some(Short('h') | Long("help")) => {
            println!("{USAGE}");
            Ok(())
        }
        Some(other) => Err(other.unexpected().into()),
        None => bail!("a command is missing\n\n{USAGE}"),
    }
}

fn build(mut arguments: Parser) -> Result<()> {
    let mut parts = Vec::new();
    while let Some(argument) = arguments.next()? {
        let name = match argument {
            Value(name) => name.string()?,
            other => return Err(other.unexpected().into()),
        };
        match Part::named(&name) {
            Some(part) => parts.push(part),
            None => bail!("there is no part `{name}`\n\n{USAGE}"),
        }
    }
    if parts.is_empty() {
        parts.extend(Part::ALL);
    }
    parts::build(&Progress::start(), &parts)
}
