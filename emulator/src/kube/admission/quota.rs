//! What a namespace may hold: the admission plugin ResourceQuota, and what it counts, for the controller that keeps `status.used`.
//! Rule: `pkg/quota/v1/evaluator/core` and `apiserver/pkg/admission/plugin/resourcequota` of Kubernetes 1.34.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kube::error::Error;
use crate::kube::kinds::{self, Kind};
use crate::kube::quantity::Quantity;
use crate::kube::store::{Key, State};

/// Quantities by the names of resources.
pub type Usage = BTreeMap<String, Quantity>;

/// What a pod is counted by, apart from its number.
const COMPUTE: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Refuses a new object if a quota of its namespace has no room for it. What is admitted is counted in the quota's status.
pub(in crate::kube) fn admit(state: &mut State, kind: &Kind, object: &Value, dry_run: bool) -> Result<(), Error> {
    if !kind.namespaced {
        return Ok(());
    }
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("");
    let found: Vec<(Key, std::sync::Arc<Value>)> =
        state.of_kind(&kinds::RESOURCE_QUOTAS, Some(namespace)).map(|(key, quota)| (key.clone(), quota.clone())).collect();
    let usage = if found.is_empty() { Usage::new() } else { usage(kind, object) };
    if usage.is_empty() {
        return Ok(());
    }
    let mut counted = Vec::new();
    for (key, quota) in found.into_iter().filter(|(_, quota)| applies(quota, kind, object)) {
        let hard = read(&quota["spec"]["hard"]);
        let asked: Usage =
            usage.iter().filter(|(name, _)| hard.contains_key(*name)).map(|(name, value)| (name.clone(), *value)).collect();
        let refuse = |why: String| {
            let name = object["metadata"]["name"].as_str().unwrap_or("");
            let message = format!("{} \"{name}\" is forbidden: {why}", kind.qualified_plural());
            Err(Error::forbidden(&kind.group, &kind.plural, name, message))
        };
        if let Some(missing) = missing(kind, object, &hard) {
            return refuse(format!("failed quota: {}: must specify {missing}", key.name));
        }
        let used = read(&quota["status"]["used"]);
        let of = |usage: &Usage, name: &str| usage.get(name).copied().unwrap_or(Quantity::ZERO);
        let over: Vec<&String> = asked
            .keys()
            .filter(|name| asked[*name].exceeds(Quantity::ZERO) && of(&used, name).plus(asked[*name]).exceeds(hard[*name]))
            .collect();
        if !over.is_empty() {
            let list =
                |usage: &Usage| over.iter().map(|name| format!("{name}={}", of(usage, name))).collect::<Vec<_>>().join(",");
            return refuse(format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                key.name,
                list(&asked),
                list(&used),
                list(&hard)
            ));
        }
        counted.push((key, quota, used, asked));
    }
    for (key, quota, used, asked) in counted.into_iter().filter(|_| !dry_run) {
        let mut new = (*quota).clone();
        for (name, more) in asked {
            let sum = used.get(&name).copied().unwrap_or(Quantity::ZERO).plus(more);
            new["status"]["used"][name] = sum.to_string().into();
        }
        state.put(key, new);
    }
    Ok(())
}

/// Quantities out of a map of texts.
pub fn read(map: &Value) -> Usage {
    map.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), Quantity::of(value)?))).collect()
}

/// What an object uses, by all the names that a quota may have for it.
pub fn usage(kind: &Kind, object: &Value) -> Usage {
    let mut usage = Usage::from([(format!("count/{}", kind.qualified_plural()), Quantity::count(1))]);
    let plural = kind.plural.as_str();
    match (kind.group.as_str(), plural) {
        ("", "pods") => {
            if matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
                return usage;
            }
            usage.insert("pods".into(), Quantity::count(1));
            compute(&object["spec"], &mut usage);
        }
        ("", "services") => {
            usage.insert("services".into(), Quantity::count(1));
            let of_type = |wanted: &str| usize::from(object["spec"]["type"] == wanted);
            let ports = object["spec"]["ports"].as_array().map_or(0, Vec::len);
            let balanced = of_type("LoadBalancer") == 1 && object["spec"]["allocateLoadBalancerNodePorts"] != false;
            let nodes = if of_type("NodePort") == 1 || balanced { ports } else { 0 };
            usage.insert("services.nodeports".into(), Quantity::count(nodes));
            usage.insert("services.loadbalancers".into(), Quantity::count(of_type("LoadBalancer")));
        }
        ("", "persistentvolumeclaims") => claim(object, &mut usage),
        ("", "configmaps" | "secrets" | "replicationcontrollers" | "resourcequotas") => {
            usage.insert(plural.into(), Quantity::count(1));
        }
        _ => {}
    }
    usage
}

fn claim(object: &Value, usage: &mut Usage) {
    usage.insert("persistentvolumeclaims".into(), Quantity::count(1));
    let storage = Quantity::of(&object["spec"]["resources"]["requests"]["storage"]).unwrap_or(Quantity::ZERO);
    usage.insert("requests.storage".into(), storage);
    if let Some(class) = object["spec"]["storageClassName"].as_str() {
        usage.insert(format!("{class}.storageclass.storage.k8s.io/requests.storage"), storage);
        usage.insert(format!("{class}.storageclass.storage.k8s.io/persistentvolumeclaims"), Quantity::count(1));
    }
}

/// What the containers of a pod ask for: all of them together, or the largest init container if that is more.
fn compute(spec: &Value, usage: &mut Usage) {
    for (section, prefix) in [("requests", "requests."), ("limits", "limits.")] {
        for (name, quantity) in pod_resources(spec, section) {
            if section == "requests" && COMPUTE.contains(&name.as_str()) {
                usage.insert(name.clone(), quantity);
            }
            usage.insert(format!("{prefix}{name}"), quantity);
        }
    }
}

/// The resources of a pod as a whole.
pub fn pod_resources(spec: &Value, section: &str) -> Usage {
    let of = |list: &str| spec[list].as_array().cloned().unwrap_or_default();
    let mut total = Usage::new();
    for container in of("containers") {
        for (name, quantity) in read(&container["resources"][section]) {
            let sum = total.get(&name).copied().unwrap_or(Quantity::ZERO).plus(quantity);
            total.insert(name, sum);
        }
    }
    for container in of("initContainers") {
        for (name, quantity) in read(&container["resources"][section]) {
            let most = total.get(&name).copied().unwrap_or(Quantity::ZERO).max(quantity);
            total.insert(name, most);
        }
    }
    total
}

/// What each container must say, since a quota limits it: `limits.cpu for: a; limits.memory for: a`.
fn missing(kind: &Kind, object: &Value, hard: &Usage) -> Option<String> {
    if kind.kind != "Pod" {
        return None;
    }
    let containers = object["spec"]["containers"].as_array().into_iter().flatten();
    let mut missing: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
    for container in containers {
        for name in hard.keys() {
            let (section, resource) = match name.split_once('.') {
                Some((section @ ("requests" | "limits"), resource)) if COMPUTE.contains(&resource) => (section, resource),
                None if COMPUTE.contains(&name.as_str()) => ("requests", name.as_str()),
                _ => continue,
            };
            if container["resources"][section][resource].is_null() {
                missing.entry(name).or_default().push(container["name"].as_str().unwrap_or(""));
            }
        }
    }
    let told = missing.into_iter().map(|(name, containers)| format!("{name} for: {}", containers.join(",")));
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Whether a quota counts an object: its scopes are about pods alone.
pub fn applies(quota: &Value, kind: &Kind, object: &Value) -> bool {
    let scopes = quota["spec"]["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut scopes: Vec<(&str, &str, Vec<&str>)> = scopes.map(|scope| (scope, "Exists", Vec::new())).collect();
    for expression in quota["spec"]["scopeSelector"]["matchExpressions"].as_array().into_iter().flatten() {
        let values = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        scopes.push((
            expression["scopeName"].as_str().unwrap_or(""),
            expression["operator"].as_str().unwrap_or("Exists"),
            values,
        ));
    }
    scopes.is_empty()
        || (kind.kind == "Pod" && scopes.iter().all(|(scope, operator, values)| in_scope(object, scope, operator, values)))
}

fn in_scope(pod: &Value, scope: &str, operator: &str, values: &[&str]) -> bool {
    let terminating = pod["spec"]["activeDeadlineSeconds"].as_i64().is_some();
    let best_effort = pod["status"]["qosClass"] == "BestEffort";
    let class = pod["spec"]["priorityClassName"].as_str().unwrap_or("");
    match scope {
        "Terminating" => terminating,
        "NotTerminating" => !terminating,
        "BestEffort" => best_effort,
        "NotBestEffort" => !best_effort,
        "PriorityClass" => match operator {
            "In" => values.contains(&class),
            "NotIn" => !values.contains(&class),
            "DoesNotExist" => class.is_empty(),
            _ => !class.is_empty(),
        },
        _ => true,
    }
}
