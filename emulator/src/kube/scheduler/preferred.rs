//! Which of the nodes that can take a pod takes it. Preferences count by their weights; the order of the criteria is an inference.

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::Value;

use super::ledger::{Ledger, Load};
use super::nodes::{Nodes, matches_term, tolerated};
use super::terms;
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;

const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// The best of the nodes.
pub(super) fn best<'a>(
    context: &Context<'_>,
    ledger: &Ledger,
    all: &[Arc<Value>],
    pod: &Value,
    fitting: impl Iterator<Item = &'a Arc<Value>>,
) -> Option<&'a Arc<Value>> {
    let owner = controller_of(pod).map_or("", |owner| text(owner, "/uid"));
    let nodes = Nodes::new(all);
    let near = domains(context, ledger, &nodes, pod);
    let nothing = Load::default();
    fitting.min_by_key(|node| {
        let load = ledger.load(name(node)).unwrap_or(&nothing);
        let siblings = load.owners.get(owner).copied().unwrap_or(0);
        let by_pods: i64 =
            near.iter().filter(|(key, value, _)| label(node, key) == Some(value)).map(|(_, _, weight)| weight).sum();
        let liked = by_node(pod, node) + by_pods;
        (repelled(pod, node), Reverse(liked), siblings, load.pods.len(), name(node))
    })
}

/// How many of a node's taints ask the pod to stay away.
fn repelled(pod: &Value, node: &Value) -> usize {
    let tolerations = items(pod, "/spec/tolerations");
    let soft = items(node, "/spec/taints").iter().filter(|taint| text(taint, "/effect") == "PreferNoSchedule");
    soft.filter(|taint| !tolerated(tolerations, taint)).count()
}

fn by_node(pod: &Value, node: &Value) -> i64 {
    let terms = items(pod, &format!("/spec/affinity/nodeAffinity/{PREFERRED}"));
    let holding = terms.iter().filter(|term| matches_term(&term["preference"], node));
    holding.filter_map(|term| number(term, "/weight")).sum()
}

/// Where pods are that it prefers near, or far with a negative weight; and where constraints that may be broken have theirs.
fn domains(context: &Context<'_>, ledger: &Ledger, nodes: &Nodes<'_>, pod: &Value) -> Vec<(String, String, i64)> {
    let mut wishes: Vec<(&Value, i64)> = Vec::new();
    for (affinity, sign) in [("podAffinity", 1), ("podAntiAffinity", -1)] {
        for term in items(pod, &format!("/spec/affinity/{affinity}/{PREFERRED}")) {
            wishes.push((&term["podAffinityTerm"], sign * number(term, "/weight").unwrap_or(1)));
        }
    }
    let soft = items(pod, "/spec/topologySpreadConstraints").iter();
    wishes.extend(soft.filter(|constraint| text(constraint, "/whenUnsatisfiable") == "ScheduleAnyway").map(|it| (it, -1)));
    if wishes.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (node, held) in ledger.all() {
        for (term, weight) in wishes.iter().filter(|(term, _)| terms::matches(context, term, pod, &held.pod)) {
            found.extend(nodes.domain(node, text(term, "/topologyKey")).map(|(key, value)| (key, value, *weight)));
        }
    }
    found
}
