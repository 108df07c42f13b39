//! Containers that are added to a pod that runs: the subresource `ephemeralcontainers`, which `kubectl debug` patches.
//! Rule: `validateEphemeralContainers` and `ValidatePodEphemeralContainersUpdate` (`pkg/apis/core/validation`, 1.34).

use serde_json::{Value, json};

use super::defaults;
use super::error::{Cause, Error};
use super::kinds;

const FIELD: &str = "spec.ephemeralContainers";
const REFUSED: [&str; 5] = ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"];

/// The pod with the ephemeral containers that `new` has; nothing else is taken from it.
pub(super) fn updated(old: &Value, new: &Value) -> Result<Value, Error> {
    let mut wanted = new["spec"]["ephemeralContainers"].as_array().cloned().unwrap_or_default();
    wanted.iter_mut().for_each(complete);
    let causes = faults(old, &wanted);
    if !causes.is_empty() {
        return Err(Error::invalid(&kinds::PODS, old["metadata"]["name"].as_str().unwrap_or(""), &causes));
    }
    let mut pod = old.clone();
    if !wanted.is_empty() {
        pod["spec"]["ephemeralContainers"] = wanted.into();
    }
    defaults::apply(&kinds::PODS, &mut pod);
    Ok(pod)
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or("")
}

/// What a container has if nothing else is said.
fn complete(container: &mut Value) {
    if !container.is_object() {
        return;
    }
    let image = text(container, "image");
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    let policy = if !image.contains('@') && tag.is_none_or(|tag| tag == "latest") { "Always" } else { "IfNotPresent" };
    let defaults = [
        ("resources", json!({})),
        ("terminationMessagePath", json!("/dev/termination-log")),
        ("terminationMessagePolicy", json!("File")),
        ("imagePullPolicy", json!(policy)),
    ];
    for (member, value) in defaults {
        if container[member].is_null() {
            container[member] = value;
        }
    }
}

fn faults(old: &Value, wanted: &[Value]) -> Vec<Cause> {
    let mut causes = Vec::new();
    let listed = |list: &str| old["spec"][list].as_array().cloned().unwrap_or_default();
    let own: Vec<Value> = [listed("initContainers"), listed("containers")].concat();
    for (index, container) in wanted.iter().enumerate() {
        let at = format!("{FIELD}[{index}]");
        let name = text(container, "name");
        let same = |other: &Value| text(other, "name") == name;
        if name.is_empty() {
            causes.push(Cause::required(format!("{at}.name"), ""));
        } else if own.iter().chain(&wanted[..index]).any(same) {
            causes.push(Cause::duplicate(format!("{at}.name"), &container["name"]));
        }
        if text(container, "image").is_empty() {
            causes.push(Cause::required(format!("{at}.image"), ""));
        }
        for member in REFUSED.iter().filter(|member| !container[**member].is_null()) {
            causes.push(Cause::forbidden(format!("{at}.{member}"), "cannot be set for an Ephemeral Container"));
        }
        let target = text(container, "targetContainerName");
        if !target.is_empty() && !own.iter().any(|other| text(other, "name") == target) {
            let message = format!("Not found: \"{target}\"");
            causes.push(Cause { field: format!("{at}.targetContainerName"), reason: "FieldValueNotFound", message });
        }
    }
    for before in listed("ephemeralContainers") {
        let name = text(&before, "name");
        match wanted.iter().find(|container| text(container, "name") == name) {
            None => {
                causes.push(Cause::forbidden(FIELD, &format!("existing ephemeral containers \"{name}\" may not be removed\n")));
            }
            Some(now) if *now != before => {
                causes.push(Cause::forbidden(FIELD, &format!("existing ephemeral containers \"{name}\" may not be changed\n")));
            }
            Some(_) => {}
        }
    }
    causes
}
