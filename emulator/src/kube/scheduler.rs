//! The scheduler: which node a pod goes to, or why none can take it.
//! Rule: kube-scheduler's default filters NodeUnschedulable, NodeAffinity, TaintToleration and NodeResourcesFit (number of pods),
//! in their words. Spreading is simpler than its scores: fewest siblings, then fewest pods, then the name (inference).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::controllers::context::Context;
use super::controllers::events::Source;
use super::controllers::object::*;
use super::kinds;
use super::store::Key;

const COMPONENT: &str = "default-scheduler";

/// Finds a node for a pod that has none.
pub fn schedule(context: &mut Context, key: &Key, pod: &Value) {
    let other = !matches!(text(pod, "/spec/schedulerName"), "" | COMPONENT);
    if is_terminating(pod) || other || !items(pod, "/spec/schedulingGates").is_empty() {
        return;
    }
    let (nodes, _) = context.cluster.list(&kinds::NODES, None);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut fitting: Vec<&Arc<Value>> = Vec::new();
    for node in &nodes {
        match refusal(context, pod, node) {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None => fitting.push(node),
        }
    }
    let owner = controller_of(pod).map_or("", |owner| text(owner, "/uid"));
    let best = fitting.into_iter().min_by_key(|node| {
        let pods = context.memory.on_node.get(name(node));
        let sibling = |key: &&Key| {
            let other = context.get(key);
            other.is_some_and(|other| controller_of(&other).is_some_and(|its| !owner.is_empty() && text(its, "/uid") == owner))
        };
        let siblings = pods.map_or(0, |pods| pods.iter().filter(sibling).count());
        (siblings, pods.map_or(0, |pods| pods.len()), name(node).to_owned())
    });
    match best {
        Some(node) => bind(context, key, pod, name(node)),
        None => fail(context, key, pod, nodes.len(), &reasons),
    }
}

/// Why a node cannot take a pod.
fn refusal(context: &Context, pod: &Value, node: &Value) -> Option<String> {
    let tolerations = items(pod, "/spec/tolerations");
    let cordon = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    if node["spec"]["unschedulable"] == true && !tolerated(tolerations, &cordon) {
        return Some("node(s) were unschedulable".into());
    }
    let wanted = text(pod, "/spec/nodeName");
    if (!wanted.is_empty() && wanted != name(node)) || !matches_affinity(pod, node) {
        return Some("node(s) didn't match Pod's node affinity/selector".into());
    }
    let repels = |taint: &&Value| text(taint, "/effect") != "PreferNoSchedule" && !tolerated(tolerations, taint);
    if let Some(taint) = items(node, "/spec/taints").iter().find(repels) {
        return Some(format!("node(s) had untolerated taint {{{}: {}}}", text(taint, "/key"), text(taint, "/value")));
    }
    let not_ready = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    if condition(node, "Ready").is_some() && !is_ready(node) && !tolerated(tolerations, &not_ready) {
        return Some("node(s) had untolerated taint {node.kubernetes.io/not-ready: }".into());
    }
    let room = text(node, "/status/allocatable/pods").parse().unwrap_or(usize::MAX);
    let pods = context.memory.on_node.get(name(node)).map_or(0, |pods| pods.len());
    (pods >= room).then(|| "Too many pods".into())
}

fn tolerated(tolerations: &[Value], taint: &Value) -> bool {
    tolerations.iter().any(|toleration| {
        let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
        let value = text(toleration, "/operator") == "Exists" || text(toleration, "/value") == text(taint, "/value");
        let named = key == text(taint, "/key") || (key.is_empty() && text(toleration, "/operator") == "Exists");
        named && value && (effect.is_empty() || effect == text(taint, "/effect"))
    })
}

fn matches_affinity(pod: &Value, node: &Value) -> bool {
    let selector = json!({"matchLabels": pod["spec"]["nodeSelector"]});
    if !selects(&selector, &node["metadata"]["labels"]) {
        return false;
    }
    let required = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    if pod.pointer(required).is_none_or(Value::is_null) {
        return true;
    }
    items(pod, &format!("{required}/nodeSelectorTerms")).iter().any(|term| matches_term(term, node))
}

/// A term without any expression matches nothing.
fn matches_term(term: &Value, node: &Value) -> bool {
    let (labels, fields) = (items(term, "/matchExpressions"), items(term, "/matchFields"));
    let field = |key: &str| (key == "metadata.name").then(|| name(node));
    !(labels.is_empty() && fields.is_empty())
        && labels.iter().all(|expression| matches_expression(expression, |key| label(node, key)))
        && fields.iter().all(|expression| matches_expression(expression, field))
}

fn bind(context: &mut Context, key: &Key, pod: &Value, node: &str) {
    let now = stamp(context.now());
    context.memory.unschedulable.remove(key);
    let bound = context.modify(key, |pod| {
        map_at(pod, &["spec"]).insert("nodeName".into(), node.into());
        let scheduled = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
        put_condition(pod, scheduled);
    });
    if bound.is_some() {
        context.memory.on_node.entry(node.to_owned()).or_default().insert(key.clone());
        let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
        tell(context, pod, "Normal", "Scheduled", &message);
    }
}

fn fail(context: &mut Context, key: &Key, pod: &Value, nodes: usize, reasons: &BTreeMap<String, usize>) {
    let mut counted: Vec<_> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    counted.sort();
    let message = match nodes {
        0 => "no nodes available to schedule pods".to_owned(),
        nodes => format!(
            "0/{nodes} nodes are available: {}. preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling.",
            counted.join(", ")
        ),
    };
    let known = condition(pod, "PodScheduled").is_some_and(|condition| condition["message"] == message);
    if !context.memory.unschedulable.insert(key.clone()) && known {
        return;
    }
    let now = stamp(context.now());
    context.modify(key, |pod| {
        let unschedulable = json!({
            "type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": now,
            "reason": "Unschedulable", "message": message,
        });
        put_condition(pod, unschedulable);
    });
    tell(context, pod, "Warning", "FailedScheduling", &message);
}

fn put_condition(pod: &mut Value, condition: Value) {
    let mut conditions = items(pod, "/status/conditions").to_vec();
    conditions.retain(|other| other["type"] != condition["type"]);
    conditions.push(condition);
    map_at(pod, &["status"]).insert("conditions".into(), conditions.into());
}

fn tell(context: &mut Context, pod: &Value, severity: &str, reason: &str, message: &str) {
    let source = Source { component: COMPONENT, host: "", field_path: "" };
    context.event_from(&kinds::PODS, pod, severity, reason, message, &source);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toleration_matches_by_key_value_and_effect() {
        let taint = json!({"key": "team", "value": "a", "effect": "NoSchedule"});
        let yes = [
            json!({"operator": "Exists"}),
            json!({"key": "team", "operator": "Exists"}),
            json!({"key": "team", "value": "a", "effect": "NoSchedule"}),
        ];
        let no = [
            json!({"key": "team", "value": "b"}),
            json!({"key": "other", "operator": "Exists"}),
            json!({"key": "team", "operator": "Exists", "effect": "NoExecute"}),
        ];
        assert!(yes.iter().all(|toleration| tolerated(std::slice::from_ref(toleration), &taint)));
        assert!(!no.iter().any(|toleration| tolerated(std::slice::from_ref(toleration), &taint)));
    }

    #[test]
    fn affinity_is_asked_by_label_and_by_name() {
        let node = json!({"metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "n1", "kubernetes.io/os": "linux"}}});
        let term = |term: Value| {
            let required = json!({"nodeSelectorTerms": [term]});
            json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}})
        };
        let hostname =
            |value: &str| json!({"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [value]}]});
        assert!(matches_affinity(&term(hostname("n1")), &node));
        assert!(!matches_affinity(&term(hostname("n2")), &node));
        assert!(!matches_affinity(&term(json!({})), &node));
        assert!(matches_affinity(&json!({"spec": {"nodeSelector": {"kubernetes.io/os": "linux"}}}), &node));
        assert!(!matches_affinity(&json!({"spec": {"nodeSelector": {"kubernetes.io/os": "windows"}}}), &node));
    }
}
