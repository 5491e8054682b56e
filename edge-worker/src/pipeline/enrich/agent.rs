//! Reads browser, platform and category of device from a user agent.
//!
//! Each word of it is looked up once, in lists without expressions: a user agent is read with each request,
//! and an isolate that starts has nothing to prepare. What the lists do not know is left out.

#[cfg(test)]
mod tests;

use super::bot::{AUTOMATION, LIBRARY, OTHER, ends_like_a_bot, said};

/// What a user agent says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserAgent<'a> {
    /// E.g. `Chrome`; of a bot and of a library for HTTP its own word.
    pub browser: Option<&'a str>,
    /// As it is written: `142.0.0.0`.
    pub browser_version: Option<&'a str>,
    /// E.g. `windows`, `macos`, `ios`, `android`.
    pub platform: Option<&'static str>,
    /// As it is written: `18_7`, and of Windows that of its kernel.
    pub platform_version: Option<&'a str>,
    /// `desktop`, `mobile`, `tablet`, `bot`, `appliance` or `other`.
    pub category: Option<&'static str>,
}

/// Browsers, by the product that they call themselves. Most also call themselves those that stand below
/// them.
const BROWSERS: &[(&str, &str)] = &[
    ("Trident", "Internet Explorer"),
    ("Edg", "Edge"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("Edge", "Edge"),
    ("Vivaldi", "Vivaldi"),
    ("FxiOS", "Firefox"),
    ("YaBrowser", "Yandex Browser"),
    ("SamsungBrowser", "SamsungBrowser"),
    ("wv", WEBVIEW),
    ("OPR", "Opera"),
    ("Chrome", "Chrome"),
    ("HeadlessChrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("GSA", "Google Search App"),
    ("Safari", "Safari"),
    ("Firefox", "Firefox"),
    ("Opera", "Opera"),
];
const WEBVIEW: &str = "Webview";

/// Platforms, by how the words begin that name them, and what they run on. Those above are meant where
/// an agent names others, too.
const PLATFORMS: &[(&str, &str, &str)] = &[
    ("Xbox One", "xbox one", "appliance"),
    ("Xbox Series", "xbox series", "appliance"),
    ("PLAYSTATION 3", "playstation 3", "appliance"),
    ("PlayStation 4", "playstation 4", "appliance"),
    ("PlayStation 5", "playstation 5", "appliance"),
    ("PlayStation Vita", "playstation vita", "appliance"),
    ("Nintendo 3DS", "nintendo 3ds", "appliance"),
    ("Nintendo WiiU", "nintendo wii u", "appliance"),
    ("Nintendo Switch", "nintendo switch", "appliance"),
    ("Windows Phone", "windows phone", "mobile"),
    ("Windows", "windows", "desktop"),
    ("iPad", "ios", "tablet"),
    ("CPU OS", "ios", "tablet"),
    ("CPU iPhone OS", "ios", "mobile"),
    ("iPhone", "ios", "mobile"),
    ("iPod", "ios", "mobile"),
    ("iOS", "ios", "mobile"),
    ("Mac OS X", "macos", "desktop"),
    ("Macintosh", "macos", "desktop"),
    ("Android", "android", "mobile"),
    ("CrOS", "chromeos", "desktop"),
    ("FreeBSD", "bsd", "desktop"),
    ("Linux", "linux", "desktop"),
    // Apps on Apple's platforms send this when they set no user agent.
    ("CFNetwork", "ios", "mobile"),
];

impl<'a> UserAgent<'a> {
    /// Reads a user agent.
    pub fn read(agent: &'a str) -> UserAgent<'a> {
        let found = Reader::read(agent);
        let is_unknown = found.browser.is_none() && found.platform.is_none();
        match said(agent) {
            Some((_, AUTOMATION)) => found,
            Some((word, LIBRARY)) => UserAgent::named(Some(word), "other"),
            Some((word, category)) if category != OTHER => UserAgent::named(Some(word), "bot"),
            // Words of other agents may end like this by chance.
            _ if is_unknown && names_a_bot(agent) => UserAgent::named(None, "bot"),
            _ => found,
        }
    }

    fn named(word: Option<&'a str>, category: &'static str) -> UserAgent<'a> {
        UserAgent {
            browser: word,
            category: Some(category),
            ..UserAgent::default()
        }
    }
}

fn names_a_bot(agent: &str) -> bool {
    let mut words = agent.split(|character: char| !character.is_ascii_alphanumeric());
    words.any(ends_like_a_bot)
}

/// What was read so far: places in the lists, and versions.
#[derive(Default)]
struct Reader<'a> {
    browser: Option<usize>,
    browser_version: Option<&'a str>,
    /// That of `Version/`, which some browsers put in place of their own.
    stated_version: Option<&'a str>,
    /// That of `rv:`, which Internet Explorer does.
    revision: Option<&'a str>,
    platform: Option<usize>,
    platform_version: Option<&'a str>,
}

impl<'a> Reader<'a> {
    fn read(agent: &'a str) -> UserAgent<'a> {
        let mut reader = Reader::default();
        for part in agent.split(['(', ')', ';']) {
            let mut words = part.trim_start();
            while !words.is_empty() {
                let (word, behind) = words.split_once(' ').unwrap_or((words, ""));
                reader.see_product(word);
                reader.see_platform(words);
                words = behind.trim_start();
            }
        }
        reader.finish(agent)
    }

    fn see_product(&mut self, word: &'a str) {
        if let Some(revision) = word.strip_prefix("rv:") {
            self.revision = Some(revision);
        }
        let (name, behind) = word.split_once('/').unwrap_or((word, ""));
        let version = leading(behind, |byte| byte.is_ascii_digit() || byte == b'.');
        if name == "Version" {
            self.stated_version = version;
        }
        let place = BROWSERS.iter().position(|(product, _)| *product == name);
        // Without a version it is a word like any other, but for this one.
        let is_product = version.is_some() || word == "wv";
        if let Some(place) = place.filter(|_| is_product)
            && self.browser.is_none_or(|best| place < best)
        {
            self.browser = Some(place);
            self.browser_version = version;
        }
    }

    /// `words` go on to the end of their part.
    fn see_platform(&mut self, words: &'a str) {
        let known = |(name, ..): &(&str, _, _)| words.starts_with(name);
        let Some(place) = PLATFORMS.iter().position(known) else {
            return;
        };
        let (name, platform, _) = PLATFORMS[place];
        let is_same = self
            .platform
            .is_some_and(|best| PLATFORMS[best].1 == platform);
        if self.platform.is_none_or(|best| place < best) {
            self.platform = Some(place);
        } else if !is_same {
            return;
        }
        let of_before = self.platform_version.filter(|_| is_same);
        // What follows these is of the device.
        let has_version = !matches!(name, "iPad" | "iPhone" | "iPod");
        self.platform_version = of_before.or_else(|| {
            let behind = words.get(name.len()..).filter(|_| has_version)?;
            version_among(behind)
        });
    }

    fn finish(self, agent: &str) -> UserAgent<'a> {
        let platform = self.platform.map(|place| PLATFORMS[place]);
        let platform = platform.map(|(_, platform, category)| (platform, category));
        let browser = self.browser.map(|place| BROWSERS[place].1);
        // What shows pages of the web in an app of Apple's calls itself no browser.
        let browser = browser.or(agent.contains("like Mac OS X").then_some(WEBVIEW));
        UserAgent {
            browser,
            browser_version: match browser {
                Some(WEBVIEW | "Safari") => self.stated_version,
                Some("Opera") => self.stated_version.or(self.browser_version),
                Some("Internet Explorer") => self.revision,
                _ => self.browser_version,
            },
            platform: platform.map(|(platform, _)| platform),
            platform_version: self.platform_version,
            // Browsers leave "Mobile" out on Android tablets.
            category: match platform {
                Some(("android", _)) if !agent.contains("Mobile") => Some("tablet"),
                _ => platform.map(|(_, category)| category),
            },
        }
    }
}

/// The first of some words that begins with a digit.
fn version_among(words: &str) -> Option<&str> {
    let is_of_version = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
    let mut words = words.split([' ', '-']);
    words.find_map(|word| leading(word, is_of_version))
}

/// What a text begins with, as far as its bytes are of a version. A version begins with a digit.
fn leading(text: &str, is_of_version: impl Fn(u8) -> bool) -> Option<&str> {
    let end = text.bytes().position(|byte| !is_of_version(byte));
    let version = text.get(..end.unwrap_or(text.len()))?;
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then_some(version)
}
