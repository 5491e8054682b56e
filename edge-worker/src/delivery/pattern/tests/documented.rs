//! Every operator, by the examples of AWS's documentation and at its edges.

use forebay_core::json::Value;
use serde_json::json;

use super::{LIMITS, matches};
use crate::delivery::pattern::Pattern;

/// Of which patterns the record matches, and of which it does not.
fn check(record: &serde_json::Value, yes: &[serde_json::Value], no: &[serde_json::Value]) {
    for pattern in yes {
        assert!(matches(pattern, record), "{pattern} on {record}");
    }
    for pattern in no {
        assert!(!matches(pattern, record), "{pattern} on {record}");
    }
}

/// Each line of the table of operators in EventBridge's user guide, with a record that its example
/// describes and one that it does not.
#[test]
fn the_table_of_operators() {
    for (pattern, yes, no) in [
        (
            r#"{"Location":["New York"],"Day":["Monday"]}"#,
            r#"{"Location":"New York","Day":"Monday"}"#,
            r#"{"Location":"New York","Day":"Tuesday"}"#,
        ),
        (
            r#"{"state":[{"anything-but":"initializing"}]}"#,
            r#"{"state":"running"}"#,
            r#"{"state":"initializing"}"#,
        ),
        (
            r#"{"Region":[{"anything-but":{"prefix":"us-"}}]}"#,
            r#"{"Region":"eu-west-1"}"#,
            r#"{"Region":"us-east-1"}"#,
        ),
        (
            r#"{"FileName":[{"anything-but":{"suffix":".png"}}]}"#,
            r#"{"FileName":"a.jpg"}"#,
            r#"{"FileName":"a.png"}"#,
        ),
        (
            r#"{"state":[{"anything-but":{"equals-ignore-case":"initializing"}}]}"#,
            r#"{"state":"running"}"#,
            r#"{"state":"INITIALIZING"}"#,
        ),
        (
            r#"{"FilePath":[{"anything-but":{"wildcard":"*/lib/*"}}]}"#,
            r#"{"FilePath":"/usr/bin/a"}"#,
            r#"{"FilePath":"/usr/lib/a"}"#,
        ),
        (
            r#"{"Region":[{"prefix":"us-"}]}"#,
            r#"{"Region":"us-east-1"}"#,
            r#"{"Region":"eu-west-1"}"#,
        ),
        (
            r#"{"service":[{"prefix":{"equals-ignore-case":"eventb"}}]}"#,
            r#"{"service":"EventBridge"}"#,
            r#"{"service":"Lambda"}"#,
        ),
        (
            r#"{"LastName":[""]}"#,
            r#"{"LastName":""}"#,
            r#"{"LastName":"Doe"}"#,
        ),
        (
            r#"{"Name":["Alice"]}"#,
            r#"{"Name":"Alice"}"#,
            r#"{"Name":"alice"}"#,
        ),
        (
            r#"{"Name":[{"equals-ignore-case":"alice"}]}"#,
            r#"{"Name":"ALICE"}"#,
            r#"{"Name":"Bob"}"#,
        ),
        (
            r#"{"FileName":[{"suffix":".png"}]}"#,
            r#"{"FileName":"a.png"}"#,
            r#"{"FileName":"a.PNG"}"#,
        ),
        (
            r#"{"service":[{"suffix":{"equals-ignore-case":"tBridge"}}]}"#,
            r#"{"service":"EVENTBRIDGE"}"#,
            r#"{"service":"bridges"}"#,
        ),
        (
            r#"{"ProductName":[{"exists":true}]}"#,
            r#"{"ProductName":"a"}"#,
            r#"{"Price":1}"#,
        ),
        (
            r#"{"ProductName":[{"exists":false}]}"#,
            r#"{"Price":1}"#,
            r#"{"ProductName":"a"}"#,
        ),
        (
            r#"{"Weather":[{"anything-but":["Raining"]}]}"#,
            r#"{"Weather":"Sunny"}"#,
            r#"{"Weather":"Raining"}"#,
        ),
        (
            r#"{"UserID":[null]}"#,
            r#"{"UserID":null}"#,
            r#"{"UserID":""}"#,
        ),
        (
            r#"{"Price":[{"numeric":["=",100]}]}"#,
            r#"{"Price":100.0}"#,
            r#"{"Price":"100"}"#,
        ),
        (
            r#"{"Price":[{"numeric":[">",10,"<=",20]}]}"#,
            r#"{"Price":20}"#,
            r#"{"Price":10}"#,
        ),
        (
            r#"{"PaymentType":["Credit","Debit"]}"#,
            r#"{"PaymentType":"Debit"}"#,
            r#"{"PaymentType":"Cash"}"#,
        ),
        (
            r#"{"$or":[{"Location":["New York"]},{"Day":["Monday"]}]}"#,
            r#"{"Location":"Paris","Day":"Monday"}"#,
            r#"{"Location":"Paris","Day":"Friday"}"#,
        ),
        (
            r#"{"FileName":[{"wildcard":"dir/*.png"}]}"#,
            r#"{"FileName":"dir/sub/a.png"}"#,
            r#"{"FileName":"a.png"}"#,
        ),
    ] {
        let pattern = Pattern::parse(pattern).unwrap();
        let says =
            |record: &str| pattern.matches(&Value::parse(record.as_bytes(), LIMITS).unwrap());
        assert!(says(yes) && !says(no), "{pattern:?}");
    }
}

/// The event that AWS's documentation of its matcher uses throughout.
fn ec2() -> serde_json::Value {
    json!({
        "version": "0",
        "id": "ddddd4-aaaa-7777-4444-345dd43cc333",
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "account": "012345679012",
        "time": "2017-10-02T16:24:49Z",
        "region": "us-east-1",
        "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-000000aaaaaa00000"],
        "detail": {
            "c-count": 5,
            "d-count": 3,
            "x-limit": 301.8,
            "source-ip": "10.0.0.33",
            "instance-id": "i-000000aaaaaa00000",
            "state": "running",
        },
    })
}

#[test]
fn all_fields_have_to_match_each_by_one_of_its_values() {
    check(
        &ec2(),
        &[
            json!({ "source": ["aws.ec2"] }),
            json!({
                "detail-type": ["EC2 Instance State-change Notification"],
                "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-000000aaaaaa00000"],
                "detail": { "state": ["initializing", "running"] },
            }),
        ],
        &[
            json!({ "source": ["aws.s3"] }),
            json!({ "source": ["aws.ec2"], "detail": { "state": ["terminated"] } }),
            json!({ "detail": { "missing": ["a"] } }),
            json!({ "detail": ["running"] }),
            json!({ "source": { "state": ["running"] } }),
        ],
    );
}

#[test]
fn texts_by_beginning_end_case_and_wildcard() {
    check(
        &ec2(),
        &[
            json!({ "time": [{ "prefix": "2017-10-02" }] }),
            json!({ "source": [{ "prefix": { "equals-ignore-case": "AWS." } }] }),
            json!({ "source": [{ "suffix": "ec2" }] }),
            json!({ "source": [{ "suffix": { "equals-ignore-case": "EC2" } }] }),
            json!({ "source": [{ "equals-ignore-case": "AWS.EC2" }] }),
            json!({ "source": [{ "exact": "aws.ec2" }] }),
            json!({ "detail-type": [{ "wildcard": "EC2 * Notification" }] }),
            json!({ "source": [{ "wildcard": "*" }] }),
            json!({ "source": [{ "wildcard": "aws.ec2" }] }),
            json!({ "source": [{ "prefix": "" }] }),
        ],
        &[
            json!({ "time": [{ "prefix": "2017-10-03" }] }),
            json!({ "source": [{ "prefix": "AWS." }] }),
            json!({ "source": [{ "suffix": "EC2" }] }),
            json!({ "source": [{ "equals-ignore-case": "aws.ec" }] }),
            json!({ "source": [{ "prefix": { "equals-ignore-case": "aws.ec2." } }] }),
            json!({ "detail-type": [{ "wildcard": "ec2 * Notification" }] }),
            // Numbers are no texts.
            json!({ "detail": { "c-count": [{ "prefix": "5" }] } }),
            json!({ "detail": { "c-count": [{ "wildcard": "*" }] } }),
            json!({ "detail": { "c-count": ["5"] } }),
        ],
    );
}

#[test]
fn case_is_ignored_in_every_script_and_changes_no_length() {
    let record = json!({ "a": "ΣΑΣ", "b": "É", "c": "ß" });
    check(
        &record,
        &[
            json!({ "a": [{ "equals-ignore-case": "σας" }] }),
            json!({ "a": [{ "prefix": { "equals-ignore-case": "σα" } }] }),
            json!({ "a": [{ "suffix": { "equals-ignore-case": "ας" } }] }),
            json!({ "b": [{ "equals-ignore-case": "é" }] }),
            json!({ "c": [{ "equals-ignore-case": "ß" }] }),
        ],
        &[
            json!({ "b": [{ "equals-ignore-case": "e" }] }),
            json!({ "c": [{ "equals-ignore-case": "ss" }] }),
        ],
    );
}

#[test]
fn a_wildcard_is_any_text_none_included() {
    for (wildcard, yes, no) in [
        (
            "dir/*.png",
            vec!["dir/.png", "dir/a/b.png"],
            vec!["dir/.pngs", "a/dir/.png"],
        ),
        (
            "a*b*c",
            vec!["abc", "aXbXc", "abbc", "abcabc"],
            vec!["ab", "acb", "abcd"],
        ),
        ("*", vec!["", "a"], vec![]),
        ("", vec![""], vec!["a"]),
        ("*a", vec!["a", "aa"], vec!["", "ab"]),
        // What the beginning takes, the end cannot.
        ("ab*ba", vec!["abba", "abXba"], vec!["aba", "ab"]),
        ("a*a*a", vec!["aaa"], vec!["aa", "a"]),
        (r"\*", vec!["*"], vec!["a", ""]),
        (r"\\*", vec![r"\", r"\a"], vec!["*"]),
        (r"*\**", vec!["*", "a*b"], vec!["ab"]),
    ] {
        let pattern = json!({ "a": [{ "wildcard": wildcard }] });
        for text in yes {
            assert!(
                matches(&pattern, &json!({ "a": text })),
                "{wildcard} {text}"
            );
        }
        for text in no {
            assert!(
                !matches(&pattern, &json!({ "a": text })),
                "{wildcard} {text}"
            );
        }
    }
}

/// With a matcher that goes back, this would not end.
#[test]
fn a_wildcard_does_not_go_back() {
    let wildcard = "*a".repeat(500) + "*b";
    let record = json!({ "a": "a".repeat(100_000) });
    assert!(!matches(
        &json!({ "a": [{ "wildcard": wildcard }] }),
        &record
    ));
}

#[test]
fn anything_but_takes_values_of_other_types_too() {
    check(
        &ec2(),
        &[
            json!({ "detail": { "state": [{ "anything-but": "initializing" }] } }),
            json!({ "detail": { "x-limit": [{ "anything-but": 123 }] } }),
            json!({ "detail": { "state": [{ "anything-but": ["stopped", "overloaded"] }] } }),
            json!({ "detail": { "x-limit": [{ "anything-but": [100, 200, 300] }] } }),
            json!({ "detail": { "state": [{ "anything-but": { "prefix": "init" } }] } }),
            json!({ "detail": { "state": [{ "anything-but": { "prefix": ["init", "error"] } }] } }),
            json!({ "detail": { "instance-id": [{ "anything-but": { "suffix": "1234" } }] } }),
            json!({ "detail": { "state": [{ "anything-but": { "equals-ignore-case": "Stopped" } }] } }),
            json!({ "detail": { "state": [{ "anything-but": { "wildcard": "*/bin/*.jar" } }] } }),
            json!({ "detail": { "c-count": [{ "anything-but": "5" }] } }),
            json!({ "detail": { "state": [{ "anything-but": 5 }] } }),
        ],
        &[
            json!({ "detail": { "state": [{ "anything-but": "running" }] } }),
            json!({ "detail": { "x-limit": [{ "anything-but": 3.018e2 }] } }),
            json!({ "detail": { "state": [{ "anything-but": ["stopped", "running"] }] } }),
            json!({ "detail": { "state": [{ "anything-but": { "prefix": "run" } }] } }),
            json!({ "detail": { "state": [{ "anything-but": { "suffix": ["X", "ning"] } }] } }),
            json!({ "detail": { "state": [{ "anything-but": { "equals-ignore-case": ["a", "RUNNING"] } }] } }),
            json!({ "detail": { "state": [{ "anything-but": { "wildcard": "r*g" } }] } }),
            // A field that is not there is not anything.
            json!({ "detail": { "missing": [{ "anything-but": "a" }] } }),
        ],
    );
}

#[test]
fn numbers_compare_by_value() {
    check(
        &ec2(),
        &[
            json!({ "detail": {
                "c-count": [{ "numeric": [">", 0, "<=", 5] }],
                "d-count": [{ "numeric": ["<", 10] }],
                "x-limit": [{ "numeric": ["=", 3.018e2] }],
            } }),
            json!({ "detail": { "x-limit": [301.80] } }),
            json!({ "detail": { "c-count": [{ "numeric": [">=", 5] }] } }),
            json!({ "detail": { "c-count": [{ "numeric": ["<=", 5.0] }] } }),
        ],
        &[
            json!({ "detail": { "c-count": [{ "numeric": [">", 5] }] } }),
            json!({ "detail": { "c-count": [{ "numeric": ["<", 5] }] } }),
            json!({ "detail": { "c-count": [{ "numeric": [">", 0, "<", 5] }] } }),
            json!({ "detail": { "state": [{ "numeric": [">", 0] }] } }),
            json!({ "detail": { "missing": [{ "numeric": [">", 0] }] } }),
        ],
    );
    let at = |pattern: &str, record: &str| {
        let record = Value::parse(record.as_bytes(), LIMITS).unwrap();
        Pattern::parse(pattern).unwrap().matches(&record)
    };
    // Beyond the five thousand millions that EventBridge's numeric operator stopped at.
    assert!(at(
        r#"{"t":[{"numeric":[">=",1795000000000]}]}"#,
        r#"{"t":1795000000001}"#
    ));
    assert!(at(r#"{"t":[1e2]}"#, r#"{"t":100.0}"#));
    assert!(!at(
        r#"{"t":[9007199254740993]}"#,
        r#"{"t":9007199254740992}"#
    ));
    assert!(at(
        r#"{"t":[{"numeric":["<",1e999999999]}]}"#,
        r#"{"t":1e999999998}"#
    ));
}

#[test]
fn addresses_in_a_network() {
    let at = |address: &str, network: &str| {
        matches(
            &json!({ "ip": [{ "cidr": network }] }),
            &json!({ "ip": address }),
        )
    };
    assert!(matches(
        &json!({ "detail": { "source-ip": [{ "cidr": "10.0.0.0/24" }] } }),
        &ec2()
    ));
    for (address, network, expected) in [
        ("10.0.0.255", "10.0.0.0/24", true),
        ("10.0.1.0", "10.0.0.0/24", false),
        ("10.0.0.7", "10.0.0.99/24", true),
        ("1.2.3.4", "0.0.0.0/0", true),
        ("1.2.3.4", "1.2.3.4/32", true),
        ("1.2.3.5", "1.2.3.4/32", false),
        ("2001:db8::1", "2001:db8::/32", true),
        ("2001:0DB8:0:0::1", "2001:db8::/32", true),
        ("2001:db9::1", "2001:db8::/32", false),
        ("::1", "::1/128", true),
        ("::ffff:10.0.0.1", "10.0.0.0/8", false),
        ("10.0.0.1", "::/0", false),
        ("10.0.0", "10.0.0.0/8", false),
        ("example.com", "0.0.0.0/0", false),
    ] {
        assert_eq!(at(address, network), expected, "{address} in {network}");
    }
}

#[test]
fn a_field_is_there_if_it_has_a_value_that_is_no_object() {
    check(
        &ec2(),
        &[
            json!({ "detail": { "c-count": [{ "exists": true }] } }),
            json!({ "detail": { "missing": [{ "exists": false }] } }),
            json!({ "missing": { "missing": [{ "exists": false }] } }),
            json!({ "detail": [{ "exists": false }] }),
            json!({ "detail": { "state": [{ "exists": false }, "running"] } }),
            json!({ "detail": { "missing": [{ "exists": false }, "running"] } }),
        ],
        &[
            json!({ "detail": { "c-count": [{ "exists": false }] } }),
            json!({ "detail": { "missing": [{ "exists": true }] } }),
            json!({ "detail": [{ "exists": true }] }),
            json!({ "detail": { "state": [{ "exists": false }, "stopped"] } }),
        ],
    );
    let nothing = json!({ "null": null, "empty": "", "list": [], "object": {} });
    check(
        &nothing,
        &[
            json!({ "null": [null] }),
            json!({ "null": [{ "exists": true }] }),
            json!({ "empty": [""] }),
            json!({ "list": [{ "exists": false }] }),
            json!({ "object": [{ "exists": false }] }),
        ],
        &[
            json!({ "null": [""] }),
            json!({ "empty": [null] }),
            json!({ "missing": [null] }),
            json!({ "list": [{ "exists": true }] }),
        ],
    );
}

#[test]
fn alternatives_as_aws_documents_them() {
    let with_and = json!({
        "source": ["aws.cloudwatch"],
        "$or": [
            { "metricName": ["CPUUtilization", "ReadLatency"] },
            {
                "metricType": ["MetricType"],
                "namespace": ["AWS/EC2", "AWS/ES"],
                "$or": [{ "metricId": [1234] }, { "spaceId": [1000] }],
            },
            { "scope": ["Service"] },
        ],
    });
    for (record, expected) in [
        (
            json!({ "source": "aws.cloudwatch", "metricName": "ReadLatency" }),
            true,
        ),
        (
            json!({ "source": "aws.cloudwatch", "scope": "Service" }),
            true,
        ),
        (
            json!({ "source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/ES", "spaceId": 1000 }),
            true,
        ),
        (
            json!({ "source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/ES" }),
            false,
        ),
        (
            json!({ "source": "aws.cloudwatch", "metricType": "MetricType", "spaceId": 1000 }),
            false,
        ),
        (json!({ "source": "aws.ec2", "scope": "Service" }), false),
        (json!({ "source": "aws.cloudwatch" }), false),
    ] {
        assert_eq!(matches(&with_and, &record), expected, "{record}");
    }
    let parallel = json!({
        "$or": [{ "metricName": ["CPU"] }, { "namespace": ["AWS/EC2"] }],
        "detail": { "$or": [{ "source": ["aws.cloudwatch"] }, { "detail-type": ["Alarm"] }] },
    });
    check(
        &json!({ "metricName": "CPU", "detail": { "detail-type": "Alarm" } }),
        std::slice::from_ref(&parallel),
        &[],
    );
    check(
        &json!({ "metricName": "CPU", "detail": {} }),
        &[],
        std::slice::from_ref(&parallel),
    );
    check(
        &json!({ "detail": { "source": "aws.cloudwatch" } }),
        &[],
        &[parallel],
    );
    check(
        &json!({ "attributes": { "plan": "pro" }, "metrics": { "seats": 3 } }),
        &[json!({
            "attributes": { "plan": ["pro"] },
            "$or": [{ "attributes": { "beta": ["yes"] } }, { "metrics": { "seats": [{ "numeric": [">", 1] }] } }],
        })],
        &[],
    );
}

#[test]
fn fields_within_an_array_match_in_one_element() {
    let employees = json!({ "employees": [
        { "firstName": "John", "lastName": "Doe" },
        [{ "firstName": "Anna", "lastName": "Smith" }],
        { "firstName": "Peter", "lastName": "Jones" },
    ] });
    let named = |first: &str, last: &str| json!({ "employees": { "firstName": [first], "lastName": [last] } });
    check(
        &employees,
        &[
            json!({ "employees": { "firstName": ["Anna"] } }),
            named("Anna", "Smith"),
        ],
        &[
            named("Anna", "Jones"),
            // Nor where `$or` parts them.
            json!({
                "employees": { "firstName": ["Anna"] },
                "$or": [{ "employees": { "lastName": ["Jones"] } }, { "a": ["b"] }],
            }),
            json!({ "employees": { "firstName": ["Anna"], "lastName": [{ "exists": false }] } }),
            json!({ "employees": { "lastName": [{ "exists": false }] } }),
        ],
    );
    check(
        &json!({ "tags": ["a", "b", 3] }),
        &[
            json!({ "tags": ["b"] }),
            json!({ "tags": [{ "anything-but": "a" }] }),
            json!({ "tags": [{ "numeric": [">", 2] }] }),
        ],
        &[
            json!({ "tags": ["c"] }),
            json!({ "tags": [{ "exists": false }] }),
        ],
    );
}
