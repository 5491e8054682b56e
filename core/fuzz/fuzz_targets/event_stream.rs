//! Any bytes: a record that can be read says the same when it is written again, in one line.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::wire::event_stream::Record;

forebay_core_fuzz::target!(|bytes: &[u8]| {
    let Ok(mut record) = Record::decode(bytes) else {
        return;
    };
    let text = record.encode();
    assert_eq!(text.find('\n'), Some(text.len() - 1));
    let again = Record::decode(text.as_bytes()).expect("what was encoded decodes");
    // The date is put into one form, and there is always one.
    record
        .endpoint
        .effective_date
        .clone_from(&again.endpoint.effective_date);
    assert_eq!(again, record);
    assert_eq!(again.encode(), text);
});
