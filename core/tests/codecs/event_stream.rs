use forebay_core::event::Endpoint;
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{
    Application, Bot, Campaign, Client, Device, Forebay, Geo, Network, Record, Session,
};
use proptest::option;
use proptest::prelude::*;

use crate::arbitrary;

fn application() -> BoxedStrategy<Application<'static>> {
    let texts = prop::array::uniform7(option::of(arbitrary::text(12)));
    (arbitrary::text(32), texts)
        .prop_map(
            |(
                app_id,
                [
                    cognito_identity_pool_id,
                    package_name,
                    sdk_name,
                    sdk_version,
                    title,
                    version_name,
                    version_code,
                ],
            )| Application {
                app_id,
                cognito_identity_pool_id,
                package_name,
                sdk_name,
                sdk_version,
                title,
                version_name,
                version_code,
            },
        )
        .boxed()
}

fn device() -> BoxedStrategy<Device<'static>> {
    prop::array::uniform5(option::of(arbitrary::text(12)))
        .prop_map(
            |[locale, make, model, platform_name, platform_version]| Device {
                locale,
                make,
                model,
                platform_name,
                platform_version,
            },
        )
        .boxed()
}

fn session() -> BoxedStrategy<Session<'static>> {
    (
        arbitrary::text(36),
        option::of(arbitrary::timestamp()),
        option::of(arbitrary::timestamp()),
    )
        .prop_map(|(session_id, start_timestamp, stop_timestamp)| Session {
            session_id,
            start_timestamp,
            stop_timestamp,
        })
        .boxed()
}

fn geo() -> BoxedStrategy<Geo<'static>> {
    (
        prop::array::uniform8(option::of(arbitrary::text(12))),
        option::of(arbitrary::number()),
        option::of(arbitrary::number()),
    )
        .prop_map(
            |(
                [
                    source,
                    country,
                    continent,
                    region,
                    region_code,
                    city,
                    postal_code,
                    timezone,
                ],
                latitude,
                longitude,
            )| Geo {
                source,
                country,
                continent,
                region,
                region_code,
                city,
                postal_code,
                timezone,
                latitude,
                longitude,
            },
        )
        .boxed()
}

fn campaign() -> BoxedStrategy<Campaign<'static>> {
    prop::array::uniform8(option::of(arbitrary::text(12)))
        .prop_map(
            |[
                source,
                medium,
                name,
                term,
                content,
                id,
                click_id_type,
                click_id,
            ]| Campaign {
                source,
                medium,
                name,
                term,
                content,
                id,
                click_id_type,
                click_id,
            },
        )
        .boxed()
}

fn forebay() -> BoxedStrategy<Forebay<'static>> {
    let text = || option::of(arbitrary::text(12));
    let network = (option::of(any::<u32>()), text());
    let bot = (text(), arbitrary::text(12), any::<bool>());
    (
        (arbitrary::text(36), any::<u32>(), arbitrary::text(15)),
        (
            option::of(arbitrary::timestamp()),
            option::of(-9_000_000_000_000_i64..9_000_000_000_000),
        ),
        geo(),
        (campaign(), text()),
        network.prop_map(|(asn, organization)| Network { asn, organization }),
        option::of(bot.prop_map(|(name, category, is_verified)| Bot {
            name,
            category,
            is_verified,
        })),
        prop::array::uniform3(text()),
    )
        .prop_map(
            |(
                (event_id, schema_version, amr),
                (original_event_timestamp, clock_offset),
                geo,
                (campaign, referrer_host),
                network,
                bot,
                [browser_name, browser_version, device_category],
            )| Forebay {
                event_id,
                schema_version,
                original_event_timestamp,
                clock_offset,
                campaign,
                referrer_host,
                amr,
                geo,
                network,
                bot,
                browser_name,
                browser_version,
                device_category,
            },
        )
        .boxed()
}

pub fn record() -> BoxedStrategy<Record<'static>> {
    (
        (
            arbitrary::text(20),
            arbitrary::timestamp(),
            arbitrary::timestamp(),
        ),
        application(),
        (arbitrary::text(36), option::of(arbitrary::text(46))),
        device(),
        option::of(session()),
        arbitrary::map(8, arbitrary::text(200)),
        arbitrary::map(8, arbitrary::number()),
        (arbitrary::endpoint(), option::of(arbitrary::timestamp())),
        option::of(arbitrary::text(12)),
        option::of(forebay()),
    )
        .prop_map(
            |(
                (event_type, event_timestamp, arrival_timestamp),
                application,
                (client_id, cognito_id),
                device,
                session,
                attributes,
                metrics,
                (endpoint, effective_date),
                aws_account_id,
                forebay,
            )| Record {
                event_type,
                event_timestamp,
                arrival_timestamp,
                application,
                client: Client {
                    client_id,
                    cognito_id,
                },
                device,
                session,
                attributes,
                metrics,
                endpoint: Endpoint {
                    effective_date: effective_date.map(|date| date.to_iso8601().into()),
                    ..endpoint
                },
                aws_account_id,
                forebay,
            },
        )
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_record_survives_its_text(record in record()) {
        let text = record.encode();
        prop_assert_eq!(text.find('\n'), Some(text.len() - 1));
        let effective_date = record
            .endpoint
            .effective_date
            .clone()
            .unwrap_or_else(|| record.arrival_timestamp.to_iso8601().into());
        let expected = Record {
            endpoint: Endpoint { effective_date: Some(effective_date), ..record.endpoint.clone() },
            ..record
        };
        prop_assert_eq!(Record::decode(text.as_bytes()), Ok(expected));
    }

    /// The date that the sender gave is written in the one form that consumers parse, or not at all.
    #[test]
    fn the_effective_date_is_always_in_one_form(
        record in record(),
        given in prop_oneof![
            Just("2019-11-27T12:06:08Z".to_owned()),
            Just("2019-11-27T13:06:08.0000+01:00".to_owned()),
            Just("yesterday".to_owned()),
            any::<String>(),
        ],
    ) {
        let read = Timestamp::parse_iso8601(&given);
        let expected = read.unwrap_or(record.arrival_timestamp).to_iso8601();
        let endpoint = Endpoint { effective_date: Some(given.into()), ..record.endpoint.clone() };
        let text = Record { endpoint, ..record }.encode();
        let written = Record::decode(text.as_bytes()).unwrap().endpoint.effective_date;
        prop_assert_eq!(written.as_deref(), Some(expected.as_str()));
    }
}
