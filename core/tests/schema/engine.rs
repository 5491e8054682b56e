//! What a browser's engine does, by others: the standard library reads doubles as browsers do, and `regress` is a
//! regular expression engine of JavaScript's kind.

use forebay_core::schema::JavaScript;
use regress::Regex;

pub struct Engine;

impl JavaScript for Engine {
    fn number(text: &[u8]) -> f64 {
        let text = std::str::from_utf8(text).unwrap_or_default();
        text.parse().unwrap_or(f64::NAN)
    }

    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        let [pattern, text] = [pattern, text].map(|text| std::str::from_utf8(text).unwrap());
        Regex::new(pattern).is_ok_and(|regex| regex.find(text).is_some())
    }
}
