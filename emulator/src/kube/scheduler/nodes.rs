//! The nodes that a pod may go to, by name, and whether a pod may go to one for what it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Refusal;
use crate::kube::controllers::object::*;

/// The nodes of a cluster by name.
#[derive(Debug)]
pub(super) struct Nodes<'a>(BTreeMap<&'a str, &'a Arc<Value>>);

impl<'a> Nodes<'a> {
    pub(super) fn new(nodes: &'a [Arc<Value>]) -> Self {
        Self(nodes.iter().map(|node| (name(node), node)).collect())
    }

    /// The value of a node's label, with the label.
    pub(super) fn domain(&self, node: &str, key: &str) -> Option<(String, String)> {
        Some((key.to_owned(), label(self.0.get(node)?, key)?.to_owned()))
    }

    pub(super) fn get(&self, node: &str) -> Option<&'a Arc<Value>> {
        self.0.get(node).copied()
    }
}

/// Why a node cannot take a pod, whatever runs there: cordon, name, taints, selector and affinity (`plugins/{nodeunschedulable,
/// nodename,tainttoleration,nodeaffinity}`, in that order).
pub(super) fn refusal(minor_version: u32, pod: &Value, node: &Value) -> Option<Refusal> {
    let tolerations = items(pod, "/spec/tolerations");
    let cordon = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    if node["spec"]["unschedulable"] == true && !tolerated(tolerations, &cordon) {
        return Some(Refusal::lasting("node(s) were unschedulable"));
    }
    let not_ready = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let implied = (condition(node, "Ready").is_some() && !is_ready(node)).then_some(&not_ready);
    let repels = |taint: &&Value| text(taint, "/effect") != "PreferNoSchedule" && !tolerated(tolerations, taint);
    if let Some(taint) = items(node, "/spec/taints").iter().chain(implied).find(repels) {
        // From 1.34 on the scheduler keeps to itself which taint it was.
        return Some(Refusal::lasting(match minor_version {
            34.. => "node(s) had untolerated taint(s)".to_owned(),
            _ => format!("node(s) had untolerated taint {{{}: {}}}", text(taint, "/key"), text(taint, "/value")),
        }));
    }
    if only_names(pod).is_some_and(|names| !names.contains(&name(node))) {
        return Some(Refusal::lasting("node(s) didn't satisfy plugin(s) [NodeAffinity]"));
    }
    (!matches_affinity(pod, node)).then(|| Refusal::lasting("node(s) didn't match Pod's node affinity/selector"))
}

/// Whether a node is to run a pod of a DaemonSet, and whether one that is there may stay: affinity decides both, taints with
/// `NoSchedule` the first alone.
pub fn daemon_fits(pod: &Value, node: &Value) -> (bool, bool) {
    let wanted = text(pod, "/spec/nodeName");
    if (!wanted.is_empty() && wanted != name(node)) || !matches_affinity(pod, node) {
        return (false, false);
    }
    let tolerations = items(pod, "/spec/tolerations");
    let untolerated = |effect: &str| {
        items(node, "/spec/taints").iter().any(|taint| text(taint, "/effect") == effect && !tolerated(tolerations, taint))
    };
    (!untolerated("NoSchedule") && !untolerated("NoExecute"), !untolerated("NoExecute"))
}

/// The nodes that the pod's affinity names, if each of its terms names some.
fn only_names(pod: &Value) -> Option<Vec<&str>> {
    let terms = items(pod, &format!("{REQUIRED}/nodeSelectorTerms"));
    let named = |term| -> Option<Vec<&str>> {
        let by_name = |field: &&Value| text(field, "/key") == "metadata.name" && text(field, "/operator") == "In";
        let field = items(term, "/matchFields").iter().find(by_name)?;
        Some(items(field, "/values").iter().filter_map(Value::as_str).collect())
    };
    let all: Option<Vec<Vec<&str>>> = terms.iter().map(named).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.concat())
}

pub fn tolerated(tolerations: &[Value], taint: &Value) -> bool {
    tolerations.iter().any(|toleration| {
        let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
        let value = text(toleration, "/operator") == "Exists" || text(toleration, "/value") == text(taint, "/value");
        let named = key == text(taint, "/key") || (key.is_empty() && text(toleration, "/operator") == "Exists");
        named && value && (effect.is_empty() || effect == text(taint, "/effect"))
    })
}

const REQUIRED: &str = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";

pub(super) fn matches_affinity(pod: &Value, node: &Value) -> bool {
    let selector = json!({"matchLabels": pod["spec"]["nodeSelector"]});
    if !selects(&selector, &node["metadata"]["labels"]) {
        return false;
    }
    if pod.pointer(REQUIRED).is_none_or(Value::is_null) {
        return true;
    }
    items(pod, &format!("{REQUIRED}/nodeSelectorTerms")).iter().any(|term| matches_term(term, node))
}

/// A term without any expression matches nothing.
pub(super) fn matches_term(term: &Value, node: &Value) -> bool {
    let (labels, fields) = (items(term, "/matchExpressions"), items(term, "/matchFields"));
    let field = |key: &str| (key == "metadata.name").then(|| name(node));
    !(labels.is_empty() && fields.is_empty())
        && labels.iter().all(|expression| matches_expression(expression, |key| label(node, key)))
        && fields.iter().all(|expression| matches_expression(expression, field))
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
        let named = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]});
        assert_eq!(only_names(&term(named)), Some(vec!["n2"]));
    }
}
