//! The validator, which gets an event field by field.

use core::str::from_utf8_unchecked;

use forebay_core::schema::{Given, Rules};

use crate::page::{Checker, page, parted};

/// Added to the argument `given` of [`validator_field`] if the field is a metric; otherwise it is an attribute.
pub const METRIC: u32 = 1;
/// Added if the value does not have the field's type: neither a text for an attribute nor a number for a metric.
pub const OTHER_TYPE: u32 = 2;

/// Takes the compact rules of a schema from the buffer. Gives whether their form is known; if not, only the limits of
/// the wire hold, as before.
#[unsafe(no_mangle)]
pub extern "C" fn validator_set_rules() -> bool {
    let page = page();
    let text: &'static [u8] = core::mem::take(&mut page.buffer).leak();
    let rules = Rules::read(self::text(text));
    page.rules = rules.unwrap_or_default();
    rules.is_ok()
}

/// Begins to validate an event, whose type is in the buffer.
#[unsafe(no_mangle)]
pub extern "C" fn validator_begin() {
    let page = page();
    page.checker = Some(Checker::new(page.rules, text(&page.buffer)));
}

/// Takes one attribute or metric of the event: its name, of so many bytes, and its text are in the buffer. `given` is
/// the sum of those of [`METRIC`] and [`OTHER_TYPE`] that apply. The text of a value of another type is the name of
/// that type. Gives whether the field may leave the browser.
#[unsafe(no_mangle)]
pub extern "C" fn validator_field(given: u32, name: usize) -> bool {
    let page = page();
    let given = match given {
        0 => Given::Attribute,
        METRIC => Given::Metric,
        OTHER_TYPE => Given::OtherAttribute,
        _ => Given::OtherMetric,
    };
    let (name, value) = parted(&page.buffer, name);
    let checker = page.checker.as_mut();
    checker.is_some_and(|checker| checker.field(given, text(name), text(value)))
}

/// Ends the event. Gives whether it is valid.
#[cfg(not(feature = "violations"))]
#[unsafe(no_mangle)]
pub extern "C" fn validator_is_valid() -> bool {
    let checker = page().checker.as_mut();
    checker.is_some_and(Checker::is_valid)
}

/// Ends the event. Puts its violations into the buffer, as a JSON array, and gives its length.
#[cfg(feature = "violations")]
#[unsafe(no_mangle)]
pub extern "C" fn validator_violations() -> usize {
    let page = page();
    let violations = page.checker.as_mut().map(Checker::finish);
    let mut json = forebay_core::json::Writer::new();
    json.begin_array();
    for violation in violations.unwrap_or_default() {
        json.begin_object().name("path").string(&violation.path);
        json.name("rule").string(violation.rule);
        json.name("expected").string(&violation.expected);
        json.name("actual").string(&violation.actual).end_object();
    }
    json.end_array();
    page.give(json.finish().as_bytes())
}

fn text(bytes: &[u8]) -> &str {
    // SAFETY: JavaScript writes what its encoder made, whole texts, and cuts where they end.
    unsafe { from_utf8_unchecked(bytes) }
}
