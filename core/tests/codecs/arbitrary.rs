//! Strategies for everything that goes over the wire.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::RangeInclusive;

use forebay_core::event::{
    CHANNEL_TYPES, Demographic, Endpoint, Event, Location, Map, Session, Text, User,
};
use forebay_core::json::{Number, Value};
use forebay_core::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::string::string_regex;

/// Up to `max` characters: plain ones, what JSON escapes, control characters, all of Unicode.
pub fn text(max: usize) -> BoxedStrategy<Text<'static>> {
    text_of(0..=max).boxed()
}

/// A text of some number of characters.
pub fn text_of(chars: RangeInclusive<usize>) -> BoxedStrategy<Text<'static>> {
    let plain = string_regex(&format!("[a-z]{{{},{}}}", chars.start(), chars.end())).unwrap();
    let character = prop_oneof![
        prop::sample::select(vec![
            'a', '"', '\\', '/', '\n', '\u{0}', '\u{1f}', '\u{7f}', '\u{2028}', 'é', '😀',
        ]),
        any::<char>(),
    ];
    let any = vec(character, chars).prop_map(|chars| chars.into_iter().collect());
    prop_oneof![3 => plain, 1 => any]
        .prop_map(Cow::Owned)
        .boxed()
}

/// A map of up to `max` names.
pub fn map<V: std::fmt::Debug + 'static>(
    max: usize,
    value: impl Strategy<Value = V> + 'static,
) -> BoxedStrategy<Map<'static, V>> {
    vec((text(50), value), 0..=max)
        .prop_map(|mut members| {
            let mut names = HashSet::new();
            members.retain(|(name, _)| names.insert(name.clone()));
            members
        })
        .boxed()
}

/// Any text of JSON number syntax.
pub fn number_text() -> BoxedStrategy<String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter_map("finite", Number::from_f64)
            .prop_map(|number| number.as_text().to_owned()),
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?",
    ]
    .boxed()
}

/// A number.
pub fn number() -> BoxedStrategy<Number<'static>> {
    number_text()
        .prop_filter_map("is JSON", |text| Number::from_text(Cow::Owned(text)))
        .boxed()
}

/// A number in the range of doubles.
pub fn double() -> BoxedStrategy<Number<'static>> {
    number()
        .prop_filter("in range", |number| number.to_f64().is_finite())
        .boxed()
}

/// Any point in time at all.
pub fn timestamp() -> BoxedStrategy<Timestamp> {
    prop_oneof![4 => 0..4_102_444_800_000i64, 1 => any::<i64>()]
        .prop_map(Timestamp)
        .boxed()
}

/// A JSON value, nested up to four deep.
pub fn value() -> BoxedStrategy<Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text(8).prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 64, 24, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::Array),
            map(24, inner).prop_map(Value::Object),
        ]
    })
    .boxed()
}

/// An event within Pinpoint's limits.
pub fn event() -> BoxedStrategy<Event<'static>> {
    let application = (
        option::of(text(12)),
        option::of(text(12)),
        option::of(text(12)),
        option::of(text(12)),
        option::of(text(12)),
    );
    (
        text(20),
        timestamp(),
        application,
        map(20, text(200)),
        map(20, double()),
        option::of(session()),
    )
        .prop_map(
            |(event_type, timestamp, application, attributes, metrics, session)| Event {
                event_type,
                timestamp,
                app_package_name: application.0,
                app_title: application.1,
                app_version_code: application.2,
                client_sdk_version: application.3,
                sdk_name: application.4,
                attributes,
                metrics,
                session,
            },
        )
        .boxed()
}

fn session() -> BoxedStrategy<Session<'static>> {
    (
        text(36),
        timestamp(),
        option::of(timestamp()),
        option::of(any::<i64>()),
    )
        .prop_map(|(id, start_timestamp, stop_timestamp, duration)| Session {
            id,
            start_timestamp,
            stop_timestamp,
            duration,
        })
        .boxed()
}

/// An endpoint within Pinpoint's limits.
pub fn endpoint() -> BoxedStrategy<Endpoint<'static>> {
    let texts = (
        option::of(text(20)),
        option::of(prop::sample::select(CHANNEL_TYPES.to_vec()).prop_map(Cow::Borrowed)),
        option::of(text(20)),
        option::of(prop::sample::select(vec!["ACTIVE", "INACTIVE"]).prop_map(Cow::Borrowed)),
        option::of(prop::sample::select(vec!["ALL", "NONE"]).prop_map(Cow::Borrowed)),
        option::of(text(20)),
    );
    (
        texts,
        map(4, vec(text(100), 0..4)),
        map(4, double()),
        option::of(demographic()),
        option::of(location()),
        option::of(user()),
    )
        .prop_map(
            |(texts, attributes, metrics, demographic, location, user)| Endpoint {
                address: texts.0,
                channel_type: texts.1,
                effective_date: texts.2,
                endpoint_status: texts.3,
                opt_out: texts.4,
                request_id: texts.5,
                attributes,
                metrics,
                demographic,
                location,
                user,
            },
        )
        .boxed()
}

fn demographic() -> BoxedStrategy<Demographic<'static>> {
    prop::array::uniform8(option::of(text(12)))
        .prop_map(
            |[
                app_version,
                locale,
                make,
                model,
                model_version,
                platform,
                platform_version,
                timezone,
            ]| {
                Demographic {
                    app_version,
                    locale,
                    make,
                    model,
                    model_version,
                    platform,
                    platform_version,
                    timezone,
                }
            },
        )
        .boxed()
}

fn location() -> BoxedStrategy<Location<'static>> {
    let texts = prop::array::uniform4(option::of(text(12)));
    (texts, option::of(double()), option::of(double()))
        .prop_map(
            |([city, country, postal_code, region], latitude, longitude)| Location {
                city,
                country,
                postal_code,
                region,
                latitude,
                longitude,
            },
        )
        .boxed()
}

fn user() -> BoxedStrategy<User<'static>> {
    (option::of(text(20)), map(4, vec(text(100), 0..4)))
        .prop_map(|(user_id, user_attributes)| User {
            user_id,
            user_attributes,
        })
        .boxed()
}
