//! The scheduler: which node a pod goes to, or why none can take it.
//!
//! Rule: kube-scheduler's default filters in their order and their words (`pkg/scheduler/framework/plugins`, 1.34): NodeUnschedulable,
//! NodeName, TaintToleration, NodeAffinity, NodePorts, NodeResourcesFit, PodTopologySpread, InterPodAffinity; the first that refuses a node
//! tells why. Preemption follows `plugins/defaultpreemption`, without disruption budgets. Which of the fitting nodes is best is simpler than
//! upstream's weighted scores: taints that ask to stay away, preferred affinities, fewest siblings, fewest pods, then the name (inference).

pub mod ask;
pub mod ledger;
mod near;
mod nodes;
mod preempt;
mod preferred;
mod spread;
mod terms;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use ask::Ask;
use ledger::{Ledger, Load};
use near::Near;
use nodes::Nodes;
pub use nodes::{daemon_fits, tolerated};
use spread::Spread;

use super::controllers::context::Context;
use super::controllers::events::Source;
use super::controllers::object::*;
use super::kinds;
use super::quantity;
use super::store::Key;

const COMPONENT: &str = "default-scheduler";

/// Why a node cannot take a pod.
#[derive(Clone, Debug, Default)]
struct Refusal {
    reasons: Vec<String>,
    /// Whether it would stay so if other pods went.
    lasts: bool,
}

impl Refusal {
    fn lasting(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], lasts: true }
    }

    fn passing(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], lasts: false }
    }
}

/// What is found out about a pod before nodes are looked at.
struct Asked<'a> {
    pod: &'a Value,
    minor_version: u32,
    ask: Ask,
    near: Near,
    spread: Spread,
}

impl<'a> Asked<'a> {
    fn of(context: &Context<'_>, ledger: &Ledger, all: &[Arc<Value>], pod: &'a Value) -> Self {
        let nodes = Nodes::new(all);
        Self {
            pod,
            minor_version: context.minor_version(),
            ask: Ask::of(pod),
            near: Near::of(context, ledger, &nodes, pod),
            spread: Spread::of(ledger, (all, &nodes), pod),
        }
    }

    /// Why a node with this load cannot take the pod.
    fn refusal(&self, node: &Value, load: &Load) -> Option<Refusal> {
        nodes::refusal(self.minor_version, self.pod, node)
            .or_else(|| {
                let taken = self.ask.shares_a_port(&load.total);
                taken.then(|| Refusal::passing("node(s) didn't have free ports for the requested pod ports"))
            })
            .or_else(|| room(&self.ask, node, load))
            .or_else(|| self.spread.refusal(node))
            .or_else(|| self.near.refusal(node))
    }
}

/// What a node has too little of (`plugins/noderesources/fit.go`).
fn room(ask: &Ask, node: &Value, load: &Load) -> Option<Refusal> {
    let allocatable = |name: &str| {
        let quantity = &node["status"]["allocatable"][name];
        quantity.as_str().and_then(quantity::thousandths).or_else(|| quantity.as_i64().map(|whole| i128::from(whole) * 1000))
    };
    let mut refusal = Refusal::default();
    let pods = i128::try_from(load.pods.len() + 1).unwrap_or(i128::MAX).saturating_mul(1000);
    if allocatable("pods").is_some_and(|room| pods > room) {
        refusal.reasons.push("Too many pods".into());
    }
    for (name, wanted) in ask.resources.iter().filter(|(name, wanted)| **wanted > 0 && *name != "pods") {
        let all = allocatable(name).unwrap_or(0);
        let taken = load.total.resources.get(name).copied().unwrap_or(0);
        if *wanted > all.saturating_sub(taken) {
            refusal.reasons.push(format!("Insufficient {name}"));
            refusal.lasts |= *wanted > all;
        }
    }
    (!refusal.reasons.is_empty()).then_some(refusal)
}

/// Finds a node for a pod that has none.
pub fn schedule(context: &mut Context, key: &Key, pod: &Value) {
    let other = !matches!(text(pod, "/spec/schedulerName"), "" | COMPONENT);
    if is_terminating(pod) || other {
        return;
    }
    if !items(pod, "/spec/schedulingGates").is_empty() {
        return gated(context, key, pod);
    }
    let (nodes, _) = context.cluster.list(&kinds::NODES, None);
    if let Some(why) = absent_claim(context, pod) {
        let message = format!("0/{0} nodes are available: {why}. {1}", nodes.len(), preempt::not_helpful(nodes.len()));
        return fail(context, key, pod, &message);
    }
    let ledger = std::mem::take(&mut context.memory.ledger);
    let asked = Asked::of(context, &ledger, &nodes, pod);
    let nothing = Load::default();
    let load = |node: &Value| ledger.load(name(node)).unwrap_or(&nothing);
    let verdicts: Vec<(&Arc<Value>, Option<Refusal>)> =
        nodes.iter().map(|node| (node, asked.refusal(node, load(node)))).collect();
    let fitting = verdicts.iter().filter(|(_, refusal)| refusal.is_none()).map(|(node, _)| *node);
    let best = preferred::best(context, &ledger, &nodes, pod, fitting).map(|node| name(node).to_owned());
    let outcome = best.is_none().then(|| {
        let preemption = preempt::find(&asked, &ledger, &verdicts);
        (message(&verdicts, &preemption.message), preemption)
    });
    context.memory.ledger = ledger;
    match (best, outcome) {
        (Some(node), _) => bind(context, key, pod, &node),
        (None, Some((message, preemption))) => {
            fail(context, key, pod, &message);
            preempt::act(context, key, pod, &preemption);
        }
        (None, None) => {}
    }
}

/// The claim on a volume that a pod names and that is not there.
fn absent_claim(context: &Context, pod: &Value) -> Option<String> {
    let kind = kinds::by_path("", "v1", "persistentvolumeclaims")?;
    let claims = items(pod, "/spec/volumes").iter().map(|volume| text(volume, "/persistentVolumeClaim/claimName"));
    let mut absent = claims.filter(|claim| !claim.is_empty() && context.cluster.get(kind, namespace(pod), claim).is_none());
    absent.next().map(|claim| format!("persistentvolumeclaim \"{claim}\" not found"))
}

/// The refusals of all nodes, each reason with its count, in alphabetic order.
fn message(verdicts: &[(&Arc<Value>, Option<Refusal>)], preemption: &str) -> String {
    if verdicts.is_empty() {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in verdicts.iter().filter_map(|(_, refusal)| refusal.as_ref()).flat_map(|refusal| &refusal.reasons) {
        *counts.entry(reason).or_default() += 1;
    }
    let mut counted: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    counted.sort();
    let message = format!("0/{} nodes are available: {}. {preemption}", verdicts.len(), counted.join(", "));
    message.trim_end().to_owned()
}

fn bind(context: &mut Context, key: &Key, pod: &Value, node: &str) {
    let now = stamp(context.now());
    context.memory.unschedulable.remove(key);
    let bound = context.modify(key, |pod| {
        map_at(pod, &["spec"]).insert("nodeName".into(), node.into());
        let scheduled = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
        put_condition(pod, scheduled);
        map_at(pod, &["status"]).shift_remove("nominatedNodeName");
    });
    if let Some(bound) = bound {
        context.memory.on_node.entry(node.to_owned()).or_default().insert(key.clone());
        context.memory.ledger.note(key, Some(&bound));
        let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
        tell(context, pod, "Normal", "Scheduled", &message);
    }
}

fn fail(context: &mut Context, key: &Key, pod: &Value, message: &str) {
    let known = condition(pod, "PodScheduled").is_some_and(|condition| condition["message"] == message);
    if !context.memory.unschedulable.insert(key.clone()) && known {
        return;
    }
    unscheduled(context, key, "Unschedulable", message);
    tell(context, pod, "Warning", "FailedScheduling", message);
}

/// A pod with gates waits for them to be taken away.
fn gated(context: &mut Context, key: &Key, pod: &Value) {
    if condition(pod, "PodScheduled").is_none_or(|condition| condition["reason"] != "SchedulingGated") {
        unscheduled(context, key, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates");
    }
}

fn unscheduled(context: &mut Context, key: &Key, reason: &str, message: &str) {
    let now = stamp(context.now());
    context.modify(key, |pod| {
        let unschedulable = json!({
            "type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": now,
            "reason": reason, "message": message,
        });
        put_condition(pod, unschedulable);
    });
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
