//! The embedded identity pool's credentials. Nothing is stored: a session token carries who it is
//! for and until when under a MAC, and access key id and secret follow from the token, so that any
//! isolate can verify what any other has issued.
//!
//! Token: base64url of version (1 byte), amr (1), expiry in epoch seconds (8, big endian), length
//! of the key id (1), key id, identity id, and HMAC-SHA256 over all of that (32). MAC, access key
//! id and secret are each made with a key of their own, derived from the master secret, so that
//! none says anything about another.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use forebay_core::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

type HmacSha256 = Hmac<Sha256>;

const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
const MIN_SECRET_BYTES: usize = 32;
const MAX_KEY_ID_BYTES: usize = 32;
/// Ours have about 160 characters; nothing longer is worth decoding.
const MAX_TOKEN_CHARS: usize = 512;

/// How an identity proved itself: `amr` of Cognito's OpenID tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amr {
    /// A guest.
    Unauthenticated,
    /// By a login.
    Authenticated,
}

impl Amr {
    /// As records hold it.
    pub fn as_str(self) -> &'static str {
        match self {
            Amr::Unauthenticated => "unauthenticated",
            Amr::Authenticated => "authenticated",
        }
    }

    fn to_byte(self) -> u8 {
        match self {
            Amr::Unauthenticated => 0,
            Amr::Authenticated => 1,
        }
    }

    fn from_byte(byte: u8) -> Option<Amr> {
        match byte {
            0 => Some(Amr::Unauthenticated),
            1 => Some(Amr::Authenticated),
            _ => None,
        }
    }
}

/// Who a session token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The Cognito identity id.
    pub identity_id: String,
    /// How it proved itself.
    pub amr: Amr,
    /// When its credentials run out: whole seconds.
    pub expiration: Timestamp,
}

/// Short-lived credentials.
pub struct IssuedCredentials {
    /// `ASIA` and 16 letters and digits, as AWS's short-lived keys have.
    pub access_key_id: String,
    /// 40 characters, as AWS's have.
    pub secret_access_key: String,
    /// What the worker knows them by.
    pub session_token: String,
}

/// Why a session token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Not issued here, not with this access key id, or changed on its way.
    Invalid,
    /// Genuine, but its time has run out.
    Expired,
}

/// One master secret, as the three keys that follow from it.
pub struct MasterSecret {
    id: String,
    token_key: HmacSha256,
    access_key_id_key: HmacSha256,
    secret_access_key_key: HmacSha256,
    /// Makes keys for other purposes.
    deriving_key: HmacSha256,
}

impl MasterSecret {
    /// Takes a secret and the id that tokens name it by.
    ///
    /// # Errors
    /// What is wrong: a secret of less than 32 bytes, an id that is empty or longer than 32 bytes.
    pub fn new(id: String, secret: &[u8]) -> Result<MasterSecret, &'static str> {
        if id.is_empty() || id.len() > MAX_KEY_ID_BYTES {
            return Err("an id is empty or longer than 32 bytes");
        }
        if secret.len() < MIN_SECRET_BYTES {
            return Err("a secret has less than 32 bytes; `openssl rand -base64 32` makes one");
        }
        let master = keyed(Sha256::digest(secret).into());
        let derived = |purpose: &str| keyed(mac(&master, purpose.as_bytes()));
        Ok(MasterSecret {
            token_key: derived("forebay/1/session-token"),
            access_key_id_key: derived("forebay/1/access-key-id"),
            secret_access_key_key: derived("forebay/1/secret-access-key"),
            deriving_key: derived("forebay/1/derived-key"),
            id,
        })
    }

    fn access_key_id(&self, token: &str) -> String {
        let digest = mac(&self.access_key_id_key, token.as_bytes());
        let mut id = String::from("ASIA");
        id.extend(digest.iter().take(16).map(|byte| {
            const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
            char::from(BASE32[usize::from(byte % 32)])
        }));
        id
    }

    fn secret_access_key(&self, token: &str) -> String {
        let digest = mac(&self.secret_access_key_key, token.as_bytes());
        STANDARD_NO_PAD.encode(digest.get(..30).unwrap_or(&digest))
    }
}

/// HMAC-SHA256 with a key of 32 bytes, filled up with zeros to a block as RFC 2104 has it.
fn keyed(key: [u8; 32]) -> HmacSha256 {
    let mut block = [0; 64];
    block[..32].copy_from_slice(&key);
    HmacSha256::new(&block.into())
}

fn mac(key: &HmacSha256, message: &[u8]) -> [u8; MAC_BYTES] {
    key.clone()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .into()
}

/// The master secrets that are live: the first one issues, all of them verify, so that a secret can
/// be replaced while what it has issued runs out.
pub struct MasterSecrets {
    issuing: MasterSecret,
    retired: Vec<MasterSecret>,
}

impl MasterSecrets {
    /// Takes the live secrets, the issuing one first.
    ///
    /// # Errors
    /// What is wrong: no secret at all, or two with one id.
    pub fn new(secrets: Vec<MasterSecret>) -> Result<MasterSecrets, &'static str> {
        let mut secrets = secrets.into_iter();
        let issuing = secrets.next().ok_or("there is no secret")?;
        let retired: Vec<MasterSecret> = secrets.collect();
        let mut ids: Vec<&str> = retired.iter().map(|secret| secret.id.as_str()).collect();
        ids.push(&issuing.id);
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two secrets have the same id");
        }
        Ok(MasterSecrets { issuing, retired })
    }

    fn by_id(&self, id: &[u8]) -> Option<&MasterSecret> {
        std::iter::once(&self.issuing)
            .chain(&self.retired)
            .find(|secret| secret.id.as_bytes() == id)
    }

    /// A key for another purpose, of the secret that issues.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        mac(&self.issuing.deriving_key, purpose.as_bytes())
    }

    /// Issues credentials for a session. A session's fraction of a second is not kept.
    pub fn issue(&self, session: &Session) -> IssuedCredentials {
        let secret = &self.issuing;
        let key_id_bytes = u8::try_from(secret.id.len()).unwrap_or(u8::MAX);
        let mut token = vec![VERSION, session.amr.to_byte()];
        token.extend(session.expiration.0.div_euclid(1000).to_be_bytes());
        token.push(key_id_bytes);
        token.extend(secret.id.bytes().chain(session.identity_id.bytes()));
        token.extend(mac(&secret.token_key, &token));
        let session_token = URL_SAFE_NO_PAD.encode(&token);
        IssuedCredentials {
            access_key_id: secret.access_key_id(&session_token),
            secret_access_key: secret.secret_access_key(&session_token),
            session_token,
        }
    }

    /// Who a session token is for, and the secret access key that goes with it: what a signature
    /// made with the token is verified by.
    ///
    /// # Errors
    /// [`TokenError`]; [`TokenError::Expired`] is only ever said of a genuine token.
    pub fn verify(
        &self,
        session_token: &str,
        access_key_id: &str,
        now: Timestamp,
    ) -> Result<(Session, String), TokenError> {
        if session_token.len() > MAX_TOKEN_CHARS {
            return Err(TokenError::Invalid);
        }
        let token = URL_SAFE_NO_PAD
            .decode(session_token)
            .map_err(|_| TokenError::Invalid)?;
        let (session, secret) = self.read(&token).ok_or(TokenError::Invalid)?;
        if secret.access_key_id(session_token) != access_key_id {
            return Err(TokenError::Invalid);
        }
        if session.expiration <= now {
            return Err(TokenError::Expired);
        }
        Ok((session, secret.secret_access_key(session_token)))
    }

    /// Takes a token apart and checks its MAC; `None` where either fails.
    fn read(&self, token: &[u8]) -> Option<(Session, &MasterSecret)> {
        let (signed, code) = token.split_at_checked(token.len().checked_sub(MAC_BYTES)?)?;
        let (&[version, amr], rest) = signed.split_first_chunk::<2>()?;
        let (expiry, rest) = rest.split_first_chunk::<8>()?;
        let (&key_id_bytes, rest) = rest.split_first()?;
        let (key_id, identity_id) = rest.split_at_checked(usize::from(key_id_bytes))?;
        let secret = self.by_id(key_id)?;
        let expected = secret.token_key.clone().chain_update(signed);
        expected.verify_slice(code).ok()?;
        let session = Session {
            identity_id: String::from_utf8(identity_id.to_vec()).ok()?,
            amr: Amr::from_byte(amr)?,
            expiration: Timestamp(i64::from_be_bytes(*expiry).checked_mul(1000)?),
        };
        (version == VERSION).then_some((session, secret))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bolero::{check, produce};

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    pub(crate) fn secrets(ids: &[&str]) -> MasterSecrets {
        let secret = |id: &&str| {
            MasterSecret::new(
                (*id).into(),
                format!("the master secret with the id {id}......").as_bytes(),
            )
        };
        MasterSecrets::new(ids.iter().map(|id| secret(id).unwrap()).collect()).unwrap()
    }

    fn session() -> Session {
        Session {
            identity_id: "us-east-1:6fb4c4f2-0000-4000-8000-000000000001".into(),
            amr: Amr::Unauthenticated,
            expiration: Timestamp(NOW.0 + 3_600_000),
        }
    }

    fn verify(
        secrets: &MasterSecrets,
        credentials: &IssuedCredentials,
        now: Timestamp,
    ) -> Result<(Session, String), TokenError> {
        secrets.verify(&credentials.session_token, &credentials.access_key_id, now)
    }

    #[test]
    fn what_is_issued_is_known_again_and_looks_like_aws_credentials() {
        for amr in [Amr::Unauthenticated, Amr::Authenticated] {
            let session = Session { amr, ..session() };
            let issued = secrets(&["1"]).issue(&session);
            assert_eq!(issued.access_key_id.len(), 20);
            assert!(issued.access_key_id.starts_with("ASIA"));
            assert_eq!(issued.secret_access_key.len(), 40);
            // Another isolate, which shares nothing but the configuration.
            let known = verify(&secrets(&["1"]), &issued, NOW);
            assert_eq!(known, Ok((session, issued.secret_access_key)));
        }
    }

    #[test]
    fn no_changed_bit_of_a_token_passes() {
        let secrets = secrets(&["1"]);
        let issued = secrets.issue(&session());
        let token = URL_SAFE_NO_PAD.decode(&issued.session_token).unwrap();
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = URL_SAFE_NO_PAD.encode(changed);
            let result = secrets.verify(&changed, &issued.access_key_id, NOW);
            assert_eq!(result, Err(TokenError::Invalid), "bit {bit}");
        }
        for length in 0..issued.session_token.len() {
            let cut = &issued.session_token[..length];
            let result = secrets.verify(cut, &issued.access_key_id, NOW);
            assert_eq!(result, Err(TokenError::Invalid), "{length} characters");
        }
    }

    /// Whatever the holder of a secret signs: what is read as a session is what is issued for that session, byte for
    /// byte. So a session has one token of a secret, and nothing is read past the end of a part.
    #[test]
    fn what_is_read_as_a_session_is_its_only_token() {
        let secrets = secrets(&["1"]);
        let seconds = 0i64..i64::MAX / 500;
        let key_id = produce::<Vec<u8>>()
            .with()
            .len(0usize..=2)
            .values(b'0'..=b'1');
        let parts = (
            0u8..3,
            0u8..3,
            seconds,
            0u8..=2,
            key_id,
            produce::<Vec<u8>>(),
        );
        check!()
            .with_generator((parts, 0usize..40))
            .with_iterations(20_000)
            .for_each(
                |((version, amr, seconds, key_id_bytes, key_id, identity_id), cut)| {
                    let mut token = vec![*version, *amr];
                    token.extend(seconds.to_be_bytes());
                    token.push(*key_id_bytes);
                    token.extend(key_id.iter().chain(identity_id));
                    // Most tokens are whole.
                    token.truncate(if *cut < 12 { *cut } else { token.len() });
                    token.extend(mac(&secrets.issuing.token_key, &token));
                    if let Some((session, _)) = secrets.read(&token) {
                        let issued = secrets.issue(&session);
                        assert_eq!(issued.session_token, URL_SAFE_NO_PAD.encode(&token));
                    }
                    let unsigned = token.len() - MAC_BYTES;
                    assert!(secrets.read(&token[..unsigned]).is_none());
                },
            );
    }

    #[test]
    fn a_token_is_good_with_its_own_access_key_id_alone() {
        let secrets = secrets(&["1"]);
        let (one, two) = (
            secrets.issue(&session()),
            secrets.issue(&Session {
                identity_id: "us-east-1:00000000-0000-4000-8000-000000000002".into(),
                ..session()
            }),
        );
        assert_ne!(one.secret_access_key, two.secret_access_key);
        let mixed = secrets.verify(&one.session_token, &two.access_key_id, NOW);
        assert_eq!(mixed, Err(TokenError::Invalid));
    }

    #[test]
    fn credentials_run_out_at_their_expiration() {
        let secrets = secrets(&["1"]);
        let issued = secrets.issue(&session());
        let last = Timestamp(session().expiration.0 - 1);
        assert!(verify(&secrets, &issued, last).is_ok());
        let after = verify(&secrets, &issued, session().expiration);
        assert_eq!(after, Err(TokenError::Expired));
    }

    #[test]
    fn a_retired_secret_still_verifies_and_a_removed_one_does_not() {
        let issued = secrets(&["old"]).issue(&session());
        assert!(verify(&secrets(&["new", "old"]), &issued, NOW).is_ok());
        let removed = verify(&secrets(&["new"]), &issued, NOW);
        assert_eq!(removed, Err(TokenError::Invalid));
        // The same id with other bytes is another secret.
        let other = MasterSecret::new("old".into(), &[7; 32]).unwrap();
        let other = MasterSecrets::new(vec![other]).unwrap();
        assert_eq!(verify(&other, &issued, NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn secrets_that_could_not_be_told_apart_or_guessed_are_refused() {
        assert!(MasterSecret::new("1".into(), &[0; 31]).is_err());
        assert!(MasterSecret::new(String::new(), &[0; 32]).is_err());
        assert!(MasterSecrets::new(Vec::new()).is_err());
        let twice = ["1", "1"].map(|id| MasterSecret::new(id.into(), &[0; 32]).unwrap());
        assert!(MasterSecrets::new(twice.into()).is_err());
    }
}
