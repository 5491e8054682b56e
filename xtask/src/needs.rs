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
/// The variable that says in which engines the tests run.
const ENGINES: &str = "FOREBAY_ENGINES";
const FIREFOXES: [&str; 2] = ["firefox-esr", "firefox"];
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
    rust_target(progress, "wasm32-unknown-unknown")
}

/// A target of rustc, installed by rustup where it is missing.
pub fn rust_target(progress: &Progress, target: &str) -> Result<()> {
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

/// A browser engine that the tests run in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

impl Engine {
    /// All of them, Chromium first.
    pub const ALL: [Engine; 3] = [Engine::Chromium, Engine::Firefox, Engine::WebKit];

    /// As `FOREBAY_ENGINES` and the tests' own `FOREBAY_ENGINE` name it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Chromium => "chromium",
            Engine::Firefox => "firefox",
            Engine::WebKit => "webkit",
        }
    }

    /// As people name it.
    pub fn title(self) -> &'static str {
        match self {
            Engine::Chromium => "Chromium",
            Engine::Firefox => "Firefox",
            Engine::WebKit => "WebKit",
        }
    }

    /// The variable that says which program it is, to this command and to the tests.
    pub fn variable(self) -> &'static str {
        match self {
            Engine::Chromium => "CHROMIUM",
            Engine::Firefox => "FIREFOX",
            Engine::WebKit => "WEBKIT_DRIVER",
        }
    }

    /// The names that its program, or the program that drives it, goes by.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Engine::Chromium => &CHROMIUMS,
            Engine::Firefox => &FIREFOXES,
            Engine::WebKit => &["WebKitWebDriver"],
        }
    }

    /// Debian's packages of it, and the others that it needs.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Engine::Chromium => &["chromium"],
            Engine::Firefox => &["firefox-esr"],
            // WebKit's browser wants a screen.
            Engine::WebKit => &["webkit2gtk-driver", "xvfb"],
        }
    }

    /// Its program: what its variable says, or the first that is found, or Debian's, installed.
    pub fn program(self, progress: &Progress) -> Result<PathBuf> {
        let variable = self.variable();
        let has_screen = self != Engine::WebKit || find_program("Xvfb").is_some();
        if let Some(program) = std::env::var_os(variable).filter(|program| !program.is_empty()) {
            let program = PathBuf::from(program);
            if !program.is_file() {
                bail!("{variable} says {}, which is no file", program.display());
            }
            if has_screen {
                return Ok(program);
            }
        }
        let find = || self.programs().iter().find_map(|name| find_program(name));
        if let Some(program) = find().filter(|_| has_screen) {
            return Ok(program);
        }
        let names = self.packages().join(" ");
        let title = self.title();
        let next = format!(
            "the browser tests need {title}: install it (on Debian `sudo apt-get install {names}`), \
             set {variable} to its program, or say by {ENGINES} in which engines the tests are to \
             run, such as `{ENGINES}=chromium`"
        );
        install(progress, self.packages(), &next)?;
        find().with_context(|| format!("apt-get installed {names}, but it is not in the PATH"))
    }
}

/// The engines that the tests run in: those in `$FOREBAY_ENGINES`, between commas, or all.
pub fn engines() -> Result<Vec<Engine>> {
    let names = std::env::var(ENGINES).unwrap_or_default();
    named_engines(&names)
}

fn named_engines(names: &str) -> Result<Vec<Engine>> {
    if names.is_empty() {
        return Ok(Engine::ALL.to_vec());
    }
    let named = |name: &str| Engine::ALL.into_iter().find(|engine| engine.name() == name);
    let found = names.split(',').map(|name| {
        let known = Engine::ALL.map(Engine::name).join(", ");
        let unknown = || format!("{ENGINES} says `{name}`; the engines are {known}");
        named(name.trim()).with_context(unknown)
    });
    let found = found.collect::<Result<Vec<_>>>()?;
    Ok(Engine::ALL
        .into_iter()
        .filter(|engine| found.contains(engine))
        .collect())
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
    let text = std::fs::read(&wanted).context("tests/requirements.txt")?;
    let packages = [OsStr::new("-r"), wanted.as_os_str()];
    environment(
        progress,
        "python packages",
        &target().join("python"),
        &packages,
        &text,
    )
}

/// An environment of Python in `folder`, with these packages, each with its version. Any Python 3 with its module
/// venv makes it.
pub fn python_environment(
    progress: &Progress,
    name: &str,
    folder: &Path,
    packages: &[&str],
) -> Result<()> {
    let check = ["-c", "import venv, ensurepip"];
    if answer("python3", &check).is_none() {
        let next = "Python 3 with its module venv is missing: install it (on Debian `sudo apt-get install \
                    python3 python3-venv`)";
        install(progress, &["python3", "python3-venv"], next)?;
    }
    let words: Vec<_> = packages.iter().map(OsStr::new).collect();
    let text = packages.join("\n");
    environment(progress, name, folder, &words, text.as_bytes())
}

/// What the tests in a folder of `tests/` run in Python beside that, where they have a `requirements.txt` of their
/// own: in `python-<folder>` below the target folder.
pub fn python_of_folder(progress: &Progress, name: &str) -> Result<()> {
    let wanted = root().join("tests").join(name).join("requirements.txt");
    let Ok(text) = std::fs::read(&wanted) else {
        return Ok(());
    };
    let folder = target().join(format!("python-{name}"));
    // The file names all packages, so that there is nothing to resolve.
    let packages = [
        OsStr::new("--no-deps"),
        OsStr::new("-r"),
        wanted.as_os_str(),
    ];
    environment(
        progress,
        &format!("python packages of {name}"),
        &folder,
        &packages,
        &text,
    )
}

/// Makes an environment of Python, and installs `packages` as pip takes them, where it was not made for `text`.
fn environment(
    progress: &Progress,
    name: &str,
    folder: &Path,
    packages: &[&OsStr],
    text: &[u8],
) -> Result<()> {
    // Written last: what was cut short has none.
    let installed = folder.join("requirements.txt");
    let program = folder.join("bin/python");
    // The program is a link to the system's, which may have gone.
    if program.is_file() && std::fs::read(&installed).is_ok_and(|installed| installed == text) {
        return Ok(());
    }
    progress.step(name, |step| {
        let make = ["-m", "venv", "--clear"].map(OsStr::new);
        let make = make.into_iter().chain([folder.as_os_str()]);
        run(step, &mut command("python3", make))?;
        let install = ["-m", "pip", "install", "--no-input", "--progress-bar=off"];
        let install = install.map(OsStr::new).into_iter();
        run(
            step,
            &mut command(program, install.chain(packages.iter().copied())),
        )?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_engines_are_meant() {
        assert_eq!(named_engines("").ok(), Some(Engine::ALL.to_vec()));
        assert_eq!(
            named_engines("webkit, chromium").ok(),
            Some(vec![Engine::Chromium, Engine::WebKit])
        );
        let error = named_engines("chromium,opera").map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err(
                "FOREBAY_ENGINES says `opera`; the engines are chromium, firefox, webkit"
                    .to_owned()
            )
        );
    }
}
