//! The sinks of the settings.

use forebay_aws_call::event_bridge::{self, EVENT_BRIDGE};
use forebay_aws_call::firehose::FIREHOSE;
use forebay_aws_call::kinesis::KINESIS;
use forebay_aws_call::pinpoint::PINPOINT;
use forebay_aws_call::{self as aws, Endpoint, Limits};

use super::settings::{KinesisSettings, SinkKind, SinkSettings};
use super::sink_keys::{SINK_KEYS, SinkCredentials};
use super::{ConfigError, error};
use crate::delivery::pattern::Pattern;
use crate::delivery::queue::Queue;
use crate::delivery::routing::Sinks;
use crate::delivery::sinks::Service;
use crate::delivery::sinks::aws::Access;
use crate::delivery::sinks::event_bridge::EventBus;
use crate::delivery::sinks::firehose::FirehoseStream;
use crate::delivery::sinks::kinesis::KinesisStream;
use crate::delivery::sinks::pinpoint::PinpointApp;
use crate::delivery::target::Target;

const FOREBAY: &str = "FOREBAY";
/// The name of the sink that `kinesis.stream` is.
pub const KINESIS_STREAM: &str = "kinesis";
/// The name of the sink of dead letters, unless it has another.
pub const DEAD_LETTERS: &str = "dead_letters";
/// The `detail-type` of dead letters on a bus of EventBridge: rules for an event type must not fire for
/// what was refused.
const DEAD_LETTER_TYPE: &str = "_dead_letter";

/// The name of the sink of dead letters.
pub fn name_of_letters(settings: &SinkSettings) -> &str {
    match settings.name.as_str() {
        "" => DEAD_LETTERS,
        name => name,
    }
}

/// The sinks of the settings. `region` is the worker's, which each has too unless said otherwise.
///
/// # Errors
/// The first mistake: an endpoint or a region that is none, a filter that cannot be read, what a
/// sink needs and does not have, no sink that is required, or dead letters among the events.
pub fn of(
    kinesis: KinesisSettings,
    further: Vec<SinkSettings>,
    dead_letters: Option<SinkSettings>,
    keys: &SinkCredentials,
    region: &str,
) -> Result<Sinks, ConfigError> {
    let kinesis_region = kinesis.region.as_deref().unwrap_or(region);
    let stream = |sink: &str, name: String| {
        let url = kinesis.endpoint.as_deref();
        let access = Access {
            endpoint: endpoint(&KINESIS, "`kinesis`", url, kinesis_region)?,
            region: kinesis_region.to_owned(),
            credentials: keys.of(sink)?,
        };
        Ok(Service::Kinesis(KinesisStream { access, name }))
    };
    let mut targets = Vec::new();
    if let Some(name) = kinesis.stream {
        let service = stream(KINESIS_STREAM, name)?;
        targets.push(Target::new(KINESIS_STREAM.to_owned(), service, None, true));
    }
    for settings in further {
        let is_taken = |name: &str| targets.iter().any(|other: &Target| other.name == name);
        if matches!(settings.name.as_str(), "" | DEAD_LETTERS | Queue::NAME)
            || is_taken(&settings.name)
        {
            let problem = "each of `sinks` needs a name that no other has; `kinesis`, \
                           `dead_letters` and `queue` are taken";
            return Err(error(FOREBAY, problem));
        }
        let setting = format!("`sinks`, `{}`", settings.name);
        targets.push(target(settings, &setting, keys, region)?);
    }
    if !targets.iter().any(|target| target.is_required) {
        let problem =
            "no sink is required: name `kinesis.stream`, or set `required` of one of `sinks`";
        return Err(error(FOREBAY, problem));
    }
    let dead_letters = match (kinesis.dead_letter_stream, dead_letters) {
        (Some(name), _) => {
            let service = stream(DEAD_LETTERS, name)?;
            Target::new(DEAD_LETTERS.to_owned(), service, None, true)
        }
        (None, Some(settings)) => of_letters(settings, keys, region)?,
        (None, None) => return Err(error(FOREBAY, "nothing says where dead letters go")),
    };
    if targets
        .iter()
        .any(|target| target.service.is_same(&dead_letters.service))
    {
        let problem = format!("`{DEAD_LETTERS}` and a sink of events are one stream");
        return Err(error(FOREBAY, problem));
    }
    let is_sink = |name: &String| {
        let mut all = targets.iter().chain([&dead_letters]);
        all.any(|target| target.name == *name)
    };
    if let Some(name) = keys.of_sinks.keys().find(|name| !is_sink(name)) {
        return Err(error(SINK_KEYS, format!("`sinks` has no `{name}`")));
    }
    Ok(Sinks::new(targets, dead_letters))
}

/// The sink of dead letters, where that is none of `kinesis`.
fn of_letters(
    settings: SinkSettings,
    keys: &SinkCredentials,
    region: &str,
) -> Result<Target, ConfigError> {
    let problem = |what| error(FOREBAY, format!("`{DEAD_LETTERS}`: {what}"));
    if settings.kind == SinkKind::Pinpoint {
        return Err(problem(
            "a dead letter is no event, and `pinpoint` takes only events",
        ));
    }
    if settings.filter.is_some() {
        return Err(problem(
            "`filter` is for sinks of events: no dead letter may be left out",
        ));
    }
    let settings = SinkSettings {
        name: name_of_letters(&settings).to_owned(),
        required: true,
        ..settings
    };
    let mut target = target(settings, &format!("`{DEAD_LETTERS}`"), keys, region)?;
    if let Service::EventBridge(bus) = &mut target.service {
        bus.detail_type = Some(DEAD_LETTER_TYPE);
    }
    Ok(target)
}

/// A sink. `setting` is what mistakes call it.
fn target(
    settings: SinkSettings,
    setting: &str,
    keys: &SinkCredentials,
    region: &str,
) -> Result<Target, ConfigError> {
    let SinkSettings {
        name,
        kind,
        required,
        filter,
        region: own_region,
        endpoint: url,
        stream,
        bus,
        source,
        max_bytes,
        app_id,
    } = settings;
    let problem = |what: &str| error(FOREBAY, format!("{setting}: {what}"));
    let filter = filter.map(|filter| {
        Pattern::parse(&filter.to_string())
            .map_err(|mistake| problem(&format!("`filter`: {mistake}")))
    });
    let (service, foreign) = match kind {
        SinkKind::Kinesis => (
            &KINESIS,
            [
                bus.is_some(),
                source.is_some(),
                max_bytes.is_some(),
                app_id.is_some(),
            ],
        ),
        SinkKind::Firehose => (
            &FIREHOSE,
            [
                bus.is_some(),
                source.is_some(),
                max_bytes.is_some(),
                app_id.is_some(),
            ],
        ),
        SinkKind::EventBridge => (
            &EVENT_BRIDGE,
            [stream.is_some(), app_id.is_some(), false, false],
        ),
        SinkKind::Pinpoint => (
            &PINPOINT,
            [
                stream.is_some(),
                bus.is_some(),
                source.is_some(),
                max_bytes.is_some(),
            ],
        ),
    };
    if foreign.contains(&true) {
        return Err(problem("a setting is not of this type of sink"));
    }
    let region = own_region.unwrap_or_else(|| region.to_owned());
    let access = Access {
        endpoint: endpoint(service, setting, url.as_deref(), &region)?,
        region,
        credentials: keys.of(&name)?,
    };
    let needed = |value: Option<String>, what: &str| {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or_else(|| problem(&format!("`{what}` is missing")))
    };
    let service = match kind {
        SinkKind::Kinesis => Service::Kinesis(KinesisStream {
            access,
            name: needed(stream, "stream")?,
        }),
        SinkKind::Firehose => Service::Firehose(FirehoseStream {
            access,
            name: needed(stream, "stream")?,
        }),
        SinkKind::EventBridge => Service::EventBridge(EventBus {
            access,
            name: bus,
            source: source.unwrap_or_else(|| "forebay".to_owned()),
            detail_type: None,
            limits: max_bytes.map_or(event_bridge::LIMITS, |bytes| Limits {
                bytes,
                item_bytes: bytes,
                ..event_bridge::LIMITS
            }),
        }),
        SinkKind::Pinpoint => Service::Pinpoint(PinpointApp {
            access,
            app_id: needed(app_id, "app_id")?,
        }),
    };
    Ok(Target::new(
        name.clone(),
        service,
        filter.transpose()?,
        required,
    ))
}

/// Where a service answers: as configured, or AWS's own endpoint of the region.
fn endpoint(
    service: &aws::Service,
    setting: &str,
    url: Option<&str>,
    region: &str,
) -> Result<Endpoint, ConfigError> {
    let (which, endpoint) = match url {
        Some(url) => ("endpoint", Endpoint::parse(url)),
        None => ("region", Endpoint::of_region(service, region, false)),
    };
    endpoint.map_err(|problem| error(FOREBAY, format!("{setting}: `{which}` {problem}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::tests::{bindings, problems, settings};
    use crate::config::{Bindings, Config};

    fn sinks(bindings: Bindings) -> Sinks {
        Config::read(bindings).ok().unwrap().sinks
    }

    fn access(service: &Service) -> &Access {
        match service {
            Service::Kinesis(sink) => &sink.access,
            Service::Firehose(sink) => &sink.access,
            Service::EventBridge(sink) => &sink.access,
            Service::Pinpoint(sink) => &sink.access,
            Service::Queue(_) => panic!("a queue needs no key"),
        }
    }

    #[test]
    fn kinesis_is_that_of_the_region_unless_said_otherwise() {
        let access_of = |settings| {
            let sinks = sinks(bindings(settings));
            access(&sinks.targets[0].service).clone()
        };
        let access = access_of(settings());
        assert_eq!(
            access.endpoint.as_str(),
            "https://kinesis.eu-north-1.amazonaws.com"
        );
        let mut other = settings();
        other["kinesis"]["endpoint"] = json!("http://127.0.0.1:4567/");
        other["kinesis"]["region"] = json!("us-west-2");
        let access = access_of(other);
        assert_eq!(access.endpoint.as_str(), "http://127.0.0.1:4567");
        assert_eq!(access.region, "us-west-2");
    }

    #[test]
    fn each_sink_has_its_own_service_region_and_key() {
        let mut settings = settings();
        settings["kinesis"]["stream"] = Value::Null;
        settings["sinks"] = json!([
            { "name": "lake", "type": "firehose", "stream": "f", "required": true },
            { "name": "bus", "type": "event_bridge", "region": "cn-north-1", "filter": { "event_type": ["A"] } },
            { "name": "old", "type": "pinpoint", "app_id": "b", "endpoint": "https://other.example" },
        ]);
        let sinks = sinks(Bindings {
            sink_keys: Some(r#"{"old":{"access_key_id":"OTHER","secret_access_key":"s"}}"#.into()),
            ..bindings(settings)
        });
        let seen: Vec<_> = sinks
            .targets
            .iter()
            .map(|target| {
                let access = access(&target.service);
                (
                    target.name.as_str(),
                    access.endpoint.as_str(),
                    access.credentials.access_key_id(),
                    target.is_required,
                    target.filter.is_some(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "lake",
                    "https://firehose.eu-north-1.amazonaws.com",
                    "AKID",
                    true,
                    false
                ),
                (
                    "bus",
                    "https://events.cn-north-1.amazonaws.com.cn",
                    "AKID",
                    false,
                    true
                ),
                ("old", "https://other.example", "OTHER", false, false),
            ]
        );
    }

    /// The settings with another sink of dead letters.
    fn letters_to(sink: Value) -> Value {
        let mut settings = settings();
        settings["kinesis"] = json!({ "stream": "events" });
        settings["dead_letters"] = sink;
        settings
    }

    #[test]
    fn dead_letters_may_go_to_any_sink_that_takes_them() {
        for (sink, endpoint) in [
            (
                json!({ "type": "kinesis", "stream": "dead" }),
                "https://kinesis.eu-north-1.amazonaws.com",
            ),
            (
                json!({ "type": "firehose", "stream": "events", "name": "letters" }),
                "https://firehose.eu-north-1.amazonaws.com",
            ),
            (
                json!({ "type": "event_bridge", "region": "eu-west-1" }),
                "https://events.eu-west-1.amazonaws.com",
            ),
        ] {
            let name = sink["name"].as_str().unwrap_or("dead_letters").to_owned();
            let letters = sinks(bindings(letters_to(sink))).dead_letters;
            assert_eq!(access(&letters.service).endpoint.as_str(), endpoint);
            assert_eq!(letters.name, name);
            if let Service::EventBridge(bus) = letters.service {
                assert_eq!(bus.detail_type, Some("_dead_letter"));
            }
        }
    }

    #[test]
    fn dead_letters_go_to_one_sink_that_is_none_of_events() {
        let mut both = letters_to(json!({ "type": "firehose", "stream": "f" }));
        both["kinesis"]["dead_letter_stream"] = json!("dead");
        for (settings, expected) in [
            (both, "either `kinesis.dead_letter_stream` or"),
            (
                letters_to(Value::Null),
                "either `kinesis.dead_letter_stream` or",
            ),
            (
                letters_to(json!({ "type": "kinesis", "stream": "events" })),
                "are one stream",
            ),
            (
                letters_to(json!({ "type": "pinpoint", "app_id": "a" })),
                "`dead_letters`: a dead letter is no event",
            ),
            (
                letters_to(json!({ "type": "firehose" })),
                "`dead_letters`: `stream` is missing",
            ),
            (
                letters_to(json!({ "type": "firehose", "stream": "f", "filter": {} })),
                "`dead_letters`: `filter` is for sinks of events",
            ),
        ] {
            let problems = problems(bindings(settings));
            assert!(problems[0].contains(expected), "{problems:?}");
        }
    }

    #[test]
    fn without_kinesis_its_key_is_not_needed() {
        let mut settings = settings();
        settings["kinesis"] = Value::Null;
        settings.as_object_mut().unwrap().remove("kinesis");
        settings["sinks"] =
            json!([{ "name": "lake", "type": "firehose", "stream": "f", "required": true }]);
        settings["dead_letters"] = json!({ "type": "firehose", "stream": "d" });
        let key = r#"{"access_key_id":"OWN","secret_access_key":"s"}"#;
        let of = |keys: String| Bindings {
            sink_keys: Some(keys),
            kinesis_access_key_id: None,
            kinesis_secret_access_key: None,
            ..bindings(settings.clone())
        };
        let all = of(format!(r#"{{"lake":{key},"dead_letters":{key}}}"#));
        let sinks = sinks(all);
        for target in sinks.targets.iter().chain([&sinks.dead_letters]) {
            assert_eq!(access(&target.service).credentials.access_key_id(), "OWN");
        }
        assert_eq!(
            problems(of(format!(r#"{{"lake":{key}}}"#))),
            [
                "KINESIS_ACCESS_KEY_ID: is missing",
                "KINESIS_SECRET_ACCESS_KEY: is missing"
            ]
        );
    }

    #[test]
    fn the_example_of_the_docs_can_be_used() {
        let docs = include_str!("../../../docs/edge-worker.md");
        let (_, section) = docs.split_once("### Sinks").unwrap();
        let (_, example) = section.split_once("```json").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let example: Value = serde_json::from_str(example).unwrap();
        let mut settings = settings();
        for name in ["kinesis", "sinks"] {
            settings[name] = example[name].clone();
        }
        assert_eq!(sinks(bindings(settings)).targets.len(), 4);
    }

    #[test]
    fn what_a_sink_lacks_is_named() {
        for (sinks, expected) in [
            (
                json!([{ "name": "a", "type": "firehose" }]),
                "`sinks`, `a`: `stream` is missing",
            ),
            (
                json!([{ "name": "a", "type": "pinpoint" }]),
                "`sinks`, `a`: `app_id` is missing",
            ),
            (
                json!([{ "name": "a", "type": "kinesis", "stream": "" }]),
                "`sinks`, `a`: `stream` is missing",
            ),
            (
                json!([{ "name": "kinesis", "type": "event_bridge" }]),
                "a name that no other has",
            ),
            (
                json!([{ "name": "", "type": "event_bridge" }]),
                "a name that no other has",
            ),
            (
                json!([{ "name": "a", "type": "event_bridge", "stream": "b" }]),
                "not of this type of sink",
            ),
            (
                json!([{ "name": "a", "type": "event_bridge", "region": "x/" }]),
                "`sinks`, `a`: `region` is not the name",
            ),
            (
                json!([{ "name": "a", "type": "event_bridge", "endpoint": "x" }]),
                "`sinks`, `a`: `endpoint` is not an http",
            ),
            (
                json!([{ "name": "a", "type": "event_bridge", "filter": { "b": [{ "prefx": "c" }] } }]),
                "`sinks`, `a`: `filter`: $.b[0].prefx: `prefx` is no operator",
            ),
            (
                json!([{ "name": "a", "type": "sqs" }]),
                "unknown variant `sqs`",
            ),
        ] {
            let mut settings = settings();
            settings["sinks"] = sinks;
            let problems = problems(bindings(settings));
            assert!(problems[0].contains(expected), "{problems:?}");
        }
        let mut none = settings();
        none["kinesis"]["stream"] = Value::Null;
        assert!(problems(bindings(none))[0].contains("no sink is required"));
    }

    #[test]
    fn keys_are_of_sinks_that_there_are_and_are_never_repeated() {
        let told = |keys: &str| {
            problems(Bindings {
                sink_keys: Some(keys.into()),
                ..bindings(settings())
            })
            .concat()
        };
        assert!(
            told(r#"{"b":{"access_key_id":"a","secret_access_key":"s"}}"#)
                .contains("SINK_KEYS: `sinks` has no `b`")
        );
        let mistake = told(r#"{"b":"hunter2"}"#);
        assert!(mistake.contains("SINK_KEYS: is not of the form") && !mistake.contains("hunter2"));
    }
}
