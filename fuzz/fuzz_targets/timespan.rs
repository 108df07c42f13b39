//! Spans of time of log queries: what was read, written as an interval, is the same span; a duration ends now.
#![no_main]

use azlet::kernel::clock::STEP_START;
use azlet::logs::timespan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok((from, to)) = timespan(text, STEP_START) else { return };
    assert_eq!(timespan(&format!("{from}/{to}"), STEP_START).ok(), Some((from, to)));
    if !text.contains('/') {
        assert_eq!(to, STEP_START);
        assert!(text.contains('-') || from <= to);
    }
});
