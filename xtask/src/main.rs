//! The project's own commands, run as `cargo xtask <command>`.

mod command;
mod demo;
mod needs;
mod parts;
mod progress;
mod size;
mod stack;
mod supervise;
mod test;
mod worker;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::Parser;
use lexopt::prelude::*;

use parts::Part;
use progress::Progress;
use stack::Port;
use supervise::Interrupted;

/// What a stack is made of, besides Kinesis; the lake may be left out.
const STACK: [Part; 2] = [Part::Edge, Part::Lake];

const USAGE: &str = "\
cargo xtask <command>

  demo                  build everything and run it on 127.0.0.1, with a page to try it; Ctrl-C
                        stops it
    --page-port PORT    (default: 5173, or any free one where it is taken)
    --no-open           do not open a browser
    and the options of stack

  stack                 a Kinesis, the edge worker and the lake, for tests of your own; prints one
                        line of JSON when they are ready, and runs until SIGINT or SIGTERM
    --lake FOLDER       where the lake is (default: a new folder in .forebay)
    --schema FILE       (default: demo-react/forebay.schema.json)
    --edge-port PORT    (default: 8787, or any free one where it is taken)
    --kinesis-port PORT (default: 4567, or any free one where it is taken)
    --cf JSON           what `request.cf` holds
    --kinesis-url URL   what the worker takes for Kinesis, such as a proxy in between
    --no-lake           without the lake
    --no-build          run what was built before

  test [suite]..        every check and test, or some: fmt, lint, clippy, rust, types, and the
                        folders of tests/

  size [--json]         what a browser loads, and what a schema adds, in bytes; fails where that
                        is over the budget

  build [part]..        sdk, edge, lake, page; all where none is named
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
            "demo" => demo::run(&demo_options(arguments)?),
            "stack" => run_stack(arguments),
            "test" => test(arguments),
            "size" => size(arguments),
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

fn build(arguments: Parser) -> Result<()> {
    let mut parts = Vec::new();
    for name in names(arguments)? {
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

fn test(arguments: Parser) -> Result<()> {
    let counts = test::run(&names(arguments)?)?;
    println!("{counts}");
    // The counts are the last line: no word after them.
    if counts.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn size(mut arguments: Parser) -> Result<()> {
    let mut json = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") => json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    parts::build(&Progress::start(), &[Part::Sdk])?;
    let report = size::measure()?;
    if json {
        println!("{}", report.json());
    } else {
        println!("{}", report.table());
    }
    if report.is_over_budget() {
        std::process::exit(1);
    }
    Ok(())
}

fn demo_options(mut arguments: Parser) -> Result<demo::Options> {
    let mut options = demo::Options {
        stack: stack::Options::default(),
        build: true,
        page_port: Port::Preferably(5173),
        open: true,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("page-port") => options.page_port = Port::Exactly(arguments.value()?.parse()?),
            Long("no-open") => options.open = false,
            Long("no-build") => options.build = false,
            Long(name) => {
                let name = name.to_owned();
                stack_option(&mut options.stack, &name, &mut arguments)?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    stack::check(&options.stack)?;
    Ok(options)
}

fn run_stack(mut arguments: Parser) -> Result<()> {
    let mut options = stack::Options::default();
    let mut build = true;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("no-build") => build = false,
            Long(name) => {
                let name = name.to_owned();
                stack_option(&mut options, &name, &mut arguments)?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    stack::check(&options)?;
    let progress = Progress::start();
    if build {
        parts::build(
            &progress,
            if options.with_lake {
                &STACK
            } else {
                &STACK[..1]
            },
        )?;
    }
    let mut stack = progress.step("stack: start", |_| stack::start(&options))?;
    println!("{}", stack.description);
    stack.supervisor.watch()
}

/// Takes one option that every command has which starts a stack.
fn stack_option(options: &mut stack::Options, name: &str, arguments: &mut Parser) -> Result<()> {
    match name {
        "lake" => options.lake = Some(arguments.value()?.into()),
        "schema" => options.schema = arguments.value()?.into(),
        "edge-port" => options.edge_port = Port::Exactly(arguments.value()?.parse()?),
        "kinesis-port" => options.kinesis_port = Port::Exactly(arguments.value()?.parse()?),
        "cf" => options.cf = arguments.value()?.string()?,
        "kinesis-url" => options.kinesis_url = Some(arguments.value()?.string()?),
        "no-lake" => options.with_lake = false,
        other => bail!("there is no option --{other}\n\n{USAGE}"),
    }
    Ok(())
}

/// The words that follow a command that takes no options.
fn names(mut arguments: Parser) -> Result<Vec<String>> {
    let mut names = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(name) => names.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(names)
}
