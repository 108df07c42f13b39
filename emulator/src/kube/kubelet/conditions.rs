//! A pod's conditions.
//! Rule: the kubelet's `status/generate.go` (1.34): order, reasons, messages.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Pod;
use super::containers::{Container, Sort};
use crate::kube::controllers::object::*;

/// What a condition says.
struct Says {
    holds: bool,
    reason: &'static str,
    message: String,
}

fn says(holds: bool, reason: &'static str, message: impl Into<String>) -> Says {
    Says { holds, reason, message: message.into() }
}

/// The conditions of a pod in this phase; what others have set is kept.
pub fn of(object: &Value, pod: &Pod, phase: &str, now: Timestamp) -> Vec<Value> {
    let over = matches!(phase, "Succeeded" | "Failed");
    let own = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
    let mut all: Vec<Value> = items(object, "/status/conditions")
        .iter()
        .filter(|condition| !own.iter().any(|own| condition["type"] == *own))
        .cloned()
        .collect();
    let gates = readiness_gates(object, &all);
    let ready = match containers_ready(pod, phase) {
        ready if ready.holds => gates,
        ready => ready,
    };
    let conditions = [
        ("PodReadyToStartContainers", says(pod.sandbox && !over, "", "")),
        ("Initialized", initialized(pod, phase)),
        ("Ready", ready),
        ("ContainersReady", containers_ready(pod, phase)),
        ("PodScheduled", says(true, "", "")),
    ];
    all.extend(conditions.map(|(kind, says)| condition_of(object, kind, &says, now)));
    all
}

fn condition_of(object: &Value, kind: &str, says: &Says, now: Timestamp) -> Value {
    let status = if says.holds { "True" } else { "False" };
    let before = condition(object, kind).filter(|before| before["status"] == status);
    let time = before.map_or_else(|| stamp(now), |before| before["lastTransitionTime"].clone());
    let mut condition = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": time});
    for (field, value) in [("reason", says.reason), ("message", &says.message)] {
        if !value.is_empty() {
            condition[field] = value.into();
        }
    }
    condition
}

fn names<'a>(containers: impl Iterator<Item = &'a Container>) -> String {
    containers.map(|container| container.name.as_str()).collect::<Vec<_>>().join(" ")
}

fn initialized(pod: &Pod, phase: &str) -> Says {
    if phase == "Succeeded" {
        return says(true, "PodCompleted", "");
    }
    let began = pod.containers.iter().any(|container| container.sort == Sort::Main && container.current.is_some());
    let incomplete = |container: &&Container| match container.sort {
        Sort::Init => !container.succeeded(),
        Sort::Sidecar => !container.started(),
        _ => false,
    };
    let names = names(pod.containers.iter().filter(incomplete));
    if names.is_empty() || began || pod.initialized {
        return says(true, "", "");
    }
    says(false, "ContainersNotInitialized", format!("containers with incomplete status: [{names}]"))
}

fn containers_ready(pod: &Pod, phase: &str) -> Says {
    match phase {
        "Succeeded" => return says(false, "PodCompleted", ""),
        "Failed" => return says(false, "PodFailed", ""),
        _ => {}
    }
    let unready = |container: &&Container| matches!(container.sort, Sort::Sidecar | Sort::Main) && !container.ready();
    let names = names(pod.containers.iter().filter(unready));
    match names.is_empty() {
        true => says(true, "", ""),
        false => says(false, "ContainersNotReady", format!("containers with unready status: [{names}]")),
    }
}

/// Whether the conditions that the pod's readiness gates name are true.
fn readiness_gates(object: &Value, others: &[Value]) -> Says {
    let mut missing = Vec::new();
    for gate in items(object, "/spec/readinessGates") {
        let kind = text(gate, "/conditionType");
        match others.iter().find(|condition| condition["type"] == kind) {
            None => missing.push(format!("corresponding condition of pod readiness gate \"{kind}\" does not exist.")),
            Some(condition) if condition["status"] != "True" => {
                let status = text(condition, "/status");
                missing.push(format!("the status of pod readiness gate \"{kind}\" is not \"True\", but {status}"));
            }
            Some(_) => {}
        }
    }
    match missing.is_empty() {
        true => says(true, "", ""),
        false => says(false, "ReadinessGatesNotReady", missing.join(", ")),
    }
}
