//! `forebay`: the member of a record with what Pinpoint's records have no place for.

use alloc::string::String;

use super::write_timestamp;
use crate::event::Text;
use crate::json::{Number, Value, Writer};
use crate::time::Timestamp;
use crate::wire::decode::Node;
use crate::wire::encode::{optional_number, optional_text};

/// `forebay`: what Pinpoint's records have no place for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forebay<'a> {
    /// The event's id: the same however often the event is sent or delivered.
    pub event_id: Text<'a>,
    /// `x-version` of the schema that the worker validated against.
    pub schema_version: u32,
    /// `event_timestamp` as the sender gave it, where it was corrected.
    pub original_event_timestamp: Option<Timestamp>,
    /// The clock offset that the sender says it has added to all its times, in milliseconds, to bring them to
    /// the worker's clock.
    pub clock_offset: Option<i64>,
    /// The campaign that led to the page.
    pub campaign: Campaign<'a>,
    /// `referrer.host`: the other site that led to the page.
    pub referrer_host: Option<Text<'a>>,
    /// How the sender proved itself: `unauthenticated` for a guest, `authenticated` by a login,
    /// `server` with a server key.
    pub amr: Text<'a>,
    /// Where the event came from.
    pub geo: Geo<'a>,
    /// Whose network the request came through.
    pub network: Network<'a>,
    /// The bot that sent it; `None` where the sender is not known to be a bot.
    pub bot: Option<Bot<'a>>,
    /// Browser name, e.g. `Chrome`.
    pub browser_name: Option<Text<'a>>,
    /// Browser version, e.g. `142.0`.
    pub browser_version: Option<Text<'a>>,
    /// `desktop`, `mobile`, `tablet`, `bot`, ...
    pub device_category: Option<Text<'a>>,
}

/// `forebay.campaign`: the campaign that an address names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Campaign<'a> {
    /// `utm_source`
    pub source: Option<Text<'a>>,
    /// `utm_medium`
    pub medium: Option<Text<'a>>,
    /// `utm_campaign`
    pub name: Option<Text<'a>>,
    /// `utm_term`
    pub term: Option<Text<'a>>,
    /// `utm_content`
    pub content: Option<Text<'a>>,
    /// `utm_id`
    pub id: Option<Text<'a>>,
    /// The parameter that holds an ad network's id of the click, e.g. `gclid`.
    pub click_id_type: Option<Text<'a>>,
    /// The id of the click.
    pub click_id: Option<Text<'a>>,
}

/// `forebay.network`, from the edge platform.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network<'a> {
    /// The number of the autonomous system.
    pub asn: Option<u32>,
    /// The organization that runs it.
    pub organization: Option<Text<'a>>,
}

/// `forebay.bot`
#[derive(Debug, Clone, PartialEq)]
pub struct Bot<'a> {
    /// Its name in the user agent, e.g. `Googlebot`.
    pub name: Option<Text<'a>>,
    /// E.g. `Search Engine Crawler`.
    pub category: Text<'a>,
    /// `verified`: whether the edge platform has verified the bot; else only the user agent says so.
    pub is_verified: bool,
}

/// `forebay.geo`: a place, of one source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Geo<'a> {
    /// Where all of it is from: `stated` by the sender, or the `request`; `None` where no place is
    /// known, and in records of earlier versions.
    pub source: Option<Text<'a>>,
    /// ISO 3166-1 alpha-2, e.g. `SE`.
    pub country: Option<Text<'a>>,
    /// Two letters, e.g. `EU`.
    pub continent: Option<Text<'a>>,
    /// Name of the first-level region.
    pub region: Option<Text<'a>>,
    /// ISO 3166-2 code of the first-level region, without the country.
    pub region_code: Option<Text<'a>>,
    /// City name.
    pub city: Option<Text<'a>>,
    /// Postal code.
    pub postal_code: Option<Text<'a>>,
    /// IANA name, e.g. `Europe/Stockholm`.
    pub timezone: Option<Text<'a>>,
    /// Degrees north.
    pub latitude: Option<Number<'a>>,
    /// Degrees east.
    pub longitude: Option<Number<'a>>,
}

impl<'a> Forebay<'a> {
    pub(super) fn write(&self, writer: &mut Writer, shared: &str) {
        writer
            .begin_object()
            .name("event_id")
            .string(&self.event_id);
        let schema_version = i64::from(self.schema_version);
        writer.name("schema_version").integer(schema_version);
        let original = self.original_event_timestamp;
        write_timestamp(writer, "original_event_timestamp", original);
        if let Some(offset) = self.clock_offset {
            writer.name("clock_offset").integer(offset);
        }
        if self.campaign != Campaign::default() {
            self.campaign.write(writer.name("campaign"));
        }
        if let Some(host) = &self.referrer_host {
            let referrer = writer.name("referrer").begin_object();
            referrer.name("host").string(host).end_object();
        }
        writer.raw(shared).end_object();
    }

    /// Encodes the members of `forebay` that all events of a batch share: `amr` and those behind it.
    pub(super) fn encode_shared(&self) -> String {
        let mut writer = Writer::new();
        writer.name("amr").string(&self.amr);
        self.geo.write(writer.name("geo"));
        writer.name("browser").begin_object();
        optional_text(&mut writer, "name", self.browser_name.as_deref());
        optional_text(&mut writer, "version", self.browser_version.as_deref());
        writer.end_object();
        let category = self.device_category.as_deref();
        optional_text(&mut writer, "device_category", category);
        if self.network != Network::default() {
            self.network.write(writer.name("network"));
        }
        if let Some(bot) = &self.bot {
            bot.write(writer.name("bot"));
        }
        writer.finish()
    }

    pub(super) fn read(node: &Node<'_, 'a>) -> Forebay<'a> {
        let browser = node.member("browser");
        Forebay {
            event_id: node.member("event_id").text(),
            schema_version: node
                .member("schema_version")
                .integer("expected a whole number from 0 to 4294967295"),
            original_event_timestamp: node
                .member("original_event_timestamp")
                .optional(|node| node.epoch_millis()),
            clock_offset: node
                .member("clock_offset")
                .optional(|node| node.integer("expected whole milliseconds")),
            campaign: Campaign::read(&node.member("campaign")),
            referrer_host: node.member("referrer").member("host").optional_text(),
            amr: node.member("amr").text(),
            geo: Geo::read(&node.member("geo")),
            network: Network::read(&node.member("network")),
            bot: node.member("bot").optional(Bot::read),
            browser_name: browser.member("name").optional_text(),
            browser_version: browser.member("version").optional_text(),
            device_category: node.member("device_category").optional_text(),
        }
    }
}

impl<'a> Campaign<'a> {
    fn write(&self, writer: &mut Writer) {
        let texts = [
            ("source", &self.source),
            ("medium", &self.medium),
            ("name", &self.name),
            ("term", &self.term),
            ("content", &self.content),
            ("id", &self.id),
            ("click_id_type", &self.click_id_type),
            ("click_id", &self.click_id),
        ];
        writer.begin_object();
        for (name, text) in texts {
            optional_text(writer, name, text.as_deref());
        }
        writer.end_object();
    }

    fn read(node: &Node<'_, 'a>) -> Campaign<'a> {
        Campaign {
            source: node.member("source").optional_text(),
            medium: node.member("medium").optional_text(),
            name: node.member("name").optional_text(),
            term: node.member("term").optional_text(),
            content: node.member("content").optional_text(),
            id: node.member("id").optional_text(),
            click_id_type: node.member("click_id_type").optional_text(),
            click_id: node.member("click_id").optional_text(),
        }
    }
}

impl<'a> Network<'a> {
    fn write(&self, writer: &mut Writer) {
        writer.begin_object();
        if let Some(asn) = self.asn {
            writer.name("asn").integer(i64::from(asn));
        }
        optional_text(writer, "organization", self.organization.as_deref());
        writer.end_object();
    }

    fn read(node: &Node<'_, 'a>) -> Network<'a> {
        Network {
            asn: node
                .member("asn")
                .optional(|node| node.integer("expected a whole number from 0 to 4294967295")),
            organization: node.member("organization").optional_text(),
        }
    }
}

impl<'a> Bot<'a> {
    fn write(&self, writer: &mut Writer) {
        writer.begin_object();
        optional_text(writer, "name", self.name.as_deref());
        writer.name("category").string(&self.category);
        writer.name("verified").boolean(self.is_verified);
        writer.end_object();
    }

    fn read(node: &Node<'_, 'a>) -> Bot<'a> {
        Bot {
            name: node.member("name").optional_text(),
            category: node.member("category").text(),
            is_verified: matches!(node.member("verified").value(), Value::Bool(true)),
        }
    }
}

impl<'a> Geo<'a> {
    fn write(&self, writer: &mut Writer) {
        let texts = [
            ("source", &self.source),
            ("country", &self.country),
            ("continent", &self.continent),
            ("region", &self.region),
            ("region_code", &self.region_code),
            ("city", &self.city),
            ("postal_code", &self.postal_code),
            ("timezone", &self.timezone),
        ];
        writer.begin_object();
        for (name, text) in texts {
            optional_text(writer, name, text.as_deref());
        }
        optional_number(writer, "latitude", self.latitude.as_ref());
        optional_number(writer, "longitude", self.longitude.as_ref());
        writer.end_object();
    }

    fn read(node: &Node<'_, 'a>) -> Geo<'a> {
        Geo {
            source: node.member("source").optional_text(),
            country: node.member("country").optional_text(),
            continent: node.member("continent").optional_text(),
            region: node.member("region").optional_text(),
            region_code: node.member("region_code").optional_text(),
            city: node.member("city").optional_text(),
            postal_code: node.member("postal_code").optional_text(),
            timezone: node.member("timezone").optional_text(),
            latitude: node.member("latitude").optional(|node| node.number()),
            longitude: node.member("longitude").optional(|node| node.number()),
        }
    }
}
