//! Checksums on the state: the lake notices a flipped bit or a file that was cut short, even if it can still
//! be read.

use sha2::{Digest, Sha256};
use thiserror::Error;

/// How the last member of a sealed JSON object begins.
const MEMBER: &str = r#","sha256":""#;
const HEX_DIGITS: usize = 64;
/// And how it ends.
const END: &str = r#""}"#;

/// Why bytes are not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Damage {
    /// There is no file.
    #[error("it is not there")]
    Absent,
    /// The end is not that of a whole file.
    #[error("it is cut short, or not a file of this kind")]
    CutShort,
    /// The checksum does not match the bytes.
    #[error("its checksum does not match its bytes")]
    Changed,
    /// The checksum is right, but the content cannot be.
    #[error("{0}")]
    Senseless(String),
}

/// SHA-256 in small hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A JSON object, which has members, with one more: the checksum of the text before it.
pub fn seal(object: &str) -> String {
    let open = object.strip_suffix('}').unwrap_or(object);
    format!("{open}{MEMBER}{}{END}\n", sha256(open.as_bytes()))
}

/// The object that [`seal`] was given.
///
/// # Errors
/// [`Damage::CutShort`], [`Damage::Changed`]
pub fn unseal(text: &[u8]) -> Result<String, Damage> {
    let text = std::str::from_utf8(text).map_err(|_| Damage::Changed)?;
    let sealed = text.trim_end().strip_suffix(END).ok_or(Damage::CutShort)?;
    let split = sealed.len().checked_sub(HEX_DIGITS);
    let (rest, digits) = split
        .and_then(|at| sealed.split_at_checked(at))
        .ok_or(Damage::CutShort)?;
    let open = rest.strip_suffix(MEMBER).ok_or(Damage::CutShort)?;
    if sha256(open.as_bytes()) != digits {
        return Err(Damage::Changed);
    }
    Ok(format!("{open}}}"))
}
