//! The validator, fed field by field. TEMPORARY: to be replaced by the core's checker.

use alloc::borrow::{Cow, ToOwned};
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::page::page;
use forebay_core::event::Event;
use forebay_core::json::{Number, Writer};
use forebay_core::schema::{Pii, Schema, Stage, Violation, shortened};
use forebay_core::time::Timestamp;

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

struct Validator {
    schema: Option<Schema>,
    event: Option<Event<'static>>,
    violations: Vec<Violation>,
}

struct Page(RefCell<Validator>);
// SAFETY: a module without shared memory runs on one thread.
unsafe impl Sync for Page {}
static PAGE: Page = Page(RefCell::new(Validator {
    schema: None,
    event: None,
    violations: Vec::new(),
}));

/// Takes the compact rules of a schema. Gives whether they can be read.
#[unsafe(no_mangle)]
pub extern "C" fn setRules() -> bool {
    let schema = Schema::from_rules(text(&page().buffer)).ok();
    let is_read = schema.is_some();
    PAGE.0.borrow_mut().schema = schema;
    is_read
}

/// Begins to validate an event of this type.
#[unsafe(no_mangle)]
pub extern "C" fn begin() {
    let event_type = text(&page().buffer).to_owned();
    let mut held = PAGE.0.borrow_mut();
    let page = &mut *held;
    page.violations.clear();
    page.event = Some(Event {
        event_type: Cow::Owned(event_type),
        timestamp: Timestamp(0),
        app_package_name: None,
        app_title: None,
        app_version_code: None,
        client_sdk_version: None,
        sdk_name: None,
        attributes: Vec::new(),
        metrics: Vec::new(),
        session: None,
    });
}

/// Takes one attribute or metric of the event: its name, `typeof` its value (`null` for null), and the
/// value as a string. Gives whether it is to be sent: not where it is null, or never to leave.
#[unsafe(no_mangle)]
pub extern "C" fn field(given: u8, name: usize) -> bool {
    let (name, value) = page().buffer.split_at_checked(name).unwrap_or_default();
    let (name, text) = (text(name).to_owned(), text(value).to_owned());
    let is_metric = given & 1 == 1;
    let is_other = given > 1;
    let kind = &*text;
    let mut held = PAGE.0.borrow_mut();
    let page = &mut *held;
    let Some(event) = &mut page.event else {
        return false;
    };
    let rules = page
        .schema
        .as_ref()
        .and_then(|schema| schema.event(&event.event_type))
        .and_then(|event| event.fields.iter().find(|field| field.name == name));
    if is_other && kind == "null" && rules.is_some_and(|field| field.nullable) {
        return false;
    }
    let keep = rules.is_none_or(|field| field.pii != Some(Pii::Drop));
    let (map, expected) = if is_metric {
        ("Metrics.", "a finite number")
    } else {
        ("Attributes.", "a string")
    };
    let number = Number::from_text(Cow::Owned(text.clone()));
    if is_other || is_metric && number.is_none() {
        page.violations.push(Violation {
            path: [map, &shortened(&name)].concat(),
            rule: "type",
            expected: expected.to_owned(),
            actual: if !is_other {
                "NaN or infinity".to_owned()
            } else {
                kind.to_owned()
            },
        });
    } else if let (true, Some(number)) = (is_metric, number) {
        event.metrics.push((Cow::Owned(name), number));
    } else {
        event.attributes.push((Cow::Owned(name), Cow::Owned(text)));
    }
    keep
}

/// Ends the event. Gives its violations as JSON, and nothing for a valid one.
#[unsafe(no_mangle)]
pub extern "C" fn violations() -> usize {
    let mut held = PAGE.0.borrow_mut();
    let page = &mut *held;
    let mut violations = core::mem::take(&mut page.violations);
    if let (Some(schema), Some(event), true) = (&page.schema, &page.event, violations.is_empty())
        && let Err(found) = schema.validate(event, Stage::Recorded)
    {
        violations = found;
    }
    if violations.is_empty() {
        return crate::page::page().give(b"");
    }
    let mut writer = Writer::new();
    writer.begin_array();
    for violation in &violations {
        writer.begin_object();
        writer.name("path").string(&violation.path);
        writer.name("rule").string(violation.rule);
        writer.name("expected").string(&violation.expected);
        writer.name("actual").string(&violation.actual);
        writer.end_object();
    }
    writer.end_array();
    crate::page::page().give(writer.finish().as_bytes())
}
