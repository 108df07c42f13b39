//! A pod's status out of what its node runs: phase, conditions, container statuses.
//! Rule: the kubelet's `generateAPIPodStatus` and `getPhase` (1.33). A container is ready as soon as it runs: probes are not made.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Pod;
use super::containers::{Container, Ended, Phase, spec_of};
use crate::kube::controllers::object::*;

/// The status of a pod.
pub fn of(object: &Value, pod: &Pod, now: Timestamp) -> Value {
    let phase = phase(object, pod);
    let mut status = json!({"phase": phase, "conditions": conditions(object, pod, phase, now)});
    status["hostIP"] = pod.host_ip.as_str().into();
    status["hostIPs"] = json!([{"ip": pod.host_ip}]);
    // A pod has its address once its sandbox is there, which a network of the host's own has from the beginning.
    status["podIP"] = pod.ip.as_str().into();
    status["podIPs"] = json!([{"ip": pod.ip}]);
    status["startTime"] = stamp(pod.started);
    let initialized = is_initialized(pod);
    for (field, init) in [("initContainerStatuses", true), ("containerStatuses", false)] {
        let of_kind = pod.containers.iter().filter(|container| container.init == init);
        let statuses: Vec<_> = of_kind.map(|container| container_status(object, container, initialized)).collect();
        if !statuses.is_empty() {
            status[field] = statuses.into();
        }
    }
    status["qosClass"] = qos_class(object).into();
    status
}

fn is_initialized(pod: &Pod) -> bool {
    let mut init = pod.containers.iter().filter(|container| container.init);
    init.all(|container| matches!(&container.phase, Phase::Ended(ended) if ended.code == 0))
}

fn phase(object: &Value, pod: &Pod) -> &'static str {
    let policy = text(object, "/spec/restartPolicy");
    let failed_init = |container: &Container| {
        container.init && policy == "Never" && matches!(&container.phase, Phase::Ended(ended) if ended.code != 0)
    };
    if pod.containers.iter().any(failed_init) {
        return "Failed";
    }
    if !is_initialized(pod) {
        return "Pending";
    }
    let main: Vec<_> = pod.containers.iter().filter(|container| !container.init).collect();
    let waits = |container: &&&Container| matches!(container.phase, Phase::Waiting { .. }) && container.last.is_none();
    if main.iter().any(|container| waits(&container)) {
        return "Pending";
    }
    if main.iter().any(|container| matches!(container.phase, Phase::Running { .. })) {
        return "Running";
    }
    let codes: Vec<_> = main.iter().filter_map(|container| exit_code(container)).collect();
    let over = pod.stops_at.is_some() || policy != "Always";
    match over {
        true if codes.iter().all(|code| *code == 0) => "Succeeded",
        true if policy == "Never" || pod.stops_at.is_some() => "Failed",
        _ => "Running",
    }
}

fn exit_code(container: &Container) -> Option<i32> {
    match &container.phase {
        Phase::Ended(ended) => Some(ended.code),
        _ => container.last.as_ref().map(|last| last.code),
    }
}

fn conditions(object: &Value, pod: &Pod, phase: &str, now: Timestamp) -> Vec<Value> {
    let over = matches!(phase, "Succeeded" | "Failed");
    let initialized = is_initialized(pod);
    let unready: Vec<_> = pod
        .containers
        .iter()
        .filter(|container| !container.init && !matches!(container.phase, Phase::Running { .. }))
        .map(|container| container.name.as_str())
        .collect();
    let uninitialized: Vec<_> = pod
        .containers
        .iter()
        .filter(|container| container.init && exit_code(container) != Some(0))
        .map(|container| container.name.as_str())
        .collect();
    let ready = match (phase, unready.is_empty()) {
        ("Succeeded", _) => (false, "PodCompleted", String::new()),
        ("Failed", _) => (false, "PodFailed", String::new()),
        (_, true) => (true, "", String::new()),
        _ => (false, "ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))),
    };
    let init = match initialized {
        true => (true, if phase == "Succeeded" { "PodCompleted" } else { "" }, String::new()),
        false => {
            let message = format!("containers with incomplete status: [{}]", uninitialized.join(" "));
            (false, "ContainersNotInitialized", message)
        }
    };
    let sandbox =
        !over && pod.containers.iter().any(|container| !container.id.is_empty() || !container.resolved_image.is_empty());
    let since = |kind: &str, status: &str| {
        let before = condition(object, kind).filter(|before| before["status"] == status);
        before.map_or_else(|| stamp(now), |before| before["lastTransitionTime"].clone())
    };
    let one = |kind: &str, (holds, reason, message): (bool, &str, String)| {
        let status = if holds { "True" } else { "False" };
        let time = since(kind, status);
        let mut condition = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": time});
        for (field, value) in [("reason", reason), ("message", &message)] {
            if !value.is_empty() {
                condition[field] = value.into();
            }
        }
        condition
    };
    vec![
        one("PodReadyToStartContainers", (sandbox, "", String::new())),
        one("Initialized", init),
        one("Ready", ready.clone()),
        one("ContainersReady", ready),
        one("PodScheduled", (true, "", String::new())),
    ]
}

fn container_status(object: &Value, container: &Container, initialized: bool) -> Value {
    let running = matches!(container.phase, Phase::Running { .. });
    let ready = running || (container.init && matches!(&container.phase, Phase::Ended(ended) if ended.code == 0));
    let shown_image = match container.id.is_empty() || container.resolved_image.is_empty() {
        true => &container.image,
        false => &container.resolved_image,
    };
    let mut status = json!({
        "name": container.name,
        "state": state(container, initialized),
        "lastState": container.last.as_ref().map_or_else(|| json!({}), |last| json!({"terminated": terminated(last)})),
        "ready": if container.init { ready && !running } else { ready },
        "restartCount": container.restarts,
        "image": shown_image,
        "imageID": container.image_id,
    });
    if !container.id.is_empty() {
        status["containerID"] = container.id.as_str().into();
    }
    status["started"] = running.into();
    let mounts: Vec<_> =
        spec_of(object, container).map(|spec| items(spec, "/volumeMounts")).unwrap_or(&[]).iter().map(mount).collect();
    if !mounts.is_empty() {
        status["volumeMounts"] = mounts.into();
    }
    status
}

fn mount(spec: &Value) -> Value {
    let mut mount = json!({"name": spec["name"], "mountPath": spec["mountPath"]});
    if spec["readOnly"] == true {
        mount["readOnly"] = true.into();
        mount["recursiveReadOnly"] = "Disabled".into();
    }
    mount
}

fn state(container: &Container, initialized: bool) -> Value {
    match &container.phase {
        Phase::Waiting { reason, .. } if reason.is_empty() => {
            let reason = if initialized || container.init { "ContainerCreating" } else { "PodInitializing" };
            let reason = if container.init { "PodInitializing" } else { reason };
            json!({"waiting": {"reason": reason}})
        }
        Phase::Waiting { reason, message } if message.is_empty() => json!({"waiting": {"reason": reason}}),
        Phase::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
        Phase::Running { since, .. } => json!({"running": {"startedAt": stamp(*since)}}),
        Phase::Ended(ended) => json!({"terminated": terminated(ended)}),
    }
}

fn terminated(ended: &Ended) -> Value {
    json!({
        "exitCode": ended.code,
        "reason": if ended.code == 0 { "Completed" } else { "Error" },
        "startedAt": stamp(ended.started),
        "finishedAt": stamp(ended.finished),
        "containerID": ended.id,
    })
}

/// `Guaranteed` if every container's limits are its requests for both resources, `BestEffort` if there are none at all.
fn qos_class(object: &Value) -> &'static str {
    let resources = |spec: &Value, kind: &str, name: &str| spec["resources"][kind][name].clone();
    let all: Vec<_> = items(object, "/spec/initContainers").iter().chain(items(object, "/spec/containers")).collect();
    let pairs = || all.iter().flat_map(|spec| ["cpu", "memory"].map(|name| (*spec, name)));
    let none =
        |(spec, name): (&Value, &str)| resources(spec, "limits", name).is_null() && resources(spec, "requests", name).is_null();
    let fixed = |(spec, name): (&Value, &str)| {
        let (limit, request) = (resources(spec, "limits", name), resources(spec, "requests", name));
        !limit.is_null() && (request.is_null() || request == limit)
    };
    match () {
        () if pairs().all(none) => "BestEffort",
        () if pairs().all(fixed) => "Guaranteed",
        () => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_of_service_follows_from_requests_and_limits() {
        let pod = |resources: Value| json!({"spec": {"containers": [{"name": "a", "resources": resources}]}});
        assert_eq!(qos_class(&pod(json!({}))), "BestEffort");
        assert_eq!(qos_class(&pod(json!({"requests": {"cpu": "1"}}))), "Burstable");
        assert_eq!(qos_class(&pod(json!({"limits": {"cpu": "1"}}))), "Burstable");
        assert_eq!(qos_class(&pod(json!({"limits": {"cpu": "1", "memory": "1Gi"}}))), "Guaranteed");
    }
}
