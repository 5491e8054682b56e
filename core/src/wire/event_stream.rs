//! The event-stream record: what Pinpoint wrote to Kinesis, one JSON object a record, ending in a
//! newline. What Pinpoint never had stands under one extra key, `forebay`.

use alloc::string::String;

use super::DecodeError;
use crate::event::{Endpoint, Map, Text};
use crate::json::Number;
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
    /// `EffectiveDate` = arrival where the sender gave none: the seed's transformer reads it.
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
    pub start_timestamp: Timestamp,
    pub stop_timestamp: Option<Timestamp>,
}

/// `forebay`: what Pinpoint's records have no place for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forebay<'a> {
    /// The event's id: the same however often the event is sent or delivered.
    pub event_id: Text<'a>,
    /// `x-version` of the schema that the worker validated against.
    pub schema_version: u32,
    /// `event_timestamp` as the sender gave it, where it was corrected.
    pub original_event_timestamp: Option<Timestamp>,
    /// Whether the identity is a guest: `unauthenticated`, or `authenticated`.
    pub amr: Text<'a>,
    /// Where the request came from.
    pub geo: Geo<'a>,
    /// Browser name, e.g. `Chrome`.
    pub browser_name: Option<Text<'a>>,
    /// Browser version, e.g. `142.0`.
    pub browser_version: Option<Text<'a>>,
    /// `desktop`, `mobile`, `tablet`, `bot`, ...
    pub device_category: Option<Text<'a>>,
}

/// `forebay.geo`, from the edge platform.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Geo<'a> {
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

impl<'a> Record<'a> {
    /// Encodes the record, with its closing newline.
    pub fn encode(&self) -> String {
        todo!()
    }

    /// Decodes a record, Forebay's or Pinpoint's own; members it does not know are passed over.
    ///
    /// # Errors
    /// [`DecodeError`] where the record is not JSON or a member it needs is missing or mistyped.
    pub fn decode(_record: &'a [u8]) -> Result<Record<'a>, DecodeError> {
        todo!()
    }
}
