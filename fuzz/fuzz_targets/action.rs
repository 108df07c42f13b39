//! Action patterns: matched without a panic; a pattern without a wildcard covers its own action and nothing else.
#![no_main]

use azlet::kernel::action::{is_exact, matches};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pair: (&str, &str)| {
    let (pattern, action) = pair;
    let covered = matches(pattern, action);
    if is_exact(pattern) {
        assert_eq!(covered, pattern.eq_ignore_ascii_case(action));
    }
});
