//! What brought a visitor: the campaign in a page's address, and the site that led there. The page is
//! the one that an event names, or else the one that has sent it.

use std::borrow::Cow;

use forebay_core::event::{Event, Text};
use forebay_core::wire::event_stream::Campaign;

use crate::http::message::Head;
use crate::http::percent::decoded;

/// The attribute that holds the page's address; auto-track's page views have it.
const URL: &str = "url";
/// The attribute that holds `document.referrer`, where a page gives it.
const REFERRER: &str = "referrer";

/// Parameters that ad networks add to an address, one for each click.
const CLICK_IDS: [&str; 14] = [
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "fbclid",
    "msclkid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "yclid",
    "sccid",
    "epik",
    "rdt_cid",
    "igshid",
];
/// Nothing of an address that is longer is looked at.
const MAX_URL_BYTES: usize = 4 * 1024;
/// What is copied into every record of a request is cut before that: a name of a campaign,
const MAX_NAME_BYTES: usize = 100;
/// and the id of a click, of which Facebook's have some 200.
const MAX_CLICK_ID_BYTES: usize = 256;
/// A host has no more (RFC 1035).
const MAX_HOST_BYTES: usize = 253;

/// The page that has sent a request.
#[derive(Debug, Default)]
pub struct Page<'a> {
    campaign: Campaign<'a>,
    host: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// What a browser says of it: the whole address to a worker of the same site, to others the site
    /// alone.
    pub fn read(head: &'a Head) -> Page<'a> {
        let address = head.header("referer").or_else(|| head.header("origin"));
        let address = address.unwrap_or_default();
        Page {
            campaign: campaign(address),
            host: host(address),
        }
    }

    /// The campaign and the referring host of an event. A page of the same site refers to nothing.
    pub fn of<'e>(&'e self, event: &'e Event<'_>) -> (Campaign<'e>, Option<Text<'e>>) {
        let attribute = |wanted: &str| {
            let mut found = event.attributes.iter().filter(|(name, _)| name == wanted);
            found.next().map(|(_, value)| value.as_ref())
        };
        let url = attribute(URL).unwrap_or_default();
        let own = campaign(url);
        let campaign = if own == Campaign::default() {
            self.campaign.clone()
        } else {
            own
        };
        let page_host = host(url).or(self.host);
        let referrer = attribute(REFERRER).and_then(host);
        let referrer = referrer.filter(|host| page_host.is_none_or(|page| !is_same(page, host)));
        (
            campaign,
            referrer.map(|host| host.to_ascii_lowercase().into()),
        )
    }
}

fn is_same(one: &str, other: &str) -> bool {
    let without_www = |host: &'_ str| {
        let www = host
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("www."));
        if www { host.len() - 4 } else { host.len() }
    };
    let tail = |host: &'_ str| host.len() - without_www(host);
    one[tail(one)..].eq_ignore_ascii_case(&other[tail(other)..])
}

/// The parameters that name a campaign, in the query or the fragment of an address. The first of a
/// name is taken.
fn campaign(url: &str) -> Campaign<'_> {
    let mut campaign = Campaign::default();
    let url = &url[..url.floor_char_boundary(MAX_URL_BYTES)];
    for parameter in url.split(['?', '&', '#']).skip(1) {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let (member, max_bytes) = match name {
            "utm_source" => (&mut campaign.source, MAX_NAME_BYTES),
            "utm_medium" => (&mut campaign.medium, MAX_NAME_BYTES),
            "utm_campaign" => (&mut campaign.name, MAX_NAME_BYTES),
            "utm_term" => (&mut campaign.term, MAX_NAME_BYTES),
            "utm_content" => (&mut campaign.content, MAX_NAME_BYTES),
            "utm_id" => (&mut campaign.id, MAX_NAME_BYTES),
            _ => {
                let is_name = |known: &&&str| known.eq_ignore_ascii_case(name);
                let Some(click) = CLICK_IDS.iter().find(is_name) else {
                    continue;
                };
                if campaign.click_id.is_none()
                    && let Some(value) = text(value, MAX_CLICK_ID_BYTES)
                {
                    campaign.click_id = Some(value);
                    campaign.click_id_type = Some(Text::Borrowed(click));
                }
                continue;
            }
        };
        if member.is_none() {
            *member = text(value, max_bytes);
        }
    }
    campaign
}

/// The value of a parameter as a form encodes it, unless it has nothing in it or what nobody writes.
fn text(value: &str, max_bytes: usize) -> Option<Text<'_>> {
    let value: Text<'_> = if value.contains(['%', '+']) {
        decoded(&value.replace('+', " "))?.into()
    } else {
        value.into()
    };
    if value.chars().any(char::is_control) || value.trim().is_empty() {
        return None;
    }
    let end = value.floor_char_boundary(max_bytes);
    Some(match value {
        Cow::Borrowed(value) => value[..end].into(),
        Cow::Owned(mut value) => {
            value.truncate(end);
            value.into()
        }
    })
}

/// The host of an address.
fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let is_page = ["http", "https", "android-app"].contains(&scheme);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = (1..=MAX_HOST_BYTES).contains(&host.len()) && host.bytes().all(is_of_host);
    (is_page && is_host).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::tests::head;
    use forebay_core::time::Timestamp;

    fn event(attributes: &[(&'static str, &str)]) -> Event<'static> {
        let mut event = Event::new("pageView", Timestamp(0));
        for (name, value) in attributes {
            let value = Text::from((*value).to_owned());
            event.attributes.push(((*name).into(), value));
        }
        event
    }

    /// source, medium, name, term, content, id, type and id of the click
    fn members(campaign: &Campaign<'_>) -> [String; 8] {
        [
            &campaign.source,
            &campaign.medium,
            &campaign.name,
            &campaign.term,
            &campaign.content,
            &campaign.id,
            &campaign.click_id_type,
            &campaign.click_id,
        ]
        .map(|text| text.as_deref().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_campaign_is_read_from_an_address() {
        for (url, expected) in [
            ("https://shop.example/", ["", "", "", "", "", "", "", ""]),
            (
                "https://shop.example/a?utm_source=news&utm_medium=email&utm_campaign=spring+sale&utm_term=r%C3%B6d&utm_content=top&utm_id=7#x",
                ["news", "email", "spring sale", "röd", "top", "7", "", ""],
            ),
            (
                "/a?gclid=Cj0K&x=1",
                ["", "", "", "", "", "", "gclid", "Cj0K"],
            ),
            (
                "?fbclid=IwAR-1_2",
                ["", "", "", "", "", "", "fbclid", "IwAR-1_2"],
            ),
            (
                "/?MSCLKID=abc&gclid=later",
                ["", "", "", "", "", "", "msclkid", "abc"],
            ),
            (
                "/#utm_source=fragment",
                ["fragment", "", "", "", "", "", "", ""],
            ),
            (
                "/#/path?utm_source=route",
                ["route", "", "", "", "", "", "", ""],
            ),
            (
                "/?utm_source=a&utm_source=b",
                ["a", "", "", "", "", "", "", ""],
            ),
            (
                "/?utm_source=&utm_source=b&gclid=",
                ["b", "", "", "", "", "", "", ""],
            ),
            (
                "/?utm_source=%00&utm_medium=%FF%&utm_term=%",
                ["", "", "", "", "", "", "", ""],
            ),
            (
                "/?xutm_source=a&utm_sourcex=b&UTM_SOURCE=c",
                ["", "", "", "", "", "", "", ""],
            ),
            ("utm_source=a", ["", "", "", "", "", "", "", ""]),
        ] {
            assert_eq!(members(&campaign(url)), expected, "{url}");
        }
    }

    #[test]
    fn what_an_address_says_is_cut_before_it_is_copied() {
        for filler in ["x", "%C3%A5", "å"] {
            let url = format!("/?utm_source={0}&gclid={0}", filler.repeat(300));
            let campaign = campaign(&url);
            assert!(campaign.source.unwrap().len() <= MAX_NAME_BYTES);
            assert!(campaign.click_id.unwrap().len() <= MAX_CLICK_ID_BYTES);
        }
        let far = format!("/?{}&utm_source=a", "x=1&".repeat(100_000));
        assert_eq!(campaign(&far), Campaign::default());
    }

    #[test]
    fn an_event_names_its_page_or_else_the_request_does() {
        let head = head(
            "POST",
            "/",
            &[("referer", "https://shop.example/a?utm_source=request")],
        );
        let page = Page::read(&head);
        let source = |attributes: &[(&'static str, &str)]| {
            let event = event(attributes);
            members(&page.of(&event).0)[0].clone()
        };
        assert_eq!(source(&[]), "request");
        assert_eq!(source(&[("url", "https://shop.example/b")]), "request");
        let url = "https://shop.example/b?utm_source=event";
        assert_eq!(source(&[("x", "y"), ("url", url)]), "event");
        assert_eq!(source(&[("link", url)]), "request");
    }

    #[test]
    fn another_site_is_a_referrer_and_the_same_is_none() {
        let of = |header: Option<(&str, &str)>, attributes: &[(&'static str, &str)]| {
            let headers: Vec<_> = header.into_iter().collect();
            let head = head("POST", "/", &headers);
            let page = Page::read(&head);
            let event = event(attributes);
            page.of(&event).1.map(Text::into_owned)
        };
        let search = (
            "referrer",
            "https://www.Search.example:443/q?text=private#x",
        );
        assert_eq!(of(None, &[search]).as_deref(), Some("www.search.example"));
        let shop = ("origin", "https://shop.example");
        assert_eq!(
            of(Some(shop), &[search]).as_deref(),
            Some("www.search.example")
        );
        let own = ("referrer", "https://www.shop.example/before");
        assert_eq!(of(Some(shop), &[own]), None);
        let page = ("url", "https://search.example/");
        assert_eq!(of(Some(shop), &[page, search]), None);
        for text in [
            "",
            "about:blank",
            "nowhere",
            "https://",
            "https://a b/",
            "file:///etc/x",
        ] {
            assert_eq!(of(None, &[("referrer", text)]), None, "{text}");
        }
        let user = "https://ada:secret@site.example/";
        assert_eq!(
            of(None, &[("referrer", user)]).as_deref(),
            Some("site.example")
        );
    }
}
