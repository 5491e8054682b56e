//! What is written down reads back, and nothing else does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use forebay_lake::record::{EventKey, Run, Window};
use forebay_lake::source::SequenceNumber;
use forebay_lake::state::{
    Checkpoint, Counts, Cut, CutEntry, FileEntry, Segment, WindowRef, seal, unseal,
};
use proptest::prelude::*;

fn number() -> impl Strategy<Value = SequenceNumber> {
    "[1-9][0-9]{0,60}".prop_map(|digits| SequenceNumber::try_from(digits).unwrap())
}

prop_compose! {
    fn counts()(rows: u32, rejected: u32, duplicates: u32, missing: u32) -> Counts {
        let [rows, rejected, duplicates, missing] =
            [rows, rejected, duplicates, missing].map(u64::from);
        let records = rows + rejected + duplicates + missing;
        Counts { records, rows, rejected, duplicates, missing }
    }
}

prop_compose! {
    fn checkpoint()(
        committed in prop::option::of(number()),
        resume in prop::option::of(number()),
        counts in counts(),
        window in prop::option::of(("[0-9a-f]{64}", prop::collection::vec(any::<u64>(), 0..4))),
        pending in prop::option::of((number(), number(), prop::collection::vec(".*", 0..3))),
        (ended, cuts, segment, start) in any::<(bool, u64, u64, Option<i64>)>(),
    ) -> Checkpoint {
        let window = window.map(|(sha256, runs)| WindowRef { runs, sha256, ..Default::default() });
        let pending = pending.map(|(first, last, files)| Cut { first, last, records: 3, files });
        Checkpoint { committed, resume, start, counts, window, pending, ended, cuts, segment }
    }
}

prop_compose! {
    fn segment()(cuts in prop::collection::vec((number(), counts(), ".*", any::<u64>()), 1..4))
        -> Segment
    {
        let cuts = cuts.into_iter().zip(1..).map(|((first, counts, path, bytes), cut)| CutEntry {
            cut,
            last: first.clone(),
            first,
            counts,
            total: counts,
            files: vec![FileEntry { bytes: Some(bytes), ..FileEntry::unknown(path) }],
        });
        Segment { number: 0, cuts: cuts.collect() }
    }
}

/// Bytes with one of their bits flipped, or cut short: never what they were.
fn damaged(bytes: &[u8], at: prop::sample::Index, bit: u8, cut: bool) -> Vec<u8> {
    let at = at.index(bytes.len());
    if cut {
        return bytes[..at].to_vec();
    }
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << (bit % 8);
    bytes
}

proptest! {
    #[test]
    fn a_checkpoint_reads_back(checkpoint in checkpoint()) {
        let bytes = checkpoint.to_bytes().unwrap();
        prop_assert_eq!(Checkpoint::from_bytes(&bytes), Ok(checkpoint));
        // Other programs read it as JSON.
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).unwrap().is_object());
    }

    #[test]
    fn a_damaged_checkpoint_is_not_believed(
        checkpoint in checkpoint(), at: prop::sample::Index, bit: u8, cut: bool,
    ) {
        let bytes = checkpoint.to_bytes().unwrap();
        let read = Checkpoint::from_bytes(&damaged(&bytes, at, bit, cut));
        // The newline at its end says nothing.
        prop_assert!(read.is_err() || read == Ok(checkpoint));
    }

    #[test]
    fn of_a_damaged_manifest_whole_lines_are_read_and_no_others(
        segment in segment(), at: prop::sample::Index, bit: u8, cut: bool,
    ) {
        let text = segment.to_text().unwrap();
        prop_assert_eq!(Segment::read(0, text.as_bytes()), (segment.clone(), 0));
        let (read, _) = Segment::read(0, &damaged(text.as_bytes(), at, bit, cut));
        for entry in &read.cuts {
            prop_assert!(segment.cuts.contains(entry));
        }
        let last = segment.cuts.len() as u64;
        let strict = Segment::read_up_to(0, &damaged(text.as_bytes(), at, bit, cut), last);
        prop_assert!(strict.is_err() || strict == Ok(segment));
    }

    #[test]
    fn a_damaged_window_is_not_believed(
        ids in prop::collection::vec(".{0,8}", 0..20), at: prop::sample::Index, bit: u8, cut: bool,
    ) {
        let mut window = Window::default();
        window.extend(ids.iter().map(|id| EventKey::new(id)));
        let keys: Vec<_> = window.keys().collect();
        let run = window.whole_run(6);
        let read = Run::from_bytes(7, &run.bytes).unwrap();
        let read = Window::from_runs(vec![read], &run.window).unwrap();
        prop_assert!(read.keys().eq(keys));
        prop_assert!(Run::from_bytes(7, &damaged(&run.bytes, at, bit, cut)).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, text in ".*") {
        let _ = Checkpoint::from_bytes(&bytes);
        let _ = Checkpoint::from_bytes(seal(&text).as_bytes());
        let _ = Segment::read(0, &bytes);
        let _ = Run::from_bytes(1, &bytes);
        let _ = unseal(text.as_bytes());
    }
}
