//! `enrichment`: what an EventBridge pipe has done to its records on the way to a bus.
//!
//! An array comes in and an array goes out. Each event is an object with the columns of its row and the
//! `eventID` of its record, by which a target says which records failed. An event that cannot be a row is an
//! object, too, of the type [`REJECTED`], so that a rule can catch it: a pipe has no other place for it.

use arrow::error::ArrowError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use forebay_core::time::Timestamp;
use serde_json::{Map, Value, json};

use super::Tally;
use super::row_json::{Times, row_json};
use super::rows::{Place, Rows, events};
use crate::record::Rejection;
use crate::source::lambda_event::PipeRecord;
use crate::table::Catalog;

/// The `event_type` of what could not be a row.
pub const REJECTED: &str = "_rejected";
/// Most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 5_900_000;

enum Found {
    Row(Place),
    Rejected(Rejection, Vec<u8>),
}

/// The events of the records, and how many they are. An event that is there twice is once in the answer.
/// `now` stands for the arrival where the pipe's template leaves it out.
///
/// # Errors
/// Where rows cannot be put into columns; not known to happen.
pub fn enrichment(
    records: &[PipeRecord],
    catalog: &Catalog,
    now: Timestamp,
) -> Result<(Vec<Value>, Tally), ArrowError> {
    let mut rows = Rows::new(catalog);
    let mut tally = Tally::default();
    let mut found = Vec::with_capacity(records.len());
    for record in records {
        for event in take(&mut rows, record, now) {
            tally.records += 1;
            match &event {
                Some(Found::Row(_)) => tally.rows += 1,
                Some(Found::Rejected(..)) => tally.rejected += 1,
                None => tally.duplicates += 1,
            }
            found.extend(event.map(|event| (record.event_id.as_deref(), event)));
        }
    }
    let rows = rows.finish()?;
    let mut budget = MAX_ANSWER_BYTES;
    let mut answer = Vec::with_capacity(found.len());
    for (event_id, event) in found {
        let mut members = match event {
            Found::Row(place) => match rows.at(place) {
                Some((table, row)) => row_json(table, row, Times::Iso8601)?,
                None => Map::new(),
            },
            Found::Rejected(rejection, data) => rejected(&rejection, &data),
        };
        members.insert("eventID".to_owned(), event_id.into());
        let event = Value::from(members);
        match budget.checked_sub(event.to_string().len() + 1) {
            Some(rest) => {
                budget = rest;
                answer.push(event);
            }
            None => answer.push(json!({
                "eventID": event_id,
                "event_type": REJECTED,
                "reason": "answer_too_large",
            })),
        }
    }
    Ok((answer, tally))
}

/// What each event of a record became; `None` is a duplicate.
fn take(rows: &mut Rows<'_>, record: &PipeRecord, now: Timestamp) -> Vec<Option<Found>> {
    let data = record.bytes();
    let (shard, place) = record.place(&data);
    let parts = match events(&place, &data) {
        Ok(parts) => parts,
        Err(rejection) => return vec![Some(Found::Rejected(rejection, data))],
    };
    let taken =
        parts.iter().map(
            |part| match rows.read(shard, part, record.arrival().unwrap_or(now)) {
                Ok((key, row)) => rows.add(key, &row).map(Found::Row),
                Err(rejection) => Some(Found::Rejected(rejection, part.data().to_vec())),
            },
        );
    taken.collect()
}

fn rejected(rejection: &Rejection, data: &[u8]) -> Map<String, Value> {
    let violations = rejection.violations.iter();
    let violations = violations.map(|found| {
        json!({
            "path": found.path,
            "rule": found.rule,
            "expected": found.expected,
            "actual": found.actual,
        })
    });
    let violations: Vec<_> = violations.collect();
    let members = [
        ("event_type", REJECTED.into()),
        ("reason", rejection.reason.as_str().into()),
        ("violations", violations.into()),
        ("data_base64", BASE64_STANDARD.encode(data).into()),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    members.into_iter().collect()
}
