//! The keys that write to sinks.

use std::collections::BTreeMap;

use forebay_aws_call::Credentials;
use serde::Deserialize;

use super::settings::{KinesisSettings, Settings};
use super::sinks::{DEAD_LETTERS, KINESIS_STREAM, name_of_letters};
use super::{ConfigError, error, kept, required};

/// The binding of keys by sink.
pub const SINK_KEYS: &str = "SINK_KEYS";

/// The bindings of the keys, unchecked.
pub struct Keys {
    /// `KINESIS_ACCESS_KEY_ID`
    pub access_key_id: Option<String>,
    /// `KINESIS_SECRET_ACCESS_KEY`
    pub secret_access_key: Option<String>,
    /// `KINESIS_SESSION_TOKEN`
    pub session_token: Option<String>,
    /// `SINK_KEYS`
    pub of_sinks: Option<String>,
}

/// The keys, checked.
pub struct SinkCredentials {
    /// Of Kinesis, and of each sink that has none of its own; `None` where all have.
    kinesis: Option<Credentials>,
    /// By the sink's name.
    pub of_sinks: BTreeMap<String, Credentials>,
}

/// A key of `SINK_KEYS`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkKey {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Keys {
    /// Checks the bindings; what is missing is added to `errors`. The key of Kinesis is needed unless all
    /// sinks of `settings` have keys of their own.
    pub fn read(
        self,
        settings: Option<&Settings>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<SinkCredentials> {
        let of_sinks = kept(read_sink_keys(self.of_sinks), errors);
        let has_own = |name: &str| {
            let keys = of_sinks.as_ref();
            keys.is_some_and(|keys| keys.contains_key(name))
        };
        let is_needed = settings.is_none_or(|settings| !all_have_own(settings, has_own));
        let is_set = |value: &Option<String>| value.as_ref().is_some_and(|it| !it.is_empty());
        let is_there = is_set(&self.access_key_id) || is_set(&self.secret_access_key);
        if !is_needed && !is_there {
            return Some(SinkCredentials {
                kinesis: None,
                of_sinks: of_sinks?,
            });
        }
        let access_key_id = required("KINESIS_ACCESS_KEY_ID", self.access_key_id);
        let access_key_id = kept(access_key_id, errors);
        let secret_access_key = required("KINESIS_SECRET_ACCESS_KEY", self.secret_access_key);
        let secret_access_key = kept(secret_access_key, errors);
        let (id, secret) = (access_key_id?, secret_access_key?);
        Some(SinkCredentials {
            kinesis: Some(credentials(id, secret, self.session_token)),
            of_sinks: of_sinks?,
        })
    }
}

impl SinkCredentials {
    /// The key of the sink of this name.
    pub fn of(&self, name: &str) -> Result<Credentials, ConfigError> {
        let own = self.of_sinks.get(name).or(self.kinesis.as_ref());
        let problem = "is missing";
        own.cloned()
            .ok_or_else(|| error("KINESIS_ACCESS_KEY_ID", problem))
    }
}

/// Whether each sink has a key of its own.
fn all_have_own(settings: &Settings, has_own: impl Fn(&str) -> bool) -> bool {
    let KinesisSettings {
        stream,
        dead_letter_stream,
        ..
    } = &settings.kinesis;
    let of_letters = settings.dead_letters.as_ref();
    (stream.is_none() || has_own(KINESIS_STREAM))
        && (dead_letter_stream.is_none() || has_own(DEAD_LETTERS))
        && settings.sinks.iter().all(|sink| has_own(&sink.name))
        && of_letters.is_none_or(|sink| has_own(name_of_letters(sink)))
}

fn credentials(id: String, secret: String, session_token: Option<String>) -> Credentials {
    let session_token = session_token.filter(|token| !token.is_empty());
    Credentials::new(id, secret, session_token, None, "forebay")
}

fn read_sink_keys(text: Option<String>) -> Result<BTreeMap<String, Credentials>, ConfigError> {
    let text = text.filter(|text| !text.is_empty());
    let Some(text) = text else {
        return Ok(BTreeMap::new());
    };
    // serde_json's own message may quote what it read.
    let keys: BTreeMap<String, SinkKey> = serde_json::from_str(&text).map_err(|_| {
        let form =
            r#"is not of the form {"<sink>":{"access_key_id":"..","secret_access_key":".."}}"#;
        error(SINK_KEYS, form)
    })?;
    let credentials =
        |key: SinkKey| credentials(key.access_key_id, key.secret_access_key, key.session_token);
    Ok(keys
        .into_iter()
        .map(|(name, key)| (name, credentials(key)))
        .collect())
}
