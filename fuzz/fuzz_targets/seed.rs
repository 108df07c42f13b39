//! Seeds that a user writes: one that is read can be written and read again.
#![no_main]

use azlet::world::Seed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(seed) = serde_json::from_str::<Seed>(text) {
        let written = serde_json::to_string(&seed).expect("a seed is written");
        let again: Seed = serde_json::from_str(&written).expect("and read again");
        assert_eq!(serde_json::to_string(&again).expect("a seed is written"), written);
    }
});
