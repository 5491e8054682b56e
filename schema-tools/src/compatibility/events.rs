//! Event types, old and new.

use std::collections::BTreeMap;

use forebay_core::schema::{Docs, EventSchema, Schema};

use super::{BREAKING, Effect, RISKY, Report, SAFE, fields};

pub(super) fn compare_all(old: &Schema, new: &Schema, report: &mut Report) {
    let pairs = Pairs::of(
        &old.events,
        &new.events,
        &[
            |event| event.event_type.clone(),
            |event| event.name.clone(),
            EventSchema::table_name,
        ],
    );
    for (new, old) in new.events.iter().zip(&pairs.old) {
        match old {
            Some(old) => compare(old, new, report),
            None => report.add(
                &path(new),
                SAFE,
                format!("the event type {:?} is new", new.event_type),
                "Deploy the edge and the lake with the new schema before the app; then make its table.",
            ),
        }
    }
    for old in pairs.gone {
        report.add(
            &path(old),
            BREAKING.to_producers().and(RISKY.to_consumers()).and(BREAKING.to_lake()),
            format!("the event type {:?} is gone", old.event_type),
            "Mark it \"deprecated\" instead, and remove it when no app sends it any more. Its files stay; \
             keep its table for queries of them.",
        );
    }
}

fn compare(old: &EventSchema, new: &EventSchema, report: &mut Report) {
    let path = path(new);
    if old.event_type != new.event_type {
        let same_table = old.table_name() == new.table_name();
        let lake = if same_table { RISKY } else { BREAKING };
        report.add(
            &path,
            BREAKING
                .to_producers()
                .and(BREAKING.to_consumers())
                .and(lake.to_lake()),
            format!(
                "the event type {:?} is now called {:?} on the wire",
                old.event_type, new.event_type
            ),
            "Keep the old name in \"x-event-name\", or add the new event type beside the old one.",
        );
    }
    if old.name != new.name {
        report.add(
            &path,
            RISKY.to_producers(),
            format!("{:?} is now called {:?} in generated code", old.name, new.name),
            "Rename it in the app when the code is generated anew; on the wire it is the same event.",
        );
    }
    if old.additional_properties != new.additional_properties {
        additional_properties(new, &path, report);
    }
    compare_docs(&old.docs, &new.docs, &path, report);
    fields::compare_all(old, new, report);
}

fn additional_properties(new: &EventSchema, path: &str, report: &mut Report) {
    if new.additional_properties {
        report.add(
            path,
            SAFE,
            "fields that the schema does not name are let in".to_owned(),
            "They are in the new column \"extra\": make it in the table.",
        );
    } else {
        report.add(
            path,
            BREAKING
                .to_producers()
                .and(RISKY.to_consumers())
                .and(BREAKING.to_lake()),
            "fields that the schema does not name are no longer let in".to_owned(),
            "First name in the schema all that apps send. Queries lose the column \"extra\".",
        );
    }
}

/// What the schema says to readers.
pub(super) fn compare_docs(old: &Docs, new: &Docs, path: &str, report: &mut Report) {
    if old.deprecated != new.deprecated {
        let (change, advice) = if new.deprecated {
            (
                "is deprecated",
                "Stop using it in apps; then it can be removed.",
            )
        } else {
            ("is no longer deprecated", "")
        };
        report.add_words(path, change.to_owned(), advice);
    }
    let words = [
        ("title", old.title == new.title),
        ("description", old.description == new.description),
        ("examples", old.examples == new.examples),
    ];
    let changed = words.iter().filter(|(_, same)| !same);
    let changed: Vec<&str> = changed.map(|(word, _)| *word).collect();
    if !changed.is_empty() {
        let change = format!("another {}", changed.join(", "));
        report.add_words(path, change, "");
    }
}

pub(super) fn path(event: &EventSchema) -> String {
    format!("/$defs/{}", event.name)
}

/// How much of what was is still there.
pub(super) struct Pairs<'o, T> {
    /// For each of the new what it was before.
    pub(super) old: Vec<Option<&'o T>>,
    /// What was and is no longer there.
    pub(super) gone: Vec<&'o T>,
}

impl<'o, T> Pairs<'o, T> {
    /// Finds for each of the new the old one of the same name; among those that are left, by the
    /// next of the names.
    pub(super) fn of(old: &'o [T], new: &[T], names: &[fn(&T) -> String]) -> Pairs<'o, T> {
        let mut found: Vec<Option<usize>> = vec![None; new.len()];
        let mut left: Vec<bool> = vec![true; old.len()];
        for name in names {
            let candidates = old.iter().enumerate().filter(|(at, _)| left[*at]);
            let mut by_name: BTreeMap<String, usize> =
                candidates.map(|(at, item)| (name(item), at)).collect();
            for (item, found) in new.iter().zip(&mut found).filter(|(_, at)| at.is_none()) {
                *found = by_name.remove(&name(item));
                if let Some(at) = found {
                    left[*at] = false;
                }
            }
        }
        let gone = old.iter().zip(left).filter(|(_, left)| *left);
        Pairs {
            gone: gone.map(|(item, _)| item).collect(),
            old: found
                .into_iter()
                .map(|at| at.and_then(|at| old.get(at)))
                .collect(),
        }
    }
}

/// The effect where a condition holds, none elsewhere.
pub(super) fn when(condition: bool, effect: Effect) -> Effect {
    if condition { effect } else { SAFE }
}
