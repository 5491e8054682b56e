//! `FOREBAY`: the settings that are no secret.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{App, ConfigError, error};
use crate::budget::Budget;
use crate::identity::ids::{is_cognito_id, is_identity_id};
use crate::identity::issuer::Issuer;
use crate::pipeline::enrich::Enrichment;
use crate::rates::RateSettings;

/// The binding `FOREBAY`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The region that requests must be signed for.
    pub region: String,
    /// At least one.
    pub apps: Vec<App>,
    /// The streams of Kinesis.
    #[serde(default)]
    pub kinesis: KinesisSettings,
    /// Further sinks.
    #[serde(default)]
    pub sinks: Vec<SinkSettings>,
    /// Where dead letters go, if not to `kinesis.dead_letter_stream`.
    pub dead_letters: Option<SinkSettings>,
    /// The queue in front of the required sinks and the sink of dead letters.
    pub queue: Option<BindingSettings>,
    /// The dataset of Analytics Engine, which gets the counts of all isolates.
    pub analytics: Option<BindingSettings>,
    /// `awsAccountId` of the records.
    pub aws_account_id: Option<String>,
    /// The issuers whose tokens are logins.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// `iss` of the OpenID tokens that the worker issues: its own address.
    pub openid_issuer: Option<String>,
    /// The path under which a proxy serves the worker.
    #[serde(default)]
    pub base_path: String,
    /// How many accepted events an isolate remembers at least.
    #[serde(default = "default_deduplication_window")]
    pub deduplication_window: usize,
    /// What is added to events.
    #[serde(default)]
    pub enrichment: Enrichment,
    /// Most bytes that the requests in flight in an isolate take together.
    #[serde(default = "default_memory_budget")]
    pub memory_budget: usize,
    /// How often networks and identities may send requests.
    #[serde(default)]
    pub rate_limits: RateSettings,
    /// The ids of identities that are refused.
    #[serde(default)]
    pub revoked_identities: BTreeSet<String>,
}

/// Of the 128 MB that an isolate has, what is left beside the module (10 MB), the deduplication
/// window and what the platform itself needs.
fn default_memory_budget() -> usize {
    80 * 1024 * 1024
}

/// 100,000 events: at most 4.5 MB of the 128 MB that an isolate has.
fn default_deduplication_window() -> usize {
    100_000
}

/// At most 36 MB.
const MAX_DEDUPLICATION_WINDOW: usize = 500_000;

/// `kinesis` of [`Settings`].
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KinesisSettings {
    /// A URL; AWS's own for the region where it is missing.
    pub endpoint: Option<String>,
    /// The region to sign for; that of the worker where it is missing.
    pub region: Option<String>,
    /// The stream of valid events, a required sink; none where another sink is required.
    pub stream: Option<String>,
    /// The stream of what was refused; none where `dead_letters` names another sink for it.
    pub dead_letter_stream: Option<String>,
}

/// `queue` and `analytics` of [`Settings`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindingSettings {
    /// The name of its binding.
    pub binding: String,
}

/// One of `sinks` of [`Settings`], or its `dead_letters`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkSettings {
    /// Its name in log and metrics; `dead_letters` may leave it out.
    #[serde(default)]
    pub name: String,
    /// Which service it is.
    #[serde(rename = "type")]
    pub kind: SinkKind,
    /// Whether an event's answer waits for it and depends on it.
    #[serde(default)]
    pub required: bool,
    /// A pattern of EventBridge's language: which records it takes.
    pub filter: Option<serde_json::Value>,
    /// The region to sign for; that of the worker where it is not said.
    pub region: Option<String>,
    /// A URL; AWS's own for the region where it is not said.
    pub endpoint: Option<String>,
    /// The stream, of Kinesis and of Firehose.
    pub stream: Option<String>,
    /// The bus, of EventBridge.
    pub bus: Option<String>,
    /// The `source` of its events, of EventBridge.
    pub source: Option<String>,
    /// Most bytes of an entry and of all entries of a call, of EventBridge.
    pub max_bytes: Option<usize>,
    /// The application's id there, of Pinpoint.
    pub app_id: Option<String>,
}

/// `type` of [`SinkSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    /// Kinesis Data Streams.
    Kinesis,
    /// Amazon Data Firehose.
    Firehose,
    /// Amazon EventBridge.
    EventBridge,
    /// PutEvents at another endpoint.
    Pinpoint,
}

/// Checks the binding.
///
/// # Errors
/// The first mistake.
pub fn read(value: Option<serde_json::Value>) -> Result<Settings, ConfigError> {
    const NAME: &str = "FOREBAY";
    let value = value.ok_or_else(|| error(NAME, "is missing, or not an object"))?;
    let settings: Settings =
        serde_json::from_value(value).map_err(|problem| error(NAME, problem.to_string()))?;
    if settings.apps.is_empty() {
        return Err(error(NAME, "`apps` names no app"));
    }
    for app in &settings.apps {
        if !is_cognito_id(&app.identity_pool_id) {
            let problem = "an `identity_pool_id` is not of the form <region>:<uuid>";
            return Err(error(NAME, problem));
        }
        let quota = app.daily_quota.check();
        quota.map_err(|problem| error(NAME, problem))?;
    }
    for (index, issuer) in settings.issuers.iter().enumerate() {
        issuer.check().map_err(|problem| error(NAME, problem))?;
        let mut others = settings.issuers.iter().skip(index + 1);
        if others.any(|other| other.provider() == issuer.provider()) {
            return Err(error(NAME, "`issuers` names one issuer twice"));
        }
    }
    if !is_base_path(&settings.base_path) {
        let problem = "`base_path` is not a path such as /ingest, as it stands in a URL";
        return Err(error(NAME, problem));
    }
    if settings.deduplication_window > MAX_DEDUPLICATION_WINDOW {
        let problem =
            format!("`deduplication_window` is more than {MAX_DEDUPLICATION_WINDOW} events");
        return Err(error(NAME, problem));
    }
    let least = Budget::least();
    if settings.memory_budget < least {
        let problem =
            format!("`memory_budget` is less than {least} bytes, which one request may take");
        return Err(error(NAME, problem));
    }
    settings
        .rate_limits
        .check()
        .map_err(|problem| error(NAME, problem))?;
    if !settings
        .revoked_identities
        .iter()
        .all(|id| is_identity_id(id))
    {
        let problem = "one of `revoked_identities` is not of the form <region>:<uuid>";
        return Err(error(NAME, problem));
    }
    let KinesisSettings {
        stream,
        dead_letter_stream,
        ..
    } = &settings.kinesis;
    if [stream, dead_letter_stream].contains(&&Some(String::new()))
        || (stream.is_some() && stream == dead_letter_stream)
    {
        let problem = "`kinesis.stream` and `kinesis.dead_letter_stream` must name two streams";
        return Err(error(NAME, problem));
    }
    if dead_letter_stream.is_some() == settings.dead_letters.is_some() {
        let problem =
            "say where dead letters go: either `kinesis.dead_letter_stream` or `dead_letters`";
        return Err(error(NAME, problem));
    }
    Ok(settings)
}

/// Whether it is empty, or segments of a URL's path that no client writes otherwise.
fn is_base_path(path: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>`{}^|".contains(&byte);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.is_empty()
        || path.strip_prefix('/').is_some_and(|segments| {
            let mut segments = segments.split('/');
            path.bytes().all(is_allowed)
                && segments.all(|segment| !matches!(segment, "" | "." | ".."))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::config::tests::{bindings, problems, settings};

    fn issuers(names: &[&str], jwks_uri: &str) -> Value {
        let issuer =
            |name: &&str| json!({ "issuer": name, "audiences": ["a"], "jwks_uri": jwks_uri });
        names.iter().map(issuer).collect()
    }

    #[test]
    fn a_mistake_is_told_by_its_binding() {
        for (pointer, value, expected) in [
            ("/apps", json!([]), "names no app"),
            (
                "/apps/0/identity_pool_id",
                json!("pool"),
                "identity_pool_id",
            ),
            (
                "/apps/0/identity_pool",
                json!("x"),
                "unknown field `identity_pool`",
            ),
            (
                "/kinesis/dead_letter_stream",
                json!("events"),
                "two streams",
            ),
            ("/apps/0/daily_quota", json!({ "events": 0 }), "0 `events`"),
            (
                "/apps/0/daily_quota",
                json!({ "megabytes": 1 }),
                "unknown field `megabytes`",
            ),
            ("/base_path", json!("ingest"), "such as /ingest"),
            ("/base_path", json!("/a//b"), "such as /ingest"),
            ("/base_path", json!("/a/../b"), "such as /ingest"),
            ("/base_path", json!("/ä"), "such as /ingest"),
            (
                "/base_path",
                json!("https://a.example/b"),
                "such as /ingest",
            ),
            (
                "/issuers",
                issuers(&["http://a.example"], "https://a.example/keys"),
                "`issuer` is not an https URL",
            ),
            (
                "/issuers",
                issuers(&["https://a.example"], "http://a.example/keys"),
                "`jwks_uri` is not an https URL",
            ),
            (
                "/issuers",
                issuers(
                    &["https://a.example", "https://a.example/"],
                    "http://127.0.0.1:80/",
                ),
                "twice",
            ),
            (
                "/issuers",
                json!([{ "issuer": "https://a", "jwks_uri": "https://a", "audiences": [] }]),
                "`audiences` names no audience",
            ),
            (
                "/deduplication_window",
                json!(500_001),
                "more than 500000 events",
            ),
            (
                "/enrichment",
                json!({ "geo": false }),
                "unknown field `geo`",
            ),
            ("/enrichment", json!({ "place": 0 }), "invalid type"),
            ("/deduplication_window", json!(-1), "invalid value"),
            ("/deduplication_window", json!(false), "invalid type"),
            (
                "/memory_budget",
                json!(1_000_000),
                "`memory_budget` is less",
            ),
            (
                "/rate_limits",
                json!({ "events_per_network": { "requests": 0, "seconds": 1 } }),
                "0 `requests`",
            ),
            (
                "/rate_limits",
                json!({ "events_per_visitor": { "requests": 1, "seconds": 1 } }),
                "unknown field `events_per_visitor`",
            ),
            (
                "/revoked_identities",
                json!(["eu-north-1:6FB4C4F2-0000-4000-8000-000000000001"]),
                "`revoked_identities`",
            ),
            ("/kinesis/endpoint", json!("kinesis"), "not an http"),
            (
                "/kinesis/region",
                json!("evil.example/"),
                "not the name of an AWS region",
            ),
            ("/kinesis/steam", json!("x"), "unknown field `steam`"),
            ("/region", json!(5), "invalid type"),
        ] {
            let mut settings = settings();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            settings.pointer_mut(parent).unwrap()[name] = value;
            let problems = problems(bindings(settings));
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with("FOREBAY: ") && problems[0].contains(expected),
                "{problems:?}"
            );
        }
    }
}
