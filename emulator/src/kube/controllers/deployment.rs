//! The Deployment controller: finds or makes the ReplicaSet of the current template, moves replicas between it and the old
//! ones, keeps revisions and history, and tells the roll-out's state.
//! Rule: the Deployment controller of kube-controller-manager 1.33, compared with watch events of a real control plane.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::context::{Context, key_of};
use super::deployment_status;
use super::hash::pod_template_hash;
use super::object::*;
use super::rolling::{Bounds, Replicas, next_new, next_old, proportional};
use crate::kube::kinds;
use crate::kube::store::Key;

const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
const HASH_LABEL: &str = "pod-template-hash";
/// Annotations of a Deployment that its ReplicaSets do not get.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];
const COMPONENT: &str = "deployment-controller";

/// A Deployment with its ReplicaSets.
struct Family {
    deployment: Arc<Value>,
    bounds: Bounds,
    /// The one whose template is the Deployment's.
    new: Option<Arc<Value>>,
    /// All others, the oldest first.
    old: Vec<Arc<Value>>,
}

impl Family {
    fn read(context: &Context, key: &Key) -> Option<Self> {
        let deployment = context.get(key)?;
        let mut sets = context.owned(uid(&deployment), &kinds::REPLICA_SETS);
        sets.sort_by(|one, other| age_key(one).cmp(&age_key(other)));
        let position = sets.iter().position(|set| same_template(&deployment["spec"]["template"], &set["spec"]["template"]));
        let new = position.map(|position| sets.remove(position));
        Some(Self { bounds: Bounds::of(&deployment), deployment, new, old: sets })
    }

    fn sets(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.old.iter().chain(&self.new)
    }

    fn old_replicas(&self) -> Vec<Replicas> {
        self.old.iter().map(|set| Replicas::of(set)).collect()
    }
}

fn age_key(set: &Value) -> (&str, i64, &str) {
    (text(set, "/metadata/creationTimestamp"), revision(set), name(set))
}

fn revision(object: &Value) -> i64 {
    annotation(object, REVISION).and_then(|revision| revision.parse().ok()).unwrap_or(0)
}

fn same_template(wanted: &Value, of_set: &Value) -> bool {
    let mut without_hash = of_set.clone();
    if let Some(labels) = without_hash.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(HASH_LABEL);
    }
    let bare = |template: &Value| (template["metadata"]["labels"].clone(), template["metadata"]["annotations"].clone());
    without_hash["spec"] == wanted["spec"] && bare(&without_hash) == bare(wanted)
}

/// Brings one Deployment a step further; what the step changes brings it here again.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(family) = Family::read(context, key) else { return };
    if is_terminating(&family.deployment) {
        deployment_status::sync(context, key, family.new.as_deref(), &family.old, false);
        return;
    }
    let paused = family.deployment["spec"]["paused"] == true;
    let recreate = text(&family.deployment, "/spec/strategy/type") == "Recreate";
    // While replicas are only counted anew, the roll-out neither progresses nor ends.
    let rolling = !(paused || is_scaled(&family));
    if !rolling {
        if let (Some(new), false) = (&family.new, paused) {
            keep_annotations(context, &family, new);
        }
        scale_all(context, &family);
    } else if recreate {
        sync_recreate(context, &family);
    } else {
        sync_rolling(context, &family);
    }
    let Some(family) = Family::read(context, key) else { return };
    deployment_status::pausing(context, key, paused);
    deployment_status::sync(context, key, family.new.as_deref(), &family.old, rolling);
    prune(context, &family);
}

fn sync_rolling(context: &mut Context, family: &Family) {
    let Some(new) = ensure_new(context, family) else { return };
    let new_replicas = Replicas::of(&new);
    let wanted = next_new(family.bounds, new_replicas.wanted, &family.old_replicas());
    if wanted != new_replicas.wanted {
        scale(context, family, &new, wanted);
        return;
    }
    for (set, kept) in family.old.iter().zip(next_old(family.bounds, new_replicas, &family.old_replicas())) {
        scale(context, family, set, kept);
    }
}

fn sync_recreate(context: &mut Context, family: &Family) {
    for set in &family.old {
        scale(context, family, set, 0);
    }
    // Pods that are still stopping count: two versions never run at the same time.
    let old_pods = family.old.iter().any(|set| {
        context.owned(uid(set), &kinds::PODS).iter().any(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"))
    });
    if old_pods && family.new.is_none() {
        return;
    }
    if let Some(new) = ensure_new(context, family) {
        scale(context, family, &new, family.bounds.desired);
    }
}

/// Whether the wanted number of replicas changed since the ReplicaSets were last looked at.
fn is_scaled(family: &Family) -> bool {
    let desired = family.bounds.desired.to_string();
    family.sets().any(|set| {
        Replicas::of(set).wanted > 0 && annotation(set, DESIRED_REPLICAS).is_some_and(|annotated| annotated != desired)
    })
}

fn scale_all(context: &mut Context, family: &Family) {
    let active: Vec<_> = family.sets().filter(|set| Replicas::of(set).wanted > 0).cloned().collect();
    let latest = family.new.clone().or_else(|| family.old.last().cloned());
    match (active.as_slice(), latest) {
        ([only], _) => return scale(context, family, only, family.bounds.desired),
        ([], Some(latest)) => return scale(context, family, &latest, family.bounds.desired),
        _ => {}
    }
    let saturated = family.new.as_ref().is_some_and(|new| {
        let new = Replicas::of(new);
        new.wanted == family.bounds.desired && new.available == family.bounds.desired
    });
    let shares = match saturated {
        true => active.iter().map(|set| if is_new(family, set) { family.bounds.desired } else { 0 }).collect(),
        false => proportional(family.bounds, &active.iter().map(|set| Replicas::of(set).wanted).collect::<Vec<_>>()),
    };
    for (set, share) in active.iter().zip(shares) {
        scale(context, family, set, share);
    }
}

fn is_new(family: &Family, set: &Value) -> bool {
    family.new.as_ref().is_some_and(|new| uid(new) == uid(set))
}

/// Gives a ReplicaSet another number of replicas and says so in an event.
fn scale(context: &mut Context, family: &Family, set: &Value, replicas: i64) {
    let before = Replicas::of(set).wanted;
    let key = key_of(&kinds::REPLICA_SETS, set);
    let bounds = family.bounds;
    context.modify(&key, |set| {
        if Replicas::of(set).wanted != replicas {
            map_at(set, &["spec"]).insert("replicas".into(), replicas.into());
        }
        annotate(set, DESIRED_REPLICAS, &bounds.desired.to_string());
        annotate(set, MAX_REPLICAS, &bounds.max_replicas().to_string());
    });
    if before != replicas {
        scaling_event(context, &family.deployment, name(set), before, replicas);
    }
}

fn scaling_event(context: &mut Context, deployment: &Value, set: &str, from: i64, to: i64) {
    let direction = if to > from { "up" } else { "down" };
    let message = format!("Scaled {direction} replica set {set} from {from} to {to}");
    context.event(&kinds::DEPLOYMENTS, deployment, "Normal", "ScalingReplicaSet", &message, COMPONENT);
}

/// The ReplicaSet of the current template, with its revision; made if there is none.
fn ensure_new(context: &mut Context, family: &Family) -> Option<Arc<Value>> {
    match &family.new {
        Some(new) => {
            keep_annotations(context, family, new);
            if condition(&family.deployment, "Progressing").is_none() {
                let message = format!("Found new replica set \"{}\"", name(new));
                deployment_status::progressing(context, &family.deployment, "FoundNewReplicaSet", &message);
            }
            context.get(&key_of(&kinds::REPLICA_SETS, new))
        }
        None => create_new(context, family),
    }
}

/// Revision and copied annotations of the ReplicaSet of the current template. One that is used again (an undo) gets the next
/// revision and remembers the ones it had.
fn keep_annotations(context: &mut Context, family: &Family, new: &Value) {
    let next = family.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let copied = copied_annotations(&family.deployment);
    let bounds = family.bounds;
    let mut kept = revision(new);
    context.modify(&key_of(&kinds::REPLICA_SETS, new), |set| {
        for (key, value) in &copied {
            annotate(set, key, value.as_str().unwrap_or(""));
        }
        let before = revision(set);
        if before < next {
            annotate(set, REVISION, &next.to_string());
            if before > 0 {
                let history = annotation(set, REVISION_HISTORY).filter(|history| !history.is_empty());
                let history = history.map_or(before.to_string(), |history| format!("{history},{before}"));
                annotate(set, REVISION_HISTORY, &history);
            }
        }
        annotate(set, DESIRED_REPLICAS, &bounds.desired.to_string());
        annotate(set, MAX_REPLICAS, &bounds.max_replicas().to_string());
        kept = revision(set);
    });
    set_revision(context, &family.deployment, kept);
}

fn set_revision(context: &mut Context, deployment: &Value, revision: i64) {
    context.modify(&key_of(&kinds::DEPLOYMENTS, deployment), |deployment| {
        annotate(deployment, REVISION, &revision.to_string());
    });
}

fn copied_annotations(deployment: &Value) -> Map<String, Value> {
    let all = deployment.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    all.into_iter().filter(|(key, _)| !NOT_COPIED.contains(&key.as_str())).collect()
}

fn create_new(context: &mut Context, family: &Family) -> Option<Arc<Value>> {
    let deployment = &family.deployment;
    let collisions = number(deployment, "/status/collisionCount").unwrap_or(0);
    let hash = pod_template_hash(&deployment["spec"]["template"], collisions);
    let next_revision = family.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let replicas = next_new(family.bounds, 0, &family.old_replicas());
    let set = new_replica_set(family, &hash, next_revision, replicas);
    let set_name = name(&set).to_owned();
    let key = Key::new(&kinds::REPLICA_SETS, namespace(deployment), &set_name);
    if let Some(existing) = context.get(&key) {
        return take_over_or_collide(context, family, &key, &existing);
    }
    let created = context.create(&kinds::REPLICA_SETS, set)?;
    if replicas > 0 {
        scaling_event(context, deployment, &set_name, 0, replicas);
    }
    set_revision(context, deployment, next_revision);
    let message = format!("Created new replica set \"{set_name}\"");
    deployment_status::progressing(context, deployment, "NewReplicaSetCreated", &message);
    Some(created)
}

/// The name is taken: by an orphan of the same template, which is adopted, or by a stranger, which makes the hash change.
fn take_over_or_collide(context: &mut Context, family: &Family, key: &Key, existing: &Value) -> Option<Arc<Value>> {
    let deployment = &family.deployment;
    let orphan = controller_of(existing).is_none() && !is_terminating(existing);
    let ours = selects(&deployment["spec"]["selector"], &existing["metadata"]["labels"]);
    if orphan && ours && same_template(&deployment["spec"]["template"], &existing["spec"]["template"]) {
        let owner = controller_reference(deployment, "apps/v1", "Deployment");
        return context.modify(key, |set| {
            map_at(set, &["metadata"]).insert("ownerReferences".into(), json!([owner]));
        });
    }
    if !is_terminating(existing) && controller_of(existing).is_none_or(|owner| text(owner, "/uid") != uid(deployment)) {
        context.modify(&key_of(&kinds::DEPLOYMENTS, deployment), |deployment| {
            let collisions = number(deployment, "/status/collisionCount").unwrap_or(0);
            map_at(deployment, &["status"]).insert("collisionCount".into(), (collisions + 1).into());
        });
    }
    None
}

fn new_replica_set(family: &Family, hash: &str, revision: i64, replicas: i64) -> Value {
    let deployment = &family.deployment;
    let mut template = deployment["spec"]["template"].clone();
    map_at(&mut template, &["metadata", "labels"]).insert(HASH_LABEL.into(), hash.into());
    let mut selector = deployment["spec"]["selector"].clone();
    map_at(&mut selector, &["matchLabels"]).insert(HASH_LABEL.into(), hash.into());
    let mut annotations = copied_annotations(deployment);
    annotations.insert(DESIRED_REPLICAS.into(), family.bounds.desired.to_string().into());
    annotations.insert(MAX_REPLICAS.into(), family.bounds.max_replicas().to_string().into());
    annotations.insert(REVISION.into(), revision.to_string().into());
    let mut spec = json!({"replicas": replicas});
    if let Some(seconds) = number(deployment, "/spec/minReadySeconds").filter(|seconds| *seconds > 0) {
        spec["minReadySeconds"] = seconds.into();
    }
    spec["selector"] = selector;
    let labels = template["metadata"]["labels"].clone();
    spec["template"] = template;
    json!({
        "kind": "ReplicaSet",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": format!("{}-{hash}", name(deployment)),
            "namespace": namespace(deployment),
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [controller_reference(deployment, "apps/v1", "Deployment")],
        },
        "spec": spec,
    })
}

/// Removes the oldest empty ReplicaSets beyond `revisionHistoryLimit`, once the roll-out is complete.
fn prune(context: &mut Context, family: &Family) {
    let Some(deployment) = context.get(&key_of(&kinds::DEPLOYMENTS, &family.deployment)) else { return };
    if !deployment_status::is_complete(&deployment, &deployment["status"]) {
        return;
    }
    let limit = number(&deployment, "/spec/revisionHistoryLimit").unwrap_or(10).max(0);
    let mut empty: Vec<_> = family
        .old
        .iter()
        .filter(|set| Replicas::of(set).wanted == 0 && number(set, "/status/replicas").unwrap_or(0) == 0 && !is_terminating(set))
        .collect();
    empty.sort_by_key(|set| revision(set));
    let surplus = usize::try_from(limit).map_or(0, |limit| family.old.len().saturating_sub(limit));
    for set in empty.into_iter().take(surplus) {
        context.remove(&key_of(&kinds::REPLICA_SETS, set));
    }
}

/// How long after the last progress a roll-out counts as stuck.
pub(super) fn progress_deadline(deployment: &Value) -> Option<SignedDuration> {
    number(deployment, "/spec/progressDeadlineSeconds")
        .filter(|seconds| *seconds < i64::from(i32::MAX))
        .map(SignedDuration::from_secs)
}
