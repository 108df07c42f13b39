//! What sets a custom resource's objects apart from built-in ones, at each step of an object's way: how bodies are read, what a new
//! object begins with, what is wrong with it, how it is shown in a version.

use serde_json::{Map, Value};

use super::{Version, prune, values};
use crate::kube::error::{Cause, Error};
use crate::kube::kinds::Kind;
use crate::kube::types;

/// A value read as an object of a version: its metadata as every object's, without the fields that the schema does not know. What was
/// not known is added to `unknown`, as strict decoding names it.
pub fn take(version: &Version, mut object: Value, unknown: &mut Vec<String>) -> Result<Value, String> {
    let mut gone = Vec::new();
    prune::prune(&version.schema, &mut object, &mut gone);
    let mut findings = types::Findings::default();
    if let Some(metadata) = object.get_mut("metadata") {
        if !metadata.is_object() && !metadata.is_null() {
            return Err("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta".into());
        }
        *metadata = types::conform_part("ObjectMeta", "metadata", metadata.take(), &mut findings)?;
    }
    unknown.append(&mut findings.warnings);
    gone.sort();
    unknown.extend(gone.into_iter().map(|path| format!("unknown field \"{path}\"")));
    prune::fill(&version.schema, &mut object);
    Ok(object)
}

/// What a new object begins with: no status, if that is a subresource's.
pub fn begin_object(version: &Version, object: &mut Value) {
    if version.status
        && let Value::Object(fields) = object
    {
        fields.shift_remove("status");
    }
}

/// What is wrong with a new object, besides its metadata.
pub fn faults_of_object(version: &Version, object: &Value) -> Vec<Cause> {
    values::faults(&version.schema, object, "")
}

/// What is wrong with a changed object: faults of parts that did not change are let pass (`CRDValidationRatcheting`).
pub fn faults_of_change_of_object(version: &Version, old: &Value, new: &Value) -> Vec<Cause> {
    let before = faults_of_object(version, old);
    let unchanged = |cause: &Cause| before.contains(cause) && at(old, &cause.field) == at(new, &cause.field);
    faults_of_object(version, new).into_iter().filter(|cause| !unchanged(cause)).collect()
}

/// What stands at a path as faults name it, `spec.a[0].b`; nothing if the path is no such path.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split(['.', '[']).try_fold(object, |value, part| match part.strip_suffix(']') {
        Some(index) => value.get(index.parse::<usize>().ok()?),
        None => value.get(part),
    })
}

/// Puts all fields into the order of their names, as objects without a Go type are written.
pub fn order(object: &mut Value) {
    object.sort_all_objects();
}

/// The object as a version shows it: objects of other versions differ in nothing but `apiVersion` (the conversion `None`), and what
/// a later schema does not know or fills in is so at once.
pub fn shown(kind: &Kind, version: &Version, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = kind.api_version().into();
    prune::prune(&version.schema, &mut object, &mut Vec::new());
    prune::fill(&version.schema, &mut object);
    order(&mut object);
    object
}

impl Version {
    /// What is kept of an object: it names the version that the definition stores.
    pub fn stored(&self, kind: &Kind, object: &mut Value) {
        if let Value::Object(fields) = object {
            fields.insert("apiVersion".into(), format!("{}/{}", kind.group, self.storage).into());
        }
        order(object);
    }

    /// Whether the difference of two objects counts as a new generation: any but of the metadata, and of the status if that is a
    /// subresource's.
    pub fn counts(&self, old: &Value, new: &Value) -> bool {
        let without = |object: &Value| -> Map<String, Value> {
            let mut fields = object.as_object().cloned().unwrap_or_default();
            fields.shift_remove("metadata");
            fields.shift_remove("apiVersion");
            if self.status {
                fields.shift_remove("status");
            }
            fields
        };
        without(old) != without(new)
    }

    /// Refuses what is new while the definition is being deleted.
    pub fn admits_new(&self) -> Result<(), Error> {
        if self.ending {
            return Err(Error::method_not_allowed_because("create not allowed while custom resource definition is terminating"));
        }
        Ok(())
    }
}
