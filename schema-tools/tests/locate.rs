//! Where mistakes are in a schema file.

use forebay_schema_tools::locate::{Position, locate};

const FILE: &str = r#"{
  "$defs": {
    "SignUpEvent": {
      "required": ["email", "naïve \u007e", "email"],
      "properties": { "é𝄞": 1, "a/b~c": { "type": "text" }, "quo\"te": [[], {"x": null}] }
    }
  }
}
"#;

/// What stands at a place, to the end of its line.
fn text_at(text: &str, place: Position) -> String {
    let line = text.split('\n').nth(place.line as usize - 1);
    let units: Vec<u16> = line.unwrap_or_default().encode_utf16().collect();
    let rest = units.get(place.column as usize - 1..);
    String::from_utf16_lossy(rest.unwrap_or_default())
}

#[test]
fn a_pointer_leads_to_the_name_of_a_member_or_the_value_of_an_element() {
    let properties = "/$defs/SignUpEvent/properties";
    let cases = [
        (String::new(), "{"),
        ("/$defs".to_owned(), "\"$defs\": {"),
        (
            "/$defs/SignUpEvent/required/0".to_owned(),
            "\"email\", \"na",
        ),
        ("/$defs/SignUpEvent/required/2".to_owned(), "\"email\"],"),
        (format!("{properties}/é𝄞"), "\"é𝄞\": 1"),
        (format!("{properties}/a~1b~0c/type"), "\"type\": \"text\""),
        (format!("{properties}/quo\"te/1/x"), "\"x\": null"),
    ];
    let pointers: Vec<&str> = cases.iter().map(|(pointer, _)| pointer.as_str()).collect();
    for (place, (pointer, expected)) in locate(FILE, &pointers).into_iter().zip(&cases) {
        let found = text_at(FILE, place);
        assert!(found.starts_with(expected), "{pointer}: {found}");
    }
}

#[test]
fn what_is_not_there_is_where_it_is_missing_from() {
    let places = locate(FILE, &["/$defs/SignUpEvent/type", "/x-version"]);
    let found: Vec<String> = places.iter().map(|place| text_at(FILE, *place)).collect();
    assert_eq!(found, ["\"SignUpEvent\": {", "{"]);
}

#[test]
fn a_text_that_is_not_json_is_wrong_where_reading_stops() {
    let text = "{\n  \"é\": 1,\n  \"ü𝄞\": tru\n}";
    let place = Position {
        line: 3,
        column: 10,
    };
    assert_eq!(locate(text, &[""]), [place]);
    assert_eq!(locate("", &[""]), [Position { line: 1, column: 1 }]);
}
