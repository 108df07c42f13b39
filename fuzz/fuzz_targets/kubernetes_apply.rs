//! Server-side apply of any configuration to any object: refused or done, and what was done can be done again.
#![no_main]

use azlet::kube::apply::{Config, Writer};
use azlet::kube::kinds;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|pair: (&str, &str)| {
    let (Ok(live), Ok(config)) = (serde_json::from_str::<Value>(pair.0), serde_json::from_str::<Value>(pair.1)) else { return };
    if !live.is_object() || !config.is_object() {
        return;
    }
    let writer = Writer { manager: "fuzz", subresource: "" };
    let config = Config { object: &config, writer, force: true };
    for kind in [*kinds::DEPLOYMENTS, *kinds::PODS, *kinds::CONFIG_MAPS] {
        if config.check(kind).is_err() {
            continue;
        }
        let Ok(mut applied) = config.apply(kind, &live, Timestamp::UNIX_EPOCH) else { continue };
        let mut once = applied.object.take();
        applied.finish(&mut once);
        assert!(once.is_object());
        assert!(config.apply(kind, &once, Timestamp::UNIX_EPOCH).is_ok(), "what was applied can be applied");
    }
});
