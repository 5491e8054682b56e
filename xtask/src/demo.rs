//! `cargo xtask demo`: the stack and, on top of it, the demo page.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::command::{command, root};
use crate::parts::{self, Part};
use crate::progress::Progress;
use crate::stack::{self, Port, Stack};

/// How long the page's server may take until it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the demo is started with.
pub struct Options {
    /// The stack beneath it.
    pub stack: stack::Options,
    /// Whether everything is built first.
    pub build: bool,
    /// Where the page is.
    pub page_port: Port,
    /// Whether a browser is opened where there is one.
    pub open: bool,
}

/// Runs the demo until a signal comes.
pub fn run(options: &Options) -> Result<()> {
    options.page_port.choose("--page-port")?;
    let progress = Progress::start();
    if options.build {
        parts::build(&progress, &[Part::Sdk, Part::Edge, Part::Lake, Part::Page])?;
    }
    let key = stack::random_secret()?;
    let shown = stack::Options {
        sinks: vec![team_sign_ups()],
        key: Some(key.clone()),
        ..options.stack.clone()
    };
    let (mut stack, page) = progress.step("demo: start", |_| {
        let mut stack = stack::start(&shown)?;
        stack.description["sinks"] = json!(shown.sinks);
        let page = start_page(&mut stack, options, &key)?;
        Ok((stack, page))
    })?;
    println!("{}", status(&progress, &stack, &page));
    if options.open {
        open(&page);
    }
    stack.supervisor.watch()
}

/// A sink that takes some of the events, so that the page has one to show whose filter fires.
fn team_sign_ups() -> Value {
    json!({
        "name": "team-sign-ups",
        "type": "kinesis",
        "stream": "forebay-team-sign-ups",
        "filter": { "event_type": ["SignUpEvent"], "attributes": { "plan": ["team"] } },
    })
}

/// Starts the page's server. `key` is what it sends events and reads metrics with; the page does not get it.
fn start_page(stack: &mut Stack, options: &Options, key: &str) -> Result<String> {
    let port = options.page_port.choose("--page-port")?.to_string();
    let description = stack.description.to_string();
    let mut node = command("node", ["demo-react/server.mjs", "--port", &port]);
    node.arg("--stack").arg(description);
    node.arg("--replay").arg(parts::replay_program());
    stack
        .supervisor
        .start("page", node.env("FOREBAY_KEY", key))?;
    stack.supervisor.wait_for(READY_TIMEOUT, |line| {
        line.strip_prefix("ready ").map(str::to_owned)
    })
}

fn status(progress: &Progress, stack: &Stack, page: &str) -> String {
    let text = |name: &str| {
        stack.description[name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let below = root().display().to_string() + "/";
    let folder = |path: String| path.strip_prefix(&below).map(str::to_owned).unwrap_or(path);
    let line = |name: &str, value: String, what: String| {
        format!("  {name:8} {value:24} {}\n", progress.paint(&what, "2"))
    };
    let lines = [
        line(
            "kinesis",
            text("kinesis"),
            format!("stream {}", text("stream")),
        ),
        line("worker", text("edge"), format!("app {}", text("app_id"))),
        line("lake", folder(text("lake")), String::new()),
        line(
            "logs",
            folder(stack.logs.display().to_string()),
            String::new(),
        ),
    ];
    format!(
        "\n{}\n  The demo is at {}. Ctrl-C stops everything.",
        lines.concat(),
        progress.paint(page, "1;36")
    )
}

/// Opens the page where somebody sits in front of the machine. That it does not open is no error:
/// its address was printed.
fn open(page: &str) {
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    if std::io::stdout().is_terminal() && (has_display || cfg!(target_os = "macos")) {
        let _ = command(program, [page])
            .stdout(std::process::Stdio::null())
            .spawn();
    }
}
