//! Percent-encoding (RFC 3986), as ids have it in a path.

/// The text that a segment of a path stands for; `None` where it is none, or not UTF-8.
pub fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
                u8::try_from(value).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_nothing_else() {
        for (segment, text) in [
            ("client-1", Some("client-1")),
            ("a%2Fb%20c+d", Some("a/b c+d")),
            ("%C3%A5%c3%a4", Some("åä")),
            ("%25", Some("%")),
            ("%", None),
            ("%2", None),
            ("%2g", None),
            ("%C3", None),
            ("", Some("")),
        ] {
            assert_eq!(decoded(segment).as_deref(), text, "{segment}");
        }
    }
}
