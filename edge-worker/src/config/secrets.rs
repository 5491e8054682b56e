//! The bindings that are secrets, but for the keys of servers and sinks. No error repeats anything of a secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_core::schema::pii::{MIN_SALT_BYTES, Salt};
use forebay_core::schema::{Pii, Schema};
use serde::Deserialize;

use super::{ConfigError, error, required};
use crate::identity::openid::OpenIdTokens;
use crate::identity::session_token::{MasterSecret, MasterSecrets};
use crate::pipeline::partition::{MIN_SECRET_BYTES, PartitionKeys};

/// Shorter ones could be guessed.
const MIN_METRICS_KEY_BYTES: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MasterSecretSetting {
    id: String,
    secret: String,
}

/// `MASTER_SECRETS`.
///
/// # Errors
/// What is wrong, without repeating any of it.
pub fn master_secrets(text: Option<String>) -> Result<MasterSecrets, ConfigError> {
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

/// `PII_SALT`, which only a schema that hashes something needs.
///
/// # Errors
/// What is wrong, without repeating any of it.
pub fn pii_salt(
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

/// `OPENID_KEYS`, which only OpenID tokens need; `issuer` becomes their `iss`.
///
/// # Errors
/// What is wrong, without repeating any of it.
pub fn openid(
    text: Option<String>,
    issuer: Option<&str>,
) -> Result<Option<OpenIdTokens>, ConfigError> {
    const NAME: &str = "OPENID_KEYS";
    let text = text.filter(|text| !text.is_empty());
    let (text, issuer) = match (text, issuer) {
        (None, None) => return Ok(None),
        (Some(text), Some(issuer)) => (text, issuer),
        (Some(_), None) => {
            let problem = "needs `openid_issuer` of FOREBAY, which becomes `iss` of the tokens";
            return Err(error(NAME, problem));
        }
        (None, Some(_)) => {
            return Err(error(
                NAME,
                "is missing; `openid_issuer` of FOREBAY needs it",
            ));
        }
    };
    // serde_json's own message may quote what it read.
    let keys = serde_json::from_str(&text).map_err(|_| {
        let form = r#"[{"kid":"1","kty":"EC","crv":"P-256","x":"…","y":"…","d":"…"}]"#;
        error(NAME, format!("is not of the form {form}"))
    })?;
    let tokens = OpenIdTokens::new(issuer.to_owned(), keys);
    tokens.map(Some).map_err(|problem| error(NAME, problem))
}

/// `METRICS_KEY`, which is optional.
///
/// # Errors
/// What is wrong, without repeating any of it.
pub fn metrics_key(text: Option<String>) -> Result<Option<String>, ConfigError> {
    let key = text.map(|text| text.trim().to_owned());
    let key = key.filter(|key| !key.is_empty());
    if key
        .as_ref()
        .is_some_and(|key| key.len() < MIN_METRICS_KEY_BYTES)
    {
        let problem = format!("is shorter than {MIN_METRICS_KEY_BYTES} characters");
        return Err(error("METRICS_KEY", problem));
    }
    Ok(key)
}

/// `PARTITION_KEY_SECRET`, which is optional.
///
/// # Errors
/// What is wrong, without repeating any of it.
pub fn partition_keys(text: Option<String>) -> Result<PartitionKeys, ConfigError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(PartitionKeys::default());
    };
    let secret = STANDARD.decode(text.trim()).ok();
    let keys = secret.and_then(|secret| PartitionKeys::hidden(&secret));
    keys.ok_or_else(|| {
        let problem = format!("is not base64 of {MIN_SECRET_BYTES} bytes or more");
        error("PARTITION_KEY_SECRET", problem)
    })
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
    use super::*;
    use crate::config::tests::{SCHEMA, bindings, settings};
    use crate::config::{Bindings, Config};
    use crate::identity::openid::tests::{ISSUER, key};

    #[test]
    fn openid_tokens_need_both_an_issuer_and_keys_and_no_key_is_repeated() {
        let good = serde_json::json!([key("1", 1)]).to_string();
        let read = |keys: Option<&str>, issuer: Option<&str>| {
            openid(keys.map(str::to_owned), issuer).map_err(|error| error.to_string())
        };
        assert!(read(None, None).ok().unwrap().is_none());
        assert!(read(Some(""), None).ok().unwrap().is_none());
        assert!(read(Some(&good), Some(ISSUER)).ok().unwrap().is_some());
        let hunter = good.replace("AQEB", "hunter2");
        for (keys, issuer) in [
            (Some(good.as_str()), None),
            (None, Some(ISSUER)),
            (Some("hunter2"), Some(ISSUER)),
            (Some(hunter.as_str()), Some(ISSUER)),
            (Some(good.as_str()), Some("http://events.example.com")),
        ] {
            let problem = read(keys, issuer).err().unwrap();
            assert!(problem.starts_with("OPENID_KEYS: "), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
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
}
