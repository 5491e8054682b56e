//! The worker's configuration: what its bindings hold, checked once when an isolate starts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_core::schema::pii::{MIN_SALT_BYTES, Salt};
use forebay_core::schema::{Pii, Schema};
use serde::Deserialize;

use crate::delivery::Sinks;
use crate::delivery::sinks::kinesis::{Kinesis, KinesisStream};
use crate::identity::login::Issuer;
use crate::identity::session_token::{MasterSecret, MasterSecrets};

/// The bindings as the platform gives them, unchecked.
#[derive(Default)]
pub struct Bindings {
    /// `FOREBAY`: the JSON object of [`Settings`].
    pub forebay: Option<serde_json::Value>,
    /// `SCHEMA`: the text of `forebay.schema.json`.
    pub schema: Option<String>,
    /// `MASTER_SECRETS`: JSON text, `[{"id":"1","secret":"<base64 of 32 bytes or more>"}]`.
    pub master_secrets: Option<String>,
    /// `PII_SALT`: base64 of 32 bytes or more.
    pub pii_salt: Option<String>,
    /// `KINESIS_ACCESS_KEY_ID`
    pub kinesis_access_key_id: Option<String>,
    /// `KINESIS_SECRET_ACCESS_KEY`
    pub kinesis_secret_access_key: Option<String>,
    /// `KINESIS_SESSION_TOKEN`: only with short-lived credentials.
    pub kinesis_session_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    region: String,
    apps: Vec<App>,
    kinesis: KinesisSettings,
    aws_account_id: Option<String>,
    #[serde(default)]
    issuers: Vec<Issuer>,
    #[serde(default)]
    base_path: String,
    #[serde(default = "default_deduplication_window")]
    deduplication_window: usize,
}

/// 100,000 events: at most 4.5 MB of the 128 MB that an isolate has.
fn default_deduplication_window() -> usize {
    100_000
}

/// At most 36 MB.
const MAX_DEDUPLICATION_WINDOW: usize = 500_000;

/// An application that may send events.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The id in the paths of PutEvents and UpdateEndpoint.
    pub app_id: String,
    /// The pool its users' identities come from, e.g. `us-east-1:f0e1d2c3-...`.
    pub identity_pool_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KinesisSettings {
    endpoint: Option<String>,
    region: Option<String>,
    stream: String,
    dead_letter_stream: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MasterSecretSetting {
    id: String,
    secret: String,
}

/// A configuration that was checked.
pub struct Config {
    /// The region that requests must be signed for.
    pub region: String,
    /// At least one.
    pub apps: Vec<App>,
    /// Whose tokens are logins; without one there are guests alone.
    pub issuers: Vec<Issuer>,
    /// Where records go.
    pub sinks: Sinks,
    /// Where a proxy has the worker, such as `/ingest`; empty, or without a slash at its end.
    pub base_path: String,
    /// Of how many events at least an isolate remembers that it has accepted them; 0 for none.
    pub deduplication_window: usize,
    /// `awsAccountId` of the records.
    pub aws_account_id: Option<String>,
    /// What session tokens are made with.
    pub master_secrets: MasterSecrets,
    /// What events are validated against.
    pub schema: Schema,
    /// What personal data is hashed with. There is one wherever the schema has a field to hash.
    pub pii_salt: Option<Salt>,
}

/// A mistake in the configuration: which binding, and what to do. Never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{binding}: {problem}")]
pub struct ConfigError {
    /// The binding's name.
    pub binding: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

fn error(binding: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError {
        binding,
        problem: problem.into(),
    }
}

impl Config {
    /// Checks the bindings.
    ///
    /// # Errors
    /// Every binding that has a mistake.
    pub fn read(bindings: Bindings) -> Result<Config, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let settings = kept(read_settings(bindings.forebay), &mut errors);
        let master_secrets = kept(read_master_secrets(bindings.master_secrets), &mut errors);
        let schema = read_schema(bindings.schema)
            .map_err(|found| errors.extend(found))
            .ok();
        let pii_salt = kept(
            read_pii_salt(bindings.pii_salt, schema.as_ref()),
            &mut errors,
        );
        let access_key_id = required("KINESIS_ACCESS_KEY_ID", bindings.kinesis_access_key_id);
        let access_key_id = kept(access_key_id, &mut errors);
        let secret = required(
            "KINESIS_SECRET_ACCESS_KEY",
            bindings.kinesis_secret_access_key,
        );
        let secret_access_key = kept(secret, &mut errors);
        let (
            Some(settings),
            Some(master_secrets),
            Some(schema),
            Some(pii_salt),
            Some(access_key_id),
            Some(secret_access_key),
        ) = (
            settings,
            master_secrets,
            schema,
            pii_salt,
            access_key_id,
            secret_access_key,
        )
        else {
            return Err(errors);
        };
        let region = settings
            .kinesis
            .region
            .unwrap_or_else(|| settings.region.clone());
        let endpoint = settings
            .kinesis
            .endpoint
            .unwrap_or_else(|| format!("https://kinesis.{region}.amazonaws.com"));
        let kinesis = Kinesis {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region,
            access_key_id,
            secret_access_key,
            session_token: bindings
                .kinesis_session_token
                .filter(|token| !token.is_empty()),
        };
        Ok(Config {
            region: settings.region,
            apps: settings.apps,
            issuers: settings.issuers,
            sinks: Sinks {
                events: KinesisStream {
                    kinesis: kinesis.clone(),
                    name: settings.kinesis.stream,
                },
                dead_letters: KinesisStream {
                    kinesis,
                    name: settings.kinesis.dead_letter_stream,
                },
            },
            base_path: settings.base_path.trim_end_matches('/').to_owned(),
            deduplication_window: settings.deduplication_window,
            aws_account_id: settings.aws_account_id,
            master_secrets,
            schema,
            pii_salt,
        })
    }

    /// A path without the base path, where it has that; other paths are those of a proxy that has
    /// taken it off, or of nobody's.
    pub fn routed<'a>(&self, path: &'a str) -> &'a str {
        match path.strip_prefix(&self.base_path) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => path,
        }
    }

    /// The app with this id.
    pub fn app(&self, app_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.app_id == app_id)
    }

    /// Whether a pool with this id is configured.
    pub fn has_identity_pool(&self, identity_pool_id: &str) -> bool {
        self.apps
            .iter()
            .any(|app| app.identity_pool_id == identity_pool_id)
    }

    /// Whether a configured pool could have issued this identity id: they begin with the region of
    /// their pool.
    pub fn may_know_identity(&self, identity_id: &str) -> bool {
        let region = |id: &str| id.split_once(':').map(|(region, _)| region.to_owned());
        let of_identity = region(identity_id);
        self.apps
            .iter()
            .any(|app| region(&app.identity_pool_id) == of_identity)
    }
}

/// The value, or its error put with the others.
fn kept<T>(result: Result<T, ConfigError>, errors: &mut Vec<ConfigError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn required(binding: &'static str, value: Option<String>) -> Result<String, ConfigError> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| error(binding, "is missing"))
}

/// Whether `id` has the form of a Cognito identity or identity pool id: `[\w-]+:[0-9a-f-]+`, at
/// most 55 characters (service model `cognito-identity/2014-06-30`).
pub fn is_cognito_id(id: &str) -> bool {
    let is_region = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_rest = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    id.len() <= 55
        && id.split_once(':').is_some_and(|(region, rest)| {
            !region.is_empty()
                && !rest.is_empty()
                && region.bytes().all(is_region)
                && rest.bytes().all(is_rest)
        })
}

fn read_settings(value: Option<serde_json::Value>) -> Result<Settings, ConfigError> {
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
    let stream_names = [
        &settings.kinesis.stream,
        &settings.kinesis.dead_letter_stream,
    ];
    if stream_names.iter().any(|name| name.is_empty()) || stream_names[0] == stream_names[1] {
        let problem = "`kinesis.stream` and `kinesis.dead_letter_stream` must name two streams";
        return Err(error(NAME, problem));
    }
    if let Some(endpoint) = &settings.kinesis.endpoint
        && !endpoint.starts_with("https://")
        && !endpoint.starts_with("http://")
    {
        return Err(error(
            NAME,
            "`kinesis.endpoint` is not an http or https URL",
        ));
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

fn read_master_secrets(text: Option<String>) -> Result<MasterSecrets, ConfigError> {
    const NAME: &str = "MASTER_SECRETS";
    let text = required(NAME, text)?;
    // serde_json's own message may quote what it read.
    let settings: Vec<MasterSecretSetting> = serde_json::from_str(&text).map_err(|_| {
        error(
            NAME,
            r#"is not of the form [{"id":"1","secret":"<base64>"}]"#,
        )
    })?;
    let decode = |setting: MasterSecretSetting| {
        let secret = STANDARD
            .decode(&setting.secret)
            .map_err(|_| error(NAME, "a secret is not base64"))?;
        MasterSecret::new(setting.id, &secret).map_err(|problem| error(NAME, problem))
    };
    let secrets = settings
        .into_iter()
        .map(decode)
        .collect::<Result<Vec<_>, _>>()?;
    MasterSecrets::new(secrets).map_err(|problem| error(NAME, problem))
}

fn read_schema(text: Option<String>) -> Result<Schema, Vec<ConfigError>> {
    const NAME: &str = "SCHEMA";
    let text = required(NAME, text).map_err(|error| vec![error])?;
    Schema::parse(text.as_bytes()).map_err(|found| {
        found
            .into_iter()
            .map(|found| error(NAME, format!("{}: {}", found.path, found.message)))
            .collect()
    })
}

/// The salt, which only a schema that hashes something needs.
fn read_pii_salt(
    text: Option<String>,
    schema: Option<&Schema>,
) -> Result<Option<Salt>, ConfigError> {
    const NAME: &str = "PII_SALT";
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return match schema.and_then(hashed_field) {
            None => Ok(None),
            Some(field) => Err(error(
                NAME,
                format!(
                    "is missing: the schema hashes {field}; `openssl rand -base64 32` makes one, \
                     to be kept for good"
                ),
            )),
        };
    };
    let problem = || {
        let problem = format!("is not base64 of {MIN_SALT_BYTES} bytes or more");
        error(NAME, problem)
    };
    let secret = STANDARD.decode(text.trim()).map_err(|_| problem())?;
    Salt::new(secret).map(Some).ok_or_else(problem)
}

/// The first field with `x-pii: hash`, e.g. `SignUpEvent.email`.
fn hashed_field(schema: &Schema) -> Option<String> {
    schema.events.iter().find_map(|event| {
        let field = event
            .fields
            .iter()
            .find(|field| field.pii == Some(Pii::Hash))?;
        Some(format!("{}.{}", event.event_type, field.name))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SECRETS: &str = r#"[{"id":"1","secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]"#;
    const SCHEMA: &str = r#"{"$defs":{"A":{"type":"object","properties":{}}}}"#;

    fn settings() -> Value {
        json!({
            "region": "eu-north-1",
            "apps": [{ "app_id": "a", "identity_pool_id": "eu-north-1:0-a" }],
            "kinesis": { "stream": "events", "dead_letter_stream": "dead" },
            "aws_account_id": null,
        })
    }

    fn bindings(forebay: Value) -> Bindings {
        Bindings {
            forebay: Some(forebay),
            schema: Some(SCHEMA.into()),
            master_secrets: Some(SECRETS.into()),
            pii_salt: None,
            kinesis_access_key_id: Some("AKID".into()),
            kinesis_secret_access_key: Some("secret".into()),
            kinesis_session_token: None,
        }
    }

    fn issuers(names: &[&str], jwks_uri: &str) -> Value {
        let issuer =
            |name: &&str| json!({ "issuer": name, "audiences": ["a"], "jwks_uri": jwks_uri });
        names.iter().map(issuer).collect()
    }

    fn problems(bindings: Bindings) -> Vec<String> {
        let errors = Config::read(bindings).err().unwrap();
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn kinesis_is_that_of_the_region_unless_said_otherwise() {
        let config = Config::read(bindings(settings())).ok().unwrap();
        assert_eq!(
            config.sinks.events.kinesis.endpoint,
            "https://kinesis.eu-north-1.amazonaws.com"
        );
        let mut other = settings();
        other["kinesis"]["endpoint"] = json!("http://127.0.0.1:4567/");
        other["kinesis"]["region"] = json!("us-west-2");
        let config = Config::read(bindings(other)).ok().unwrap();
        assert_eq!(
            config.sinks.events.kinesis.endpoint,
            "http://127.0.0.1:4567"
        );
        assert_eq!(
            (
                config.sinks.events.kinesis.region.as_str(),
                config.region.as_str()
            ),
            ("us-west-2", "eu-north-1")
        );
    }

    #[test]
    fn the_base_path_is_taken_off_whole_segments() {
        for base_path in ["/ingest", "/ingest/"] {
            let mut forebay = settings();
            forebay["base_path"] = json!(base_path);
            let config = Config::read(bindings(forebay)).ok().unwrap();
            for (path, routed) in [
                ("/ingest/v1/apps", "/v1/apps"),
                ("/ingest/", "/"),
                ("/ingest", ""),
                ("/ingested/v1", "/ingested/v1"),
                ("/v1/apps", "/v1/apps"),
                ("/ingest/ingest/v1", "/ingest/v1"),
            ] {
                assert_eq!(config.routed(path), routed, "{path}");
            }
        }
        let config = Config::read(bindings(settings())).ok().unwrap();
        assert_eq!(config.routed("/v1/apps"), "/v1/apps");
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
            ("/deduplication_window", json!(-1), "invalid value"),
            ("/deduplication_window", json!(false), "invalid type"),
            ("/kinesis/endpoint", json!("kinesis"), "not an http"),
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

    #[test]
    fn every_mistake_is_told_at_once_and_no_secret_is_repeated() {
        let problems = problems(Bindings {
            schema: Some(r#"{"$defs":{"A":{"type":"object","pattern":"x"}}}"#.into()),
            master_secrets: Some(r#"[{"id":"1","secret":"hunter2"}]"#.into()),
            kinesis_secret_access_key: None,
            ..bindings(settings())
        });
        let named: Vec<_> = problems
            .iter()
            .map(|problem| problem.split_once(':').unwrap().0)
            .collect();
        assert_eq!(
            named,
            ["MASTER_SECRETS", "SCHEMA", "KINESIS_SECRET_ACCESS_KEY"]
        );
        assert!(!problems.concat().contains("hunter2"), "{problems:?}");
    }

    #[test]
    fn a_salt_is_needed_where_something_is_hashed_and_is_never_repeated() {
        let hashing = r#"{"$defs":{"A":{"type":"object","properties":{
            "email":{"type":"string","x-pii":"hash"}}}}}"#;
        let read = |schema: &str, salt: Option<&str>| {
            Config::read(Bindings {
                schema: Some(schema.into()),
                pii_salt: salt.map(str::to_owned),
                ..bindings(settings())
            })
            .map(|config| config.pii_salt)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let good = STANDARD.encode([7; 32]);
        assert!(read(SCHEMA, None).unwrap().is_none());
        let salt = read(hashing, Some(&good)).unwrap().unwrap();
        assert_eq!(salt.hash("a"), Salt::new(vec![7; 32]).unwrap().hash("a"));
        for missing in [None, Some("")] {
            let [problem] = read(hashing, missing).unwrap_err().try_into().unwrap();
            assert!(
                problem.starts_with("PII_SALT: is missing") && problem.contains("A.email"),
                "{problem}"
            );
        }
        // Whatever the schema: a salt that cannot be used is a mistake.
        for bad in [
            "hunter2",
            "hunter2 hunter2 hunter2 hunter2 hunter2",
            &STANDARD.encode("hunter2"),
        ] {
            for schema in [SCHEMA, hashing] {
                let [problem] = read(schema, Some(bad)).unwrap_err().try_into().unwrap();
                assert!(
                    problem.starts_with("PII_SALT: is not base64 of 32 bytes"),
                    "{problem}"
                );
                assert!(!problem.contains(bad), "{problem}");
            }
        }
    }

    #[test]
    fn cognito_ids_are_of_their_form() {
        for id in ["us-east-1:6fb4c4f2-0000-4000-8000-000000000001", "a_b:0"] {
            assert!(is_cognito_id(id), "{id}");
        }
        let long = format!("us-east-1:{}", "0".repeat(46));
        for id in [
            "",
            ":",
            "us-east-1",
            "us-east-1:",
            ":0",
            "a:b:c",
            "a b:0",
            "us-east-1:G",
            &long,
        ] {
            assert!(!is_cognito_id(id), "{id}");
        }
    }
}
