//! Programs that run until they are told to stop, watched together: what they print, which of
//! them ended, and the signals that ask for the end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How many of a program's last lines are shown when it ends by itself.
const LAST_LINES: usize = 30;
/// How long a program may take to stop by itself: the lake writes its open batch.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a program that is stopping is looked at.
const STOP_POLL: Duration = Duration::from_millis(20);

/// The running programs, in the order in which they were started.
pub struct Supervisor {
    logs: PathBuf,
    programs: Vec<Program>,
    events: Receiver<Event>,
    sender: Sender<Event>,
}

struct Program {
    name: &'static str,
    child: Child,
    last_lines: VecDeque<String>,
}

enum Event {
    Line(usize, String),
    Closed(usize),
    Signal,
}

/// Somebody asked for the end with a signal; nothing went wrong.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

impl Supervisor {
    /// Starts to listen for signals. What programs print is kept in `logs`, one file each.
    pub fn new(logs: &Path) -> Result<Supervisor> {
        std::fs::create_dir_all(logs).with_context(|| logs.display().to_string())?;
        let (sender, events) = channel();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let signalled = sender.clone();
        std::thread::spawn(move || {
            for _ in signals.forever() {
                if signalled.send(Event::Signal).is_err() {
                    return;
                }
            }
        });
        Ok(Supervisor {
            logs: logs.to_owned(),
            programs: Vec::new(),
            events,
            sender,
        })
    }

    /// Starts a program. Has to be called on the main thread: the program dies with the thread
    /// that started it.
    pub fn start(&mut self, name: &'static str, command: &mut Command) -> Result<()> {
        let (reader, writer) = std::io::pipe().context("could not open a pipe")?;
        let mut log = File::create(self.logs.join(format!("{name}.log")))?;
        command.stdout(writer.try_clone()?).stderr(writer);
        // In a group of its own: Ctrl-C reaches this program alone, which stops the others in
        // order.
        command.process_group(0);
        die_with_parent(command);
        let child = command
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let index = self.programs.len();
        self.programs.push(Program {
            name,
            child,
            last_lines: VecDeque::new(),
        });
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                let _ = log.write_all(&line);
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                let _ = sender.send(Event::Line(index, text));
            }
            let _ = sender.send(Event::Closed(index));
        });
        Ok(())
    }

    /// Waits until the program started last prints a line that `found` recognises, and gives what
    /// it made of it.
    ///
    /// Fails when it takes longer than `timeout`, when any program ends, and with [`Interrupted`]
    /// on a signal.
    pub fn wait_for<T>(
        &mut self,
        timeout: Duration,
        mut found: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + timeout;
        let newest = self.programs.len().saturating_sub(1);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => {
                    if let Some((program, line)) = self.take(event)?
                        && program == newest
                        && let Some(answer) = found(&line)
                    {
                        return Ok(answer);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => bail!(
                    "{} was not ready after {} s{}",
                    self.programs[newest].name,
                    timeout.as_secs(),
                    self.last_lines(newest)
                ),
            }
        }
    }

    /// Handles what happened in the meantime, without waiting.
    pub fn check(&mut self) -> Result<()> {
        while let Ok(event) = self.events.try_recv() {
            self.take(event)?;
        }
        Ok(())
    }

    /// Waits until a program ends, which is an error, or a signal comes, which is [`Interrupted`].
    pub fn watch(&mut self) -> Result<()> {
        while let Ok(event) = self.events.recv() {
            self.take(event)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<Option<(usize, String)>> {
        match event {
            Event::Signal => Err(Interrupted.into()),
            Event::Line(index, line) => {
                let last_lines = &mut self.programs[index].last_lines;
                if last_lines.len() == LAST_LINES {
                    last_lines.pop_front();
                }
                last_lines.push_back(line.clone());
                Ok(Some((index, line)))
            }
            Event::Closed(index) => {
                let status = self.programs[index].child.wait()?;
                let name = self.programs[index].name;
                bail!("{name} ended with {status}{}", self.last_lines(index))
            }
        }
    }

    fn last_lines(&self, index: usize) -> String {
        let program = &self.programs[index];
        if program.last_lines.is_empty() {
            return ", and printed nothing".to_owned();
        }
        let lines: Vec<&str> = program.last_lines.iter().map(String::as_str).collect();
        format!("; its last lines:\n    {}", lines.join("\n    "))
    }

    /// Stops all, the newest first: what reads stops before what it reads from.
    pub fn stop(&mut self) {
        for program in self.programs.iter_mut().rev() {
            stop(&mut program.child);
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn stop(child: &mut Child) {
    let deadline = Instant::now() + STOP_TIMEOUT;
    // An error means that it has ended already.
    let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(STOP_POLL);
    }
}

/// Lets the kernel kill the program when this one dies without a chance to stop it.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let parent = Pid::this();
    let ask = move || {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the kernel was asked.
        if Pid::parent() != parent {
            return Err(nix::errno::Errno::ESRCH.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec, `ask` makes two system calls and allocates nothing.
    unsafe {
        command.pre_exec(ask);
    }
}

/// Elsewhere a program outlives a parent that is killed with SIGKILL; there is no such promise.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}
