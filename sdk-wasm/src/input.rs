//! What the page hands over, read value by value into the core's types.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;

use forebay_core::client::Config;
use forebay_core::event::{Event, Map, Text};
use forebay_core::json::{Limits, Number, Value};
use forebay_core::schema::{Checker, Given, Rules, Violation, shortened};
use forebay_core::wire::put_events::MAX_EVENT_BYTES;
use js_sys::{Array, JsString, Object};
use wasm_bindgen::{JsCast, JsValue};

/// Reads the two maps of `record()`'s argument into `event`.
///
/// `undefined` is left out, as JSON does; `null` is left out where `schema` allows null. Whatever
/// else is not what the wire carries becomes a violation and not a guess.
pub fn read_maps(
    event: &mut Event<'static>,
    attributes: &JsValue,
    metrics: &JsValue,
    schema: Option<Rules<'_>>,
) -> Vec<Violation> {
    let event_type = event.event_type.clone();
    let violations_of = |null: Option<&str>| {
        let mut checker: Checker<'_, String> =
            Checker::new(schema.unwrap_or_default(), &event_type);
        if let Some(name) = null {
            checker.field(Given::OtherAttribute, name, "null");
        }
        checker.finish()
    };
    let nullable = |name: &str| violations_of(Some(name)) == violations_of(None);
    let mut violations = Vec::new();
    event.attributes = read_map("Attributes", attributes, nullable, text, &mut violations);
    event.metrics = read_map("Metrics", metrics, nullable, number, &mut violations);
    violations
}

fn read_map<V>(
    member: &str,
    object: &JsValue,
    nullable: impl Fn(&str) -> bool,
    read: fn(&JsValue) -> Result<V, Mistake>,
    violations: &mut Vec<Violation>,
) -> Map<'static, V> {
    let mut map = Vec::new();
    if object.is_null() || object.is_undefined() {
        return map;
    }
    if !object.is_object() {
        violations.push(expected("an object", object).at(String::from(member)));
        return map;
    }
    for entry in Object::entries(object.unchecked_ref()).iter() {
        let entry: Array = entry.unchecked_into();
        let (name, value) = (entry.get(0).as_string().unwrap_or_default(), entry.get(1));
        if value.is_undefined() || value.is_null() && nullable(&name) {
            continue;
        }
        match read(&value) {
            Ok(value) => map.push((Cow::Owned(name), value)),
            Err(mistake) => {
                violations.push(mistake.at([member, ".", &shortened(&name)].concat()));
            }
        }
    }
    map
}

fn text(value: &JsValue) -> Result<Text<'static>, Mistake> {
    let Some(string) = value.dyn_ref::<JsString>() else {
        return Err(expected("a string", value));
    };
    // No character is less than a byte: what is longer than an event may be is not copied.
    if string.length() as usize > MAX_EVENT_BYTES {
        return Err(Mistake {
            rule: "maxLength",
            expected: "a shorter string",
            actual: "a string larger than an event may be".to_owned(),
        });
    }
    Ok(Cow::Owned(String::from(string)))
}

fn number(value: &JsValue) -> Result<Number<'static>, Mistake> {
    let text = value
        .as_f64()
        .filter(|number| number.is_finite())
        .map(|number| String::from(js_sys::Number::from(number).to_js_string()));
    text.and_then(|text| Number::from_text(Cow::Owned(text)))
        .ok_or_else(|| expected("a finite number", value))
}

/// A violation whose place is not yet known.
struct Mistake {
    rule: &'static str,
    expected: &'static str,
    actual: String,
}

impl Mistake {
    fn at(self, path: String) -> Violation {
        Violation {
            path,
            rule: self.rule,
            expected: self.expected.to_owned(),
            actual: self.actual,
        }
    }
}

fn expected(expected: &'static str, value: &JsValue) -> Mistake {
    let actual = if value.is_null() {
        "null".to_owned()
    } else if value.as_f64().is_some_and(|number| !number.is_finite()) {
        "NaN or infinity".to_owned()
    } else {
        value.js_typeof().as_string().unwrap_or_default()
    };
    Mistake {
        rule: "type",
        expected,
        actual,
    }
}

/// Reads `Settings` of `npm/src/config.ts`, as JSON. `None` where a member is missing.
pub fn read_config(settings: &str, schema: Option<Rules<'static>>) -> Option<Config> {
    let limits = Limits {
        depth: 2,
        values: 32,
    };
    let settings = Value::parse(settings.as_bytes(), limits).ok()?;
    let text = |name| settings.get(name)?.as_str().map(String::from);
    let count = |name| match settings.get(name)? {
        Value::Number(number) => u32::try_from(number.to_i64()?).ok(),
        _ => None,
    };
    Some(Config {
        app_id: text("appId")?,
        region: text("region")?,
        identity_pool_id: text("identityPoolId")?,
        endpoint: text("endpoint")?,
        identity_endpoint: text("identityEndpoint")?,
        endpoint_id: text("endpointId")?,
        identity_id: text("identityId"),
        schema,
        flush_interval_ms: count("flushInterval")?,
        flush_size: count("flushSize")? as usize,
        buffer_size: count("bufferSize")? as usize,
    })
}
