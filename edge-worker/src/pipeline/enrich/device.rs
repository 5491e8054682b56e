//! The device and browser that an event came from.

use super::agent::UserAgent;
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

impl Device {
    /// Reads the headers of a request.
    pub fn read(head: &Head) -> Device {
        let header = |name| head.header(name).map(|value| cut(value, MAX_HEADER_BYTES));
        let agent = header("user-agent").unwrap_or_default();
        let said = UserAgent::read(agent);
        let platform = header("sec-ch-ua-platform")
            .and_then(|hint| platform_name(unquoted(hint)))
            .or(said.platform.map(str::to_owned));
        let hinted_version = header("sec-ch-ua-platform-version")
            .and_then(|hint| hinted_platform_version(platform.as_deref(), unquoted(hint)));
        let brand = header("sec-ch-ua").and_then(brand);
        Device {
            platform_version: hinted_version
                .or_else(|| platform_version(agent, platform.as_deref(), &said)),
            platform,
            model: header("sec-ch-ua-model")
                .and_then(|hint| known(unquoted(hint)))
                .map(str::to_owned),
            browser: brand
                .map(|(name, _)| name)
                .or(said.browser.map(|name| cut(name, MAX_NAME_BYTES)))
                .map(str::to_owned),
            browser_version: said
                .browser_version
                .or(brand.map(|(_, version)| version))
                .map(major_and_minor),
            category: match said.category {
                None | Some("desktop") if header("sec-ch-ua-mobile") == Some("?1") => {
                    Some("mobile")
                }
                category => category,
            },
            locale: header("accept-language").and_then(first_language),
        }
    }
}

/// A hint that is empty says nothing.
fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(cut(text, MAX_NAME_BYTES))
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

/// The content of a structured header's string, e.g. `"macOS"`.
fn unquoted(value: &str) -> &str {
    value.trim().trim_matches('"')
}

/// One name for a platform, from a client hint.
fn platform_name(name: &str) -> Option<String> {
    Some(match known(name)? {
        "Unknown" => return None,
        "Chrome OS" | "Chromium OS" => "chromeos".to_owned(),
        name => name.to_ascii_lowercase(),
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
fn platform_version(agent: &str, platform: Option<&str>, said: &UserAgent<'_>) -> Option<String> {
    let version = cut(said.platform_version?, MAX_NAME_BYTES);
    // What a hint says is of another platform has a version of its own.
    if platform != said.platform {
        return None;
    }
    let version = match platform {
        Some("windows") => windows(version)?.to_owned(),
        _ => version.replace('_', "."),
    };
    let is_frozen = match platform {
        Some("macos") => version == "10.15.7",
        Some("android") => agent.contains("Android 10; K)"),
        _ => false,
    };
    (!is_frozen).then_some(version)
}

/// What Windows is called, by the version of its kernel.
fn windows(kernel: &str) -> Option<&'static str> {
    match kernel {
        "6.3" => Some("8.1"),
        "6.2" => Some("8"),
        "6.1" => Some("7"),
        "6.0" => Some("Vista"),
        "5.1" => Some("XP"),
        _ => None,
    }
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
pub(crate) mod tests {
    use super::*;
    use crate::http::message::tests::head;

    fn device(headers: &[(&str, &str)]) -> Device {
        Device::read(&head("POST", "/", headers))
    }

    /// Platform, its version, browser, its version, category.
    pub(crate) fn summary(headers: &[(&str, &str)]) -> [String; 5] {
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
