//! What a schema asks for, in words for readers of generated code and of the catalogue.

use forebay_core::schema::{Docs, Field, Format, Kind, Pii, Range};

/// What a field holds, in a word or two.
pub fn type_name(field: &Field) -> &'static str {
    match &field.kind {
        Kind::String { format, .. } => match format {
            Some(Format::Email) => "email address",
            Some(Format::DateTime) => "date and time (RFC 3339)",
            Some(Format::Date) => "date (as 2026-11-21)",
            Some(Format::Uuid) => "UUID",
            Some(Format::Uri) => "absolute URI",
            None => "text",
        },
        Kind::Boolean { .. } => "true or false",
        Kind::Integer(_) => "whole number",
        Kind::Number(_) => "number",
    }
}

/// How long a text or how large a number may be, e.g. `at most 200 characters`. Empty where the
/// schema says nothing of it, or lists the values that are allowed.
pub fn limits(field: &Field) -> Vec<String> {
    match &field.kind {
        Kind::String {
            min_length,
            max_length,
            one_of: None,
            ..
        } => lengths(*min_length, *max_length).into_iter().collect(),
        Kind::Integer(range) | Kind::Number(range) if range.one_of.is_none() => bounds(range),
        _ => Vec::new(),
    }
}

/// What a type of TypeScript does not show, e.g. `Email address, at most 200 characters.` `None`
/// where it shows all.
pub fn constraints(field: &Field) -> Option<String> {
    let mut parts = limits(field);
    let shown = match &field.kind {
        Kind::String { format, one_of, .. } => format.is_none() || one_of.is_some(),
        Kind::Integer(range) => range.one_of.is_some(),
        Kind::Boolean { .. } | Kind::Number(_) => true,
    };
    if !shown {
        parts.insert(0, type_name(field).to_owned());
    }
    (!parts.is_empty()).then(|| format!("{}.", capitalized(&parts.join(", "))))
}

fn lengths(min: Option<u32>, max: Option<u32>) -> Option<String> {
    let characters = |count: u32| {
        if count == 1 {
            "character"
        } else {
            "characters"
        }
    };
    match (min.filter(|min| *min > 0), max) {
        (Some(min), Some(max)) if min == max => Some(format!("{min} {}", characters(min))),
        (Some(min), Some(max)) => Some(format!("{min} to {max} characters")),
        (Some(min), None) => Some(format!("at least {min} {}", characters(min))),
        (None, Some(max)) => Some(format!("at most {max} {}", characters(max))),
        (None, None) => None,
    }
}

fn bounds(range: &Range) -> Vec<String> {
    let bounds = [
        ("at least", &range.minimum),
        ("more than", &range.exclusive_minimum),
        ("at most", &range.maximum),
        ("less than", &range.exclusive_maximum),
    ];
    let given = bounds
        .into_iter()
        .filter_map(|(relation, limit)| Some((relation, limit.as_ref()?)));
    given
        .map(|(relation, limit)| format!("{relation} {}", limit.as_text()))
        .collect()
}

/// A text with its first letter as a capital.
fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// What happens to a field that `x-pii` marks. `None` for a field without the mark.
pub fn personal_data(field: &Field) -> Option<String> {
    Some(match field.pii? {
        Pii::Drop => "checked and dropped where it is recorded, never sent".to_owned(),
        Pii::Hash => "hashed at the edge; only the hash is kept".to_owned(),
        Pii::Mask => format!(
            "masked at the edge; only {} is kept",
            what_a_mask_keeps(field)
        ),
    })
}

fn what_a_mask_keeps(field: &Field) -> &'static str {
    let Kind::String { format, .. } = &field.kind else {
        return "the mask";
    };
    match format {
        Some(Format::Email) => "its domain",
        Some(Format::Uri) => "its scheme and host",
        Some(Format::DateTime | Format::Date) => "its year",
        Some(Format::Uuid) => "the nil UUID",
        None => "its first character",
    }
}

/// Title and description as one text; `None` where there is neither.
pub fn summary(docs: &Docs) -> Option<String> {
    let given = |words: &Option<String>| words.clone().filter(|words| !words.trim().is_empty());
    match (given(&docs.title), given(&docs.description)) {
        (Some(title), Some(description)) => Some(format!("{title}: {description}")),
        (text, None) | (None, text) => text,
    }
}
