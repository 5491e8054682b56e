//! The columns of the lake's tables, on which Parquet files, table definitions and queries agree.

use alloc::string::String;

use super::{EventSchema, Field, Format, Kind, Pii, snake_case};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    String,
    /// Milliseconds since the epoch, UTC.
    Timestamp,
    /// A calendar date.
    Date,
    /// True or false.
    Boolean,
    /// Whole numbers of 32 bits.
    SmallInteger,
    /// Whole numbers of 64 bits.
    Integer,
    /// Doubles.
    Number,
}

/// A column that every table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommonColumn {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub column_type: ColumnType,
    /// Whether rows without a value exist.
    pub nullable: bool,
    /// For readers of the table.
    pub description: &'static str,
}

/// The columns that every table begins with, in their order. After them come the event type's own,
/// in the order of the file, and [`EXTRA_COLUMN`] where it is allowed.
pub const COMMON_COLUMNS: [CommonColumn; 42] = [
    required("event_id", ColumnType::String, "The event's id."),
    required("event_type", ColumnType::String, "The event's name."),
    required(
        "event_timestamp",
        ColumnType::Timestamp,
        "When the event happened, corrected for the sender's clock.",
    ),
    required(
        "arrival_timestamp",
        ColumnType::Timestamp,
        "When the endpoint took the event in.",
    ),
    optional("session_id", ColumnType::String, "The session."),
    optional(
        "session_start_timestamp",
        ColumnType::Timestamp,
        "When the session began.",
    ),
    required(
        "client_id",
        ColumnType::String,
        "The endpoint id: one browser or installation.",
    ),
    optional(
        "cognito_id",
        ColumnType::String,
        "The identity that signed the request.",
    ),
    optional(
        "user_id",
        ColumnType::String,
        "The user, where one was identified.",
    ),
    required("app_id", ColumnType::String, "The application."),
    optional("country", ColumnType::String, "Country of the sender."),
    optional("region", ColumnType::String, "Region of the sender."),
    optional("city", ColumnType::String, "City of the sender."),
    optional("timezone", ColumnType::String, "Time zone of the sender."),
    optional("platform", ColumnType::String, "Operating system."),
    optional(
        "platform_version",
        ColumnType::String,
        "Version of the operating system.",
    ),
    optional("browser", ColumnType::String, "Browser."),
    optional(
        "browser_version",
        ColumnType::String,
        "Version of the browser.",
    ),
    optional(
        "device_category",
        ColumnType::String,
        "Kind of device, such as pc or smartphone.",
    ),
    optional("locale", ColumnType::String, "Language and region."),
    optional("sdk_name", ColumnType::String, "What recorded the event."),
    optional("sdk_version", ColumnType::String, "Its version."),
    optional(
        "schema_version",
        ColumnType::SmallInteger,
        "x-version of the schema that the event was checked against.",
    ),
    optional(
        "place_source",
        ColumnType::String,
        "Where the place columns are from: stated by the sender, or the request.",
    ),
    optional(
        "original_event_timestamp",
        ColumnType::Timestamp,
        "event_timestamp as it was sent, where the edge has corrected it.",
    ),
    optional(
        "clock_offset",
        ColumnType::Integer,
        "Milliseconds that the client has added to its clock.",
    ),
    optional(
        "amr",
        ColumnType::String,
        "How the sender proved itself: unauthenticated, authenticated or server.",
    ),
    optional(
        "network_asn",
        ColumnType::Integer,
        "Number of the autonomous system that the request came through.",
    ),
    optional(
        "network_organization",
        ColumnType::String,
        "Who runs that network.",
    ),
    optional(
        "is_bot",
        ColumnType::Boolean,
        "Whether the sender is known to be a bot.",
    ),
    optional("bot_name", ColumnType::String, "What the bot calls itself."),
    optional(
        "bot_category",
        ColumnType::String,
        "Kind of bot, such as Search Engine Crawler.",
    ),
    optional(
        "bot_verified",
        ColumnType::Boolean,
        "Whether the edge platform has verified the bot.",
    ),
    optional(
        "page_utm_source",
        ColumnType::String,
        "Campaign that led to the page: utm_source.",
    ),
    optional(
        "page_utm_medium",
        ColumnType::String,
        "Campaign: utm_medium.",
    ),
    optional(
        "page_utm_campaign",
        ColumnType::String,
        "Campaign: utm_campaign.",
    ),
    optional("page_utm_term", ColumnType::String, "Campaign: utm_term."),
    optional(
        "page_utm_content",
        ColumnType::String,
        "Campaign: utm_content.",
    ),
    optional("page_utm_id", ColumnType::String, "Campaign: utm_id."),
    optional(
        "page_click_id",
        ColumnType::String,
        "An ad network's id of the click that led to the page.",
    ),
    optional(
        "page_click_id_type",
        ColumnType::String,
        "The parameter that held it, such as gclid.",
    ),
    optional(
        "page_referrer_host",
        ColumnType::String,
        "Host of the other site that led to the page.",
    ),
];

/// The last column of event types that allow additional properties: those, as JSON text.
pub const EXTRA_COLUMN: &str = "extra";

/// The columns that say in which folder a row lies.
pub const PARTITION_COLUMNS: [&str; 3] = ["year", "month", "day"];

const fn required(
    name: &'static str,
    column_type: ColumnType,
    description: &'static str,
) -> CommonColumn {
    CommonColumn {
        name,
        column_type,
        nullable: false,
        description,
    }
}

const fn optional(
    name: &'static str,
    column_type: ColumnType,
    description: &'static str,
) -> CommonColumn {
    CommonColumn {
        nullable: true,
        ..required(name, column_type, description)
    }
}

/// Whether every table has a column of this name, so that no field may become one.
pub(super) fn is_reserved(column: &str) -> bool {
    COMMON_COLUMNS.iter().any(|common| common.name == column)
        || column == EXTRA_COLUMN
        || PARTITION_COLUMNS.contains(&column)
}

impl EventSchema {
    /// The name of the event's table and folder: `event_type` in snake_case, e.g. `sign_up_event`.
    pub fn table_name(&self) -> String {
        snake_case(&self.event_type)
    }
}

impl Field {
    /// The name of the field's column: `name` in snake_case.
    pub fn column_name(&self) -> String {
        snake_case(&self.name)
    }

    /// What the field's column holds; `None` where it has none, because it is dropped. Every one may
    /// be null: fields come and go while older files stay.
    pub fn column_type(&self) -> Option<ColumnType> {
        match (self.pii, &self.kind) {
            (Some(Pii::Drop), _) => None,
            (Some(Pii::Hash), _) => Some(ColumnType::String),
            (_, Kind::String { format, .. }) => Some(match format {
                Some(Format::DateTime) => ColumnType::Timestamp,
                Some(Format::Date) => ColumnType::Date,
                _ => ColumnType::String,
            }),
            (_, Kind::Boolean { .. }) => Some(ColumnType::Boolean),
            (_, Kind::Integer(_)) => Some(ColumnType::Integer),
            (_, Kind::Number(_)) => Some(ColumnType::Number),
        }
    }
}
