//! What is added to events, by whose word, and what is never in anything that leaves the worker.

use super::*;
use crate::delivery::pattern::Pattern;
use crate::identity::server_key::tests::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

const CF: &str = r#"{"country":"SE","region":"Skåne","city":"Lund","timezone":"Europe/Stockholm",
    "asn":3301,"asOrganization":"Telia","verifiedBotCategory":"Search Engine Crawler"}"#;

fn stored(calls: &[HttpRequest]) -> Vec<Value> {
    let records = calls.iter().filter(|call| stream_of(call) == "events");
    let records = records.flat_map(sent_records);
    records
        .map(|record| serde_json::from_str(&record).unwrap())
        .collect()
}

const HEADERS: [(&str, &str); 3] = [
    ("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)"),
    (
        "referer",
        "https://shop.example/?utm_source=news&gclid=Cj0K",
    ),
    ("accept-language", "sv-SE"),
];

/// The record of an event that a guest has sent of this endpoint.
fn record(config: &Config, endpoint: Value, mut sent: Value) -> Value {
    sent["Timestamp"] = json!(Timestamp(ARRIVAL.0 - 1_000).to_iso8601());
    let body =
        json!({ "BatchItem": { "client-1": { "Endpoint": endpoint, "Events": { "k": sent } } } });
    let body = body.to_string().into_bytes();
    let mut head = signed(config, "POST", EVENTS, &body, ARRIVAL);
    let headers = HEADERS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    head.headers.extend(headers);
    head.cf = serde_json::from_str(CF).unwrap();
    let (answer, _, calls) = serve(&head, config, &body, all_stored);
    assert_eq!(items(&answer)["k"]["StatusCode"], 202, "{}", answer.body);
    stored(&calls).remove(0)
}

/// A schema that takes any attribute.
fn open_config() -> Config {
    let schema =
        r#"{"$defs":{"pageView":{"type":"object","properties":{},"additionalProperties":true}}}"#;
    Config {
        schema: Schema::parse(schema.as_bytes()).unwrap(),
        ..config()
    }
}

fn page_view(attributes: Value) -> Value {
    json!({ "EventType": "pageView", "Attributes": attributes })
}

#[test]
fn a_record_says_what_brought_whom_through_which_network() {
    let forebay = &record(&open_config(), json!({}), page_view(json!({})))["forebay"];
    assert_eq!(forebay["geo"]["source"], "request");
    assert_eq!(forebay["geo"]["city"], "Lund");
    assert_eq!(
        forebay["network"],
        json!({ "asn": 3301, "organization": "Telia" })
    );
    let bot = json!({ "name": "Googlebot", "category": "Search Engine Crawler", "verified": true });
    assert_eq!(forebay["bot"], bot);
    assert_eq!(forebay["device_category"], "bot");
    let campaign = json!({ "source": "news", "click_id_type": "gclid", "click_id": "Cj0K" });
    assert_eq!(forebay["campaign"], campaign);
    assert_eq!(forebay["referrer"], Value::Null);
    let seen = page_view(json!({
        "url": "https://shop.example/a?utm_campaign=spring",
        "referrer": "https://search.example/q?text=x",
    }));
    let forebay = &record(&open_config(), json!({}), seen)["forebay"];
    assert_eq!(forebay["campaign"], json!({ "name": "spring" }));
    assert_eq!(forebay["referrer"], json!({ "host": "search.example" }));
}

#[test]
fn what_a_sender_states_of_its_place_wins_as_a_whole() {
    let endpoint =
        json!({ "Location": { "Country": "KE" }, "Demographic": { "Timezone": "Africa/Nairobi" } });
    let geo = &record(&open_config(), endpoint, page_view(json!({})))["forebay"]["geo"];
    let expected = json!({ "source": "stated", "country": "KE", "timezone": "Africa/Nairobi" });
    assert_eq!(*geo, expected);
}

#[test]
fn each_enrichment_can_be_switched_off() {
    let all = record(&open_config(), json!({}), page_view(json!({})));
    type Switch = fn(&mut Enrichment);
    let switches: [(Switch, &str); 5] = [
        (|added| added.device = false, "/forebay/device_category"),
        (|added| added.place = false, "/forebay/geo/city"),
        (|added| added.network = false, "/forebay/network"),
        (|added| added.bot = false, "/forebay/bot"),
        (|added| added.campaign = false, "/forebay/campaign"),
    ];
    for (index, (switch_off, pointer)) in switches.iter().enumerate() {
        let mut config = open_config();
        switch_off(&mut config.enrichment);
        let record = record(&config, json!({}), page_view(json!({})));
        assert_eq!(record.pointer(pointer), None, "{pointer}");
        assert!(all.pointer(pointer).is_some(), "{pointer}");
        // A switch is of its own enrichment alone.
        for (other, (_, pointer)) in switches.iter().enumerate() {
            assert!(
                other == index || record.pointer(pointer).is_some(),
                "{pointer}"
            );
        }
    }
}

/// A server speaks for others: where it stands, on what machine and by what program it sends is not
/// theirs.
#[test]
fn a_request_of_a_server_says_nothing_of_its_users() {
    let mut config = open_config();
    config.server_keys = crate::identity::server_key::tests::keys(&["*"]);
    let keys = sigv4::Credentials {
        access_key_id: ACCESS_KEY_ID,
        secret_access_key: SECRET_ACCESS_KEY,
        session_token: None,
    };
    let body = batch(json!({ "k": {
        "EventType": "pageView",
        "Timestamp": Timestamp(ARRIVAL.0 - 1_000).to_iso8601(),
    } }));
    let mut head = signed_with(&keys, "POST", EVENTS, &body, ARRIVAL);
    let headers = HEADERS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    head.headers.extend(headers);
    head.cf = serde_json::from_str(CF).unwrap();
    let (_, _, calls) = serve(&head, &config, &body, all_stored);
    let record = &stored(&calls)[0];
    assert_eq!(record["device"], json!({ "platform": {} }));
    let forebay = record["forebay"].as_object().unwrap();
    assert_eq!(forebay["geo"], json!({}));
    assert_eq!(forebay["browser"], json!({}));
    for name in ["network", "bot", "campaign", "referrer", "device_category"] {
        assert!(!forebay.contains_key(name), "{name}");
    }
}

/// What a bot sends is dropped only where a filter asks for that.
#[test]
fn bots_are_dropped_where_a_filter_asks_for_it() {
    let filter = json!({ "forebay": { "bot": { "category": [{ "exists": false }] } } });
    let filter = Pattern::parse(&filter.to_string()).unwrap();
    let takes = |config: &Config| {
        let record = record(config, json!({}), page_view(json!({})));
        let record = record.to_string();
        let limits = forebay_core::json::Limits {
            depth: 32,
            values: 1_000,
        };
        filter.matches(&forebay_core::json::Value::parse(record.as_bytes(), limits).unwrap())
    };
    let mut config = open_config();
    assert!(!takes(&config));
    config.enrichment.bot = false;
    assert!(takes(&config));
}

/// Every header that some platform or proxy puts an address into, and every member of what
/// Cloudflare says.
#[test]
fn no_address_of_a_visitor_leaves_the_worker() {
    const ADDRESSES: [&str; 4] = [
        "203.0.113.77",
        "2001:db8:77::1",
        "2001:db8:77:",
        "203.0.113",
    ];
    let mut config = open_config();
    config.rate_limits = serde_json::from_value(json!({
        "events_per_network": { "requests": 3, "seconds": 60 },
        "identity_pool_per_network": { "requests": 1, "seconds": 60 },
    }))
    .unwrap();
    let isolate = new_isolate();
    let event = |name: &str| json!({ "EventType": name, "Timestamp": Timestamp(ARRIVAL.0 - 1_000).to_iso8601() });
    let events = batch(json!({ "good": event("pageView"), "bad": event("unknown"), "worse": 1 }));
    let get_id = json!({ "IdentityPoolId": config.apps[0].identity_pool_id });
    let get_id = get_id.to_string().into_bytes();
    let endpoint = "/v1/apps/app-1/endpoints/e";
    let mut pool = head(
        "POST",
        "/",
        &[("x-amz-target", "AWSCognitoIdentityService.GetId")],
    );
    pool.query = "x=1".into();
    let requests = [
        (
            signed(&config, "POST", EVENTS, &events, ARRIVAL),
            &events[..],
        ),
        (signed(&config, "POST", EVENTS, b"other", ARRIVAL), &events),
        (signed(&config, "PUT", endpoint, b"{}", ARRIVAL), b"{}"),
        (signed(&config, "POST", EVENTS, &events, ARRIVAL), &events),
        (pool.clone(), &get_id),
        (pool, &get_id),
        (head("GET", "/healthz", &[]), b""),
        (head("GET", "/nowhere", &[]), b""),
    ];
    let mut statuses = Vec::new();
    for (mut head, body) in requests {
        for address in ["203.0.113.77", "2001:db8:77::1"] {
            for name in [
                "cf-connecting-ip",
                "cf-connecting-ipv6",
                "cf-pseudo-ipv4",
                "true-client-ip",
                "x-real-ip",
                "x-forwarded-for",
                "x-client-ip",
                "fastly-client-ip",
                "forwarded",
                "via",
            ] {
                head.headers
                    .push((name.into(), format!("for={address}, {address}")));
                head.headers.insert(0, (name.into(), address.into()));
            }
        }
        head.cf = serde_json::from_str(
            r#"{"country":"SE","clientIp":"203.0.113.77","ip":"2001:db8:77::1","asn":3301}"#,
        )
        .unwrap();
        let (answer, line, calls) = serve_with(&isolate, &head, &config, body, all_stored);
        statuses.push(answer.status);
        let mut outputs = vec![line, answer.body.clone(), format!("{:?}", answer.headers)];
        for call in &calls {
            outputs.extend(sent_records(call));
            outputs.push(format!("{call:?}"));
        }
        for output in outputs {
            for address in ADDRESSES {
                assert!(!output.contains(address), "{output}");
            }
        }
    }
    assert_eq!(statuses, [202, 403, 202, 429, 200, 429, 200, 404]);
    let metrics = isolate.metrics.borrow().encode(&config, &isolate.budget);
    assert!(!metrics.is_empty() && ADDRESSES.iter().all(|address| !metrics.contains(address)));
}
