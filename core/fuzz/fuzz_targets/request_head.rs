//! Any head of a request: its path, and what is read of browser, device, page and network.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use forebay_core::event::Event;
use forebay_core::time::Timestamp;
use forebay_core_fuzz::enrich::bot::bot;
use forebay_core_fuzz::enrich::campaign::Page;
use forebay_core_fuzz::enrich::device::Device;
use forebay_core_fuzz::http::cf::Cf;
use forebay_core_fuzz::http::cors::preflight;
use forebay_core_fuzz::http::message::Head;
use forebay_core_fuzz::http::percent::decoded;
use forebay_core_fuzz::http::router::Route;
use forebay_core_fuzz::rates::RateSettings;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(u8, &'a str)>,
    url: &'a str,
    parameter: (u8, &'a str),
    referrer: &'a str,
    /// Long headers are this often what they are.
    times: u8,
    cf: &'a [u8],
}

/// The headers that anything is read of.
const NAMES: [&str; 10] = [
    "user-agent",
    "sec-ch-ua",
    "sec-ch-ua-platform",
    "sec-ch-ua-platform-version",
    "sec-ch-ua-model",
    "sec-ch-ua-mobile",
    "accept-language",
    "referer",
    "cf-connecting-ip",
    "access-control-request-headers",
];
/// Some parameters that name a campaign.
const PARAMETERS: [&str; 4] = ["utm_source", "utm_campaign", "gclid", "FBCLID"];
/// Nothing that is read of a head is longer: it is copied into every record.
const MAX_BYTES: usize = 256;

forebay_core_fuzz::target!(|input: Input<'_>| {
    let name = |at: u8| NAMES[usize::from(at) % NAMES.len()].to_owned();
    let times = usize::from(input.times % 16) + 1;
    let headers = input.headers.iter();
    let head = Head {
        method: input.method.to_owned(),
        path: input.path.to_owned(),
        query: String::new(),
        headers: headers
            .map(|(at, value)| (name(*at), value.repeat(times)))
            .collect(),
        arrival: Timestamp(1_795_000_000_000),
        request_id: "1".to_owned(),
        cf: serde_json::from_slice::<Cf>(input.cf).unwrap_or_default(),
    };
    if let Some(text) = decoded(input.path) {
        assert!(text.len() <= input.path.len());
    }
    for method in [input.method, "GET", "POST", "PUT"] {
        if let Err(error) = Route::find(method, input.path) {
            assert!([403, 404, 405].contains(&error.status()), "{error}");
        }
    }
    let allowed = preflight(&head);
    assert_eq!(allowed.status, 204);

    let is_short = |text: &Option<String>| text.as_ref().is_none_or(|text| text.len() <= MAX_BYTES);
    let device = Device::read(&head);
    assert!(is_short(&device.platform) && is_short(&device.model) && is_short(&device.locale));
    assert!(is_short(&device.platform_version));
    assert!(is_short(&device.browser) && is_short(&device.browser_version));
    let bot = bot(&head, &device);
    assert!(bot.is_none_or(|bot| bot.name.is_none_or(|name| name.len() <= MAX_BYTES)));

    let page = Page::read(&head);
    let (at, value) = input.parameter;
    let parameter = PARAMETERS[usize::from(at) % PARAMETERS.len()];
    let url = format!("{}?{parameter}={}", input.url, value.repeat(times));
    let referrer = format!("https://{}", input.referrer);
    let attributes = [("url", url), ("referrer", referrer)];
    let event = Event {
        attributes: attributes
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec(),
        ..Event::new("E", Timestamp(0))
    };
    let (campaign, referrer) = page.of(&event);
    let texts = [
        &campaign.source,
        &campaign.medium,
        &campaign.name,
        &campaign.term,
        &campaign.content,
        &campaign.id,
        &campaign.click_id,
        &referrer,
    ];
    for text in texts.into_iter().flatten() {
        assert!((1..=MAX_BYTES).contains(&text.len()), "{text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    if let Some(network) = RateSettings::default().network(&head) {
        assert!(network.parse::<std::net::IpAddr>().is_ok(), "{network}");
    }
});
