//! What a running lake reports: numbers in OpenMetrics, and whether it is ready.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use crate::source::kinesis::now;
use crate::state::Counts;

/// The lake is not ready where Kinesis has not answered for a shard for so long.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// How long a client may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_REQUEST_BYTES: usize = 8 * 1_024;

/// The numbers of one process.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    shards: BTreeMap<String, ShardNumbers>,
    errors: BTreeMap<String, u64>,
    write_errors: u64,
    /// Whether the last write failed.
    writes_fail: bool,
    /// Files that were merged, and files that they became.
    merged: (u64, u64),
    compaction_errors: u64,
}

#[derive(Debug, Default)]
struct ShardNumbers {
    counts: Counts,
    files: u64,
    bytes: u64,
    behind_millis: u64,
    open_records: u64,
    last_commit_millis: Option<i64>,
    last_answer: Option<Instant>,
    is_read: bool,
}

impl Metrics {
    fn with<T>(&self, change: impl FnOnce(&mut Numbers) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_shard(&self, shard: &str, change: impl FnOnce(&mut ShardNumbers)) {
        self.with(|numbers| change(numbers.shards.entry(shard.to_owned()).or_default()));
    }

    pub(super) fn started(&self, shard: &str, total: Counts) {
        self.with_shard(shard, |numbers| {
            numbers.counts = total;
            numbers.is_read = true;
        });
    }

    pub(super) fn ended(&self, shard: &str) {
        self.with_shard(shard, |numbers| {
            numbers.is_read = false;
            numbers.behind_millis = 0;
        });
    }

    pub(super) fn answered(&self, shard: &str, behind_millis: u64, open_records: u64) {
        self.with_shard(shard, |numbers| {
            numbers.behind_millis = behind_millis;
            numbers.open_records = open_records;
            numbers.last_answer = Some(Instant::now());
        });
    }

    pub(super) fn committed(&self, shard: &str, total: Counts, files: usize, bytes: u64) {
        self.with_shard(shard, |numbers| {
            numbers.counts = total;
            numbers.open_records = 0;
            numbers.files += files as u64;
            numbers.bytes += bytes;
            numbers.last_commit_millis = Some(now().0);
        });
    }

    pub(super) fn failed(&self, code: &str) {
        self.with(|numbers| *numbers.errors.entry(code.to_owned()).or_default() += 1);
    }

    pub(super) fn write_failed(&self) {
        self.with(|numbers| {
            numbers.write_errors += 1;
            numbers.writes_fail = true;
        });
    }

    pub(super) fn written(&self) {
        self.with(|numbers| numbers.writes_fail = false);
    }

    pub(super) fn compacted(&self, files_before: usize, files_after: usize) {
        self.with(|numbers| {
            numbers.merged.0 += files_before as u64;
            numbers.merged.1 += files_after as u64;
        });
    }

    pub(super) fn compaction_failed(&self) {
        self.with(|numbers| numbers.compaction_errors += 1);
    }

    /// Why the lake is not ready; `None` where it is.
    pub fn unready(&self) -> Option<String> {
        self.with(|numbers| {
            if numbers.writes_fail {
                return Some("files cannot be written".to_owned());
            }
            let mut read = numbers
                .shards
                .iter()
                .filter(|(_, shard)| shard.is_read)
                .peekable();
            if read.peek().is_none() {
                return Some("no shard is read yet".to_owned());
            }
            let is_silent = |shard: &ShardNumbers| {
                shard
                    .last_answer
                    .is_none_or(|last| last.elapsed() > LONGEST_SILENCE)
            };
            let silent = read.find(|(_, shard)| is_silent(shard));
            silent.map(|(id, _)| format!("{id}: Kinesis has not answered lately"))
        })
    }

    /// The numbers as OpenMetrics 1.0.
    pub fn text(&self) -> String {
        let ready = u8::from(self.unready().is_none());
        self.with(|numbers| numbers.text(ready))
    }
}

impl Numbers {
    fn text(&self, ready: u8) -> String {
        let mut text = String::new();
        family(
            &mut text,
            "ready",
            "gauge",
            "Whether the lake reads and writes.",
        );
        // Writing to a String does not fail.
        let _ = writeln!(text, "forebay_lake_ready {ready}");
        family(&mut text, "records", "counter", "Records by outcome.");
        for (shard, numbers) in &self.shards {
            let counts = numbers.counts;
            for (outcome, count) in [
                ("row", counts.rows),
                ("rejected", counts.rejected),
                ("duplicate", counts.duplicates),
                ("missing", counts.missing),
            ] {
                let labels = format!("shard=\"{shard}\",outcome=\"{outcome}\"");
                let _ = writeln!(text, "forebay_lake_records_total{{{labels}}} {count}");
            }
        }
        let gauge =
            |text: &mut String, name: &str, help: &str, of: &dyn Fn(&ShardNumbers) -> f64| {
                family(text, name, "gauge", help);
                for (shard, numbers) in &self.shards {
                    let value = of(numbers);
                    let _ = writeln!(text, "forebay_lake_{name}{{shard=\"{shard}\"}} {value}");
                }
            };
        #[allow(clippy::cast_precision_loss)]
        let seconds = |millis: u64| millis as f64 / 1_000.0;
        let behind = "How far reading is behind the newest record, as Kinesis says.";
        gauge(&mut text, "behind_seconds", behind, &|shard| {
            seconds(shard.behind_millis)
        });
        let open = "Records that were read and are not written yet.";
        #[allow(clippy::cast_precision_loss)]
        gauge(&mut text, "open_records", open, &|shard| {
            shard.open_records as f64
        });
        let last = "When this process last committed a batch; 0 where it has not.";
        gauge(&mut text, "last_commit_timestamp_seconds", last, &|shard| {
            seconds(u64::try_from(shard.last_commit_millis.unwrap_or_default()).unwrap_or_default())
        });
        let mut counter = |name: &str, help: &str, of: &dyn Fn(&ShardNumbers) -> u64| {
            family(&mut text, name, "counter", help);
            for (shard, numbers) in &self.shards {
                let value = of(numbers);
                let _ = writeln!(
                    text,
                    "forebay_lake_{name}_total{{shard=\"{shard}\"}} {value}"
                );
            }
        };
        counter("files", "Files written by this process.", &|shard| {
            shard.files
        });
        counter("file_bytes", "Their bytes.", &|shard| shard.bytes);
        family(
            &mut text,
            "kinesis_errors",
            "counter",
            "Calls to Kinesis that failed.",
        );
        for (code, count) in &self.errors {
            let _ = writeln!(
                text,
                "forebay_lake_kinesis_errors_total{{code=\"{code}\"}} {count}"
            );
        }
        let (merged, made) = self.merged;
        for (name, help, number) in [
            (
                "write_errors",
                "Writes that failed; they are tried again.",
                self.write_errors,
            ),
            (
                "merged_files",
                "Files that compaction has merged into others.",
                merged,
            ),
            (
                "compacted_files",
                "Files that compaction has written.",
                made,
            ),
            (
                "compaction_errors",
                "Partitions that could not be compacted; their files stay as they are.",
                self.compaction_errors,
            ),
        ] {
            family(&mut text, name, "counter", help);
            let _ = writeln!(text, "forebay_lake_{name}_total {number}");
        }
        text.push_str("# EOF\n");
        text
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(
        text,
        "# TYPE forebay_lake_{name} {kind}\n# HELP forebay_lake_{name} {help}"
    );
}

/// Answers `/metrics`, `/readyz` and `/healthz` until it is dropped.
pub async fn serve(listener: TcpListener, metrics: std::sync::Arc<Metrics>) {
    loop {
        // A connection that failed says nothing of the next one.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let metrics = metrics.clone();
        tokio::spawn(async move {
            // Whoever asked has gone, or is too slow.
            let _ = timeout(REQUEST_TIMEOUT, answer(stream, &metrics)).await;
        });
    }
}

async fn answer(mut stream: TcpStream, metrics: &Metrics) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1_024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await?;
        if read == 0 || request.len() + read > MAX_REQUEST_BYTES {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..read]);
    }
    let line = request
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    const TEXT: &str = "text/plain; charset=utf-8";
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let (status, kind, body) = match (method, path.split('?').next().unwrap_or_default()) {
        ("GET" | "HEAD", "/metrics") => ("200 OK", OPEN_METRICS, metrics.text()),
        ("GET" | "HEAD", "/healthz") => ("200 OK", TEXT, "ok\n".to_owned()),
        ("GET" | "HEAD", "/readyz") => match metrics.unready() {
            None => ("200 OK", TEXT, "ready\n".to_owned()),
            Some(why) => ("503 Service Unavailable", TEXT, format!("{why}\n")),
        },
        ("GET" | "HEAD", _) => (
            "404 Not Found",
            TEXT,
            "/metrics, /readyz, /healthz\n".to_owned(),
        ),
        _ => ("405 Method Not Allowed", TEXT, "GET\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}
