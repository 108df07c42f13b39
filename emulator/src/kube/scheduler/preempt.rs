//! Pods of lower priority make room (`pkg/scheduler/framework/preemption`): of the nodes where that helps, the one whose most important
//! victim is least important, then whose victims are fewest, then by name. Budgets of disruption are not looked at, and pods that others
//! want near are not counted again without the victims: whatever only that would change is not found.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::ledger::{Ledger, Load};
use super::{Asked, Refusal, tell};
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;
use crate::kube::store::Key;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Preemption {
    /// What the scheduler says when it found no node.
    pub(super) message: String,
    node: String,
    victims: Vec<Key>,
}

/// What is said where no pod's going would help.
pub(super) fn not_helpful(nodes: usize) -> String {
    format!("preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling.")
}

/// Looks for pods whose going would make room.
pub(super) fn find(asked: &Asked<'_>, ledger: &Ledger, verdicts: &[(&Arc<Value>, Option<Refusal>)]) -> Preemption {
    if text(asked.pod, "/spec/preemptionPolicy") == "Never" {
        let message = "preemption: not eligible due to preemptionPolicy=Never.".into();
        return Preemption { message, ..Preemption::default() };
    }
    let nominated = ledger.load(text(asked.pod, "/status/nominatedNodeName"));
    let goes = |pod: &Value| is_terminating(pod) && priority(pod) < priority(asked.pod);
    if nominated.is_some_and(|load| load.pods.values().any(|held| goes(&held.pod))) {
        let message = "preemption: not eligible due to a terminating pod on the nominated node.".into();
        return Preemption { message, ..Preemption::default() };
    }
    let passing = verdicts.iter().filter(|(_, refusal)| refusal.as_ref().is_some_and(|refusal| !refusal.lasts));
    let candidates: Vec<&Arc<Value>> = passing.map(|(node, _)| *node).collect();
    let mut found: Vec<(i64, usize, &str, Vec<Key>)> = Vec::new();
    for node in &candidates {
        if let Some(victims) = ledger.load(name(node)).and_then(|load| victims(asked, node, load)) {
            let highest = victims.iter().map(|(priority, _)| *priority).max().unwrap_or(i64::MIN);
            found.push((highest, victims.len(), name(node), victims.into_iter().map(|(_, key)| key).collect()));
        }
    }
    if let Some((_, _, node, victims)) = found.into_iter().min() {
        return Preemption { message: String::new(), node: node.to_owned(), victims };
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    counts.insert("No preemption victims found for incoming pod", candidates.len());
    counts.insert("Preemption is not helpful for scheduling", verdicts.len() - candidates.len());
    let mut told: Vec<String> =
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(reason, count)| format!("{count} {reason}")).collect();
    told.sort();
    let message = format!("preemption: 0/{} nodes are available: {}.", verdicts.len(), told.join(", "));
    Preemption { message, ..Preemption::default() }
}

fn priority(pod: &Value) -> i64 {
    number(pod, "/spec/priority").unwrap_or(0)
}

/// The least important pods whose going lets the pod in; those that may stay do, the most important first.
fn victims(asked: &Asked<'_>, node: &Value, load: &Load) -> Option<Vec<(i64, Key)>> {
    let mut lower: Vec<(i64, Key)> = load.pods.iter().map(|(key, held)| (priority(&held.pod), key.clone())).collect();
    lower.retain(|(its, _)| *its < priority(asked.pod));
    if lower.is_empty() {
        return None;
    }
    lower.sort_by_key(|(its, _)| std::cmp::Reverse(*its));
    let mut left = load.clone();
    lower.iter().for_each(|(_, key)| left.take(key));
    if asked.refusal(node, &left).is_some() {
        return None;
    }
    let mut going: Vec<(i64, Key)> = Vec::new();
    for (its, key) in lower {
        let Some(held) = load.pods.get(&key) else { continue };
        left.add(key.clone(), held.clone());
        if asked.refusal(node, &left).is_some() {
            left.take(&key);
            going.push((its, key));
        }
    }
    (!going.is_empty()).then_some(going)
}

/// Deletes the victims and says for which node the pod waits.
pub(super) fn act(context: &mut Context, key: &Key, pod: &Value, preemption: &Preemption) {
    let Preemption { node, victims, .. } = preemption;
    if victims.is_empty() {
        return;
    }
    context.modify(key, |pod| {
        map_at(pod, &["status"]).insert("nominatedNodeName".into(), node.clone().into());
    });
    for victim in victims {
        let Some(object) = context.get(victim).filter(|object| !is_terminating(object)) else { continue };
        let message = format!("Preempted by pod {} on node {node}", uid(pod));
        tell(context, &object, "Normal", "Preempted", &message);
        context.remove(victim);
    }
}
