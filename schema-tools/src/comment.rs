//! Comments of TSDoc, from text that may be anything.

use crate::javascript::is_invisible;

/// Columns of a line of generated code.
pub const WIDTH: usize = 100;

/// A comment in the making.
#[derive(Default)]
pub struct Comment {
    paragraphs: Vec<String>,
    tags: Vec<String>,
}

impl Comment {
    /// Adds paragraphs: the text's own lines are kept apart.
    pub fn text(&mut self, text: &str) {
        let is_break = |character: char| {
            matches!(
                character,
                '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
            )
        };
        let lines = text.split(is_break).map(clean);
        self.paragraphs
            .extend(lines.filter(|line| !line.is_empty()));
    }

    /// Adds a tag, e.g. `deprecated`, with what follows it.
    pub fn tag(&mut self, name: &str, content: &str) {
        let tag = format!("@{name} {}", clean(content));
        self.tags.push(tag.trim_end().to_owned());
    }

    /// The comment with its closing line break, `indent` columns from the left; empty if there is
    /// nothing to say.
    pub fn write(&self, indent: usize) -> String {
        let margin = " ".repeat(indent);
        let mut lines: Vec<String> = Vec::new();
        for paragraph in &self.paragraphs {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(wrapped(paragraph, WIDTH - indent - " * ".len()));
        }
        if !self.paragraphs.is_empty() && !self.tags.is_empty() {
            lines.push(String::new());
        }
        lines.extend(self.tags.iter().cloned());
        match lines.as_slice() {
            [] => String::new(),
            [line] if indent + line.chars().count() + "/**  */".len() <= WIDTH => {
                format!("{margin}/** {line} */\n")
            }
            lines => {
                let line = |line: &String| format!("{margin} * {line}").trim_end().to_owned();
                let body: Vec<String> = lines.iter().map(line).collect();
                format!("{margin}/**\n{}\n{margin} */\n", body.join("\n"))
            }
        }
    }
}

/// One line, in which nothing ends the comment, begins a tag, or ends a script element.
fn clean(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|character| {
            if is_invisible(character) {
                ' '
            } else {
                character
            }
        })
        .collect();
    let words = visible.split_whitespace().map(|word| match word {
        word if word.starts_with('@') => format!("\\{word}"),
        word => word.to_owned(),
    });
    let line = words.collect::<Vec<_>>().join(" ");
    let line = line.replace("*/", "*\\/");
    line.replace("</", "<\\/").replace("<!", "<\\!")
}

/// The words of a text in lines of at most `width` characters, longer words aside.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split(' ') {
        let word_length = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + word_length <= width => {
                line.push(' ');
                line.push_str(word);
                length += 1 + word_length;
            }
            _ => {
                lines.push(word.to_owned());
                length = word_length;
            }
        }
    }
    lines
}
