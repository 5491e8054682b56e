//! Events as NDJSON, judged one line at a time.

use std::borrow::Cow;

use forebay_core::event::{Event, Map};
use forebay_core::json::{Limits, Value};
use forebay_core::schema::{EventSchema, Schema, Stage, Violation, shortened};
use forebay_core::wire::DecodeError;
use forebay_core::wire::event_stream::Record;
use forebay_core::wire::put_events::{MAX_BODY_BYTES, read_event};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::samples::empty_event;

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// An event that fits the schema.
    Fits,
    /// An event that does not: every reason.
    Violations(Vec<Violation>),
    /// No event: why.
    Malformed(String),
}

impl Serialize for Verdict {
    /// `{"ok":true}`, `{"violations":[..]}` or `{"malformed":"why"}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Verdict::Fits => map.serialize_entry("ok", &true)?,
            Verdict::Violations(violations) => {
                let violations: Vec<_> = violations.iter().map(ViolationJson::of).collect();
                map.serialize_entry("violations", &violations)?;
            }
            Verdict::Malformed(reason) => map.serialize_entry("malformed", reason)?,
        }
        map.end()
    }
}

#[derive(Serialize)]
struct ViolationJson<'v> {
    path: &'v str,
    rule: &'v str,
    expected: &'v str,
    actual: &'v str,
}

impl ViolationJson<'_> {
    fn of(violation: &Violation) -> ViolationJson<'_> {
        ViolationJson {
            path: &violation.path,
            rule: violation.rule,
            expected: &violation.expected,
            actual: &violation.actual,
        }
    }
}

const LIMITS: Limits = Limits {
    depth: 32,
    values: 64 * 1024,
};

/// Judges a line. It takes three forms of events, and knows them by one of their members:
///
/// | member | form | judged |
/// |---|---|---|
/// | `name` | what `record()` takes | as recorded |
/// | `EventType` | `Event` of PutEvents | as recorded |
/// | `event_type` | a record of the event stream | as delivered: personal data is hashed or masked; one of a built-in event type fits |
///
/// Neither violations nor reasons repeat a value.
pub fn check_line(schema: &Schema, line: &str) -> Verdict {
    judge(schema, line.trim()).unwrap_or_else(|error| Verdict::Malformed(error.to_string()))
}

fn judge(schema: &Schema, line: &str) -> Result<Verdict, DecodeError> {
    if line.len() > MAX_BODY_BYTES {
        return Err(malformed("larger than 4 MB, which no event is"));
    }
    let value = Value::parse(line.as_bytes(), LIMITS)
        .map_err(|error| malformed(&format!("not JSON: {error}")))?;
    let has = |name: &str| value.get(name).is_some();
    match [has("name"), has("EventType"), has("event_type")] {
        [true, false, false] => recorded(schema, &value),
        [false, true, false] => {
            let event = read_event(line.as_bytes()).event?;
            Ok(verdict(schema, &event, Stage::Recorded))
        }
        [false, false, true] => {
            let record = Record::decode(line.as_bytes())?;
            let mut built_in = schema.built_in().into_iter();
            if built_in.any(|event| event.event_type == record.event_type) {
                return Ok(Verdict::Fits);
            }
            let event = Event {
                attributes: record.attributes,
                metrics: record.metrics,
                ..empty_event(&record.event_type)
            };
            Ok(verdict(schema, &event, Stage::Delivered))
        }
        _ => Err(malformed(
            "not an event: an object with \"name\" (as record() takes it), \"EventType\" (as PutEvents \
             has it) or \"event_type\" (as the stream has it)",
        )),
    }
}

fn malformed(reason: &str) -> DecodeError {
    DecodeError {
        path: String::new(),
        reason: reason.to_owned(),
    }
}

fn verdict(schema: &Schema, event: &Event<'_>, stage: Stage) -> Verdict {
    match schema.validate(event, stage) {
        Ok(_) => Verdict::Fits,
        Err(violations) => Verdict::Violations(violations),
    }
}

/// What `record()` takes. As in the browser, a value of another type than the wire has is a
/// violation of its own, and null is left out where the schema allows it.
fn recorded(schema: &Schema, value: &Value<'_>) -> Result<Verdict, DecodeError> {
    let name = value.get("name").and_then(Value::as_str);
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(DecodeError {
            path: "name".to_owned(),
            reason: "expected a string that is not empty".to_owned(),
        });
    };
    let mut reader = MapReader {
        value,
        schema: schema.event(name),
        violations: Vec::new(),
    };
    let event = Event {
        attributes: reader.read(
            "attributes",
            "Attributes",
            "a string",
            |value| match value {
                Value::String(text) => Some(Cow::Owned(text.as_ref().to_owned())),
                _ => None,
            },
        ),
        metrics: reader.read(
            "metrics",
            "Metrics",
            "a finite number",
            |value| match value {
                Value::Number(number) => Some(number.clone().into_owned()),
                _ => None,
            },
        ),
        ..empty_event(name)
    };
    let mut violations = reader.violations;
    if let Verdict::Violations(others) = verdict(schema, &event, Stage::Recorded) {
        // A value of the wrong type is not missing as well.
        let is_new = |other: &Violation| violations.iter().all(|known| known.path != other.path);
        let others: Vec<_> = others.into_iter().filter(is_new).collect();
        violations.extend(others);
    }
    Ok(if violations.is_empty() {
        Verdict::Fits
    } else {
        Verdict::Violations(violations)
    })
}

struct MapReader<'v> {
    value: &'v Value<'v>,
    schema: Option<&'v EventSchema>,
    violations: Vec<Violation>,
}

impl MapReader<'_> {
    fn read<V>(
        &mut self,
        member: &str,
        path: &str,
        expected: &str,
        read: impl Fn(&Value<'_>) -> Option<V>,
    ) -> Map<'static, V> {
        let mut map = Vec::new();
        let members = match self.value.get(member) {
            None | Some(Value::Null) => return map,
            Some(Value::Object(members)) => members,
            Some(other) => {
                self.wrong_type(path.to_owned(), "an object", other);
                return map;
            }
        };
        for (name, value) in members {
            match read(value) {
                Some(value) => map.push((Cow::Owned(name.as_ref().to_owned()), value)),
                None if matches!(value, Value::Null) && self.is_nullable(name) => {}
                None => self.wrong_type(format!("{path}.{}", shortened(name)), expected, value),
            }
        }
        map
    }

    fn is_nullable(&self, name: &str) -> bool {
        let mut fields = self.schema.iter().flat_map(|schema| &schema.fields);
        fields.any(|field| field.nullable && field.name == name)
    }

    fn wrong_type(&mut self, path: String, expected: &str, value: &Value<'_>) {
        let actual = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) | Value::Object(_) => "object",
        };
        self.violations.push(Violation {
            path,
            rule: "type",
            expected: expected.to_owned(),
            actual: actual.to_owned(),
        });
    }
}
