//! What is no pattern, and what is said about it.

use serde_json::json;

use super::matches;
use crate::delivery::pattern::Pattern;
use crate::delivery::pattern::parse::Problem;
use crate::delivery::pattern::value::WildcardError;

#[test]
fn a_mistake_says_where_it_is_and_what_to_do() {
    let operand = |what| Problem::Operand(what);
    for (pattern, path, problem) in [
        (r#"[]"#, "$", Problem::NotAnObject),
        (r#"{}"#, "$", Problem::NoField),
        (r#"{"a":{}}"#, "$.a", Problem::NoField),
        (r#"{"a":"b"}"#, "$.a", Problem::NotAList),
        (r#"{"a":{"b":7}}"#, "$.a.b", Problem::NotAList),
        (r#"{"a":[]}"#, "$.a", Problem::NoValue),
        (r#"{"a":["b",["c"]]}"#, "$.a[1]", Problem::ListInList),
        (r#"{"a":[{}]}"#, "$.a[0]", Problem::NotOneOperator),
        (
            r#"{"a":[{"prefix":"a","suffix":"b"}]}"#,
            "$.a[0]",
            Problem::NotOneOperator,
        ),
        (
            r#"{"a":[{"prefx":"a"}]}"#,
            "$.a[0].prefx",
            Problem::UnknownOperator("prefx".into()),
        ),
        (
            r#"{"a":[{"cidr":"10.0.0.0"}]}"#,
            "$.a[0].cidr",
            operand("a network, such as \"10.0.0.0/24\","),
        ),
        (
            r#"{"a":[{"cidr":"10.0.0.0/33"}]}"#,
            "$.a[0].cidr",
            operand("a network, such as \"10.0.0.0/24\","),
        ),
        (
            r#"{"a":[{"cidr":"10.0.0.0/+8"}]}"#,
            "$.a[0].cidr",
            operand("a network, such as \"10.0.0.0/24\","),
        ),
        (
            r#"{"a":[{"exists":"yes"}]}"#,
            "$.a[0].exists",
            operand("true or false"),
        ),
        (
            r#"{"a":[{"wildcard":7}]}"#,
            "$.a[0].wildcard",
            operand("a text"),
        ),
        (
            r#"{"a":[{"wildcard":"a**b"}]}"#,
            "$.a[0].wildcard",
            Problem::Wildcard(WildcardError::TwoStars),
        ),
        (
            r#"{"a":[{"wildcard":"a\\b"}]}"#,
            "$.a[0].wildcard",
            Problem::Wildcard(WildcardError::Escape),
        ),
        (
            r#"{"a":[{"wildcard":"a\\"}]}"#,
            "$.a[0].wildcard",
            Problem::Wildcard(WildcardError::Escape),
        ),
        (
            r#"{"a":[{"numeric":[">",5,"<",5]}]}"#,
            "$.a[0].numeric",
            Problem::EmptyRange,
        ),
        (
            r#"{"a":[{"anything-but":[]}]}"#,
            "$.a[0].anything-but",
            Problem::NoValue,
        ),
        (
            r#"{"a":[{"anything-but":{"prefix":[]}}]}"#,
            "$.a[0].anything-but.prefix",
            Problem::NoValue,
        ),
        (
            r#"{"a":[{"anything-but":{"prefix":7}}]}"#,
            "$.a[0].anything-but.prefix",
            operand("a text or a list of texts"),
        ),
        (
            r#"{"a":[{"anything-but":{"wildcard":"**"}}]}"#,
            "$.a[0].anything-but.wildcard",
            Problem::Wildcard(WildcardError::TwoStars),
        ),
        (r#"{"$or":{"a":["b"]}}"#, "$.$or", Problem::NotAlternatives),
        (
            r#"{"$or":[{"a":["b"]}]}"#,
            "$.$or",
            Problem::NotAlternatives,
        ),
        (
            r#"{"$or":[{"a":["b"]},7]}"#,
            "$.$or[1]",
            Problem::NotAnObject,
        ),
        (r#"{"$or":[{"a":["b"]},{}]}"#, "$.$or[1]", Problem::NoField),
        (
            r#"{"$or":[{"a":["b"]},{"prefix":["c"]}]}"#,
            "$.$or[1].prefix",
            Problem::OperatorAsField("prefix".into()),
        ),
        (
            r#"{"a":["b"],"$or":[{"a":["c"]},{"d":["e"]}]}"#,
            "$.a",
            Problem::RequiredTwice,
        ),
        (
            r#"{"a":{"b":["b"]},"$or":[{"c":["c"]},{"$or":[{"d":["d"]},{"a":{"b":["c"]}}]}]}"#,
            "$.a.b",
            Problem::RequiredTwice,
        ),
    ] {
        let error = Pattern::parse(pattern).unwrap_err();
        assert_eq!(
            (error.path.as_str(), &error.problem),
            (path, &problem),
            "{pattern}"
        );
        assert!(error.to_string().starts_with(&format!("{path}: ")));
    }
    for numeric in [
        "[]",
        "[5]",
        r#"[">"]"#,
        r#"["!",5]"#,
        r#"["<",5,">",1]"#,
        r#"["=",5,"<",6]"#,
        r#"[">",1,"<",5,"<",6]"#,
        r#"[">","1"]"#,
        "7",
    ] {
        let pattern = format!(r#"{{"a":[{{"numeric":{numeric}}}]}}"#);
        let error = Pattern::parse(&pattern).unwrap_err();
        assert!(
            error.to_string().contains("[\">\", 0, \"<=\", 5]"),
            "{error}"
        );
    }
    for but in [
        "null",
        "true",
        "[1,\"a\"]",
        "[[]]",
        r#"{"suffix":{"equals-ignore-case":"a"}}"#,
        r#"{"numeric":["=",1]}"#,
    ] {
        let pattern = format!(r#"{{"a":[{{"anything-but":{but}}}]}}"#);
        let error = Pattern::parse(&pattern).unwrap_err();
        assert!(matches!(error.problem, Problem::Operand(_)), "{error}");
    }
    for text in ["", "{", r#"{"a":["b"],"a":["c"]}"#, r#"{"a":[NaN]}"#] {
        let error = Pattern::parse(text).unwrap_err();
        assert!(matches!(error.problem, Problem::NotJson(_)), "{error}");
    }
}

#[test]
fn a_pattern_is_held_to_limits() {
    let long = json!({ "a": ["b".repeat(16 * 1024)] }).to_string();
    assert_eq!(Pattern::parse(&long).unwrap_err().problem, Problem::TooLong);
    let deep = format!("{}[1]{}", r#"{"a":"#.repeat(24), "}".repeat(24));
    assert!(matches!(
        Pattern::parse(&deep).unwrap_err().problem,
        Problem::NotJson(_)
    ));
    let brackets = "[".repeat(16 * 1024);
    assert!(matches!(
        Pattern::parse(&brackets).unwrap_err().problem,
        Problem::NotJson(_)
    ));
    let many = json!({ "a": vec![1; 2_000] }).to_string();
    assert!(matches!(
        Pattern::parse(&many).unwrap_err().problem,
        Problem::NotJson(_)
    ));

    // Ten alternatives in each of three fields are 1,000 combinations; eleven are more.
    let alternatives = |count: usize| {
        let of = |field: &str| {
            (0..count)
                .map(|at| json!({ format!("{field}{at}"): [at] }))
                .collect::<Vec<_>>()
        };
        json!({ "a": { "$or": of("a") }, "b": { "$or": of("b") }, "$or": of("c") }).to_string()
    };
    assert!(Pattern::parse(&alternatives(10)).is_ok());
    assert_eq!(
        Pattern::parse(&alternatives(11)).unwrap_err().problem,
        Problem::TooManyCombinations
    );
    // The numbers would not fit into any integer.
    let nested = (0..20).fold(json!({ "z": [1] }), |inner, at| {
        let either = vec![inner; 1];
        json!({ format!("f{at}"): { "$or": [{ "a": [1] }, { "b": [1] }, either[0]] } })
    });
    assert!(Pattern::parse(&nested.to_string()).is_err());
}

/// A field that is required beside `$or` is copied into its alternatives at most as often as there
/// are combinations.
#[test]
fn alternatives_that_share_fields_stay_within_the_limits() {
    let alternatives = |depth: usize| {
        (0..depth).fold(json!({ "s": { "x": [1] } }), |inner, at| {
            json!({
                "s": { format!("r{at}"): [1] },
                "$or": [inner, { "s": { format!("o{at}"): [1] } }],
            })
        })
    };
    let pattern = alternatives(10);
    let record = json!({ "s": { "r9": 1, "r8": 1, "o8": 1 } });
    assert!(matches(&pattern, &record));
    assert!(!matches(&pattern, &json!({ "s": { "r8": 1, "o8": 1 } })));
    assert!(!matches(&pattern, &json!({ "s": { "r9": 1, "r8": 1 } })));
}
