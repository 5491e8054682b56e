//! The fields of an event type, old and new.

use forebay_core::schema::{ColumnType, EventSchema, Field, Format, Kind, Pii};

use super::events::{self, Pairs, compare_docs, when};
use super::values::{Constraint, constraints, includes, unconstrained};
use super::{BREAKING, RISKY, Report, SAFE};

/// Most values that a change repeats.
const MAX_LISTED: usize = 10;

pub(super) fn compare_all(old: &EventSchema, new: &EventSchema, report: &mut Report) {
    let names: [fn(&Field) -> String; 2] = [|field| field.name.clone(), Field::column_name];
    let pairs = Pairs::of(&old.fields, &new.fields, &names);
    for (field, before) in new.fields.iter().zip(&pairs.old) {
        let path = path(new, field);
        match before {
            Some(before) => compare(before, field, new, &path, report),
            None => added(field, old, &path, report),
        }
    }
    for field in pairs.gone {
        removed(field, new, &path(old, field), report);
    }
    compare_order(old, new, report);
}

fn path(event: &EventSchema, field: &Field) -> String {
    format!("{}/properties/{}", events::path(event), field.name)
}

/// Whether every event has it.
fn is_always_there(field: &Field) -> bool {
    field.required && !field.nullable
}

/// Whether it comes further than the browser.
fn is_delivered(field: &Field) -> bool {
    field.pii != Some(Pii::Drop)
}

fn added(field: &Field, old: &EventSchema, path: &str, report: &mut Report) {
    let name = &field.name;
    if is_always_there(field) {
        report.add(
            path,
            BREAKING.to_producers(),
            format!("the required field {name:?} is new"),
            "Leave it out of \"required\" until every app sends it.",
        );
    } else {
        let advice = if is_delivered(field) {
            "Deploy the edge and the lake with the new schema before the app; then add its column."
        } else {
            ""
        };
        // Code that builds the event must name what is required, even if it may be null.
        let code = when(field.required, RISKY.to_producers());
        report.add(path, code, format!("the field {name:?} is new"), advice);
    }
    if old.additional_properties {
        report.add(
            path,
            RISKY.to_producers().and(when(is_delivered(field), RISKY.to_lake())),
            format!("{name:?} has a type where any value was let in before"),
            "See in the column \"extra\" what apps send by this name: other values are refused from now \
             on, and older rows keep theirs there.",
        );
    }
}

fn removed(field: &Field, new: &EventSchema, path: &str, report: &mut Report) {
    let producers = if new.additional_properties {
        RISKY
    } else {
        BREAKING
    };
    let consumers = if is_always_there(field) {
        BREAKING
    } else {
        RISKY
    };
    let delivered = consumers.to_consumers().and(BREAKING.to_lake());
    report.add(
        path,
        producers.to_producers().and(when(is_delivered(field), delivered)),
        format!("the field {:?} is gone", field.name),
        "Mark it \"deprecated\" and leave it out of \"required\" instead; remove it when no app sends it \
         and no query reads it.",
    );
}

fn compare(before: &Field, field: &Field, event: &EventSchema, path: &str, report: &mut Report) {
    if before.name != field.name {
        let producers = if event.additional_properties {
            RISKY
        } else {
            BREAKING
        };
        report.add(
            path,
            producers.to_producers().and(BREAKING.to_consumers()),
            format!("the field {:?} is now called {:?}", before.name, field.name),
            "Keep the name: the column is the same, but apps and readers of the stream know the old one.",
        );
        if is_always_there(field) && event.additional_properties {
            report.add(
                path,
                BREAKING.to_producers(),
                format!("{:?} is required by its new name", field.name),
                "Leave it out of \"required\" until every app sends it.",
            );
        }
    }
    compare_presence(before, field, path, report);
    compare_kinds(before, field, path, report);
    compare_pii(before, field, path, report);
    compare_columns(before, field, path, report);
    compare_docs(&before.docs, &field.docs, path, report);
}

fn compare_presence(before: &Field, field: &Field, path: &str, report: &mut Report) {
    let may_be_missing_now = is_always_there(before) && !is_always_there(field);
    let readers = when(
        may_be_missing_now && is_delivered(field),
        RISKY.to_consumers(),
    );
    if field.required && !before.required {
        // Null is left out on the wire: only code must name the field.
        let effect = if field.nullable { RISKY } else { BREAKING };
        report.add(
            path,
            effect.to_producers(),
            "is required now".to_owned(),
            "Require it when every app sends it.",
        );
    }
    if before.required && !field.required {
        report.add(
            path,
            readers,
            "is no longer required".to_owned(),
            "Tell readers of the stream that it may be missing.",
        );
    }
    if field.nullable && !before.nullable {
        report.add(
            path,
            readers,
            "may be null now, which is sent by leaving it out".to_owned(),
            "Tell readers of the stream that it may be missing.",
        );
    }
    if before.nullable && !field.nullable {
        report.add(
            path,
            BREAKING.to_producers(),
            "may no longer be null".to_owned(),
            "Let it be null until no app sends null.",
        );
    }
}

/// Type and constraints: what is taken now that was not before, and the other way round.
fn compare_kinds(before: &Field, field: &Field, path: &str, report: &mut Report) {
    let (old, new) = (&before.kind, &field.kind);
    // Readers see hashes, or nothing, whatever the values are.
    let is_seen = !matches!(field.pii, Some(Pii::Hash | Pii::Drop)) || before.pii != field.pii;
    if type_name(old) != type_name(new) {
        let numbers = is_number(old) && is_number(new);
        let (narrowed, widened) = if numbers {
            (
                !includes(&unconstrained(new), old),
                !includes(&unconstrained(old), new),
            )
        } else {
            (!includes(new, old), true)
        };
        let producers = match (narrowed, numbers) {
            (true, _) => BREAKING,
            (false, true) => SAFE,
            // The same text on the wire, but another type in code.
            (false, false) => RISKY,
        };
        let consumers = if numbers { RISKY } else { BREAKING };
        report.add(
            path,
            producers
                .to_producers()
                .and(when(widened && is_seen, consumers.to_consumers())),
            format!("is {} instead of {}", type_name(new), type_name(old)),
            "Add a field of another name instead.",
        );
        if !numbers {
            return;
        }
    }
    let (were, are) = (constraints(old), constraints(new));
    for keyword in KEYWORDS {
        let was = were.iter().find(|constraint| constraint.keyword == keyword);
        let is = are.iter().find(|constraint| constraint.keyword == keyword);
        if was.map(|was| &was.says) == is.map(|is| &is.says) {
            continue;
        }
        let narrowed = is.is_some_and(|is| !includes(&is.takes, old));
        let widened = was.is_some_and(|was| !includes(&was.takes, new));
        // In code a Date stands for such a text.
        let was_a_date = keyword == "format" && holds_time(old) && !holds_time(new);
        let advice = match (narrowed, widened) {
            (true, _) => {
                "Values that were fine are refused from now on; first see in the lake that there are none."
            }
            (false, _) if was_a_date => {
                "Code that gives a Date must give a text; readers of the stream may find any."
            }
            (false, true) => {
                "Deploy the edge and the lake before the app, and tell readers of the stream which values are new."
            }
            (false, false) => "",
        };
        report.add(
            path,
            when(narrowed, BREAKING.to_producers())
                .and(when(was_a_date, RISKY.to_producers()))
                .and(when(widened && is_seen, RISKY.to_consumers())),
            constraint_change(keyword, was, is),
            advice,
        );
    }
}

fn holds_time(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::String {
            format: Some(Format::DateTime | Format::Date),
            ..
        }
    )
}

/// In the order in which changes of them are told.
const KEYWORDS: [&str; 8] = [
    "enum",
    "minLength",
    "maxLength",
    "format",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
];

fn is_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Integer(_) | Kind::Number(_))
}

fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::String { .. } => "a string",
        Kind::Boolean { .. } => "a boolean",
        Kind::Integer(_) => "an integer",
        Kind::Number(_) => "a number",
    }
}

fn constraint_change(keyword: &str, was: Option<&Constraint>, is: Option<&Constraint>) -> String {
    match (was, is) {
        (Some(was), Some(is)) if keyword == "enum" => {
            let only = |one: &Constraint, other: &Constraint| {
                let values = one.says.iter().filter(|value| !other.says.contains(value));
                list(&values.cloned().collect::<Vec<_>>())
            };
            let parts = [
                ("no longer allows", only(was, is)),
                ("allows now", only(is, was)),
            ];
            let parts = parts.iter().filter(|(_, values)| !values.is_empty());
            let parts: Vec<String> = parts
                .map(|(what, values)| format!("{what} {values}"))
                .collect();
            match parts.as_slice() {
                [] => "lists the values it allows in another order".to_owned(),
                parts => parts.join(", "),
            }
        }
        (None, Some(is)) if keyword == "enum" => format!("allows only {} now", list(&is.says)),
        (Some(was), None) if keyword == "enum" => {
            format!("allows any value now, not only {}", list(&was.says))
        }
        (was, is) => {
            let said = |constraint: Option<&Constraint>| {
                constraint.map_or_else(|| "none".to_owned(), |constraint| list(&constraint.says))
            };
            format!("{keyword} is {} instead of {}", said(is), said(was))
        }
    }
}

/// The values, cut where they are too many to read.
fn list(values: &[String]) -> String {
    let listed = values.get(..MAX_LISTED).unwrap_or(values).join(", ");
    match values.len().saturating_sub(MAX_LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

fn compare_pii(before: &Field, field: &Field, path: &str, report: &mut Report) {
    if before.pii == field.pii {
        return;
    }
    let (effect, advice) = match (before.pii, field.pii) {
        (_, Some(Pii::Drop)) => (
            BREAKING.to_consumers().and(BREAKING.to_lake()),
            "It reaches neither stream nor lake any more. Files that are there keep what they have: delete \
             or rewrite them if it must go.",
        ),
        (Some(Pii::Drop), _) => (
            RISKY.to_consumers().and(RISKY.to_lake()),
            "It leaves the browser from now on: see that it may. Then add its column.",
        ),
        (_, Some(Pii::Hash)) => (
            BREAKING.to_consumers().and(RISKY.to_lake()),
            "Give the edge its PII_SALT first, and change edge and lake together: records of the other form \
             that are still in the stream are rejected. Rows before and after cannot be joined by it, and \
             files that are there keep what they have: delete or rewrite them if it must go.",
        ),
        (_, Some(Pii::Mask)) => (
            RISKY.to_consumers().and(RISKY.to_lake()),
            "Rows before and after cannot be compared by it, and files that are there keep what they have: \
             delete or rewrite them if it must go.",
        ),
        (_, None) => (
            RISKY.to_consumers().and(RISKY.to_lake()),
            "Personal data reaches stream and lake as it is from now on: see that it may. Change edge and \
             lake together: records of the other form that are still in the stream may be rejected. Rows \
             before and after cannot be compared by it.",
        ),
    };
    report.add(
        path,
        effect,
        format!(
            "x-pii is {} instead of {}",
            pii_name(field.pii),
            pii_name(before.pii)
        ),
        advice,
    );
}

fn pii_name(pii: Option<Pii>) -> &'static str {
    match pii {
        Some(Pii::Hash) => "\"hash\"",
        Some(Pii::Drop) => "\"drop\"",
        Some(Pii::Mask) => "\"mask\"",
        None => "absent",
    }
}

/// A file's column keeps its type; one that appears or goes is told by `x-pii`.
fn compare_columns(before: &Field, field: &Field, path: &str, report: &mut Report) {
    let types = (before.column_type(), field.column_type());
    if let (Some(was), Some(is)) = types
        && was != is
    {
        report.add(
            path,
            BREAKING.to_lake(),
            format!(
                "the column {:?} holds {} instead of {}",
                field.column_name(),
                column_type_name(is),
                column_type_name(was)
            ),
            "Queries fail on files of the other type. Add a field of another name instead.",
        );
    }
}

fn column_type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::String => "strings",
        ColumnType::Timestamp => "timestamps",
        ColumnType::Date => "dates",
        ColumnType::Boolean => "booleans",
        ColumnType::SmallInteger | ColumnType::Integer => "integers",
        ColumnType::Number => "doubles",
    }
}

/// The order of the columns that both have.
fn compare_order(old: &EventSchema, new: &EventSchema, report: &mut Report) {
    let columns = |event: &EventSchema| -> Vec<String> {
        let fields = event.fields.iter().filter(|field| is_delivered(field));
        fields.map(Field::column_name).collect()
    };
    let (old, new_columns) = (columns(old), columns(new));
    let common = |columns: &[String], others: &[String]| -> Vec<String> {
        let columns = columns.iter().filter(|column| others.contains(column));
        columns.cloned().collect()
    };
    if common(&old, &new_columns) != common(&new_columns, &old) {
        report.add(
            &events::path(new),
            RISKY.to_lake(),
            "the columns are in another order".to_owned(),
            "Columns are read by name; only queries by position are touched, such as UNION of SELECT *. Put \
             new fields at the end.",
        );
    }
}
