//! The event-stream record: what Pinpoint wrote to Kinesis, one JSON object a record, ending in a
//! newline. What Pinpoint never had stands under one extra key, `forebay`.

mod forebay;

use alloc::string::String;

pub use self::forebay::{Bot, Campaign, Forebay, Geo, Network};
use super::decode::{Node, message};
use super::encode::{number_map, optional_text, text_map};
use super::{DecodeError, endpoint};
use crate::event::{Endpoint, Map, Text};
use crate::json::{Limits, Number, Writer};
use crate::time::Timestamp;

/// `event_version` of every record.
pub const EVENT_VERSION: &str = "3.1";

/// One record.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    missing_docs,
    reason = "the members are the record's own, with the record's names"
)]
pub struct Record<'a> {
    pub event_type: Text<'a>,
    /// When it happened; corrected for the sender's clock where the worker could tell.
    pub event_timestamp: Timestamp,
    /// When the worker received it.
    pub arrival_timestamp: Timestamp,
    pub application: Application<'a>,
    pub client: Client<'a>,
    pub device: Device<'a>,
    pub session: Option<Session<'a>>,
    pub attributes: Map<'a, Text<'a>>,
    pub metrics: Map<'a, Number<'a>>,
    /// Written with `ApplicationId` and `Id` added from `application` and `client`, and with
    /// `EffectiveDate` = arrival where the sender gave none: consumers read it as the time.
    pub endpoint: Endpoint<'a>,
    pub aws_account_id: Option<Text<'a>>,
    /// `None` for records that Pinpoint itself wrote.
    pub forebay: Option<Forebay<'a>>,
}

/// `application`
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(
    missing_docs,
    reason = "the members are the record's own, with the record's names"
)]
pub struct Application<'a> {
    pub app_id: Text<'a>,
    pub cognito_identity_pool_id: Option<Text<'a>>,
    pub package_name: Option<Text<'a>>,
    /// `sdk.name`
    pub sdk_name: Option<Text<'a>>,
    /// `sdk.version`
    pub sdk_version: Option<Text<'a>>,
    pub title: Option<Text<'a>>,
    pub version_name: Option<Text<'a>>,
    pub version_code: Option<Text<'a>>,
}

/// `client`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Client<'a> {
    /// The endpoint id.
    pub client_id: Text<'a>,
    /// The Cognito identity id.
    pub cognito_id: Option<Text<'a>>,
}

/// `device`
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(
    missing_docs,
    reason = "the members are the record's own, with the record's names"
)]
pub struct Device<'a> {
    /// `locale.code`, e.g. `en_US`; `locale.language` and `locale.country` are written from it.
    pub locale: Option<Text<'a>>,
    pub make: Option<Text<'a>>,
    pub model: Option<Text<'a>>,
    /// `platform.name`, e.g. `android`, `windows`, `macos`.
    pub platform_name: Option<Text<'a>>,
    /// `platform.version`
    pub platform_version: Option<Text<'a>>,
}

/// `session`
#[derive(Debug, Clone, PartialEq)]
#[allow(
    missing_docs,
    reason = "the members are the record's own, with the record's names"
)]
pub struct Session<'a> {
    pub session_id: Text<'a>,
    /// The worker writes it always; Pinpoint's own records may have an id alone.
    pub start_timestamp: Option<Timestamp>,
    pub stop_timestamp: Option<Timestamp>,
}

/// A record of Kinesis has at most 1 MiB; Pinpoint's own have about a hundred values.
const LIMITS: Limits = Limits {
    depth: 32,
    values: 64 * 1024,
};

/// The encoded parts that all records of a batch share: most of each record.
#[derive(Debug, Clone)]
pub struct Shared {
    /// `client` and `device`, as members of a record.
    sender: String,
    endpoint: String,
    /// Members of `forebay`, from `amr` on.
    forebay: String,
}

impl Shared {
    /// Encodes it. `endpoint` is from [`encode_endpoint`]; of `forebay`, what all events have in common.
    pub fn new(
        client: &Client<'_>,
        device: &Device<'_>,
        endpoint: String,
        forebay: Option<&Forebay<'_>>,
    ) -> Shared {
        let mut writer = Writer::new();
        client.write(writer.name("client"));
        device.write(writer.name("device"));
        Shared {
            sender: writer.finish(),
            endpoint,
            forebay: forebay.map(Forebay::encode_shared).unwrap_or_default(),
        }
    }
}

/// Usual bytes of a record beside its shared parts.
const OWN_BYTES: usize = 1024;

impl<'a> Record<'a> {
    /// Encodes the record, with its closing newline. `endpoint.EffectiveDate` is always in the form
    /// of [`Timestamp::to_iso8601`], whatever form of ISO 8601 the sender chose: consumers parse it
    /// with a fixed format.
    pub fn encode(&self) -> String {
        let (app_id, client_id) = (&self.application.app_id, &self.client.client_id);
        let endpoint = encode_endpoint(&self.endpoint, app_id, client_id, self.arrival_timestamp);
        let shared = Shared::new(&self.client, &self.device, endpoint, self.forebay.as_ref());
        self.encode_with(&shared)
    }

    /// [`Record::encode`] with what all records of a batch share, in place of this one's own.
    pub fn encode_with(&self, shared: &Shared) -> String {
        let capacity =
            OWN_BYTES + shared.sender.len() + shared.endpoint.len() + shared.forebay.len();
        let mut writer = Writer::with_capacity(capacity);
        writer.begin_object();
        writer.name("event_type").string(&self.event_type);
        write_timestamp(&mut writer, "event_timestamp", Some(self.event_timestamp));
        write_timestamp(
            &mut writer,
            "arrival_timestamp",
            Some(self.arrival_timestamp),
        );
        writer.name("event_version").string(EVENT_VERSION);
        self.application.write(writer.name("application"));
        writer.raw(&shared.sender);
        if let Some(session) = &self.session {
            session.write(writer.name("session"));
        }
        text_map(&mut writer, "attributes", &self.attributes);
        number_map(&mut writer, "metrics", &self.metrics);
        writer.name("endpoint").raw(&shared.endpoint);
        optional_text(&mut writer, "awsAccountId", self.aws_account_id.as_deref());
        if let Some(forebay) = &self.forebay {
            forebay.write(writer.name("forebay"), &shared.forebay);
        }
        writer.end_object();
        let mut record = writer.finish();
        record.push('\n');
        record
    }

    /// Decodes a record, Forebay's or Pinpoint's own; members it does not know are passed over. Of Pinpoint's own,
    /// a part that is not needed and has another form is passed over, too.
    ///
    /// # Errors
    /// [`DecodeError`] where the record is not JSON or a member it needs is missing or mistyped.
    pub fn decode(record: &'a [u8]) -> Result<Record<'a>, DecodeError> {
        message(record, LIMITS, |root| {
            root.object();
            let forebay = root.member("forebay").optional(Forebay::read);
            let is_strict = forebay.is_some();
            let application = root.member("application");
            Record {
                event_type: root.member("event_type").text(),
                event_timestamp: root.member("event_timestamp").epoch_millis(),
                arrival_timestamp: root.member("arrival_timestamp").epoch_millis(),
                application: part(&application, is_strict, Application::read).unwrap_or_else(
                    || Application {
                        app_id: application.member("app_id").text(),
                        ..Application::default()
                    },
                ),
                client: Client::read(&root.member("client")),
                device: part(&root.member("device"), is_strict, Device::read).unwrap_or_default(),
                session: part(&root.member("session"), is_strict, Session::read).flatten(),
                attributes: root.member("attributes").map(|node| node.text()),
                metrics: root.member("metrics").map(|node| node.number()),
                endpoint: part(&root.member("endpoint"), is_strict, endpoint::read)
                    .unwrap_or_default(),
                aws_account_id: part(&root.member("awsAccountId"), is_strict, |node| node.text()),
                forebay,
            }
        })
    }
}

/// What `read` makes of a part of a record; `None` where it is absent or, unless `is_strict`, of another form.
fn part<'a, T>(
    node: &Node<'_, 'a>,
    is_strict: bool,
    read: impl FnOnce(&Node<'_, 'a>) -> T,
) -> Option<T> {
    if is_strict {
        return node.optional(read);
    }
    node.apart(|node| node.optional(read)).ok().flatten()
}

/// Encodes the `endpoint` of records: `arrival` stands for an `EffectiveDate` that is none.
pub fn encode_endpoint(
    endpoint: &Endpoint<'_>,
    app_id: &str,
    client_id: &str,
    arrival: Timestamp,
) -> String {
    let given = endpoint.effective_date.as_deref();
    let effective_date = given
        .and_then(Timestamp::parse_iso8601)
        .unwrap_or(arrival)
        .to_iso8601();
    let mut writer = Writer::new();
    writer.begin_object();
    endpoint::write_members(&mut writer, endpoint, Some(&effective_date));
    // Consumers of Pinpoint's records find these two whether or not there is anything in them.
    if endpoint.attributes.is_empty() {
        writer.name("Attributes").begin_object().end_object();
    }
    if endpoint.metrics.is_empty() {
        writer.name("Metrics").begin_object().end_object();
    }
    writer.name("ApplicationId").string(app_id);
    writer.name("Id").string(client_id);
    writer.end_object();
    writer.finish()
}

fn write_timestamp(writer: &mut Writer, name: &str, timestamp: Option<Timestamp>) {
    if let Some(Timestamp(millis)) = timestamp {
        writer.name(name).integer(millis);
    }
}

impl<'a> Application<'a> {
    fn write(&self, writer: &mut Writer) {
        writer.begin_object().name("app_id").string(&self.app_id);
        let pool = self.cognito_identity_pool_id.as_deref();
        optional_text(writer, "cognito_identity_pool_id", pool);
        optional_text(writer, "package_name", self.package_name.as_deref());
        writer.name("sdk").begin_object();
        optional_text(writer, "name", self.sdk_name.as_deref());
        optional_text(writer, "version", self.sdk_version.as_deref());
        writer.end_object();
        optional_text(writer, "title", self.title.as_deref());
        optional_text(writer, "version_name", self.version_name.as_deref());
        optional_text(writer, "version_code", self.version_code.as_deref());
        writer.end_object();
    }

    fn read(node: &Node<'_, 'a>) -> Application<'a> {
        let sdk = node.member("sdk");
        Application {
            app_id: node.member("app_id").text(),
            cognito_identity_pool_id: node.member("cognito_identity_pool_id").optional_text(),
            package_name: node.member("package_name").optional_text(),
            sdk_name: sdk.member("name").optional_text(),
            sdk_version: sdk.member("version").optional_text(),
            title: node.member("title").optional_text(),
            version_name: node.member("version_name").optional_text(),
            version_code: node.member("version_code").optional_text(),
        }
    }
}

impl<'a> Client<'a> {
    fn write(&self, writer: &mut Writer) {
        writer
            .begin_object()
            .name("client_id")
            .string(&self.client_id);
        optional_text(writer, "cognito_id", self.cognito_id.as_deref());
        writer.end_object();
    }

    fn read(node: &Node<'_, 'a>) -> Client<'a> {
        Client {
            client_id: node.member("client_id").text(),
            cognito_id: node.member("cognito_id").optional_text(),
        }
    }
}

impl<'a> Device<'a> {
    fn write(&self, writer: &mut Writer) {
        writer.begin_object();
        if let Some(locale) = self.locale.as_deref() {
            writer
                .name("locale")
                .begin_object()
                .name("code")
                .string(locale);
            let (language, country) = split_locale(locale);
            if let Some(country) = country {
                writer.name("country").string(country);
            }
            writer.name("language").string(language);
            writer.end_object();
        }
        optional_text(writer, "make", self.make.as_deref());
        optional_text(writer, "model", self.model.as_deref());
        writer.name("platform").begin_object();
        optional_text(writer, "name", self.platform_name.as_deref());
        optional_text(writer, "version", self.platform_version.as_deref());
        writer.end_object();
        writer.end_object();
    }

    fn read(node: &Node<'_, 'a>) -> Device<'a> {
        let platform = node.member("platform");
        Device {
            locale: node.member("locale").member("code").optional_text(),
            make: node.member("make").optional_text(),
            model: node.member("model").optional_text(),
            platform_name: platform.member("name").optional_text(),
            platform_version: platform.member("version").optional_text(),
        }
    }
}

/// Language and country of a locale, in the forms `en_US`, `en-US` and `zh-Hant-TW`. The country is
/// the first part after the language that has two letters, or three digits as in `es-419`; behind a
/// part of one letter stand extensions, as in `en-u-co-phonebk`.
fn split_locale(locale: &str) -> (&str, Option<&str>) {
    let mut parts = locale.split(['_', '-', '.', '@']);
    let language = parts.next().unwrap_or_default();
    let is_country = |part: &&str| match part.len() {
        2 => part.bytes().all(|byte| byte.is_ascii_alphabetic()),
        3 => part.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    (
        language,
        parts.take_while(|part| part.len() != 1).find(is_country),
    )
}

impl<'a> Session<'a> {
    fn write(&self, writer: &mut Writer) {
        writer
            .begin_object()
            .name("session_id")
            .string(&self.session_id);
        write_timestamp(writer, "start_timestamp", self.start_timestamp);
        write_timestamp(writer, "stop_timestamp", self.stop_timestamp);
        writer.end_object();
    }

    /// `None` without an id: messages that Pinpoint sent have `"session": {}`.
    fn read(node: &Node<'_, 'a>) -> Option<Session<'a>> {
        let timestamp = |name| node.member(name).optional(|node| node.epoch_millis());
        Some(Session {
            session_id: node.member("session_id").optional_text()?,
            start_timestamp: timestamp("start_timestamp"),
            stop_timestamp: timestamp("stop_timestamp"),
        })
    }
}
