//! Pods that want others near them or far (`plugins/interpodaffinity`): found out once for a pod, then asked for each node.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ledger::{Ledger, REPELS};
use super::nodes::Nodes;
use super::{Refusal, terms};
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;

const ATTRACTS: &str = "/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution";

/// A label of nodes and a value of it.
type Domain = (String, String);

/// What follows for nodes from whom the pod wants near, and from who wants it far.
#[derive(Debug, Default)]
pub(super) struct Near {
    /// For each thing wanted near: the label and the values where it is.
    wanted: Vec<(String, BTreeSet<String>)>,
    /// Where what the pod shuns is.
    shunned: BTreeSet<Domain>,
    /// Where those are that shun the pod.
    shunning: BTreeSet<Domain>,
    /// The pod is the first of those that it wants near itself.
    is_first: bool,
}

impl Near {
    pub(super) fn of(context: &Context<'_>, ledger: &Ledger, nodes: &Nodes<'_>, pod: &Value) -> Self {
        let mut near = Self::default();
        let attracts = items(pod, ATTRACTS);
        near.wanted = attracts.iter().map(|term| (text(term, "/topologyKey").to_owned(), BTreeSet::new())).collect();
        let repels = items(pod, REPELS);
        if !attracts.is_empty() || !repels.is_empty() {
            for (node, held) in ledger.all() {
                near.look(context, nodes, pod, (node, &held.pod), (attracts, repels));
            }
        }
        let alone = near.wanted.iter().all(|(_, values)| values.is_empty());
        near.is_first = alone && attracts.iter().all(|term| terms::matches(context, term, pod, pod));
        for (node, held) in ledger.repelling() {
            let shuns = items(&held.pod, REPELS).iter().filter(|term| terms::matches(context, term, &held.pod, pod));
            near.shunning.extend(shuns.filter_map(|term| nodes.domain(node, text(term, "/topologyKey"))));
        }
        near
    }

    fn look(
        &mut self,
        context: &Context<'_>,
        nodes: &Nodes<'_>,
        pod: &Value,
        (node, other): (&str, &Value),
        (attracts, repels): (&[Value], &[Value]),
    ) {
        // Only who is all that is wanted counts.
        if !attracts.is_empty() && attracts.iter().all(|term| terms::matches(context, term, pod, other)) {
            for (key, values) in &mut self.wanted {
                values.extend(nodes.domain(node, key).map(|(_, value)| value));
            }
        }
        let shunned = repels.iter().filter(|term| terms::matches(context, term, pod, other));
        self.shunned.extend(shunned.filter_map(|term| nodes.domain(node, text(term, "/topologyKey"))));
    }

    /// Why a node is not near enough, or too near.
    pub(super) fn refusal(&self, node: &Value) -> Option<Refusal> {
        let satisfied = self.wanted.iter().all(|(key, values)| match label(node, key) {
            Some(value) => values.contains(value) || self.is_first,
            None => false,
        });
        if !satisfied {
            return Some(Refusal::lasting("node(s) didn't match pod affinity rules"));
        }
        let is_in = |domains: &BTreeSet<Domain>| domains.iter().any(|(key, value)| label(node, key) == Some(value));
        if is_in(&self.shunned) {
            return Some(Refusal::passing("node(s) didn't match pod anti-affinity rules"));
        }
        is_in(&self.shunning).then(|| Refusal::passing("node(s) didn't satisfy existing pods anti-affinity rules"))
    }
}
