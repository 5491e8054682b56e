use std::borrow::Cow;
use std::time::{Duration, Instant};

use forebay_core::json::{Limits, Number, ParseError, Value, Writer};
use proptest::prelude::*;

use crate::arbitrary;

const LIMITS: Limits = Limits {
    depth: 64,
    values: 10_000,
};

fn parse(text: &str) -> Result<Value<'_>, ParseError> {
    Value::parse(text.as_bytes(), LIMITS)
}

fn written(value: &Value<'_>) -> String {
    let mut writer = Writer::new();
    writer.value(value);
    writer.finish()
}

/// Whether our value says what serde_json's says.
fn same(ours: &Value<'_>, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(ours), serde_json::Value::Bool(theirs)) => ours == theirs,
        (Value::String(ours), serde_json::Value::String(theirs)) => ours == theirs,
        (Value::Number(ours), serde_json::Value::Number(theirs)) => {
            // Without its feature `float_roundtrip`, serde_json's doubles are off by a few ulps.
            let (ours, theirs) = (ours.to_f64(), theirs.as_f64().unwrap());
            ours == theirs || ((ours - theirs) / theirs).abs() < 1e-14
        }
        (Value::Array(ours), serde_json::Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), serde_json::Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(name, value)| {
                    theirs
                        .get(name.as_ref())
                        .is_some_and(|theirs| same(value, theirs))
                })
        }
        _ => false,
    }
}

/// Both readers take a text, and say the same of it, or neither does.
fn agrees_with_serde_json(text: &[u8]) -> Result<(), TestCaseError> {
    let ours = Value::parse(text, LIMITS);
    match (ours, serde_json::from_slice::<serde_json::Value>(text)) {
        (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs), "{ours:?} / {theirs:?}"),
        (Err(_), Err(_)) => {}
        // Where a name is repeated, serde_json takes the last.
        (Err(error), Ok(_)) => prop_assert_eq!(error.reason, "a name is repeated in this object"),
        // serde_json keeps numbers as doubles, and stops at one that is none; and at half a surrogate pair.
        (Ok(_), Err(error)) => {
            prop_assert!(
                error.to_string().starts_with("number out of range")
                    || error.to_string().contains("hex escape"),
                "{error}"
            );
        }
    }
    Ok(())
}

/// A text that is JSON but for a few bytes.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        prop::sample::select(b"{}[]\",:\\/ \t\n0123456789+-.eEutfnaldrs".to_vec()),
        any::<u8>(),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, byte), 0..4);
    (arbitrary::value(), edits).prop_map(|(value, edits)| {
        let mut text = written(&value).into_bytes();
        for (index, edit, byte) in edits {
            let position = index.index(text.len() + 1);
            match edit {
                0 => text.insert(position, byte),
                1 if position < text.len() => text[position] = byte,
                2 if position < text.len() => drop(text.remove(position)),
                _ => text.truncate(position),
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_written_reads_back_the_same(value in arbitrary::value()) {
        let text = written(&value);
        prop_assert_eq!(parse(&text), Ok(value));
        agrees_with_serde_json(text.as_bytes())?;
    }

    #[test]
    fn takes_and_refuses_what_serde_json_does(text in almost_json()) {
        agrees_with_serde_json(&text)?;
    }

    #[test]
    fn takes_and_refuses_what_serde_json_does_of_tokens(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", " ", "\"a\"", "\"b\"", "\"", "\\u00e9", "\\ud83d",
                "\\ude00", "\\n", "\\x", "0", "-", "1", ".5", "e", "E+3", "true", "false", "null",
            ]),
            0..12,
        )
    ) {
        agrees_with_serde_json(tokens.concat().as_bytes())?;
    }

    #[test]
    fn a_number_is_what_the_grammar_says(text in "[-+0-9.eE ]{0,8}") {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        let beyond_doubles =
            theirs.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range"));
        prop_assume!(!beyond_doubles);
        let is_number = theirs.is_ok() && !text.contains(' ');
        prop_assert_eq!(Number::from_text(Cow::Borrowed(&text)).is_some(), is_number);
    }

    #[test]
    fn a_double_survives_its_text(value in any::<f64>()) {
        match Number::from_f64(value) {
            Some(number) => {
                prop_assert!(Number::from_text(number.as_text().to_owned().into()).is_some());
                prop_assert_eq!(number.to_f64().to_bits(), value.to_bits());
            }
            None => prop_assert!(!value.is_finite()),
        }
    }

    #[test]
    fn numbers_compare_as_doubles_do(one in any::<f64>(), two in any::<f64>(), near in -3..4i32) {
        let near = one.clamp(-1e15, 1e15).trunc() + f64::from(near);
        for (one, two) in [(one, two), (one.trunc(), near), (one, -one), (one / 1e300, two / 1e300)] {
            let (Some(a), Some(b)) = (Number::from_f64(one), Number::from_f64(two)) else {
                continue;
            };
            prop_assert_eq!(Some(a.compare(&b)), one.partial_cmp(&two), "{:?} {:?}", a, b);
            prop_assert!(a.is_in_double_range());
        }
    }

    #[test]
    fn a_number_equals_itself_in_any_notation(value in -1_000_000..1_000_000i64, shift in 0..12usize) {
        let shifted = std::format!("{value}{}e-{shift}", "0".repeat(shift));
        let fraction = std::format!("{value}.{}", "0".repeat(shift + 1));
        let plain = Number::from(value);
        for text in [shifted, fraction] {
            let other = Number::from_text(text.into()).unwrap();
            prop_assert!(plain.compare(&other).is_eq(), "{:?} {:?}", plain, other);
            prop_assert!(Number::from(value + 1).compare(&other).is_gt());
        }
    }

    #[test]
    fn an_integer_survives_its_text(value in any::<i64>()) {
        let number = Number::from(value);
        prop_assert_eq!(number.as_text(), value.to_string());
        prop_assert_eq!(number.to_i64(), Some(value));
    }

    /// However the digits are cut up by a point and an exponent, the value is the same.
    #[test]
    fn an_integer_is_read_in_any_notation(value in any::<i64>(), shift in 0..30usize) {
        let sign = if value < 0 { "-" } else { "" };
        let digits = value.unsigned_abs().to_string();
        let padded = format!("{}{digits}", "0".repeat(shift));
        let (whole, fraction) = padded.split_at(digits.len());
        let whole = match whole.trim_start_matches('0') { "" => "0", whole => whole };
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        for text in [
            format!("{sign}{whole}.{fraction}e{shift}"),
            format!("{sign}{digits}.000E-0"),
            format!("{sign}{digits}{}e-{shift}", "0".repeat(if value == 0 { 0 } else { shift })),
        ] {
            let number = Number::from_text(text.clone().into()).unwrap();
            prop_assert_eq!(number.to_i64(), Some(value), "{}", text);
        }
    }

    /// Doubles of whole numbers that are exact agree with what the digits say.
    #[test]
    fn whole_numbers_are_told_from_others(text in arbitrary::number_text()) {
        let number = Number::from_text(text.clone().into()).unwrap();
        let double = number.to_f64();
        if let Some(integer) = number.to_i64() {
            prop_assert_eq!(integer as f64, double);
        } else if double.abs() < 9e15 {
            // Below 2^53 only a fraction can be why; a tiny one may have been rounded away.
            let fraction = text.contains('.') || text.contains(['e', 'E']);
            prop_assert!(fraction, "{}", text);
        }
    }
}

#[test]
fn whole_numbers_at_the_edges() {
    for (text, expected) in [
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("-9223372036854775808", Some(i64::MIN)),
        ("-9223372036854775809", None),
        ("-0", Some(0)),
        ("0e999999999999999999999", Some(0)),
        ("1e18", Some(1_000_000_000_000_000_000)),
        ("1e19", None),
        ("1e999999999999999999999", None),
        ("10e-1", Some(1)),
        ("1e-1", None),
        ("1e-999999999999999999999", None),
        ("1.5e1", Some(15)),
        ("5.0", Some(5)),
        ("5e0", Some(5)),
        ("5.5", None),
    ] {
        let number = Number::from_text(Cow::Borrowed(text)).unwrap();
        assert_eq!(number.to_i64(), expected, "{text}");
    }
}

#[test]
fn seconds_are_read_to_the_millisecond() {
    for (text, expected) in [
        ("1.4428775E9", Some(1_442_877_500_000)),
        ("1442877512", Some(1_442_877_512_000)),
        ("1442877512.0", Some(1_442_877_512_000)),
        ("1442877512.1239", Some(1_442_877_512_123)),
        ("-0.0015", Some(-1)),
        ("9223372036854775.807", Some(i64::MAX)),
        ("9223372036854775.808", None),
        ("1e400", None),
    ] {
        let number = Number::from_text(Cow::Borrowed(text)).unwrap();
        assert_eq!(number.seconds_to_millis(), expected, "{text}");
    }
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let text = r#"{"name":"plain é","escaped":"a\nb"}"#;
    let Value::Object(members) = parse(text).unwrap() else {
        panic!("not an object")
    };
    assert!(matches!(
        members[0],
        (
            Cow::Borrowed("name"),
            Value::String(Cow::Borrowed("plain é"))
        )
    ));
    assert!(matches!(&members[1].1, Value::String(Cow::Owned(text)) if text == "a\nb"));
}

#[test]
fn depth_is_capped() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let limits = |depth| Limits {
        depth,
        values: 1_000_000,
    };
    for depth in [1, 2, 32, Limits::MAX_DEPTH] {
        assert!(Value::parse(nested(depth).as_bytes(), limits(depth)).is_ok());
        let error = Value::parse(nested(depth + 1).as_bytes(), limits(depth)).unwrap_err();
        assert_eq!(
            (error.offset, error.reason),
            (depth, "nested deeper than allowed")
        );
    }
    // A caller cannot ask for more than a stack holds.
    assert!(Value::parse("[".repeat(1_000_000).as_bytes(), limits(usize::MAX)).is_err());
    assert!(Value::parse("{\"a\":".repeat(1_000_000).as_bytes(), limits(usize::MAX)).is_err());
    assert!(Value::parse(b"1", limits(0)).is_ok());
    assert!(Value::parse(b"[]", limits(0)).is_err());
}

#[test]
fn values_are_counted() {
    let text = format!("[{}]", vec!["0"; 99].join(","));
    let limits = |values| Limits { depth: 2, values };
    assert!(Value::parse(text.as_bytes(), limits(100)).is_ok());
    let error = Value::parse(text.as_bytes(), limits(99)).unwrap_err();
    assert_eq!(error.reason, "more values than allowed");
    assert_eq!(error.offset, text.len() - 2);
    assert!(Value::parse(b"1", limits(0)).is_err());
}

#[test]
fn repeated_names_are_refused_wherever_they_stand() {
    for members in [2, 16, 17, 1_000] {
        for (one, other) in [(0, members - 1), (members / 2 - 1, members / 2)] {
            let member = |index| {
                let name = if index == other { one } else { index };
                // Spelled with an escape or without, it is the same name.
                let spelling = if index == other { "\\u006e" } else { "n" };
                format!("\"{spelling}{name}\":0")
            };
            let text = format!(
                "{{{}}}",
                (0..members).map(member).collect::<Vec<_>>().join(",")
            );
            let error = parse(&text).unwrap_err();
            assert_eq!(error.reason, "a name is repeated in this object", "{text}");
            assert_eq!(error.offset, text.len());
        }
        let distinct = (0..members).map(|index| format!("\"n{index}\":0"));
        let text = format!("{{{}}}", distinct.collect::<Vec<_>>().join(","));
        assert!(parse(&text).is_ok());
    }
    assert!(parse(r#"{"a":{"a":0},"b":{"a":0}}"#).is_ok());
}

#[test]
fn names_may_repeat_where_that_is_asked_for() {
    let text = br#"{"a":{"\ud83c":1,"\ud83d":2,"\ufffd":3},"b":{"c":1}}"#;
    assert!(Value::parse(text, LIMITS).is_err());
    let value = Value::parse_repetitive(text, LIMITS).unwrap();
    let repeats = |name| value.get(name).unwrap().repeats_a_name();
    assert_eq!((repeats("a"), repeats("b")), (true, false));
    assert!(!value.repeats_a_name());
}

/// 200,000 names in one object: compared each with each they would take minutes.
#[test]
#[allow(clippy::disallowed_methods, reason = "time is what it is about")]
fn many_names_cost_no_square_of_them() {
    let members = |name: &dyn Fn(usize) -> String| {
        let members = (0..200_000).map(|index| format!("\"{}\":0", name(index)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let limits = Limits {
        depth: 2,
        values: 1_000_000,
    };
    for text in [
        members(&|index| index.to_string()),
        members(&|index| (1_000_000 - index).to_string()),
        members(&|index| format!("{}{index:06}", "same".repeat(5))),
    ] {
        let start = Instant::now();
        assert!(Value::parse(text.as_bytes(), limits).is_ok());
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn what_is_refused_and_where() {
    for (text, offset, reason) in [
        ("", 0, "expected a value"),
        ("  ", 2, "expected a value"),
        ("\u{feff}1", 0, "expected a value"),
        ("1 2", 2, "expected nothing more"),
        ("[1,]", 3, "expected a value"),
        ("[1 2]", 3, "expected ',' or ']'"),
        ("[1", 2, "expected ',' or ']'"),
        ("{\"a\":1,}", 7, "expected a name in quotes"),
        ("{a:1}", 1, "expected a name in quotes"),
        ("{\"a\" 1}", 5, "expected ':'"),
        ("{\"a\":1", 6, "expected ',' or '}'"),
        ("nul", 0, "expected a value"),
        ("True", 0, "expected a value"),
        ("NaN", 0, "expected a value"),
        ("+1", 0, "expected a value"),
        ("01", 1, "expected nothing more"),
        ("-", 0, "not a number of JSON's form"),
        ("1.", 0, "not a number of JSON's form"),
        ("1e", 0, "not a number of JSON's form"),
        ("\"a", 2, "the string has no end"),
        ("\"a\tb\"", 2, "a control character must be escaped"),
        ("\"\\a\"", 1, "not an escape of JSON's"),
        ("\"\\u12g4\"", 1, "expected four hexadecimal digits"),
        ("\"\\u+123\"", 1, "expected four hexadecimal digits"),
        ("\"\\ud800\\u12g4\"", 7, "expected four hexadecimal digits"),
        ("\"\\ud800\\x\"", 7, "not an escape of JSON's"),
        ("\"\\ud800", 7, "the string has no end"),
        ("'a'", 0, "expected a value"),
        ("/**/1", 0, "expected a value"),
    ] {
        assert_eq!(parse(text), Err(ParseError { offset, reason }), "{text}");
    }
    let error = Value::parse(b"\"ab\xff\"", LIMITS).unwrap_err();
    assert_eq!((error.offset, error.reason), (3, "not UTF-8"));
    // UTF-8 of a surrogate, and an overlong form.
    assert!(Value::parse(b"\"\xed\xa0\x80\"", LIMITS).is_err());
    assert!(Value::parse(b"\"\xc0\xaf\"", LIMITS).is_err());
}

#[test]
fn what_is_written() {
    let mut writer = Writer::new();
    writer.begin_object().name("list").begin_array();
    writer
        .string("\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}\"\\/é😀")
        .integer(i64::MIN);
    writer
        .boolean(true)
        .null()
        .raw("{\"as\":\"it is\"}")
        .begin_array()
        .end_array();
    writer.end_array();
    writer.name("last").integer(0);
    writer.end_object();
    let byte_len = writer.byte_len();
    let text = writer.finish();
    assert_eq!(byte_len, text.len());
    assert_eq!(
        text,
        concat!(
            "{\"list\":[\"\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\\\"\\\\/é😀\",-9223372036854775808,",
            "true,null,{\"as\":\"it is\"},[]],\"last\":0}"
        )
    );
}
