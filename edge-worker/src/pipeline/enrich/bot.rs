//! Which requests are of programs that nobody sits in front of. They are marked, and taken as any
//! other.

use forebay_core::wire::event_stream::Bot;

use super::device::Device;
use crate::http::message::Head;

/// Words of user agents, in lower case, and what says them. The categories are Cloudflare's, and two
/// more: browsers that a program drives, and libraries for HTTP. Other words that end in `bot`,
/// `crawler` or `spider` are bots too, of no known category. In the order of the words.
const AGENTS: &[(&str, &str)] = &[
    ("adsbot-google", "Advertising & Marketing"),
    ("ahrefsbot", "Search Engine Optimization"),
    ("ahrefssiteaudit", "Search Engine Optimization"),
    ("aiohttp", LIBRARY),
    ("amazonbot", "AI Crawler"),
    ("anthropic-ai", "AI Crawler"),
    ("applebot", "Search Engine Crawler"),
    ("axios", LIBRARY),
    ("baiduspider", "Search Engine Crawler"),
    ("bingbot", "Search Engine Crawler"),
    ("bingpreview", "Page Preview"),
    ("bytespider", "AI Crawler"),
    ("ccbot", "AI Crawler"),
    ("chatgpt-user", "AI Assistant"),
    ("chrome-lighthouse", "Monitoring & Analytics"),
    ("claudebot", "AI Crawler"),
    ("curl", LIBRARY),
    ("cypress", AUTOMATION),
    ("datadogsynthetics", "Monitoring & Analytics"),
    ("discordbot", "Page Preview"),
    ("duckduckbot", "Search Engine Crawler"),
    ("facebookexternalhit", "Page Preview"),
    ("go-http-client", LIBRARY),
    ("google-inspectiontool", "Search Engine Crawler"),
    ("google-pagerenderer", "Search Engine Crawler"),
    ("googlebot", "Search Engine Crawler"),
    ("googlebot-image", "Search Engine Crawler"),
    ("googleother", "Search Engine Crawler"),
    ("gptbot", "AI Crawler"),
    ("gtmetrix", "Monitoring & Analytics"),
    ("headlesschrome", AUTOMATION),
    ("httpx", LIBRARY),
    ("ia_archiver", "Archiver"),
    ("libwww-perl", LIBRARY),
    ("linkedinbot", "Page Preview"),
    ("mediapartners-google", "Advertising & Marketing"),
    ("meta-externalagent", "AI Crawler"),
    ("mj12bot", "Search Engine Optimization"),
    ("node-fetch", LIBRARY),
    ("oai-searchbot", "AI Search"),
    ("perplexity-user", "AI Assistant"),
    ("perplexitybot", "AI Search"),
    ("petalbot", "Search Engine Crawler"),
    ("phantomjs", AUTOMATION),
    ("pingdom", "Monitoring & Analytics"),
    ("playwright", AUTOMATION),
    ("postmanruntime", LIBRARY),
    ("ptst", "Monitoring & Analytics"),
    ("puppeteer", AUTOMATION),
    ("python-httpx", LIBRARY),
    ("python-requests", LIBRARY),
    ("python-urllib", LIBRARY),
    ("scrapy", LIBRARY),
    ("selenium", AUTOMATION),
    ("semrushbot", "Search Engine Optimization"),
    ("skypeuripreview", "Page Preview"),
    ("slackbot", "Page Preview"),
    ("slurp", "Search Engine Crawler"),
    ("statuscake", "Monitoring & Analytics"),
    ("telegrambot", "Page Preview"),
    ("twitterbot", "Page Preview"),
    ("uptimerobot", "Monitoring & Analytics"),
    ("wget", LIBRARY),
    ("whatsapp", "Page Preview"),
    ("yandexbot", "Search Engine Crawler"),
];
/// What drives a browser.
pub const AUTOMATION: &str = "Automation";
/// Libraries for HTTP.
pub const LIBRARY: &str = "Library";
/// Bots that are known by the ending of their name alone.
pub const OTHER: &str = "Other";
/// User agents in use have at most about 300 bytes.
const MAX_AGENT_BYTES: usize = 1024;
/// No bot has a longer name.
const MAX_NAME_BYTES: usize = 64;

/// The record's `forebay.bot`: what Cloudflare has verified, or else what the user agent says, or what
/// the device was taken for.
pub fn bot<'a>(head: &'a Head, device: &Device) -> Option<Bot<'a>> {
    let agent = head.header("user-agent").unwrap_or_default();
    let said = said(&agent[..agent.floor_char_boundary(MAX_AGENT_BYTES)]);
    let is_device_bot = device.category == Some("bot");
    let verified = head.cf.verified_bot_category.text();
    let is_verified = verified.is_some();
    let category = verified
        .or(said.map(|(_, category)| category.into()))
        .or(is_device_bot.then_some(OTHER.into()));
    Some(Bot {
        name: said.map(|(word, _)| word.into()),
        category: category?,
        is_verified,
    })
}

/// The first word of a user agent that says what sends, and the category of that.
pub fn said(agent: &str) -> Option<(&str, &'static str)> {
    let is_of_word =
        |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let words = agent.split(move |character| !is_of_word(character));
    let mut words = words.filter(|word| (4..=MAX_NAME_BYTES).contains(&word.len()));
    words.find_map(|word| Some((word, category(word)?)))
}

fn category(word: &str) -> Option<&'static str> {
    let lower = word.bytes().map(|byte| byte.to_ascii_lowercase());
    let known = AGENTS.binary_search_by(|(known, _)| known.bytes().cmp(lower.clone()));
    if let Ok(at) = known {
        return AGENTS.get(at).map(|(_, category)| *category);
    }
    // Cubot makes telephones.
    (ends_like_a_bot(word) && !ends_in(word, "cubot")).then_some(OTHER)
}

/// Whether a word ends as names of bots do.
pub fn ends_like_a_bot(word: &str) -> bool {
    ["bot", "crawler", "spider"]
        .iter()
        .any(|ending| ends_in(word, ending))
}

fn ends_in(word: &str, ending: &str) -> bool {
    let start = word.len().checked_sub(ending.len());
    let tail = start.and_then(|start| word.get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::tests::head;

    /// Name, category, and whether it is verified.
    fn found(agent: &str, verified: &str) -> Option<(String, String, bool)> {
        let mut head = head("POST", "/", &[("user-agent", agent)]);
        let cf = serde_json::json!({ "verifiedBotCategory": verified });
        head.cf = serde_json::from_value(cf).unwrap();
        let device = Device::read(&head);
        let bot = bot(&head, &device)?;
        let name = bot.name.unwrap_or_default().into_owned();
        Some((name, bot.category.into_owned(), bot.is_verified))
    }

    #[test]
    fn the_words_are_in_their_order() {
        assert!(AGENTS.is_sorted_by(|(one, _), (other, _)| one < other));
        for (word, _) in AGENTS {
            assert_eq!(said(word).map(|(said, _)| said), Some(*word));
        }
    }

    #[test]
    fn bots_are_known_by_what_they_say() {
        for (agent, name, category) in [
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "Googlebot",
                "Search Engine Crawler",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/142.0.0.0 Safari/537.36",
                "bingbot",
                "Search Engine Crawler",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36",
                "HeadlessChrome",
                "Automation",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
                "GPTBot",
                "AI Crawler",
            ),
            ("curl/8.14.1", "curl", "Library"),
            ("python-requests/2.32.3", "python-requests", "Library"),
            ("Acme-Spider (https://acme.example)", "Acme-Spider", "Other"),
            (
                "Mozilla/5.0 (compatible; SomeNewBot/1.0)",
                "SomeNewBot",
                "Other",
            ),
        ] {
            let expected = (name.to_owned(), category.to_owned(), false);
            assert_eq!(found(agent, ""), Some(expected), "{agent}");
        }
    }

    #[test]
    fn what_people_sit_in_front_of_is_no_bot() {
        for agent in [
            "",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
            "Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9 Build/AP3A)",
            "okhttp/4.12.0",
            "shop/2.1 CFNetwork/1568.200.51 Darwin/24.1.0",
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0 Robotics botany",
        ] {
            assert_eq!(found(agent, ""), None, "{agent}");
        }
    }

    #[test]
    fn what_cloudflare_has_verified_is_said_to_be() {
        let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
        let expected = (String::new(), "Accessibility".to_owned(), true);
        assert_eq!(found(browser, "Accessibility"), Some(expected));
        let expected = (
            "Googlebot".to_owned(),
            "Search Engine Crawler".to_owned(),
            true,
        );
        let agent = "Mozilla/5.0 (compatible; Googlebot/2.1)";
        assert_eq!(found(agent, "Search Engine Crawler"), Some(expected));
    }

    #[test]
    fn a_long_user_agent_costs_no_more() {
        assert_eq!(found(&"x".repeat(100_000), ""), None);
        let nameless = (String::new(), "Other".to_owned(), false);
        assert_eq!(found(&format!("{}bot", "x".repeat(70)), ""), Some(nameless));
        assert_eq!(
            found(&format!("{} googlebot", "x ".repeat(1_000)), ""),
            None
        );
    }
}
