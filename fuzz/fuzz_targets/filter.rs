//! Filters of ARM's own lists.
#![no_main]

use azlet::arm::filter::{Filter, Subject};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(filter) = Filter::of_resources(text) {
        let _ = (filter.accepts(&Subject::default()), filter.only_type().map(str::len));
    }
    let _ = Filter::of_groups(text);
});
