//! Conditions as most controllers keep them: the time of transition changes with the status alone.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::object::stamp;

/// Sets a condition in its place, or behind the others.
pub fn set(conditions: &mut Vec<Value>, kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) {
    let known = conditions.iter().position(|condition| condition["type"] == kind);
    let since = known.map(|place| &conditions[place]).filter(|known| known["status"] == status);
    let since = since.map_or_else(|| stamp(now), |known| known["lastTransitionTime"].clone());
    let mut condition = json!({"type": kind, "status": status, "lastTransitionTime": since});
    for (field, value) in [("reason", reason), ("message", message)].into_iter().filter(|(_, value)| !value.is_empty()) {
        condition[field] = value.into();
    }
    match known {
        Some(place) => conditions[place] = condition,
        None => conditions.push(condition),
    }
}

/// The same with the generation that was observed and, without a message too, its field: as newer kinds have it.
pub fn set_observed(
    conditions: &mut Vec<Value>,
    (kind, status): (&str, &str),
    (reason, message): (&str, &str),
    now: Timestamp,
    generation: i64,
) {
    set(conditions, kind, status, reason, message, now);
    if let Some(condition) = conditions.iter_mut().find(|condition| condition["type"] == kind) {
        condition["observedGeneration"] = generation.into();
        condition["message"] = message.into();
    }
}
