//! Writing messages: the shapes that several of them share. What is absent is left out.

use crate::event::{Map, Text};
use crate::json::{Number, Writer};

/// A string member, unless absent.
pub(super) fn optional_text(writer: &mut Writer, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        writer.name(name).string(value);
    }
}

/// A number member, unless absent.
pub(super) fn optional_number(writer: &mut Writer, name: &str, value: Option<&Number<'_>>) {
    if let Some(value) = value {
        writer.name(name).number(value);
    }
}

/// A map, each value written with `write`.
pub(super) fn map<T>(
    writer: &mut Writer,
    name: &str,
    map: &Map<'_, T>,
    write: impl Fn(&mut Writer, &T),
) {
    writer.name(name).begin_object();
    for (name, value) in map {
        writer.name(name);
        write(writer, value);
    }
    writer.end_object();
}

/// A map of strings.
pub(super) fn text_map(writer: &mut Writer, name: &str, texts: &Map<'_, Text<'_>>) {
    map(writer, name, texts, |writer, text| {
        writer.string(text);
    });
}

/// A map of numbers.
pub(super) fn number_map(writer: &mut Writer, name: &str, numbers: &Map<'_, Number<'_>>) {
    map(writer, name, numbers, |writer, number| {
        writer.number(number);
    });
}
