//! `cargo xtask load`: events made from a schema, at a rate that does not wait, and the lake compared at the end.

use anyhow::{Result, bail};
use lexopt::Parser;
use lexopt::prelude::*;

use crate::Command;
use crate::bench;
use crate::needs;
use crate::parts::{self, Part};
use crate::progress::Progress;

/// What `cargo xtask load --help` says.
pub const HELP: &[&str] = &[
    "[option]..\n\n",
    "Users sign events made from the schema with guests' credentials, and send them at a rate that does not wait\n",
    "for answers: waiting is counted. At the end each event that was answered 202 must be one row of the lake.\n",
    "Fails where it is not, or where an event is invalid or has no answer.\n\n",
    "  --events N           how many events (default: 10000)\n",
    "  --rate R             how many a second (default: 200)\n",
    "  --users U            how many guests send them (default: 50)\n",
    "  --endpoint URL       where the worker is (default: a stack as `cargo xtask stack` starts it)\n",
    "  --lake FOLDER        where its lake is; without it the lake of an endpoint is not looked at\n",
    "  --schema FILE        (default: demo-react/forebay.schema.json)\n",
    "  --region NAME        of an endpoint (default: us-east-1)\n",
    "  --app-id ID          of an endpoint (default: the demo's)\n",
    "  --identity-pool ID   of an endpoint (default: the demo's)\n",
    "  --json FILE          what was found, for programs\n",
    "  --svg FILE           the latencies, as a picture\n",
    "\nFor example:  cargo xtask load --events 20000 --rate 500 --users 100\n",
];

const COUNTS: [&str; 3] = ["events", "rate", "users"];
const TEXTS: [&str; 8] = [
    "endpoint",
    "lake",
    "schema",
    "region",
    "app-id",
    "identity-pool",
    "json",
    "svg",
];

/// Runs it as its arguments say.
///
/// # Errors
///
/// Fails where the stack cannot be built, and where an event is lost, there twice, invalid or without an answer.
pub fn run_command(command: &Command, mut arguments: Parser) -> Result<()> {
    let mut program = bench::node("load");
    let mut starts_stack = true;
    while let Some(argument) = arguments.next()? {
        let Long(name) = argument else {
            return Err(command.unexpected(&argument));
        };
        if !COUNTS.contains(&name) && !TEXTS.contains(&name) {
            return Err(command.unexpected(&argument));
        }
        let name = name.to_owned();
        let value = arguments.value()?.string()?;
        if COUNTS.contains(&&*name) && !value.parse().is_ok_and(|count: u32| count > 0) {
            bail!("--{name} takes a number from 1, not `{value}`");
        }
        starts_stack &= name != "endpoint";
        program.arg(format!("--{name}={value}"));
    }
    let progress = Progress::start();
    if starts_stack {
        parts::build(&progress, &[Part::Edge, Part::Lake])?;
        // The stack is started by this program, which has built it.
        program.env("FOREBAY_XTASK", std::env::current_exe()?);
    } else {
        needs::packages(&progress)?;
    }
    bench::run(&mut program)
}
