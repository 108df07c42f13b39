//! Rules for pods and the templates of pods.

use serde_json::Value;

use super::names::{label_fault, labels};
use super::{NOT_NEGATIVE, enumerated, list, negative, text};
use crate::kube::error::Cause;

pub(super) fn pod_spec(at: &str, spec: &Value, causes: &mut Vec<Cause>) {
    let volumes: Vec<&str> = list(&spec["volumes"]).map(|(_, volume)| text(&volume["name"])).collect();
    for (index, volume) in list(&spec["volumes"]) {
        let field = format!("{at}.volumes[{index}].name");
        match text(&volume["name"]) {
            "" => causes.push(Cause::required(field, "")),
            name if volumes[..index].contains(&name) => causes.push(Cause::duplicate(field, &volume["name"])),
            name => causes.extend(label_fault(name).map(|fault| Cause::invalid(field, &volume["name"], &fault))),
        }
    }
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{at}.containers"), ""));
    }
    let mut names: Vec<&str> = Vec::new();
    for group in ["initContainers", "containers"] {
        for (index, item) in list(&spec[group]) {
            let place = format!("{at}.{group}[{index}]");
            container(&place, item, &volumes, causes);
            let name = text(&item["name"]);
            if !name.is_empty() && names.contains(&name) {
                causes.push(Cause::duplicate(format!("{place}.name"), &item["name"]));
            }
            names.push(name);
        }
    }
    enumerated(at, spec, "restartPolicy", &["Always", "Never", "OnFailure"], causes);
    enumerated(at, spec, "dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"], causes);
    if negative(&spec["terminationGracePeriodSeconds"]) {
        let value = &spec["terminationGracePeriodSeconds"];
        causes.push(Cause::invalid(format!("{at}.terminationGracePeriodSeconds"), value, NOT_NEGATIVE));
    }
    labels(&format!("{at}.nodeSelector"), &spec["nodeSelector"], causes);
}

fn container(at: &str, container: &Value, volumes: &[&str], causes: &mut Vec<Cause>) {
    match text(&container["name"]) {
        "" => causes.push(Cause::required(format!("{at}.name"), "")),
        name => causes.extend(label_fault(name).map(|fault| Cause::invalid(format!("{at}.name"), &container["name"], &fault))),
    }
    let image = text(&container["image"]);
    if image.is_empty() {
        causes.push(Cause::required(format!("{at}.image"), ""));
    } else if image != image.trim() {
        causes.push(Cause::invalid(format!("{at}.image"), &container["image"], "must not have leading or trailing whitespace"));
    }
    enumerated(at, container, "imagePullPolicy", &["Always", "IfNotPresent", "Never"], causes);
    enumerated(at, container, "terminationMessagePolicy", &["FallbackToLogsOnError", "File"], causes);
    for (index, port) in list(&container["ports"]) {
        let place = format!("{at}.ports[{index}]");
        match port["containerPort"].as_i64().unwrap_or(0) {
            0 => causes.push(Cause::required(format!("{place}.containerPort"), "")),
            1..=65535 => {}
            _ => {
                let why = "must be between 1 and 65535, inclusive";
                causes.push(Cause::invalid(format!("{place}.containerPort"), &port["containerPort"], why));
            }
        }
        enumerated(&place, port, "protocol", &["SCTP", "TCP", "UDP"], causes);
    }
    for (index, variable) in list(&container["env"]) {
        if text(&variable["name"]).is_empty() {
            causes.push(Cause::required(format!("{at}.env[{index}].name"), ""));
        }
    }
    for (index, mount) in list(&container["volumeMounts"]) {
        let place = format!("{at}.volumeMounts[{index}]");
        if text(&mount["name"]).is_empty() {
            causes.push(Cause::required(format!("{place}.name"), ""));
        } else if !volumes.contains(&text(&mount["name"])) {
            causes.push(Cause::not_found(format!("{place}.name"), &mount["name"]));
        }
        if text(&mount["mountPath"]).is_empty() {
            causes.push(Cause::required(format!("{place}.mountPath"), ""));
        }
    }
}

/// Whether two pod specifications differ only in what may change.
pub(super) fn same_but_for_images(old: &Value, new: &Value) -> bool {
    let mut copy = new.clone();
    for group in ["initContainers", "containers"] {
        let before = old[group].as_array();
        for (index, container) in copy.get_mut(group).and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
            if let Some(image) = before.and_then(|before| before.get(index)).map(|before| before["image"].clone())
                && container.is_object()
            {
                container["image"] = image;
            }
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations"] {
        if let Value::Object(fields) = &mut copy {
            match old.get(field) {
                Some(value) => fields.insert(field.into(), value.clone()),
                None => fields.shift_remove(field),
            };
        }
    }
    copy == *old
}
