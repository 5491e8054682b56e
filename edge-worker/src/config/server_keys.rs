//! `SERVER_KEYS`: the keys that servers send events with. No error repeats anything of a secret.

use std::collections::HashSet;

use forebay_core::schema::Schema;
use forebay_core::wire::update_endpoint;
use serde::Deserialize;

use super::settings::Settings;
use super::{ConfigError, error};
use crate::identity::server_key::{EventTypes, Proof, ServerKey};

const NAME: &str = "SERVER_KEYS";
/// AWS's access key ids have 20 characters, its secrets 40.
const MIN_ACCESS_KEY_ID_CHARS: usize = 16;
const MAX_ACCESS_KEY_ID_CHARS: usize = 128;
const MIN_SECRET_CHARS: usize = 32;
const MAX_NAME_CHARS: usize = 64;

/// One key, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeySetting {
    name: String,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    sha256: Option<String>,
    apps: Vec<String>,
    may: Vec<String>,
}

/// `SERVER_KEYS`, which a worker for browsers alone does not have. `settings` and `schema` say which
/// apps and event types there are; without one of them, its names are not looked up.
///
/// # Errors
/// What is wrong, without repeating any of a secret.
pub fn read(
    text: Option<String>,
    settings: Option<&Settings>,
    schema: Option<&Schema>,
) -> Result<Vec<ServerKey>, ConfigError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(Vec::new());
    };
    // serde_json's own message may quote what it read.
    let written: Vec<KeySetting> = serde_json::from_str(&text).map_err(|_| {
        error(
            NAME,
            r#"is not of the form [{"name":"..","access_key_id":"..","secret_access_key":"..","apps":[".."],"may":["*"]}], or with "sha256" in the place of both keys"#,
        )
    })?;
    let mut names = HashSet::new();
    let mut ids = HashSet::new();
    let mut keys = Vec::with_capacity(written.len());
    for setting in written {
        let key = key(setting, settings, schema)?;
        let id = match &key.proof {
            Proof::AccessKey { access_key_id, .. } => access_key_id.clone().into_bytes(),
            Proof::Bearer { sha256 } => sha256.to_vec(),
        };
        if !names.insert(key.name.clone()) {
            return Err(error(NAME, format!("two keys are called `{}`", key.name)));
        }
        if !ids.insert(id) {
            let problem = format!("`{}` is the same key as another one", key.name);
            return Err(error(NAME, problem));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn key(
    setting: KeySetting,
    settings: Option<&Settings>,
    schema: Option<&Schema>,
) -> Result<ServerKey, ConfigError> {
    let name = setting.name;
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.bytes().all(is_in_name) {
        let problem = "a `name` is not 1 to 64 letters, digits, `-`, `_` and `.`";
        return Err(error(NAME, problem));
    }
    let wrong = |problem: String| error(NAME, format!("`{name}`: {problem}"));
    let proof = proof(
        setting.access_key_id,
        setting.secret_access_key,
        setting.sha256,
    )
    .map_err(|problem| wrong(problem.to_owned()))?;
    if setting.apps.is_empty() {
        return Err(wrong("`apps` names no app".to_owned()));
    }
    let is_app = |id: &String| {
        settings.is_none_or(|settings| settings.apps.iter().any(|app| app.app_id == *id))
    };
    if let Some(unknown) = setting.apps.iter().find(|id| !is_app(id)) {
        let problem = format!("`apps` names `{unknown}`, which is not in `apps` of FOREBAY");
        return Err(wrong(problem));
    }
    if setting.may.is_empty() {
        let problem = r#"`may` names no event type; ["*"] names all"#;
        return Err(wrong(problem.to_owned()));
    }
    let may: Vec<EventTypes> = setting.may.into_iter().map(EventTypes::read).collect();
    let is_known = |types: &&EventTypes| match (types, schema) {
        (EventTypes::Named(name), Some(schema)) => {
            schema.event(name).is_some() || name == update_endpoint::EVENT_TYPE
        }
        _ => true,
    };
    if let Some(EventTypes::Named(unknown)) = may.iter().find(|types| !is_known(types)) {
        let problem = format!("`may` names `{unknown}`, which is no event type of the schema");
        return Err(wrong(problem));
    }
    Ok(ServerKey {
        name,
        proof,
        apps: setting.apps,
        may,
    })
}

fn proof(
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    sha256: Option<String>,
) -> Result<Proof, &'static str> {
    match (access_key_id, secret_access_key, sha256) {
        (Some(access_key_id), Some(secret_access_key), None) => {
            let chars = MIN_ACCESS_KEY_ID_CHARS..=MAX_ACCESS_KEY_ID_CHARS;
            let is_word = access_key_id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric());
            if !chars.contains(&access_key_id.len()) || !is_word {
                return Err("`access_key_id` is not 16 to 128 letters and digits");
            }
            if access_key_id.starts_with("ASIA") {
                return Err(
                    "`access_key_id` begins with ASIA, as those of the identity pool do; take another",
                );
            }
            if secret_access_key.chars().count() < MIN_SECRET_CHARS {
                return Err(
                    "`secret_access_key` has less than 32 characters; `openssl rand -base64 30` makes one",
                );
            }
            Ok(Proof::AccessKey {
                access_key_id,
                secret_access_key,
            })
        }
        (None, None, Some(sha256)) => {
            let sha256 = from_hex(&sha256).ok_or(
                "`sha256` is not 64 hexadecimal digits; `printf %s \"$KEY\" | sha256sum` prints them",
            )?;
            Ok(Proof::Bearer { sha256 })
        }
        _ => Err("has not either `access_key_id` and `secret_access_key`, or `sha256`"),
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(index * 2..index * 2 + 2).filter(|_| is_hex)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::tests::{bindings, problems, settings};
    use crate::config::{Bindings, Config};

    fn with_keys(keys: &Value) -> Bindings {
        Bindings {
            server_keys: Some(keys.to_string()),
            ..bindings(settings())
        }
    }

    fn good() -> Value {
        json!([
            {
                "name": "orders",
                "access_key_id": "FBSERVER000000000001",
                "secret_access_key": "hunter2hunter2hunter2hunter2hunter2hunter2",
                "apps": ["a"],
                "may": ["A", "order.*", "_endpoint.update"],
            },
            { "name": "cron", "sha256": "0a".repeat(32), "apps": ["a"], "may": ["*"] },
        ])
    }

    #[test]
    fn keys_are_read_and_none_are_needed() {
        let config = Config::read(bindings(settings())).ok().unwrap();
        assert_eq!(config.server_keys, []);
        let config = Config::read(with_keys(&good())).ok().unwrap();
        assert_eq!(config.server_keys.len(), 2);
        assert!(config.server_keys[0].may_send("order.paid"));
        assert_eq!(
            config.server_keys[1].proof,
            Proof::Bearer { sha256: [0x0a; 32] }
        );
    }

    #[test]
    fn a_mistake_is_told_and_no_secret_is_repeated() {
        for (pointer, value, expected) in [
            ("/0/name", json!(""), "a `name` is not"),
            ("/0/name", json!("a b"), "a `name` is not"),
            ("/1/name", json!("orders"), "two keys are called `orders`"),
            ("/0/access_key_id", json!("short"), "16 to 128 letters"),
            ("/0/access_key_id", json!("AKIA/0000000000000"), "16 to 128"),
            ("/0/access_key_id", json!("ASIA0000000000000000"), "ASIA"),
            ("/0/access_key_id", Value::Null, "has not either"),
            ("/0/secret_access_key", json!("hunter2"), "less than 32"),
            ("/0/sha256", json!("0a".repeat(32)), "has not either"),
            ("/1/sha256", json!("hunter2"), "64 hexadecimal digits"),
            ("/1/sha256", json!("é".repeat(32)), "64 hexadecimal digits"),
            ("/1/sha256", json!("+1".repeat(32)), "64 hexadecimal digits"),
            ("/1/apps", json!([]), "`cron`: `apps` names no app"),
            ("/1/apps", json!(["b"]), "`b`, which is not in `apps`"),
            ("/1/may", json!([]), "`may` names no event type"),
            ("/1/may", json!(["B"]), "`B`, which is no event type"),
            ("/1/may", json!("*"), "not of the form"),
            ("/1/mya", json!(["*"]), "not of the form"),
        ] {
            let mut keys = good();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            keys.pointer_mut(parent).unwrap()[name] = value;
            let problems = problems(with_keys(&keys));
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with("SERVER_KEYS: ") && problems[0].contains(expected),
                "{pointer}: {problems:?}"
            );
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
        }
        let mut twice = good();
        let key = twice[1].clone();
        twice.as_array_mut().unwrap().push(key);
        twice[2]["name"] = json!("again");
        assert_eq!(
            problems(with_keys(&twice)),
            ["SERVER_KEYS: `again` is the same key as another one"]
        );
    }
}
