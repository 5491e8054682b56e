//! The id of an event: the key that it was sent under, if that is a UUID. Any other key (`key1`,
//! `registration_success`) names it only together with its endpoint, type, time and content, and the
//! id is derived from all of them: different events under one key stay different, and the same one
//! sent again stays one.

use std::borrow::Cow;

use forebay_core::event::{Event, Map, Text};
use forebay_core::schema::pii::Salt;
use forebay_core::schema::{EventSchema, Schema};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::identity::session_token::MasterSecrets;
use crate::text::hyphenated;

/// Derives ids. The hash has a key wherever the schema marks personal data: an id must not let anyone
/// try out what a record leaves out.
pub struct EventIds(Hmac<Sha256>);

impl EventIds {
    /// The key is that of the salt, so that it stays the same for good; without a salt that of the
    /// issuing master secret.
    pub fn new(schema: &Schema, salt: Option<&Salt>, secrets: &MasterSecrets) -> EventIds {
        const PURPOSE: &str = "forebay/1/event-id";
        let marks = schema.events.iter().any(EventSchema::marks_personal_data);
        let secret = match salt {
            _ if !marks => [0; 32],
            Some(salt) => Sha256::digest(salt.hash(PURPOSE)).into(),
            None => secrets.derived(PURPOSE),
        };
        let mut block = [0; 64];
        block[..32].copy_from_slice(&secret);
        EventIds(Hmac::new(&block.into()))
    }

    /// The id of an event as it was sent, which stands under `key`.
    pub fn of<'k>(&self, key: &'k str, endpoint_id: &str, event: &Event<'_>) -> Cow<'k, str> {
        if is_uuid(key) {
            return Cow::Borrowed(key);
        }
        let mut content = Content(self.0.clone());
        content.text(key);
        content.text(endpoint_id);
        content.event(event);
        Cow::Owned(content.id())
    }

    /// The id of whatever these texts name, all of them together.
    pub fn of_texts(&self, texts: &[&str]) -> String {
        let mut content = Content(self.0.clone());
        content.length(texts.len());
        for text in texts {
            content.text(text);
        }
        content.id()
    }
}

/// Feeds a hash so that no two events feed it the same: every text is preceded by its length.
struct Content(Hmac<Sha256>);

impl Content {
    fn id(self) -> String {
        let hash = self.0.finalize().into_bytes();
        let mut id: [u8; 16] = std::array::from_fn(|index| hash[index]);
        // Version and variant of RFC 9562: a UUID of a form of one's own.
        id[6] = id[6] & 0x0f | 0x80;
        id[8] = id[8] & 0x3f | 0x80;
        hyphenated(&id)
    }

    fn number(&mut self, number: i64) {
        self.0.update(&number.to_le_bytes());
    }

    /// As long on every machine.
    fn length(&mut self, length: usize) {
        self.0.update(&(length as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    fn present(&mut self, is_present: bool) {
        self.0.update(&[u8::from(is_present)]);
    }

    fn optional(&mut self, text: Option<&Text<'_>>) {
        self.present(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// In the order of the names: not every client keeps to one.
    fn map<T>(&mut self, map: &Map<'_, T>, text: impl Fn(&T) -> &str) {
        let mut members: Vec<_> = map.iter().collect();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.length(members.len());
        for (name, value) in members {
            self.text(name);
            self.text(text(value));
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        self.text(&event.event_type);
        self.number(event.timestamp.0);
        for text in [
            &event.app_package_name,
            &event.app_title,
            &event.app_version_code,
            &event.client_sdk_version,
            &event.sdk_name,
        ] {
            self.optional(text.as_ref());
        }
        self.map(&event.attributes, |text| text);
        self.map(&event.metrics, |number| number.as_text());
        self.present(event.session.is_some());
        if let Some(session) = &event.session {
            self.text(&session.id);
            self.number(session.start_timestamp.0);
            for number in [session.stop_timestamp.map(|time| time.0), session.duration] {
                self.present(number.is_some());
                self.number(number.unwrap_or_default());
            }
        }
    }
}

/// Whether an id was made to be unique: RFC 9562's form, variant and a version from 1 to 8. What only
/// has the form, such as zeros alone, may be anybody's constant.
pub fn is_uuid(id: &str) -> bool {
    let Some(id) = id.as_bytes().as_array::<36>() else {
        return false;
    };
    // Without a branch between the bytes.
    let is_digits = id.iter().enumerate().fold(true, |is_digits, (at, byte)| {
        let is_hyphen = matches!(at, 8 | 13 | 18 | 23);
        let is_right = if is_hyphen {
            *byte == b'-'
        } else {
            byte.is_ascii_hexdigit()
        };
        is_digits & is_right
    });
    let is_variant = matches!(id[19], b'8' | b'9' | b'a' | b'b' | b'A' | b'B');
    is_digits && matches!(id[14], b'1'..=b'8') && is_variant
}

#[cfg(test)]
mod tests {
    use forebay_core::event::Session;
    use forebay_core::time::Timestamp;

    use super::*;
    use crate::identity::session_token::tests::secrets;

    const UNMARKED: &str = r#"{"$defs":{"A":{"type":"object","properties":{}}}}"#;
    const MARKED: &str = r#"{"$defs":{"A":{"type":"object","properties":{
        "name":{"type":"string","x-pii":"drop"}}}}}"#;

    fn ids(schema: &str, salt: Option<u8>, secret: &str) -> EventIds {
        let schema = Schema::parse(schema.as_bytes()).unwrap();
        let salt = salt.and_then(|byte| Salt::new(vec![byte; 32]));
        EventIds::new(&schema, salt.as_ref(), &secrets(&[secret]))
    }

    fn event() -> Event<'static> {
        Event {
            attributes: vec![("a".into(), "x".into()), ("b".into(), "y".into())],
            metrics: vec![("m".into(), 1_i64.into())],
            session: Some(Session {
                id: "s".into(),
                start_timestamp: Timestamp(1),
                stop_timestamp: None,
                duration: None,
            }),
            ..Event::new("A", Timestamp(1_795_000_000_000))
        }
    }

    #[test]
    fn a_uuid_is_the_id_and_any_other_key_is_part_of_it() {
        let ids = ids(UNMARKED, None, "1");
        let uuid = "0193b2c8-7a10-7cc3-98c4-dc0c0c07398f";
        assert_eq!(ids.of(uuid, "c", &event()), uuid);
        let derived = ids.of("key1", "c", &event());
        assert!(is_uuid(&derived), "{derived}");
        assert_eq!(derived.as_bytes()[14], b'8');
        assert_eq!(ids.of("key1", "c", &event()), derived);
    }

    #[test]
    fn events_that_differ_in_anything_have_ids_that_differ() {
        let ids = ids(UNMARKED, None, "1");
        let mut all = vec![
            ids.of("key1", "c", &event()),
            ids.of("key2", "c", &event()),
            ids.of("key1", "d", &event()),
            ids.of("key1c", "", &event()),
        ];
        let changes: [fn(&mut Event<'static>); 12] = [
            |event| event.event_type = "B".into(),
            |event| event.timestamp = Timestamp(1_795_000_000_001),
            |event| event.app_title = Some("x".into()),
            |event| event.sdk_name = Some("x".into()),
            |event| event.attributes[0].1 = "z".into(),
            |event| event.attributes[0].0 = "c".into(),
            |event| event.attributes.truncate(1),
            |event| {
                event.attributes[0].1 = "y".into();
                event.attributes[1].1 = "x".into();
            },
            |event| event.metrics[0].1 = 2_i64.into(),
            |event| event.session = None,
            |event| event.session.as_mut().unwrap().stop_timestamp = Some(Timestamp(0)),
            |event| event.session.as_mut().unwrap().duration = Some(0),
        ];
        for change in changes {
            let mut other = event();
            change(&mut other);
            all.push(ids.of("key1", "c", &other));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn the_order_of_the_names_does_not_matter() {
        let ids = ids(UNMARKED, None, "1");
        let mut turned = event();
        turned.attributes.reverse();
        assert_eq!(ids.of("k", "c", &turned), ids.of("k", "c", &event()));
    }

    /// What is left out of a record cannot be found by trying which value gives its id.
    #[test]
    fn an_id_has_a_secret_where_there_is_personal_data() {
        let of = |schema, salt, secret| {
            ids(schema, salt, secret)
                .of("k", "c", &event())
                .into_owned()
        };
        assert_eq!(of(UNMARKED, None, "1"), of(UNMARKED, Some(7), "2"));
        assert_ne!(of(MARKED, None, "1"), of(UNMARKED, None, "1"));
        // With a salt the master secret may be replaced.
        assert_eq!(of(MARKED, Some(7), "1"), of(MARKED, Some(7), "2"));
        assert_ne!(of(MARKED, Some(7), "1"), of(MARKED, Some(8), "1"));
    }

    #[test]
    fn only_a_uuid_names_an_event() {
        for id in [
            "00000000-0000-4000-8000-000000000000",
            "0193b2c8-7a10-7cc3-98c4-dc0c0c07398f",
            "C232AB00-9414-11EC-B3C8-9F6BDECED846",
        ] {
            assert!(is_uuid(id), "{id}");
        }
        for id in [
            "",
            "key1",
            "registration_success",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "11111111-1111-1111-1111-111111111111",
            "c232ab00-9414-91ec-b3c8-9f6bdeced846",
            "c232ab00-9414-11ec-b3c8-9f6bdeced84g",
            "c232ab00-9414-11ec-b3c8-9f6bdeced8466",
            "c232ab0009414-11ec-b3c8-9f6bdeced846",
            "{c232ab00-9414-11ec-b3c8-9f6bdeced846}",
            "c232ab00941411ecb3c89f6bdeced846",
        ] {
            assert!(!is_uuid(id), "{id}");
        }
    }
}
