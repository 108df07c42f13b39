//! What may happen to an object, whoever asks: a client over the wire, a controller or the kubelet. Follows the API server's
//! generic registry (`registry/generic/registry/store.go`: metadata filled by the server, optimistic concurrency, no-op updates
//! that change nothing) and, at once instead of later, the garbage collector and the namespace controller.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::error::Error;
use super::kinds::{self, Kind};
use super::store::{Cluster, Key, State, owners};
use super::{admission, defaults, types, validate};
use crate::kernel::clock::rfc3339_seconds;
use crate::kernel::ids::KUBERNETES_SUFFIX;
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

/// Which part of an object an update may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All but the status: an update of the resource itself.
    Main,
    /// The status only: an update of the subresource.
    Status,
    /// Everything: what controllers do in one step.
    All,
}

impl Cluster {
    /// Creates an object: fills its metadata, defaults it, admits it, validates it, stores it.
    pub fn create(&self, world: &World, kind: &Kind, object: Value) -> Result<Arc<Value>, Error> {
        self.create_with(world, kind, object, false)
    }

    /// As [`Cluster::create`]; with `dry_run` nothing is stored.
    pub fn create_with(&self, world: &World, kind: &Kind, object: Value, dry_run: bool) -> Result<Arc<Value>, Error> {
        self.locked(|state| create(state, world, kind, object, dry_run))
    }

    /// Replaces an object, status and all. A stale `metadata.resourceVersion` is a conflict; an equal object changes nothing.
    pub fn replace(&self, world: &World, kind: &Kind, object: Value) -> Result<Arc<Value>, Error> {
        self.update(world, kind, object, Part::All, false)
    }

    /// Replaces a part of an object; with `dry_run` nothing is stored.
    pub fn update(&self, world: &World, kind: &Kind, object: Value, part: Part, dry_run: bool) -> Result<Arc<Value>, Error> {
        self.locked(|state| {
            let (namespace, name) = place(&object);
            let key = Key::new(kind, &namespace, &name);
            let Some(old) = state.objects.get(&key).cloned() else { return Err(Error::not_found(kind, &name)) };
            let new = updated(kind, &old, object, part)?;
            store(state, world, key, &old, new, dry_run)
        })
    }

    /// Reads, changes and stores an object under the lock, as controllers do; `change` must not call the cluster. The status may
    /// be changed too; no rules are checked. Nothing is stored if nothing changed.
    pub fn modify(
        &self,
        world: &World,
        kind: &Kind,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Option<Arc<Value>> {
        self.locked(|state| {
            let key = Key::new(kind, namespace, name);
            let old = state.objects.get(&key).cloned()?;
            let mut new = (*old).clone();
            change(&mut new);
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
            store(state, world, key, &old, new, false).ok()
        })
    }

    /// Reads an object, makes a new one of it by `change` (a patch), and stores that under the same lock.
    pub fn patch_with(
        &self,
        world: &World,
        kind: &Kind,
        (namespace, name): (&str, &str),
        part: Part,
        dry_run: bool,
        change: impl FnOnce(&Value) -> Result<Value, Error>,
    ) -> Result<Arc<Value>, Error> {
        self.locked(|state| {
            let key = Key::new(kind, namespace, name);
            let Some(old) = state.objects.get(&key).cloned() else { return Err(Error::not_found(kind, name)) };
            let new = updated(kind, &old, change(&old)?, part)?;
            store(state, world, key, &old, new, dry_run)
        })
    }

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
        self.locked(|state| delete(state, world, &Key::new(kind, namespace, name), options))
    }
}

/// Namespace and name.
pub(super) fn place(object: &Value) -> (String, String) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or("").to_owned();
    (text("namespace"), text("name"))
}

fn create(state: &mut State, world: &World, kind: &Kind, mut object: Value, dry_run: bool) -> Result<Arc<Value>, Error> {
    let now = world.clock.now();
    name_and_stamp(world, kind, &mut object, now)?;
    let (namespace, name) = place(&object);
    if kind.namespaced {
        check_namespace(state, kind, &namespace, &name)?;
    }
    defaults::begin(kind, &mut object);
    defaults::apply(kind, &mut object);
    admission::admit(state, world, kind, &mut object)?;
    let causes = validate::new_object(kind, &object);
    if !causes.is_empty() {
        return Err(Error::invalid(kind, &name, &causes));
    }
    let key = Key::new(kind, &namespace, &name);
    if state.objects.contains_key(&key) {
        return Err(Error::already_exists(kind, &name));
    }
    types::order(kind, &mut object);
    if dry_run {
        return Ok(Arc::new(object));
    }
    let created = state.put(key, object);
    if kind.index == kinds::NAMESPACES.index {
        furnish_namespace(state, world, &name);
    }
    Ok(created)
}

/// Gives the metadata that only the server gives.
fn name_and_stamp(world: &World, kind: &Kind, object: &mut Value, now: Timestamp) -> Result<(), Error> {
    let Value::Object(fields) = object else {
        return Err(Error::bad_request("the object provided is unrecognized (must be an object)"));
    };
    fields.insert("kind".into(), kind.kind.clone().into());
    fields.insert("apiVersion".into(), kind.api_version().into());
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if !metadata.is_object() {
        *metadata = json!({});
    }
    if metadata["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
        return Err(Error::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let Value::Object(metadata) = metadata else { return Ok(()) };
    for field in ["selfLink", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        metadata.shift_remove(field);
    }
    if !kind.namespaced {
        metadata.shift_remove("namespace");
    }
    let named = metadata.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if !named && let Some(prefix) = metadata.get("generateName").and_then(Value::as_str).filter(|prefix| !prefix.is_empty()) {
        let prefix: String = prefix.chars().take(58).collect();
        metadata.insert("name".into(), format!("{prefix}{}", world.ids.text(5, KUBERNETES_SUFFIX)).into());
    }
    metadata.insert("uid".into(), world.ids.uuid().to_string().into());
    metadata.insert("creationTimestamp".into(), rfc3339_seconds(now).into());
    if kind.generation {
        metadata.insert("generation".into(), 1.into());
    }
    Ok(())
}

fn check_namespace(state: &State, kind: &Kind, namespace: &str, name: &str) -> Result<(), Error> {
    let Some(found) = state.objects.get(&Key::new(&kinds::NAMESPACES, "", namespace)) else {
        return Err(Error::not_found(&kinds::NAMESPACES, namespace));
    };
    if found["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let plural = kind.qualified_plural();
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    Err(Error::forbidden(&kind.group, &kind.plural, name, format!("{plural} \"{name}\" is forbidden: {why}")))
}

/// What the controllers of a real cluster put into each namespace.
fn furnish_namespace(state: &mut State, world: &World, namespace: &str) {
    for (kind, object) in [
        (*kinds::SERVICE_ACCOUNTS, json!({"metadata": {"name": "default", "namespace": namespace}})),
        (*kinds::CONFIG_MAPS, admission::root_ca(namespace, &world.ca_pem)),
    ] {
        if let Err(error) = create(state, world, kind, object, false)
            && error.code != 409
        {
            tracing::warn!(kubernetes.namespace = namespace, "cannot furnish the namespace: {error}");
        }
    }
}

/// The object that an update leads to.
fn updated(kind: &Kind, old: &Value, mut new: Value, part: Part) -> Result<Value, Error> {
    let name = old["metadata"]["name"].as_str().unwrap_or("");
    if !new["metadata"].is_object() {
        return Err(Error::bad_request("the object has no metadata"));
    }
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let (asked, has) = (text(&new["metadata"]["uid"]), text(&old["metadata"]["uid"]));
    if !asked.is_empty() && asked != has {
        let why = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {has}");
        return Err(Error::conflict_because(kind, name, &why));
    }
    let asked = text(&new["metadata"]["resourceVersion"]);
    if !asked.is_empty() && asked != "0" && asked != text(&old["metadata"]["resourceVersion"]) {
        return Err(Error::conflict(kind, name));
    }
    if part == Part::Status {
        let status = new["status"].take();
        new = old.clone();
        set_or_remove(&mut new, "status", status);
        return Ok(new);
    }
    if part == Part::Main && !old["status"].is_null() {
        new["status"] = old["status"].clone();
    } else if part == Part::Main {
        set_or_remove(&mut new, "status", Value::Null);
    }
    keep_server_fields(old, &mut new);
    defaults::apply(kind, &mut new);
    defaults::keep(kind, old, &mut new);
    let causes = validate::changed_object(kind, old, &new);
    if causes.is_empty() { Ok(new) } else { Err(Error::invalid(kind, name, &causes)) }
}

fn set_or_remove(object: &mut Value, field: &str, value: Value) {
    if let Value::Object(fields) = object {
        if value.is_null() {
            fields.shift_remove(field);
        } else {
            fields.insert(field.to_owned(), value);
        }
    }
}

/// Metadata that no client changes.
fn keep_server_fields(old: &Value, new: &mut Value) {
    for field in ["kind", "apiVersion"] {
        new[field] = old[field].clone();
    }
    for field in [
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        set_or_remove(&mut new["metadata"], field, old["metadata"][field].clone());
    }
    set_or_remove(&mut new["metadata"], "selfLink", Value::Null);
}

/// Stores a changed object, or removes it if this was what its deletion waited for.
fn store(
    state: &mut State,
    world: &World,
    key: Key,
    old: &Arc<Value>,
    mut new: Value,
    dry_run: bool,
) -> Result<Arc<Value>, Error> {
    let kind = key.kind();
    types::order(kind, &mut new);
    if new == **old {
        return Ok(old.clone());
    }
    if kind.generation && new["spec"] != old["spec"] {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        new["metadata"]["generation"] = generation.into();
    }
    if dry_run {
        return Ok(Arc::new(new));
    }
    let stored = state.put(key.clone(), new);
    if may_go(kind, &stored) {
        remove(state, world, &key);
    }
    Ok(stored)
}

/// Whether nothing holds back an object that is being deleted.
fn may_go(kind: &Kind, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let held = metadata["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
        || kind.index == kinds::NAMESPACES.index
        || (kind.index == kinds::PODS.index && metadata["deletionGracePeriodSeconds"].as_i64() != Some(0));
    !metadata["deletionTimestamp"].is_null() && !held
}

fn delete(state: &mut State, world: &World, key: &Key, options: &DeleteOptions) -> Result<Deletion, Error> {
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
        return Ok(Deletion::Removed(remove(state, world, key).unwrap_or(old)));
    }
    let pending = if marked == *old { old } else { state.put(key.clone(), marked) };
    if options.propagation == Propagation::Foreground {
        delete_dependents(state, world, &pending, Propagation::Foreground);
        release_owner(state, world, key);
    }
    if namespace {
        empty_namespace(state, world, &key.name);
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
    types::order(kind, &mut new);
    new
}

/// Takes an object away, and with it what depends on it.
fn remove(state: &mut State, world: &World, key: &Key) -> Option<Arc<Value>> {
    let last = state.take(key)?;
    delete_dependents(state, world, &last, Propagation::Background);
    let owner_keys: Vec<Key> = owner_keys(&last).collect();
    for owner in owner_keys {
        release_owner(state, world, &owner);
    }
    if key.kind().namespaced {
        release_namespace(state, world, key);
    }
    Some(last)
}

fn owner_keys(object: &Value) -> impl Iterator<Item = Key> + '_ {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("");
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten().filter_map(move |owner| {
        let kind = kinds::by_api_version(owner["apiVersion"].as_str()?, owner["kind"].as_str()?)?;
        Some(Key::new(kind, namespace, owner["name"].as_str()?))
    })
}

fn dependents(state: &State, uid: &str) -> Vec<Key> {
    state.owned.get(uid).into_iter().flatten().cloned().collect()
}

/// Deletes the objects that only this one owned; from others just its reference goes.
fn delete_dependents(state: &mut State, world: &World, owner: &Value, propagation: Propagation) {
    let uid = owner["metadata"]["uid"].as_str().unwrap_or("");
    for key in dependents(state, uid) {
        let Some(dependent) = state.objects.get(&key).cloned() else { continue };
        let others = owner_keys(&dependent)
            .filter_map(|key| state.objects.get(&key))
            .filter_map(|object| object["metadata"]["uid"].as_str())
            .any(|other| other != uid && owners(&dependent).any(|named| named == other));
        if others {
            strip_owner(state, &key, &dependent, uid);
        } else if dependent["metadata"]["deletionTimestamp"].is_null() || propagation == Propagation::Background {
            let _ = delete(state, world, &key, &DeleteOptions { propagation, ..DeleteOptions::default() });
        }
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
fn release_owner(state: &mut State, world: &World, key: &Key) {
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
    let _ = store(state, world, key.clone(), &owner, new, false);
}

fn contents(state: &State, namespace: &str) -> Vec<Key> {
    state.objects.keys().filter(|key| key.kind().namespaced && key.namespace == namespace).cloned().collect()
}

fn empty_namespace(state: &mut State, world: &World, namespace: &str) {
    for key in contents(state, namespace) {
        let _ = delete(state, world, &key, &DeleteOptions::default());
    }
    end_namespace(state, world, namespace);
}

fn end_namespace(state: &mut State, world: &World, namespace: &str) {
    if contents(state, namespace).is_empty() {
        remove(state, world, &Key::new(&kinds::NAMESPACES, "", namespace));
    }
}

/// What the end of an object means to its namespace: one that is terminating may have become empty, another gets back what
/// every namespace has.
fn release_namespace(state: &mut State, world: &World, key: &Key) {
    let Some(namespace) = state.objects.get(&Key::new(&kinds::NAMESPACES, "", &key.namespace)) else { return };
    if !namespace["metadata"]["deletionTimestamp"].is_null() {
        end_namespace(state, world, &key.namespace);
    } else if (key.kind().index == kinds::SERVICE_ACCOUNTS.index && key.name == "default")
        || (key.kind().index == kinds::CONFIG_MAPS.index && key.name == "kube-root-ca.crt")
    {
        furnish_namespace(state, world, &key.namespace);
    }
}
