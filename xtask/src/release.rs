//! `cargo xtask release VERSION`: one version everywhere, and what is new in CHANGELOG.md.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lexopt::Parser;
use lexopt::prelude::*;

use crate::Command;
use crate::command::{cargo, output, root};

/// Runs it as its arguments say.
pub fn run_command(command: &Command, mut arguments: Parser) -> Result<()> {
    let (mut version, mut notes) = (None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("notes") => notes = true,
            Value(word) if version.is_none() => version = Some(word.string()?),
            other => return Err(command.unexpected(&other)),
        }
    }
    let Some(version) = version else {
        bail!("which version?\n\n{}", command.help());
    };
    let section = if notes {
        notes_of(&version)?
    } else {
        release(&version)?
    };
    print!("{section}");
    Ok(())
}

const CHANGELOG: &str = "CHANGELOG.md";
/// A file for each change since the last release.
const CHANGES: &str = "docs/changes";
/// What the packages of npm say of each other and of themselves.
const PACKAGES: [&str; 4] = [
    "npm/package.json",
    "npm/worker/package.json",
    "demo-react/package.json",
    "tests/package.json",
];
/// Kinds of changes, in the order of the changelog, and their headings.
const KINDS: [(&str, &str); 5] = [
    ("breaking", "Breaking"),
    ("security", "Security"),
    ("added", "Added"),
    ("changed", "Changed"),
    ("fixed", "Fixed"),
];

/// Writes the version and the changelog; gives the section of the release.
///
/// Fails where the version is not above the release before, or a change has no known kind.
fn release(version: &str) -> Result<String> {
    let before = env!("CARGO_PKG_VERSION");
    if parsed(version)? < parsed(before)? || notes_of(version).is_ok() {
        bail!("{version} is released, or below {before}");
    }
    let changes = changes(&root().join(CHANGES))?;
    let date = output(std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let section = section(version, date.trim(), &changes)?;
    let changelog = root().join(CHANGELOG);
    let text = std::fs::read_to_string(&changelog).context(CHANGELOG)?;
    std::fs::write(&changelog, with_section(&text, &section))?;
    for (path, _) in &changes {
        std::fs::remove_file(path)?;
    }
    let mut files = vec!["Cargo.toml"];
    files.extend(PACKAGES);
    for file in files {
        let path = root().join(file);
        let text = std::fs::read_to_string(&path).context(file)?;
        std::fs::write(path, with_version(&text, before, version))?;
    }
    output(&mut cargo(["update", "--workspace"]))?;
    let mut npm = crate::command::command("npm", ["install", "--package-lock-only"]);
    output(npm.args(["--no-audit", "--no-fund"]))?;
    Ok(section)
}

/// The section of a release in the changelog.
fn notes_of(version: &str) -> Result<String> {
    let text = std::fs::read_to_string(root().join(CHANGELOG)).context(CHANGELOG)?;
    let heading = format!("## {version} ");
    let sections = text
        .split_inclusive('\n')
        .skip_while(|line| !line.starts_with(&heading));
    let lines = sections.enumerate();
    let section: String = lines
        .take_while(|(at, line)| *at == 0 || !line.starts_with("## "))
        .map(|(_, line)| line)
        .collect();
    if section.is_empty() {
        bail!("{CHANGELOG} has no section `{heading}..`");
    }
    Ok(section)
}

/// Three numbers: what a version of this project is.
fn parsed(version: &str) -> Result<[u64; 3]> {
    let numbers: Vec<u64> = version
        .split('.')
        .map_while(|number| number.parse().ok())
        .collect();
    match numbers.try_into() {
        Ok(numbers) if version.split('.').count() == 3 => Ok(numbers),
        _ => bail!("`{version}` is no version: 1.2.3 is one"),
    }
}

/// The files of changes and what they say, by their names.
fn changes(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut paths = Vec::new();
    for entry in folder.read_dir().context(CHANGES)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "README.md") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        bail!("{CHANGES} has no changes: there is nothing to release");
    }
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path)?;
            Ok((path, text))
        })
        .collect()
}

fn section(version: &str, date: &str, changes: &[(PathBuf, String)]) -> Result<String> {
    let kind = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        stem.rsplit_once('.').map(|(_, kind)| kind.to_owned())
    };
    if let Some((path, _)) = changes.iter().find(|(path, _)| {
        !KINDS
            .iter()
            .any(|(name, _)| kind(path).as_deref() == Some(name))
    }) {
        bail!(
            "{} says no kind of change: its name ends in .breaking.md, .security.md, .added.md, .changed.md or .fixed.md",
            path.display()
        );
    }
    let mut text = format!("## {version} ({date})\n");
    for (name, heading) in KINDS {
        let of_kind = changes
            .iter()
            .filter(|(path, _)| kind(path).as_deref() == Some(name));
        for (at, (_, change)) in of_kind.enumerate() {
            if at == 0 {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n### {heading}\n\n");
            }
            let _ = writeln!(text, "- {}", change.trim().replace('\n', "\n  "));
        }
    }
    Ok(text)
}

/// The newest release stands first, below what the file begins with.
fn with_section(changelog: &str, section: &str) -> String {
    match changelog.find("\n## ") {
        Some(at) => {
            let (head, rest) = changelog.split_at(at + 1);
            format!("{head}{section}\n{rest}")
        }
        None => format!("{}\n\n{section}", changelog.trim_end()),
    }
}

/// The version of this project wherever a file says it of a package of this project.
fn with_version(text: &str, before: &str, version: &str) -> String {
    let names = [
        ("version = \"", "\""),
        ("\"version\": \"", "\""),
        ("\"forebay\": \"", "\""),
        ("\"forebay-worker\": \"", "\""),
    ];
    names.iter().fold(text.to_owned(), |text, (open, close)| {
        text.replacen(
            &format!("{open}{before}{close}"),
            &format!("{open}{version}{close}"),
            1,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, text: &str) -> (PathBuf, String) {
        (PathBuf::from(name), text.to_owned())
    }

    #[test]
    fn versions_are_three_numbers() {
        assert!(parsed("0.10.0").unwrap() > parsed("0.9.9").unwrap());
        for wrong in ["1.2", "1.2.3.4", "1.2.x", "v1.2.3", "1..3", ""] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_section_has_its_changes_by_kind() {
        let changes = [
            change("docs/changes/b.fixed.md", "B.\n"),
            change("docs/changes/a.added.md", "A,\nin two lines.\n"),
            change("docs/changes/c.added.md", "C.\n"),
        ];
        let expected = "## 0.2.0 (2026-12-01)\n\n### Added\n\n- A,\n  in two lines.\n- C.\n\n### Fixed\n\n- B.\n";
        assert_eq!(section("0.2.0", "2026-12-01", &changes).unwrap(), expected);
        let unknown = [change("docs/changes/c.new.md", "C.")];
        assert!(section("0.2.0", "2026-12-01", &unknown).is_err());
    }

    #[test]
    fn the_newest_release_stands_first() {
        let first = with_section("# Changelog\n\nWords.\n", "## 0.1.0 (a)\n\n- A\n");
        assert_eq!(first, "# Changelog\n\nWords.\n\n## 0.1.0 (a)\n\n- A\n");
        let second = with_section(&first, "## 0.2.0 (b)\n\n- B\n");
        assert_eq!(
            second,
            "# Changelog\n\nWords.\n\n## 0.2.0 (b)\n\n- B\n\n## 0.1.0 (a)\n\n- A\n"
        );
    }

    #[test]
    fn the_version_is_that_of_this_project_alone() {
        let text = "{ \"version\": \"0.1.0\", \"dependencies\": { \"forebay\": \"0.1.0\", \"other\": \"0.1.0\" } }";
        assert_eq!(
            with_version(text, "0.1.0", "0.2.0"),
            "{ \"version\": \"0.2.0\", \"dependencies\": { \"forebay\": \"0.2.0\", \"other\": \"0.1.0\" } }"
        );
    }
}
