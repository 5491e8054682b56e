//! Where an event came from, by one source: what its sender states, or where the request came from. A
//! city from one source and a time zone from the other would make a place that does not exist.

use forebay_core::event::{Endpoint, Text};
use forebay_core::json::Number;
use forebay_core::wire::event_stream::Geo;

use crate::http::cf::{Cf, MAX_PLACE_CHARS};

/// The sender states it: `endpoint.Location`, and the time zone of `endpoint.Demographic`.
const STATED: &str = "stated";
/// It is where the request came from.
const REQUEST: &str = "request";

/// The record's `forebay.geo`. `cf` is that of a request that a visitor's own device has sent; where
/// a server sends for others, it is `None`: the server's place is not theirs.
pub fn geo<'a>(endpoint: &'a Endpoint<'_>, cf: Option<&'a Cf>) -> Geo<'a> {
    let stated = stated(endpoint);
    let is_stated = stated.country.is_some()
        || stated.region.is_some()
        || stated.city.is_some()
        || stated.postal_code.is_some()
        || stated.latitude.is_some()
        || stated.longitude.is_some();
    // A time zone by itself says which clock a device shows, and no place.
    match cf {
        Some(cf) if !is_stated => of_request(cf),
        _ if is_stated || stated.timezone.is_some() => stated,
        _ => Geo::default(),
    }
}

fn stated<'a>(endpoint: &'a Endpoint<'_>) -> Geo<'a> {
    let location = endpoint.location.as_ref();
    let demographic = endpoint.demographic.as_ref();
    let number =
        |number: &'a Option<Number<'_>>| Number::from_text(number.as_ref()?.as_text().into());
    Geo {
        source: Some(STATED.into()),
        country: location.and_then(|said| text(&said.country)),
        region: location.and_then(|said| text(&said.region)),
        city: location.and_then(|said| text(&said.city)),
        postal_code: location.and_then(|said| text(&said.postal_code)),
        timezone: demographic.and_then(|said| text(&said.timezone)),
        latitude: location.and_then(|said| number(&said.latitude)),
        longitude: location.and_then(|said| number(&said.longitude)),
        ..Geo::default()
    }
}

/// Some clients send texts of no characters.
fn text<'a>(text: &'a Option<Text<'_>>) -> Option<Text<'a>> {
    let text = text.as_deref().map(str::trim)?;
    let end = text.floor_char_boundary(MAX_PLACE_CHARS);
    (!text.is_empty()).then_some(Text::Borrowed(&text[..end]))
}

fn of_request(cf: &Cf) -> Geo<'_> {
    let geo = Geo {
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
        source: None,
    };
    let is_known = geo != Geo::default();
    Geo {
        source: is_known.then(|| REQUEST.into()),
        ..geo
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_core::event::{Demographic, Location};

    fn cf(text: &str) -> Cf {
        serde_json::from_str(text).unwrap()
    }

    const SWEDEN: &str = r#"{"country":"SE","city":"Lund","region":"Skåne","regionCode":"M","timezone":"Europe/Stockholm"}"#;

    fn located(location: Location<'static>, timezone: Option<&'static str>) -> Endpoint<'static> {
        Endpoint {
            location: Some(location),
            demographic: Some(Demographic {
                timezone: timezone.map(Text::from),
                ..Demographic::default()
            }),
            ..Endpoint::default()
        }
    }

    /// source, country, region, city, time zone
    fn summary(geo: &Geo<'_>) -> [String; 5] {
        let texts = [
            &geo.source,
            &geo.country,
            &geo.region,
            &geo.city,
            &geo.timezone,
        ];
        texts.map(|text| text.as_deref().unwrap_or_default().to_owned())
    }

    #[test]
    fn geo_is_read_past_what_is_not_as_expected() {
        let cf = cf(
            r#"{"country":"SE","city":null,"region":{"name":"x"},"regionCode":["AB"],"timezone":true,
                "latitude":"59.32510","longitude":18.0551,"postalCode":11122,"asn":3301,
                "tlsClientAuth":{"certPresented":"0"}}"#,
        );
        let endpoint = Endpoint::default();
        let geo = geo(&endpoint, Some(&cf));
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
            let cf = cf(&serde_json::json!({ "country": country }).to_string());
            assert_eq!(
                geo(&Endpoint::default(), Some(&cf)),
                Geo::default(),
                "{country}"
            );
        }
    }

    #[test]
    fn a_place_is_of_one_source() {
        let sweden = cf(SWEDEN);
        let of_visitor = |endpoint: &Endpoint<'_>| summary(&geo(endpoint, Some(&sweden)));
        let request = ["request", "SE", "Skåne", "Lund", "Europe/Stockholm"];
        assert_eq!(of_visitor(&Endpoint::default()), request);
        let country = |country: &'static str| Location {
            country: Some(country.into()),
            ..Location::default()
        };
        // One member that is stated is enough for nothing to be taken from the request.
        let kenya = located(country("KE"), None);
        assert_eq!(of_visitor(&kenya), ["stated", "KE", "", "", ""]);
        let nairobi = Location {
            city: Some("Nairobi".into()),
            ..Location::default()
        };
        let nairobi = located(nairobi, Some("Africa/Nairobi"));
        let expected = ["stated", "", "", "Nairobi", "Africa/Nairobi"];
        assert_eq!(of_visitor(&nairobi), expected);
        // Amplify sends empty texts, and the device's time zone.
        let empty = Location {
            city: Some(" ".into()),
            ..country("")
        };
        assert_eq!(of_visitor(&located(empty, Some("Africa/Nairobi"))), request);
    }

    #[test]
    fn a_server_is_not_where_its_users_are() {
        let of_server = |endpoint: &Endpoint<'_>| summary(&geo(endpoint, None));
        assert_eq!(of_server(&Endpoint::default()), [""; 5]);
        let timezone = located(Location::default(), Some("Africa/Nairobi"));
        assert_eq!(
            of_server(&timezone),
            ["stated", "", "", "", "Africa/Nairobi"]
        );
    }
}
