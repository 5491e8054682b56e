//! The public keys of issuers: JSON Web Key Sets (RFC 7517), read where the issuer keeps them and
//! kept for a while.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use forebay_core::time::Timestamp;
use serde::Deserialize;

use crate::platform::{Algorithm, Clock, Http, HttpRequest, PublicKey};
use crate::single_flight::{Flight, Turn};

/// For so long keys are used without asking for them again: what an issuer withdraws is taken no
/// longer.
const KEPT_MS: i64 = 3_600_000;
/// Anyone may send tokens that name a key which is not there: an issuer is not asked more often.
const AGAIN_MS: i64 = 10_000;
const TIME_OUT: Duration = Duration::from_secs(4);
/// After which whoever asks is taken for lost.
const LOST_AFTER: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 64 * 1024;
const MAX_KEYS: usize = 64;
/// RSA keys of less than 2048 bits can be broken: so many characters of base64url hold those.
const MIN_MODULUS_CHARS: usize = 342;

/// Whether a key is one for this algorithm, and one that holds.
fn is_for(key: &PublicKey, algorithm: Algorithm) -> bool {
    match key {
        PublicKey::Rsa { n, .. } => algorithm != Algorithm::ES256 && n.len() >= MIN_MODULUS_CHARS,
        PublicKey::Ec { crv, .. } => algorithm == Algorithm::ES256 && crv == "P-256",
    }
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    #[serde(flatten)]
    key: PublicKey,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    /// The keys that can be used. A set may hold others, which are for someone else.
    fn usable(self) -> Vec<Jwk> {
        let keys = self.keys.into_iter().take(MAX_KEYS);
        keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
            .filter(|key| key.usage.as_deref().is_none_or(|usage| usage == "sig"))
            .collect()
    }
}

/// What is known of an issuer's keys.
#[derive(Clone)]
struct Kept {
    /// None where they could never be read.
    keys: Option<Rc<[Jwk]>>,
    fresh_until: Timestamp,
    asked: Timestamp,
}

impl Kept {
    fn key(&self, id: &str) -> Option<&PublicKey> {
        let mut keys = self.keys.iter().flat_map(|keys| keys.iter());
        keys.find(|key| key.kid == id).map(|key| &key.key)
    }
}

/// An issuer's keys, and whether someone asks for them.
#[derive(Default)]
struct KeySet {
    kept: RefCell<Option<Kept>>,
    flight: Flight,
}

thread_local! {
    /// By the URL of the set: those of the configuration.
    static KEY_SETS: RefCell<BTreeMap<String, Rc<KeySet>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Why it is not known which key a token was signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysError {
    /// The issuer's keys could not be read, now or earlier.
    Unreachable,
    /// Too many wait for them.
    Busy,
}

/// The key with this id, if it is one for `algorithm`.
///
/// # Errors
/// [`KeysError`]
pub async fn key(
    jwks_uri: &str,
    id: &str,
    algorithm: Algorithm,
    platform: &(impl Clock + Http),
) -> Result<Option<PublicKey>, KeysError> {
    let set = KEY_SETS.with_borrow_mut(|sets| Rc::clone(sets.entry(jwks_uri.into()).or_default()));
    let kept = loop {
        let known = set.kept.borrow().clone();
        let now = platform.now();
        if let Some(kept) = &known
            && !set.is_to_be_asked(kept, id, now)
        {
            break kept.clone();
        }
        match set.flight.turn(LOST_AFTER, platform).await {
            Turn::Ask(_landing) => {
                let kept = asked(jwks_uri, known, platform).await;
                set.kept.replace(Some(kept.clone()));
                break kept;
            }
            Turn::Look => {}
            Turn::GiveUp => return Err(KeysError::Busy),
        }
    };
    if kept.keys.is_none() {
        return Err(KeysError::Unreachable);
    }
    Ok(kept.key(id).filter(|key| is_for(key, algorithm)).cloned())
}

impl KeySet {
    /// Whether what is kept does not do for a token with this key. While someone asks already, a
    /// key that was good until now does.
    fn is_to_be_asked(&self, kept: &Kept, id: &str, now: Timestamp) -> bool {
        let is_known = kept.key(id).is_some();
        let is_enough = is_known && (now < kept.fresh_until || self.flight.is_under_way(now));
        !is_enough && now.0 - kept.asked.0 >= AGAIN_MS
    }
}

/// Asks for the keys. An issuer that cannot be reached has those that it had.
async fn asked(jwks_uri: &str, known: Option<Kept>, platform: &(impl Clock + Http)) -> Kept {
    let request = HttpRequest {
        method: "GET",
        url: jwks_uri.to_owned(),
        headers: Vec::new(),
        body: String::new(),
        time_out: TIME_OUT,
        max_response_bytes: MAX_BYTES,
    };
    let response = platform.send(request).await;
    let read = response.ok().filter(|response| response.status == 200);
    let read = read.and_then(|response| serde_json::from_slice::<Jwks>(&response.body).ok());
    let asked = platform.now();
    match read {
        Some(read) => Kept {
            keys: Some(read.usable().into()),
            fresh_until: Timestamp(asked.0 + KEPT_MS),
            asked,
        },
        None => Kept {
            keys: known.and_then(|kept| kept.keys),
            fresh_until: asked,
            asked,
        },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use futures_executor::block_on;
    use futures_util::future::join_all;
    use serde_json::{Value, json};

    use super::*;
    use crate::platform::simulated::Simulated;
    use crate::platform::{HttpResponse, Unreachable};

    const URI: &str = "https://login.example/keys";

    pub(crate) fn rsa(id: &str) -> PublicKey {
        PublicKey::Rsa {
            n: format!("{id:A<342}"),
            e: "AQAB".into(),
        }
    }

    fn ec() -> PublicKey {
        PublicKey::Ec {
            crv: "P-256".into(),
            x: "x".into(),
            y: "y".into(),
        }
    }

    pub(crate) fn set(keys: &[(&str, PublicKey)]) -> HttpResponse {
        let keys = keys.iter().map(|(id, key)| {
            let mut key = serde_json::to_value(key).unwrap();
            key["kid"] = json!(id);
            key
        });
        reply(json!({ "keys": keys.collect::<Vec<Value>>() }))
    }

    fn reply(body: Value) -> HttpResponse {
        HttpResponse::new(200, body.to_string())
    }

    fn ask(platform: &Simulated<'_>, id: &str) -> Result<Option<PublicKey>, KeysError> {
        block_on(key(URI, id, Algorithm::RS256, platform))
    }

    fn pass(platform: &Simulated<'_>, millis: i64) {
        platform.now.set(platform.now.get() + millis);
    }

    #[test]
    fn keys_are_kept_for_an_hour_and_asked_for_when_a_new_one_is_named() {
        let keys = RefCell::new(vec![("a", rsa("a"))]);
        let platform = Simulated::new(|_| Ok(set(&keys.borrow())));
        let asked = || platform.sent.borrow().len();
        assert_eq!(ask(&platform, "a"), Ok(Some(rsa("a"))));
        pass(&platform, KEPT_MS - AGAIN_MS);
        assert_eq!(ask(&platform, "a"), Ok(Some(rsa("a"))));
        assert_eq!(asked(), 1);
        // A key that is not there is asked for, but not with every token that names it.
        for _ in 0..100 {
            assert_eq!(ask(&platform, "b"), Ok(None));
        }
        assert_eq!(asked(), 2);
        keys.replace(vec![("b", rsa("b"))]);
        pass(&platform, AGAIN_MS);
        assert_eq!(ask(&platform, "b"), Ok(Some(rsa("b"))));
        assert_eq!(ask(&platform, "a"), Ok(None), "withdrawn");
        assert_eq!(asked(), 3);
        pass(&platform, KEPT_MS);
        assert_eq!(ask(&platform, "b"), Ok(Some(rsa("b"))));
        assert_eq!(asked(), 4);
    }

    #[test]
    fn an_issuer_that_cannot_be_reached_has_the_keys_that_it_had() {
        let reachable = Cell::new(false);
        let platform = Simulated::new(|_| match reachable.get() {
            true => Ok(set(&[("a", rsa("a"))])),
            false => Err(Unreachable),
        });
        let unreachable = Err(KeysError::Unreachable);
        assert_eq!(ask(&platform, "a"), unreachable);
        reachable.set(true);
        assert_eq!(ask(&platform, "a"), unreachable, "not asked again yet");
        pass(&platform, AGAIN_MS);
        assert_eq!(ask(&platform, "a"), Ok(Some(rsa("a"))));
        reachable.set(false);
        pass(&platform, KEPT_MS);
        assert_eq!(ask(&platform, "a"), Ok(Some(rsa("a"))));
        assert_eq!(ask(&platform, "b"), Ok(None));
    }

    #[test]
    fn many_at_once_ask_an_issuer_once_whatever_it_answers() {
        let reachable = Cell::new(true);
        let platform = Simulated::new(|_| match reachable.get() {
            true => Ok(set(&[("a", rsa("a"))])),
            false => Err(Unreachable),
        });
        let asked = || platform.sent.borrow().len();
        let ask_all = |id: &'static str| {
            let all = (0..50).map(|_| key(URI, id, Algorithm::RS256, &platform));
            let mut answers = block_on(join_all(all));
            answers.dedup();
            answers
        };
        assert_eq!(ask_all("forged"), [Ok(None)]);
        assert_eq!(asked(), 1);
        pass(&platform, AGAIN_MS);
        assert_eq!(ask_all("forged"), [Ok(None)]);
        assert_eq!(asked(), 2);
        // While one asks anew, the others go on with the key that they know.
        pass(&platform, KEPT_MS);
        assert_eq!(ask_all("a"), [Ok(Some(rsa("a")))]);
        assert_eq!(asked(), 3);
        KEY_SETS.with_borrow_mut(BTreeMap::clear);
        reachable.set(false);
        assert_eq!(ask_all("a"), [Err(KeysError::Unreachable)]);
        assert_eq!(asked(), 4);
    }

    #[test]
    fn what_is_no_set_of_keys_is_no_answer() {
        for body in ["", "[]", "{}", r#"{"keys":5}"#, &"[".repeat(1_000)] {
            let platform = Simulated::new(|_| {
                let body = body.as_bytes().to_vec();
                Ok(HttpResponse::new(200, body))
            });
            pass(&platform, AGAIN_MS);
            assert_eq!(ask(&platform, "a"), Err(KeysError::Unreachable), "{body}");
            KEY_SETS.with_borrow_mut(BTreeMap::clear);
        }
        let moved = Simulated::new(|_| {
            let reply = set(&[("a", rsa("a"))]);
            Ok(HttpResponse {
                status: 301,
                ..reply
            })
        });
        assert_eq!(ask(&moved, "a"), Err(KeysError::Unreachable));
    }

    #[test]
    fn a_key_verifies_by_its_own_algorithm_and_only_if_it_is_strong() {
        let weak = PublicKey::Rsa {
            n: "A".repeat(MIN_MODULUS_CHARS - 1),
            e: "AQAB".into(),
        };
        let other_curve = PublicKey::Ec {
            crv: "P-384".into(),
            x: "x".into(),
            y: "y".into(),
        };
        for (key, algorithms) in [
            (
                rsa("a"),
                vec![Algorithm::RS256, Algorithm::RS384, Algorithm::RS512],
            ),
            (ec(), vec![Algorithm::ES256]),
            (weak, vec![]),
            (other_curve, vec![]),
        ] {
            use Algorithm::*;
            for algorithm in [RS256, RS384, RS512, ES256] {
                let expected = algorithms.contains(&algorithm);
                assert_eq!(is_for(&key, algorithm), expected, "{key:?} {algorithm:?}");
            }
        }
    }

    #[test]
    fn keys_for_something_else_are_read_over() {
        let n = "A".repeat(MIN_MODULUS_CHARS);
        let keys = json!([
            { "kid": "encrypts", "use": "enc", "kty": "RSA", "n": n, "e": "AQAB" },
            { "kid": "secret", "kty": "oct", "k": "AAAA" },
            { "kty": "RSA", "n": n, "e": "AQAB" },
            5,
            { "kid": "signs", "use": "sig", "alg": "RS256", "kty": "RSA", "n": n, "e": "AQAB" },
        ]);
        let platform = Simulated::new(|_| Ok(reply(json!({ "keys": keys }))));
        assert!(ask(&platform, "signs").unwrap().is_some());
        for other in ["encrypts", "secret", ""] {
            assert_eq!(ask(&platform, other), Ok(None), "{other}");
        }
    }
}
