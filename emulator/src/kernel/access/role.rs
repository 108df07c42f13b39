//! What a role is and what it permits.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::action::matches;
use super::Plane;

/// One permissions object of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permission {
    /// Management actions that are granted.
    pub actions: Vec<String>,
    /// Management actions taken away again.
    pub not_actions: Vec<String>,
    /// Data actions that are granted.
    pub data_actions: Vec<String>,
    /// Data actions taken away again.
    pub not_data_actions: Vec<String>,
}

/// Who made a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// Microsoft; the same in every tenant.
    BuiltIn,
    /// Someone in the tenant.
    Custom,
}

/// A role definition.
#[derive(Clone, Debug)]
pub struct RoleDefinition {
    /// The GUID that is its name in ids.
    pub id: Uuid,
    /// The name that people use.
    pub role_name: String,
    /// What it is for.
    pub description: String,
    /// Built in or custom.
    pub kind: RoleKind,
    /// What it permits.
    pub permissions: Vec<Permission>,
    /// Where it can be assigned.
    pub assignable_scopes: Vec<String>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed.
    pub updated_on: Timestamp,
    /// The object id of who made it; nobody for a built-in one.
    pub created_by: Option<Uuid>,
    /// The object id of who last changed it.
    pub updated_by: Option<Uuid>,
}

/// What a role says about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It grants it.
    Granted,
    /// Its actions cover it, and its `notActions` take it away again.
    TakenAway,
    /// Nothing.
    Silent,
}

impl Permission {
    /// What is granted and what taken away on a plane.
    pub fn of(&self, plane: Plane) -> (&[String], &[String]) {
        match plane {
            Plane::Management => (&self.actions, &self.not_actions),
            Plane::Data => (&self.data_actions, &self.not_data_actions),
        }
    }

    /// Whether it covers an action without taking it away again.
    pub fn covers(&self, plane: Plane, action: &str) -> Verdict {
        let (granted, excluded) = self.of(plane);
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
        match (any(granted), any(excluded)) {
            (true, false) => Verdict::Granted,
            (true, true) => Verdict::TakenAway,
            (false, _) => Verdict::Silent,
        }
    }
}

impl RoleDefinition {
    /// What it says about an action: each permissions object is judged alone, and any suffices.
    pub fn judge(&self, plane: Plane, action: &str) -> Verdict {
        let mut verdict = Verdict::Silent;
        for permission in &self.permissions {
            match permission.covers(plane, action) {
                Verdict::Granted => return Verdict::Granted,
                Verdict::TakenAway => verdict = Verdict::TakenAway,
                Verdict::Silent => {}
            }
        }
        verdict
    }

    /// Whether it has anything to say about data.
    pub fn has_data_actions(&self) -> bool {
        self.permissions.iter().any(|entry| !entry.data_actions.is_empty() || !entry.not_data_actions.is_empty())
    }
}
