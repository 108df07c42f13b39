//! How objects end: grace and finalizers as in the API server's generic registry (`registry/generic/registry/store.go`) and, at once
//! instead of later, what the garbage collector and the namespace controller do.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::custom;
use super::error::Error;
use super::kinds::{self, Kind};
use super::objects::{furnish_namespace, order, set_or_remove};
use super::store::{Cluster, Key, State, owners};
use crate::kernel::clock::rfc3339_seconds;
use crate::world::World;

const FOREGROUND: &str = "foregroundDeletion";

/// What becomes of an object's dependents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They go after it.
    #[default]
    Background,
    /// They go before it.
    Foreground,
    /// They stay, without owner.
    Orphan,
}

/// How to delete.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// How many seconds a pod has to end; its own if not given.
    pub grace_period_seconds: Option<i64>,
    /// What becomes of dependents.
    pub propagation: Propagation,
    /// Only if the object has this uid.
    pub uid: Option<String>,
    /// Only if the object has this version.
    pub resource_version: Option<String>,
    /// Only pretend.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// At once.
    pub fn now() -> Self {
        Self { grace_period_seconds: Some(0), ..Self::default() }
    }
}

/// What a deletion led to.
#[derive(Clone, Debug)]
pub enum Deletion {
    /// The object is gone; its last state.
    Removed(Arc<Value>),
    /// The object waits for its end (grace, finalizers, contents).
    Pending(Arc<Value>),
}

impl Cluster {
    /// Deletes an object. A pod that runs has its grace and is removed by a later deletion with grace 0 (the kubelet's);
    /// dependents and a namespace's contents are dealt with here.
    pub fn delete(
        &self,
        world: &World,
        kind: &Kind,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deletion, Error> {
        self.locked(|state| {
            let mut steps = Vec::new();
            let deletion = delete(state, world, &mut steps, &Key::new(kind, namespace, name), options)?;
            finish(state, world, steps);
            Ok(deletion)
        })
    }
}

/// What the end of one object leaves to do. Steps lie on a stack, the next one on top, so that no chain of owners is too long: each
/// owner's dependents, and theirs, are done before what lies below.
enum Step {
    /// An object lost its owner, or will.
    Dependent { key: Key, owner: Arc<Value>, propagation: Propagation },
    /// An owner that waits in the foreground may have lost what it waited for.
    ReleaseOwner(Key),
    /// The end of an object may matter to its namespace.
    ReleaseNamespace(Key),
    /// An object goes with its namespace.
    Delete(Key),
    /// A namespace that is terminating may have become empty.
    EndNamespace(String),
}

/// Does all that is left to do.
fn finish(state: &mut State, world: &World, mut steps: Vec<Step>) {
    while let Some(step) = steps.pop() {
        match step {
            Step::Dependent { key, owner, propagation } => {
                delete_dependent(state, world, &mut steps, &key, &owner, propagation);
            }
            Step::ReleaseOwner(key) => release_owner(state, &mut steps, &key),
            Step::ReleaseNamespace(key) => release_namespace(state, world, &mut steps, &key),
            Step::Delete(key) => {
                let _ = delete(state, world, &mut steps, &key, &DeleteOptions::default());
            }
            Step::EndNamespace(name) => end_namespace(state, &mut steps, &name),
        }
    }
}

/// Whether nothing holds back an object that is being deleted.
pub(super) fn may_go(kind: &Kind, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let held = metadata["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
        || (kind.index == kinds::NAMESPACES.index
            && object["spec"]["finalizers"].as_array().is_some_and(|held| !held.is_empty()))
        || (kind.index == kinds::PODS.index && metadata["deletionGracePeriodSeconds"].as_i64() != Some(0));
    !metadata["deletionTimestamp"].is_null() && !held
}

fn delete(
    state: &mut State,
    world: &World,
    steps: &mut Vec<Step>,
    key: &Key,
    options: &DeleteOptions,
) -> Result<Deletion, Error> {
    let kind = key.kind();
    let Some(old) = state.objects.get(key).cloned() else { return Err(Error::not_found(kind, &key.name)) };
    check_preconditions(kind, key, &old, options)?;
    let namespace = kind.index == kinds::NAMESPACES.index;
    if namespace && ["default", "kube-system", "kube-public", "kube-node-lease"].contains(&key.name.as_str()) {
        let message = format!("namespaces \"{}\" is forbidden: this namespace may not be deleted", key.name);
        return Err(Error::forbidden("", "namespaces", &key.name, message));
    }
    let grace = grace_of(kind, &old, options);
    let marked = marked(kind, &old, grace, options.propagation, world.clock.now());
    if options.dry_run {
        return Ok(if may_go(kind, &marked) { Deletion::Removed(old) } else { Deletion::Pending(Arc::new(marked)) });
    }
    if options.propagation == Propagation::Orphan {
        orphan_dependents(state, key, &old);
    }
    if may_go(kind, &marked) {
        return Ok(Deletion::Removed(take(state, steps, key).unwrap_or(old)));
    }
    let pending = if marked == *old { old } else { state.put(key.clone(), marked) };
    if namespace {
        steps.push(Step::EndNamespace(key.name.clone()));
        steps.extend(contents(state, &key.name).cloned().map(Step::Delete).collect::<Vec<_>>().into_iter().rev());
    }
    if options.propagation == Propagation::Foreground {
        steps.push(Step::ReleaseOwner(key.clone()));
        push_dependents(state, steps, &pending, Propagation::Foreground);
    }
    Ok(Deletion::Pending(pending))
}

fn check_preconditions(kind: &Kind, key: &Key, old: &Value, options: &DeleteOptions) -> Result<(), Error> {
    for (what, asked, field) in [("UID", &options.uid, "uid"), ("ResourceVersion", &options.resource_version, "resourceVersion")]
    {
        let has = old["metadata"][field].as_str().unwrap_or("");
        if let Some(asked) = asked.as_deref().filter(|asked| *asked != has) {
            let why = format!("Precondition failed: {what} in precondition: {asked}, {what} in object meta: {has}");
            return Err(Error::conflict_because(kind, &key.name, &why));
        }
    }
    Ok(())
}

/// The seconds that an object has to end: a pod that is on a node and not yet over (`registry/core/pod/strategy.go`).
fn grace_of(kind: &Kind, object: &Value, options: &DeleteOptions) -> i64 {
    let scheduled = object["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    let over = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if kind.index != kinds::PODS.index || !scheduled || over {
        return 0;
    }
    let own = object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    let asked = options.grace_period_seconds.unwrap_or(own).max(0);
    object["metadata"]["deletionGracePeriodSeconds"].as_i64().map_or(asked, |already| already.min(asked))
}

/// The object with the marks of its deletion.
fn marked(kind: &Kind, old: &Value, grace: i64, propagation: Propagation, now: Timestamp) -> Value {
    let mut new = old.clone();
    let metadata = &mut new["metadata"];
    let already = metadata["deletionGracePeriodSeconds"].as_i64();
    if metadata["deletionTimestamp"].is_null() || already.is_some_and(|already| grace < already) {
        let end = now.saturating_add(SignedDuration::from_secs(grace)).unwrap_or(Timestamp::MAX);
        metadata["deletionTimestamp"] = rfc3339_seconds(end).into();
        metadata["deletionGracePeriodSeconds"] = grace.into();
        if kind.generation {
            metadata["generation"] = (metadata["generation"].as_i64().unwrap_or(0) + 1).into();
        }
    }
    if propagation == Propagation::Foreground {
        let mut finalizers = metadata["finalizers"].as_array().cloned().unwrap_or_default();
        if !finalizers.iter().any(|finalizer| finalizer == FOREGROUND) {
            finalizers.push(FOREGROUND.into());
        }
        metadata["finalizers"] = finalizers.into();
    }
    if kind.index == kinds::NAMESPACES.index {
        new["status"]["phase"] = "Terminating".into();
    }
    if kind.index == kinds::CUSTOM_RESOURCE_DEFINITIONS.index {
        custom::terminating(&mut new, now);
    }
    order(kind, &mut new);
    new
}

/// Takes an object away, and with it what depends on it.
pub(super) fn remove(state: &mut State, world: &World, key: &Key) {
    let mut steps = Vec::new();
    take(state, &mut steps, key);
    finish(state, world, steps);
}

/// Takes an object away; what follows from it comes first among the steps.
fn take(state: &mut State, steps: &mut Vec<Step>, key: &Key) -> Option<Arc<Value>> {
    let last = state.take(key)?;
    if key.kind().namespaced {
        steps.push(Step::ReleaseNamespace(key.clone()));
    }
    let owners: Vec<Key> = owner_keys(state, &last).collect();
    steps.extend(owners.into_iter().rev().map(Step::ReleaseOwner));
    push_dependents(state, steps, &last, Propagation::Background);
    Some(last)
}

fn owner_keys<'a>(state: &'a State, object: &'a Value) -> impl Iterator<Item = Key> + 'a {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("");
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten().filter_map(move |owner| {
        let kind = state.served.by_api_version(owner["apiVersion"].as_str()?, owner["kind"].as_str()?)?;
        Some(Key::new(kind, namespace, owner["name"].as_str()?))
    })
}

fn dependents(state: &State, uid: &str) -> Vec<Key> {
    state.owned.get(uid).into_iter().flatten().cloned().collect()
}

fn push_dependents(state: &State, steps: &mut Vec<Step>, owner: &Arc<Value>, propagation: Propagation) {
    let keys = dependents(state, owner["metadata"]["uid"].as_str().unwrap_or(""));
    steps.extend(keys.into_iter().rev().map(|key| Step::Dependent { key, owner: owner.clone(), propagation }));
}

/// Deletes an object that only `owner` owned; from another just its reference goes.
fn delete_dependent(state: &mut State, world: &World, steps: &mut Vec<Step>, key: &Key, owner: &Value, propagation: Propagation) {
    let uid = owner["metadata"]["uid"].as_str().unwrap_or("");
    let Some(dependent) = state.objects.get(key).cloned() else { return };
    let others = owner_keys(state, &dependent)
        .filter_map(|key| state.objects.get(&key))
        .filter_map(|object| object["metadata"]["uid"].as_str())
        .any(|other| other != uid && owners(&dependent).any(|named| named == other));
    if others {
        strip_owner(state, key, &dependent, uid);
    } else if dependent["metadata"]["deletionTimestamp"].is_null() || propagation == Propagation::Background {
        let _ = delete(state, world, steps, key, &DeleteOptions { propagation, ..DeleteOptions::default() });
    }
}

fn orphan_dependents(state: &mut State, key: &Key, owner: &Value) {
    let uid = owner["metadata"]["uid"].as_str().unwrap_or("");
    for dependent_key in dependents(state, uid) {
        if dependent_key != *key
            && let Some(dependent) = state.objects.get(&dependent_key).cloned()
        {
            strip_owner(state, &dependent_key, &dependent, uid);
        }
    }
}

fn strip_owner(state: &mut State, key: &Key, dependent: &Value, uid: &str) {
    let mut new = dependent.clone();
    if let Value::Object(metadata) = &mut new["metadata"] {
        let left: Vec<Value> = metadata
            .get("ownerReferences")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|owner| owner["uid"] != uid)
            .cloned()
            .collect();
        if left.is_empty() {
            metadata.shift_remove("ownerReferences");
        } else {
            metadata.insert("ownerReferences".into(), left.into());
        }
    }
    state.put(key.clone(), new);
}

/// Lets an owner go that waits in the foreground, once no dependent blocks it.
fn release_owner(state: &mut State, steps: &mut Vec<Step>, key: &Key) {
    let Some(owner) = state.objects.get(key).cloned() else { return };
    let uid = owner["metadata"]["uid"].as_str().unwrap_or("");
    let waits = !owner["metadata"]["deletionTimestamp"].is_null()
        && owner["metadata"]["finalizers"].as_array().is_some_and(|finalizers| finalizers.iter().any(|f| f == FOREGROUND));
    let blocks = |object: &Arc<Value>| {
        let references = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        references.clone().any(|reference| reference["uid"] == uid && reference["blockOwnerDeletion"] == true)
    };
    if !waits || dependents(state, uid).iter().filter_map(|key| state.objects.get(key)).any(blocks) {
        return;
    }
    let mut new = (*owner).clone();
    let left: Vec<Value> = new["metadata"]["finalizers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|finalizer| *finalizer != FOREGROUND)
        .cloned()
        .collect();
    let left = if left.is_empty() { Value::Null } else { left.into() };
    set_or_remove(&mut new["metadata"], "finalizers", left);
    if may_go(key.kind(), &state.put(key.clone(), new)) {
        take(state, steps, key);
    }
}

/// The keys of what a namespace holds, found kind by kind: the rest of the cluster costs nothing.
fn contents<'a>(state: &'a State, namespace: &'a str) -> impl Iterator<Item = &'a Key> {
    let kinds = state.served.places().filter(|kind| kind.namespaced && !kind.is_converted());
    kinds.flat_map(move |kind| state.of_kind(kind, Some(namespace))).map(|(key, _)| key)
}

/// Lets a namespace that holds nothing any more go, if nobody else has a finalizer on it.
fn end_namespace(state: &mut State, steps: &mut Vec<Step>, namespace: &str) {
    let key = Key::new(&kinds::NAMESPACES, "", namespace);
    if contents(state, namespace).next().is_some() {
        return;
    }
    let Some(mut new) = state.objects.get(&key).map(|namespace| (**namespace).clone()) else { return };
    let held = new["spec"]["finalizers"].as_array().into_iter().flatten();
    let left: Vec<Value> = held.filter(|finalizer| *finalizer != "kubernetes").cloned().collect();
    new["spec"]["finalizers"] = left.into();
    if may_go(key.kind(), &new) {
        take(state, steps, &key);
    } else if state.objects.get(&key).is_some_and(|old| **old != new) {
        state.put(key, new);
    }
}

/// What the end of an object means to its namespace: one that is terminating may have become empty, another gets back what
/// every namespace has.
fn release_namespace(state: &mut State, world: &World, steps: &mut Vec<Step>, key: &Key) {
    let Some(namespace) = state.objects.get(&Key::new(&kinds::NAMESPACES, "", &key.namespace)) else { return };
    if !namespace["metadata"]["deletionTimestamp"].is_null() {
        end_namespace(state, steps, &key.namespace);
    } else if (key.kind().index == kinds::SERVICE_ACCOUNTS.index && key.name == "default")
        || (key.kind().index == kinds::CONFIG_MAPS.index && key.name == "kube-root-ca.crt")
    {
        furnish_namespace(state, world, &key.namespace);
    }
}
