//! Any login and any key set of its issuer: whoever logs in has a token of the issuer for one of its clients,
//! which has not expired and whose signature holds.
#![cfg_attr(fuzzing, no_main)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use arbitrary::Arbitrary;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::event::Map;
use forebay_core::time::Timestamp;
use forebay_core_fuzz::identity::issuer::Issuer;
use forebay_core_fuzz::identity::login::verify;
use forebay_core_fuzz::platform::{
    Algorithm, Clock, Crypto, Http, HttpRequest, HttpResponse, PrivateKey, PublicKey, Unreachable,
};
use futures_executor::block_on;
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    token: Token<'a>,
    keys: Keys<'a>,
    now_seconds: u32,
    is_genuine: bool,
}

#[derive(Arbitrary, Debug)]
enum Token<'a> {
    Text(&'a str),
    Parts(&'a [u8], &'a [u8], &'a [u8]),
    /// A good one but for some claims.
    Claims(Header<'a>, Vec<Claim<'a>>, &'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Header<'a> {
    Good,
    Bytes(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Claim<'a> {
    Missing(u8),
    Issuer(&'a str),
    Subject(&'a str),
    Audience(Vec<Client<'a>>),
    Expires(i64),
    ExpiresAt(f64),
    From(i64),
    Party(Client<'a>),
    Methods(Vec<&'a str>),
    Guest,
    Any(u8, &'a str),
}

#[derive(Arbitrary, Debug)]
enum Client<'a> {
    Ours,
    Any(&'a str),
}

#[derive(Arbitrary, Debug)]
enum Keys<'a> {
    Good,
    Bytes(&'a [u8]),
    None,
}

const NAMES: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "azp", "amr"];
const ISSUER: &str = "https://login.example/pool";

/// Seconds since the epoch at which a good token expires: about half of all times are before it.
const GOOD_UNTIL: u32 = 1 << 31;

/// An issuer's keys, signatures that hold or do not, and a clock.
struct World<'a> {
    keys: &'a Keys<'a>,
    is_genuine: bool,
    is_asked: Cell<bool>,
}

thread_local! {
    /// Goes on from input to input, so that keys are asked for with each.
    static NOW: Cell<i64> = const { Cell::new(0) };
}
const HOURS_2: i64 = 7_200_000;

impl Clock for World<'_> {
    fn now(&self) -> Timestamp {
        Timestamp(NOW.get())
    }

    async fn wait(&self, _: Duration) {
        unreachable!("nobody else asks for keys");
    }
}

impl Http for World<'_> {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let key = json!({ "kid": "one", "kty": "RSA", "n": "A".repeat(342), "e": "AQAB" });
        match self.keys {
            Keys::Good => Ok(HttpResponse::new(200, json!({ "keys": [key] }).to_string())),
            Keys::Bytes(bytes) => Ok(HttpResponse::new(200, *bytes)),
            Keys::None => Err(Unreachable),
        }
    }
}

impl Crypto for World<'_> {
    async fn sha256(&self, _: &[u8]) -> [u8; 32] {
        unreachable!("a login hashes nothing");
    }

    async fn verifies(&self, _: &PublicKey, _: Algorithm, _: &[u8], _: &[u8]) -> bool {
        self.is_asked.set(true);
        self.is_genuine
    }

    async fn signs(&self, _: &PrivateKey<'_>, _: &[u8]) -> Option<Vec<u8>> {
        unreachable!("a login signs nothing");
    }
}

forebay_core_fuzz::target!(|input: Input<'_>| {
    let world = World {
        keys: &input.keys,
        is_genuine: input.is_genuine,
        is_asked: Cell::new(false),
    };
    NOW.set(NOW.get() + HOURS_2);
    let issuers = [Issuer {
        issuer: ISSUER.to_owned(),
        audiences: vec!["web".to_owned(), "app".to_owned()],
        jwks_uri: format!("{ISSUER}/keys"),
    }];
    let token = input.token.encode();
    let now = Timestamp(i64::from(input.now_seconds) * 1_000);
    let logins: Map<'_, _> = vec![("login.example/pool".into(), token.as_str().into())];
    let verified = block_on(verify(&logins, &issuers, &world, now));
    let Ok(login) = verified else {
        return;
    };
    assert!(world.is_asked.get() && input.is_genuine);
    let login = login.expect("a login");
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    let claims = URL_SAFE_NO_PAD.decode(parts[1]).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(
        (login.issuer, claims["iss"].as_str()),
        (ISSUER, Some(ISSUER))
    );
    assert_eq!(claims["sub"], login.subject);
    assert!((1..=255).contains(&login.subject.len()));
    let is_ours = |client: &Value| client == "web" || client == "app";
    let audience = &claims["aud"];
    assert!(
        is_ours(audience)
            || audience
                .as_array()
                .is_some_and(|all| all.iter().any(is_ours))
    );
    assert!(claims["azp"].is_null() || is_ours(&claims["azp"]));
    let expires = claims["exp"].as_f64().expect("a number");
    assert!(expires > f64::from(input.now_seconds));
    let methods = claims["amr"].as_array();
    assert!(!methods.is_some_and(|methods| methods.contains(&json!("unauthenticated"))));
});

impl Token<'_> {
    fn encode(&self) -> String {
        let parts = |parts: [&[u8]; 3]| parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        match self {
            Token::Text(text) => (*text).to_owned(),
            Token::Parts(header, claims, signature) => parts([header, claims, signature]),
            Token::Claims(header, claims, signature) => {
                let header = match header {
                    Header::Good => br#"{"alg":"RS256","kid":"one"}"#,
                    Header::Bytes(bytes) => *bytes,
                };
                let mut members = BTreeMap::from([
                    ("iss", format!("\"{ISSUER}\"")),
                    ("sub", "\"ada\"".to_owned()),
                    ("aud", "\"web\"".to_owned()),
                    ("exp", GOOD_UNTIL.to_string()),
                ]);
                for claim in claims {
                    let (name, value) = claim.encode();
                    match value {
                        Some(value) => members.insert(name, value),
                        None => members.remove(name),
                    };
                }
                let members = members.iter();
                let members: Vec<_> = members
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                let claims = format!("{{{}}}", members.join(","));
                parts([header, claims.as_bytes(), signature])
            }
        }
    }
}

impl Claim<'_> {
    /// Its name, and its value as JSON; none where it is to be missing.
    fn encode(&self) -> (&'static str, Option<String>) {
        let name = |at: &u8| NAMES[usize::from(*at) % NAMES.len()];
        let (name, value) = match self {
            Claim::Missing(at) => return (name(at), None),
            Claim::Any(at, value) => return (name(at), Some((*value).to_owned())),
            Claim::Issuer(text) => ("iss", json!(text)),
            Claim::Subject(text) => ("sub", json!(text)),
            Claim::Audience(clients) => match clients.as_slice() {
                [client] => ("aud", client.encode()),
                clients => ("aud", clients.iter().map(Client::encode).collect()),
            },
            Claim::Expires(seconds) => ("exp", json!(seconds)),
            Claim::ExpiresAt(seconds) => ("exp", json!(seconds)),
            Claim::From(seconds) => ("nbf", json!(seconds)),
            Claim::Party(client) => ("azp", client.encode()),
            Claim::Methods(methods) => ("amr", json!(methods)),
            Claim::Guest => ("amr", json!(["unauthenticated"])),
        };
        (name, Some(value.to_string()))
    }
}

impl Client<'_> {
    fn encode(&self) -> Value {
        match self {
            Client::Ours => json!("web"),
            Client::Any(text) => json!(text),
        }
    }
}
