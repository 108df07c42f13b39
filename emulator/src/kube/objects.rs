//! What may happen to an object, whoever asks: a client over the wire, a controller or the kubelet. Follows the API server's
//! generic registry (`registry/generic/registry/store.go`: metadata filled by the server, optimistic concurrency, no-op updates
//! that change nothing). How objects end is in `deletion.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::apply::{self, Applied, Config, Writer};
use super::deletion::{may_go, remove};
use super::error::{Cause, Error};
use super::kinds::{self, Kind};
use super::store::{Cluster, Key, State};
use super::{admission, custom, defaults, ephemeral, types, validate};
use crate::kernel::clock::rfc3339_seconds;
use crate::kernel::ids::KUBERNETES_SUFFIX;
use crate::world::World;

/// Which part of an object an update may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All but the status: an update of the resource itself.
    Main,
    /// The status only: an update of the subresource.
    Status,
    /// The containers that are added to a running pod: an update of the subresource.
    EphemeralContainers,
    /// Everything: what controllers do in one step.
    All,
}

/// Who writes, and whether anything is stored.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// Who, and through which subresource.
    pub writer: Writer<'a>,
    /// Only pretend.
    pub dry_run: bool,
}

impl<'a> Write<'a> {
    /// What a part of the control plane does: `kube-controller-manager`, `kubelet`.
    pub fn by(manager: &'a str) -> Self {
        Self { writer: Writer { manager, subresource: "" }, dry_run: false }
    }
}

/// Who makes what nobody else says he made.
const CONTROLLERS: &str = "kube-controller-manager";

impl Cluster {
    /// Creates an object: fills its metadata, defaults it, admits it, validates it, stores it.
    pub fn create(&self, world: &World, kind: &Kind, object: Value) -> Result<Arc<Value>, Error> {
        self.create_with(world, kind, object, Write::by(CONTROLLERS))
    }

    /// As [`Cluster::create`], by somebody.
    pub fn create_with(&self, world: &World, kind: &Kind, object: Value, write: Write<'_>) -> Result<Arc<Value>, Error> {
        self.locked(|state| create(state, world, kind, object, Maker::Writes(write.writer), write.dry_run))
    }

    /// Replaces an object, status and all. A stale `metadata.resourceVersion` is a conflict; an equal object changes nothing.
    pub fn replace(&self, world: &World, kind: &Kind, object: Value) -> Result<Arc<Value>, Error> {
        self.update(world, kind, object, Part::All, Write::by(CONTROLLERS))
    }

    /// Replaces a part of an object.
    pub fn update(&self, world: &World, kind: &Kind, object: Value, part: Part, write: Write<'_>) -> Result<Arc<Value>, Error> {
        let (namespace, name) = place(&object);
        self.patch_with(world, kind, (&namespace, &name), part, write, |_| Ok(object))
    }

    /// Applies a configuration on behalf of its manager; makes the object if there is none. Tells whether it was made.
    /// `typed` makes an object of the kind of what the configuration leads to.
    pub fn apply(
        &self,
        world: &World,
        kind: &Kind,
        (namespace, name): (&str, &str),
        (config, part, dry_run): (&Config<'_>, Part, bool),
        typed: impl FnOnce(Value) -> Result<Value, Error>,
    ) -> Result<(Arc<Value>, bool), Error> {
        config.check(kind)?;
        self.locked(|state| {
            let key = Key::new(kind, namespace, name);
            let now = world.clock.now();
            let Some(old) = state.objects.get(&key).cloned() else {
                if part == Part::Status {
                    return Err(Error::not_found(kind, name));
                }
                if let Some(uid) = config.object["metadata"]["uid"].as_str().filter(|uid| !uid.is_empty()) {
                    let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
                    return Err(Error::conflict_because(kind, name, &why));
                }
                let mut applied = config.apply(kind, &json!({}), now)?;
                let object = typed(applied.object.take())?;
                let made = create(state, world, kind, object, Maker::Applied(applied), dry_run)?;
                return Ok((made, true));
            };
            let mut applied = config.apply(kind, &old, now)?;
            let mut new = updated(kind, &old, typed(applied.object.take())?, part)?;
            if part == Part::Main {
                admission::admit_change(state, world, kind, &old, &mut new)?;
            }
            applied.finish(&mut new);
            Ok((store(state, world, kind, key, &old, new, dry_run)?, false))
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
        self.modify_as(world, CONTROLLERS, kind, (namespace, name), change)
    }

    /// As [`Cluster::modify`], by a manager; what changes the status went through that subresource.
    pub fn modify_as(
        &self,
        world: &World,
        manager: &str,
        kind: &Kind,
        (namespace, name): (&str, &str),
        change: impl FnOnce(&mut Value),
    ) -> Option<Arc<Value>> {
        self.locked(|state| {
            let key = Key::new(kind, namespace, name);
            let old = state.objects.get(&key).cloned()?;
            let mut new = (*old).clone();
            change(&mut new);
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
            if new == *old {
                return Some(old);
            }
            apply::controlled(kind, &old, &mut new, manager, world.clock.now());
            store(state, world, kind, key, &old, new, false).ok()
        })
    }

    /// Reads an object, makes a new one of it by `change` (a patch), and stores that under the same lock.
    pub fn patch_with(
        &self,
        world: &World,
        kind: &Kind,
        (namespace, name): (&str, &str),
        part: Part,
        write: Write<'_>,
        change: impl FnOnce(&Value) -> Result<Value, Error>,
    ) -> Result<Arc<Value>, Error> {
        self.locked(|state| {
            let key = Key::new(kind, namespace, name);
            let Some(old) = state.objects.get(&key).cloned() else { return Err(Error::not_found(kind, name)) };
            let mut new = updated(kind, &old, change(&old)?, part)?;
            if part == Part::Main {
                admission::admit_change(state, world, kind, &old, &mut new)?;
            }
            apply::updated(kind, &old, &mut new, write.writer, world.clock.now());
            store(state, world, kind, key, &old, new, write.dry_run)
        })
    }
}

/// Namespace and name.
pub(super) fn place(object: &Value) -> (String, String) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or("").to_owned();
    (text("namespace"), text("name"))
}

/// Who makes an object.
enum Maker<'a> {
    Writes(Writer<'a>),
    Applied(Applied),
}

fn create(
    state: &mut State,
    world: &World,
    kind: &Kind,
    mut object: Value,
    maker: Maker<'_>,
    dry_run: bool,
) -> Result<Arc<Value>, Error> {
    let now = world.clock.now();
    name_and_stamp(state, world, kind, &mut object, now)?;
    let (namespace, name) = place(&object);
    if kind.namespaced {
        check_namespace(state, kind, &namespace, &name)?;
    }
    begin(kind, &mut object)?;
    match maker {
        Maker::Writes(writer) => apply::created(kind, &mut object, writer, now),
        Maker::Applied(applied) => applied.finish(&mut object),
    }
    admission::admit(state, world, kind, &mut object)?;
    let causes = validate::new_object(kind, &object);
    if !causes.is_empty() {
        return Err(Error::invalid(kind, &name, &causes));
    }
    let key = Key::new(kind, &namespace, &name);
    if state.objects.contains_key(&key) {
        return Err(Error::already_exists(kind, &name));
    }
    admission::quota::admit(state, kind, &object, dry_run)?;
    order(kind, &mut object);
    if dry_run {
        return Ok(Arc::new(object));
    }
    let created = state.put(key, object);
    if kind.index == kinds::NAMESPACES.index {
        furnish_namespace(state, world, &name);
    }
    Ok(created)
}

/// What a new object begins with, and what it leaves out.
fn begin(kind: &Kind, object: &mut Value) -> Result<(), Error> {
    if let Some(version) = &kind.custom {
        version.admits_new()?;
        custom::begin_object(version, object);
        version.stored(kind, object);
    } else {
        defaults::begin(kind, object);
        defaults::apply(kind, object);
    }
    Ok(())
}

/// Puts an object's fields into the order in which the API server writes them.
pub(super) fn order(kind: &Kind, object: &mut Value) {
    if kind.custom.is_some() {
        custom::order(object);
    } else {
        types::order(kind, object);
    }
}

/// Gives the metadata that only the server gives.
fn name_and_stamp(state: &State, world: &World, kind: &Kind, object: &mut Value, now: Timestamp) -> Result<(), Error> {
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
        let namespace = metadata.get("namespace").and_then(Value::as_str).unwrap_or("");
        let mut names = std::iter::repeat_with(|| format!("{prefix}{}", world.ids.text(5, KUBERNETES_SUFFIX)));
        let free = |name: &String| !state.objects.contains_key(&Key::new(kind, namespace, name));
        // As often as the real server tries; then the last one is taken, and refused.
        let name = names.by_ref().take(7).find(free).or_else(|| names.next()).unwrap_or_default();
        metadata.insert("name".into(), name.into());
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
    let refusal = Error::forbidden(&kind.group, &kind.plural, name, format!("{plural} \"{name}\" is forbidden: {why}"));
    let cause = format!("namespace {namespace} is being terminated");
    Err(refusal.because("NamespaceTerminating", &cause, "metadata.namespace"))
}

/// What the controllers of a real cluster put into each namespace.
pub(super) fn furnish_namespace(state: &mut State, world: &World, namespace: &str) {
    for (kind, object) in [
        (*kinds::SERVICE_ACCOUNTS, json!({"metadata": {"name": "default", "namespace": namespace}})),
        (*kinds::CONFIG_MAPS, admission::root_ca(namespace, &world.ca_pem)),
    ] {
        let maker = Maker::Writes(Writer { manager: CONTROLLERS, subresource: "" });
        if let Err(error) = create(state, world, kind, object, maker, false)
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
    if part == Part::EphemeralContainers {
        return ephemeral::updated(old, &new);
    }
    let part = match &kind.custom {
        Some(version) if part == Part::Main && !version.status => Part::All,
        _ => part,
    };
    if part == Part::Status {
        let status = new["status"].take();
        new = old.clone();
        set_or_remove(&mut new, "status", status);
        return if kind.custom.is_some() { checked(kind, old, new) } else { Ok(new) };
    }
    if part == Part::Main && !old["status"].is_null() {
        new["status"] = old["status"].clone();
    } else if part == Part::Main {
        set_or_remove(&mut new, "status", Value::Null);
    }
    keep_server_fields(old, &mut new);
    if kind.custom.is_none() {
        defaults::apply(kind, &mut new);
        defaults::keep(kind, old, &mut new);
    }
    checked(kind, old, new)
}

/// The changed object, if it breaks no rules.
fn checked(kind: &Kind, old: &Value, new: Value) -> Result<Value, Error> {
    let name = old["metadata"]["name"].as_str().unwrap_or("");
    let mut causes = validate::changed_object(kind, old, &new);
    causes.extend(late_finalizers(old, &new));
    if causes.is_empty() { Ok(new) } else { Err(Error::invalid(kind, name, &causes)) }
}

/// What is being deleted gets no more finalizers.
fn late_finalizers(old: &Value, new: &Value) -> Option<Cause> {
    if old["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    let of = |object: &'_ Value| object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let known = of(old);
    let late: Vec<String> = of(new).iter().filter(|one| !known.contains(one)).map(Value::to_string).collect();
    let why = "no new finalizers can be added if the object is being deleted, found new finalizers []string";
    (!late.is_empty()).then(|| Cause::forbidden("metadata.finalizers", &format!("{why}{{{}}}", late.join(", "))))
}

pub(super) fn set_or_remove(object: &mut Value, field: &str, value: Value) {
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
    kind: &Kind,
    key: Key,
    old: &Arc<Value>,
    mut new: Value,
    dry_run: bool,
) -> Result<Arc<Value>, Error> {
    order(kind, &mut new);
    if let Some(version) = &kind.custom {
        version.stored(kind, &mut new);
    }
    if new == **old {
        return Ok(old.clone());
    }
    let counts = kind.custom.as_ref().map_or_else(|| content_differs(old, &new), |version| version.counts(old, &new));
    if kind.generation && counts {
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

/// The fields of an object but for its metadata and its status.
fn content(object: &Value) -> BTreeMap<&str, &Value> {
    let fields = object.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value));
    fields.filter(|(name, _)| !matches!(*name, "metadata" | "status")).collect()
}

/// Whether anything but metadata and status differs.
fn content_differs(old: &Value, new: &Value) -> bool {
    content(old) != content(new)
}
