//! Rules for objects.

use serde_json::Value;

use super::error::Cause;
use super::kinds::Kind;

/// What is wrong with a new object.
pub fn new_object(_kind: &Kind, _object: &Value) -> Vec<Cause> {
    Vec::new()
}

/// What is wrong with a changed object.
pub fn changed_object(kind: &Kind, _old: &Value, new: &Value) -> Vec<Cause> {
    new_object(kind, new)
}
