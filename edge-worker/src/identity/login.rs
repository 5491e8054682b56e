//! Logins: OpenID Connect ID tokens of the issuers that are configured, e.g. of a Cognito user pool.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::event::{Map, Text};
use forebay_core::time::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::issuer::{Issuer, provider};
use super::jwks::{self, KeysError};
use crate::platform::{Algorithm, Clock, Crypto, Http};

/// Tokens have 1 to 2 KB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Of `sub`, by OpenID Connect.
const MAX_SUBJECT_BYTES: usize = 255;
/// An issuer's clock may be ahead by so much.
const LEEWAY_SECONDS: f64 = 60.0;

/// Who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login<'a> {
    /// The issuer's name of itself.
    pub issuer: &'a str,
    /// The issuer's name of the person.
    pub subject: String,
}

/// Why a login is not taken. No text repeats anything of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Which of them is the person could not be said.
    #[error("Logins has more than one login; send the one that the identity is to be of.")]
    Several,
    /// An issuer that is not configured.
    #[error("Token is not from a supported provider of this identity pool.")]
    UnsupportedProvider,
    /// Not a JSON Web Token, or without what an ID token must have.
    #[error(
        "Invalid login token. Not an OpenID Connect ID token with a `kid`, signed by RS256, RS384, \
         RS512 or ES256."
    )]
    Malformed,
    /// A token of another issuer.
    #[error("Invalid login token. Issuer doesn't match providerName.")]
    WrongIssuer,
    /// A token for another client.
    #[error("Invalid login token. Incorrect token audience.")]
    WrongAudience,
    /// A token that an identity pool gives to guests.
    #[error("Invalid login token. It is a guest's.")]
    Guest,
    /// A token whose time has run out.
    #[error("Invalid login token. Token expired.")]
    Expired,
    /// A token that is not good yet.
    #[error("Invalid login token. Token is not valid yet.")]
    NotYetValid,
    /// The issuer has no such key, or did not make the signature with it.
    #[error("Invalid login token. Couldn't verify signed token.")]
    Unverified,
    /// The issuer's keys cannot be read.
    #[error("The login provider cannot be reached. Send the request again.")]
    ProviderUnreachable,
    /// More logins wait for the issuer's keys than may.
    #[error("Too many logins at once. Send the request again.")]
    Busy,
}

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: String,
    /// What the reader must understand (RFC 7515): no extension is understood here.
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
    /// When it was issued.
    iat: Option<f64>,
    /// The client that it was issued to, where that is not the audience alone.
    azp: Option<String>,
    /// How the person proved who they are: a list (RFC 8176). As a plain text it could say
    /// `unauthenticated` unseen.
    #[serde(default)]
    amr: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn clients(&self) -> &[String] {
        match self {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Several(several) => several,
        }
    }
}

/// Verifies `Logins`; `None` where there is none.
///
/// # Errors
/// [`LoginError`]
pub async fn verify<'a>(
    logins: &Map<'_, Text<'_>>,
    issuers: &'a [Issuer],
    platform: &(impl Clock + Crypto + Http),
    now: Timestamp,
) -> Result<Option<Login<'a>>, LoginError> {
    let [(name, token)] = logins.as_slice() else {
        return match logins.is_empty() {
            true => Ok(None),
            false => Err(LoginError::Several),
        };
    };
    let mut issuers = issuers.iter();
    let issuer = issuers
        .find(|issuer| issuer.provider() == provider(name))
        .ok_or(LoginError::UnsupportedProvider)?;
    let token = Token::read(token).ok_or(LoginError::Malformed)?;
    token.claims.check(issuer, now)?;
    let Header { alg, kid, .. } = &token.header;
    let key = jwks::key(&issuer.jwks_uri, kid, *alg, platform).await;
    let key = key.map_err(|error| match error {
        KeysError::Unreachable => LoginError::ProviderUnreachable,
        KeysError::Busy => LoginError::Busy,
    })?;
    let key = key.ok_or(LoginError::Unverified)?;
    let message = token.signed.as_bytes();
    if !platform
        .verifies(&key, *alg, message, &token.signature)
        .await
    {
        return Err(LoginError::Unverified);
    }
    Ok(Some(Login {
        issuer: &issuer.issuer,
        subject: token.claims.sub,
    }))
}

/// A token that is taken apart, and not verified yet.
struct Token<'a> {
    header: Header,
    claims: Claims,
    /// Header and claims as they were signed.
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    fn read(token: &'a str) -> Option<Token<'a>> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = decoded(header)?;
        let claims: Claims = decoded(claims)?;
        let has_subject = (1..=MAX_SUBJECT_BYTES).contains(&claims.sub.len());
        (has_subject && header.crit.is_none()).then_some(Token {
            header,
            claims,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

impl Claims {
    /// Amazon Cognito's identity pools issue tokens to guests too.
    fn is_guest(&self) -> bool {
        let mut methods = self.amr.iter().flatten();
        methods.any(|method| method == "unauthenticated")
    }

    /// Whether it was issued to a client of ours (OpenID Connect Core, 3.1.3.7): one of them is in
    /// its audience, and where it says whom it was issued to, that is one of them too. A token for
    /// strangers as well has to say so.
    fn is_for(&self, issuer: &Issuer) -> bool {
        let is_ours = |client: &String| issuer.audiences.contains(client);
        let clients = self.aud.clients();
        clients.iter().any(is_ours)
            && match &self.azp {
                Some(azp) => is_ours(azp),
                None => clients.iter().all(is_ours),
            }
    }

    fn check(&self, issuer: &Issuer, now: Timestamp) -> Result<(), LoginError> {
        // Seconds since the epoch are exact in a double, and so are their thousandths nearly.
        #[allow(clippy::cast_precision_loss)]
        let now = now.0 as f64 / 1000.0;
        if self.iss != issuer.issuer {
            Err(LoginError::WrongIssuer)
        } else if !self.is_for(issuer) {
            Err(LoginError::WrongAudience)
        } else if self.is_guest() {
            Err(LoginError::Guest)
        } else if self.exp <= now {
            Err(LoginError::Expired)
        } else if [self.nbf, self.iat]
            .into_iter()
            .flatten()
            .any(|from| from > now + LEEWAY_SECONDS)
        {
            Err(LoginError::NotYetValid)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use futures_executor::block_on;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::identity::jwks::tests::{rsa, set};
    use crate::platform::simulated::{Simulated, simulated_signature};

    pub(crate) const NOW: Timestamp = Timestamp(1_795_000_000_500);

    pub(crate) fn issuer() -> Issuer {
        Issuer {
            issuer: "https://login.example/pool".into(),
            audiences: vec!["web".into(), "app".into()],
            jwks_uri: "https://login.example/pool/keys".into(),
        }
    }

    pub(crate) fn claims() -> Value {
        json!({
            "iss": "https://login.example/pool",
            "sub": "ada",
            "aud": "web",
            "exp": 1_795_000_001,
            "email": "ada@example.com",
        })
    }

    /// A token that is signed with the issuer's key `one`.
    pub(crate) fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = simulated_signature(&rsa("one"), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn header() -> Value {
        json!({ "alg": "RS256", "kid": "one", "typ": "JWT" })
    }

    /// Who logs in by these, where the issuer has two keys.
    fn verified(logins: &[(&str, &str)]) -> Result<Option<String>, LoginError> {
        let platform = Simulated::new(|request| {
            assert_eq!(request.url, issuer().jwks_uri);
            Ok(set(&[("one", rsa("one")), ("two", rsa("two"))]))
        });
        let text = |text: &&str| Text::from((*text).to_owned());
        let logins: Map<'_, _> = logins
            .iter()
            .map(|(name, token)| (text(name), text(token)))
            .collect();
        let issuers = [issuer()];
        let login = block_on(verify(&logins, &issuers, &platform, NOW))?;
        Ok(login.map(|login| {
            assert_eq!(login.issuer, issuer().issuer);
            login.subject
        }))
    }

    fn with(mut value: Value, name: &str, other: Value) -> Value {
        value[name] = other;
        value
    }

    #[test]
    fn a_token_of_the_issuer_is_a_login() {
        let ada = Ok(Some("ada".to_owned()));
        for claims in [
            claims(),
            with(claims(), "aud", json!(["web", "app"])),
            with(
                with(claims(), "aud", json!(["other", "app"])),
                "azp",
                json!("web"),
            ),
            with(claims(), "azp", json!("app")),
            with(claims(), "azp", json!(null)),
            with(claims(), "iat", json!(1_794_990_000)),
            with(claims(), "iat", json!(1_795_000_060)),
            with(claims(), "exp", json!(1_795_000_000.501)),
            with(claims(), "nbf", json!(1_795_000_060)),
            with(claims(), "amr", json!(["authenticated", "pwd"])),
            with(claims(), "amr", json!([])),
            with(claims(), "amr", json!(null)),
        ] {
            let token = token(&header(), &claims);
            assert_eq!(verified(&[("login.example/pool", &token)]), ada, "{claims}");
        }
        let token = token(&header(), &claims());
        assert_eq!(verified(&[("login.example/pool/", &token)]), ada);
        assert_eq!(verified(&[]), Ok(None));
    }

    #[test]
    fn whatever_is_wrong_with_a_token_it_is_no_login() {
        use LoginError::*;
        for (claim, value, error) in [
            ("iss", json!("https://login.example/pool/"), WrongIssuer),
            ("aud", json!("other"), WrongAudience),
            ("aud", json!([]), WrongAudience),
            ("aud", json!(5), Malformed),
            ("exp", json!(1_795_000_000.5), Expired),
            ("exp", json!("2027-01-01"), Malformed),
            ("exp", json!(null), Malformed),
            ("nbf", json!(1_795_000_061), NotYetValid),
            ("iat", json!(1_795_000_061), NotYetValid),
            ("iat", json!("2026-01-01"), Malformed),
            ("azp", json!("other"), WrongAudience),
            ("azp", json!(""), WrongAudience),
            ("azp", json!(["web"]), Malformed),
            ("aud", json!(["other", "app"]), WrongAudience),
            ("amr", json!(["unauthenticated"]), Guest),
            ("amr", json!(["pwd", "unauthenticated"]), Guest),
            ("amr", json!("unauthenticated"), Malformed),
            ("amr", json!("pwd"), Malformed),
            ("amr", json!([["unauthenticated"]]), Malformed),
            ("amr", json!({ "0": "unauthenticated" }), Malformed),
            ("sub", json!(""), Malformed),
            ("sub", json!("a".repeat(256)), Malformed),
            ("sub", json!(null), Malformed),
        ] {
            let token = token(&header(), &with(claims(), claim, value.clone()));
            let result = verified(&[("login.example/pool", &token)]);
            assert_eq!(result, Err(error), "{claim} {value}");
        }
        for (member, value, error) in [
            ("alg", json!("none"), Malformed),
            ("alg", json!("HS256"), Malformed),
            ("alg", json!("ES256"), Unverified),
            ("kid", json!("two"), Unverified),
            ("kid", json!("three"), Unverified),
            ("kid", json!(null), Malformed),
            ("crit", json!(["exp"]), Malformed),
        ] {
            let token = token(&with(header(), member, value.clone()), &claims());
            let result = verified(&[("login.example/pool", &token)]);
            assert_eq!(result, Err(error), "{member} {value}");
        }
    }

    #[test]
    fn a_login_is_one_and_of_an_issuer_that_is_configured() {
        let token = token(&header(), &claims());
        let login = |name| (name, token.as_str());
        for name in [
            "",
            "login.example",
            "https://login.example/pool",
            "graph.facebook.com",
        ] {
            let result = verified(&[login(name)]);
            assert_eq!(result, Err(LoginError::UnsupportedProvider), "{name}");
        }
        let several = [login("login.example/pool"), login("accounts.google.com")];
        assert_eq!(verified(&several), Err(LoginError::Several));
    }

    #[test]
    fn without_its_signature_a_token_is_none() {
        let token = token(&header(), &claims());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        for (other, error) in [
            (format!("{signed}."), LoginError::Unverified),
            (signed.to_owned(), LoginError::Malformed),
            (format!("{signed}.{signature}="), LoginError::Malformed),
            (format!("{token}.{signature}"), LoginError::Malformed),
            (
                format!("{}{token}", "A".repeat(MAX_TOKEN_BYTES)),
                LoginError::Malformed,
            ),
            (String::new(), LoginError::Malformed),
        ] {
            assert_eq!(
                verified(&[("login.example/pool", &other)]),
                Err(error),
                "{other}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_changed_token_is_a_login(
            index in any::<prop::sample::Index>(),
            character in "[A-Za-z0-9._-]",
        ) {
            let token = token(&header(), &claims());
            let mut changed = token.clone();
            let at = index.index(token.len());
            changed.replace_range(at..=at, &character);
            prop_assume!(changed != token);
            prop_assert!(verified(&[("login.example/pool", &changed)]).is_err(), "{}", changed);
        }
    }
}
