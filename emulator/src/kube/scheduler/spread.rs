//! Pods that are to be spread evenly (`plugins/podtopologyspread`): how many of them each domain has, found out once for a pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::ledger::Ledger;
use super::nodes::{Nodes, matches_affinity, tolerated};
use super::{Refusal, terms};
use crate::kube::controllers::object::*;

#[derive(Debug)]
struct Constraint {
    key: String,
    max_skew: usize,
    /// Domains that must be there at least.
    min_domains: usize,
    counts: BTreeMap<String, usize>,
    /// Whether the pod is one of those that are counted.
    counts_itself: bool,
}

/// The constraints that must hold.
#[derive(Debug, Default)]
pub(super) struct Spread(Vec<Constraint>);

impl Spread {
    pub(super) fn of(ledger: &Ledger, nodes: (&[Arc<Value>], &Nodes<'_>), pod: &Value) -> Self {
        let must = |constraint: &&Value| text(constraint, "/whenUnsatisfiable") != "ScheduleAnyway";
        let wanted: Vec<&Value> = items(pod, "/spec/topologySpreadConstraints").iter().filter(must).collect();
        Self(wanted.iter().map(|constraint| Constraint::of(ledger, nodes, pod, &wanted, constraint)).collect())
    }

    /// Why a pod on this node would be one too many.
    pub(super) fn refusal(&self, node: &Value) -> Option<Refusal> {
        for constraint in &self.0 {
            let Some(value) = label(node, &constraint.key) else {
                let why = "node(s) didn't match pod topology spread constraints (missing required label)";
                return Some(Refusal::lasting(why));
            };
            let there = constraint.counts.get(value).copied().unwrap_or(0) + usize::from(constraint.counts_itself);
            if there.saturating_sub(constraint.fewest()) > constraint.max_skew {
                return Some(Refusal::passing("node(s) didn't match pod topology spread constraints"));
            }
        }
        None
    }
}

impl Constraint {
    fn of(
        ledger: &Ledger,
        (all, nodes): (&[Arc<Value>], &Nodes<'_>),
        pod: &Value,
        together: &[&Value],
        constraint: &Value,
    ) -> Self {
        let key = text(constraint, "/topologyKey").to_owned();
        let tolerations = items(pod, "/spec/tolerations");
        let honoured = |policy: &str, usual: bool| match text(constraint, policy) {
            "Honor" => true,
            "Ignore" => false,
            _ => usual,
        };
        let (by_affinity, by_taints) = (honoured("/nodeAffinityPolicy", true), honoured("/nodeTaintsPolicy", false));
        let counts_node = |node: &Value| {
            let repels = |taint: &Value| text(taint, "/effect") != "PreferNoSchedule" && !tolerated(tolerations, taint);
            together.iter().all(|other| label(node, text(other, "/topologyKey")).is_some())
                && (!by_affinity || matches_affinity(pod, node))
                && (!by_taints || !items(node, "/spec/taints").iter().any(repels))
        };
        let eligible = all.iter().filter(|node| counts_node(node));
        let mut counts: BTreeMap<String, usize> = eligible.filter_map(|node| Some((label(node, &key)?.to_owned(), 0))).collect();
        for (node, held) in ledger.all() {
            let other = &*held.pod;
            let counted =
                namespace(other) == namespace(pod) && !is_terminating(other) && terms::selects_pod(constraint, pod, other);
            if counted
                && nodes.get(node).is_some_and(|node| counts_node(node))
                && let Some((_, value)) = nodes.domain(node, &key)
            {
                *counts.entry(value).or_default() += 1;
            }
        }
        let whole = |pointer: &str| number(constraint, pointer).and_then(|number| usize::try_from(number).ok()).unwrap_or(1);
        let counts_itself = terms::selects_pod(constraint, pod, pod);
        Self { max_skew: whole("/maxSkew"), min_domains: whole("/minDomains"), key, counts, counts_itself }
    }

    fn fewest(&self) -> usize {
        if self.counts.len() < self.min_domains {
            return 0;
        }
        self.counts.values().min().copied().unwrap_or(0)
    }
}
