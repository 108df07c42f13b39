//! The cells of pods: the word for where a pod is, its restarts.

use jiff::Timestamp;
use serde_json::Value;
#[cfg(test)]
use serde_json::json;

use super::{list, number, or_none, text};
use crate::kube::table::age;

pub(super) fn pod(object: &Value, name: Value, old: Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    // Sidecars count among the containers.
    let total = list(&spec["containers"]).count() + list(&spec["initContainers"]).filter(|item| is_sidecar(item)).count();
    let sidecars = list(&status["initContainerStatuses"]).filter(|container| names_sidecar(spec, container));
    let ready = list(&status["containerStatuses"])
        .chain(sidecars)
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
        restarts(object, now).into(),
        old,
        or_none(ip),
        or_none(text(&spec["nodeName"])),
        or_none(text(&status["nominatedNodeName"])),
        gates.into(),
    ]
}

fn is_sidecar(init_container: &Value) -> bool {
    init_container["restartPolicy"] == "Always"
}

fn names_sidecar(spec: &Value, status: &Value) -> bool {
    list(&spec["initContainers"]).any(|item| item["name"] == status["name"] && is_sidecar(item))
}

/// The restarts of the init containers as long as they are at work, then of all that go on running.
fn restarts(object: &Value, now: Timestamp) -> String {
    let (spec, status) = (&object["spec"], &object["status"]);
    let initializing = init_status(object).is_some();
    let init = list(&status["initContainerStatuses"]).filter(|container| initializing || names_sidecar(spec, container));
    let main = list(&status["containerStatuses"]).filter(|_| !initializing);
    let all: Vec<&Value> = init.chain(main).collect();
    let times: i64 = all.iter().map(|container| number(&container["restartCount"])).sum();
    let last = all
        .iter()
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
    let conditions = list(&object["status"]["conditions"]);
    if conditions.clone().any(|condition| condition["type"] == "Initialized" && condition["status"] == "True") {
        return None;
    }
    let total = list(&object["spec"]["initContainers"]).count();
    for (index, container) in list(statuses).enumerate() {
        let (waiting, terminated) = (&container["state"]["waiting"], &container["state"]["terminated"]);
        let runs_beside = names_sidecar(&object["spec"], container) && container["started"] == true;
        if runs_beside || (terminated.is_object() && number(&terminated["exitCode"]) == 0) {
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
