//! Azure RBAC: role definitions, role assignments, and the one evaluation that every plane asks.
//!
//! Deny by default; assignments at the scope and at every scope above it count; within one role `notActions` take away from
//! `actions`, across roles nothing does; `actions` and `dataActions` are separate worlds.
//! Source: Azure RBAC's documentation ("How Azure RBAC determines if a user has access").

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::action::matches;
use super::principal::{Caller, PrincipalKind};
use super::resource_id::ResourceId;

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
}

/// A role given to a principal at a scope.
#[derive(Clone, Debug)]
pub struct RoleAssignment {
    /// The GUID that is its name; unique in the tenant.
    pub name: Uuid,
    /// Where it was made.
    pub scope: ResourceId,
    /// The role's GUID.
    pub role: Uuid,
    /// To whom.
    pub principal_id: Uuid,
    /// What kind of principal that is.
    pub principal_kind: PrincipalKind,
    /// A note.
    pub description: Option<String>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed.
    pub updated_on: Timestamp,
    /// The object id of who made it.
    pub created_by: Uuid,
    /// The object id of who last changed it.
    pub updated_by: Uuid,
}

/// Which world of permissions a question belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// `actions`.
    Management,
    /// `dataActions`.
    Data,
}

/// The answer to a question, with its reason.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Granted by this assignment of this role.
    Allowed {
        /// The assignment that grants it.
        assignment: Arc<RoleAssignment>,
        /// Its role.
        role: Arc<RoleDefinition>,
    },
    /// No assignment grants it.
    Refused {
        /// An assignment whose `actions` cover the action while its `notActions` take it away again, if there is one.
        taken_away: Option<Arc<RoleAssignment>>,
    },
}

impl Decision {
    /// Whether the answer is yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }
}

/// Why an assignment could not be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignmentConflict {
    /// Another assignment gives the same principal the same role at the same scope.
    Exists(Uuid),
    /// The name belongs to an assignment of another principal, role or scope.
    NameTaken,
}

/// All roles and assignments of the tenant.
#[derive(Debug, Default)]
pub struct Access {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    roles: BTreeMap<Uuid, Arc<RoleDefinition>>,
    by_name: HashMap<Uuid, Arc<RoleAssignment>>,
    /// Keyed by scope key and assignment name, so that a subtree of scopes is one range.
    by_scope: BTreeMap<(String, Uuid), Arc<RoleAssignment>>,
    /// What an evaluation looks up: cost does not grow with the number of other principals or scopes.
    by_holder: HashMap<(String, Uuid), Vec<Arc<RoleAssignment>>>,
}

impl Access {
    /// Puts a role, new or changed.
    pub fn put_role(&self, role: RoleDefinition) {
        self.inner.write().roles.insert(role.id, Arc::new(role));
    }

    /// A role by its GUID.
    pub fn role(&self, id: Uuid) -> Option<Arc<RoleDefinition>> {
        self.inner.read().roles.get(&id).cloned()
    }

    /// All roles, in the order of their GUIDs.
    pub fn roles(&self) -> Vec<Arc<RoleDefinition>> {
        self.inner.read().roles.values().cloned().collect()
    }

    /// Takes a role away; false if there was none.
    pub fn remove_role(&self, id: Uuid) -> bool {
        self.inner.write().roles.remove(&id).is_some()
    }

    /// Puts an assignment: a new one, or the same one with another description. What is kept from an earlier one of the same
    /// name is when and by whom it was made.
    pub fn put_assignment(&self, mut assignment: RoleAssignment) -> Result<Arc<RoleAssignment>, AssignmentConflict> {
        let mut inner = self.inner.write();
        let same_grant = |other: &RoleAssignment| {
            other.role == assignment.role && other.principal_id == assignment.principal_id && other.scope == assignment.scope
        };
        let holder = (assignment.scope.key().to_owned(), assignment.principal_id);
        match inner.by_name.get(&assignment.name) {
            Some(existing) if !same_grant(existing) => return Err(AssignmentConflict::NameTaken),
            Some(existing) => {
                assignment.created_on = existing.created_on;
                assignment.created_by = existing.created_by;
            }
            None => {
                let held = inner.by_holder.get(&holder).into_iter().flatten();
                if let Some(other) = held.into_iter().find(|other| same_grant(other)) {
                    return Err(AssignmentConflict::Exists(other.name));
                }
            }
        }
        inner.forget(assignment.name);
        let assignment = Arc::new(assignment);
        inner.by_name.insert(assignment.name, assignment.clone());
        inner.by_scope.insert((assignment.scope.key().to_owned(), assignment.name), assignment.clone());
        inner.by_holder.entry(holder).or_default().push(assignment.clone());
        Ok(assignment)
    }

    /// An assignment by its name.
    pub fn assignment(&self, name: Uuid) -> Option<Arc<RoleAssignment>> {
        self.inner.read().by_name.get(&name).cloned()
    }

    /// Takes an assignment away and returns it.
    pub fn remove_assignment(&self, name: Uuid) -> Option<Arc<RoleAssignment>> {
        self.inner.write().forget(name)
    }

    /// Takes away every assignment at or below a scope: what happens to them when the scope is deleted.
    pub fn remove_assignments_within(&self, scope: &ResourceId) {
        let mut inner = self.inner.write();
        for assignment in inner.within(scope) {
            inner.forget(assignment.name);
        }
    }

    /// The assignments at `scope` and above it, the nearest first.
    pub fn assignments_at_or_above(&self, scope: &ResourceId) -> Vec<Arc<RoleAssignment>> {
        let inner = self.inner.read();
        scope.ancestor_keys().flat_map(|key| inner.at(key)).collect()
    }

    /// The assignments below `scope`, without its own.
    pub fn assignments_below(&self, scope: &ResourceId) -> Vec<Arc<RoleAssignment>> {
        self.inner.read().within(scope).into_iter().filter(|assignment| assignment.scope != *scope).collect()
    }

    /// Decides whether `caller` may do `action` at `scope`, and says why.
    pub fn decide(&self, caller: &Caller, plane: Plane, action: &str, scope: &ResourceId) -> Decision {
        let inner = self.inner.read();
        let mut taken_away = None;
        for key in scope.ancestor_keys() {
            for identity in caller.identities() {
                for assignment in inner.by_holder.get(&(key.to_owned(), identity)).into_iter().flatten() {
                    let Some(role) = inner.roles.get(&assignment.role) else { continue };
                    match judge(role, plane, action) {
                        Verdict::Granted => {
                            return Decision::Allowed { assignment: assignment.clone(), role: role.clone() };
                        }
                        Verdict::TakenAway => taken_away = Some(assignment.clone()),
                        Verdict::Silent => {}
                    }
                }
            }
        }
        Decision::Refused { taken_away }
    }

    /// Whether `caller` holds any assignment at, above or below `scope`: what decides if a subscription is shown to it.
    pub fn has_any_role(&self, caller: &Caller, scope: &ResourceId) -> bool {
        let inner = self.inner.read();
        let held = |key: &str| caller.identities().any(|identity| inner.by_holder.contains_key(&(key.to_owned(), identity)));
        scope.ancestor_keys().any(held)
            || inner
                .within(scope)
                .iter()
                .any(|assignment| caller.identities().any(|identity| identity == assignment.principal_id))
    }
}

enum Verdict {
    Granted,
    TakenAway,
    Silent,
}

fn judge(role: &RoleDefinition, plane: Plane, action: &str) -> Verdict {
    let mut verdict = Verdict::Silent;
    for permission in &role.permissions {
        let (granted, excluded) = match plane {
            Plane::Management => (&permission.actions, &permission.not_actions),
            Plane::Data => (&permission.data_actions, &permission.not_data_actions),
        };
        if granted.iter().any(|pattern| matches(pattern, action)) {
            if !excluded.iter().any(|pattern| matches(pattern, action)) {
                return Verdict::Granted;
            }
            verdict = Verdict::TakenAway;
        }
    }
    verdict
}

impl Inner {
    fn at(&self, key: &str) -> Vec<Arc<RoleAssignment>> {
        let from = (key.to_owned(), Uuid::nil());
        let to = (key.to_owned(), Uuid::max());
        self.by_scope.range(from..=to).map(|(_, assignment)| assignment.clone()).collect()
    }

    fn within(&self, scope: &ResourceId) -> Vec<Arc<RoleAssignment>> {
        let from = (scope.key().to_owned(), Uuid::nil());
        self.by_scope
            .range(from..)
            .map(|(_, assignment)| assignment)
            .take_while(|assignment| assignment.scope.key().starts_with(scope.key()))
            .filter(|assignment| assignment.scope.is_within(scope))
            .cloned()
            .collect()
    }

    fn forget(&mut self, name: Uuid) -> Option<Arc<RoleAssignment>> {
        let assignment = self.by_name.remove(&name)?;
        let key = assignment.scope.key().to_owned();
        self.by_scope.remove(&(key.clone(), name));
        let holder = (key, assignment.principal_id);
        if let Some(held) = self.by_holder.get_mut(&holder) {
            held.retain(|other| other.name != name);
            if held.is_empty() {
                self.by_holder.remove(&holder);
            }
        }
        Some(assignment)
    }
}
