//! What a machine must have before the project builds: found, set up where that is possible, and
//! otherwise named together with the next step.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::command::{command, root, run, target};
use crate::progress::Progress;

const NODE: (u32, u32) = (20, 19);
/// What the packages of `tests/requirements.txt` ask for.
const PYTHON: (u32, u32) = (3, 11);
/// What Spark asks for.
const JAVA: u32 = 17;
const CHROMIUMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Node and npm, new enough.
pub fn node() -> Result<()> {
    let (major, minor) = NODE;
    let next = format!("install Node {major}.{minor} or newer (https://nodejs.org) and try again");
    let Some(version) = answer("node", &["--version"]) else {
        bail!("`node` was not found: {next}");
    };
    let mut numbers = version
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse().ok());
    let found: (u32, u32) = (
        numbers.next().flatten().unwrap_or(0),
        numbers.next().flatten().unwrap_or(0),
    );
    if found < NODE {
        bail!("Node {} is too old: {next}", version.trim());
    }
    if answer("npm", &["--version"]).is_none() {
        bail!("`npm` was not found, though `node` was: install npm and try again");
    }
    Ok(())
}

/// The compiler's library for WebAssembly. `rust-toolchain.toml` names it, but rustup does not add it
/// to a toolchain that is there already where it may not install by itself.
pub fn wasm_target(progress: &Progress) -> Result<()> {
    let target = "wasm32-unknown-unknown";
    let is_installed = || {
        let folder = answer("rustc", &["--print", "target-libdir", "--target", target]);
        folder.is_some_and(|folder| Path::new(folder.trim()).is_dir())
    };
    if !is_installed() && find_program("rustup").is_some() {
        progress.step("rustup target", |step| {
            run(step, &mut command("rustup", ["target", "add", target])).map(drop)
        })?;
    }
    if !is_installed() {
        bail!("rustc has no {target}: install that target with whatever your Rust came from");
    }
    Ok(())
}

/// The npm packages, as the lockfile says: installed where they are not, or not in those versions.
pub fn packages(progress: &Progress) -> Result<()> {
    let wanted = locked("package-lock.json")?;
    // npm's own note of what it has installed.
    if locked("node_modules/.package-lock.json").is_ok_and(|installed| has(&installed, &wanted)) {
        return Ok(());
    }
    progress.step("npm packages", |step| {
        run(step, &mut command("npm", ["ci", "--no-audit", "--no-fund"])).map(drop)
    })
}

/// The packages of a lockfile, by their folders.
fn locked(path: &str) -> Result<Map<String, Value>> {
    let text = std::fs::read(root().join(path)).context(path.to_owned())?;
    let mut lockfile: Value = serde_json::from_slice(&text).context(path.to_owned())?;
    let Value::Object(packages) = lockfile["packages"].take() else {
        bail!("{path} has no packages: restore it with `git checkout {path}`");
    };
    Ok(packages)
}

fn has(installed: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted
        .iter()
        .filter(|(folder, _)| folder.starts_with("node_modules/"))
        .all(|(folder, package)| match installed.get(folder) {
            Some(found) => found["version"] == package["version"],
            // What is for other platforms is left out.
            None => package["optional"] == true,
        })
}

/// The browser of the tests: `$CHROMIUM`, or the first that is found, or Debian's, installed.
pub fn chromium(progress: &Progress) -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("CHROMIUM").filter(|program| !program.is_empty()) {
        let program = PathBuf::from(program);
        return match program.is_file() {
            true => Ok(program),
            false => bail!("CHROMIUM says {}, which is no file", program.display()),
        };
    }
    if let Some(program) = CHROMIUMS.iter().find_map(|name| find_program(name)) {
        return Ok(program);
    }
    install(
        progress,
        &["chromium"],
        "the browser tests need Chromium: install it (on Debian `sudo apt-get install chromium`), \
         or set CHROMIUM to the program of any Chromium",
    )?;
    find_program("chromium").context("apt-get installed chromium, but there is none in the PATH")
}

/// What the tests run in Python, as `tests/requirements.txt` says, in `python` below the target
/// folder. Spark, which is a part of it, wants Java.
pub fn python(progress: &Progress) -> Result<()> {
    let (major, minor) = PYTHON;
    let check =
        format!("import sys, venv, ensurepip; assert sys.version_info >= ({major}, {minor})");
    let has_python = || answer("python3", &["-c", &check]).is_some();
    if !has_python() {
        let next = format!(
            "some tests need Python {major}.{minor} or newer with its module venv: install it (on \
             Debian `sudo apt-get install python3 python3-venv`)"
        );
        install(progress, &["python3", "python3-venv"], &next)?;
        if !has_python() {
            bail!(next);
        }
    }
    if !has_java() {
        let next = format!(
            "some tests need Java {JAVA} or newer for Spark: install it (on Debian `sudo apt-get \
             install default-jre-headless`), and see that JAVA_HOME, where it is set, is its folder"
        );
        install(progress, &["default-jre-headless"], &next)?;
        if !has_java() {
            bail!(next);
        }
    }
    python_packages(progress)
}

fn python_packages(progress: &Progress) -> Result<()> {
    let wanted = root().join("tests/requirements.txt");
    let folder = target().join("python");
    // Written last: what was cut short has none.
    let installed = folder.join("requirements.txt");
    let program = folder.join("bin/python");
    let text = std::fs::read(&wanted).context("tests/requirements.txt")?;
    // The program is a link to the system's, which may have gone.
    if program.is_file() && std::fs::read(&installed).is_ok_and(|installed| installed == text) {
        return Ok(());
    }
    progress.step("python packages", |step| {
        let make = ["-m", "venv", "--clear"].map(OsStr::new);
        let make = make.into_iter().chain([folder.as_os_str()]);
        run(step, &mut command("python3", make))?;
        let install = [
            "-m",
            "pip",
            "install",
            "--no-input",
            "--progress-bar=off",
            "-r",
        ];
        let install = install
            .map(OsStr::new)
            .into_iter()
            .chain([wanted.as_os_str()]);
        run(step, &mut command(program, install))?;
        std::fs::write(&installed, text).with_context(|| installed.display().to_string())
    })
}

/// Whether the Java that Spark would start is new enough.
fn has_java() -> bool {
    let java = match std::env::var_os("JAVA_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => Path::new(&folder).join("bin/java"),
        None => "java".into(),
    };
    // E.g. `openjdk 17.0.15 2025-04-15`; before Java 9 there is no such option.
    answer(java, &["--version"])
        .and_then(|text| text.split([' ', '.']).nth(1)?.trim().parse::<u32>().ok())
        .is_some_and(|version| version >= JAVA)
}

/// Debian's packages, installed where this process may do so; otherwise fails with `next`, what the
/// user is to do.
fn install(progress: &Progress, packages: &[&str], next: &str) -> Result<()> {
    if find_program("apt-get").is_none() || !nix::unistd::geteuid().is_root() {
        bail!(next.to_owned());
    }
    progress.step(packages[0], |step| {
        let apt = |arguments: &[&str]| {
            run(
                step,
                command("apt-get", arguments).env("DEBIAN_FRONTEND", "noninteractive"),
            )
        };
        apt(&["update"])?;
        let install = ["install", "--yes", "--no-install-recommends"];
        apt(&[&install, packages].concat()).map(drop)
    })
}

/// What a program prints, or `None` where it is missing or fails.
fn answer(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program by name, as the shell would find it.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
