//! The device and browser that an event came from.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use woothee::parser::Parser;

use crate::http::message::Head;

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

/// User agents in use have at most about 300 bytes, and lists of client hints half as many.
const MAX_HEADER_BYTES: usize = 1024;
/// No name of a device or browser is longer, and no version. What is found here is copied into
/// every record of a request: it is cut before that.
const MAX_NAME_BYTES: usize = 64;

/// What a user agent says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parsed {
    browser: String,
    version: String,
    os: String,
    os_version: String,
    category: String,
}

/// User agents that are remembered, of up to [`MAX_HEADER_BYTES`] each. Most visitors of a site have one of a few
/// hundred.
const MAX_REMEMBERED: usize = 256;

thread_local! {
    static REMEMBERED: RefCell<HashMap<String, Rc<Parsed>>> = RefCell::default();
}

impl Parsed {
    /// Reads a user agent, or remembers what it says.
    fn of(agent: &str) -> Rc<Parsed> {
        REMEMBERED.with_borrow_mut(|remembered| {
            if let Some(parsed) = remembered.get(agent) {
                return Rc::clone(parsed);
            }
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
            let parsed = Rc::new(Parsed::read(agent));
            remembered.insert(agent.to_owned(), Rc::clone(&parsed));
            parsed
        })
    }

    fn read(agent: &str) -> Parsed {
        let parsed = Parser::new().parse(agent).unwrap_or_default();
        Parsed {
            browser: parsed.name.to_owned(),
            version: parsed.version.to_owned(),
            os: parsed.os.to_owned(),
            os_version: parsed.os_version.into_owned(),
            category: parsed.category.to_owned(),
        }
    }
}

impl Device {
    /// Reads the headers of a request.
    pub fn read(head: &Head) -> Device {
        let header = |name| head.header(name).map(|value| cut(value, MAX_HEADER_BYTES));
        let agent = header("user-agent").unwrap_or_default();
        let parsed = Parsed::of(agent);
        let platform = header("sec-ch-ua-platform")
            .and_then(|hint| platform_name(unquoted(hint)))
            .or_else(|| platform_name(&parsed.os));
        let hinted_version = header("sec-ch-ua-platform-version")
            .and_then(|hint| hinted_platform_version(platform.as_deref(), unquoted(hint)));
        let brand = header("sec-ch-ua").and_then(brand);
        Device {
            platform_version: hinted_version
                .or_else(|| platform_version(agent, platform.as_deref(), &parsed)),
            platform,
            model: header("sec-ch-ua-model")
                .and_then(|hint| known(unquoted(hint)))
                .map(str::to_owned),
            browser: brand
                .map(|(name, _)| name)
                .or(known(&parsed.browser))
                .map(str::to_owned),
            browser_version: known(&parsed.version)
                .or(brand.map(|(_, version)| version))
                .map(major_and_minor),
            category: category(agent, header("sec-ch-ua-mobile"), &parsed),
            locale: header("accept-language").and_then(first_language),
        }
    }
}

/// The parser says `UNKNOWN` or nothing for what it does not know.
fn known(text: &str) -> Option<&str> {
    let is_known = !text.is_empty() && text != woothee::woothee::VALUE_UNKNOWN;
    is_known.then_some(cut(text, MAX_NAME_BYTES))
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
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
fn platform_version(agent: &str, platform: Option<&str>, parsed: &Parsed) -> Option<String> {
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
    let mut parts = cut(version, MAX_NAME_BYTES).splitn(3, '.');
    let major = parts.next().unwrap_or_default();
    let minor = parts.next().unwrap_or("0");
    format!("{major}.{minor}")
}

fn category(agent: &str, mobile_hint: Option<&str>, parsed: &Parsed) -> Option<&'static str> {
    match parsed.category.as_str() {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    /// Pieces of user agents, and what the parser looks for around them.
    const PIECES: [&str; 40] = [
        "Mozilla/5.0 ",
        "(Windows NT 10.0; Win64; x64) ",
        "(Windows NT 6.1; Trident/7.0; rv:11.0) ",
        "(compatible; MSIE 9.0; Windows Phone OS 7.5; IEMobile/9.0) ",
        "(Macintosh; Intel Mac OS X 10_15_7) ",
        "(iPhone; CPU iPhone OS 18_7 like Mac OS X) ",
        "(iPad; CPU OS 18_7 like Mac OS X) ",
        "(Linux; Android 4.4.2; Nexus 5) ",
        "(Mobile; Windows Phone 8.1; Android 4.0) ",
        "(Mobile; rv:48.0) Gecko/48.0 Firefox/48.0",
        "(X11; CrOS x86_64 14541.0.0) ",
        "(X11; FreeBSD amd64; rv:1.0) ",
        "(PlayStation 4 5.55) ",
        "(PLAYSTATION 3; 1.00) ",
        "PSP (PlayStation Portable); 2.00) ",
        "(BB10; Touch) AppleWebKit/537.10+ Version/10.0.9.2372 ",
        "BlackBerry9700/5.0.0.714 ",
        "(Nintendo Wii) ",
        "AppleWebKit/605.1.15 (KHTML, like Gecko) ",
        "Version/26.1 ",
        "Chrome/142.0.0.0 ",
        "CriOS/142.0.7444.77 ",
        "Mobile/15E148 ",
        "Safari/604.1 ",
        "Edg/142.0.0.0 ",
        "OPR/125.0.0.0 ",
        "Opera 9.80 ",
        "Vivaldi/7.0 ",
        "SamsungBrowser/27.0 ",
        "Sleipnir/6.1 YaBrowser/21.3.0.673 ",
        "FxiOS/145.0 GSA/300.0 ",
        "Firefox/145.0",
        "DoCoMo/2.0 P900i(c100;TB;W24H11) jig browser9; P900i) ",
        "KDDI-SA31 UP.Browser/6.2 ",
        "SoftBank/1.0/930SH/SHJ001 Vodafone/1.0/V802SE ",
        "WILLCOM;SHARP/WS003SH/2; DDIPOCKET;KYOCERA/AH-K3001V ",
        "Googlebot/2.1; +http://www.google.com/bot.html) ",
        "Apache-HttpClient/4.5 Java/1.8 PHP/5.3 PEAR HTTP_Request class ",
        "rss reader/ Feed Parser watch dog ia_archiver ",
        "\u{e5}\u{ff21}\u{660}",
    ];

    proptest! {
        /// The engine of regular expressions is another than the parser was published with.
        #[test]
        fn a_user_agent_says_what_it_does_to_the_published_parser(
            pieces in proptest::collection::vec(0..PIECES.len(), 0..8),
            cut in 0..20_usize,
        ) {
            let whole: String = pieces.into_iter().map(|at| PIECES[at]).collect();
            let end = whole.floor_char_boundary(whole.len().saturating_sub(cut));
            for agent in [&whole, &whole[..end]] {
                let published = woothee_published::parser::Parser::new();
                let published = published.parse(agent).unwrap_or_default();
                let expected = Parsed {
                    browser: published.name.to_owned(),
                    version: published.version.to_owned(),
                    os: published.os.to_owned(),
                    os_version: published.os_version.into_owned(),
                    category: published.category.to_owned(),
                };
                prop_assert_eq!(&Parsed::read(agent), &expected);
                prop_assert_eq!(&*Parsed::of(agent), &expected);
            }
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
    fn what_a_header_says_is_cut_before_it_is_copied() {
        let long = "9".repeat(8 * 1024);
        let quoted = format!("\"{long}\"");
        let brand = format!(r#""{long}";v="{long}""#);
        let short_brand = format!(r#""B";v="{long}""#);
        for headers in [
            [("user-agent", &long), ("sec-ch-ua", &brand)],
            [("user-agent", &long), ("sec-ch-ua", &short_brand)],
            [("user-agent", &quoted), ("sec-ch-ua", &quoted)],
        ] {
            let mut headers: Vec<(&str, &str)> = headers
                .into_iter()
                .map(|(name, value)| (name, value.as_str()))
                .collect();
            headers.extend([
                ("sec-ch-ua-platform", quoted.as_str()),
                ("sec-ch-ua-platform-version", &quoted),
                ("sec-ch-ua-model", &quoted),
                ("sec-ch-ua-mobile", &long),
                ("accept-language", &long),
            ]);
            let Device {
                platform,
                platform_version,
                model,
                browser,
                browser_version,
                category: _,
                locale,
            } = device(&headers);
            let texts = [
                platform,
                platform_version,
                model,
                browser,
                browser_version,
                locale,
            ];
            let copied: usize = texts.iter().flatten().map(String::len).sum();
            assert!(copied <= 6 * 70, "{copied} bytes: {texts:?}");
        }
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
}
