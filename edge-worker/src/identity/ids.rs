//! Identity ids, `<region>:<uuid>`: random ones for guests, and for whoever logs in always the same
//! one, so that nothing needs to be stored.
//!
//! The UUID of a login's id is of version 8. Its first ten bytes are a hash of issuer and subject,
//! the other six a hash of those ten: by these it is known for a login's and never given to a
//! guest, while of the ids that Amazon Cognito once gave out none in 2^48 looks like it.

use sha2::{Digest, Sha256};

use crate::text::{hyphenated, uuid};

const HASHED_BYTES: usize = 10;

/// The id of a new guest.
pub fn of_guest(region: &str, random: [u8; 16]) -> String {
    format!("{region}:{}", uuid(random))
}

/// The id of the person whom an issuer calls `subject`.
pub fn of_login(region: &str, issuer: &str, subject: &str) -> String {
    let person = Sha256::new_with_prefix("forebay/1/identity\0")
        .chain_update(issuer)
        .chain_update([0])
        .chain_update(subject)
        .finalize();
    let mut id = [0; 16];
    id[..HASHED_BYTES].copy_from_slice(&person[..HASHED_BYTES]);
    // Version and variant of RFC 9562.
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    let check = check_of(&id);
    id[HASHED_BYTES..].copy_from_slice(&check);
    format!("{region}:{}", hyphenated(&id))
}

/// Whether an id is one of [`of_login`], however its digits are hyphenated.
pub fn is_of_login(identity_id: &str) -> bool {
    let digits = identity_id.split_once(':').map_or("", |(_, uuid)| uuid);
    let digits = digits.replace('-', "");
    let Ok(number) = u128::from_str_radix(&digits, 16) else {
        return false;
    };
    let id = number.to_be_bytes();
    digits.len() == 32 && id[HASHED_BYTES..] == check_of(&id)
}

fn check_of(id: &[u8; 16]) -> [u8; 16 - HASHED_BYTES] {
    let digest = Sha256::new_with_prefix("forebay/1/identity-of-login\0")
        .chain_update(&id[..HASHED_BYTES])
        .finalize();
    std::array::from_fn(|index| digest[index])
}

/// Whether `id` has the form of a Cognito identity or identity pool id: `[\w-]+:[0-9a-f-]+`, at
/// most 55 characters (service model `cognito-identity/2014-06-30`).
pub fn is_cognito_id(id: &str) -> bool {
    let is_region = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_rest = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    id.len() <= 55
        && id.split_once(':').is_some_and(|(region, rest)| {
            !region.is_empty()
                && !rest.is_empty()
                && region.bytes().all(is_region)
                && rest.bytes().all(is_rest)
        })
}

/// Whether `id` is what identities are called: `<region>:<uuid>`, in lower case.
pub fn is_identity_id(id: &str) -> bool {
    let is_uuid = |uuid: &str| {
        let mut places = uuid.bytes().enumerate();
        uuid.len() == 36
            && places.all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            })
    };
    is_cognito_id(id) && id.split_once(':').is_some_and(|(_, uuid)| is_uuid(uuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_one_id_and_no_other_person_has_it() {
        let ada = of_login("us-east-1", "https://a.example", "ada");
        assert_eq!(ada, of_login("us-east-1", "https://a.example", "ada"));
        assert!(is_cognito_id(&ada), "{ada}");
        assert_eq!(ada.as_bytes()["us-east-1:".len() + 14], b'8', "{ada}");
        for (issuer, subject) in [
            ("https://a.example", "bob"),
            ("https://b.example", "ada"),
            ("https://a.exampl", "eada"),
        ] {
            assert_ne!(ada, of_login("us-east-1", issuer, subject));
        }
    }

    #[test]
    fn an_id_of_a_login_is_known_in_whatever_form_and_no_other_is_taken_for_one() {
        let login = of_login("us-east-1", "https://a.example", "ada");
        assert!(is_of_login(&login));
        let (region, uuid) = login.split_once(':').unwrap();
        assert!(is_of_login(&format!("{region}:{}", uuid.replace('-', ""))));
        assert!(is_of_login(&format!("{region}:-{uuid}-")));
        assert!(!is_of_login(&format!("{region}:0{uuid}")));
        for digit in 0..uuid.len() {
            let mut other = uuid.as_bytes().to_vec();
            other[digit] = match other[digit] {
                b'-' => continue,
                b'0' => b'1',
                _ => b'0',
            };
            let other = String::from_utf8(other).unwrap();
            assert!(!is_of_login(&format!("{region}:{other}")), "{other}");
        }
        for other in [
            "",
            "us-east-1:",
            "us-east-1:0",
            "a:+123",
            &of_guest("a", [7; 16]),
        ] {
            assert!(!is_of_login(other), "{other}");
        }
    }

    #[test]
    fn an_identity_is_a_region_and_a_uuid() {
        assert!(is_identity_id(&of_guest("us-east-1", [7; 16])));
        assert!(is_identity_id(&of_login(
            "us-east-1",
            "https://a.example",
            "ada"
        )));
        assert!(is_identity_id(
            "us-east-1:00000000-0000-0000-0000-000000000000"
        ));
        for id in [
            "us-east-1:6fb4c4f200004000800000000000001",
            "us-east-1:6fb4c4f2-0000-4000-8000-00000000000",
            "us-east-1:6fb4c4f2-0000-4000-8000-0000000000011",
            "us-east-1:6FB4C4F2-0000-4000-8000-000000000001",
            "us-east-1:6fb4c4f-20000-4000-8000-000000000001",
            "us-east-1:0",
            "us-east-1:------------------------------------",
            ":6fb4c4f2-0000-4000-8000-000000000001",
            "us east:6fb4c4f2-0000-4000-8000-000000000001",
        ] {
            assert!(!is_identity_id(id), "{id}");
        }
    }

    #[test]
    fn cognito_ids_are_of_their_form() {
        for id in ["us-east-1:6fb4c4f2-0000-4000-8000-000000000001", "a_b:0"] {
            assert!(is_cognito_id(id), "{id}");
        }
        let long = format!("us-east-1:{}", "0".repeat(46));
        for id in [
            "",
            ":",
            "us-east-1",
            "us-east-1:",
            ":0",
            "a:b:c",
            "a b:0",
            "us-east-1:G",
            &long,
        ] {
            assert!(!is_cognito_id(id), "{id}");
        }
    }
}
