//! `cargo xtask docs`: the documentation as a site, with the API of the npm package and of the crates.

use std::path::PathBuf;

use anyhow::Result;
use lexopt::Parser;

use crate::Command;
use crate::command::{command, root, run, target};
use crate::needs;
use crate::parts::{self, Part};
use crate::progress::Progress;
use crate::test::documentation;

/// Runs it as its arguments say.
pub fn run_command(command: &Command, mut arguments: Parser) -> Result<()> {
    if let Some(argument) = arguments.next()? {
        return Err(command.unexpected(&argument));
    }
    println!("{}", build()?.display());
    Ok(())
}

/// Builds the site; gives its folder.
fn build() -> Result<PathBuf> {
    let progress = Progress::start();
    needs::node()?;
    needs::packages(&progress)?;
    // The API of the package is read from the types that it ships.
    parts::build(&progress, &[Part::Sdk])?;
    progress.step("docs: pages and API of the package", |step| {
        run(
            step,
            &mut command("npm", ["run", "build", "--workspace", "docs"]),
        )
    })?;
    progress.step("docs: crates", |step| run(step, &mut documentation()))?;
    let site = root().join("docs/.vitepress/dist");
    progress.step("docs: site", |step| {
        let from = target().join("doc");
        run(
            step,
            command("cp", ["-R"]).arg(from).arg(site.join("crates")),
        )
    })?;
    Ok(site)
}
