//! Markdown (CommonMark with GitHub's tables), from text that may be anything.

use crate::javascript::{is_invisible, string};

/// Text that stands for itself, on one line.
pub fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in one_line(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    // What makes a list, a heading or a quote at the start of a line.
    let digits = escaped.trim_start_matches(|character: char| character.is_ascii_digit());
    let is_numbered = digits.len() < escaped.len() && digits.starts_with(['.', ')']);
    if is_numbered {
        escaped.insert(escaped.len() - digits.len(), '\\');
    } else if escaped.starts_with(['-', '+', '=', '>', '|']) {
        escaped.insert(0, '\\');
    }
    escaped
}

/// Text that stands for itself, each of its lines a paragraph.
pub fn paragraphs(text: &str) -> String {
    let lines = text.split(['\n', '\r', '\u{2028}', '\u{2029}']);
    let lines: Vec<String> = lines
        .map(self::text)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n\n")
}

/// A code span, on one line. Text that would not be seen as it is stands there as JavaScript writes
/// it.
pub fn code(text: &str) -> String {
    let plain = one_line(text);
    let text = if plain == text && !plain.is_empty() {
        plain
    } else {
        string(text)
    };
    let fence = "`".repeat(longest_run(&text) + 1);
    // Spaces keep backticks apart from the fence, and are no part of the code then.
    let space = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A block of code with its closing line break.
pub fn code_block(language: &str, code: &str) -> String {
    let fence = "`".repeat((longest_run(code) + 1).max(3));
    format!("{fence}{language}\n{code}\n{fence}\n")
}

/// A row of a table, of cells that are Markdown already. A bar would end a cell, even in code.
pub fn row(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn one_line(text: &str) -> String {
    let visible = text.chars().map(|character| match character {
        character if is_invisible(character) => ' ',
        character => character,
    });
    let visible: String = visible.collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|character| character != '`');
    runs.map(str::len).max().unwrap_or(0)
}
