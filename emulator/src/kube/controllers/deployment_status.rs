//! A Deployment's status: the counts, and the conditions `Available` and `Progressing` that `kubectl rollout status` and
//! `kubectl wait` decide by.
//! Rule: the Deployment controller of kube-controller-manager 1.33.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::context::{Context, key_of};
use super::deployment::progress_deadline;
use super::object::*;
use super::rolling::Bounds;
use crate::kube::kinds;
use crate::kube::store::Key;

const NEW_REPLICA_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
const PROGRESS_DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";

/// Brings the status up to date; `Progressing` only while the roll-out goes on: one that is paused, scaled or deleted keeps it.
pub fn sync(context: &mut Context, key: &Key, new: Option<&Value>, old: &[Arc<Value>], rolling: bool) {
    let Some(deployment) = context.get(key) else { return };
    let now = context.now();
    let status = status_of(&deployment, new, old, rolling, now);
    if let Some(at) = stuck_at(&deployment, &status, now) {
        context.reconsider_at(at, key);
    }
    if deployment.get("status") != Some(&status) {
        context.modify(key, |deployment| {
            map_at(deployment, &[]).insert("status".into(), status);
        });
    }
}

/// Sets `Progressing` to `True` for a reason.
pub fn progressing(context: &mut Context, deployment: &Value, reason: &str, message: &str) {
    let now = context.now();
    context.modify(&key_of(&kinds::DEPLOYMENTS, deployment), |deployment| {
        let mut conditions = items(deployment, "/status/conditions").to_vec();
        set_condition(&mut conditions, "Progressing", "True", reason, message, now);
        map_at(deployment, &["status"]).insert("conditions".into(), conditions.into());
    });
}

/// Notes that a roll-out was paused or resumed.
pub fn pausing(context: &mut Context, key: &Key, paused: bool) {
    let Some(deployment) = context.get(key) else { return };
    if progress_deadline(&deployment).is_none() {
        return;
    }
    let reason = condition(&deployment, "Progressing").map_or("", |condition| text(condition, "/reason"));
    let (reason, message) = match (paused, reason) {
        (_, PROGRESS_DEADLINE_EXCEEDED) => return,
        (true, reason) if reason != "DeploymentPaused" => ("DeploymentPaused", "Deployment is paused"),
        (false, "DeploymentPaused") => ("DeploymentResumed", "Deployment is resumed"),
        _ => return,
    };
    let now = context.now();
    context.modify(key, |deployment| {
        let mut conditions = items(deployment, "/status/conditions").to_vec();
        set_condition(&mut conditions, "Progressing", "Unknown", reason, message, now);
        map_at(deployment, &["status"]).insert("conditions".into(), conditions.into());
    });
}

/// Whether everything that the Deployment wants is there, and nothing else.
pub fn is_complete(deployment: &Value, status: &Value) -> bool {
    let desired = number(deployment, "/spec/replicas").unwrap_or(1);
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    ["updatedReplicas", "replicas", "availableReplicas"].iter().all(|field| count(field) == desired)
        && count("observedGeneration") >= number(deployment, "/metadata/generation").unwrap_or(0)
}

fn status_of(deployment: &Value, new: Option<&Value>, old: &[Arc<Value>], rolling: bool, now: Timestamp) -> Value {
    let mut status = counts(deployment, new, old);
    let mut conditions = items(deployment, "/status/conditions").to_vec();
    let bounds = Bounds::of(deployment);
    let available = status.get("availableReplicas").and_then(Value::as_i64).unwrap_or(0);
    if available >= bounds.desired - bounds.max_unavailable {
        let message = "Deployment has minimum availability.";
        set_condition(&mut conditions, "Available", "True", "MinimumReplicasAvailable", message, now);
    } else {
        let message = "Deployment does not have minimum availability.";
        set_condition(&mut conditions, "Available", "False", "MinimumReplicasUnavailable", message, now);
    }
    let counted = Value::Object(status.clone());
    if rolling && progress_deadline(deployment).is_some() {
        progress(deployment, &counted, new, &mut conditions, now);
        replica_failure(new, old, &mut conditions, now);
    }
    if let Some(collisions) = number(deployment, "/status/collisionCount") {
        status.insert("collisionCount".into(), collisions.into());
    }
    status.insert("conditions".into(), conditions.into());
    Value::Object(status)
}

fn counts(deployment: &Value, new: Option<&Value>, old: &[Arc<Value>]) -> Map<String, Value> {
    let sets = || old.iter().map(Arc::as_ref).chain(new);
    let total = |field: &str| sets().map(|set| number(set, &format!("/status/{field}")).unwrap_or(0)).sum::<i64>();
    let wanted: i64 = sets().map(|set| number(set, "/spec/replicas").unwrap_or(1)).sum();
    let available = total("availableReplicas");
    let updated = new.and_then(|set| number(set, "/status/replicas")).unwrap_or(0);
    let fields = [
        ("observedGeneration", number(deployment, "/metadata/generation").unwrap_or(0)),
        ("replicas", total("replicas")),
        ("updatedReplicas", updated),
        ("readyReplicas", total("readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (wanted - available).max(0)),
    ];
    fields.into_iter().filter(|(_, count)| *count != 0).map(|(field, count)| (field.to_owned(), count.into())).collect()
}

/// The condition `Progressing`.
fn progress(deployment: &Value, status: &Value, new: Option<&Value>, conditions: &mut Vec<Value>, now: Timestamp) {
    let set = new.map(|new| format!("ReplicaSet \"{}\"", name(new)));
    let subject = set.unwrap_or_else(|| format!("Deployment \"{}\"", name(deployment)));
    let current = conditions.iter().find(|condition| condition["type"] == "Progressing").cloned();
    let reason = current.as_ref().map_or("", |condition| text(condition, "/reason"));
    let count = |of: &Value, field: &str| of[field].as_i64().unwrap_or(0);
    if count(status, "replicas") == count(status, "updatedReplicas") && reason == NEW_REPLICA_SET_AVAILABLE {
        return;
    }
    if is_complete(deployment, status) {
        let message = format!("{subject} has successfully progressed.");
        set_condition(conditions, "Progressing", "True", NEW_REPLICA_SET_AVAILABLE, &message, now);
    } else if has_progressed(&deployment["status"], status) {
        let message = format!("{subject} is progressing.");
        let since = current.filter(|condition| condition["status"] == "True");
        // Taken out first, so that the time of the last progress is always this one.
        conditions.retain(|condition| condition["type"] != "Progressing");
        set_condition(conditions, "Progressing", "True", "ReplicaSetUpdated", &message, now);
        if let (Some(since), Some(last)) = (since, conditions.last_mut()) {
            last["lastTransitionTime"] = since["lastTransitionTime"].clone();
        }
    } else if deadline_of(deployment, current.as_ref()).is_some_and(|deadline| now >= deadline) {
        let message = format!("{subject} has timed out progressing.");
        set_condition(conditions, "Progressing", "False", PROGRESS_DEADLINE_EXCEEDED, &message, now);
    }
}

/// What keeps a ReplicaSet from creating pods, as its own condition tells it.
fn replica_failure(new: Option<&Value>, old: &[Arc<Value>], conditions: &mut Vec<Value>, now: Timestamp) {
    let mut sets = new.into_iter().chain(old.iter().map(Arc::as_ref));
    match sets.find_map(|set| condition(set, "ReplicaFailure")) {
        Some(failure) => {
            let (status, reason, message) = (text(failure, "/status"), text(failure, "/reason"), text(failure, "/message"));
            set_condition(conditions, "ReplicaFailure", status, reason, message, now);
        }
        None => conditions.retain(|condition| condition["type"] != "ReplicaFailure"),
    }
}

fn has_progressed(before: &Value, after: &Value) -> bool {
    let count = |of: &Value, field: &str| of.get(field).and_then(Value::as_i64).unwrap_or(0);
    let more = |field: &str| count(after, field) > count(before, field);
    let outdated = |of: &Value| count(of, "replicas") - count(of, "updatedReplicas");
    more("updatedReplicas") || more("readyReplicas") || more("availableReplicas") || outdated(after) < outdated(before)
}

/// When a roll-out with this `Progressing` condition is stuck.
fn deadline_of(deployment: &Value, progressing: Option<&Value>) -> Option<Timestamp> {
    let condition = progressing?;
    if matches!(text(condition, "/reason"), NEW_REPLICA_SET_AVAILABLE | PROGRESS_DEADLINE_EXCEEDED | "DeploymentPaused") {
        return None;
    }
    time(condition, "/lastUpdateTime")?.checked_add(progress_deadline(deployment)?).ok()
}

/// When to look again because the roll-out may be stuck by then.
fn stuck_at(deployment: &Value, status: &Value, now: Timestamp) -> Option<Timestamp> {
    let progressing = items(status, "/conditions").iter().find(|condition| condition["type"] == "Progressing");
    deadline_of(deployment, progressing).filter(|at| *at > now)
}

/// Sets a condition as the controller's utility does: nothing changes while status and reason are the same, the time of
/// transition only with the status, and a changed condition moves to the end.
fn set_condition(conditions: &mut Vec<Value>, kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) {
    let current = conditions.iter().find(|condition| condition["type"] == kind);
    if current.is_some_and(|current| current["status"] == status && current["reason"] == reason) {
        return;
    }
    let transition = current.filter(|current| current["status"] == status).map(|current| current["lastTransitionTime"].clone());
    conditions.retain(|condition| condition["type"] != kind);
    conditions.push(json!({
        "type": kind, "status": status, "lastUpdateTime": stamp(now),
        "lastTransitionTime": transition.unwrap_or_else(|| stamp(now)), "reason": reason, "message": message,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_793_606_400 + seconds).expect("in range")
    }

    fn deployment(status: Value) -> Value {
        json!({"metadata": {"name": "web", "generation": 1},
            "spec": {"replicas": 2, "progressDeadlineSeconds": 600, "strategy": {"type": "RollingUpdate"}}, "status": status})
    }

    fn set(replicas: i64, available: i64) -> Value {
        json!({"metadata": {"name": "web-1"}, "spec": {"replicas": replicas},
            "status": {"replicas": replicas, "readyReplicas": available, "availableReplicas": available}})
    }

    #[test]
    fn a_roll_out_goes_from_created_to_available() {
        let created = json!([{"type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated", "message": "",
            "lastUpdateTime": stamp(at(0)), "lastTransitionTime": stamp(at(0))}]);
        let before = deployment(json!({"conditions": created}));
        let status = status_of(&before, Some(&set(2, 0)), &[], true, at(1));
        assert_eq!(status["unavailableReplicas"], 2);
        assert_eq!(status["conditions"][0]["reason"], "MinimumReplicasUnavailable");
        assert_eq!(status["conditions"][1]["message"], "ReplicaSet \"web-1\" is progressing.");
        assert_eq!(status["conditions"][1]["lastTransitionTime"], stamp(at(0)));

        let done = status_of(&deployment(status), Some(&set(2, 2)), &[], true, at(2));
        assert!(is_complete(&deployment(Value::Null), &done));
        assert!(done.get("unavailableReplicas").is_none());
        assert_eq!(done["conditions"][0]["reason"], "MinimumReplicasAvailable");
        assert_eq!(done["conditions"][1]["reason"], "NewReplicaSetAvailable");
        assert_eq!(status_of(&deployment(done.clone()), Some(&set(2, 2)), &[], true, at(900)), done);
    }

    #[test]
    fn a_stuck_roll_out_fails_after_its_deadline() {
        let created = json!([{"type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated", "message": "",
            "lastUpdateTime": stamp(at(0)), "lastTransitionTime": stamp(at(0))}]);
        let waiting = status_of(&deployment(json!({"conditions": created})), Some(&set(2, 0)), &[], true, at(0));
        let stuck = deployment(waiting.clone());
        assert_eq!(stuck_at(&stuck, &waiting, at(1)), Some(at(600)));
        assert_eq!(status_of(&stuck, Some(&set(2, 0)), &[], true, at(599)), waiting);
        let failed = status_of(&stuck, Some(&set(2, 0)), &[], true, at(600));
        let progressing = failed["conditions"].as_array().and_then(|all| all.last()).cloned().expect("conditions");
        assert_eq!(progressing["reason"], "ProgressDeadlineExceeded");
        assert_eq!(progressing["message"], "ReplicaSet \"web-1\" has timed out progressing.");
    }
}
