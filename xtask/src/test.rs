//! `cargo xtask test`: every check and test of the project, or those that are named.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::command::{Finished, cargo, command, finish, root, target};
use crate::counts::{Counts, left_out, libtest_counts, nextest_counts, node_counts};
use crate::needs::{self, Engine};
use crate::parts::{self, Part};
use crate::progress::{Progress, Step};

/// How long a file of TypeScript tests may take, in milliseconds: a hang has to end by itself.
const FILE_TIMEOUT: &str = "900000";

/// The files of tests that run in every engine; all others run in Chromium alone.
const IN_EVERY_ENGINE: [&str; 6] = [
    "browser/auto-track.test.ts",
    "browser/delivery.test.ts",
    "browser/react.test.ts",
    "browser/receipts.test.ts",
    "browser/sign-in.test.ts",
    "delivery/delivery.test.ts",
];

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// What can be named on the command line.
enum Suite {
    /// Formatting of the Rust code.
    Fmt,
    /// Formatting and lints of everything else.
    Lint,
    /// Lints of the Rust code, for this machine and for WebAssembly.
    Clippy,
    /// The documentation of the Rust code: its links, and what rustdoc has against it.
    Rustdoc,
    /// Types of the TypeScript code, and whether what is generated of it is up to date; building the
    /// package has checked its own.
    Types,
    /// What a browser loads, against its budgets.
    Size,
    /// Unit, property and documentation tests of the Rust code.
    Rust,
    /// The TypeScript tests in a folder of `tests/`.
    Folder(String),
}

impl Suite {
    fn name(&self) -> &str {
        match self {
            Suite::Fmt => "fmt",
            Suite::Lint => "lint",
            Suite::Clippy => "clippy",
            Suite::Rustdoc => "rustdoc",
            Suite::Types => "types",
            Suite::Size => "size",
            Suite::Rust => "rust",
            Suite::Folder(name) => name,
        }
    }

    /// Whether it looks at what is built.
    fn needs_parts(&self) -> bool {
        matches!(self, Suite::Types | Suite::Size | Suite::Folder(_))
    }

    /// The engines that it runs in, of those that are `wanted`.
    fn engines(&self, wanted: &[Engine]) -> Vec<Engine> {
        let Suite::Folder(name) = self else {
            return Vec::new();
        };
        match name.as_str() {
            "browser" | "delivery" => wanted.to_vec(),
            "amplify" | "e2e" | "packaging" | "schema" => vec![Engine::Chromium],
            _ => Vec::new(),
        }
    }

    /// Whether some of it is written in Python.
    fn needs_python(&self) -> bool {
        let Suite::Folder(name) = self else {
            return false;
        };
        files(&root().join("tests").join(name), ".py").is_ok_and(|scripts| !scripts.is_empty())
    }

    /// The programs it consists of.
    fn tasks(&self, browsers: &Browsers) -> Result<Vec<Task>> {
        Ok(match self {
            Suite::Fmt => vec![Task::check(
                "cargo fmt",
                cargo(["fmt", "--all", "--check", "--", "--color=never"]),
            )],
            Suite::Lint => vec![Task::check(
                "biome",
                command("node_modules/.bin/biome", ["ci", "--colors=off"]),
            )],
            Suite::Clippy => {
                let mut native = cargo(["clippy", "--workspace", "--all-targets"]);
                native.args(DENY_WARNINGS);
                // One run each: together, the worker's crates would give the SDK's a std it does
                // without.
                let wasm = [
                    ("forebay-sdk-wasm", ""),
                    ("forebay-sdk-wasm", "--features=violations"),
                    ("forebay-edge-worker", ""),
                ]
                .map(|(package, features)| {
                    let mut clippy = cargo(["clippy", "--target=wasm32-unknown-unknown"]);
                    clippy.args(["--package", package]);
                    clippy.args(Some(features).filter(|features| !features.is_empty()));
                    clippy.args(DENY_WARNINGS);
                    let name = format!("clippy for {package} {features}");
                    Task::check(name.trim_end(), clippy)
                });
                let mut fuzz = cargo_fuzz(["clippy", "--lib", "--bins", "--examples"]);
                fuzz.args(DENY_WARNINGS);
                [Task::check("clippy", native)]
                    .into_iter()
                    .chain(wasm)
                    .chain([Task::check("clippy for the fuzz targets", fuzz)])
                    .collect()
            }
            Suite::Rustdoc => vec![Task::check("rustdoc", documentation())],
            Suite::Types => {
                let generated = ["demo-react", "tests"].map(|folder| {
                    let mut check = command("node", [root().join("npm/bin/forebay.js")]);
                    check.args(["codegen", "--check"]);
                    check.current_dir(root().join(folder));
                    Task::check(&format!("generated code of {folder}"), check)
                });
                let types = ["demo-react", "tests"].map(|folder| {
                    let tsc = command("node_modules/.bin/tsc", ["--project", folder]);
                    Task::check(&format!("types of {folder}"), tsc)
                });
                generated.into_iter().chain(types).collect()
            }
            Suite::Size => {
                let this = std::env::current_exe().context("the path of this program")?;
                vec![Task::check("what a browser loads", command(this, ["size"]))]
            }
            Suite::Rust => vec![
                if needs::find_program("cargo-nextest").is_some() {
                    let nextest = ["nextest", "run", "--workspace", "--no-fail-fast"];
                    Task::new("Rust tests", cargo(nextest), nextest_counts)
                } else {
                    let test = ["test", "--workspace", "--all-targets", "--no-fail-fast"];
                    Task::new("Rust tests", cargo(test), libtest_counts)
                },
                Task::new(
                    "Rust examples",
                    cargo(["test", "--workspace", "--doc"]),
                    |output| {
                        // That no public item has an example is no failure.
                        Some(libtest_counts(output).unwrap_or_default())
                    },
                ),
                Task::new(
                    "a second of each fuzz target",
                    cargo_fuzz(["run", "--example", "seconds"]),
                    libtest_counts,
                ),
            ],
            Suite::Folder(name) => {
                let engines = self.engines(&browsers.wanted);
                if engines.is_empty() {
                    vec![folder(name, None)?]
                } else {
                    let programs = &browsers.programs;
                    let chosen = programs
                        .iter()
                        .filter(|(engine, _)| engines.contains(engine));
                    chosen
                        .map(|browser| folder(name, Some(browser)))
                        .collect::<Result<_>>()?
                }
            }
        })
    }
}

/// A program that tests something.
struct Task {
    name: String,
    command: Command,
    /// Reads what it printed; `None` where it does not say that it ran a test.
    counts: fn(&str) -> Option<Counts>,
    /// Whether nothing may run beside it.
    alone: bool,
}

impl Task {
    fn new(name: &str, command: Command, counts: fn(&str) -> Option<Counts>) -> Task {
        Task {
            name: name.to_owned(),
            command,
            counts,
            alone: false,
        }
    }

    /// A program that only says yes or no, which counts as one test.
    fn check(name: &str, command: Command) -> Task {
        Task::new(name, command, |_| {
            Some(Counts {
                passed: 1,
                failed: 0,
            })
        })
    }

    /// Runs it, and shows what it printed where something failed.
    fn run(&mut self, progress: &Progress) -> Result<Counts> {
        let name = self.name.clone();
        let (counts, finished) = progress.test(&name, |step| self.count(step))?;
        if counts.failed > 0 {
            progress.say(&format!(
                "\n{}\n`{}` ended with {}\n",
                finished.output.trim_end(),
                crate::command::shown(&self.command),
                finished.status
            ));
        }
        for line in left_out(&finished.output) {
            progress.say(&format!("          left out of {name}: {line}"));
        }
        Ok(counts)
    }

    /// A program that fails, or that ran no test, is at least one failure.
    fn count(&mut self, step: &Step<'_>) -> Result<(Counts, Finished)> {
        let finished = finish(step, &mut self.command)?;
        let succeeded = finished.status.success();
        let mut counts = (self.counts)(&finished.output).unwrap_or(Counts {
            passed: 0,
            failed: u64::from(succeeded),
        });
        if !succeeded && counts.failed == 0 {
            counts = Counts {
                passed: counts.passed.saturating_sub(1),
                failed: 1,
            };
        }
        Ok((counts, finished))
    }
}

/// The browsers that the suites run in.
struct Browsers {
    /// The engines that were asked for.
    wanted: Vec<Engine>,
    /// Those that a suite needs, and their programs.
    programs: Vec<(Engine, PathBuf)>,
}

impl Browsers {
    /// What `suites` need, installed where it is missing.
    fn find(suites: &[Suite], progress: &Progress) -> Result<Browsers> {
        let wanted = needs::engines()?;
        let needed: Vec<Engine> = suites
            .iter()
            .flat_map(|suite| suite.engines(&wanted))
            .collect();
        let found = Engine::ALL
            .into_iter()
            .filter(|engine| needed.contains(engine));
        let programs = found
            .map(|engine| Ok((engine, engine.program(progress)?)))
            .collect::<Result<_>>()?;
        Ok(Browsers { wanted, programs })
    }
}

/// Cargo that writes the documentation of all crates, of what is private too: nobody but who works on them reads it.
pub fn documentation() -> Command {
    let mut doc = cargo([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    doc.env(
        "RUSTDOCFLAGS",
        "-D warnings -A rustdoc::private_intra_doc_links",
    );
    doc
}

/// Cargo in the workspace of the fuzz targets, which would otherwise fall behind unnoticed.
fn cargo_fuzz<const N: usize>(arguments: [&str; N]) -> Command {
    let mut cargo = cargo(arguments);
    cargo.args(["--manifest-path", "core/fuzz/Cargo.toml"]);
    cargo.arg("--target-dir").arg(target().join("fuzz"));
    cargo
}

/// Every suite, those first that say most in the shortest time.
fn suites() -> Result<Vec<Suite>> {
    let mut folders = Vec::new();
    for entry in root().join("tests").read_dir().context("tests")? {
        let path = entry?.path();
        if path.is_dir() && !test_files(&path)?.is_empty() {
            folders.extend(
                path.file_name()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }
    folders.sort();
    let mut suites = vec![
        Suite::Fmt,
        Suite::Lint,
        Suite::Clippy,
        Suite::Rustdoc,
        Suite::Rust,
        Suite::Types,
        Suite::Size,
    ];
    suites.extend(folders.into_iter().map(Suite::Folder));
    Ok(suites)
}

/// Runs the suites called `names`, or all.
///
/// Fails where they cannot be run at all; what fails in them is counted.
pub fn run(names: &[String]) -> Result<Counts> {
    let mut chosen = suites()?;
    if let Some(unknown) = names
        .iter()
        .find(|name| !chosen.iter().any(|it| it.name() == **name))
    {
        let known: Vec<&str> = chosen.iter().map(Suite::name).collect();
        bail!(
            "there are no tests called `{unknown}`; there are: {}",
            known.join(", ")
        );
    }
    chosen.retain(|suite| names.is_empty() || names.iter().any(|name| name == suite.name()));
    let progress = Progress::start();
    needs::wasm_target(&progress)?;
    needs::node()?;
    needs::packages(&progress)?;
    let browsers = Browsers::find(&chosen, &progress)?;
    if chosen.iter().any(Suite::needs_python) {
        needs::python(&progress)?;
    }
    for suite in &chosen {
        if let Suite::Folder(name) = suite {
            needs::python_of_folder(&progress, name)?;
        }
    }
    let mut total = Counts::default();
    let (later, first) = chosen
        .into_iter()
        .partition::<Vec<_>, _>(Suite::needs_parts);
    for mut task in tasks(&first, &browsers)? {
        total += task.run(&progress)?;
    }
    if later.is_empty() {
        return Ok(total);
    }
    if let Err(error) = parts::build(&progress, &Part::ALL) {
        progress.say(&format!("\n{error:#}\n"));
        let names: Vec<&str> = later.iter().map(Suite::name).collect();
        progress.say(&format!(
            "not run, since the build failed: {}",
            names.join(", ")
        ));
        total.failed += 1;
        return Ok(total);
    }
    let (alone, beside) = tasks(&later, &browsers)?
        .into_iter()
        .partition::<Vec<_>, _>(|task| task.alone);
    total += run_beside(beside, &progress)?;
    for mut task in alone {
        total += task.run(&progress)?;
    }
    Ok(total)
}

fn tasks(suites: &[Suite], browsers: &Browsers) -> Result<Vec<Task>> {
    let tasks = suites.iter().map(|suite| suite.tasks(browsers));
    Ok(tasks
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// Runs `tasks` two at a time: most of them wait for most of their time.
fn run_beside(tasks: Vec<Task>, progress: &Progress) -> Result<Counts> {
    let waiting = Mutex::new(tasks.into_iter());
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    let lane = || {
        let mut total = Counts::default();
        while let Some(mut task) = next() {
            total += task.run(progress)?;
        }
        anyhow::Ok(total)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(lane);
        let mut total = lane()?;
        total += other
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(total)
    })
}

/// The tests in a folder, as one run of Node's test runner: all of them, or those that run in every
/// engine where it is not Chromium.
fn folder(name: &str, browser: Option<&(Engine, PathBuf)>) -> Result<Task> {
    let mut node = command("node", ["--import", "tsx", "--test"]);
    node.args(["--test-concurrency=1", "--test-reporter=spec"]);
    node.arg(format!("--test-timeout={FILE_TIMEOUT}"));
    let tests = root().join("tests");
    let mut files = test_files(&tests.join(name))?;
    let mut title = format!("tests/{name}");
    node.env("FOREBAY_XTASK", std::env::current_exe()?)
        .env("CARGO_TARGET_DIR", target());
    if let Some((engine, program)) = browser {
        if *engine != Engine::Chromium {
            files.retain(|file| IN_EVERY_ENGINE.iter().any(|name| *file == tests.join(name)));
            title = format!("{title} in {}", engine.title());
        }
        node.env("FOREBAY_ENGINE", engine.name());
        node.env(engine.variable(), program);
    }
    node.args(files);
    let in_chromium = browser.is_some_and(|(engine, _)| *engine == Engine::Chromium);
    Ok(Task {
        // Some of these measure time or memory in Chromium. The others only wait longer beside another program.
        alone: in_chromium && ["browser", "delivery"].contains(&name),
        ..Task::new(&title, node, node_counts)
    })
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    files(folder, ".test.ts")
}

/// The files in a folder whose names end so, in order.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
