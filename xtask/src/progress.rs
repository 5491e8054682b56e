//! What the user sees while something takes long: a live line on a terminal, plain lines elsewhere.
//! All of it goes to standard error; standard output belongs to what a command answers.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::counts::Counts;

/// How often the live line is drawn again.
const REDRAW: Duration = Duration::from_millis(200);
/// How often a log, which has no live line, hears of a step that is still running.
const REMIND: Duration = Duration::from_secs(60);
/// Width of the name column.
const NAME_WIDTH: usize = 34;

/// The steps that are running, and how to show them.
pub struct Progress {
    terminal: bool,
    running: Mutex<Vec<Running>>,
}

struct Running {
    name: String,
    detail: String,
    started: Instant,
    reminded: Instant,
}

/// One running step; the way to say what it is busy with.
pub struct Step<'a> {
    progress: &'a Progress,
    name: String,
}

impl Progress {
    /// Starts to show progress, until the process ends.
    pub fn start() -> Arc<Progress> {
        let progress = Arc::new(Progress {
            terminal: std::io::stderr().is_terminal(),
            running: Mutex::new(Vec::new()),
        });
        let shown = Arc::downgrade(&progress);
        std::thread::spawn(move || {
            while let Some(progress) = shown.upgrade() {
                progress.refresh();
                drop(progress);
                std::thread::sleep(REDRAW);
            }
        });
        progress
    }

    /// Runs `work` as a step called `name`, and prints one line with its time when it ends.
    pub fn step<T>(&self, name: &str, work: impl FnOnce(&Step<'_>) -> Result<T>) -> Result<T> {
        self.judged(name, work, |_| (true, String::new()))
    }

    /// The same for tests: the line tells how many passed and failed.
    pub fn test<T>(
        &self,
        name: &str,
        work: impl FnOnce(&Step<'_>) -> Result<(Counts, T)>,
    ) -> Result<(Counts, T)> {
        self.judged(name, work, |(counts, _)| {
            (counts.failed == 0, counts.to_string())
        })
    }

    fn judged<T>(
        &self,
        name: &str,
        work: impl FnOnce(&Step<'_>) -> Result<T>,
        judge: impl FnOnce(&T) -> (bool, String),
    ) -> Result<T> {
        let started = Instant::now();
        self.running().push(Running {
            name: name.to_owned(),
            detail: String::new(),
            started,
            reminded: started,
        });
        let result = work(&Step {
            progress: self,
            name: name.to_owned(),
        });
        let mut running = self.running();
        running.retain(|step| step.name != name);
        let (is_good, outcome) = result.as_ref().map_or((false, String::new()), judge);
        let (mark, colour) = if is_good {
            ("done", "32")
        } else {
            ("failed", "31")
        };
        let line = format!(
            "  {}  {name:NAME_WIDTH$} {:>7.1} s  {outcome}",
            self.paint(&format!("{mark:6}"), colour),
            started.elapsed().as_secs_f64()
        );
        self.print(line.trim_end());
        result
    }

    /// Prints one line above the live line.
    pub fn say(&self, line: &str) {
        let _running = self.running();
        self.print(line);
    }

    /// `text` in an ANSI colour where the terminal shows colours.
    pub fn paint(&self, text: &str, colour: &str) -> String {
        if self.terminal {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Callers hold the lock, so that lines do not mix with the live line.
    fn print(&self, line: &str) {
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        let _ = writeln!(std::io::stderr(), "{clear}{line}");
    }

    fn refresh(&self) {
        let mut running = self.running();
        if self.terminal {
            if !running.is_empty() {
                let steps: Vec<String> = running.iter().map(describe).collect();
                let line: String = steps.join(" | ").chars().take(columns() - 1).collect();
                let _ = write!(std::io::stderr(), "\r\x1b[2K{line}");
            }
            return;
        }
        for step in running
            .iter_mut()
            .filter(|step| step.reminded.elapsed() > REMIND)
        {
            step.reminded = Instant::now();
            let _ = writeln!(std::io::stderr(), "  ...     {}", describe(step));
        }
    }
}

impl Step<'_> {
    /// Says what the step is busy with, in a few words.
    pub fn detail(&self, text: &str) {
        let mut running = self.progress.running();
        if let Some(step) = running.iter_mut().find(|step| step.name == self.name) {
            step.detail = text.trim().to_owned();
        }
    }
}

fn describe(step: &Running) -> String {
    let detail: String = step.detail.chars().take(40).collect();
    format!(
        "{} {} s {detail}",
        step.name,
        step.started.elapsed().as_secs()
    )
    .trim_end()
    .to_owned()
}

/// Width of the terminal, by the shell's own variable: exact enough for one line.
fn columns() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100)
        .max(20)
}
