//! `GET /healthz`: whether the worker is alive and its configuration can be used. `GET /readyz`, and
//! `/healthz?deep=1`: also whether its sinks take records.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use forebay_core::json::Writer;
use forebay_core::time::Timestamp;

use crate::config::{Config, ConfigError};
use crate::delivery::SinkError;
use crate::delivery::routing::Sinks;
use crate::http::message::Answer;
use crate::platform::Platform;
use crate::single_flight::{Flight, Turn};

/// How long what the sinks said is repeated: anyone may ask, and a sink counts its calls.
const KEPT_MS: i64 = 5_000;

/// What a sink said of itself: its status, or why there is none.
type Status = Result<String, String>;

/// After which whoever asks the sinks is taken for lost: both may take their time out, one after the
/// other.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// What the sinks said last, and whether someone asks them.
#[derive(Default)]
struct Known {
    last: RefCell<Option<(Timestamp, [Status; 2])>>,
    flight: Flight,
}

thread_local! {
    static KNOWN: Rc<Known> = Rc::default();
}

/// Answers a request: 200 where all is well, else 503 with what is not.
pub async fn answer(
    config: Result<&Config, &[ConfigError]>,
    asks_sinks: bool,
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
            false
        }
        Ok(config) => {
            let schema_version = i64::from(config.schema.version);
            writer.name("configuration").string("ok");
            writer.name("schema_version").integer(schema_version);
            !asks_sinks || write_sinks(&mut writer, &config.sinks, platform).await
        }
    };
    writer
        .name("status")
        .string(if is_well { "ok" } else { "error" });
    writer.end_object();
    Answer::json(if is_well { 200 } else { 503 }, writer.finish())
}

/// Writes the status of both sinks, and says whether both take records.
async fn write_sinks(writer: &mut Writer, sinks: &Sinks, platform: &impl Platform) -> bool {
    let [events, dead_letters] = ask(sinks, platform).await;
    writer.name("streams").begin_object();
    for (name, status) in [("events", &events), ("dead_letters", &dead_letters)] {
        writer
            .name(name)
            .string(status.as_ref().unwrap_or_else(|error| error));
    }
    writer.end_object();
    let takes_records = |status| matches!(status, Ok("ACTIVE" | "UPDATING"));
    takes_records(events.as_deref()) && takes_records(dead_letters.as_deref())
}

async fn ask(sinks: &Sinks, platform: &impl Platform) -> [Status; 2] {
    let known = KNOWN.with(Rc::clone);
    loop {
        let now = platform.now();
        let last = known.last.borrow().clone();
        if let Some((_, statuses)) = last.filter(|(asked, _)| now.0 - asked.0 < KEPT_MS) {
            return statuses;
        }
        match known.flight.turn(LOST_AFTER, platform).await {
            Turn::Ask(_landing) => {
                let [events, dead_letters] = sinks.statuses(platform).await;
                let text =
                    |status: Result<String, SinkError>| status.map_err(|error| error.to_string());
                let statuses = [text(events), text(dead_letters)];
                let answered = platform.now();
                known.last.replace(Some((answered, statuses.clone())));
                return statuses;
            }
            Turn::Look => {}
            Turn::GiveUp => return [(); 2].map(|()| Err("not asked: too many ask".to_owned())),
        }
    }
}
