//! The admission plugin LimitRanger: defaults for containers that say nothing, and the bounds of containers, pods and claims.
//! Rule: `plugin/pkg/admission/limitranger` of Kubernetes 1.34.

use std::sync::Arc;

use serde_json::{Value, json};

use super::quota::pod_resources;
use crate::kube::error::Error;
use crate::kube::kinds::{self, Kind};
use crate::kube::quantity::Quantity;
use crate::kube::store::State;

/// Completes a new pod or claim by the limit ranges of its namespace, or refuses it.
pub(super) fn admit(state: &State, kind: &Kind, object: &mut Value) -> Result<(), Error> {
    let ranges = *kinds::LIMIT_RANGES;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("").to_owned();
    let found: Vec<Arc<Value>> = state.of_kind(ranges, Some(&namespace)).map(|(_, range)| range.clone()).collect();
    let limits: Vec<&Value> = found.iter().flat_map(|range| range["spec"]["limits"].as_array().into_iter().flatten()).collect();
    if kind.kind == "Pod" {
        limits.iter().filter(|limit| limit["type"] == "Container").for_each(|limit| complete(object, limit));
    }
    let mut faults = Vec::new();
    for limit in limits {
        match (kind.kind.as_str(), limit["type"].as_str().unwrap_or("")) {
            ("Pod", "Container") => {
                for list in ["containers", "initContainers"] {
                    let containers = object["spec"][list].as_array().into_iter().flatten();
                    containers.for_each(|container| check("Container", limit, &container["resources"], &mut faults));
                }
            }
            ("Pod", "Pod") => check("Pod", limit, &whole(&object["spec"]), &mut faults),
            ("PersistentVolumeClaim", "PersistentVolumeClaim") => {
                check("PersistentVolumeClaim", limit, &object["spec"]["resources"], &mut faults);
            }
            _ => {}
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let name = object["metadata"]["name"].as_str().unwrap_or("");
    let why = if faults.len() == 1 { faults.remove(0) } else { format!("[{}]", faults.join(", ")) };
    Err(Error::forbidden(&kind.group, &kind.plural, name, format!("{} \"{name}\" is forbidden: {why}", kind.qualified_plural())))
}

fn whole(spec: &Value) -> Value {
    let section = |section: &str| -> Value {
        pod_resources(spec, section)
            .into_iter()
            .map(|(name, quantity)| (name, quantity.to_string().into()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({"requests": section("requests"), "limits": section("limits")})
}

/// Gives containers the default limits and requests, and says so in an annotation.
fn complete(pod: &mut Value, limit: &Value) {
    let mut told = Vec::new();
    for list in ["initContainers", "containers"] {
        let what = if list == "containers" { "container" } else { "init container" };
        for container in
            pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().filter(|item| item.is_object())
        {
            let name = container["name"].as_str().unwrap_or("").to_owned();
            for (section, word, defaults) in
                [("requests", "request", &limit["defaultRequest"]), ("limits", "limit", &limit["default"])]
            {
                let given = fill(container, section, defaults);
                if !given.is_empty() {
                    told.push(format!("{} {word} for {what} {name}", given.join(", ")));
                }
            }
        }
    }
    if !told.is_empty() {
        if !pod["metadata"]["annotations"].is_object() {
            pod["metadata"]["annotations"] = json!({});
        }
        let text = format!("LimitRanger plugin set: {}", told.join("; "));
        pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"] = text.into();
    }
}

/// Fills in what a container does not say; a request that is not given and has no default is the limit. Which ones were given.
fn fill(container: &mut Value, section: &str, defaults: &Value) -> Vec<String> {
    let mut given = Vec::new();
    let mut names: Vec<(&String, &Value)> = defaults.as_object().into_iter().flatten().collect();
    names.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in names {
        if container["resources"][section][name].is_null() {
            // A limit that the container states is its request, too: the API server's default comes first.
            if !container["resources"].is_object() {
                container["resources"] = json!({});
            }
            container["resources"][section][name] = value.clone();
            given.push(name.clone());
        }
    }
    given
}

/// What breaks the bounds of a limit.
fn check(what: &str, limit: &Value, resources: &Value, faults: &mut Vec<String>) {
    let bounds = |field: &str| {
        let mut bounds: Vec<(String, Quantity, Value)> = limit[field]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), Quantity::of(value)?, value.clone())))
            .collect();
        bounds.sort_by(|one, other| one.0.cmp(&other.0));
        bounds
    };
    let said = |section: &str, name: &str| Quantity::of(&resources[section][name]);
    for (name, bound, _) in bounds("min") {
        match (said("requests", &name), said("limits", &name)) {
            (None, _) => faults.push(format!("minimum {name} usage per {what} is {bound}. No request is specified")),
            (Some(request), _) if bound.exceeds(request) => {
                faults.push(format!("minimum {name} usage per {what} is {bound}, but request is {request}"));
            }
            (_, Some(most)) if bound.exceeds(most) => {
                faults.push(format!("minimum {name} usage per {what} is {bound}, but limit is {most}"))
            }
            _ => {}
        }
    }
    for (name, bound, _) in bounds("max") {
        // A claim has requests alone.
        let claim = what == "PersistentVolumeClaim";
        match (said("requests", &name), said("limits", &name)) {
            (Some(request), _) if claim && request.exceeds(bound) => {
                faults.push(format!("maximum {name} usage per {what} is {bound}, but request is {request}"));
            }
            (_, None) if !claim => faults.push(format!("maximum {name} usage per {what} is {bound}. No limit is specified")),
            (_, Some(most)) if most.exceeds(bound) => {
                faults.push(format!("maximum {name} usage per {what} is {bound}, but limit is {most}"))
            }
            (Some(request), _) if request.exceeds(bound) => {
                faults.push(format!("maximum {name} usage per {what} is {bound}, but request is {request}"));
            }
            _ => {}
        }
    }
    for (name, bound, _) in bounds("maxLimitRequestRatio") {
        match (said("requests", &name), said("limits", &name)) {
            (Some(request), Some(most)) => {
                if let Some(ratio) = most.ratio(request).filter(|ratio| ratio.exceeds(bound)) {
                    let shown = format!("{:.6}", ratio.millis() as f64 / 1000.0);
                    faults
                        .push(format!("{name} max limit to request ratio per {what} is {bound}, but provided ratio is {shown}"));
                }
            }
            _ => faults.push(format!(
                "{name} max limit to request ratio per {what} is {bound}, but no request is specified or request is 0"
            )),
        }
    }
}
