//! The compact form.

use forebay_core::schema::{Docs, RulesError, Schema};

use crate::support::*;

/// A schema without what is for readers.
fn bare(mut schema: Schema) -> Schema {
    for event in &mut schema.events {
        event.name.clone_from(&event.event_type);
        event.docs = Docs::default();
        for field in &mut event.fields {
            field.docs = Docs::default();
        }
    }
    schema
}

#[test]
fn rules_hold_what_is_validated() {
    let schema = Schema::parse(DEMO.as_bytes()).unwrap();
    let rules = schema.to_rules();
    assert_eq!(
        rules,
        concat!(
            r#"[1,1,["SignUpEvent",0,["email",4,null,200,1],"#,
            r#"["plan",0,null,null,null,"free","pro","team"],["referrer",8,null,100]],"#,
            r#"["SignInEvent",0,["email",4,null,200,1],["id",4,null,null,4],["is_test_user",5],"#,
            r#"["user_type",4,null,null,null,"student","teacher","admin"]],"#,
            r#"["PiecePlayedEvent",0,["piece",4,1,100],["minutes",7,null,600,0],"#,
            r#"["mistakes",2,0],["completed",5],["started_at",0,null,null,2]]]"#
        )
    );
    assert_eq!(Schema::from_rules(&rules), Ok(bare(schema)));
}

#[test]
fn what_is_no_rules_is_refused() {
    for text in [
        "",
        "{}",
        "[]",
        "[1]",
        "[2,1]",
        "[1,-1]",
        r#"[1,1,"E"]"#,
        r#"[1,1,["E"]]"#,
        r#"[1,1,[0,0]]"#,
        r#"[1,1,["E",0,["f"]]]"#,
        r#"[1,1,["E",0,["f",-1]]]"#,
        r#"[1,1,["E",0,["f",0,null,null,null,1]]]"#,
        r#"[1,1,["E",0,["f",3,null,null,null,null,"a"]]]"#,
        DEMO,
    ] {
        assert_eq!(Schema::from_rules(text), Err(RulesError), "{text}");
    }
}
