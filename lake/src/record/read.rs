//! A record read without a tree of its JSON: in one pass, borrowing every text from it.
//!
//! `core` says what a record is. This reader takes the records that producers write in fact, and leaves all
//! others to `core`: those with mistakes, with escapes in a text, with a name that is repeated, with numbers in
//! unusual forms. So it knows no errors, and what it takes is what `core` would have made of it, without what nothing
//! is made of: the maps of the endpoint of an event. A property test holds it to that.

use forebay_core::event::{Demographic, Endpoint, Location, User};
use forebay_core::wire::event_stream::{
    Application, Bot, Campaign, Client, Device, Forebay, Geo, Network, Record, Session,
};
use forebay_core::wire::update_endpoint::EVENT_TYPE;

use super::json::{Reader, members};

/// The record in these bytes; `None` where `core` must look.
pub(super) fn read(data: &[u8]) -> Option<Box<Record<'_>>> {
    let mut reader = Reader::new(std::str::from_utf8(data).ok()?);
    let record = reader.record()?;
    reader.is_at_end().then_some(record)
}

/// The members of a record.
impl<'a> Reader<'a> {
    fn record(&mut self) -> Option<Box<Record<'a>>> {
        let (mut event_type, mut happened, mut arrived) = (None, None, None);
        let (mut application, mut client, mut device) = (None, None, Device::default());
        let (mut session, mut endpoint, mut forebay) = (None, None, None);
        let (mut attributes, mut metrics, mut aws_account_id) = (Vec::new(), Vec::new(), None);
        self.value()?;
        members!(self, {
            "event_type" => event_type = Some(self.string()?),
            "event_timestamp" => happened = Some(self.timestamp()?),
            "arrival_timestamp" => arrived = Some(self.timestamp()?),
            "application" => application = Some(self.application()?),
            "client" => client = Some(self.client()?),
            "device" => device = self.device()?,
            "session" => session = self.session()?,
            "attributes" => attributes = self.map(true, Reader::string)?,
            "metrics" => metrics = self.map(true, Reader::number)?,
            "endpoint" => {
                // The maps of an endpoint have no columns in other tables.
                let is_update = event_type.as_deref().is_none_or(|name| name == EVENT_TYPE);
                endpoint = Some(self.endpoint(is_update)?);
            },
            "awsAccountId" => aws_account_id = self.text()?,
            "forebay" => forebay = Some(self.forebay()?),
        });
        Some(Box::new(Record {
            event_type: event_type?,
            event_timestamp: happened?,
            arrival_timestamp: arrived?,
            application: application?,
            client: client?,
            device,
            session,
            attributes,
            metrics,
            endpoint: endpoint.unwrap_or_default(),
            aws_account_id,
            forebay,
        }))
    }

    fn application(&mut self) -> Option<Application<'a>> {
        let mut application = Application::default();
        let mut app_id = None;
        self.value()?;
        members!(self, {
            "app_id" => app_id = Some(self.string()?),
            "cognito_identity_pool_id" => application.cognito_identity_pool_id = self.text()?,
            "package_name" => application.package_name = self.text()?,
            "sdk" => {
                self.value()?;
                members!(self, {
                    "name" => application.sdk_name = self.text()?,
                    "version" => application.sdk_version = self.text()?,
                });
            },
            "title" => application.title = self.text()?,
            "version_name" => application.version_name = self.text()?,
            "version_code" => application.version_code = self.text()?,
        });
        application.app_id = app_id?;
        Some(application)
    }

    fn client(&mut self) -> Option<Client<'a>> {
        let (mut client_id, mut cognito_id) = (None, None);
        self.value()?;
        members!(self, {
            "client_id" => client_id = Some(self.string()?),
            "cognito_id" => cognito_id = self.text()?,
        });
        Some(Client {
            client_id: client_id?,
            cognito_id,
        })
    }

    fn device(&mut self) -> Option<Device<'a>> {
        let mut device = Device::default();
        self.value()?;
        members!(self, {
            "locale" => {
                self.value()?;
                members!(self, { "code" => device.locale = self.text()?, });
            },
            "make" => device.make = self.text()?,
            "model" => device.model = self.text()?,
            "platform" => {
                self.value()?;
                members!(self, {
                    "name" => device.platform_name = self.text()?,
                    "version" => device.platform_version = self.text()?,
                });
            },
        });
        Some(device)
    }

    /// `None` inside for one without an id.
    fn session(&mut self) -> Option<Option<Session<'a>>> {
        let (mut session_id, mut start, mut stop) = (None, None, None);
        self.value()?;
        members!(self, {
            "session_id" => session_id = self.text()?,
            "start_timestamp" => start = Some(self.timestamp()?),
            "stop_timestamp" => stop = Some(self.timestamp()?),
        });
        Some(session_id.map(|session_id| Session {
            session_id,
            start_timestamp: start,
            stop_timestamp: stop,
        }))
    }

    fn endpoint(&mut self, has_maps: bool) -> Option<Endpoint<'a>> {
        let mut endpoint = Endpoint::default();
        self.value()?;
        members!(self, {
            "Address" => endpoint.address = self.text()?,
            "ChannelType" => endpoint.channel_type = self.text()?,
            "EffectiveDate" => endpoint.effective_date = self.text()?,
            "EndpointStatus" => endpoint.endpoint_status = self.text()?,
            "OptOut" => endpoint.opt_out = self.text()?,
            "RequestId" => endpoint.request_id = self.text()?,
            "Attributes" => endpoint.attributes = self.map(has_maps, |reader| reader.strings(has_maps))?,
            "Metrics" => endpoint.metrics = self.map(has_maps, Reader::number)?,
            "Demographic" => endpoint.demographic = Some(self.demographic()?),
            "Location" => endpoint.location = Some(self.location()?),
            "User" => endpoint.user = Some(self.user(has_maps)?),
        });
        Some(endpoint)
    }

    fn demographic(&mut self) -> Option<Demographic<'a>> {
        let mut demographic = Demographic::default();
        self.value()?;
        members!(self, {
            "AppVersion" => demographic.app_version = self.text()?,
            "Locale" => demographic.locale = self.text()?,
            "Make" => demographic.make = self.text()?,
            "Model" => demographic.model = self.text()?,
            "ModelVersion" => demographic.model_version = self.text()?,
            "Platform" => demographic.platform = self.text()?,
            "PlatformVersion" => demographic.platform_version = self.text()?,
            "Timezone" => demographic.timezone = self.text()?,
        });
        Some(demographic)
    }

    fn location(&mut self) -> Option<Location<'a>> {
        let mut location = Location::default();
        self.value()?;
        members!(self, {
            "City" => location.city = self.text()?,
            "Country" => location.country = self.text()?,
            "PostalCode" => location.postal_code = self.text()?,
            "Region" => location.region = self.text()?,
            "Latitude" => location.latitude = Some(self.number()?),
            "Longitude" => location.longitude = Some(self.number()?),
        });
        Some(location)
    }

    fn user(&mut self, has_maps: bool) -> Option<User<'a>> {
        let mut user = User::default();
        self.value()?;
        members!(self, {
            "UserId" => user.user_id = self.text()?,
            "UserAttributes" => user.user_attributes = self.map(has_maps, |reader| reader.strings(has_maps))?,
        });
        Some(user)
    }

    fn forebay(&mut self) -> Option<Forebay<'a>> {
        let mut forebay = Forebay::default();
        let (mut event_id, mut schema_version, mut amr) = (None, None, None);
        self.value()?;
        members!(self, {
            "event_id" => event_id = Some(self.string()?),
            "schema_version" => schema_version = Some(u32::try_from(self.integer()?).ok()?),
            "original_event_timestamp" => {
                forebay.original_event_timestamp = Some(self.timestamp()?);
            },
            "clock_offset" => forebay.clock_offset = Some(self.integer()?),
            "campaign" => forebay.campaign = self.campaign()?,
            "referrer" => {
                self.value()?;
                members!(self, { "host" => forebay.referrer_host = self.text()?, });
            },
            "amr" => amr = Some(self.string()?),
            "geo" => forebay.geo = self.geo()?,
            "network" => forebay.network = self.network()?,
            "bot" => forebay.bot = Some(self.bot()?),
            "browser" => {
                self.value()?;
                members!(self, {
                    "name" => forebay.browser_name = self.text()?,
                    "version" => forebay.browser_version = self.text()?,
                });
            },
            "device_category" => forebay.device_category = self.text()?,
        });
        forebay.event_id = event_id?;
        forebay.schema_version = schema_version?;
        forebay.amr = amr?;
        Some(forebay)
    }

    fn campaign(&mut self) -> Option<Campaign<'a>> {
        let mut campaign = Campaign::default();
        self.value()?;
        members!(self, {
            "source" => campaign.source = self.text()?,
            "medium" => campaign.medium = self.text()?,
            "name" => campaign.name = self.text()?,
            "term" => campaign.term = self.text()?,
            "content" => campaign.content = self.text()?,
            "id" => campaign.id = self.text()?,
            "click_id_type" => campaign.click_id_type = self.text()?,
            "click_id" => campaign.click_id = self.text()?,
        });
        Some(campaign)
    }

    fn geo(&mut self) -> Option<Geo<'a>> {
        let mut geo = Geo::default();
        self.value()?;
        members!(self, {
            "source" => geo.source = self.text()?,
            "country" => geo.country = self.text()?,
            "continent" => geo.continent = self.text()?,
            "region" => geo.region = self.text()?,
            "region_code" => geo.region_code = self.text()?,
            "city" => geo.city = self.text()?,
            "postal_code" => geo.postal_code = self.text()?,
            "timezone" => geo.timezone = self.text()?,
            "latitude" => geo.latitude = Some(self.number()?),
            "longitude" => geo.longitude = Some(self.number()?),
        });
        Some(geo)
    }

    fn network(&mut self) -> Option<Network<'a>> {
        let mut network = Network::default();
        self.value()?;
        members!(self, {
            "asn" => network.asn = Some(u32::try_from(self.integer()?).ok()?),
            "organization" => network.organization = self.text()?,
        });
        Some(network)
    }

    fn bot(&mut self) -> Option<Bot<'a>> {
        let (mut name, mut category, mut is_verified) = (None, None, false);
        self.value()?;
        members!(self, {
            "name" => name = self.text()?,
            "category" => category = Some(self.string()?),
            "verified" => is_verified = self.boolean()?,
        });
        Some(Bot {
            name,
            category: category?,
            is_verified,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record with each member that a record may have.
    const FULL: &str = r#"{"event_type":"SignUpEvent","event_timestamp":1795262400000,
        "arrival_timestamp":1795262400040,"event_version":"3.1",
        "application":{"app_id":"app","cognito_identity_pool_id":"pool","package_name":"p",
          "sdk":{"name":"forebay","version":"0.1.0"},"title":"Title","version_name":null,"version_code":"1"},
        "client":{"client_id":"client","cognito_id":"us-east-1:6"},
        "device":{"locale":{"code":"sv-SE","country":"SE","language":"sv"},"make":"Apple","model":null,
          "platform":{"name":"macos","version":"26.1"}},
        "session":{"session_id":"session","start_timestamp":1795262340000,"stop_timestamp":1795262400000},
        "attributes":{"email":"åsa@example.com","plan":"pro"},"metrics":{"minutes":12.5,"mistakes":-3,"big":1e3},
        "endpoint":{"Address":"a","ChannelType":"EMAIL","EffectiveDate":"2026-11-21T01:02:04.005Z",
          "EndpointStatus":"ACTIVE","OptOut":"NONE","RequestId":"r","Attributes":{"a":["b","c"],"d":[]},
          "Metrics":{"age":42},
          "Demographic":{"AppVersion":"1","Locale":"sv","Make":"m","Model":"o","ModelVersion":"2",
            "Platform":"web","PlatformVersion":"3","Timezone":"Europe/Stockholm"},
          "Location":{"City":"Malmö","Country":"SE","PostalCode":"211 20","Region":"M","Latitude":55.6,
            "Longitude":13},
          "User":{"UserId":"u1","UserAttributes":{"plan":["pro"]}},
          "ApplicationId":"app","Id":"client","CohortId":"13"},
        "awsAccountId":"123456789012","unknown":[1,{"a":[true,false,null,"x"]},{}],
        "forebay":{"event_id":"e1","schema_version":1,"original_event_timestamp":1795262400041,
          "clock_offset":-41,"campaign":{"source":"s","medium":"m","name":"n","term":"t","content":"c","id":"i",
            "click_id_type":"gclid","click_id":"x"},
          "referrer":{"host":"example.org"},"amr":"unauthenticated",
          "geo":{"source":"request","country":"SE","continent":"EU","region":"Skåne","region_code":"M",
            "city":"Malmö","postal_code":"211 20","timezone":"Europe/Stockholm","latitude":55.6,"longitude":13},
          "network":{"asn":1299,"organization":"Arelion"},
          "bot":{"name":"Googlebot","category":"Search","verified":true},
          "browser":{"name":"Chrome","version":"142.0"},"device_category":"desktop"}}
        "#;
    const VALUES: [&str; 22] = [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "5.0",
        "5e0",
        "1e400",
        "01",
        "1.",
        "-",
        "9223372036854775808",
        r#""""#,
        r#""text""#,
        r#""\n""#,
        "\"\u{1}\"",
        "[]",
        "[null]",
        r#"["a"]"#,
        "{}",
        r#"{"a":1,"a":2}"#,
        r#"{"a":null}"#,
    ];

    /// Where the values of the full record begin and end, objects and arrays too.
    fn values() -> Vec<std::ops::Range<usize>> {
        let mut open = Vec::new();
        let mut found = Vec::new();
        let mut in_text = None;
        for (at, byte) in FULL.bytes().enumerate() {
            match (byte, in_text) {
                (b'"', Some(start)) => {
                    in_text = None;
                    found.push(start..at + 1);
                }
                (b'"', None) => in_text = Some(at),
                (b'{' | b'[', None) => open.push(at),
                (b'}' | b']', None) => found.push(open.pop().unwrap()..at + 1),
                _ => {}
            }
        }
        found
    }

    /// Of an event, and of the update of an endpoint.
    fn is_as_core_has_it(text: &[u8]) -> Result<(), TestCaseError> {
        const EVENT: &[u8] = b"SignUpEvent";
        let mut update = text.to_vec();
        if let Some(at) = text.windows(EVENT.len()).position(|word| word == EVENT) {
            update.splice(at..at + EVENT.len(), EVENT_TYPE.bytes());
        }
        for text in [text, &update] {
            if let Some(record) = read(text) {
                prop_assert_eq!(by_core(text), Some(*record));
            }
        }
        Ok(())
    }

    fn by_core(text: &[u8]) -> Option<Record<'_>> {
        let mut record = Record::decode(text).ok()?;
        if record.event_type != EVENT_TYPE {
            record.endpoint.attributes.clear();
            record.endpoint.metrics.clear();
            let user = record.endpoint.user.iter_mut();
            user.for_each(|user| user.user_attributes.clear());
        }
        Some(record)
    }

    #[test]
    fn a_record_as_it_is_written_is_taken() {
        let record = Record::decode(FULL.as_bytes()).unwrap();
        assert_eq!(
            read(FULL.as_bytes()).map(|record| *record),
            by_core(FULL.as_bytes())
        );
        assert!(read(record.encode().as_bytes()).is_some());
        let least = r#"{"event_type":"A","event_timestamp":1,"arrival_timestamp":2,
            "application":{"app_id":"a"},"client":{"client_id":"c"}}"#;
        assert_eq!(
            read(least.as_bytes()).map(|record| *record),
            Record::decode(least.as_bytes()).ok()
        );
        assert!(read(least.as_bytes()).is_some());
    }

    #[test]
    fn what_is_beyond_the_limits_is_left_to_core() {
        let with = |value: &str| FULL.replacen("null", value, 1);
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for (value, text) in [("null", with("null")), ("deep", with(&nested(29)))] {
            assert!(Record::decode(text.as_bytes()).is_err() == (value == "deep"));
        }
        let unknown = |value: &str| FULL.replacen("[1,", &format!("[{value},"), 1);
        for depth in 25..40 {
            let text = unknown(&nested(depth));
            let taken = read(text.as_bytes()).is_some();
            assert_eq!(taken, Record::decode(text.as_bytes()).is_ok(), "{depth}");
        }
        for count in [65_000, 66_000] {
            let text = unknown(&vec!["0"; count].join(","));
            let taken = read(text.as_bytes()).is_some();
            assert_eq!(taken, Record::decode(text.as_bytes()).is_ok(), "{count}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_value_in_place_of_another_is_read_as_core_reads_it(
            places in prop::collection::vec((any::<prop::sample::Index>(), 0..VALUES.len()), 1..3),
        ) {
            let values = values();
            let mut text = FULL.to_owned();
            let mut places: Vec<_> = places.iter().map(|(at, value)| {
                (values[at.index(values.len())].clone(), VALUES[*value])
            }).collect();
            places.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
            let mut from = usize::MAX;
            for (range, value) in places {
                if range.end <= from {
                    text.replace_range(range.clone(), value);
                    from = range.start;
                }
            }
            is_as_core_has_it(text.as_bytes())?;
        }

        #[test]
        fn a_member_that_comes_twice_is_read_as_core_reads_it(
            from: prop::sample::Index, to: prop::sample::Index, value in 0..VALUES.len(), renamed: bool,
        ) {
            let names: Vec<_> = values().into_iter()
                .filter(|range| FULL[range.end..].starts_with(':')).collect();
            let (from, to) = (&names[from.index(names.len())], &names[to.index(names.len())]);
            let mut text = FULL.to_owned();
            match renamed {
                true => text.replace_range(to.clone(), &FULL[from.clone()]),
                false => {
                    text.insert_str(to.start, &format!("{}:{},", &FULL[from.clone()], VALUES[value]));
                }
            }
            is_as_core_has_it(text.as_bytes())?;
        }

        #[test]
        fn any_other_byte_is_read_as_core_reads_it(
            at: prop::sample::Index, byte: u8, cut: bool, inserted: bool,
        ) {
            let mut bytes = FULL.as_bytes().to_vec();
            let at = at.index(bytes.len());
            match (cut, inserted) {
                (true, _) => bytes.truncate(at),
                (_, true) => bytes.insert(at, byte),
                (_, false) => bytes[at] = byte,
            }
            is_as_core_has_it(&bytes)?;
        }

        #[test]
        fn a_text_ends_where_its_bytes_say(text in "[a-z\"\\\\\u{0}-\u{21}é€]{0,24}", rest in ".{0,12}") {
            let data = format!("\"{text}\"{rest}");
            let mut reader = Reader::new(&data);
            let end = data.bytes().skip(1).position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let expected = end.filter(|end| data.as_bytes()[end + 1] == b'"').map(|end| &data[1..=end]);
            prop_assert_eq!(reader.quoted(), expected);
        }
    }
}
