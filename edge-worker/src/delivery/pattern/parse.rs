//! From a text to a pattern, or to what is wrong with it.

use std::fmt::Write as _;

use forebay_core::json::{Limits, Number, Value};
use thiserror::Error;

use super::value::{Bound, Cidr, Range, Test, Wildcard, WildcardError};
use super::{Field, Fields};

/// Longest pattern. EventBridge's is 2,048 characters, and 4,096 on request.
const MAX_BYTES: usize = 16 * 1024;
/// Deepest nesting, and most values of one pattern.
const LIMITS: Limits = Limits {
    depth: 24,
    values: 2_000,
};
/// Most combinations that the alternatives of a pattern's `$or` give: EventBridge's own limit.
const MAX_COMBINATIONS: usize = 1_000;

const OR: &str = "$or";
const OPERATORS: [&str; 9] = [
    "prefix",
    "suffix",
    "anything-but",
    "numeric",
    "exists",
    "equals-ignore-case",
    "wildcard",
    "cidr",
    "exact",
];

/// A mistake in a pattern: where it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {problem}")]
pub struct PatternError {
    /// Where, e.g. `$.attributes.plan[0].prefix`; `$` is the whole pattern.
    pub path: String,
    /// What.
    pub problem: Problem,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// It is longer than any pattern needs.
    #[error("the pattern is longer than {MAX_BYTES} bytes: make it shorter")]
    TooLong,
    /// It cannot be read as JSON, or nests too deeply, or has too many values.
    #[error("{0}")]
    NotJson(String),
    /// The pattern, or an alternative, is something else than an object.
    #[error("an object of fields was expected, such as {{\"event_type\": [\"SignUpEvent\"]}}")]
    NotAnObject,
    /// An object has no field.
    #[error("an object without a field matches nothing: name a field, or leave it out")]
    NoField,
    /// A field is neither an object nor a list.
    #[error("values stand in a list: write [..] around it")]
    NotAList,
    /// A list has no value.
    #[error("a list without a value matches nothing: name a value, or leave the field out")]
    NoValue,
    /// A list within a list of values.
    #[error("a list within a list is no value: put its values into the outer one")]
    ListInList,
    /// An object that is to be an operator has not one member.
    #[error("an operator is an object with one member, such as {{\"prefix\": \"a\"}}")]
    NotOneOperator,
    /// A name that is no operator's.
    #[error("`{0}` is no operator: use one of {list}", list = OPERATORS.join(", "))]
    UnknownOperator(String),
    /// An operator has a value that it cannot be used with.
    #[error("{0} was expected")]
    Operand(&'static str),
    /// The ends of a range of numbers are the wrong way round, or the same.
    #[error("no number is in this range: the first number must be less than the second")]
    EmptyRange,
    /// A wildcard that cannot be read.
    #[error("the wildcard {0}")]
    Wildcard(#[from] WildcardError),
    /// `$or` is something else than a list of at least two objects.
    #[error("`$or` is a list of two objects or more, each an alternative")]
    NotAlternatives,
    /// A field of an alternative that is named as an operator is.
    #[error(
        "`{0}` names an operator, and no field within `$or`: operators stand in a field's list"
    )]
    OperatorAsField(String),
    /// A pattern with more combinations of alternatives than are allowed.
    #[error("the alternatives of `$or` give more than {MAX_COMBINATIONS} combinations: use fewer")]
    TooManyCombinations,
    /// A field that is required twice.
    #[error(
        "the field is required beside `$or` and within it: keep one, or put each into its own alternative"
    )]
    RequiredTwice,
}

/// Where a mistake would be.
#[derive(Debug, Clone, Copy)]
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>, usize),
}

impl Path<'_> {
    fn error<T>(&self, problem: impl Into<Problem>) -> Result<T, PatternError> {
        Err(PatternError {
            path: self.text(),
            problem: problem.into(),
        })
    }

    fn text(&self) -> String {
        let mut steps = Vec::new();
        let mut step = self;
        while let Path::Member(parent, _) | Path::Element(parent, _) = step {
            steps.push(step);
            step = parent;
        }
        let mut text = "$".to_owned();
        for step in steps.into_iter().rev() {
            // Writing to a String does not fail.
            let _ = match step {
                Path::Root => Ok(()),
                Path::Member(_, name) => write!(text, ".{name}"),
                Path::Element(_, index) => write!(text, "[{index}]"),
            };
        }
        text
    }
}

pub(super) fn pattern(text: &str) -> Result<Fields, PatternError> {
    let root = Path::Root;
    if text.len() > MAX_BYTES {
        return root.error(Problem::TooLong);
    }
    let value = Value::parse(text.as_bytes(), LIMITS).or_else(|error| {
        let problem = format!("the pattern is not JSON that can be used: {error}");
        root.error(Problem::NotJson(problem))
    })?;
    // Before anything is made of it: required fields are copied into alternatives.
    if combinations(&value) > MAX_COMBINATIONS {
        return root.error(Problem::TooManyCombinations);
    }
    fields(&value, &root, false)
}

/// How many combinations the alternatives in an object give.
fn combinations(value: &Value<'_>) -> usize {
    let Value::Object(members) = value else {
        return 1;
    };
    let of_member = |(name, value): &(_, Value<'_>)| match value {
        Value::Array(alternatives) if name == OR => alternatives
            .iter()
            .map(combinations)
            .fold(0, usize::saturating_add),
        value => combinations(value),
    };
    members.iter().map(of_member).fold(1, usize::saturating_mul)
}

/// Reads an object of fields. `is_alternative`: within `$or`.
fn fields(
    value: &Value<'_>,
    path: &Path<'_>,
    is_alternative: bool,
) -> Result<Fields, PatternError> {
    let Value::Object(members) = value else {
        return path.error(Problem::NotAnObject);
    };
    if members.is_empty() {
        return path.error(Problem::NoField);
    }
    let mut required = Fields::default();
    let mut one_of = Vec::new();
    for (name, value) in members {
        let path = Path::Member(path, name);
        if name == OR {
            one_of = alternatives(value, &path)?;
            continue;
        }
        if is_alternative && OPERATORS.contains(&name.as_ref()) {
            return path.error(Problem::OperatorAsField(name.to_string()));
        }
        let field = match value {
            Value::Object(_) => Field::Object(fields(value, &path, is_alternative)?),
            Value::Array(values) => Field::Value(tests(values, &path)?),
            _ => return path.error(Problem::NotAList),
        };
        required.all_of.push((name.to_string(), field));
    }
    with_alternatives(required, one_of, path)
}

fn alternatives(value: &Value<'_>, path: &Path<'_>) -> Result<Vec<Fields>, PatternError> {
    match value {
        Value::Array(alternatives) if alternatives.len() >= 2 => alternatives
            .iter()
            .enumerate()
            .map(|(index, alternative)| fields(alternative, &Path::Element(path, index), true))
            .collect(),
        _ => path.error(Problem::NotAlternatives),
    }
}

/// Required fields and alternatives together. Where both go into the same member, each alternative
/// takes the required fields in: within an array, they are looked for in the same element.
fn with_alternatives(
    required: Fields,
    one_of: Vec<Fields>,
    path: &Path<'_>,
) -> Result<Fields, PatternError> {
    let is_shared = |(name, _): &(String, Field)| one_of.iter().any(|fields| fields.names(name));
    if !required.all_of.iter().any(is_shared) {
        return Ok(Fields { one_of, ..required });
    }
    let both = |alternative: Fields| both(required.clone(), alternative, path);
    Ok(Fields {
        all_of: Vec::new(),
        one_of: one_of.into_iter().map(both).collect::<Result<_, _>>()?,
    })
}

/// The fields of both.
fn both(left: Fields, right: Fields, path: &Path<'_>) -> Result<Fields, PatternError> {
    let mut all_of = left.all_of;
    for (name, field) in right.all_of {
        let path = Path::Member(path, &name);
        let same = all_of.iter_mut().find(|(other, _)| *other == name);
        let Some((_, same)) = same else {
            all_of.push((name, field));
            continue;
        };
        match (same, field) {
            (Field::Object(same), Field::Object(fields)) => {
                *same = both(std::mem::take(same), fields, &path)?;
            }
            _ => return path.error(Problem::RequiredTwice),
        }
    }
    let mut one_of = Vec::new();
    if left.one_of.is_empty() || right.one_of.is_empty() {
        one_of.extend(left.one_of);
        one_of.extend(right.one_of);
    } else {
        for left in left.one_of {
            for right in &right.one_of {
                one_of.push(both(left.clone(), right.clone(), path)?);
            }
        }
    }
    let required = Fields {
        all_of,
        one_of: Vec::new(),
    };
    with_alternatives(required, one_of, path)
}

impl Fields {
    /// Whether a member of this name is among its fields, or those of an alternative.
    fn names(&self, name: &str) -> bool {
        self.all_of.iter().any(|(other, _)| other == name)
            || self.one_of.iter().any(|fields| fields.names(name))
    }
}

/// Reads the list of a field.
fn tests(values: &[Value<'_>], path: &Path<'_>) -> Result<Vec<Test>, PatternError> {
    if values.is_empty() {
        return path.error(Problem::NoValue);
    }
    let test = |(index, value)| test(value, &Path::Element(path, index));
    values.iter().enumerate().map(test).collect()
}

fn test(value: &Value<'_>, path: &Path<'_>) -> Result<Test, PatternError> {
    match value {
        Value::Null => Ok(Test::Null),
        Value::Bool(value) => Ok(Test::Bool(*value)),
        Value::Number(number) => Ok(Test::Number(number.clone().into_owned())),
        Value::String(text) => Ok(Test::Text(text.to_string())),
        Value::Array(_) => path.error(Problem::ListInList),
        Value::Object(members) => match members.as_slice() {
            [(name, operand)] => operator(name, operand, &Path::Member(path, name)),
            _ => path.error(Problem::NotOneOperator),
        },
    }
}

fn operator(name: &str, operand: &Value<'_>, path: &Path<'_>) -> Result<Test, PatternError> {
    const TEXT_OR_IGNORING_CASE: &str =
        "a text, or {\"equals-ignore-case\": a text}, for a beginning or an end";
    match (name, operand) {
        ("exact", Value::String(text)) => Ok(Test::Text(text.to_string())),
        ("equals-ignore-case", Value::String(text)) => Ok(Test::TextIgnoringCase(text.to_string())),
        ("prefix", Value::String(text)) => Ok(Test::Prefix(text.to_string())),
        ("suffix", Value::String(text)) => Ok(Test::Suffix(text.to_string())),
        ("prefix", Value::Object(_)) => match ignoring_case(operand) {
            Some(text) => Ok(Test::PrefixIgnoringCase(text)),
            None => path.error(Problem::Operand(TEXT_OR_IGNORING_CASE)),
        },
        ("suffix", Value::Object(_)) => match ignoring_case(operand) {
            Some(text) => Ok(Test::SuffixIgnoringCase(text)),
            None => path.error(Problem::Operand(TEXT_OR_IGNORING_CASE)),
        },
        ("wildcard", Value::String(text)) => Wildcard::parse(text)
            .map_or_else(|error| path.error(error), |it| Ok(Test::Wildcard(it))),
        ("cidr", Value::String(text)) => Cidr::parse(text).map(Test::Cidr).map_or_else(
            || path.error(Problem::Operand("a network, such as \"10.0.0.0/24\",")),
            Ok,
        ),
        ("exists", Value::Bool(true)) => Ok(Test::Present),
        ("exists", Value::Bool(false)) => Ok(Test::Absent),
        ("numeric", Value::Array(terms)) => numeric(terms, path),
        ("anything-but", operand) => anything_but(operand, path).map(Test::AnythingBut),
        ("prefix" | "suffix", _) => path.error(Problem::Operand(TEXT_OR_IGNORING_CASE)),
        ("exists", _) => path.error(Problem::Operand("true or false")),
        ("numeric", _) => path.error(Problem::Operand(NUMERIC)),
        ("exact" | "equals-ignore-case" | "wildcard" | "cidr", _) => {
            path.error(Problem::Operand("a text"))
        }
        _ => path.error(Problem::UnknownOperator(name.to_owned())),
    }
}

/// The text in `{"equals-ignore-case": ".."}`.
fn ignoring_case(operand: &Value<'_>) -> Option<String> {
    match operand {
        Value::Object(members) => match members.as_slice() {
            [(name, Value::String(text))] if name == "equals-ignore-case" => Some(text.to_string()),
            _ => None,
        },
        _ => None,
    }
}

const NUMERIC: &str = "a list such as [\">\", 0, \"<=\", 5], [\"<\", 10] or [\"=\", 3.5]";

fn numeric(terms: &[Value<'_>], path: &Path<'_>) -> Result<Test, PatternError> {
    let mut read = Vec::new();
    for term in terms.chunks(2) {
        let [Value::String(comparison), Value::Number(number)] = term else {
            return path.error(Problem::Operand(NUMERIC));
        };
        read.push((comparison.as_ref(), number.clone().into_owned()));
    }
    let bound = |number: &Number<'static>, is_inclusive| {
        Some(Bound {
            number: number.clone(),
            is_inclusive,
        })
    };
    let (bottom, top) = match read.as_slice() {
        [("=", number)] => return Ok(Test::Number(number.clone())),
        [(first @ (">" | ">="), number)] => (bound(number, *first == ">="), None),
        [(first @ ("<" | "<="), number)] => (None, bound(number, *first == "<=")),
        [(first @ (">" | ">="), bottom), (second @ ("<" | "<="), top)] => {
            if bottom.compare(top).is_ge() {
                return path.error(Problem::EmptyRange);
            }
            (bound(bottom, *first == ">="), bound(top, *second == "<="))
        }
        _ => return path.error(Problem::Operand(NUMERIC)),
    };
    Ok(Test::Range(Range { bottom, top }))
}

/// What a value must not be: a text or number, a list of either, or an operator on one text or a
/// list of texts.
fn anything_but(operand: &Value<'_>, path: &Path<'_>) -> Result<Vec<Test>, PatternError> {
    let (operator, values) = match operand {
        Value::Object(members) => match members.as_slice() {
            [(name, values)] => (name.as_ref(), values),
            _ => return path.error(Problem::NotOneOperator),
        },
        values => ("", values),
    };
    let member = Path::Member(path, operator);
    let path = if operator.is_empty() { path } else { &member };
    let values = match values {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    if values.is_empty() {
        return path.error(Problem::NoValue);
    }
    let make: fn(String) -> Result<Test, WildcardError> = match operator {
        "" if values.iter().all(|value| matches!(value, Value::Number(_))) => {
            return tests(values, path);
        }
        "" => |text| Ok(Test::Text(text)),
        "prefix" => |text| Ok(Test::Prefix(text)),
        "suffix" => |text| Ok(Test::Suffix(text)),
        "equals-ignore-case" => |text| Ok(Test::TextIgnoringCase(text)),
        "wildcard" => |text| Wildcard::parse(&text).map(Test::Wildcard),
        _ => {
            return path.error(Problem::Operand(
                "a text, a number, a list of either, or one of prefix, suffix, \
                 equals-ignore-case and wildcard",
            ));
        }
    };
    let test = |value: &Value<'_>| match value {
        Value::String(text) => make(text.to_string()).or_else(|error| path.error(error)),
        _ if operator.is_empty() => path.error(Problem::Operand(
            "a text or a number, or a list of texts alone or of numbers alone,",
        )),
        _ => path.error(Problem::Operand("a text or a list of texts")),
    };
    values.iter().map(test).collect()
}
