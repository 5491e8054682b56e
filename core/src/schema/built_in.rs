//! The event types that are in every lake without standing in a schema: what UpdateEndpoint says of an
//! endpoint, the edge's dead letters, and the records that Pinpoint itself wrote to an event stream.
//!
//! A schema may have its own event type in place of one of Pinpoint's, by its name or its table. The types of
//! endpoints and dead letters are Forebay's alone, since their columns are not those of an event's attributes.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Docs, EventSchema, Field, Format, Kind, Range, Schema, snake_case};
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

/// The event type of the rows that dead letters become. No record has it.
pub const DEAD_LETTER: &str = "_dead_letter";

/// A column of dead letters, the member of the letter that it holds, and what to tell readers. What is not a
/// text is there as JSON. The letter's id, time, application and endpoint are in columns that every table has.
const LETTER_COLUMNS: [(&str, &str, &str); 9] = [
    ("kind", "kind", "What was refused: event or endpoint."),
    (
        "refused_event_id",
        "event_id",
        "The key that the event was sent under.",
    ),
    (
        "refused_event_type",
        "event_type",
        "The event type that the event names.",
    ),
    (
        "checked_version",
        "schema_version",
        "x-version of the schema that refused it.",
    ),
    ("reasons", "reasons", "Why it was refused, as JSON."),
    ("format", "format", "How event or endpoint is to be read."),
    ("event", "event", "The event as it was sent, as JSON."),
    (
        "endpoint",
        "endpoint",
        "The endpoint as it was sent, as JSON.",
    ),
    (
        "redacted",
        "redacted",
        "What personal data was taken out of it, as JSON.",
    ),
];

/// A dead letter of the edge as an event, whose attributes are the columns of its own: `member` gives a member
/// of the letter, a text as it is and all else as JSON.
pub fn dead_letter_event(
    arrival: Timestamp,
    member: impl Fn(&str) -> Option<String>,
) -> Event<'static> {
    let mut event = Event::new(DEAD_LETTER, arrival);
    for (column, name, _) in LETTER_COLUMNS {
        if let Some(text) = member(name) {
            event.attributes.push((column.into(), text.into()));
        }
    }
    event
}

/// Whether a column shows this member of a dead letter.
pub fn dead_letter_has(member: &str) -> bool {
    let mut columns = LETTER_COLUMNS.iter();
    columns.any(|(_, name, _)| *name == member)
}

/// Event types of Pinpoint whose names begin alike, and which have the same attributes and metrics.
struct Family {
    prefix: &'static str,
    endings: &'static [&'static str],
    description: &'static str,
    attributes: &'static [&'static [&'static str]],
    metrics: &'static [&'static str],
}

/// Which campaign sent a message.
const CAMPAIGN: &[&str] = &["campaign_id", "campaign_activity_id", "treatment_id"];
/// Which journey sent a message.
const JOURNEY: &[&str] = &["journey_id", "journey_run_id", "journey_activity_id"];
const NOTIFICATION: &[&str] = &[
    "send",
    "opened_notification",
    "received_foreground",
    "received_background",
];

/// As AWS documents them (Amazon Pinpoint Developer Guide, "Stream app event data": app, campaign, journey,
/// e-mail and SMS events), with the events that Amplify's clients record of notifications and messages in apps.
const FAMILIES: [Family; 8] = [
    Family {
        prefix: "_session.",
        endings: &["start", "stop", "pause", "resume"],
        description: "A session of an app, by Pinpoint's clients.",
        attributes: &[],
        metrics: &[],
    },
    Family {
        prefix: "_userauth.",
        endings: &["sign_in", "sign_up", "auth_fail"],
        description: "A sign-in to an app, by Pinpoint's clients.",
        attributes: &[],
        metrics: &[],
    },
    Family {
        prefix: "_monetization.",
        endings: &["purchase"],
        description: "A purchase in an app, by Pinpoint's clients.",
        attributes: &[],
        metrics: &[],
    },
    Family {
        prefix: "_inapp.",
        endings: &["message_displayed", "message_clicked", "message_dismissed"],
        description: "A message in an app, by Pinpoint's clients.",
        attributes: &[CAMPAIGN],
        metrics: &[],
    },
    Family {
        prefix: "_campaign.",
        endings: NOTIFICATION,
        description: "A message that a campaign of Pinpoint sent to an endpoint.",
        attributes: &[CAMPAIGN, &["delivery_type", "campaign_send_status"]],
        metrics: &[],
    },
    Family {
        prefix: "_journey.",
        endings: NOTIFICATION,
        description: "A message that a journey of Pinpoint sent to an endpoint.",
        attributes: &[
            JOURNEY,
            &[
                "journey_activity_type",
                "journey_send_status",
                "journey_send_status_code",
                "journey_send_status_message",
            ],
        ],
        metrics: &[],
    },
    Family {
        prefix: "_email.",
        endings: &[
            "send",
            "delivered",
            "rejected",
            "hardbounce",
            "softbounce",
            "complaint",
            "open",
            "click",
            "unsubscribe",
            "rendering_failure",
        ],
        description: "What became of an e-mail that Pinpoint sent.",
        attributes: &[&["feedback"], CAMPAIGN, JOURNEY],
        metrics: &[],
    },
    Family {
        prefix: "_SMS.",
        endings: &["BUFFERED", "SUCCESS", "FAILURE", "OPTOUT"],
        description: "What became of a text message that Pinpoint sent.",
        attributes: &[
            &[
                "message_id",
                "message_type",
                "record_status",
                "iso_country_code",
                "origination_phone_number",
                "destination_phone_number",
                "number_of_message_parts",
                "sender_request_id",
                "customer_context",
            ],
            CAMPAIGN,
            JOURNEY,
        ],
        metrics: &["price_in_millicents_usd"],
    },
];

impl Family {
    fn events(&self) -> impl Iterator<Item = EventSchema> {
        self.endings.iter().map(|ending| {
            let attributes = self.attributes.iter().copied().flatten();
            let attributes = attributes.map(|name| field(name, text(None), None));
            let metrics = self.metrics.iter();
            let metrics = metrics.map(|name| field(name, Kind::Number(Range::default()), None));
            let event_type = [self.prefix, ending].concat();
            event(
                event_type,
                self.description,
                attributes.chain(metrics).collect(),
            )
        })
    }
}

fn field(name: &str, kind: Kind, description: Option<&str>) -> Field {
    Field {
        name: name.into(),
        docs: Docs {
            description: description.map(ToOwned::to_owned),
            ..Docs::default()
        },
        kind,
        required: false,
        nullable: false,
        pii: None,
    }
}

fn text(format: Option<Format>) -> Kind {
    Kind::String {
        min_length: None,
        max_length: None,
        format,
        one_of: None,
    }
}

fn event(event_type: String, description: &str, fields: Vec<Field>) -> EventSchema {
    EventSchema {
        name: event_type.clone(),
        event_type,
        docs: Docs {
            description: Some(description.into()),
            ..Docs::default()
        },
        fields,
        additional_properties: true,
    }
}

/// The event type of an endpoint's update.
fn endpoint_update() -> EventSchema {
    let fields = COLUMNS.into_iter();
    let fields = fields.map(|(name, format, _, about)| field(name, text(format), Some(about)));
    let description = "What UpdateEndpoint said of an endpoint.";
    event(EVENT_TYPE.into(), description, fields.collect())
}

fn dead_letter() -> EventSchema {
    let fields = LETTER_COLUMNS.into_iter();
    let fields = fields.map(|(name, _, about)| field(name, text(None), Some(about)));
    let description = "What the edge refused, with the reasons.";
    event(DEAD_LETTER.into(), description, fields.collect())
}

/// Makes an event of an update of an endpoint: its attributes are the fields of the event type. It leaves out
/// a date that cannot be read.
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

/// Which column of an endpoint's update holds a member of `endpoint`, by its path.
pub fn endpoint_column(path: &[&str]) -> Option<&'static str> {
    let mut columns = COLUMNS.iter();
    columns
        .find(|(_, _, member, _)| *member == path)
        .map(|(name, ..)| *name)
}

/// Whether a table is Forebay's own, so that no schema can have it.
pub(super) fn is_reserved(table: &str) -> bool {
    [EVENT_TYPE, DEAD_LETTER]
        .iter()
        .any(|own| snake_case(own) == table)
}

impl Schema {
    /// The built-in event types: all but those of whose name or table the schema has one of its own. Their events
    /// are not validated: they have whatever Pinpoint wrote.
    pub fn built_in(&self) -> Vec<EventSchema> {
        let families = FAMILIES.iter().flat_map(Family::events);
        let own = [endpoint_update(), dead_letter()];
        let mut all: Vec<_> = own.into_iter().chain(families).collect();
        all.retain(|own| {
            let table = own.table_name();
            let mut events = self.events.iter();
            !events.any(|event| event.event_type == own.event_type || event.table_name() == table)
        });
        all
    }
}
