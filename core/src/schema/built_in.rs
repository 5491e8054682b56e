//! The event type that is in every lake without standing in a schema: what UpdateEndpoint says of an
//! endpoint. No sender can record it: a schema may not have an event type of its name or table.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Docs, EventSchema, Field, Format, Kind};
use crate::event::{Endpoint, Event};
use crate::json::{Limits, Value, Writer};
use crate::time::Timestamp;
use crate::wire::update_endpoint::{self, EVENT_TYPE};

/// A column, its format, the member of the endpoint that it holds, and what to tell readers.
type Column = (
    &'static str,
    Option<Format>,
    &'static [&'static str],
    &'static str,
);

/// What every table has, such as the endpoint's id (`client_id`) and its user's (`user_id`), is not
/// among them.
const COLUMNS: [Column; 10] = [
    (
        "effective_date",
        Some(Format::DateTime),
        &["EffectiveDate"],
        "When the sender changed the endpoint.",
    ),
    (
        "address",
        None,
        &["Address"],
        "Where the user is reached through the channel.",
    ),
    (
        "channel_type",
        None,
        &["ChannelType"],
        "The channel, such as EMAIL or CUSTOM.",
    ),
    (
        "endpoint_status",
        None,
        &["EndpointStatus"],
        "ACTIVE or INACTIVE.",
    ),
    (
        "opt_out",
        None,
        &["OptOut"],
        "ALL for a user who wants no messages, or NONE.",
    ),
    (
        "user_attributes",
        None,
        &["User", "UserAttributes"],
        "Attributes of the user: JSON, a list of texts each.",
    ),
    (
        "attributes",
        None,
        &["Attributes"],
        "Attributes of the endpoint: JSON, a list of texts each.",
    ),
    (
        "metrics",
        None,
        &["Metrics"],
        "Metrics of the endpoint, as JSON.",
    ),
    (
        "demographic",
        None,
        &["Demographic"],
        "Device and app, as JSON.",
    ),
    (
        "location",
        None,
        &["Location"],
        "Where the sender says the endpoint is, as JSON.",
    ),
];

/// The event type of an endpoint's update.
fn endpoint_update() -> EventSchema {
    let field = |(name, format, _, description): Column| Field {
        name: name.into(),
        docs: Docs {
            description: Some(description.into()),
            ..Docs::default()
        },
        kind: Kind::String {
            min_length: None,
            max_length: None,
            format,
            one_of: None,
        },
        required: false,
        nullable: false,
        pii: None,
    };
    EventSchema {
        name: "EndpointUpdate".into(),
        event_type: EVENT_TYPE.into(),
        docs: Docs {
            description: Some("What UpdateEndpoint said of an endpoint.".into()),
            ..Docs::default()
        },
        fields: COLUMNS.into_iter().map(field).collect(),
        additional_properties: false,
    }
}

/// What an update says, as an event whose attributes are the fields of [`endpoint_update`]. A date
/// that is none is left out.
pub fn endpoint_update_event(endpoint: &Endpoint<'_>, timestamp: Timestamp) -> Event<'static> {
    const LIMITS: Limits = Limits {
        depth: 32,
        values: 64 * 1024,
    };
    let text = update_endpoint::encode(endpoint);
    // What was just written can be read.
    let sent = Value::parse_repetitive(text.as_bytes(), LIMITS).unwrap_or(Value::Null);
    let mut event = Event::new(EVENT_TYPE, timestamp);
    for (name, format, path, _) in COLUMNS {
        let member = path.iter().try_fold(&sent, |value, name| value.get(name));
        let is_valid = |text: &str| format.is_none_or(|format| format.matches(text));
        let text = match member {
            None => continue,
            Some(Value::String(text)) if !is_valid(text) => continue,
            Some(Value::String(text)) => String::from(&**text),
            Some(value) => {
                let mut json = Writer::new();
                json.value(value);
                json.finish()
            }
        };
        event.attributes.push((name.into(), text.into()));
    }
    event
}

/// All built-in event types.
pub fn built_in() -> Vec<EventSchema> {
    Vec::from([endpoint_update()])
}
