//! Bodies that a cluster's API server is sent: JSON, YAML and protobuf, read as an object of the kind that they name.
#![no_main]

use azlet::kube::body::{parse_json, parse_yaml};
use azlet::kube::protobuf::decode_object;
use azlet::kube::types::{Findings, conform};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn read(object: Value) {
    let Some(kind) = object["kind"].as_str().map(str::to_owned) else { return };
    if let Ok(read) = conform(&kind, object, &mut Findings::default()) {
        // What has been read is read again, and stays what it is.
        assert_eq!(conform(&kind, read.clone(), &mut Findings::default()), Ok(read));
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(object) = decode_object(data) {
        read(object);
    }
    if let Ok(object) = parse_json(data) {
        read(object);
    }
    if let Ok(object) = parse_yaml(data) {
        read(object);
    }
});
