//! The compact form.

use forebay_core::schema::{Rules, RulesError, Schema};

use crate::support::*;

#[test]
fn rules_hold_what_is_validated() {
    let schema = Schema::parse(DEMO.as_bytes()).unwrap();
    let rules = schema.to_rules();
    assert_eq!(
        without_patterns(&rules),
        concat!(
            "3:SignUpEvent;Iemail@A@!<A200;Aplan=free=pro=team<A200;Qreferrer<A100",
            ":SignInEvent;Iemail@A@!<A200;Iid@D<A200;Jis_test_user",
            ";Iuser_type=student=teacher=admin<A200",
            ":PiecePlayedEvent;Ipiece>A1<A100;Lminutes>B0<A600;Cmistakes>A0",
            ";Jcompleted;Astarted_at@B@!<A200",
        )
    );
    assert!(Rules::read(&rules).is_ok());
}

/// Rules whose formats have their letters alone.
fn without_patterns(rules: &str) -> String {
    let item = |text: &str| {
        let end = text.find([':', ';', '<', '=', '>']).unwrap_or(text.len());
        [&text[..1], &text[end..]].concat()
    };
    let mut items = rules.split('@');
    let first = items.next().unwrap().to_owned();
    [first]
        .into_iter()
        .chain(items.map(item))
        .collect::<Vec<_>>()
        .join("@")
}

#[test]
fn what_is_no_rules_is_refused() {
    for text in [
        "", "{}", "[1,1]", "1", "3", "2:E", ":E", "3;E", "33:E", DEMO,
    ] {
        assert_eq!(Rules::read(text), Err(RulesError), "{text}");
    }
}
