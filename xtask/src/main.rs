//! The project's own commands, run as `cargo xtask <command>`.

mod command;
mod needs;
mod parts;
mod progress;
mod size;
mod stack;
mod supervise;
mod worker;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::Parser;
use lexopt::prelude::*;

use parts::Part;
use progress::Progress;
use stack::Port;
use supervise::Interrupted;

const USAGE: &str = "\
cargo xtask <command>

  build [sdk|edge|lake|page]..   build these parts, or all

  stack                          Kinesis, edge worker and lake on 127.0.0.1; prints one line of
                                 JSON when they are ready, and runs until SIGINT or SIGTERM
    --lake FOLDER                where the lake is (default: a new folder in .forebay)
    --schema FILE                (default: demo-react/forebay.schema.json)
    --edge-port PORT             (default: 8787, or any where it is taken)
    --kinesis-port PORT          (default: 4567, or any where it is taken)
    --cf JSON                    what `request.cf` holds
    --kinesis-url URL            what the worker takes for Kinesis, e.g. a proxy
    --no-lake                    without the lake
    --no-build                   run what was built before
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => ExitCode::SUCCESS,
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
            "stack" => run_stack(arguments),
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

/// The options of a stack, and whether it is built first.
fn stack_options(mut arguments: Parser) -> Result<(stack::Options, bool)> {
    let mut options = stack::Options::default();
    let mut build = true;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("lake") => options.lake = Some(arguments.value()?.into()),
            Long("schema") => options.schema = arguments.value()?.into(),
            Long("edge-port") => options.edge_port = Port::Exactly(arguments.value()?.parse()?),
            Long("kinesis-port") => {
                options.kinesis_port = Port::Exactly(arguments.value()?.parse()?);
            }
            Long("cf") => options.cf = arguments.value()?.string()?,
            Long("kinesis-url") => options.kinesis_url = Some(arguments.value()?.string()?),
            Long("no-lake") => options.with_lake = false,
            Long("no-build") => build = false,
            other => return Err(other.unexpected().into()),
        }
    }
    stack::check(&options)?;
    Ok((options, build))
}

fn run_stack(arguments: Parser) -> Result<()> {
    let (options, build) = stack_options(arguments)?;
    let progress = Progress::start();
    if build {
        let parts: &[Part] =
            if options.with_lake { &[Part::Edge, Part::Lake] } else { &[Part::Edge] };
        parts::build(&progress, parts)?;
    }
    let mut stack = progress.step("stack: start", |_| stack::start(&options))?;
    println!("{}", stack.description);
    stack.supervisor.watch()
}
