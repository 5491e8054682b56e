//! The worker's configuration: what its bindings hold, checked once when an isolate starts.

mod secrets;
mod server_keys;
mod settings;
mod sink_keys;
mod sinks;

use std::collections::BTreeSet;

use forebay_core::schema::Schema;
use forebay_core::schema::pii::Salt;
use serde::Deserialize;

use crate::delivery::queue::Queue;
use crate::delivery::routing::Sinks;
use crate::identity::issuer::Issuer;
use crate::identity::openid::OpenIdTokens;
use crate::identity::server_key::ServerKey;
use crate::identity::session_token::MasterSecrets;
use crate::pipeline::enrich::Enrichment;
use crate::pipeline::event_id::EventIds;
use crate::pipeline::partition::PartitionKeys;
use crate::quota::Quota;
use crate::rates::RateSettings;
use settings::BindingSettings;
use sink_keys::Keys;

/// The bindings as the platform gives them, unchecked.
#[derive(Default)]
pub struct Bindings {
    /// `FOREBAY`: a JSON object; docs/edge-worker.md says what stands in it.
    pub forebay: Option<serde_json::Value>,
    /// `SCHEMA`: the text of `forebay.schema.json`.
    pub schema: Option<String>,
    /// `MASTER_SECRETS`: JSON text, `[{"id":"1","secret":"<base64 of 32 bytes or more>"}]`.
    pub master_secrets: Option<String>,
    /// `PII_SALT`: base64 of 32 bytes or more.
    pub pii_salt: Option<String>,
    /// `SERVER_KEYS`: JSON text; docs/edge-worker.md says what stands in it.
    pub server_keys: Option<String>,
    /// `OPENID_KEYS`: JSON text, private JWKs of the curve P-256, of which the first signs.
    pub openid_keys: Option<String>,
    /// `METRICS_KEY`: 16 characters or more.
    pub metrics_key: Option<String>,
    /// `PARTITION_KEY_SECRET`: base64 of 32 bytes or more.
    pub partition_key_secret: Option<String>,
    /// `KINESIS_ACCESS_KEY_ID`
    pub kinesis_access_key_id: Option<String>,
    /// `KINESIS_SECRET_ACCESS_KEY`
    pub kinesis_secret_access_key: Option<String>,
    /// `KINESIS_SESSION_TOKEN`: only with short-lived credentials.
    pub kinesis_session_token: Option<String>,
    /// `SINK_KEYS`: JSON text, the keys of sinks that do not use Kinesis's, by the sink's name.
    pub sink_keys: Option<String>,
    /// The names of all bindings that there are.
    pub bound: Vec<String>,
}

/// An application that may send events.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The id in the paths of PutEvents and UpdateEndpoint.
    pub app_id: String,
    /// The pool its users' identities come from, e.g. `us-east-1:f0e1d2c3-...`.
    pub identity_pool_id: String,
    /// How much it may send in a day.
    #[serde(default)]
    pub daily_quota: Quota,
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
    /// The binding of the dataset that counts go to.
    pub analytics: Option<String>,
    /// The path under which a proxy serves the worker, such as `/ingest`; empty, or without a slash at its end.
    pub base_path: String,
    /// How many accepted events an isolate remembers at least; 0 for none.
    pub deduplication_window: usize,
    /// What is added to events.
    pub enrichment: Enrichment,
    /// Most bytes that the requests in flight in an isolate take together.
    pub memory_budget: usize,
    /// How often networks and identities may send requests.
    pub rate_limits: RateSettings,
    /// Identities whose credentials are refused, and that get no new ones.
    pub revoked_identities: BTreeSet<String>,
    /// `awsAccountId` of the records.
    pub aws_account_id: Option<String>,
    /// What session tokens are made with.
    pub master_secrets: MasterSecrets,
    /// What events are validated against.
    pub schema: Schema,
    /// What the partition keys of records are made with.
    pub partition_keys: PartitionKeys,
    /// What OpenID tokens are made with; without it there are none.
    pub openid: Option<OpenIdTokens>,
    /// The key of `GET /metrics`; without one the path is answered 404.
    pub metrics_key: Option<String>,
    /// What personal data is hashed with. There is one wherever the schema has a field to hash.
    pub pii_salt: Option<Salt>,
    /// What servers send events with.
    pub server_keys: Vec<ServerKey>,
    /// What gives events their ids.
    pub event_ids: EventIds,
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
        let settings = kept(settings::read(bindings.forebay), &mut errors);
        let master_secrets = kept(
            secrets::master_secrets(bindings.master_secrets),
            &mut errors,
        );
        let schema = read_schema(bindings.schema)
            .map_err(|found| errors.extend(found))
            .ok();
        let pii_salt = kept(
            secrets::pii_salt(bindings.pii_salt, schema.as_ref()),
            &mut errors,
        );
        let server_keys = kept(
            server_keys::read(bindings.server_keys, settings.as_ref(), schema.as_ref()),
            &mut errors,
        );
        let issuer = settings.as_ref().and_then(|it| it.openid_issuer.as_deref());
        let openid = kept(secrets::openid(bindings.openid_keys, issuer), &mut errors);
        let metrics_key = kept(secrets::metrics_key(bindings.metrics_key), &mut errors);
        let partition_keys = kept(
            secrets::partition_keys(bindings.partition_key_secret),
            &mut errors,
        );
        let keys = Keys {
            access_key_id: bindings.kinesis_access_key_id,
            secret_access_key: bindings.kinesis_secret_access_key,
            session_token: bindings.kinesis_session_token,
            of_sinks: bindings.sink_keys,
        };
        let credentials = keys.read(settings.as_ref(), &mut errors);
        let (
            Some(settings),
            Some(master_secrets),
            Some(schema),
            Some(pii_salt),
            Some(server_keys),
            Some(partition_keys),
            Some(openid),
            Some(metrics_key),
            Some(credentials),
        ) = (
            settings,
            master_secrets,
            schema,
            pii_salt,
            server_keys,
            partition_keys,
            openid,
            metrics_key,
            credentials,
        )
        else {
            return Err(errors);
        };
        let bound = |settings: Option<BindingSettings>, name: &str| {
            let binding = settings.map(|settings| settings.binding);
            let is_bound = |binding: &String| bindings.bound.contains(binding);
            match binding {
                Some(binding) if !is_bound(&binding) => {
                    let problem = format!("`{name}`: there is no binding `{binding}`");
                    Err(vec![error("FOREBAY", problem)])
                }
                binding => Ok(binding),
            }
        };
        let queue = bound(settings.queue, "queue")?;
        let analytics = bound(settings.analytics, "analytics")?;
        let sinks = sinks::of(
            settings.kinesis,
            settings.sinks,
            settings.dead_letters,
            &credentials,
            &settings.region,
        );
        Ok(Config {
            sinks: sinks
                .map_err(|error| vec![error])?
                .behind(queue.map(|binding| Queue::new(&binding))),
            analytics,
            region: settings.region,
            apps: settings.apps,
            issuers: settings.issuers,
            base_path: settings.base_path.trim_end_matches('/').to_owned(),
            deduplication_window: settings.deduplication_window,
            enrichment: settings.enrichment,
            memory_budget: settings.memory_budget,
            rate_limits: settings.rate_limits,
            revoked_identities: settings.revoked_identities,
            aws_account_id: settings.aws_account_id,
            partition_keys,
            openid,
            metrics_key,
            event_ids: EventIds::new(&schema, pii_salt.as_ref(), &master_secrets),
            master_secrets,
            schema,
            pii_salt,
            server_keys,
        })
    }

    /// The path without the base path. A path that does not have it stays as it is: a proxy may have
    /// removed it already.
    pub fn routed<'a>(&self, path: &'a str) -> &'a str {
        match path.strip_prefix(&self.base_path) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => path,
        }
    }

    /// Whether an identity is one of those that were revoked.
    pub fn is_revoked(&self, identity_id: &str) -> bool {
        self.revoked_identities.contains(identity_id)
    }

    /// The app with this id.
    pub fn app(&self, app_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.app_id == app_id)
    }

    /// The pool that an identity is of, as far as its id says: the first of its region.
    pub fn pool_of(&self, identity_id: &str) -> Option<&str> {
        let (region, _) = identity_id.split_once(':')?;
        let mut pools = self.apps.iter().map(|app| app.identity_pool_id.as_str());
        pools.find(|pool| {
            pool.split_once(':')
                .is_some_and(|(of_pool, _)| of_pool == region)
        })
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
        self.pool_of(identity_id).is_some()
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

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(in crate::config) const SECRETS: &str =
        r#"[{"id":"1","secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]"#;
    pub(in crate::config) const SCHEMA: &str =
        r#"{"$defs":{"A":{"type":"object","properties":{}}}}"#;

    pub(in crate::config) fn settings() -> Value {
        json!({
            "region": "eu-north-1",
            "apps": [{ "app_id": "a", "identity_pool_id": "eu-north-1:0-a" }],
            "kinesis": { "stream": "events", "dead_letter_stream": "dead" },
            "aws_account_id": null,
        })
    }

    pub(in crate::config) fn bindings(forebay: Value) -> Bindings {
        Bindings {
            forebay: Some(forebay),
            schema: Some(SCHEMA.into()),
            master_secrets: Some(SECRETS.into()),
            pii_salt: None,
            server_keys: None,
            openid_keys: None,
            metrics_key: None,
            partition_key_secret: None,
            kinesis_access_key_id: Some("AKID".into()),
            kinesis_secret_access_key: Some("secret".into()),
            kinesis_session_token: None,
            sink_keys: None,
            bound: vec!["QUEUE".into()],
        }
    }

    pub(in crate::config) fn problems(bindings: Bindings) -> Vec<String> {
        let errors = Config::read(bindings).err().unwrap();
        errors.iter().map(ToString::to_string).collect()
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
}
