//! The cells of a table's rows, kind by kind (`pkg/printers/internalversion/printers.go`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::table::age;

/// The cells of one object, in the order of the kind's columns.
pub fn of(kind: &Kind, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = object["metadata"]["name"].clone();
    let old = json!(age(&object["metadata"]["creationTimestamp"], now));
    match kind.kind.as_str() {
        "Pod" => pod(object, name, old, now),
        "Deployment" => deployment(object, name, old),
        "ReplicaSet" => replica_set(object, name, old),
        "Service" => service(object, name, old),
        "Event" => event(object, name, now),
        "Node" => node(object, name, old),
        "Namespace" => vec![name, text(&object["status"]["phase"]).into(), old],
        "Secret" => vec![name, text(&object["type"]).into(), count(&object["data"]).into(), old],
        "ConfigMap" => vec![name, (count(&object["data"]) + count(&object["binaryData"])).into(), old],
        "Endpoints" => vec![name, endpoints(object).into(), old],
        "Lease" => vec![name, text(&object["spec"]["holderIdentity"]).into(), old],
        _ => std::iter::once(name).chain(kind.columns.iter().map(|column| by_title(column, object, &old))).collect(),
    }
}

/// What a column shows that every kind can have.
fn by_title(column: &str, object: &Value, old: &Value) -> Value {
    match column {
        "Age string" => old.clone(),
        "Created At date" => object["metadata"]["creationTimestamp"].clone(),
        _ => Value::Null,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn or_none(text: &str) -> Value {
    if text.is_empty() { "<none>".into() } else { text.into() }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn count(value: &Value) -> usize {
    value.as_object().map_or(0, serde_json::Map::len)
}

fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> + Clone {
    value.as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn labels(value: &Value) -> Value {
    let pairs: Vec<String> =
        value.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", text(value))).collect();
    or_none(&pairs.join(","))
}

/// A label selector as text.
pub fn selector(value: &Value) -> String {
    let mut terms: Vec<String> =
        value["matchLabels"].as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", text(value))).collect();
    terms.sort();
    for expression in list(&value["matchExpressions"]) {
        let key = text(&expression["key"]);
        let values: Vec<&str> = list(&expression["values"]).map(text).collect();
        terms.push(match text(&expression["operator"]) {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}

fn containers(template: &Value) -> [Value; 2] {
    let all = |field: &str| list(&template["spec"]["containers"]).map(|c| text(&c[field])).collect::<Vec<_>>().join(",");
    [all("name").into(), all("image").into()]
}

fn deployment(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let ready = format!("{}/{}", number(&status["readyReplicas"]), number(&spec["replicas"]));
    let [containers, images] = containers(&spec["template"]);
    let selector = selector(&spec["selector"]);
    let (updated, available) = (number(&status["updatedReplicas"]), number(&status["availableReplicas"]));
    vec![name, ready.into(), updated.into(), available.into(), old, containers, images, or_none(&selector)]
}

fn replica_set(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let [containers, images] = containers(&spec["template"]);
    let counts = [&spec["replicas"], &status["replicas"], &status["readyReplicas"]].map(|value| json!(number(value)));
    let [desired, current, ready] = counts;
    vec![name, desired, current, ready, old, containers, images, or_none(&selector(&spec["selector"]))]
}

fn service(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let spec = &object["spec"];
    let ingress: Vec<&str> = list(&object["status"]["loadBalancer"]["ingress"])
        .map(|ingress| ingress["ip"].as_str().unwrap_or_else(|| text(&ingress["hostname"])))
        .collect();
    let external_ips: Vec<&str> = list(&spec["externalIPs"]).map(text).collect();
    let external = match text(&spec["type"]) {
        "LoadBalancer" if ingress.is_empty() && external_ips.is_empty() => "<pending>".into(),
        "LoadBalancer" => json!([ingress, external_ips].concat().join(",")),
        "ExternalName" => text(&spec["externalName"]).into(),
        _ => or_none(&external_ips.join(",")),
    };
    let ports: Vec<String> = list(&spec["ports"])
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match number(&port["nodePort"]) {
                0 => format!("{}/{protocol}", number(&port["port"])),
                node => format!("{}:{node}/{protocol}", number(&port["port"])),
            }
        })
        .collect();
    let cluster_ip = or_none(text(&spec["clusterIP"]));
    vec![name, text(&spec["type"]).into(), cluster_ip, external, or_none(&ports.join(",")), old, labels(&spec["selector"])]
}

fn endpoints(object: &Value) -> String {
    let mut all = Vec::new();
    for subset in list(&object["subsets"]) {
        for address in list(&subset["addresses"]) {
            all.extend(list(&subset["ports"]).map(|port| format!("{}:{}", text(&address["ip"]), number(&port["port"]))));
        }
    }
    let more = all.len().saturating_sub(3);
    all.truncate(3);
    match (all.is_empty(), more) {
        (true, _) => "<none>".into(),
        (false, 0) => all.join(","),
        (false, more) => format!("{} + {more} more...", all.join(",")),
    }
}

fn event(object: &Value, name: Value, now: Timestamp) -> Vec<Value> {
    let first_of = |fields: &[&str]| fields.iter().map(|field| &object[*field]).find(|value| value.is_string()).cloned();
    let first = first_of(&["firstTimestamp", "eventTime"]).unwrap_or(Value::Null);
    let series = &object["series"]["lastObservedTime"];
    let last = if series.is_string() { series.clone() } else { first_of(&["lastTimestamp", "eventTime"]).unwrap_or(Value::Null) };
    let involved = &object["involvedObject"];
    let target = format!("{}/{}", text(&involved["kind"]).to_lowercase(), text(&involved["name"]));
    let (component, host) = (text(&object["source"]["component"]), text(&object["source"]["host"]));
    let (component, host) = if component.is_empty() {
        (text(&object["reportingComponent"]), text(&object["reportingInstance"]))
    } else {
        (component, host)
    };
    let source = if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") };
    let times = object["series"]["count"].as_i64().unwrap_or_else(|| number(&object["count"]).max(1));
    vec![
        age(&last, now).into(),
        text(&object["type"]).into(),
        text(&object["reason"]).into(),
        target.into(),
        text(&involved["fieldPath"]).into(),
        source.into(),
        text(&object["message"]).trim().into(),
        age(&first, now).into(),
        times.into(),
        name,
    ]
}

fn node(object: &Value, name: Value, old: Value) -> Vec<Value> {
    let (status, info) = (&object["status"], &object["status"]["nodeInfo"]);
    let ready = list(&status["conditions"]).find(|condition| condition["type"] == "Ready");
    let mut state = match ready.map(|condition| text(&condition["status"])) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".into(),
        None => "Unknown".into(),
    };
    if object["spec"]["unschedulable"] == true {
        state.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        or_none(
            list(&status["addresses"]).find(|address| address["type"] == kind).map_or("", |address| text(&address["address"])),
        )
    };
    let known = |value: &Value| if text(value).is_empty() { "<unknown>".into() } else { value.clone() };
    vec![
        name,
        state.into(),
        roles(&object["metadata"]["labels"]).into(),
        old,
        text(&info["kubeletVersion"]).into(),
        address("InternalIP"),
        address("ExternalIP"),
        known(&info["osImage"]),
        known(&info["kernelVersion"]),
        known(&info["containerRuntimeVersion"]),
    ]
}

fn roles(labels: &Value) -> String {
    let mut roles: Vec<&str> = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/").filter(|role| !role.is_empty()) {
            roles.push(role);
        } else if key == "kubernetes.io/role" && !text(value).is_empty() {
            roles.push(text(value));
        }
    }
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() { "<none>".into() } else { roles.join(",") }
}

fn pod(object: &Value, name: Value, old: Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let total = list(&spec["containers"]).count();
    let ready = list(&status["containerStatuses"])
        .filter(|container| container["ready"] == true && container["state"]["running"].is_object())
        .count();
    let ip = text(&status["podIP"]);
    let gates = list(&spec["readinessGates"]).count();
    let held = list(&spec["readinessGates"])
        .filter(|gate| {
            list(&status["conditions"])
                .any(|condition| condition["type"] == gate["conditionType"] && condition["status"] == "True")
        })
        .count();
    let gates = if gates == 0 { "<none>".into() } else { format!("{held}/{gates}") };
    vec![
        name,
        format!("{ready}/{total}").into(),
        pod_status(object).into(),
        restarts(status, now).into(),
        old,
        or_none(ip),
        or_none(text(&spec["nodeName"])),
        or_none(text(&status["nominatedNodeName"])),
        gates.into(),
    ]
}

fn restarts(status: &Value, now: Timestamp) -> String {
    let times: i64 = list(&status["containerStatuses"]).map(|container| number(&container["restartCount"])).sum();
    let last = list(&status["containerStatuses"])
        .filter(|container| number(&container["restartCount"]) > 0)
        .filter_map(|container| container["lastState"]["terminated"]["finishedAt"].as_str())
        .max();
    match last {
        Some(last) if times > 0 => format!("{times} ({} ago)", age(&last.into(), now)),
        _ => times.to_string(),
    }
}

/// The word for where a pod is.
fn pod_status(object: &Value) -> String {
    let status = &object["status"];
    let mut reason = match text(&status["reason"]) {
        "" => text(&status["phase"]).to_owned(),
        reason => reason.to_owned(),
    };
    if list(&status["conditions"])
        .any(|condition| condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated")
    {
        reason = "SchedulingGated".into();
    }
    let initializing = init_status(object);
    let running = match &initializing {
        Some(state) => {
            reason.clone_from(state);
            false
        }
        None => container_status(status, &mut reason),
    };
    if running && reason == "Completed" {
        let is_ready = list(&status["conditions"]).any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        reason = if is_ready { "Running" } else { "NotReady" }.into();
    }
    if !object["metadata"]["deletionTimestamp"].is_null() {
        let over = matches!(text(&status["phase"]), "Succeeded" | "Failed");
        if text(&status["reason"]) == "NodeLost" {
            reason = "Unknown".into();
        } else if !over {
            reason = "Terminating".into();
        }
    }
    reason
}

fn terminated_reason(terminated: &Value) -> String {
    match (text(&terminated["reason"]), number(&terminated["signal"])) {
        ("", 0) => format!("ExitCode:{}", number(&terminated["exitCode"])),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// `Init:…` as long as a pod is not initialized.
fn init_status(object: &Value) -> Option<String> {
    let statuses = &object["status"]["initContainerStatuses"];
    let total = list(&object["spec"]["initContainers"]).count();
    for (index, container) in list(statuses).enumerate() {
        let (waiting, terminated) = (&container["state"]["waiting"], &container["state"]["terminated"]);
        if terminated.is_object() && number(&terminated["exitCode"]) == 0 {
            continue;
        }
        return Some(match text(&waiting["reason"]) {
            _ if terminated.is_object() => format!("Init:{}", terminated_reason(terminated)),
            "" | "PodInitializing" => format!("Init:{index}/{total}"),
            reason => format!("Init:{reason}"),
        });
    }
    None
}

/// Takes the reason of the containers, the first one's above the others'; tells whether one runs.
fn container_status(status: &Value, reason: &mut String) -> bool {
    let mut running = false;
    for container in list(&status["containerStatuses"]).rev() {
        let (waiting, terminated) = (&container["state"]["waiting"], &container["state"]["terminated"]);
        if !text(&waiting["reason"]).is_empty() {
            text(&waiting["reason"]).clone_into(reason);
        } else if terminated.is_object() {
            *reason = terminated_reason(terminated);
        } else if container["ready"] == true && container["state"]["running"].is_object() {
            running = true;
        }
    }
    running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_status_is_its_first_containers_reason() {
        let waiting =
            json!({"status": {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}});
        assert_eq!(pod_status(&waiting), "ErrImagePull");
        let failed = json!({"status": {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 60}}}]}});
        assert_eq!(pod_status(&failed), "ExitCode:60");
        let mut ending =
            json!({"status": {"phase": "Running", "containerStatuses": [{"ready": true, "state": {"running": {}}}]}});
        assert_eq!(pod_status(&ending), "Running");
        ending["metadata"]["deletionTimestamp"] = "2026-11-02T08:00:00Z".into();
        assert_eq!(pod_status(&ending), "Terminating");
        let init = json!({"spec": {"initContainers": [{}, {}]}, "status": {"phase": "Pending",
            "initContainerStatuses": [{"state": {"terminated": {"exitCode": 0}}}, {"state": {"running": {}}}]}});
        assert_eq!(pod_status(&init), "Init:1/2");
    }
}
