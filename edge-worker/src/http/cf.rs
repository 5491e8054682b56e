//! What Cloudflare says about where a request came from, and from what.

use forebay_core::event::Text;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// `request.cf`, as far as it is used. The platform promises none of it: a member that is missing
/// or of another type than expected is absent, and takes no other with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Cf {
    /// ISO 3166-1 alpha-2; `XX` where it is not known, `T1` for Tor.
    pub country: Tolerant,
    /// E.g. `EU`.
    pub continent: Tolerant,
    /// The name, e.g. `Stockholm`.
    pub region: Tolerant,
    /// ISO 3166-2 without the country, e.g. `AB`.
    pub region_code: Tolerant,
    /// The name.
    pub city: Tolerant,
    /// As text, whatever it is there.
    pub postal_code: Tolerant,
    /// E.g. `Europe/Stockholm`.
    pub timezone: Tolerant,
    /// In degrees.
    pub latitude: Tolerant,
    /// In degrees.
    pub longitude: Tolerant,
    /// The number of the network that the request came from.
    pub asn: Tolerant,
    /// Whose network that is, e.g. `Telia`.
    pub as_organization: Tolerant,
    /// What kind of bot Cloudflare knows the sender to be, e.g. `Search Engine Crawler`; empty for
    /// all others.
    pub verified_bot_category: Tolerant,
}

/// Text or a number as text; `None` for anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tolerant(Option<String>);

/// No name of a place is longer.
pub const MAX_PLACE_CHARS: usize = 200;

impl Tolerant {
    /// The text without white space around it; `None` where that is empty or longer than any name of
    /// a place.
    pub fn text(&self) -> Option<Text<'_>> {
        let text = self.0.as_deref().map(str::trim)?;
        let is_sensible = !text.is_empty() && text.chars().count() <= MAX_PLACE_CHARS;
        is_sensible.then_some(Text::Borrowed(text))
    }
}

impl<'de> Deserialize<'de> for Tolerant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tolerant, D::Error> {
        deserializer.deserialize_any(TolerantVisitor)
    }
}

struct TolerantVisitor;

impl<'de> Visitor<'de> for TolerantVisitor {
    type Value = Tolerant;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Tolerant, E> {
        Ok(Tolerant(Some(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tolerant, E> {
        Ok(Tolerant(Some(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tolerant, E> {
        Ok(Tolerant(Some(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tolerant, E> {
        Ok(Tolerant(Some(number.to_string())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tolerant, E> {
        Ok(Tolerant(None))
    }

    fn visit_unit<E>(self) -> Result<Tolerant, E> {
        Ok(Tolerant(None))
    }

    fn visit_none<E>(self) -> Result<Tolerant, E> {
        Ok(Tolerant(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tolerant, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Tolerant(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tolerant, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Tolerant(None))
    }
}
