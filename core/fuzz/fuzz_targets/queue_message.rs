//! Any message of the queue: what is read of it is what would be written, and what was written is read again.
#![cfg_attr(fuzzing, no_main)]

use forebay_core_fuzz::delivery::Record;
use forebay_core_fuzz::delivery::message::{Kind, MAX_MESSAGE_BYTES, fits, packed, unpacked};

/// How a message with records of events begins.
const EVENTS: &str = "forebay-queue/1 events\n";

forebay_core_fuzz::target!(|input: (&str, Vec<(&str, &str)>)| {
    let (text, pairs) = input;
    for message in [text.to_owned(), [EVENTS, text].concat()] {
        let Some((kind, records)) = unpacked(&message) else {
            continue;
        };
        let records: Vec<&Record<'_>> = records.iter().collect();
        let again = packed(&records, kind);
        let again: Vec<Record<'_>> = again
            .iter()
            .flat_map(|message| unpacked(message).expect("a message").1)
            .collect();
        assert!(records.into_iter().eq(&again));
    }
    let records: Vec<Record<'_>> = pairs
        .iter()
        .map(|(key, data)| Record {
            data: (*data).to_owned(),
            partition_key: (*key).into(),
        })
        .collect();
    let fitting: Vec<&Record<'_>> = records.iter().filter(|record| fits(record)).collect();
    let messages = packed(&fitting, Kind::DeadLetters);
    assert!(
        messages
            .iter()
            .all(|message| message.len() <= MAX_MESSAGE_BYTES)
    );
    let read = messages
        .iter()
        .map(|message| unpacked(message).expect("a message"));
    let read: Vec<Record<'_>> = read
        .flat_map(|(kind, records)| {
            assert_eq!(kind, Kind::DeadLetters);
            records
        })
        .collect();
    assert!(fitting.into_iter().eq(&read));
});
