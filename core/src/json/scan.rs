//! Finds the first byte of a text that ends a run, several bytes at a time.

use crate::steps::step;

/// Bytes that are looked at together, without a branch between them: a vector's worth.
const CHUNK: usize = 16;

/// How many bytes stand before the first one that `is_stop` takes; all, where there is none.
#[inline(always)]
pub(crate) fn run_length(bytes: &[u8], is_stop: impl Fn(u8) -> bool) -> usize {
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk::<CHUNK>() {
        step();
        if chunk
            .iter()
            .fold(false, |found, byte| found | is_stop(*byte))
        {
            break;
        }
        rest = behind;
    }
    let passed = bytes.len() - rest.len();
    let last = rest.iter().position(|byte| is_stop(*byte));
    passed + last.unwrap_or(rest.len())
}

/// Whether a byte cannot stand in a string as it is.
#[inline(always)]
pub(crate) fn is_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_place_of_the_first(bytes in prop::collection::vec(0_u8..64, 0..100)) {
            let expected = bytes.iter().position(|byte| is_escaped(*byte));
            prop_assert_eq!(run_length(&bytes, is_escaped), expected.unwrap_or(bytes.len()));
        }
    }
}
