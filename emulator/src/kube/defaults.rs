//! What the API server fills in (`pkg/apis/*/v1/defaults.go`).

use jiff::Timestamp;
use serde_json::Value;

use super::kinds::Kind;

/// What a new object begins with.
pub fn begin(_kind: &Kind, _object: &mut Value, _now: Timestamp) {}

/// Defaults of fields that are not set.
pub fn apply(_kind: &Kind, _object: &mut Value) {}

/// What stays as it was if a new version leaves it out.
pub fn keep(_kind: &Kind, _old: &Value, _new: &mut Value) {}
