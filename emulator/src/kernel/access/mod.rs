//! Azure RBAC: role definitions, role assignments, deny assignments, management groups, and the one evaluation that every plane
//! asks.
//!
//! Source: Azure RBAC's documentation ("How Azure RBAC determines if a user has access", "Understand deny assignments",
//! "Conditions"), its limits ("Troubleshoot Azure RBAC limits").

mod assignment;
mod built_in;
mod decide;
mod deny;
pub mod hierarchy;
mod role;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use uuid::Uuid;

use super::clock::Clock;
use super::principal::Caller;
use super::resource_id::ResourceId;
use super::settings::Settings;

pub use assignment::{AssignmentConflict, RoleAssignment};
pub use built_in::roles as built_in_roles;
pub use decide::{Decision, Question};
pub use deny::{DenyAssignment, DenyPrincipal};
pub use hierarchy::ManagementGroup;
pub use role::{Permission, RoleDefinition, RoleKind, Verdict};

use assignment::Assignments;
use deny::DenyAssignments;
use hierarchy::Hierarchy;

/// Which world of permissions a question belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// `actions`.
    Management,
    /// `dataActions`.
    Data,
}

/// All roles, assignments and management groups of the tenant.
#[derive(Debug)]
pub struct Access {
    inner: RwLock<Inner>,
    clock: Arc<Clock>,
    settings: Arc<Settings>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The custom roles; the built-in ones are the same in every world.
    roles: BTreeMap<Uuid, Arc<RoleDefinition>>,
    assignments: Assignments,
    denials: DenyAssignments,
    hierarchy: Hierarchy,
}

impl Inner {
    fn role(&self, id: Uuid) -> Option<Arc<RoleDefinition>> {
        self.roles.get(&id).cloned().or_else(|| built_in::role(id))
    }
}

impl Access {
    /// Nothing but the built-in roles.
    pub fn new(clock: Arc<Clock>, settings: Arc<Settings>) -> Self {
        Self { inner: RwLock::default(), clock, settings }
    }

    /// Puts a custom role, new or changed.
    pub fn put_role(&self, role: RoleDefinition) {
        self.inner.write().roles.insert(role.id, Arc::new(role));
    }

    /// A role by its GUID.
    pub fn role(&self, id: Uuid) -> Option<Arc<RoleDefinition>> {
        self.inner.read().role(id)
    }

    /// A role by its name, in any case.
    pub fn role_by_name(&self, name: &str) -> Option<Arc<RoleDefinition>> {
        let custom = self.custom_roles().into_iter().find(|role| role.role_name.to_lowercase() == name.to_lowercase());
        custom.or_else(|| built_in::by_name(name))
    }

    /// All roles: the custom ones, then the built-in ones, each in the order of their GUIDs.
    pub fn roles(&self) -> Vec<Arc<RoleDefinition>> {
        self.custom_roles().into_iter().chain(built_in::roles()).collect()
    }

    /// The custom roles, in the order of their GUIDs.
    pub fn custom_roles(&self) -> Vec<Arc<RoleDefinition>> {
        self.inner.read().roles.values().cloned().collect()
    }

    /// Takes a custom role away; false if there was none.
    pub fn remove_role(&self, id: Uuid) -> bool {
        self.inner.write().roles.remove(&id).is_some()
    }

    /// Whether any assignment gives this role.
    pub fn is_assigned(&self, role: Uuid) -> bool {
        self.inner.read().assignments.all().any(|assignment| assignment.role == role)
    }

    /// Puts an assignment: a new one, or the same one with another description or condition. What is kept from an earlier one of
    /// the same name is when and by whom it was made.
    pub fn put_assignment(&self, assignment: RoleAssignment) -> Result<Arc<RoleAssignment>, AssignmentConflict> {
        self.inner.write().assignments.put(assignment)
    }

    /// An assignment by its name.
    pub fn assignment(&self, name: Uuid) -> Option<Arc<RoleAssignment>> {
        self.inner.read().assignments.get(name)
    }

    /// Takes an assignment away and returns it.
    pub fn remove_assignment(&self, name: Uuid) -> Option<Arc<RoleAssignment>> {
        self.inner.write().assignments.remove(name)
    }

    /// Takes away every assignment and every denial at or below a scope: what happens to them when the scope is deleted.
    pub fn remove_assignments_within(&self, scope: &ResourceId) {
        let mut inner = self.inner.write();
        inner.assignments.remove_within(scope);
        inner.denials.remove_within(scope);
    }

    /// The assignments at `scope` and above it, the nearest first.
    pub fn assignments_at_or_above(&self, scope: &ResourceId) -> Vec<Arc<RoleAssignment>> {
        let inner = self.inner.read();
        inner.hierarchy.ancestors(scope).flat_map(|key| inner.assignments.at(key)).collect()
    }

    /// The assignments below `scope`, without its own.
    pub fn assignments_below(&self, scope: &ResourceId) -> Vec<Arc<RoleAssignment>> {
        let inner = self.inner.read();
        let Inner { assignments, hierarchy, .. } = &*inner;
        if hierarchy.group(scope.key()).is_none() {
            return assignments.within(scope).filter(|assignment| assignment.scope != *scope).cloned().collect();
        }
        let below =
            |assignment: &&Arc<RoleAssignment>| assignment.scope != *scope && hierarchy.is_within(&assignment.scope, scope.key());
        assignments.all().filter(below).cloned().collect()
    }

    /// Whether `caller` holds any assignment at, above or below `scope`: what decides if a subscription is shown to it.
    pub fn has_any_role(&self, caller: &Caller, scope: &ResourceId) -> bool {
        let inner = self.inner.read();
        let above = inner.hierarchy.ancestors(scope).any(|key| inner.assignments.holds_at(caller, key));
        above || inner.assignments.within(scope).any(|assignment| caller.identities().any(|id| id == assignment.principal_id))
    }

    /// Puts a denial.
    pub fn put_denial(&self, denial: DenyAssignment) -> Arc<DenyAssignment> {
        self.inner.write().denials.put(denial)
    }

    /// A denial by its name.
    pub fn denial(&self, name: Uuid) -> Option<Arc<DenyAssignment>> {
        self.inner.read().denials.get(name)
    }

    /// Takes a denial away and returns it.
    pub fn remove_denial(&self, name: Uuid) -> Option<Arc<DenyAssignment>> {
        self.inner.write().denials.remove(name)
    }

    /// The denials that a list at `scope` shows: those at it and above it, and below it too if wanted.
    pub fn denials(&self, scope: &ResourceId, below: bool) -> Vec<Arc<DenyAssignment>> {
        let inner = self.inner.read();
        let hierarchy = &inner.hierarchy;
        let shown = |denial: &&Arc<DenyAssignment>| {
            hierarchy.is_within(scope, denial.scope.key()) || below && hierarchy.is_within(&denial.scope, scope.key())
        };
        inner.denials.all().filter(shown).cloned().collect()
    }

    /// Puts the root of the management groups.
    pub fn plant_management_groups(&self, root: ManagementGroup) {
        self.inner.write().hierarchy.plant(root);
    }

    /// The root of the management groups.
    pub fn root_management_group(&self) -> Option<Arc<ManagementGroup>> {
        self.inner.read().hierarchy.root().cloned()
    }

    /// A management group by its name, in any case.
    pub fn management_group(&self, name: &str) -> Option<Arc<ManagementGroup>> {
        self.inner.read().hierarchy.group(hierarchy::id_of(name).key()).cloned()
    }

    /// All management groups, by name.
    pub fn management_groups(&self) -> Vec<Arc<ManagementGroup>> {
        self.inner.read().hierarchy.groups().cloned().collect()
    }

    /// Puts a management group, new or changed.
    pub fn put_management_group(&self, group: ManagementGroup) -> Arc<ManagementGroup> {
        self.inner.write().hierarchy.put(group)
    }

    /// Takes a management group away, with what is assigned at it.
    pub fn remove_management_group(&self, group: &ManagementGroup) {
        let id = group.id();
        let mut inner = self.inner.write();
        inner.hierarchy.remove(id.key());
        inner.assignments.remove_within(&id);
        inner.denials.remove_within(&id);
    }

    /// Hangs a subscription on a management group.
    pub fn place_subscription(&self, subscription: &ResourceId, group: &ManagementGroup) {
        self.inner.write().hierarchy.place(subscription, group.id().key());
    }

    /// The management group that a management group or a subscription hangs on.
    pub fn management_group_above(&self, scope: &ResourceId) -> Option<Arc<ManagementGroup>> {
        let inner = self.inner.read();
        let key = inner.hierarchy.parent_key(scope.key())?;
        inner.hierarchy.group(key).cloned()
    }

    /// Whether `scope` is `above` or lies below it, management groups heeded.
    pub fn is_within(&self, scope: &ResourceId, above: &ResourceId) -> bool {
        self.inner.read().hierarchy.is_within(scope, above.key())
    }
}
