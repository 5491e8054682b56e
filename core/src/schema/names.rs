//! Names that hold everywhere: on the wire, as a column or table, and as a folder.

use alloc::string::String;

use crate::wire::put_events::MAX_KEY_CHARS;

/// A name as tables and columns have it: ASCII letters and digits in lower case, words parted by one `_`. A word begins at a capital
/// after a small letter or digit (`userId`), at the last capital of a run that a small letter
/// follows (`HTTPRequest`), and after anything that is neither letter nor digit.
///
/// There is no `_` at the start: query engines take files and folders that begin with one for
/// hidden.
pub fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut previous = '_';
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        let next_is_small = characters.peek().is_some_and(char::is_ascii_lowercase);
        let begins_word = character.is_ascii_uppercase()
            && (!previous.is_ascii_uppercase() || next_is_small)
            || !previous.is_ascii_alphanumeric();
        if character.is_ascii_alphanumeric() {
            if begins_word && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        }
        previous = character;
    }
    snake
}

/// Why `name` cannot be a name on the wire and a column, and what to do; `None` where it can.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let first = name.bytes().find(u8::is_ascii_alphanumeric);
    if !name.bytes().all(allowed) {
        Some("may hold only ASCII letters, digits, \"_\", \"-\" and \".\"; rename it")
    } else if !first.is_some_and(|byte| byte.is_ascii_alphabetic()) {
        Some("must begin with a letter, as a column does; rename it")
    } else if name.len() > MAX_KEY_CHARS {
        Some("is longer than the 50 characters that fit the wire; shorten it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_parts_words() {
        for (name, snake) in [
            ("SignUpEvent", "sign_up_event"),
            ("is_test_user", "is_test_user"),
            ("userId", "user_id"),
            ("userID", "user_id"),
            ("HTTPRequest", "http_request"),
            ("MP3Player", "mp3_player"),
            ("address2", "address2"),
            ("Address2Line", "address2_line"),
            ("_session.start", "session_start"),
            ("a__b--c_", "a_b_c"),
            ("A", "a"),
            ("AB", "ab"),
            ("", ""),
            ("_", ""),
        ] {
            assert_eq!(snake_case(name), snake, "{name}");
        }
    }

    #[test]
    fn the_fault_states_the_limit_of_the_wire() {
        assert_eq!(MAX_KEY_CHARS, 50);
        assert_eq!(fault(&"a".repeat(50)), None);
        assert!(fault(&"a".repeat(51)).is_some());
    }
}
