//! `cargo xtask bench`: what things cost, beside what they replace. No part of the tests: a number is no failure.

use std::process::Command as Program;

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::*;

use crate::Command;
use crate::command::{command, target};
use crate::needs::{self, Engine};
use crate::parts::{self, Part};
use crate::progress::Progress;

/// A bench: its program is `tests/bench/<name>.ts`.
struct Bench {
    name: &'static str,
    flags: &'static [&'static str],
    options: &'static [&'static str],
    /// Builds and installs what it measures.
    prepare: fn(&mut Program) -> Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "sdk",
        flags: &["profile"],
        options: &["runs", "case", "build", "sdk"],
        prepare: browser_and_sdk,
    },
    Bench {
        name: "edge",
        flags: &[],
        options: &["runs", "starts", "build"],
        prepare: |_| parts::build(&Progress::start(), &[Part::Edge]),
    },
    Bench {
        name: "lake",
        flags: &[],
        options: &["runs", "records", "build"],
        prepare: |_| {
            let progress = Progress::start();
            needs::packages(&progress)?;
            parts::lake_release(&progress)
        },
    },
    Bench {
        name: "faults",
        flags: &[],
        options: &["fault", "sdk"],
        prepare: browser_and_sdk,
    },
    Bench {
        name: "soak",
        flags: &[],
        options: &["minutes", "rate", "users"],
        prepare: |_| parts::build(&Progress::start(), &[Part::Edge, Part::Lake]),
    },
];

/// Options of every bench.
const FILES: [&str; 2] = ["json", "svg"];
/// Options that are numbers.
const COUNTS: [&str; 6] = ["runs", "starts", "records", "minutes", "rate", "users"];

/// What `cargo xtask bench --help` says.
pub const HELP: &[&str] = &[
    "sdk | edge | lake | faults | soak [option]..\n\n",
    "A number is no failure. docs/benchmarks.md says what is measured, and how.\n\n",
    "  --json FILE          what was found, for programs; of every bench\n",
    "  --svg FILE           its bars, as a picture; of every bench\n\n",
    "sdk drives the built package and aws-amplify, @snowplow/browser-tracker, posthog-js and aws-rum-web, which it\n",
    "gets from the npm registry once, in one Chromium against one collector, by turns.\n\n",
    "  --runs N             how many times each (default: 3)\n",
    "  --case NAME          first, burst, hundreds, single, paced or memory (default: all); may be repeated\n",
    "  --build NAME=FOLDER  another build of npm/dist, to be measured beside; may be repeated\n",
    "  --sdk NAME           forebay, amplify, snowplow, posthog, rum or a build (default: all); may be repeated\n",
    "  --profile            instead: where the package's own time goes, function by function\n\n",
    "edge sends requests to the built worker and to one in JavaScript, in one workerd, by turns.\n\n",
    "  --runs N             how many blocks of requests of each kind (default: 15)\n",
    "  --starts N           how many cold starts of each (default: 9)\n",
    "  --build NAME=FOLDER  another build of the worker, to be measured beside; may be repeated\n\n",
    "lake reads records by a release build of the lake and by DuckDB, by turns. It takes a minute a run.\n\n",
    "  --runs N             how many times each (default: 5)\n",
    "  --records N          how many records of 1.6 KB (default: 200000)\n",
    "  --build NAME=PROGRAM another build of forebay-lake, to be measured beside; may be repeated\n",
    "\nfaults lets networks, endpoints, pages and browsers fail, and counts for each SDK of `sdk` how many of 200\n",
    "events are accepted, lost, and accepted more than once. It takes some twenty minutes.\n\n",
    "  --fault NAME         offline, 503, closed, .. (default: all; a wrong name lists them); may be repeated\n",
    "  --sdk NAME           forebay, amplify, snowplow, posthog or rum (default: all); may be repeated\n",
    "\nsoak sends events through worker, Kinesis and lake while parts of it are killed. It fails where an event is\n",
    "lost, or there twice.\n\n",
    "  --minutes N          how long (default: 10)\n",
    "  --rate N             events a second, sent on time whatever waits (default: 100)\n",
    "  --users N            how many users send them (default: 40)\n",
    "\nFor example:  cargo xtask bench sdk --runs 1 --case burst\n",
];

/// Runs the bench that the arguments name, and prints its table.
///
/// # Errors
///
/// Fails where there is no such bench, where it cannot be prepared, or where it does not come to its end.
pub fn run_command(command: &Command, mut arguments: Parser) -> Result<()> {
    let bench = match arguments.next()? {
        Some(Value(name)) => match BENCHES.iter().find(|bench| name == bench.name) {
            Some(bench) => bench,
            None => return Err(command.unexpected(&Value(name))),
        },
        Some(other) => return Err(command.unexpected(&other)),
        None => bail!("what is to be measured is missing\n\n{}", command.help()),
    };
    let passed = bench.passed(command, &mut arguments)?;
    let mut program = node(bench.name);
    (bench.prepare)(&mut program)?;
    run(program.args(passed))
}

impl Bench {
    /// The arguments of its program.
    fn passed(&self, command: &Command, arguments: &mut Parser) -> Result<Vec<String>> {
        let mut passed = Vec::new();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long(name) if self.flags.contains(&name) => passed.push(format!("--{name}")),
                Long(name) if self.options.contains(&name) || FILES.contains(&name) => {
                    let name = name.to_owned();
                    let value = arguments.value()?.string()?;
                    if COUNTS.contains(&&*name) && !value.parse().is_ok_and(|count: u32| count > 0)
                    {
                        bail!("--{name} takes a number from 1, not `{value}`");
                    }
                    passed.push(format!("--{name}={value}"));
                }
                other => return Err(command.unexpected(&other)),
            }
        }
        Ok(passed)
    }
}

fn browser_and_sdk(program: &mut Program) -> Result<()> {
    let progress = Progress::start();
    program.env("CHROMIUM", Engine::Chromium.program(&progress)?);
    parts::build(&progress, &[Part::Sdk])
}

/// Node, to run `tests/bench/<name>.ts`.
pub fn node(name: &str) -> Program {
    let script = format!("tests/bench/{name}.ts");
    let mut program = command("node", ["--import", "tsx", &script]);
    program.env("CARGO_TARGET_DIR", target());
    program
}

/// Runs it until it ends.
///
/// # Errors
///
/// Fails where it cannot be started, or does.
pub fn run(program: &mut Program) -> Result<()> {
    let status = program.status().context("could not start `node`")?;
    if !status.success() {
        bail!("it ended with {status}");
    }
    Ok(())
}
