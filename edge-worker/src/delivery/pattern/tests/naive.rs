//! A matcher that is slow and plain: a pattern becomes a list of rules without `$or`, a record a
//! list of fields, and every choice of fields is tried. It reads patterns and records by itself.

use serde_json::Value;

/// The tests of each path.
type Rule = Vec<(Vec<String>, Vec<Value>)>;

/// A value of a record that is no object.
struct Field<'v> {
    path: Vec<String>,
    value: &'v Value,
    /// The arrays it is in, each by a number, and the place in them.
    places: Vec<(usize, usize)>,
}

pub(super) fn matches(pattern: &Value, record: &Value) -> bool {
    let mut fields = Vec::new();
    flatten(record, &[], &[], &mut 0, &mut fields);
    let mut rules = rules(pattern, &[]).into_iter();
    rules.any(|rule| choose(&rule, &fields, &mut Vec::new(), &mut Vec::new()))
}

/// All ways to take one alternative of each `$or`.
fn rules(pattern: &Value, path: &[String]) -> Vec<Rule> {
    let mut all = vec![Rule::new()];
    for (name, value) in pattern.as_object().unwrap() {
        let parts: Vec<Rule> = if name == "$or" {
            let alternatives = value.as_array().unwrap().iter();
            alternatives
                .flat_map(|alternative| rules(alternative, path))
                .collect()
        } else {
            let path = [path, std::slice::from_ref(name)].concat();
            match value.as_array() {
                Some(tests) => vec![vec![(path, tests.clone())]],
                None => rules(value, &path),
            }
        };
        let both = |rule: &Rule| {
            parts
                .iter()
                .map(|part| [rule.clone(), part.clone()].concat())
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(both).collect();
    }
    all
}

fn flatten<'v>(
    value: &'v Value,
    path: &[String],
    places: &[(usize, usize)],
    arrays: &mut usize,
    fields: &mut Vec<Field<'v>>,
) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(
                    value,
                    &[path, std::slice::from_ref(name)].concat(),
                    places,
                    arrays,
                    fields,
                );
            }
        }
        Value::Array(elements) => {
            *arrays += 1;
            let array = *arrays;
            for (index, element) in elements.iter().enumerate() {
                let places = [places, &[(array, index)]].concat();
                flatten(element, path, &places, arrays, fields);
            }
        }
        value => fields.push(Field {
            path: path.to_vec(),
            value,
            places: places.to_vec(),
        }),
    }
}

/// Whether the rest of a rule can be met, `chosen` having been chosen for the part before it.
fn choose<'f>(
    rule: &[(Vec<String>, Vec<Value>)],
    fields: &'f [Field<'_>],
    chosen: &mut Vec<&'f Field<'f>>,
    absent: &mut Vec<Vec<String>>,
) -> bool {
    let are_together = |one: &Field<'_>, other: &Field<'_>| {
        let differ = |(array, index): &(usize, usize)| {
            other
                .places
                .iter()
                .any(|(other, at)| other == array && at != index)
        };
        !one.places.iter().any(differ)
    };
    let Some(((path, tests), rest)) = rule.split_first() else {
        return !fields.iter().any(|field| {
            absent.contains(&field.path) && chosen.iter().all(|other| are_together(field, other))
        });
    };
    if tests.iter().any(|test| test["exists"] == false) {
        absent.push(path.clone());
        if choose(rest, fields, chosen, absent) {
            return true;
        }
        absent.pop();
    }
    for field in fields {
        let fits = field.path == *path
            && chosen.iter().all(|other| are_together(field, other))
            && tests.iter().any(|test| passes(test, field.value));
        if fits {
            chosen.push(field);
            if choose(rest, fields, chosen, absent) {
                return true;
            }
            chosen.pop();
        }
    }
    false
}

fn passes(test: &Value, value: &Value) -> bool {
    let Some(operator) = test.as_object() else {
        return match (test.as_f64(), value.as_f64()) {
            (Some(test), Some(value)) => test == value,
            _ => test == value,
        };
    };
    let (name, operand) = operator.iter().next().unwrap();
    let (text, wanted) = (value.as_str(), operand.as_str());
    let lower = |text: &str| text.to_ascii_lowercase();
    match name.as_str() {
        "exists" => operand == true,
        "anything-but" => {
            let (name, values) = match operand.as_object() {
                Some(operator) => operator
                    .iter()
                    .next()
                    .map(|(name, values)| (Some(name), values))
                    .unwrap(),
                None => (None, operand),
            };
            let single = [values.clone()];
            let values = values.as_array().map_or(&single[..], Vec::as_slice);
            !values.iter().any(|operand| match name {
                Some(name) => passes(&serde_json::json!({ name: operand }), value),
                None => passes(operand, value),
            })
        }
        "numeric" => value.as_f64().is_some_and(|value| {
            operand.as_array().unwrap().chunks(2).all(|term| {
                let number = term[1].as_f64().unwrap();
                match term[0].as_str().unwrap() {
                    "=" => value == number,
                    "<" => value < number,
                    "<=" => value <= number,
                    ">" => value > number,
                    _ => value >= number,
                }
            })
        }),
        "cidr" => text.and_then(last_byte).is_some_and(|address| {
            let (network, length) = wanted.unwrap().split_once('/').unwrap();
            let free = 32 - length.parse::<u32>().unwrap();
            address >> free == last_byte(network).unwrap() >> free
        }),
        _ => text.is_some_and(|text| {
            let insensitive = operand["equals-ignore-case"].as_str();
            match (name.as_str(), wanted, insensitive) {
                ("prefix", Some(wanted), _) => text.starts_with(wanted),
                ("suffix", Some(wanted), _) => text.ends_with(wanted),
                ("prefix", _, Some(wanted)) => lower(text).starts_with(&lower(wanted)),
                ("suffix", _, Some(wanted)) => lower(text).ends_with(&lower(wanted)),
                ("equals-ignore-case", Some(wanted), _) => lower(text) == lower(wanted),
                ("wildcard", Some(wanted), _) => fits(wanted.as_bytes(), text.as_bytes()),
                _ => panic!("{test}"),
            }
        }),
    }
}

/// Of the addresses 10.0.0.0 to 10.0.0.255.
fn last_byte(address: &str) -> Option<u32> {
    address.strip_prefix("10.0.0.")?.parse().ok()
}

/// Tries every length for each star.
fn fits(wildcard: &[u8], text: &[u8]) -> bool {
    match wildcard.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|taken| fits(rest, &text[taken..])),
        Some((byte, rest)) => text
            .split_first()
            .is_some_and(|(first, after)| first == byte && fits(rest, after)),
    }
}
