//! The OpenID tokens of the embedded pool: JSON Web Tokens that say who an identity is, signed with a key
//! that the worker is configured with, and the documents by which others check them. Nothing is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::json::Writer;
use forebay_core::time::Timestamp;
use serde::Deserialize;

use super::issuer::is_https;
use super::session_token::{Amr, Session};
use crate::platform::{Crypto, PrivateKey};

/// Tokens of Cognito's pools are good for ten minutes.
const LIFETIME_SECONDS: i64 = 600;
/// Bytes of a coordinate of P-256, and of its private number.
const COORDINATE_BYTES: usize = 32;
const MAX_KEY_ID_CHARS: usize = 64;
const MAX_KEYS: usize = 8;
/// Where the public keys stand, from the issuer on.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// What tokens are made with.
pub struct OpenIdTokens {
    issuer: String,
    signing: SigningKey,
    /// Their tokens are still good, or are to be.
    others: Vec<SigningKey>,
}

/// A key of the configuration: a private JWK (RFC 7517).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    kid: String,
    kty: String,
    crv: String,
    x: String,
    y: String,
    d: String,
}

impl SigningKey {
    fn is_usable(&self) -> bool {
        let is_coordinate = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text);
            bytes.is_ok_and(|bytes| bytes.len() == COORDINATE_BYTES)
        };
        self.kty == "EC"
            && self.crv == "P-256"
            && [&self.x, &self.y, &self.d]
                .iter()
                .all(|text| is_coordinate(text))
            && (1..=MAX_KEY_ID_CHARS).contains(&self.kid.chars().count())
    }

    fn private(&self) -> PrivateKey<'_> {
        PrivateKey {
            kty: "EC",
            crv: "P-256",
            x: &self.x,
            y: &self.y,
            d: &self.d,
        }
    }
}

impl OpenIdTokens {
    /// Takes the issuer's name and its keys, of which the first signs.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(issuer: String, keys: Vec<SigningKey>) -> Result<OpenIdTokens, &'static str> {
        if !is_https(&issuer) || issuer.ends_with('/') {
            return Err("`openid_issuer` is not an https URL without a slash at its end");
        }
        if keys.len() > MAX_KEYS || !keys.iter().all(SigningKey::is_usable) {
            return Err("a key is not a private JWK of the curve P-256 with a `kid`");
        }
        let mut ids: Vec<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two keys have the same `kid`");
        }
        let mut keys = keys.into_iter();
        let signing = keys.next().ok_or("there is no key")?;
        Ok(OpenIdTokens {
            issuer,
            signing,
            others: keys.collect(),
        })
    }

    /// A token of an identity for whoever trusts its pool; `None` where the platform does not sign with
    /// the key. `provider` is where the identity has logged in.
    pub async fn issue(
        &self,
        session: &Session,
        identity_pool_id: &str,
        provider: Option<&str>,
        now: Timestamp,
        platform: &impl Crypto,
    ) -> Option<String> {
        let mut header = Writer::new();
        header.begin_object().name("alg").string("ES256");
        header.name("kid").string(&self.signing.kid);
        header.name("typ").string("JWT").end_object();
        let issued = now.0.div_euclid(1_000);
        let mut claims = Writer::new();
        claims
            .begin_object()
            .name("sub")
            .string(&session.identity_id);
        claims.name("aud").string(identity_pool_id);
        claims
            .name("amr")
            .begin_array()
            .string(session.amr.as_str());
        if let (Amr::Authenticated, Some(provider)) = (session.amr, provider) {
            claims.string(provider);
        }
        claims.end_array();
        claims.name("iss").string(&self.issuer);
        claims.name("iat").integer(issued);
        claims.name("exp").integer(issued + LIFETIME_SECONDS);
        claims.end_object();
        let part = |writer: Writer| URL_SAFE_NO_PAD.encode(writer.finish());
        let signed = format!("{}.{}", part(header), part(claims));
        let key = self.signing.private();
        let signature = platform.signs(&key, signed.as_bytes()).await?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The public keys: a JSON Web Key Set.
    pub fn jwks(&self) -> String {
        let mut writer = Writer::new();
        writer.begin_object().name("keys").begin_array();
        for key in std::iter::once(&self.signing).chain(&self.others) {
            writer.begin_object();
            for (name, value) in [
                ("kty", "EC"),
                ("crv", "P-256"),
                ("x", &key.x),
                ("y", &key.y),
                ("kid", &key.kid),
                ("use", "sig"),
                ("alg", "ES256"),
            ] {
                writer.name(name).string(value);
            }
            writer.end_object();
        }
        writer.end_array().end_object();
        writer.finish()
    }

    /// What OpenID Connect Discovery asks of an issuer that signs nobody in by itself.
    pub fn discovery(&self) -> String {
        let mut writer = Writer::new();
        writer.begin_object().name("issuer").string(&self.issuer);
        let keys = format!("{}{JWKS_PATH}", self.issuer);
        writer.name("jwks_uri").string(&keys);
        for (name, value) in [
            ("response_types_supported", "id_token"),
            ("subject_types_supported", "public"),
            ("id_token_signing_alg_values_supported", "ES256"),
        ] {
            writer.name(name).begin_array().string(value).end_array();
        }
        writer.end_object();
        writer.finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) const ISSUER: &str = "https://events.example.com/ingest";

    pub(crate) fn key(kid: &str, byte: u8) -> Value {
        let number = URL_SAFE_NO_PAD.encode([byte; 32]);
        json!({ "kid": kid, "kty": "EC", "crv": "P-256", "x": number, "y": number, "d": number })
    }

    pub(crate) fn tokens(issuer: &str, keys: Value) -> Result<OpenIdTokens, &'static str> {
        OpenIdTokens::new(issuer.into(), serde_json::from_value(keys).unwrap())
    }

    #[test]
    fn what_is_published_holds_no_private_number() {
        let tokens = tokens(ISSUER, json!([key("new", 1), key("old", 2)]))
            .ok()
            .unwrap();
        let jwks: Value = serde_json::from_str(&tokens.jwks()).unwrap();
        let kids: Vec<_> = jwks["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| &key["kid"])
            .collect();
        assert_eq!(kids, ["new", "old"]);
        assert!(
            jwks["keys"]
                .as_array()
                .unwrap()
                .iter()
                .all(|key| key.get("d").is_none())
        );
        let discovery: Value = serde_json::from_str(&tokens.discovery()).unwrap();
        assert_eq!(discovery["issuer"], ISSUER);
        assert_eq!(
            discovery["jwks_uri"],
            format!("{ISSUER}/.well-known/jwks.json")
        );
    }

    #[test]
    fn keys_that_cannot_be_used_are_mistakes() {
        let with = |name: &str, value: Value| {
            let mut key = key("1", 1);
            key[name] = value;
            json!([key])
        };
        for (issuer, keys) in [
            ("http://events.example.com", json!([key("1", 1)])),
            ("https://events.example.com/", json!([key("1", 1)])),
            (ISSUER, json!([])),
            (ISSUER, json!([key("1", 1), key("1", 2)])),
            (ISSUER, with("kty", json!("RSA"))),
            (ISSUER, with("crv", json!("P-384"))),
            (ISSUER, with("kid", json!(""))),
            (ISSUER, with("d", json!(URL_SAFE_NO_PAD.encode([1; 31])))),
            (ISSUER, with("x", json!("AA=="))),
        ] {
            assert!(tokens(issuer, keys.clone()).is_err(), "{issuer} {keys}");
        }
    }
}
