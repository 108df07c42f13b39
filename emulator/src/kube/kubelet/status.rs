//! A pod's status out of what its node runs: phase, container statuses. Its conditions are in [`super::conditions`].
//! Rule: the kubelet's `generateAPIPodStatus`, `getPhase` and `convertToAPIContainerStatuses` (1.34).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::containers::{Container, Ended, Phase, Sort, spec_of};
use super::{Pod, conditions, lifecycle};
use crate::kube::controllers::object::*;

/// The status of a pod.
pub fn of(object: &Value, pod: &Pod, now: Timestamp) -> Value {
    let phase = phase(object, pod);
    let mut status = json!({"phase": phase, "conditions": conditions::of(object, pod, phase, now)});
    if let Some((reason, message)) = pod.failed {
        status["reason"] = reason.into();
        status["message"] = message.into();
    }
    status["hostIP"] = pod.host_ip.as_str().into();
    status["hostIPs"] = json!([{"ip": pod.host_ip}]);
    // A pod has its address once its sandbox is there.
    if pod.sandbox {
        status["podIP"] = pod.ip.as_str().into();
        status["podIPs"] = json!([{"ip": pod.ip}]);
    }
    status["startTime"] = stamp(pod.started);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let listed = pod.containers.iter().filter(|container| container.sort.list() == list);
        let statuses: Vec<_> = listed.map(|container| container_status(object, pod, container)).collect();
        if !statuses.is_empty() {
            status[format!("{}Statuses", list.trim_end_matches('s'))] = statuses.into();
        }
    }
    status["qosClass"] = qos_class(object).into();
    // What others write there is kept.
    for field in ["nominatedNodeName", "resourceClaimStatuses"] {
        if !object["status"][field].is_null() {
            status[field] = object["status"][field].clone();
        }
    }
    status
}

/// How many containers are in which state.
#[derive(Default)]
struct Count {
    running: usize,
    waiting: usize,
    stopped: usize,
    succeeded: usize,
    pending_init: usize,
    failed_init: usize,
}

impl Count {
    fn init(&mut self, container: &Container) {
        match (&container.phase, &container.last) {
            (Phase::Ended(ended), _) => self.failed_init += usize::from(ended.code != 0),
            (Phase::Waiting { .. }, Some(last)) => self.failed_init += usize::from(last.code != 0),
            _ => self.pending_init += 1,
        }
    }

    fn sidecar(&mut self, pod: &Pod, container: &Container) {
        match (&container.phase, &container.last) {
            (Phase::Running { .. }, _) => {
                self.pending_init += usize::from(!pod.initialized && !container.started());
                self.running += 1;
            }
            (Phase::Waiting { .. }, None) => {
                self.pending_init += usize::from(!pod.initialized);
                self.waiting += 1;
            }
            _ => {}
        }
    }

    fn main(&mut self, container: &Container) {
        match (&container.phase, &container.last) {
            (Phase::Running { .. }, _) => self.running += 1,
            (Phase::Ended(ended), _) => {
                self.stopped += 1;
                self.succeeded += usize::from(ended.code == 0);
            }
            (Phase::Waiting { .. }, Some(_)) => self.stopped += 1,
            (Phase::Waiting { .. }, None) => self.waiting += 1,
        }
    }
}

fn phase(object: &Value, pod: &Pod) -> &'static str {
    if pod.failed.is_some() {
        return "Failed";
    }
    let policy = text(object, "/spec/restartPolicy");
    let mut count = Count::default();
    for container in &pod.containers {
        match container.sort {
            Sort::Init => count.init(container),
            Sort::Sidecar => count.sidecar(pod, container),
            Sort::Main => count.main(container),
            Sort::Ephemeral => {}
        }
    }
    let terminal = pod.ending || lifecycle::is_over(object, pod);
    match count {
        Count { failed_init: 1.., .. } if policy == "Never" => "Failed",
        Count { pending_init: 1.., .. } | Count { waiting: 1.., .. } => "Pending",
        Count { running: 1.., .. } => "Running",
        Count { stopped: 0, .. } => "Pending",
        Count { stopped, succeeded, .. } if terminal => {
            if stopped == succeeded {
                "Succeeded"
            } else {
                "Failed"
            }
        }
        _ => "Running",
    }
}

fn container_status(object: &Value, pod: &Pod, container: &Container) -> Value {
    let shown_image = match container.id.is_empty() || container.resolved_image.is_empty() {
        true => &container.image,
        false => &container.resolved_image,
    };
    let mut status = json!({
        "name": container.name,
        "state": state(pod, container),
        "lastState": container.last.as_ref().map_or_else(|| json!({}), |last| json!({"terminated": terminated(last)})),
        "ready": container.ready() && container.sort != Sort::Ephemeral,
        "restartCount": container.restarts,
        "image": shown_image,
        "imageID": container.image_id,
    });
    if !container.id.is_empty() {
        status["containerID"] = container.id.as_str().into();
    }
    if container.sort != Sort::Ephemeral {
        status["started"] =
            (container.started() && container.sort != Sort::Init || container.sort == Sort::Init && container.runs()).into();
    }
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

fn state(pod: &Pod, container: &Container) -> Value {
    match &container.phase {
        Phase::Waiting { reason, message } => {
            let has_init = pod.containers.iter().any(|container| container.sort.is_init());
            let first = if has_init && container.sort != Sort::Ephemeral { "PodInitializing" } else { "ContainerCreating" };
            let reason = if reason.is_empty() { first } else { reason };
            match message.is_empty() {
                true => json!({"waiting": {"reason": reason}}),
                false => json!({"waiting": {"reason": reason, "message": message}}),
            }
        }
        Phase::Running { since } => json!({"running": {"startedAt": stamp(*since)}}),
        Phase::Ended(ended) => json!({"terminated": terminated(ended)}),
    }
}

fn terminated(ended: &Ended) -> Value {
    let mut terminated = json!({"exitCode": ended.code, "reason": ended.reason});
    if !ended.message.is_empty() {
        terminated["message"] = ended.message.as_str().into();
    }
    terminated["startedAt"] = stamp(ended.started);
    terminated["finishedAt"] = stamp(ended.finished);
    terminated["containerID"] = ended.id.as_str().into();
    terminated
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
