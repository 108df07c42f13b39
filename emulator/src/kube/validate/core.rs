//! Rules for the core's other kinds: services, configuration, events, volumes, claims, limits, quotas.

use serde_json::{Value, json};

use super::names::{key_fault, labels, selector};
use super::{SUBDOMAIN, enumerated, list, text};
use crate::kube::error::Cause;

const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

pub(super) fn service(spec: &Value, causes: &mut Vec<Cause>) {
    enumerated("spec", spec, "type", &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], causes);
    let external = spec["type"] == "ExternalName";
    if spec["ports"].as_array().is_none_or(Vec::is_empty) && !external && spec["clusterIP"] != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    if external && text(&spec["externalName"]).is_empty() {
        causes.push(Cause::required("spec.externalName", ""));
    }
    let several = spec["ports"].as_array().is_some_and(|ports| ports.len() > 1);
    for (index, port) in list(&spec["ports"]) {
        let place = format!("spec.ports[{index}]");
        if several && text(&port["name"]).is_empty() {
            causes.push(Cause::required(format!("{place}.name"), ""));
        }
        if !port["port"].as_i64().is_some_and(|number| (1..=65535).contains(&number)) {
            let number = if port["port"].is_null() { json!(0) } else { port["port"].clone() };
            causes.push(Cause::invalid(format!("{place}.port"), &number, "must be between 1 and 65535, inclusive"));
        }
        enumerated(&place, port, "protocol", &["SCTP", "TCP", "UDP"], causes);
    }
    labels("spec.selector", &spec["selector"], causes);
}

pub(super) fn keys(field: &str, data: &Value, causes: &mut Vec<Cause>) {
    let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or \
               'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    for key in data.as_object().into_iter().flatten().map(|(key, _)| key) {
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            causes.push(Cause::invalid(format!("{field}[{key}]"), &key.as_str().into(), why));
        }
    }
}

pub(super) fn secret(object: &Value, causes: &mut Vec<Cause>) {
    keys("data", &object["data"], causes);
    let needed: &[&str] = match text(&object["type"]) {
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in needed.iter().filter(|key| object["data"][**key].is_null()) {
        causes.push(Cause::required(format!("data[{key}]"), ""));
    }
}

pub(super) fn event(object: &Value, causes: &mut Vec<Cause>) {
    let (own, involved) = (text(&object["metadata"]["namespace"]), text(&object["involvedObject"]["namespace"]));
    if own != involved && !(involved.is_empty() && own == "default") {
        let value = &object["involvedObject"]["namespace"];
        causes.push(Cause::invalid("involvedObject.namespace", value, "does not match event.namespace"));
    }
}

fn access_modes(modes: &Value, causes: &mut Vec<Cause>) {
    for (_, mode) in list(modes).filter(|(_, mode)| !ACCESS_MODES.contains(&text(mode))) {
        causes.push(Cause::not_supported("spec.accessModes", mode, ACCESS_MODES));
    }
    let lonely = list(modes).any(|(_, mode)| mode == "ReadWriteOncePod");
    if lonely && list(modes).any(|(_, mode)| mode != "ReadWriteOncePod" && ACCESS_MODES.contains(&text(mode))) {
        causes.push(Cause::forbidden("spec.accessModes", "may not use ReadWriteOncePod with other access modes"));
    }
}

fn class_name(field: &str, spec: &Value, causes: &mut Vec<Cause>) {
    let name = text(&spec[field]);
    if !name.is_empty() && !super::is_subdomain(name) {
        causes.push(Cause::invalid(format!("spec.{field}"), &spec[field], SUBDOMAIN));
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        value => value.is_null(),
    }
}

fn positive(at: &str, amount: &Value, causes: &mut Vec<Cause>) {
    let digits = text(amount).trim_start_matches(['0', '.', '+']);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        causes.push(Cause::invalid(at, amount, "must be greater than zero"));
    }
}

pub(super) fn claim(spec: &Value, causes: &mut Vec<Cause>) {
    if is_empty(&spec["accessModes"]) {
        causes.push(Cause::required("spec.accessModes", "at least 1 access mode is required"));
    }
    selector("spec.selector", &spec["selector"], causes);
    access_modes(&spec["accessModes"], causes);
    match &spec["resources"]["requests"]["storage"] {
        Value::Null => causes.push(Cause::required("spec.resources[storage]", "")),
        amount => positive("spec.resources[storage]", amount, causes),
    }
    class_name("storageClassName", spec, causes);
    enumerated("spec", spec, "volumeMode", &["Block", "Filesystem"], causes);
    class_name("volumeAttributesClassName", spec, causes);
}

const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

pub(super) fn volume(spec: &Value, causes: &mut Vec<Cause>) {
    if is_empty(&spec["accessModes"]) {
        causes.push(Cause::required("spec.accessModes", ""));
    }
    access_modes(&spec["accessModes"], causes);
    let capacity = &spec["capacity"];
    if is_empty(capacity) {
        causes.push(Cause::required("spec.capacity", ""));
    }
    if capacity["storage"].is_null() || capacity.as_object().is_some_and(|amounts| amounts.len() > 1) {
        causes.push(Cause::not_supported("spec.capacity", capacity, &["storage"]));
    }
    for (resource, amount) in capacity.as_object().into_iter().flatten() {
        positive(&format!("spec.capacity[{resource}]"), amount, causes);
    }
    enumerated("spec", spec, "persistentVolumeReclaimPolicy", &["Delete", "Recycle", "Retain"], causes);
    let found: Vec<&str> = SOURCES.into_iter().filter(|source| !spec[*source].is_null()).collect();
    for more in found.iter().skip(1) {
        causes.push(Cause::forbidden(format!("spec.{more}"), "may not specify more than 1 volume type"));
    }
    let needed =
        [("hostPath", "path"), ("nfs", "server"), ("nfs", "path"), ("local", "path"), ("csi", "driver"), ("csi", "volumeHandle")];
    for (source, field) in needed.into_iter().filter(|(source, _)| found.first() == Some(source)) {
        if text(&spec[source][field]).is_empty() {
            causes.push(Cause::required(format!("spec.{source}.{field}"), ""));
        }
    }
    if found.contains(&"local") && spec["nodeAffinity"].is_null() {
        causes.push(Cause::required("spec.nodeAffinity", "Local volume requires node affinity"));
    }
    if found.is_empty() {
        causes.push(Cause::required("spec", "must specify a volume type"));
    }
    class_name("storageClassName", spec, causes);
    enumerated("spec", spec, "volumeMode", &["Block", "Filesystem"], causes);
}

pub(super) fn limit_range(spec: &Value, causes: &mut Vec<Cause>) {
    let mut types = Vec::new();
    for (index, item) in list(&spec["limits"]) {
        let (place, kind) = (format!("spec.limits[{index}]"), text(&item["type"]));
        if let Some(fault) = key_fault(kind) {
            causes.push(Cause::invalid(format!("{place}.type"), &item["type"], &fault));
        } else if !kind.contains('/') && !["Pod", "Container", "PersistentVolumeClaim"].contains(&kind) {
            let why = "must be a standard limit type or fully qualified";
            causes.push(Cause::invalid(format!("{place}.type"), &item["type"], why));
        }
        if types.contains(&kind) {
            causes.push(Cause::duplicate(format!("{place}.type"), &item["type"]));
        }
        types.push(kind);
        for field in ["default", "defaultRequest"] {
            if kind == "Pod" && !is_empty(&item[field]) {
                causes.push(Cause::forbidden(format!("{place}.{field}"), "may not be specified when `type` is 'Pod'"));
            }
        }
        if kind == "PersistentVolumeClaim" && item["min"]["storage"].is_null() && item["max"]["storage"].is_null() {
            let why = "either minimum or maximum storage value is required, but neither was provided";
            causes.push(Cause::required(format!("{place}.limits"), why));
        }
    }
}

pub(super) fn quota(spec: &Value, causes: &mut Vec<Cause>) {
    for (resource, amount) in spec["hard"].as_object().into_iter().flatten() {
        let place = format!("spec.hard[{resource}]");
        if let Some(fault) = key_fault(resource) {
            causes.push(Cause::invalid(&place, &json!(resource), &fault));
        }
        if text(amount).starts_with('-') {
            causes.push(Cause::invalid(&place, amount, "must be greater than or equal to 0"));
        }
    }
    let scopes = [
        "BestEffort",
        "CrossNamespacePodAffinity",
        "NotBestEffort",
        "NotTerminating",
        "PriorityClass",
        "Terminating",
        "VolumeAttributesClass",
    ];
    if list(&spec["scopes"]).any(|(_, scope)| !scopes.contains(&text(scope))) {
        causes.push(Cause::invalid("spec.scopes", &spec["scopes"], "unsupported scope"));
    }
}

/// The kind of volume that a volume's specification names, with all that is said of it.
pub(super) fn source_of(spec: &Value) -> Vec<&Value> {
    SOURCES.iter().map(|source| &spec[*source]).filter(|source| !source.is_null()).collect()
}
