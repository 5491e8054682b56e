//! Any session token: one that was issued is known again, one that was not never is, and behind a genuine MAC
//! only what has the form of a token is one.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::time::Timestamp;
use forebay_core_fuzz::identity::session_token::{
    Amr, MasterSecret, MasterSecrets, Session, TokenError,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// A token as a stranger makes it up.
    token: &'a str,
    access_key_id: &'a str,
    identity_id: &'a str,
    is_authenticated: bool,
    expires_seconds: u32,
    now_seconds: u32,
    /// Which bit of an issued token is turned.
    turned: u16,
    /// The token's bytes before its MAC. The target adds a genuine MAC to them.
    signed: Signed<'a>,
}

#[derive(Arbitrary, Debug)]
enum Signed<'a> {
    Bytes(&'a [u8]),
    /// Nearly as it should be: version, amr, expiry, length of the key id, and what follows.
    Members(u8, u8, u32, u8, &'a [u8]),
}

impl Signed<'_> {
    fn encode(&self) -> Vec<u8> {
        match self {
            Signed::Bytes(bytes) => bytes.to_vec(),
            Signed::Members(version, amr, expiry, key_id_bytes, rest) => {
                let head = [version % 3, amr % 4];
                let expiry = u64::from(*expiry).to_be_bytes();
                let key_id = [key_id_bytes % 3];
                [
                    &head,
                    &expiry[..],
                    &key_id,
                    KEY_ID.as_bytes(),
                    &rest[..rest.len().min(64)],
                ]
                .concat()
            }
        }
    }
}

const KEY_ID: &str = "1";
const SECRET: [u8; 32] = *b"a master secret of thirty-two by";
/// The longest token that is read.
const MAX_TOKEN_CHARS: usize = 512;

forebay_core_fuzz::target!(|input: Input<'_>| {
    let secret = MasterSecret::new(KEY_ID.to_owned(), &SECRET).expect("a secret");
    let secrets = MasterSecrets::new(vec![secret]).expect("secrets");
    let seconds = |seconds: u32| Timestamp(i64::from(seconds) * 1_000);
    let now = seconds(input.now_seconds);
    let refused = secrets.verify(input.token, input.access_key_id, now);
    assert_eq!(refused, Err(TokenError::Invalid));

    let session = Session {
        identity_id: input.identity_id.to_owned(),
        amr: match input.is_authenticated {
            true => Amr::Authenticated,
            false => Amr::Unauthenticated,
        },
        expiration: seconds(input.expires_seconds),
    };
    let issued = secrets.issue(&session);
    let known = secrets.verify(&issued.session_token, &issued.access_key_id, now);
    match known {
        Ok((known, secret_access_key)) => {
            assert_eq!(known, session);
            assert_eq!(secret_access_key, issued.secret_access_key);
            assert!(input.expires_seconds > input.now_seconds);
        }
        Err(TokenError::Expired) => assert!(input.expires_seconds <= input.now_seconds),
        Err(TokenError::Invalid) => assert!(issued.session_token.len() > MAX_TOKEN_CHARS),
    }
    let mut turned = issued.session_token.clone().into_bytes();
    let bit = usize::from(input.turned) % (turned.len() * 8);
    turned[bit / 8] ^= 1 << (bit % 8);
    if let Ok(turned) = String::from_utf8(turned) {
        let refused = secrets.verify(&turned, &issued.access_key_id, now);
        assert_eq!(refused, Err(TokenError::Invalid));
    }

    let master: [u8; 32] = Sha256::digest(SECRET).into();
    let of_purpose = |purpose: &str| mac(&master, purpose.as_bytes());
    let signed = input.signed.encode();
    let code = mac(&of_purpose("forebay/1/session-token"), &signed);
    let token = URL_SAFE_NO_PAD.encode([signed.as_slice(), &code].concat());
    let digest = mac(&of_purpose("forebay/1/access-key-id"), token.as_bytes());
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = digest[..16]
        .iter()
        .map(|byte| digits[usize::from(byte % 32)]);
    let access_key_id: String = "ASIA".chars().chain(digits.map(char::from)).collect();
    let read = secrets.verify(&token, &access_key_id, now);
    assert_eq!(
        read.map(|(session, _)| session),
        expected(&signed, &token, now)
    );
});

/// The session of a token whose MAC is genuine.
fn expected(signed: &[u8], token: &str, now: Timestamp) -> Result<Session, TokenError> {
    let is_form = signed.len() >= 12
        && signed[0] == 1
        && signed[1] <= 1
        && signed[10] == 1
        && signed[11..12] == *KEY_ID.as_bytes()
        && token.len() <= MAX_TOKEN_CHARS;
    let identity_id = String::from_utf8(signed.get(12..).unwrap_or_default().to_vec());
    let expiry = signed.get(2..10).unwrap_or_default();
    let expiry = expiry
        .iter()
        .fold(0, |all: u64, byte| all << 8 | u64::from(*byte));
    let (true, Ok(identity_id), Some(expiration)) = (
        is_form,
        identity_id,
        expiry.cast_signed().checked_mul(1_000),
    ) else {
        return Err(TokenError::Invalid);
    };
    if expiration <= now.0 {
        return Err(TokenError::Expired);
    }
    Ok(Session {
        identity_id,
        amr: match signed[1] {
            1 => Amr::Authenticated,
            _ => Amr::Unauthenticated,
        },
        expiration: Timestamp(expiration),
    })
}

fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.chain_update(message).finalize().into_bytes().into()
}
