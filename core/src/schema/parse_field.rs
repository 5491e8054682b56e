//! Reading one field of `forebay.schema.json`: its type, and constraints that can be held.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::parse::Reader;
use super::validate::{check_value, decimal};
use super::{Field, Format, Kind, Pii, Range, rules};
use crate::json::{Number, Value, Writer};
use crate::wire::put_events::MAX_VALUE_CHARS;

const KEYWORDS: &[&str] = &[
    "type",
    "$comment",
    "title",
    "description",
    "deprecated",
    "examples",
    "enum",
    "const",
    "minLength",
    "maxLength",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "x-pii",
];
const STRING_KEYWORDS: &[&str] = &["minLength", "maxLength", "format"];
const NUMBER_KEYWORDS: &[&str] = &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/// Most values of one `enum`: they are compared with each other.
const MAX_CHOICES: usize = 1_000;
/// Most examples of one field: they are for people to read.
const MAX_EXAMPLES: usize = 20;

#[derive(Clone, Copy, PartialEq)]
enum Type {
    String,
    Boolean,
    Integer,
    Number,
}

impl Type {
    fn from_name(name: &str) -> Option<Type> {
        match name {
            "string" => Some(Type::String),
            "boolean" => Some(Type::Boolean),
            "integer" => Some(Type::Integer),
            "number" => Some(Type::Number),
            _ => None,
        }
    }

    /// The type of a value, where `enum` and `const` stand without `type`. Numbers are never taken
    /// for integers here: one more value later must not change the type of the column.
    fn of(value: &Value<'_>) -> Option<Type> {
        match value {
            Value::String(_) => Some(Type::String),
            Value::Bool(_) => Some(Type::Boolean),
            Value::Number(_) => Some(Type::Number),
            _ => None,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Type::String => "a string",
            Type::Boolean => "a boolean",
            Type::Integer => "an integer",
            Type::Number => "a number",
        }
    }

    /// Whether `value` is of the same sort; whether an integer is whole is not looked at.
    fn takes(self, value: &Value<'_>) -> bool {
        match self {
            Type::Integer => Type::of(value) == Some(Type::Number),
            _ => Type::of(value) == Some(self),
        }
    }
}

/// `type` as it stands in the file.
struct Declared {
    kind: Type,
    nullable: bool,
}

/// The values of `enum` or `const`, with the pointer of each from the field.
struct Choices<'v, 'a> {
    values: Vec<(String, &'v Value<'a>)>,
    keyword: &'static str,
}

impl Choices<'_, '_> {
    fn have_null(&self) -> bool {
        self.values
            .iter()
            .any(|(_, value)| matches!(value, Value::Null))
    }
}

impl Reader {
    /// Reads the field that is here. `None` where it has no type to go on with.
    pub(super) fn field(&mut self, name: &str, value: &Value<'_>, required: bool) -> Option<Field> {
        if !self.is_object(value, "a field", KEYWORDS) {
            return None;
        }
        let mut docs = self.docs(value);
        let pii = self.pii(value);
        let declared = value
            .get("type")
            .map(|declared| self.within("type", |reader| reader.declared(declared)));
        let choices = self.choices(value);
        let Some((kind, nullable)) = self.kind_and_null(declared, choices.as_ref(), value) else {
            // Without a type, that much can be said of the other constraints.
            self.string(value, None, false);
            self.number(Type::Number, value, None);
            return None;
        };
        self.check_keywords(kind, value);
        self.check_pii(pii, kind, required && !nullable, choices.is_some());
        let of = kind;
        let kind = match of {
            Type::String => self.string(value, choices.as_ref(), nullable),
            Type::Boolean => boolean(choices.as_ref()),
            Type::Integer | Type::Number => self.number(of, value, choices.as_ref()),
        };
        docs.examples = self.examples(value, of, nullable, &kind);
        Some(Field {
            name: name.into(),
            docs,
            kind,
            required,
            nullable,
            pii,
        })
    }

    fn declared(&mut self, value: &Value<'_>) -> Option<Declared> {
        let (name, nullable) = match value {
            Value::Array(pair) => match pair.as_slice() {
                [kind, null] if null.as_str() == Some("null") => (kind.as_str(), true),
                [null, kind] if null.as_str() == Some("null") => (kind.as_str(), true),
                _ => (None, true),
            },
            _ => (value.as_str(), false),
        };
        let kind = name.and_then(Type::from_name);
        if kind.is_none() {
            self.error(&[
                "must be \"string\", \"boolean\", \"integer\" or \"number\", ",
                "or an array of one of them and \"null\"",
            ]);
        }
        kind.map(|kind| Declared { kind, nullable })
    }

    fn choices<'v, 'a>(&mut self, field: &'v Value<'a>) -> Option<Choices<'v, 'a>> {
        let constant = field.get("const");
        let Some(values) = field.get("enum") else {
            return constant.map(|value| Choices {
                values: vec![("const".into(), value)],
                keyword: "const",
            });
        };
        if constant.is_some() {
            self.error_in("const", &["stands beside \"enum\"; keep one of them"]);
        }
        let elements = match values {
            Value::Array(elements) if (1..=MAX_CHOICES).contains(&elements.len()) => elements,
            _ => {
                let limit = decimal(MAX_CHOICES);
                self.error_in("enum", &["must be an array of 1 to ", &limit, " values"]);
                return None;
            }
        };
        for (at, element) in elements.iter().enumerate() {
            if elements
                .iter()
                .take(at)
                .any(|earlier| same(earlier, element))
            {
                self.error_in("enum", &["has the same value twice, at ", &decimal(at)]);
            }
        }
        Some(Choices {
            values: elements
                .iter()
                .enumerate()
                .map(|(at, value)| (["enum/", &decimal(at)].concat(), value))
                .collect(),
            keyword: "enum",
        })
    }

    /// The type, declared or that of the values allowed, and whether null is allowed. `declared` is
    /// `Some(None)` where `type` is there and wrong.
    fn kind_and_null(
        &mut self,
        declared: Option<Option<Declared>>,
        choices: Option<&Choices<'_, '_>>,
        field: &Value<'_>,
    ) -> Option<(Type, bool)> {
        let has_values = field.get("enum").or(field.get("const")).is_some();
        if declared.is_none() && !has_values {
            self.error(&["has no type; add \"type\", \"enum\" or \"const\""]);
        }
        let declared = match declared {
            Some(declared) => Some(declared?),
            None => None,
        };
        let Some(choices) = choices else {
            return declared.map(|declared| (declared.kind, declared.nullable));
        };
        let has_null = choices.have_null();
        let first = choices.values.iter().find_map(|(_, value)| Type::of(value));
        let Some(kind) = declared.as_ref().map(|declared| declared.kind).or(first) else {
            let advice = "needs a string, number or boolean among its values";
            self.error_in(choices.keyword, &[advice]);
            return None;
        };
        for (at, value) in &choices.values {
            if !kind.takes(value) && !matches!(value, Value::Null) {
                self.choice_error(at, &["is not ", kind.description(), ", which the field is"]);
            }
        }
        if let Some(declared) = declared
            && declared.nullable != has_null
        {
            let advice = if has_null {
                "has null, which \"type\" does not allow; add \"null\" there or remove it here"
            } else {
                "has no null, which \"type\" allows; add null here or remove it there"
            };
            self.error_in(choices.keyword, &[advice]);
        }
        if first.is_none() {
            self.error_in(choices.keyword, &["needs a value other than null"]);
        }
        Some((kind, has_null))
    }

    /// Constraints that say nothing about values of this type are a mistake, not a comment.
    fn check_keywords(&mut self, kind: Type, field: &Value<'_>) {
        let foreign = [
            (kind != Type::String, STRING_KEYWORDS),
            (
                matches!(kind, Type::String | Type::Boolean),
                NUMBER_KEYWORDS,
            ),
        ];
        for (_, keywords) in foreign.iter().filter(|(is_foreign, _)| *is_foreign) {
            for keyword in keywords
                .iter()
                .filter(|keyword| field.get(keyword).is_some())
            {
                let advice = "; remove it or change the type";
                self.error_in(keyword, &["does not apply to ", kind.description(), advice]);
            }
        }
    }

    fn pii(&mut self, field: &Value<'_>) -> Option<Pii> {
        match field.get("x-pii")?.as_str() {
            Some("hash") => Some(Pii::Hash),
            Some("drop") => Some(Pii::Drop),
            Some("mask") => Some(Pii::Mask),
            _ => {
                self.error_in("x-pii", &["must be \"hash\", \"drop\" or \"mask\""]);
                None
            }
        }
    }

    fn check_pii(&mut self, pii: Option<Pii>, kind: Type, must_be_there: bool, has_choices: bool) {
        let fault = match pii {
            Some(Pii::Hash | Pii::Mask) if kind != Type::String => {
                "applies to strings; take \"drop\" for other types"
            }
            Some(Pii::Drop) if must_be_there => {
                "would drop what is required; remove the field from \"required\" or let it be null"
            }
            Some(Pii::Mask) if has_choices => {
                "would leave none of the values allowed; take \"hash\" or \"drop\""
            }
            _ => return,
        };
        self.error_in("x-pii", &[fault]);
    }

    fn string(
        &mut self,
        field: &Value<'_>,
        choices: Option<&Choices<'_, '_>>,
        nullable: bool,
    ) -> Kind {
        let min_length = self.length(field, "minLength");
        let max_length = self.length(field, "maxLength");
        let format = self.format(field);
        let (shortest, longest) = format.map_or((0, usize::MAX), Format::lengths);
        let min = min_length.map_or(0, |min| min as usize);
        let max = max_length.map_or(usize::MAX, |max| max as usize);
        if min > max {
            self.error_in(
                "minLength",
                &["is more than \"maxLength\"; no string fits both"],
            );
        }
        if let Some(format) = format {
            let message = ["leaves no room for the format \"", format.name(), "\""];
            if max < shortest {
                self.error_in("maxLength", &message);
            }
            if min > longest {
                self.error_in("minLength", &message);
            }
        }
        let kind = Kind::String {
            min_length,
            max_length,
            format,
            one_of: None,
        };
        let constraints = rules::of_kind(&kind);
        let mut texts = Vec::new();
        for (at, value) in choices.iter().flat_map(|choices| &choices.values) {
            if let Value::String(text) = value {
                self.check_choice(at, &constraints, value);
                if nullable && text == "null" {
                    let message = "is what null is read from; remove it or the null";
                    self.choice_error(at, &[message]);
                }
                texts.push(String::from(text.as_ref()));
            }
        }
        Kind::String {
            min_length,
            max_length,
            format,
            one_of: choices.map(|_| texts),
        }
    }

    fn length(&mut self, field: &Value<'_>, keyword: &str) -> Option<u32> {
        let length = match field.get(keyword)? {
            Value::Number(number) => number.to_i64(),
            _ => None,
        };
        let length = length
            .and_then(|length| u32::try_from(length).ok())
            .filter(|length| *length as usize <= MAX_VALUE_CHARS);
        if length.is_none() {
            let limit = decimal(MAX_VALUE_CHARS);
            let advice = ", the most characters that fit the wire";
            self.error_in(
                keyword,
                &["must be a whole number from 0 to ", &limit, advice],
            );
        }
        length
    }

    fn format(&mut self, field: &Value<'_>) -> Option<Format> {
        let format = field.get("format")?.as_str().and_then(Format::from_name);
        if format.is_none() {
            self.error_in(
                "format",
                &["must be \"email\", \"date-time\", \"date\", \"uuid\" or \"uri\""],
            );
        }
        format
    }

    fn number(&mut self, kind: Type, field: &Value<'_>, choices: Option<&Choices<'_, '_>>) -> Kind {
        let whole = kind == Type::Integer;
        let of_range = if whole { Kind::Integer } else { Kind::Number };
        let range = Range {
            minimum: self.bound(field, "minimum"),
            maximum: self.bound(field, "maximum"),
            exclusive_minimum: self.bound(field, "exclusiveMinimum"),
            exclusive_maximum: self.bound(field, "exclusiveMaximum"),
            one_of: None,
        };
        let mut kind = of_range(range.clone());
        let constraints = rules::of_kind(&kind);
        if is_empty(&range, &constraints, whole) {
            self.error(&["no value is within its bounds; widen them"]);
        }
        let mut numbers = Vec::new();
        for (at, value) in choices.iter().flat_map(|choices| &choices.values) {
            if let Value::Number(number) = value {
                self.check_choice(at, &constraints, value);
                self.check_double(at, number);
                numbers.push(number.clone().into_owned());
            }
        }
        if let Kind::Integer(range) | Kind::Number(range) = &mut kind {
            range.one_of = choices.map(|_| numbers);
        }
        kind
    }

    fn bound(&mut self, field: &Value<'_>, keyword: &str) -> Option<Number<'static>> {
        match field.get(keyword)? {
            Value::Number(number) if number.is_in_double_range() => {
                self.check_double(keyword, number);
                Some(number.clone().into_owned())
            }
            _ => {
                self.error_in(keyword, &["must be a number in the range of a double"]);
                None
            }
        }
    }

    /// Browsers compare doubles with what stands in the schema. Were that none, they would disagree with the
    /// edge, which compares digits.
    fn check_double(&mut self, at: &str, number: &Number<'_>) {
        if let Some(nearest) = Number::from_f64(number.to_f64())
            && !nearest.compare(number).is_eq()
        {
            let message = "is a number that JavaScript does not have; the nearest that it has is ";
            self.choice_error(at, &[message, nearest.as_text()]);
        }
    }

    /// Holds a value of `enum`, `const` or `examples` against the field's other constraints.
    /// `constraints` are in the form of rules.
    fn check_choice(&mut self, at: &str, constraints: &str, value: &Value<'_>) {
        for violation in check_value(constraints, value) {
            self.choice_error(
                at,
                &["breaks \"", violation.rule, "\": ", &violation.expected],
            );
        }
    }

    /// `examples`, as JSON texts. One that does not fit would teach readers wrongly.
    fn examples(
        &mut self,
        field: &Value<'_>,
        kind: Type,
        nullable: bool,
        constraints: &Kind,
    ) -> Vec<String> {
        let values = match field.get("examples") {
            None => return Vec::new(),
            Some(Value::Array(values)) if (1..=MAX_EXAMPLES).contains(&values.len()) => values,
            Some(_) => {
                let limit = decimal(MAX_EXAMPLES);
                let message = ["must be an array of 1 to ", &limit, " values"];
                self.error_in("examples", &message);
                return Vec::new();
            }
        };
        let constraints = rules::of_kind(constraints);
        let mut texts = Vec::new();
        for (at, value) in values.iter().enumerate() {
            let at = ["examples/", &decimal(at)].concat();
            match value {
                Value::Null if nullable => {}
                value if kind.takes(value) => self.check_choice(&at, &constraints, value),
                _ => self.choice_error(
                    &at,
                    &["is not ", kind.description(), ", which the field is"],
                ),
            }
            let mut writer = Writer::new();
            writer.value(value);
            texts.push(writer.finish());
        }
        texts
    }

    /// Records a mistake in a member, or in a value of `enum` or `examples`.
    fn choice_error(&mut self, at: &str, message: &[&str]) {
        match at.split_once('/') {
            Some((keyword, index)) => {
                self.within(keyword, |reader| reader.error_in(index, message));
            }
            None => self.error_in(at, message),
        }
    }
}

fn boolean(choices: Option<&Choices<'_, '_>>) -> Kind {
    let allowed = |wanted: bool| {
        choices.is_none_or(|choices| {
            let mut values = choices.values.iter();
            values.any(|(_, value)| matches!(value, Value::Bool(value) if *value == wanted))
        })
    };
    Kind::Boolean {
        constant: match (allowed(true), allowed(false)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        },
    }
}

/// Whether two values are equal as JSON Schema has it: `1` and `1.0` are.
fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.compare(other).is_eq(),
        _ => one == other,
    }
}

/// Whether no number, or no whole number of 64 bits, is within the bounds. `constraints` are the same
/// in the form of rules.
fn is_empty(range: &Range, constraints: &str, whole: bool) -> bool {
    let lower = [&range.minimum, &range.exclusive_minimum];
    let upper = [&range.maximum, &range.exclusive_maximum];
    let lowest = lower
        .into_iter()
        .flatten()
        .max_by(|one, other| one.compare(other));
    let highest = upper
        .into_iter()
        .flatten()
        .min_by(|one, other| one.compare(other));
    let contains =
        |number: Number<'static>| check_value(constraints, &Value::Number(number)).is_empty();
    if !whole {
        // The bounds leave more than a point, or the point itself is inside.
        return match (lowest, highest) {
            (Some(lowest), Some(highest)) => {
                lowest.compare(highest).is_ge() && !contains(lowest.clone())
            }
            _ => false,
        };
    }
    // The smallest whole number that may be inside is one of these: cutting off goes towards zero.
    let smallest = match lowest {
        Some(lowest) => match lowest.truncate_to_i64() {
            Some(cut) => cut,
            None if lowest.is_negative() => i64::MIN,
            None => return true,
        },
        None => i64::MIN,
    };
    let mut candidates = [Some(smallest), smallest.checked_add(1)]
        .into_iter()
        .flatten();
    !candidates.any(|candidate| contains(Number::from(candidate)))
}
