//! `GET /healthz`: whether the worker is alive, which any answer proves; it also lists the mistakes in the
//! configuration. `GET /readyz`, and `/healthz?deep=1`: whether the worker is ready: the configuration can be
//! used, and the sinks that answers wait for take records.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use forebay_core::json::Writer;
use forebay_core::time::Timestamp;

use crate::config::{Config, ConfigError};
use crate::delivery::routing::Sinks;
use crate::delivery::target::NOT_ASKED;
use crate::http::message::Answer;
use crate::platform::Platform;
use crate::single_flight::{Flight, Turn};

/// How long the statuses of the sinks are kept: anyone may ask for them, and a sink limits its calls.
const KEPT_MS: i64 = 5_000;

/// What a sink said of itself: its status, or why there is none.
type Status = Result<String, String>;

/// That of each sink, by its name.
type Statuses = Vec<(String, Status)>;

/// After this time the request that asks the sinks counts as lost: the sinks have 4 s, all at the same time.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// What the sinks said last, and whether someone asks them.
#[derive(Default)]
struct Known {
    last: RefCell<Option<(Timestamp, Statuses)>>,
    flight: Flight,
}

thread_local! {
    static KNOWN: Rc<Known> = Rc::default();
}

/// Answers a request. Asked for readiness, it answers 200 where the worker is ready, else 503 with the reason.
pub async fn answer(
    config: Result<&Config, &[ConfigError]>,
    asks_for_readiness: bool,
    platform: &impl Platform,
) -> Answer {
    let mut writer = Writer::new();
    writer.begin_object();
    writer.name("version").string(env!("CARGO_PKG_VERSION"));
    let is_well = match config {
        Err(errors) => {
            writer.name("configuration").begin_array();
            for error in errors {
                writer.string(&error.to_string());
            }
            writer.end_array();
            !asks_for_readiness
        }
        Ok(config) => {
            let schema_version = i64::from(config.schema.version);
            writer.name("configuration").string("ok");
            writer.name("schema_version").integer(schema_version);
            !asks_for_readiness || write_sinks(&mut writer, &config.sinks, platform).await
        }
    };
    writer
        .name("status")
        .string(if is_well { "ok" } else { "error" });
    writer.end_object();
    Answer::json(if is_well { 200 } else { 503 }, writer.finish())
}

/// Writes the status of the sinks that answers wait for, and says whether all of them take records.
async fn write_sinks(writer: &mut Writer, sinks: &Sinks, platform: &impl Platform) -> bool {
    let Some(statuses) = ask(sinks, platform).await else {
        writer.name("sinks").string("not asked: too many ask");
        return false;
    };
    writer.name("sinks").begin_object();
    for (name, status) in &statuses {
        writer
            .name(name)
            .string(status.as_ref().unwrap_or_else(|error| error));
    }
    writer.end_object();
    let takes_records = |(_, status): &(_, Status)| {
        matches!(status.as_deref(), Ok("ACTIVE" | "UPDATING" | NOT_ASKED))
    };
    statuses.iter().all(takes_records)
}

/// What the sinks say; `None` where too many ask.
async fn ask(sinks: &Sinks, platform: &impl Platform) -> Option<Statuses> {
    let known = KNOWN.with(Rc::clone);
    loop {
        let now = platform.now();
        let last = known.last.borrow().clone();
        if let Some((_, statuses)) = last.filter(|(asked, _)| now.0 - asked.0 < KEPT_MS) {
            return Some(statuses);
        }
        match known.flight.turn(LOST_AFTER, platform).await {
            Turn::Ask(_landing) => {
                let statuses = sinks.statuses(platform).await.into_iter();
                let statuses: Statuses = statuses
                    .map(|(name, status)| (name, status.map_err(|error| error.to_string())))
                    .collect();
                let answered = platform.now();
                known.last.replace(Some((answered, statuses.clone())));
                return Some(statuses);
            }
            Turn::Look => {}
            Turn::GiveUp => return None,
        }
    }
}
