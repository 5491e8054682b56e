//! Parquet's encoding of small numbers: runs of one number, and groups of eight in as few bits as they take
//! (`RLE_DICTIONARY`, and levels).

/// Values of a group of packed ones.
const GROUP: usize = 8;

/// Appends numbers of so many bits, 32 at most.
pub(super) fn write(numbers: &[u32], width: u32, to: &mut Vec<u8>) {
    let (mut at, mut packed) = (0, 0);
    while let Some(rest) = numbers.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().take_while(|number| **number == rest[0]).count();
        if length < GROUP {
            at += GROUP;
            continue;
        }
        pack(&numbers[packed..at], width, to);
        varint(length << 1, to);
        let bytes = width.div_ceil(8) as usize;
        to.extend_from_slice(&rest[0].to_le_bytes()[..bytes]);
        at += length;
        packed = at;
    }
    pack(&numbers[packed..], width, to);
}

/// The last group is filled up with zeros, which nobody reads.
fn pack(numbers: &[u32], width: u32, to: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    varint(numbers.len().div_ceil(GROUP) << 1 | 1, to);
    for group in numbers.chunks(GROUP) {
        let (mut bits, mut filled) = (0_u64, 0);
        for at in 0..GROUP {
            bits |= u64::from(group.get(at).copied().unwrap_or_default()) << filled;
            filled += width;
            while filled >= 8 {
                to.push(bits.to_le_bytes()[0]);
                bits >>= 8;
                filled -= 8;
            }
        }
    }
}

fn varint(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}
