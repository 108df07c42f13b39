//! Defaults of volumes, claims, classes and drivers.

use serde_json::{Value, json};

use super::default;

pub(super) fn volume(object: &mut Value) {
    let spec = &mut object["spec"];
    if spec.is_object() {
        default(spec, "persistentVolumeReclaimPolicy", "Retain");
        default(spec, "volumeMode", "Filesystem");
    }
}

/// The mode; and the source of data, which has two fields that say the same of sources in the claim's own namespace.
pub(super) fn claim(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "volumeMode", "Filesystem");
    let (source, reference) = (spec["dataSource"].clone(), spec["dataSourceRef"].clone());
    if source.is_object() {
        default(spec, "dataSourceRef", source);
    } else if reference.is_object() && reference["namespace"].as_str().is_none_or(str::is_empty) {
        default(spec, "dataSource", reference);
    }
}

pub(super) fn class(object: &mut Value) {
    default(object, "reclaimPolicy", "Delete");
    default(object, "volumeBindingMode", "Immediate");
}

pub(super) fn driver(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "attachRequired", true);
    for field in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
        default(spec, field, false);
    }
    default(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    if spec["volumeLifecycleModes"].as_array().is_none_or(Vec::is_empty) {
        spec["volumeLifecycleModes"] = json!(["Persistent"]);
    }
}
