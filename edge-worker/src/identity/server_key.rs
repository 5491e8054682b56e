//! Keys of servers: long-lived, named in the configuration, each for some applications and event
//! types. A server signs with an access key, as an AWS SDK does, or shows a bearer key.

use sha2::{Digest, Sha256};

/// A key that a server sends events with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// What the key is called: for the log and for people, and never a secret.
    pub name: String,
    /// What proves that a request comes from its holder.
    pub proof: Proof,
    /// The ids of the applications that it may send to.
    pub apps: Vec<String>,
    /// The event types that it may send.
    pub may: Vec<EventTypes>,
}

/// What proves that a request comes from the holder of a key.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// The request is signed (SigV4).
    AccessKey {
        /// What the signature names the key by.
        access_key_id: String,
        /// What it is made with.
        secret_access_key: String,
    },
    /// The request shows the key, of which only a hash is known here.
    Bearer {
        /// SHA-256 of the key.
        sha256: [u8; 32],
    },
}

impl std::fmt::Debug for Proof {
    /// Without the secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Proof::AccessKey { .. } => "AccessKey",
            Proof::Bearer { .. } => "Bearer",
        })
    }
}

/// Event types by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTypes {
    /// The one of this name.
    Named(String),
    /// All whose names begin like this.
    BeginningWith(String),
}

impl EventTypes {
    /// Reads a name, or the beginning of names with a `*` behind it.
    pub fn read(text: String) -> EventTypes {
        match text.strip_suffix('*') {
            Some(beginning) => EventTypes::BeginningWith(beginning.to_owned()),
            None => EventTypes::Named(text),
        }
    }

    fn contains(&self, event_type: &str) -> bool {
        match self {
            EventTypes::Named(name) => name == event_type,
            EventTypes::BeginningWith(beginning) => event_type.starts_with(beginning),
        }
    }
}

impl ServerKey {
    /// Whether it may send to an application.
    pub fn is_for(&self, app_id: &str) -> bool {
        self.apps.iter().any(|app| app == app_id)
    }

    /// Whether it may send events of a type.
    pub fn may_send(&self, event_type: &str) -> bool {
        self.may.iter().any(|types| types.contains(event_type))
    }
}

/// The key of an access key id, with its secret.
pub fn of_access_key<'k>(
    keys: &'k [ServerKey],
    access_key_id: &str,
) -> Option<(&'k ServerKey, &'k str)> {
    keys.iter().find_map(|key| match &key.proof {
        Proof::AccessKey {
            access_key_id: id,
            secret_access_key,
        } if id == access_key_id => Some((key, secret_access_key.as_str())),
        _ => None,
    })
}

/// The key that a bearer shows. All hashes are compared, and each whole: how long it takes says
/// nothing about any of them.
pub fn of_bearer<'k>(keys: &'k [ServerKey], shown: &str) -> Option<&'k ServerKey> {
    let shown: [u8; 32] = Sha256::digest(shown).into();
    let mut found = None;
    for key in keys {
        if let Proof::Bearer { sha256 } = &key.proof {
            let difference = shown
                .iter()
                .zip(sha256)
                .fold(0, |all, (a, b)| all | (a ^ b));
            if std::hint::black_box(difference) == 0 {
                found = Some(key);
            }
        }
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const ACCESS_KEY_ID: &str = "FBSERVER000000000001";
    pub(crate) const SECRET_ACCESS_KEY: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";
    pub(crate) const BEARER: &str = "a bearer key of a server";

    /// An access key and a bearer key, both for `app-1`.
    pub(crate) fn keys(may: &[&str]) -> Vec<ServerKey> {
        let key = |name: &str, proof| ServerKey {
            name: name.to_owned(),
            proof,
            apps: vec!["app-1".to_owned()],
            may: may
                .iter()
                .map(|types| EventTypes::read((*types).to_owned()))
                .collect(),
        };
        vec![
            key(
                "orders",
                Proof::AccessKey {
                    access_key_id: ACCESS_KEY_ID.to_owned(),
                    secret_access_key: SECRET_ACCESS_KEY.to_owned(),
                },
            ),
            key(
                "cron",
                Proof::Bearer {
                    sha256: Sha256::digest(BEARER).into(),
                },
            ),
        ]
    }

    #[test]
    fn a_key_is_found_by_what_proves_it_and_by_nothing_else() {
        let keys = keys(&["*"]);
        assert_eq!(
            of_access_key(&keys, ACCESS_KEY_ID),
            Some((&keys[0], SECRET_ACCESS_KEY))
        );
        assert_eq!(of_bearer(&keys, BEARER), Some(&keys[1]));
        for other in ["", "fbserver000000000001", SECRET_ACCESS_KEY, BEARER] {
            assert_eq!(of_access_key(&keys, other), None, "{other}");
        }
        let hash = crate::text::hex(&Sha256::digest(BEARER));
        for other in ["", ACCESS_KEY_ID, SECRET_ACCESS_KEY, &hash, &BEARER[1..]] {
            assert_eq!(of_bearer(&keys, other), None, "{other}");
        }
    }

    #[test]
    fn a_key_may_send_what_it_names() {
        let may = |types: &[&str], event_type| keys(types)[0].may_send(event_type);
        assert!(may(&["*"], "anything"));
        assert!(may(&["order.*", "SignUpEvent"], "order.paid"));
        assert!(may(&["order.*", "SignUpEvent"], "SignUpEvent"));
        for other in ["order", "SignUpEvent2", "signupevent", ""] {
            assert!(!may(&["order.*", "SignUpEvent"], other), "{other}");
        }
        let keys = keys(&["*"]);
        assert!(keys[0].is_for("app-1") && !keys[0].is_for("app-10") && !keys[0].is_for(""));
    }

    #[test]
    fn no_secret_is_shown_where_a_key_is_printed() {
        let printed = format!("{:?}", keys(&["*"]));
        assert!(!printed.contains(SECRET_ACCESS_KEY), "{printed}");
    }
}
