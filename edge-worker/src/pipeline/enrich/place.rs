//! Where an event came from.

use forebay_core::json::Number;
use forebay_core::wire::event_stream::Geo;

use crate::http::cf::Cf;

/// The record's `forebay.geo`.
pub fn geo(cf: &Cf) -> Geo<'_> {
    Geo {
        // Cloudflare says XX where it does not know and T1 for Tor: neither is a country.
        country: cf.country.text().filter(|code| {
            code != "XX" && code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic())
        }),
        continent: cf.continent.text(),
        region: cf.region.text(),
        region_code: cf.region_code.text(),
        city: cf.city.text(),
        postal_code: cf.postal_code.text(),
        timezone: cf.timezone.text(),
        latitude: cf.latitude.text().and_then(Number::from_text),
        longitude: cf.longitude.text().and_then(Number::from_text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geo_is_read_past_what_is_not_as_expected() {
        let cf: Cf = serde_json::from_str(
            r#"{"country":"SE","city":null,"region":{"name":"x"},"regionCode":["AB"],"timezone":true,
                "latitude":"59.32510","longitude":18.0551,"postalCode":11122,"asn":3301,
                "tlsClientAuth":{"certPresented":"0"}}"#,
        )
        .unwrap();
        let geo = geo(&cf);
        assert_eq!(geo.country.as_deref(), Some("SE"));
        assert_eq!(geo.postal_code.as_deref(), Some("11122"));
        assert_eq!(geo.latitude.as_ref().map(Number::as_text), Some("59.32510"));
        assert_eq!(geo.longitude.as_ref().map(Number::as_text), Some("18.0551"));
        assert_eq!(
            (geo.city, geo.region, geo.region_code, geo.timezone),
            (None, None, None, None)
        );
    }

    #[test]
    fn what_is_no_country_is_not_taken_for_one() {
        for country in ["XX", "T1", "", "Sweden"] {
            let cf: Cf = serde_json::from_value(serde_json::json!({ "country": country })).unwrap();
            assert_eq!(geo(&cf).country, None, "{country}");
        }
    }
}
