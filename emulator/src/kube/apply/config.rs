//! Applying a configuration (structured-merge-diff's `merge.Updater.Apply`; `managedfields/internal`: `structuredmerge.go`,
//! `skipnonapplied.go`, `lastappliedmanager.go`, `lastappliedupdater.go`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::compare;
use super::conflict::{Conflict, refusal};
use super::managers::{Managers, Writer, forget, stamp};
use super::merge::{merged, with_named_fields, without};
use super::schema::{self, Manner, Schema};
use super::set::Set;
use super::track;
use crate::kube::error::Error;
use crate::kube::kinds::Kind;
use crate::kube::objects::place;

/// The annotation in which `kubectl apply` keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Who owns what was there before the first apply, if nobody did.
const BEFORE_FIRST: &str = "before-first-apply";
/// The one manager that takes over from its own client-side past.
const KUBECTL: &str = "kubectl";

/// A configuration to apply.
#[derive(Debug)]
pub struct Config<'a> {
    /// What it says.
    pub object: &'a Value,
    /// Who applies it.
    pub writer: Writer<'a>,
    /// Whether it takes over what others own.
    pub force: bool,
}

/// What applying a configuration leads to.
#[derive(Debug)]
pub struct Applied {
    /// The object, without its managers.
    pub object: Value,
    managers: Managers,
}

impl Applied {
    /// Writes the managers into the object as it is after defaulting.
    pub fn finish(self, object: &mut Value) {
        self.managers.write(object);
    }
}

impl Config<'_> {
    /// Checks what can be told without the object: the version, and that nobody sets the managers.
    pub fn check(&self, kind: &Kind) -> Result<(), Error> {
        let version = self.object["apiVersion"].as_str().unwrap_or("");
        if version != kind.api_version() {
            return Err(Error::bad_request(format!(
                "Incorrect version specified in apply patch. Specified patch version: {version}, expected: {}",
                kind.api_version()
            )));
        }
        if !self.object["metadata"]["managedFields"].is_null() {
            return Err(Error::bad_request("metadata.managedFields must be nil"));
        }
        let mut faults = Vec::new();
        faults_of(schema::of(kind), self.object, "", 0, &mut faults);
        if faults.is_empty() {
            return Ok(());
        }
        let (namespace, name) = place(self.object);
        let place = if namespace.is_empty() { format!("/{name}") } else { format!("{namespace}/{name}") };
        let of = format!("{place}; {}, Kind={}", kind.api_version(), kind.kind);
        let list = if faults.len() == 1 { faults.remove(0) } else { format!("errors:\n  {}", faults.join("\n  ")) };
        Err(Error::bad_request(format!("failed to create typed patch object ({of}): {list}")))
    }

    /// Applies it to an object; to `{}` if there is none yet.
    pub fn apply(&self, kind: &Kind, live: &Value, now: Timestamp) -> Result<Applied, Error> {
        let mut object = live.clone();
        let mut managers = Managers::of(&object).unwrap_or_default();
        forget(&mut object);
        let exists = !live["metadata"]["uid"].is_null();
        if managers.0.is_empty() && exists {
            let everything = compare::objects(schema::of(kind), &json!({}), &object);
            let writer = Writer { manager: BEFORE_FIRST, subresource: self.writer.subresource };
            track::take(&mut managers, &everything, kind, writer, now);
        }
        let mut applied = match self.tried(kind, &object, managers.clone(), self.force, now) {
            Ok(applied) => applied,
            Err(conflicts) if self.writer.manager == KUBECTL => {
                let allowed = last_applied(kind, &object);
                let left: Vec<Conflict> = conflicts.into_iter().filter_map(|conflict| not_among(conflict, &allowed)).collect();
                if !left.is_empty() {
                    return Err(refusal(left));
                }
                self.tried(kind, &object, managers, true, now).map_err(refusal)?
            }
            Err(conflicts) => return Err(refusal(conflicts)),
        };
        if self.writer.manager == KUBECTL && applied.object["metadata"]["annotations"][LAST_APPLIED].is_string() {
            applied.object["metadata"]["annotations"][LAST_APPLIED] = self.as_last_applied().into();
        }
        Ok(applied)
    }

    fn tried(
        &self,
        kind: &Kind,
        live: &Value,
        mut managers: Managers,
        force: bool,
        now: Timestamp,
    ) -> Result<Applied, Vec<Conflict>> {
        let (schema, version) = (schema::of(kind), kind.api_version());
        let mut set = compare::fields_of(schema, self.object);
        track::reset(kind, self.writer.subresource, &mut set);
        let own = managers.entry(self.writer, true, &version);
        own.api_version.clone_from(&version);
        let last = std::mem::replace(own.set(), set);
        let whole = merged(schema, Some(live), self.object);
        let new = pruned(schema, &whole, &mut managers, &last);
        let mut difference = compare::objects(schema, live, &new);
        for fields in [&mut difference.touched, &mut difference.removed] {
            track::reset(kind, self.writer.subresource, fields);
        }
        let mut conflicts = Vec::new();
        for entry in managers.0.iter_mut().filter(|entry| !entry.is_of(self.writer, true, &version)) {
            if !entry.may_touch(&difference.touched) && !entry.may_touch(&difference.removed) {
                continue;
            }
            let fields = entry.set().intersection(&difference.touched);
            if !fields.is_empty() && !force {
                conflicts.push(Conflict::new(entry, fields));
                continue;
            }
            entry.set().subtract(&fields);
            entry.set().subtract(&difference.removed);
        }
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        if new != *live {
            managers.entry(self.writer, true, &version).time = Some(stamp(now));
        }
        managers.drop_empty();
        Ok(Applied { object: new, managers })
    }

    /// The configuration as `kubectl apply` would have noted it.
    fn as_last_applied(&self) -> String {
        let mut object = self.object.clone();
        if let Some(annotations) = object["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.shift_remove(LAST_APPLIED);
        }
        object.sort_all_objects();
        format!("{object}\n")
    }
}

/// Removes what the applier applied last time and does not any more, unless somebody else owns it.
fn pruned(schema: Schema<'_>, whole: &Value, managers: &mut Managers, last: &Set) -> Value {
    if last.is_empty() {
        return whole.clone();
    }
    let named = |set: &Set| with_named_fields(schema, whole, set);
    let gone = without(schema, whole, &named(last));
    let mut owned = Set::default();
    managers.0.iter_mut().for_each(|entry| owned.union(entry.set()));
    let all = named(&compare::fields_of(schema, whole));
    let mut keep = named(&compare::fields_of(schema, &gone));
    keep.union(&named(&owned));
    let mut lost = all.clone();
    lost.subtract(&keep);
    let left = without(schema, whole, &lost);
    let mut dangling = all;
    dangling.subtract(&named(&compare::fields_of(schema, &left)));
    without(schema, whole, &dangling.intersection(&named(last)))
}

fn last_applied(kind: &Kind, object: &Value) -> Set {
    let text = object["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap_or("");
    let config: Value = serde_json::from_str(text).unwrap_or_default();
    compare::fields_of(schema::of(kind), &config)
}

fn not_among(mut conflict: Conflict, allowed: &Set) -> Option<Conflict> {
    conflict.fields.subtract(allowed);
    (!conflict.fields.is_empty()).then_some(conflict)
}

/// What in a configuration is not of its schema: fields that there are not, items of lists that have no name or the same.
fn faults_of(schema: Schema<'_>, value: &Value, at: &str, depth: usize, faults: &mut Vec<String>) {
    if depth > 128 {
        return;
    }
    match (schema.manner(value), value) {
        (Manner::Fields, Value::Object(fields)) => {
            for (name, value) in fields {
                let child = schema.child(name);
                let at = format!("{at}.{name}");
                if child.unknown {
                    faults.push(format!("{at}: field not declared in schema"));
                } else {
                    faults_of(child.schema, value, &at, depth + 1, faults);
                }
            }
        }
        (manner @ (Manner::Keyed(_) | Manner::Set), Value::Array(items)) => {
            let mut seen = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let Some(element) = compare::element_of(schema, &manner, item) else {
                    let Manner::Keyed(keys) = &manner else { continue };
                    let keys = keys.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(" ");
                    let why = "associative list with keys has an element that omits all key fields";
                    let hint = "(and doesn't have default values for any key fields)";
                    faults.push(format!("{at}: element {index}: {why} [{keys}] {hint}"));
                    continue;
                };
                faults_of(schema.item(), item, &format!("{at}{element}"), depth + 1, faults);
                if seen.contains(&element) {
                    faults.push(format!("{at}: duplicate entries for key {element}"));
                }
                seen.push(element);
            }
        }
        (Manner::Fields, value) if !value.is_null() => faults.push(format!("{at}: expected map, got {value}")),
        (Manner::Keyed(_) | Manner::Set, value) if !value.is_null() => {
            faults.push(format!("{at}: expected list, got {value}"));
        }
        _ => {}
    }
}
