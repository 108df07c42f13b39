//! The cells of volumes, claims, classes and drivers.

use serde_json::{Value, json};

use super::{list, or_none, text};

/// `RWO,RWX`, in the order in which Kubernetes names them.
fn access_modes(modes: &Value) -> String {
    [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")]
        .into_iter()
        .filter(|(mode, _)| list(modes).any(|found| found == mode))
        .map(|(_, short)| short)
        .collect::<Vec<_>>()
        .join(",")
}

fn or_unset(value: &Value) -> Value {
    if value.is_null() { "<unset>".into() } else { value.clone() }
}

fn phase(object: &Value) -> Value {
    if object["metadata"]["deletionTimestamp"].is_null() { text(&object["status"]["phase"]).into() } else { "Terminating".into() }
}

fn class(object: &Value) -> Value {
    let noted = &object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"];
    text(if noted.is_null() { &object["spec"]["storageClassName"] } else { noted }).into()
}

fn amount(value: &Value) -> Value {
    value.as_str().unwrap_or("0").into()
}

pub(super) fn volume(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let spec = &object["spec"];
    let claim = &spec["claimRef"];
    let claim = if claim.is_object() { format!("{}/{}", text(&claim["namespace"]), text(&claim["name"])) } else { String::new() };
    vec![
        name,
        amount(&spec["capacity"]["storage"]),
        access_modes(&spec["accessModes"]).into(),
        text(&spec["persistentVolumeReclaimPolicy"]).into(),
        phase(object),
        claim.into(),
        class(object),
        or_unset(&spec["volumeAttributesClassName"]),
        text(&object["status"]["reason"]).into(),
        old,
        or_unset(&spec["volumeMode"]),
    ]
}

pub(super) fn claim(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let volume = text(&spec["volumeName"]);
    let (capacity, modes) = if volume.is_empty() {
        ("".into(), String::new())
    } else {
        (amount(&status["capacity"]["storage"]), access_modes(&status["accessModes"]))
    };
    vec![
        name,
        phase(object),
        volume.into(),
        capacity,
        modes.into(),
        class(object),
        or_unset(&spec["volumeAttributesClassName"]),
        old,
        or_unset(&spec["volumeMode"]),
    ]
}

pub(super) fn storage_class(object: &Value, old: Value) -> Vec<Value> {
    let notes = &object["metadata"]["annotations"];
    let by_default = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
        .iter()
        .any(|name| notes[*name] == "true");
    let name = format!("{}{}", text(&object["metadata"]["name"]), if by_default { " (default)" } else { "" });
    vec![
        name.into(),
        text(&object["provisioner"]).into(),
        object["reclaimPolicy"].as_str().unwrap_or("Delete").into(),
        object["volumeBindingMode"].as_str().unwrap_or("Immediate").into(),
        object["allowVolumeExpansion"].as_bool().unwrap_or(false).into(),
        old,
    ]
}

pub(super) fn driver(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let spec = &object["spec"];
    let truth = |field: &str, otherwise: bool| json!(spec[field].as_bool().unwrap_or(otherwise));
    let audiences: Vec<&str> = list(&spec["tokenRequests"]).map(|request| text(&request["audience"])).collect();
    let tokens = if spec["tokenRequests"].is_array() { audiences.join(",") } else { "<unset>".into() };
    let modes: Vec<&str> = list(&spec["volumeLifecycleModes"]).map(text).collect();
    vec![
        name,
        truth("attachRequired", true),
        truth("podInfoOnMount", false),
        truth("storageCapacity", false),
        tokens.into(),
        truth("requiresRepublish", false),
        or_none(&modes.join(",")),
        old,
    ]
}

pub(super) fn capacity(object: &Value, name: Value) -> Vec<Value> {
    vec![name, text(&object["storageClassName"]).into(), or_unset(&object["capacity"])]
}

pub(super) fn attachment(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let spec = &object["spec"];
    let attached = object["status"]["attached"].as_bool().unwrap_or(false);
    let volume = text(&spec["source"]["persistentVolumeName"]);
    vec![name, text(&spec["attacher"]).into(), volume.into(), text(&spec["nodeName"]).into(), attached.into(), old]
}
