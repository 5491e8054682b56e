//! Other programs: run to their end with their output kept, and where the project's files are.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::progress::Step;

/// The root of the workspace.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo builds to.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// `program arguments..`, to be run at the root of the workspace.
pub fn command<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// The cargo that started this program.
pub fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    command(
        std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        arguments,
    )
}

/// How a program ended, and what it printed on both of its outputs, in order.
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output and standard error as they came.
    pub output: String,
}

/// Runs a program to its end; its newest line is shown with the step. Fails only where it cannot
/// be started.
pub fn finish(step: &Step<'_>, command: &mut Command) -> Result<Finished> {
    let (reader, writer) = std::io::pipe().context("could not open a pipe")?;
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| format!("could not start `{program}`"))?;
    // The command keeps its ends of the pipe open until they are replaced.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut output = String::new();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        step.detail(&text);
        output.push_str(&text);
        line.clear();
    }
    Ok(Finished {
        status: child.wait()?,
        output,
    })
}

/// Runs a program that has to succeed; otherwise the error holds what it printed.
pub fn run(step: &Step<'_>, command: &mut Command) -> Result<String> {
    let Finished { status, output } = finish(step, command)?;
    if !status.success() {
        bail!(
            "`{}` ended with {status}\n{}",
            shown(command),
            output.trim_end()
        );
    }
    Ok(output)
}

/// What a short program that has to succeed prints on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let program = shown(command);
    let output = command
        .output()
        .with_context(|| format!("could not start `{program}`"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{program}` ended with {}\n{}",
            output.status,
            errors.trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command as one would type it, from the root of the workspace.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
