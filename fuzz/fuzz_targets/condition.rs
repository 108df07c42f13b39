//! Conditions of role assignments: read without a panic, evaluated, and read the same again.
#![no_main]

use azlet::kernel::clock::STEP_START;
use azlet::kernel::condition::{Condition, Fact, Facts, REPOSITORY_NAME, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(condition) = Condition::parse(text) else { return };
    let given = [Fact::request(REPOSITORY_NAME, Value::Text(text.chars().take(20).collect()))];
    let _ = condition.holds(&Facts { action: "Microsoft.A/b/read", now: STEP_START, given: &given });
    // The plain spelling can be longer than what a condition may have.
    if let Ok(again) = Condition::parse(&condition.normal()) {
        assert_eq!(again.normal(), condition.normal());
    }
});
