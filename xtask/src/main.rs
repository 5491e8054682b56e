//! The project's own commands, run as `cargo xtask <command>`.

mod bench;
mod command;
mod counts;
mod cross;
mod demo;
mod dist;
mod docs;
mod lambda;
mod load;
mod needs;
mod parts;
mod progress;
mod release;
mod size;
mod stack;
mod supervise;
mod test;
mod worker;

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use lexopt::Parser;
use lexopt::prelude::*;

use needs::Engine;
use parts::Part;
use progress::Progress;
use stack::Port;
use supervise::Interrupted;

/// What a stack is made of, besides Kinesis; the lake may be left out.
const STACK: [Part; 2] = [Part::Edge, Part::Lake];

/// A command, and what it says of itself.
struct Command {
    name: &'static str,
    /// What it does, in a line.
    says: &'static str,
    /// Its options, and an example.
    help: &'static [&'static str],
    run: fn(&Command, Parser) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        says: "build everything and run it on 127.0.0.1, with a page to try it; Ctrl-C stops it",
        help: &[
            "[option]..\n\n",
            "  --page-port PORT     where the page is (default: 5173, or any free one where it is taken)\n",
            "  --no-open            do not open a browser\n",
            STACK_OPTIONS,
            "\nFor example:  cargo xtask demo --no-open --page-port 3000\n",
        ],
        run: run_demo,
    },
    Command {
        name: "stack",
        says: "a Kinesis, the edge worker and the lake, for tests of your own",
        help: &[
            "[option]..\n\nPrints one line of JSON when they are ready, and runs until SIGINT or SIGTERM.\n\n",
            STACK_OPTIONS,
            "\nFor example:  cargo xtask stack --lake /tmp/lake --cf '{\"country\":\"NZ\"}'\n",
        ],
        run: run_stack,
    },
    Command {
        name: "test",
        says: "every check and test, or some",
        help: &[
            "[suite]..\n\n",
            "The suites are fmt, lint, clippy, rustdoc, rust, types, size, and the folders of tests/ by their names.\n",
            "All of them run where none is named. The last line is `N passed, N failed`.\n",
            "\nFor example:  cargo xtask test clippy browser\n",
        ],
        run: test,
    },
    Command {
        name: "size",
        says: "what a page loads, and what a schema adds, in bytes",
        help: &[
            "[option]..\n\n",
            "Bundles an app that records one event with esbuild and with Vite, opens it in Chromium, and measures the\n",
            "files that it fetches until the event has arrived. Fails where that is over the budget, by either.\n\n",
            "  --json               as JSON, for programs\n",
            "  --write              put the numbers into README.md\n",
            "\nFor example:  cargo xtask size --write\n",
        ],
        run: size,
    },
    Command {
        name: "bench",
        says: "what events cost page, worker and lake, and what faults lose, with peers beside them",
        help: bench::HELP,
        run: bench::run_command,
    },
    Command {
        name: "load",
        says: "events made from a schema, at a rate, and whether the lake has each once",
        help: load::HELP,
        run: load::run_command,
    },
    Command {
        name: "build",
        says: "sdk, edge, worker, lake or page; all where none is named",
        help: &[
            "[part]..\n\n",
            "  sdk                  the npm package, with its WebAssembly\n",
            "  edge                 the edge worker\n",
            "  lake                 the program that writes the lake\n",
            "  page                 the demo page\n",
            "\nFor example:  cargo xtask build sdk edge\n",
        ],
        run: build,
    },
    Command {
        name: "docs",
        says: "the documentation as a site, with search and the API of package and crates",
        help: &[
            "\n\nPrints the folder of the site. `npm run dev --workspace docs` shows the pages while you write.\n",
            "\nFor example:  cargo xtask docs\n",
        ],
        run: docs::run_command,
    },
    Command {
        name: "lambda",
        says: "the lake's functions for AWS Lambda, as zips",
        help: &[
            "[option]..\n\n",
            "Compiles for both processors of Lambda, without Docker: zig links, which comes from PyPI. The same\n",
            "sources and schema give the same zips. Prints their paths.\n\n",
            "  --arch NAME          arm64 or x86_64 (default: both); may be repeated\n",
            "  --schema FILE        the schema of the lake (default: demo-react/forebay.schema.json)\n",
            "  --out FOLDER         where the zips go (default: target/lambda)\n",
            "\nFor example:  cargo xtask lambda --arch arm64 --schema forebay.schema.json\n",
        ],
        run: lambda::run_command,
    },
    Command {
        name: "dist",
        says: "what a release has: packages, the lake's program and functions, checksums",
        help: &[
            "[option]..\n\nPrints the folder.\n\n",
            "  --arch NAME          arm64 or x86_64 (default: both); may be repeated\n",
            "\nFor example:  cargo xtask dist --arch x86_64\n",
        ],
        run: dist::run_command,
    },
    Command {
        name: "release",
        says: "set the version everywhere, and move what is new into CHANGELOG.md",
        help: &[
            "VERSION [--notes]\n\nPrints the section of the changelog. Commit the result, and tag it vVERSION.\n\n",
            "  --notes              only print the section of a release that was made before\n",
            "\nFor example:  cargo xtask release 0.2.0\n",
        ],
        run: release::run_command,
    },
];

/// Options of every command that starts a stack.
const STACK_OPTIONS: &str = "\
\x20 --lake FOLDER        where the lake is (default: a new folder in .forebay)
  --schema FILE        (default: demo-react/forebay.schema.json)
  --edge-port PORT     where the worker is (default: 8787, or any free one where it is taken)
  --kinesis-port PORT  where Kinesis is (default: 4567, or any free one where it is taken)
  --cf JSON            what `request.cf` holds
  --kinesis-url URL    what the worker takes for Kinesis, such as a proxy in between
  --no-lake            without the lake
  --no-build           run what was built before
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
    let name = match arguments.next()? {
        Some(Value(name)) => name.string()?,
        Some(Short('h') | Long("help")) => {
            println!("{}", overview());
            return Ok(());
        }
        Some(other) => bail!(
            "there is no option {} here\n\n{}",
            shown(&other),
            overview()
        ),
        None => bail!("a command is missing\n\n{}", overview()),
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        bail!("there is no command `{name}`\n\n{}", overview());
    };
    // Wherever it stands, whatever is wrong with the rest.
    if std::env::args_os()
        .skip(2)
        .any(|word| word == "--help" || word == "-h")
    {
        println!("{}", command.help());
        return Ok(());
    }
    (command.run)(command, arguments)
}

/// All commands, a line each.
fn overview() -> String {
    let mut text = String::from("cargo xtask <command>\n\n");
    for Command { name, says, .. } in COMMANDS {
        text.push_str(&format!("  {name:7} {says}\n"));
    }
    text + "\nThe options of a command:  cargo xtask <command> --help"
}

impl Command {
    /// How it is called, with an example.
    fn help(&self) -> String {
        let Command {
            name, says, help, ..
        } = self;
        let text = format!("{name}: {says}\n\ncargo xtask {name} {}", help.concat());
        text.trim_end().to_owned()
    }

    /// What says that an argument is none of this command's.
    fn unexpected(&self, argument: &lexopt::Arg<'_>) -> anyhow::Error {
        anyhow!(
            "`{}` does not take {}\n\n{}",
            self.name,
            shown(argument),
            self.help()
        )
    }
}

/// An argument as it was written.
fn shown(argument: &lexopt::Arg<'_>) -> String {
    match argument {
        Short(letter) => format!("`-{letter}`"),
        Long(name) => format!("`--{name}`"),
        Value(word) => format!("`{}`", word.to_string_lossy()),
    }
}

fn build(command: &Command, arguments: Parser) -> Result<()> {
    let mut parts = Vec::new();
    for name in names(command, arguments)? {
        match Part::named(&name) {
            Some(part) => parts.push(part),
            None => bail!("there is no part `{name}`\n\n{}", command.help()),
        }
    }
    if parts.is_empty() {
        parts.extend(Part::ALL);
    }
    parts::build(&Progress::start(), &parts)
}

fn test(command: &Command, arguments: Parser) -> Result<()> {
    let counts = test::run(&names(command, arguments)?)?;
    println!("{counts}");
    // The counts are the last line: no word after them.
    if counts.failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn size(command: &Command, mut arguments: Parser) -> Result<()> {
    let (mut json, mut write) = (false, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") => json = true,
            Long("write") => write = true,
            other => return Err(command.unexpected(&other)),
        }
    }
    let progress = Progress::start();
    let browser = Engine::Chromium.program(&progress)?;
    parts::build(&progress, &[Part::Sdk])?;
    let report = progress.step("size: bundle and open an app", |_| size::measure(&browser))?;
    if json {
        println!("{}", report.json());
    } else {
        println!("{}", report.table());
    }
    if write {
        report.write_to_readme()?;
    } else if !report.is_in_readme()? {
        progress
            .say("README.md says otherwise: `cargo xtask size --write` puts these numbers there");
    }
    if report.is_over_budget() {
        std::process::exit(1);
    }
    Ok(())
}

fn run_demo(command: &Command, arguments: Parser) -> Result<()> {
    demo::run(&demo_options(command, arguments)?)
}

fn demo_options(command: &Command, mut arguments: Parser) -> Result<demo::Options> {
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
                stack_option(command, &mut options.stack, &name, &mut arguments)?;
            }
            other => return Err(command.unexpected(&other)),
        }
    }
    stack::check(&options.stack)?;
    Ok(options)
}

fn run_stack(command: &Command, mut arguments: Parser) -> Result<()> {
    let mut options = stack::Options::default();
    let mut build = true;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("no-build") => build = false,
            Long(name) => {
                let name = name.to_owned();
                stack_option(command, &mut options, &name, &mut arguments)?;
            }
            other => return Err(command.unexpected(&other)),
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
fn stack_option(
    command: &Command,
    options: &mut stack::Options,
    name: &str,
    arguments: &mut Parser,
) -> Result<()> {
    match name {
        "lake" => options.lake = Some(arguments.value()?.into()),
        "schema" => options.schema = arguments.value()?.into(),
        "edge-port" => options.edge_port = Port::Exactly(arguments.value()?.parse()?),
        "kinesis-port" => options.kinesis_port = Port::Exactly(arguments.value()?.parse()?),
        "cf" => options.cf = arguments.value()?.string()?,
        "kinesis-url" => options.kinesis_url = Some(arguments.value()?.string()?),
        "no-lake" => options.with_lake = false,
        other => return Err(command.unexpected(&Long(other))),
    }
    Ok(())
}

/// The words that follow a command that takes no options.
fn names(command: &Command, mut arguments: Parser) -> Result<Vec<String>> {
    let mut names = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(name) => names.push(name.string()?),
            other => return Err(command.unexpected(&other)),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_says_how_it_is_called() {
        for command in COMMANDS {
            let help = command.help();
            let example = format!("For example:  cargo xtask {}", command.name);
            assert!(help.contains(&example), "{help}");
            assert!(overview().contains(command.says));
            // As wide as a terminal, and a little more.
            assert!(help.lines().all(|line| line.len() <= 110), "{help}");
        }
    }

    #[test]
    fn what_a_command_does_not_take_is_named_with_what_it_takes() {
        for (given, shown) in [("--wirte", "`--wirte`"), ("-x", "`-x`"), ("word", "`word`")] {
            let size = COMMANDS.iter().find(|command| command.name == "size");
            let error = size
                .map(|command| (command.run)(command, Parser::from_args([given])))
                .and_then(Result::err);
            let told = format!("{:#}", error.unwrap());
            assert!(
                told.contains(&format!("`size` does not take {shown}")),
                "{told}"
            );
            assert!(told.contains("--write"), "{told}");
        }
    }
}
