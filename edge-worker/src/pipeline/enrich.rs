//! What the worker adds to an event: where it came from, on what device, and when by a clock that
//! can be trusted.

use forebay_core::event::Text;
use forebay_core::json::Number;
use forebay_core::sigv4::MAX_SKEW_MS;
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::Geo;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use woothee::parser::{Parser, WootheeResult};

use crate::http::message::Head;

/// `request.cf`, as far as it is used. The platform promises none of it: a member that is missing
/// or of another type than expected is absent, and takes no other with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Cf {
    country: Tolerant,
    continent: Tolerant,
    region: Tolerant,
    region_code: Tolerant,
    city: Tolerant,
    postal_code: Tolerant,
    timezone: Tolerant,
    latitude: Tolerant,
    longitude: Tolerant,
}

/// Text or a number as text; `None` for anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tolerant(Option<String>);

/// No name of a place is longer.
const MAX_PLACE_CHARS: usize = 200;

impl Cf {
    /// The record's `forebay.geo`.
    pub fn geo(&self) -> Geo<'_> {
        Geo {
            // Cloudflare says XX where it does not know and T1 for Tor: neither is a country.
            country: self.country.text().filter(|code| {
                code != "XX"
                    && code.len() == 2
                    && code.bytes().all(|byte| byte.is_ascii_alphabetic())
            }),
            continent: self.continent.text(),
            region: self.region.text(),
            region_code: self.region_code.text(),
            city: self.city.text(),
            postal_code: self.postal_code.text(),
            timezone: self.timezone.text(),
            latitude: self.latitude.text().and_then(Number::from_text),
            longitude: self.longitude.text().and_then(Number::from_text),
        }
    }
}

impl Tolerant {
    fn text(&self) -> Option<Text<'_>> {
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

/// The device and browser, from the user agent, client hints and `Accept-Language`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// E.g. `windows`, `macos`, `ios`, `android`.
    pub platform: Option<String>,
    /// E.g. `18.7`. Absent where browsers say the same whatever the truth is.
    pub platform_version: Option<String>,
    /// E.g. `Pixel 9`; only where the page asks for this client hint.
    pub model: Option<String>,
    /// E.g. `Chrome`.
    pub browser: Option<String>,
    /// Major and minor, e.g. `142.0`.
    pub browser_version: Option<String>,
    /// `desktop`, `mobile`, `tablet`, `bot`, `appliance` or `other`.
    pub category: Option<&'static str>,
    /// E.g. `sv_SE`.
    pub locale: Option<String>,
}

/// User agents in use have at most about 300 bytes.
const MAX_USER_AGENT_BYTES: usize = 1024;

impl Device {
    /// Reads the headers of a request.
    pub fn read(head: &Head) -> Device {
        let agent = head.header("user-agent").unwrap_or_default();
        let agent = &agent[..agent.floor_char_boundary(MAX_USER_AGENT_BYTES)];
        let parsed = Parser::new().parse(agent).unwrap_or_default();
        let platform = head
            .header("sec-ch-ua-platform")
            .and_then(|hint| platform_name(unquoted(hint)))
            .or_else(|| platform_name(parsed.os));
        let hinted_version = head
            .header("sec-ch-ua-platform-version")
            .and_then(|hint| hinted_platform_version(platform.as_deref(), unquoted(hint)));
        let brand = head.header("sec-ch-ua").and_then(brand);
        Device {
            platform_version: hinted_version
                .or_else(|| platform_version(agent, platform.as_deref(), &parsed)),
            platform,
            model: head
                .header("sec-ch-ua-model")
                .and_then(|hint| known(unquoted(hint)))
                .map(str::to_owned),
            browser: brand
                .map(|(name, _)| name)
                .or(known(parsed.name))
                .map(str::to_owned),
            browser_version: known(parsed.version)
                .or(brand.map(|(_, version)| version))
                .map(major_and_minor),
            category: category(agent, head.header("sec-ch-ua-mobile"), &parsed),
            locale: head.header("accept-language").and_then(first_language),
        }
    }
}

/// The parser says `UNKNOWN` or nothing for what it does not know.
fn known(text: &str) -> Option<&str> {
    (!text.is_empty() && text != woothee::woothee::VALUE_UNKNOWN).then_some(text)
}

/// The content of a structured header's string, e.g. `"macOS"`.
fn unquoted(value: &str) -> &str {
    value.trim().trim_matches('"')
}

/// One name for a platform, from a client hint or from the parser.
fn platform_name(name: &str) -> Option<String> {
    let name = known(name)?;
    Some(match name {
        "Unknown" => return None,
        "iPhone" | "iPad" | "iPod" | "iOS" => "ios".to_owned(),
        "Mac OSX" | "macOS" => "macos".to_owned(),
        "Chrome OS" | "Chromium OS" | "ChromeOS" => "chromeos".to_owned(),
        _ if name.starts_with("Windows Phone") => "windows phone".to_owned(),
        _ if name.starts_with("Windows") => "windows".to_owned(),
        _ => name.to_lowercase(),
    })
}

/// `Sec-CH-UA-Platform-Version`. For Windows it numbers API contracts: 13 and later are Windows 11
/// (Microsoft's documentation of the hint).
fn hinted_platform_version(platform: Option<&str>, version: &str) -> Option<String> {
    let version = known(version)?;
    if platform != Some("windows") {
        return Some(version.to_owned());
    }
    match version.split('.').next()?.parse::<u32>().ok()? {
        0 => None,
        1..13 => Some("10".to_owned()),
        13.. => Some("11".to_owned()),
    }
}

/// The version in the user agent, where it is not one that browsers froze: Windows 10 stands for
/// 11 too, macOS 10.15.7 for all later ones, and Android 10 on a device "K" for any.
fn platform_version(
    agent: &str,
    platform: Option<&str>,
    parsed: &WootheeResult<'_>,
) -> Option<String> {
    if platform == Some("windows") {
        let version = parsed.os.strip_prefix("Windows ")?;
        return (version != "10").then(|| version.to_owned());
    }
    let version = known(&parsed.os_version)?;
    let is_frozen = match platform {
        Some("macos") => version == "10.15.7",
        Some("android") => agent.contains("Android 10; K)"),
        _ => false,
    };
    (!is_frozen).then(|| version.to_owned())
}

/// Name and version of the browser in `Sec-CH-UA`: a list such as `"Chromium";v="142",
/// "Google Chrome";v="142", "Not_A Brand";v="99"`, in any order, with one made up to keep servers
/// from relying on it.
fn brand(list: &str) -> Option<(&str, &str)> {
    let mut chromium = None;
    for item in list.split(',') {
        let Some((name, version)) = item.split_once(";v=") else {
            continue;
        };
        let (name, version) = (unquoted(name), unquoted(version));
        match name {
            "Chromium" => chromium = Some((name, version)),
            "Google Chrome" => return Some(("Chrome", version)),
            "Microsoft Edge" => return Some(("Edge", version)),
            _ if name.contains("Not") && name.contains("Brand") => {}
            _ => return known(name).map(|name| (name, version)),
        }
    }
    chromium
}

fn major_and_minor(version: &str) -> String {
    let mut parts = version.splitn(3, '.');
    let major = parts.next().unwrap_or_default();
    let minor = parts.next().unwrap_or("0");
    format!("{major}.{minor}")
}

fn category(
    agent: &str,
    mobile_hint: Option<&str>,
    parsed: &WootheeResult<'_>,
) -> Option<&'static str> {
    match parsed.category {
        "crawler" => Some("bot"),
        "appliance" => Some("appliance"),
        "misc" => Some("other"),
        _ if parsed.os == "iPad" => Some("tablet"),
        // Browsers leave "Mobile" out on Android tablets.
        _ if parsed.os == "Android" && !agent.contains("Mobile") => Some("tablet"),
        "smartphone" | "mobilephone" => Some("mobile"),
        _ if mobile_hint == Some("?1") => Some("mobile"),
        "pc" => Some("desktop"),
        _ => None,
    }
}

/// The first language of `Accept-Language`, the one preferred, as a locale code.
fn first_language(list: &str) -> Option<String> {
    let tag = list.split([',', ';']).next()?.trim();
    let is_tag = !tag.is_empty()
        && tag.len() <= 35
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_tag.then(|| tag.replace('-', "_"))
}

/// Corrects times that were taken by the sender's clock.
#[derive(Debug, Clone, Copy)]
pub struct ClockCorrection {
    arrival: Timestamp,
    offset_ms: i64,
}

/// Below this, the whole second that a signature's date is cut to and the way of the request
/// explain the difference.
const MIN_SKEW_MS: i64 = 2_000;

impl ClockCorrection {
    /// `signed` is when the sender signed the request by its own clock. What differs from the
    /// arrival by 2 s or more is taken for its clock's error; by more than a signature may be off,
    /// for a presigned request that was kept.
    pub fn new(arrival: Timestamp, signed: Timestamp) -> ClockCorrection {
        let offset_ms = arrival.0 - signed.0;
        let is_skew = (MIN_SKEW_MS..=MAX_SKEW_MS).contains(&offset_ms.abs());
        ClockCorrection {
            arrival,
            offset_ms: if is_skew { offset_ms } else { 0 },
        }
    }

    /// A time by the worker's clock; never later than the arrival.
    pub fn correct(&self, time: Timestamp) -> Timestamp {
        Timestamp(time.0.saturating_add(self.offset_ms)).min(self.arrival)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::tests::head;

    fn device(headers: &[(&str, &str)]) -> Device {
        Device::read(&head("POST", "/", headers))
    }

    /// platform, its version, browser, its version, category
    fn summary(headers: &[(&str, &str)]) -> [String; 5] {
        let device = device(headers);
        [
            device.platform,
            device.platform_version,
            device.browser,
            device.browser_version,
            device.category.map(str::to_owned),
        ]
        .map(Option::unwrap_or_default)
    }

    #[test]
    fn current_browsers_are_known_by_their_user_agents() {
        const WINDOWS: &str =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
        const ANDROID: &str =
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)";
        const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (agent, expected) in [
            (format!("{WINDOWS} Chrome/142.0.0.0 Safari/537.36"), ["windows", "", "Chrome", "142.0", "desktop"]),
            (format!("{WINDOWS} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"), ["windows", "", "Edge", "142.0", "desktop"]),
            (format!("{WINDOWS} Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0"), ["windows", "", "Opera", "125.0", "desktop"]),
            (format!("{ANDROID} Chrome/142.0.0.0 Mobile Safari/537.36"), ["android", "", "Chrome", "142.0", "mobile"]),
            (format!("{ANDROID} Chrome/142.0.0.0 Safari/537.36"), ["android", "", "Chrome", "142.0", "tablet"]),
            (format!("{IPHONE} Version/26.1 Mobile/15E148 Safari/604.1"), ["ios", "18.7", "Safari", "26.1", "mobile"]),
            (format!("{IPHONE} CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1"), ["ios", "18.7", "Chrome", "142.0", "mobile"]),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1".into(),
                ["ios", "18.7", "Safari", "26.1", "tablet"],
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15".into(),
                ["macos", "", "Safari", "26.1", "desktop"],
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".into(),
                ["linux", "", "Firefox", "145.0", "desktop"],
            ),
            (
                "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0".into(),
                ["android", "15", "Firefox", "145.0", "mobile"],
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)".into(),
                ["", "", "Googlebot", "", "bot"],
            ),
            ("something else".into(), ["", "", "", "", ""]),
            (String::new(), ["", "", "", "", ""]),
            ("å".repeat(5_000), ["", "", "", "", ""]),
        ] {
            assert_eq!(summary(&[("user-agent", &agent)]), expected, "{agent}");
        }
    }

    #[test]
    fn client_hints_say_what_the_user_agent_no_longer_does() {
        let brave = summary(&[
            (
                "user-agent",
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            ),
            (
                "sec-ch-ua",
                r#""Chromium";v="142", "Brave";v="142", "Not_A Brand";v="99""#,
            ),
            ("sec-ch-ua-platform", r#""Windows""#),
            ("sec-ch-ua-platform-version", r#""15.0.0""#),
            ("sec-ch-ua-mobile", "?0"),
        ]);
        assert_eq!(brave, ["windows", "11", "Brave", "142.0", "desktop"]);
        let hints_alone = summary(&[
            (
                "sec-ch-ua",
                r#""Not.A/Brand";v="8", "Chromium";v="142", "Google Chrome";v="142""#,
            ),
            ("sec-ch-ua-platform", r#""macOS""#),
            ("sec-ch-ua-platform-version", r#""15.1.0""#),
            ("sec-ch-ua-mobile", "?1"),
        ]);
        assert_eq!(
            hints_alone,
            ["macos", "15.1.0", "Chrome", "142.0", "mobile"]
        );
    }

    #[test]
    fn the_locale_is_the_first_language() {
        for (list, expected) in [
            ("sv-SE,sv;q=0.9,en;q=0.8", Some("sv_SE")),
            ("zh-Hant-TW", Some("zh_Hant_TW")),
            ("en;q=0.5", Some("en")),
            ("*", None),
            ("", None),
            ("<script>", None),
        ] {
            let found = device(&[("accept-language", list)]).locale;
            assert_eq!(found.as_deref(), expected, "{list}");
        }
    }

    #[test]
    fn geo_is_read_past_what_is_not_as_expected() {
        let cf: Cf = serde_json::from_str(
            r#"{"country":"SE","city":null,"region":{"name":"x"},"regionCode":["AB"],"timezone":true,
                "latitude":"59.32510","longitude":18.0551,"postalCode":11122,"asn":3301,
                "tlsClientAuth":{"certPresented":"0"}}"#,
        )
        .unwrap();
        let geo = cf.geo();
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
            assert_eq!(cf.geo().country, None, "{country}");
        }
    }

    #[test]
    fn times_are_corrected_by_the_skew_and_never_lie_in_the_future() {
        let arrival = Timestamp(1_000_000);
        let corrected = |signed: i64, time: i64| {
            ClockCorrection::new(arrival, Timestamp(signed))
                .correct(Timestamp(time))
                .0
        };
        // Within the grain of the date and the way of the request: as it is.
        assert_eq!(corrected(998_001, 990_000), 990_000);
        assert_eq!(corrected(1_001_999, 990_000), 990_000);
        // A clock that is behind, and one that is ahead.
        assert_eq!(corrected(998_000, 990_000), 992_000);
        assert_eq!(corrected(1_060_000, 1_050_000), 990_000);
        // Never later than the arrival.
        assert_eq!(corrected(1_000_000, 1_000_500), 1_000_000);
        assert_eq!(corrected(0, i64::MAX), 1_000_000);
        // Presigned and kept for longer than any clock may be off: no skew.
        assert_eq!(corrected(1_000_000 - MAX_SKEW_MS - 1, 990_000), 990_000);
    }
}
