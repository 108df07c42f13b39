//! Conflicts between appliers (`managedfields/internal/conflict.go`).

use super::managers::Entry;
use super::set::Set;
use crate::kube::error::{Cause, Error};

/// What a manager owns that another wants to change.
#[derive(Debug)]
pub struct Conflict {
    /// As messages name the manager.
    pub manager: String,
    /// The fields.
    pub fields: Set,
}

impl Conflict {
    /// A conflict about some of what an entry owns.
    pub fn new(entry: &Entry, fields: Set) -> Self {
        Self { manager: entry.described(), fields }
    }
}

/// The refusal that names all conflicts.
pub fn refusal(mut conflicts: Vec<Conflict>) -> Error {
    conflicts.sort_by(|left, right| left.manager.cmp(&right.manager));
    let mut causes = Vec::new();
    let mut lines = Vec::new();
    for Conflict { manager, fields } in &conflicts {
        lines.push(format!("conflicts with {manager}:"));
        for path in fields.paths() {
            lines.push(format!("- {path}"));
            let message = format!("conflict with {manager}");
            causes.push(Cause { field: path, reason: "FieldManagerConflict", message });
        }
    }
    let message = match causes.as_slice() {
        [one] => format!("Apply failed with 1 conflict: {}: {}", one.message, one.field),
        many => format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n")),
    };
    Error::apply_conflict(message, &causes)
}
