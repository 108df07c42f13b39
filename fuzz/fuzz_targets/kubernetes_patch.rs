//! Patches of Kubernetes, of all three kinds.
#![no_main]

use azlet::kube::patch::{PatchType, apply};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|pair: (&str, &str)| {
    let (Ok(current), Ok(patch)) = (serde_json::from_str::<Value>(pair.0), serde_json::from_str::<Value>(pair.1)) else { return };
    for kind in [PatchType::Strategic, PatchType::Merge, PatchType::Json] {
        for name in ["Deployment", "Pod", "Secret"] {
            if let Ok(new) = apply(kind, name, &current, &patch) {
                assert!(new.is_object());
            }
        }
    }
});
