//! Values and names as JavaScript source has them, written as a formatter with double quotes leaves
//! them.

use core::fmt::Write as _;

use forebay_core::json::Number;

/// A string literal. What would end a script element or a line of source is escaped, and so are
/// characters that nobody sees.
pub fn string(text: &str) -> String {
    let count = |quote: char| text.matches(quote).count();
    let quote = if count('"') > count('\'') { '\'' } else { '"' };
    let mut literal = String::from(quote);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let ends_script = character == '<' && matches!(characters.peek(), Some('/' | '!'));
        match character {
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\\' => literal.push_str("\\\\"),
            _ if character == quote => {
                literal.push('\\');
                literal.push(character);
            }
            _ if ends_script || is_invisible(character) => {
                // Writing to a string does not fail.
                let _ = write!(literal, "\\u{:04x}", u32::from(character));
            }
            _ => literal.push(character),
        }
    }
    literal.push(quote);
    literal
}

/// Controls, line and paragraph separators, the byte order mark, and what turns the direction of the
/// text that follows. All of them have four hexadecimal digits at most.
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

/// A number literal: the double it is, as JavaScript itself writes it.
pub fn number(number: &Number<'_>) -> String {
    let double = number.to_f64();
    if double == 0.0 {
        return "0".to_owned();
    }
    let shortest = Number::from_f64(double);
    shortest.as_ref().unwrap_or(number).as_text().to_owned()
}

/// A member's name: in quotes where it is no identifier.
pub fn member_name(name: &str) -> String {
    if is_identifier(name) {
        name.to_owned()
    } else {
        string(name)
    }
}

/// `object.name`, or `object["na-me"]`.
pub fn member(object: &str, name: &str) -> String {
    if is_identifier(name) {
        format!("{object}.{name}")
    } else {
        // After `?` the brackets still need the point.
        let point = if object.ends_with('?') { "." } else { "" };
        format!("{object}{point}[{}]", string(name))
    }
}

/// Names in the schema are ASCII and begin with a letter or `_`.
fn is_identifier(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
