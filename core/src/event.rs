//! The model of an event, with the names of Pinpoint's API (service model `pinpoint/2016-12-01`).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::json::Number;
use crate::time::Timestamp;

/// Text that borrows from the request it came in, or owns itself.
pub type Text<'a> = Cow<'a, str>;

/// A string map in the order it was written.
pub type Map<'a, V> = Vec<(Text<'a>, V)>;

/// One event, as `Event` of PutEvents. Its id is the key it stands under, not a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// `EventType`, e.g. `SignUpEvent`.
    pub event_type: Text<'a>,
    /// `Timestamp`: when it happened, by the clock of whoever recorded it.
    pub timestamp: Timestamp,
    /// `AppPackageName`
    pub app_package_name: Option<Text<'a>>,
    /// `AppTitle`
    pub app_title: Option<Text<'a>>,
    /// `AppVersionCode`
    pub app_version_code: Option<Text<'a>>,
    /// `ClientSdkVersion`
    pub client_sdk_version: Option<Text<'a>>,
    /// `SdkName`
    pub sdk_name: Option<Text<'a>>,
    /// `Attributes`: strings, booleans as `true` / `false`, enums, dates.
    pub attributes: Map<'a, Text<'a>>,
    /// `Metrics`: numbers.
    pub metrics: Map<'a, Number<'a>>,
    /// `Session`
    pub session: Option<Session<'a>>,
}

impl<'a> Event<'a> {
    /// An event of this type and time, and nothing else.
    pub fn new(event_type: impl Into<Text<'a>>, timestamp: Timestamp) -> Event<'a> {
        Event {
            event_type: event_type.into(),
            timestamp,
            app_package_name: None,
            app_title: None,
            app_version_code: None,
            client_sdk_version: None,
            sdk_name: None,
            attributes: Vec::new(),
            metrics: Vec::new(),
            session: None,
        }
    }
}

/// `Session` of PutEvents.
#[derive(Debug, Clone, PartialEq)]
pub struct Session<'a> {
    /// `Id`
    pub id: Text<'a>,
    /// `StartTimestamp`
    pub start_timestamp: Timestamp,
    /// `StopTimestamp`
    pub stop_timestamp: Option<Timestamp>,
    /// `Duration` in milliseconds.
    pub duration: Option<i64>,
}

/// `PublicEndpoint` of PutEvents; the body of UpdateEndpoint. All members are optional.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint<'a> {
    /// `Address`: where this user can be reached through `channel_type`.
    pub address: Option<Text<'a>>,
    /// `ChannelType`, one of [`CHANNEL_TYPES`].
    pub channel_type: Option<Text<'a>>,
    /// `EffectiveDate`, ISO 8601: when the endpoint was last updated.
    pub effective_date: Option<Text<'a>>,
    /// `EndpointStatus`: `ACTIVE` or `INACTIVE`.
    pub endpoint_status: Option<Text<'a>>,
    /// `OptOut`: `ALL` or `NONE`.
    pub opt_out: Option<Text<'a>>,
    /// `RequestId`
    pub request_id: Option<Text<'a>>,
    /// `Attributes`
    pub attributes: Map<'a, Vec<Text<'a>>>,
    /// `Metrics`
    pub metrics: Map<'a, Number<'a>>,
    /// `Demographic`
    pub demographic: Option<Demographic<'a>>,
    /// `Location`
    pub location: Option<Location<'a>>,
    /// `User`
    pub user: Option<User<'a>>,
}

/// The values `ChannelType` may have.
pub const CHANNEL_TYPES: [&str; 13] = [
    "PUSH",
    "GCM",
    "APNS",
    "APNS_SANDBOX",
    "APNS_VOIP",
    "APNS_VOIP_SANDBOX",
    "ADM",
    "SMS",
    "VOICE",
    "EMAIL",
    "BAIDU",
    "CUSTOM",
    "IN_APP",
];

/// `EndpointDemographic`.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs, reason = "the members are Pinpoint's, in snake_case")]
pub struct Demographic<'a> {
    pub app_version: Option<Text<'a>>,
    pub locale: Option<Text<'a>>,
    pub make: Option<Text<'a>>,
    pub model: Option<Text<'a>>,
    pub model_version: Option<Text<'a>>,
    pub platform: Option<Text<'a>>,
    pub platform_version: Option<Text<'a>>,
    pub timezone: Option<Text<'a>>,
}

/// `EndpointLocation`.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs, reason = "the members are Pinpoint's, in snake_case")]
pub struct Location<'a> {
    pub city: Option<Text<'a>>,
    pub country: Option<Text<'a>>,
    pub postal_code: Option<Text<'a>>,
    pub region: Option<Text<'a>>,
    pub latitude: Option<Number<'a>>,
    pub longitude: Option<Number<'a>>,
}

/// `EndpointUser`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct User<'a> {
    /// `UserId`
    pub user_id: Option<Text<'a>>,
    /// `UserAttributes`
    pub user_attributes: Map<'a, Vec<Text<'a>>>,
}
