//! The types of fields.

use serde_json::Value;

use super::kinds::Kind;

/// Puts fields into the order in which the API server writes them.
pub fn order(_kind: &Kind, _object: &mut Value) {}
