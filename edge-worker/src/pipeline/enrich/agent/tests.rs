//! Held against the crate `woothee`, a parser with a list of its own.

use proptest::prelude::*;
use woothee::parser::Parser;

use super::UserAgent;
use crate::pipeline::enrich::device::tests::summary;

/// What both find the same in.
const AGREED: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Vivaldi/7.6.3797.63",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 YaBrowser/25.8.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.102 Safari/537.36 Edge/18.19582",
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (Windows NT 6.1; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 6.3; Win64; x64; rv:109.0) Gecko/20100101 Firefox/115.0",
    "Mozilla/5.0 (Windows NT 6.2; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 5.1; rv:52.0) Gecko/20100101 Firefox/52.0",
    "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.41.105 Chrome/130.0.6723.137 Electron/33.3.1 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15 Ddg/18.5",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36",
    "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 WebAppManager",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/145.0 Mobile/15E148 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 EdgiOS/142.0.3595.66 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/392.0.830 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21F90 [FBAN/FBIOS;FBAV/470.0.0.40.106;FBBV/616461733;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/17.5.1;FBSS/3;FBID/phone;FBLC/en_US;FBOP/5;FBRV/618310405]",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 372.0.0.27.80 (iPhone14,7; iOS 18_3_2; en_GB; en-GB; scale=3.00; 1170x2532; 709818010)",
    "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPod touch; CPU iPhone OS 15_8 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.0.0",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36 OPR/91.0.0.0",
    "Mozilla/5.0 (Linux; Android 13; SM-A536B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; arm_64; Android 14; 2201117TG) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.7204.2 YaBrowser/25.8.1.2.00 SA/3 Mobile Safari/537.36",
    "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/BP1A.250505.005; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/136.0.7103.127 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/136.0.7103.61 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/512.0.0.53.109;]",
    "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16",
    "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
    "Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9 Build/AP3A.241005.015)",
    "okhttp/4.12.0",
    "shop/2.1 CFNetwork/1568.200.51 Darwin/24.1.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.59 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "something else",
    "Mozilla/5.0",
    "",
    "-",
];

/// Where woothee finds something else: devices and versions of these years, which it does not know; bots, which
/// have one name in all of a record here, and are bots too where they call themselves a browser; libraries, whose
/// names it has as versions; and browsers that run no page of today.
const DIFFERENT: &[(&str, [&str; 5])] = &[
    (
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        ["chromeos", "14541.0.0", "Chrome", "142.0", "desktop"],
    ),
    (
        "Mozilla/5.0 (X11; FreeBSD amd64; rv:145.0) Gecko/20100101 Firefox/145.0",
        ["bsd", "", "Firefox", "145.0", "desktop"],
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
        ["macos", "14.6", "Chrome", "150.0", "desktop"],
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0.0.0",
        ["windows", "", "Chrome", "120.0", "desktop"],
    ),
    (
        "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
        ["windows", "8", "Internet Explorer", "", "desktop"],
    ),
    (
        "Mozilla/5.0 (iPhone 5; CPU iPhone OS 7_0_6 like Mac OS X) AppleWebKit/537.51.1 (KHTML, like Gecko) Version/6.0 MQQBrowser/5.0.5 Mobile/11B651 Safari/8536.25",
        ["ios", "7.0.6", "Safari", "6.0", "mobile"],
    ),
    (
        "shop/2.1 (iPhone; iOS 17.5; Scale/3.00)",
        ["ios", "17.5", "", "", "mobile"],
    ),
    (
        "Mozilla/5.0 (PlayStation 4 11.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
        ["playstation 4", "11.00", "Safari", "13.0", "appliance"],
    ),
    (
        "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
        ["playstation 5", "", "Safari", "13.0", "appliance"],
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
        ["xbox one", "", "Edge", "138.0", "appliance"],
    ),
    (
        "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/609.4 (KHTML, like Gecko) NF/6.0.2.21.3 NintendoBrowser/5.1.0.22474",
        ["nintendo switch", "", "", "", "appliance"],
    ),
    (
        "Mozilla/5.0 (SymbianOS/9.4; Series60/5.0 NokiaN97-1/20.0.019; Profile/MIDP-2.1 Configuration/CLDC-1.1) AppleWebKit/525 (KHTML, like Gecko) BrowserNG/7.1.18124",
        ["", "", "", "", ""],
    ),
    (
        "Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9.2372 Mobile Safari/537.10+",
        ["", "", "Safari", "10.0", ""],
    ),
    ("DoCoMo/2.0 N905i(c100;TB;W24H16)", ["", "", "", "", ""]),
    (
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        ["", "", "facebookexternalhit", "", "bot"],
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        ["", "", "GPTBot", "", "bot"],
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
        ["", "", "Applebot", "", "bot"],
    ),
    (
        "Mozilla/5.0 (compatible; SomeNewBot/1.0)",
        ["", "", "", "", "bot"],
    ),
    ("Googlebot-News", ["", "", "", "", "bot"]),
    ("curl/8.14.1", ["", "", "curl", "", "other"]),
    (
        "python-requests/2.32.3",
        ["", "", "python-requests", "", "other"],
    ),
    (
        "Apache-HttpClient/4.5.13 (Java/17.0.9)",
        ["", "", "", "", ""],
    ),
];

#[test]
fn agents_are_read_as_another_parser_reads_them() {
    for agent in AGREED {
        assert_eq!(ours(agent), theirs(agent), "{agent}");
    }
}

#[test]
fn where_another_parser_differs_is_known() {
    for (agent, expected) in DIFFERENT {
        assert_eq!(ours(agent), *expected, "{agent}");
        assert_ne!(theirs(agent), *expected, "{agent}");
    }
}

proptest! {
    #[test]
    fn no_agent_is_too_odd(words in prop::collection::vec(odd_word(), 0..12)) {
        let agent = words.concat();
        let found = UserAgent::read(&agent);
        for version in [found.browser_version, found.platform_version].into_iter().flatten() {
            prop_assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
        }
        prop_assert!(found.platform.is_none() || found.category.is_some());
    }
}

/// Pieces that parts, words, names and versions are cut at.
fn odd_word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            " ",
            "(",
            ")",
            "; ",
            "/",
            "-",
            "_",
            ".",
            "Mozilla/5.0",
            "Chrome/",
            "Version/1",
            "wv",
            "rv:",
            "1",
            "å",
            "CPU OS",
            "iPhone",
            "like Mac OS X",
            "Android",
            "Mobile",
            "Windows NT",
            "bot",
            "curl",
            "cubot",
        ])
        .prop_map(str::to_owned),
        ".{0,3}",
    ]
}

type Found = [String; 5];

fn ours(agent: &str) -> Found {
    summary(&[("user-agent", agent)])
}

/// The same, by woothee's words for it.
fn theirs(agent: &str) -> Found {
    let found = Parser::new().parse(agent).unwrap_or_default();
    let known = |text: &str| text.replace("UNKNOWN", "");
    let (os, version) = (known(found.os), known(&found.os_version));
    let (platform, version) = match os.as_str() {
        "iPhone" | "iPad" | "iPod" | "iOS" => ("ios", version),
        "Mac OSX" if version == "10.15.7" => ("macos", String::new()),
        "Mac OSX" => ("macos", version),
        "Windows Phone OS" => ("windows phone", version),
        "Android" if agent.contains("Android 10; K)") => ("android", String::new()),
        other => match other.strip_prefix("Windows ") {
            Some("10") => ("windows", String::new()),
            Some(version) => ("windows", version.to_owned()),
            None => (other, version),
        },
    };
    let category = match found.category {
        "crawler" => "bot",
        "misc" => "other",
        _ if found.os == "iPad" => "tablet",
        _ if found.os == "Android" && !agent.contains("Mobile") => "tablet",
        "smartphone" | "mobilephone" => "mobile",
        "pc" => "desktop",
        "UNKNOWN" => "",
        other => other,
    };
    let browser_version = known(found.version);
    let mut parts = browser_version.split('.');
    let browser_version = match (parts.next().unwrap_or_default(), parts.next()) {
        ("", _) => String::new(),
        (major, minor) => format!("{major}.{}", minor.unwrap_or("0")),
    };
    [
        platform.to_lowercase(),
        version,
        known(found.name),
        browser_version,
        category.to_owned(),
    ]
}
