//! The canonical forms that both signer and verifier hash.

use alloc::borrow::Cow;
use alloc::collections::BinaryHeap;
use alloc::string::String;
use alloc::vec::Vec;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Scope;

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const HEX_LOWER: &[u8; 16] = b"0123456789abcdef";
const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// A header in canonical form. Sorted by name, then as they came.
pub(super) type CanonicalHeader = (String, String);

/// Lower-case names, trimmed values with inner runs of white space collapsed, sorted, duplicates
/// joined by commas.
pub(super) fn canonical_headers<'a>(
    headers: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<CanonicalHeader> {
    let numbered = headers
        .enumerate()
        .map(|(at, (name, value))| (name.to_ascii_lowercase(), at, collapse(value)));
    let mut canonical: Vec<CanonicalHeader> = Vec::new();
    for (name, _, value) in sorted(numbered) {
        match canonical.last_mut() {
            Some((last, values)) if *last == name => {
                values.push(',');
                values.push_str(&value);
            }
            _ => canonical.push((name, value)),
        }
    }
    canonical
}

/// By name, then number, then value. A heap has a tenth of the code of a slice's sort.
fn sorted(entries: impl Iterator<Item = (String, usize, String)>) -> Vec<(String, usize, String)> {
    entries.collect::<BinaryHeap<_>>().into_sorted_vec()
}

fn collapse(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for word in value.split_ascii_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// `a;b;c`
pub(super) fn signed_header_names(headers: &[CanonicalHeader]) -> String {
    let mut out = String::new();
    for (name, _) in headers {
        if !out.is_empty() {
            out.push(';');
        }
        out.push_str(name);
    }
    out
}

/// The canonical request. `query` is that of [`canonical_query`].
pub(super) fn canonical_request(
    method: &str,
    path: &str,
    query: &str,
    headers: &[CanonicalHeader],
    payload_hash: &str,
) -> String {
    let mut out = String::new();
    out.push_str(method);
    out.push('\n');
    push_canonical_path(&mut out, path);
    out.push('\n');
    out.push_str(query);
    out.push('\n');
    for (name, value) in headers {
        out.push_str(name);
        out.push(':');
        out.push_str(value);
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&signed_header_names(headers));
    out.push('\n');
    out.push_str(payload_hash);
    out
}

/// Dot segments resolved, empty segments removed, then every byte that is not unreserved encoded:
/// an already encoded path is encoded again, as every service but S3 does it.
fn push_canonical_path(out: &mut String, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    out.push('/');
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            out.push('/');
        }
        percent_encode(out, segment.as_bytes());
    }
    let is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if is_folder && !segments.is_empty() {
        out.push('/');
    }
}

/// The query as sent, decoded and encoded anew, sorted by name and then by value; `left_out` is the
/// name of the signature's own parameter.
pub(super) fn canonical_query(query: &str, left_out: Option<&str>) -> String {
    let reencoded = |text: &str| encoded_bytes(&percent_decode(text));
    let parameters = parameters(query)
        .map(|(name, value)| (reencoded(name), 0, reencoded(value)))
        .filter(|(name, _, _)| Some(name.as_str()) != left_out);
    let mut out = String::with_capacity(query.len());
    for (name, _, value) in sorted(parameters) {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&name);
        out.push('=');
        out.push_str(&value);
    }
    out
}

fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

/// The parameters of a query, percent-decoded. What is not UTF-8 when decoded stays as it was.
pub(super) fn query_parameters(query: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    parameters(query)
        .map(|(name, value)| (decoded_text(name), decoded_text(value)))
        .collect()
}

fn decoded_text(text: &str) -> Cow<'_, str> {
    match percent_decode(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned),
    }
}

fn percent_decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&first, rest)) = bytes.split_first() {
        bytes = rest;
        if first == b'%'
            && let [high, low, rest @ ..] = rest
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            out.push(high << 4 | low);
            bytes = rest;
        } else {
            out.push(first);
        }
    }
    Cow::Owned(out)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// 32 bytes from 64 hex digits.
pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(out)
}

pub(crate) fn encoded(text: &str) -> String {
    encoded_bytes(text.as_bytes())
}

fn encoded_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    percent_encode(&mut out, bytes);
    out
}

fn percent_encode(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            push_hex(out, byte, HEX_UPPER);
        }
    }
}

fn push_hex(out: &mut String, byte: u8, digits: &[u8; 16]) {
    out.push(char::from(digits[usize::from(byte >> 4)]));
    out.push(char::from(digits[usize::from(byte & 15)]));
}

/// Lower-case hex.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        push_hex(&mut out, byte, HEX_LOWER);
    }
    out
}

/// SHA-256 in lower-case hex: the payload hash of a body.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

/// HMAC-SHA-256 in lower-case hex.
pub(crate) fn hmac_sha256_hex(key: &[u8], message: &[u8]) -> String {
    let mut mac = keyed(key);
    mac.update(message);
    to_hex(&mac.finalize().into_bytes())
}

/// `20150830/us-east-1/service/aws4_request`, from a date as `20150830T123600Z`.
pub(super) fn credential_scope(amz_date: &str, scope: &Scope<'_>) -> String {
    let mut out = String::new();
    out.push_str(day(amz_date));
    for part in [scope.region, scope.service, "aws4_request"] {
        out.push('/');
        out.push_str(part);
    }
    out
}

fn day(amz_date: &str) -> &str {
    amz_date.split_once('T').map_or(amz_date, |(day, _)| day)
}

pub(super) fn string_to_sign(amz_date: &str, scope: &Scope<'_>, canonical_request: &str) -> String {
    let mut out = String::new();
    for line in [ALGORITHM, amz_date, &credential_scope(amz_date, scope)] {
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(&sha256_hex(canonical_request.as_bytes()));
    out
}

/// The MAC that, over the string to sign, is the signature.
pub(super) fn signature_mac(
    secret_access_key: &str,
    amz_date: &str,
    scope: &Scope<'_>,
) -> Hmac<Sha256> {
    let mut secret = String::with_capacity(4 + secret_access_key.len());
    secret.push_str("AWS4");
    secret.push_str(secret_access_key);
    let mut mac = keyed(secret.as_bytes());
    for part in [day(amz_date), scope.region, scope.service, "aws4_request"] {
        mac.update(part.as_bytes());
        mac = keyed(&mac.finalize().into_bytes());
    }
    mac
}

pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes a key of any length (RFC 2104), so the error cannot happen; an unkeyed MAC, which
    // verifies nothing anyone could have signed, stands in for it without a panic path.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}
