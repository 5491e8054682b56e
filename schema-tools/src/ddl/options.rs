//! What the tables are told besides the schema.

use serde::Deserialize;

/// The first year that an event of the lake may be of.
const EARLIEST_YEAR: u16 = 2000;
/// A year is 372 folders that a query without a filter on the day looks into.
const MOST_YEARS: u16 = 100;
/// Longest name of Glue's catalogue, in bytes.
const MAX_NAME_LENGTH: usize = 255;
/// Longest location: what S3 takes as a key, in bytes, less what the lake adds to it.
const MAX_LOCATION_LENGTH: usize = 700;

/// Where the lake is, and what its tables are to cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub(super) database: String,
    /// Without a slash at the end.
    pub(super) location: String,
    pub(super) first_year: u16,
    pub(super) last_year: u16,
}

/// Options as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    database: String,
    location: String,
    first_year: u16,
    last_year: u16,
}

/// Why options cannot be taken, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Not JSON of the right form.
    #[error(
        "the options need \"database\", \"location\", \"first_year\" and \"last_year\", nothing else: {0}"
    )]
    Form(String),
    /// Not a name that Athena takes unquoted.
    #[error(
        "the database {0:?} must have a name of small letters, digits and \"_\", beginning with a letter, such as \"forebay\""
    )]
    Database(String),
    /// Not a place in S3.
    #[error(
        "the location {0:?} must be the lake's place in S3, such as \"s3://bucket/lake\": a bucket's name, and folders of ASCII letters, digits, \"-\", \"_\", \".\" and \"=\""
    )]
    Location(String),
    /// Years that make no range.
    #[error(
        "the years {first} to {last} must be a range from {EARLIEST_YEAR} on, of {MOST_YEARS} years at most"
    )]
    Years {
        /// `first_year`
        first: u16,
        /// `last_year`
        last: u16,
    },
}

impl OptionsError {
    /// JSON pointer to the option; empty for the options as a whole.
    pub fn path(&self) -> &'static str {
        match self {
            OptionsError::Form(_) => "",
            OptionsError::Database(_) => "/database",
            OptionsError::Location(_) => "/location",
            OptionsError::Years { .. } => "/first_year",
        }
    }
}

impl Options {
    /// Reads options from JSON:
    /// `{"database":"forebay","location":"s3://bucket/lake","first_year":2025,"last_year":2035}`.
    ///
    /// # Errors
    /// The first mistake in them.
    pub fn read(json: &str) -> Result<Options, OptionsError> {
        Options::checked(json, is_location)
    }

    /// The same for engines that read files themselves: the location may be a folder, or begin with `s3a://`, which
    /// is Hadoop's name for S3.
    ///
    /// # Errors
    /// The first mistake in them.
    pub fn of_folder(json: &str) -> Result<Options, OptionsError> {
        Options::checked(json, |location| match location.split_once("://") {
            Some(("s3" | "s3a", place)) => is_place(place),
            Some(_) => false,
            None => is_path(location),
        })
    }

    fn checked(json: &str, is_location: impl Fn(&str) -> bool) -> Result<Options, OptionsError> {
        let given = serde_json::from_str(json);
        let Unchecked {
            database,
            mut location,
            first_year: first,
            last_year: last,
        } = given.map_err(|error| OptionsError::Form(error.to_string()))?;
        if !is_database(&database) {
            return Err(OptionsError::Database(database));
        }
        if location.len() > 1 && location.ends_with('/') {
            location.pop();
        }
        if !is_location(&location) {
            return Err(OptionsError::Location(location));
        }
        if first < EARLIEST_YEAR || last < first || last - first >= MOST_YEARS {
            return Err(OptionsError::Years { first, last });
        }
        Ok(Options {
            database,
            location,
            first_year: first,
            last_year: last,
        })
    }
}

/// A folder, without what engines take for a pattern.
fn is_path(path: &str) -> bool {
    let is_plain = |character: char| !character.is_control() && !"*?[]{}".contains(character);
    !path.is_empty() && path.len() <= MAX_LOCATION_LENGTH && path.chars().all(is_plain)
}

fn is_database(name: &str) -> bool {
    name.len() <= MAX_NAME_LENGTH
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_location(location: &str) -> bool {
    location.strip_prefix("s3://").is_some_and(is_place)
}

/// A bucket and folders in it.
fn is_place(place: &str) -> bool {
    let mut parts = place.split('/');
    place.len() <= MAX_LOCATION_LENGTH
        && parts.next().is_some_and(is_bucket)
        && parts.all(is_folder)
}

/// The naming rules of S3's general purpose buckets.
fn is_bucket(name: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| is_alphanumeric(byte) || byte == b'.' || byte == b'-')
        && name.bytes().next().is_some_and(is_alphanumeric)
        && name.bytes().next_back().is_some_and(is_alphanumeric)
        && !name.contains("..")
}

/// What needs no quoting in any of the languages that tables are written in.
fn is_folder(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte))
}
