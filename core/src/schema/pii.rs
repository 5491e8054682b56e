//! Personal data: what becomes of the fields that `x-pii` marks.
//!
//! `drop` is taken out where an event is recorded. `hash` and `mask` travel to the edge, which
//! validates them and lets nothing but their hash or mask go further.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{EventSchema, Field, Format, Kind, Pii};
use crate::event::Event;
use crate::sigv4::hmac_sha256_hex;

/// Fewest bytes of a [`Salt`]: as many as the hash has.
pub const MIN_SALT_BYTES: usize = 32;

/// What stands for the part of a text that is masked.
const MASK: &str = "***";

/// The secret that hashes are keyed by, so that nobody without it can try out values.
#[derive(Clone)]
pub struct Salt(Vec<u8>);

impl fmt::Debug for Salt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Salt(..)")
    }
}

impl Salt {
    /// `None` for less than [`MIN_SALT_BYTES`].
    pub fn new(secret: Vec<u8>) -> Option<Salt> {
        (secret.len() >= MIN_SALT_BYTES).then_some(Salt(secret))
    }

    /// HMAC-SHA-256 of the text's UTF-8 bytes, as 64 small hexadecimal digits. Equal texts have equal
    /// hashes, whatever field they are of: tables can be joined by them.
    pub fn hash(&self, text: &str) -> String {
        hmac_sha256_hex(&self.0, text.as_bytes())
    }
}

/// Whether a text has the form of [`Salt::hash`].
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A text cut down to what `x-pii: mask` keeps of it. Masking twice is masking once.
///
/// | `format` | kept |
/// |---|---|
/// | `email` | the domain: `***@example.com` |
/// | `uri` | scheme and host: `https://example.com/***`; without a host the scheme: `mailto:***` |
/// | `date-time` | the year in UTC: `2026-01-01T00:00:00Z` |
/// | `date` | the year: `2026-01-01` |
/// | `uuid` | nothing: the nil UUID |
/// | none | the first character: `A***` |
pub fn mask(field: &Field, text: &str) -> String {
    match &field.kind {
        Kind::String { format, .. } => mask_as(*format, text),
        _ => mask_as(None, text),
    }
}

/// A text cut down to what is kept of one that is to be of a format.
pub(super) fn mask_as(format: Option<Format>, text: &str) -> String {
    let masked = match format.filter(|format| format.matches(text)) {
        Some(Format::Email) => mask_email(text),
        Some(Format::Uri) => mask_uri(text),
        Some(Format::DateTime) => mask_date_time(text),
        Some(Format::Date) => text.get(..4).map(|year| [year, "-01-01"].concat()),
        Some(Format::Uuid) => Some("00000000-0000-0000-0000-000000000000".into()),
        None => None,
    };
    masked.unwrap_or_else(|| {
        let first = text.chars().next();
        first.map_or_else(String::new, |first| {
            let mut masked = String::from(first);
            masked.push_str(MASK);
            masked
        })
    })
}

fn mask_email(text: &str) -> Option<String> {
    let (_, domain) = text.rsplit_once('@')?;
    Some([MASK, "@", domain].concat())
}

fn mask_uri(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let Some(rest) = rest.strip_prefix("//") else {
        return Some([scheme, ":", MASK].concat());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (_, host_and_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    // The address in brackets has colons of its own.
    let host = match host_and_port.split_once(']') {
        Some((address, _)) => [address, "]"].concat(),
        None => host_and_port.split(':').next().unwrap_or_default().into(),
    };
    Some([scheme, "://", &host, "/", MASK].concat())
}

fn mask_date_time(text: &str) -> Option<String> {
    let day = crate::time::Timestamp::parse_iso8601(text)?.to_iso8601();
    Some([day.get(..4)?, "-01-01T00:00:00Z"].concat())
}

impl EventSchema {
    /// Whether any field is marked by `x-pii`.
    pub fn marks_personal_data(&self) -> bool {
        self.fields.iter().any(|field| field.pii.is_some())
    }

    /// Takes the fields out of an event that are to be dropped.
    pub fn drop_fields(&self, event: &mut Event<'_>) {
        let is_kept = |name: &str| {
            let field = self.fields.iter().find(|field| field.name == name);
            field.is_none_or(|field| field.pii != Some(Pii::Drop))
        };
        event.attributes.retain(|(name, _)| is_kept(name));
        event.metrics.retain(|(name, _)| is_kept(name));
    }

    /// Leaves of an event's personal data what may go on from the edge: hashes, masks, and nothing of
    /// what is to be dropped. Null stays null. Without a salt, what is to be hashed is taken out.
    pub fn protect(&self, event: &mut Event<'_>, salt: Option<&Salt>) {
        self.drop_fields(event);
        for field in &self.fields {
            let protected = match (field.attribute(event), field.pii) {
                (Some(text), Some(Pii::Hash)) => salt.map(|salt| salt.hash(text)),
                (Some(text), Some(Pii::Mask)) => Some(mask(field, text)),
                _ => continue,
            };
            match protected {
                Some(protected) => {
                    let attributes = event.attributes.iter_mut();
                    for (_, text) in attributes.filter(|(name, _)| *name == field.name) {
                        *text = Cow::Owned(protected.clone());
                    }
                }
                None => event.attributes.retain(|(name, _)| *name != field.name),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;
    use crate::schema::Docs;
    use crate::time::Timestamp;

    fn field(name: &str, format: Option<Format>, pii: Pii) -> Field {
        Field {
            name: name.into(),
            docs: Docs::default(),
            kind: Kind::String {
                min_length: None,
                max_length: None,
                format,
                one_of: None,
            },
            required: false,
            nullable: name == "nullable",
            pii: Some(pii),
        }
    }

    #[test]
    fn a_mask_keeps_what_is_documented_and_masks_itself_to_itself() {
        for (format, text, masked) in [
            (Some(Format::Email), "ada@example.com", "***@example.com"),
            (Some(Format::Email), "a@b", "***@b"),
            (
                Some(Format::Uri),
                "https://ada:pw@example.com:8443/ada?q=ada#ada",
                "https://example.com/***",
            ),
            (
                Some(Format::Uri),
                "https://example.com",
                "https://example.com/***",
            ),
            (
                Some(Format::Uri),
                "https://example.com?ada",
                "https://example.com/***",
            ),
            (Some(Format::Uri), "http://[::1]:80/ada", "http://[::1]/***"),
            (Some(Format::Uri), "mailto:ada@example.com", "mailto:***"),
            (Some(Format::Uri), "file:///home/ada", "file:///***"),
            (
                Some(Format::DateTime),
                "2026-01-01T00:30:00+01:00",
                "2025-01-01T00:00:00Z",
            ),
            (Some(Format::Date), "1985-04-12", "1985-01-01"),
            (
                Some(Format::Uuid),
                "f0e1d2c3-0000-4000-8000-000000000001",
                "00000000-0000-0000-0000-000000000000",
            ),
            (None, "Ada", "A***"),
            (None, "é", "é***"),
            (None, "*", "****"),
            (None, "", ""),
            // What is not of its format is masked all the same.
            (Some(Format::Email), "ada", "a***"),
            (Some(Format::Uri), "ada", "a***"),
            (Some(Format::DateTime), "ada", "a***"),
            (Some(Format::Date), "é", "é***"),
        ] {
            let field = field("f", format, Pii::Mask);
            assert_eq!(mask(&field, text), masked, "{text}");
            assert_eq!(mask(&field, masked), masked, "{masked}");
        }
    }

    #[test]
    fn an_event_is_protected_as_a_whole() {
        let schema = EventSchema {
            name: "E".into(),
            event_type: "E".into(),
            docs: Docs::default(),
            fields: vec![
                field("hashed", None, Pii::Hash),
                field("masked", None, Pii::Mask),
                field("dropped", None, Pii::Drop),
                field("nullable", None, Pii::Hash),
            ],
            additional_properties: true,
        };
        let attributes = [
            ("hashed", "ada"),
            ("masked", "ada"),
            ("dropped", "ada"),
            ("nullable", "null"),
            ("other", "ada"),
        ];
        let event = Event {
            attributes: attributes
                .map(|(name, text)| (name.into(), text.into()))
                .into(),
            metrics: vec![("dropped".into(), 1u32.into())],
            ..Event::new("E", Timestamp(0))
        };
        let texts = |event: &Event<'_>| -> Vec<(String, String)> {
            let attributes = event.attributes.iter();
            attributes
                .map(|(name, text)| (name.to_string(), text.to_string()))
                .collect()
        };
        let pair = |name: &str, text: &str| (String::from(name), String::from(text));

        let salt = Salt::new(vec![7; 32]).unwrap();
        let mut protected = event.clone();
        schema.protect(&mut protected, Some(&salt));
        // openssl dgst -sha256 -mac HMAC -macopt hexkey:0707..07
        let hash = "cf2f093f9c4c3f3969cc06a6934eecd490c3b8da3b0ac8b452de4b574a9e49e9";
        assert_eq!(
            texts(&protected),
            [
                pair("hashed", hash),
                pair("masked", "a***"),
                pair("nullable", "null"),
                pair("other", "ada"),
            ],
        );
        assert!(protected.metrics.is_empty());
        assert!(is_hash(hash) && !is_hash("ada"));

        let mut without_salt = event.clone();
        schema.protect(&mut without_salt, None);
        assert!(
            texts(&without_salt)
                .iter()
                .all(|(name, _)| name != "hashed")
        );

        let mut dropped = event;
        schema.drop_fields(&mut dropped);
        assert_eq!(dropped.attributes.len(), 4);
    }

    #[test]
    fn a_salt_is_long_enough_and_keeps_to_itself() {
        assert!(Salt::new(vec![1; 31]).is_none());
        let salt = Salt::new(vec![1; 32]).unwrap();
        assert_eq!(alloc::format!("{salt:?}"), "Salt(..)");
    }
}
