//! Any text: a time that can be read is the same when it is written and read again, and jiff's.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::time::Timestamp;

forebay_core_fuzz::target!(|text: &str| {
    if let Some(timestamp) = Timestamp::parse_iso8601(text) {
        let again = Timestamp::parse_iso8601(&timestamp.to_iso8601());
        assert_eq!(again, Some(timestamp));
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            let millis = instant.as_nanosecond().div_euclid(1_000_000);
            assert_eq!(i128::from(timestamp.0), millis);
        } else {
            // jiff has nine digits of a fraction, and the years from -9999 to 9999, their last days
            // cut short by offsets.
            let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let year = timestamp.date().year;
            assert!(digits > 9 || !(-9_998..=9_998).contains(&year), "{text}");
        }
    }
    if let Some(timestamp) = Timestamp::parse_amz_date(text) {
        assert_eq!(timestamp.to_amz_date(), text);
    }
    if let Some(timestamp) = Timestamp::parse_http_date(text) {
        let instant = jiff::Timestamp::from_millisecond(timestamp.0).expect("four digits of year");
        let written = instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert_eq!(Timestamp::parse_http_date(&written), Some(timestamp));
    }
});
