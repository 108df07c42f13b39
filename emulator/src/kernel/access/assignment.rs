//! Role assignments and how they are found.
//! Source: Azure RBAC's documentation of role assignments and of its limits: 4000 in a subscription, counted at the subscription,
//! its groups and its resources; 500 at a management group.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::condition::Condition;
use super::super::principal::{Caller, PrincipalKind};
use super::super::resource_id::ResourceId;

/// A subscription holds no more.
const IN_SUBSCRIPTION_AT_MOST: usize = 4000;
/// A management group holds no more.
const AT_MANAGEMENT_GROUP_AT_MOST: usize = 500;

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
    /// What must hold for it to count.
    pub condition: Option<Arc<Condition>>,
    /// The identity that a delegated assignment is made for, in another tenant: kept and told, of no effect.
    pub delegated_identity: Option<String>,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed.
    pub updated_on: Timestamp,
    /// The object id of who made it.
    pub created_by: Uuid,
    /// The object id of who last changed it.
    pub updated_by: Uuid,
}

impl RoleAssignment {
    /// An assignment that `by` makes now, with nothing but what it gives: a role to a principal at a scope.
    pub fn new(
        name: Uuid,
        scope: ResourceId,
        role: Uuid,
        (principal_id, principal_kind): (Uuid, PrincipalKind),
        (by, now): (Uuid, Timestamp),
    ) -> Self {
        Self {
            name,
            scope,
            role,
            principal_id,
            principal_kind,
            description: None,
            condition: None,
            delegated_identity: None,
            created_on: now,
            updated_on: now,
            created_by: by,
            updated_by: by,
        }
    }

    fn gives_the_same(&self, other: &Self) -> bool {
        self.role == other.role && self.principal_id == other.principal_id && self.scope == other.scope
    }
}

/// Why an assignment could not be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignmentConflict {
    /// Another assignment gives the same principal the same role at the same scope.
    Exists(Uuid),
    /// The name belongs to an assignment of another principal, role or scope.
    NameTaken,
    /// There are as many as there may be.
    LimitReached,
}

type Held = HashMap<String, Vec<Arc<RoleAssignment>>>;

/// The assignments of the tenant, indexed for what is asked of them.
#[derive(Debug, Default)]
pub(super) struct Assignments {
    by_name: HashMap<Uuid, Arc<RoleAssignment>>,
    /// Keyed by scope key and assignment name, so that a subtree of scopes is one range.
    by_scope: BTreeMap<(String, Uuid), Arc<RoleAssignment>>,
    /// By principal, then by scope key: cost does not grow with the number of other principals or scopes.
    by_holder: HashMap<Uuid, Held>,
    /// How many there are in what has a limit, by its key.
    counts: HashMap<String, usize>,
}

impl Assignments {
    pub(super) fn put(&mut self, mut assignment: RoleAssignment) -> Result<Arc<RoleAssignment>, AssignmentConflict> {
        match self.by_name.get(&assignment.name) {
            Some(existing) if !existing.gives_the_same(&assignment) => return Err(AssignmentConflict::NameTaken),
            Some(existing) => {
                assignment.created_on = existing.created_on;
                assignment.created_by = existing.created_by;
            }
            None => {
                let held = self.held(assignment.principal_id).and_then(|held| held.get(assignment.scope.key()));
                if let Some(other) = held.into_iter().flatten().find(|other| other.gives_the_same(&assignment)) {
                    return Err(AssignmentConflict::Exists(other.name));
                }
                if let Some((key, limit)) = limit(&assignment.scope)
                    && self.counts.get(&key).is_some_and(|count| *count >= limit)
                {
                    return Err(AssignmentConflict::LimitReached);
                }
            }
        }
        self.remove(assignment.name);
        let assignment = Arc::new(assignment);
        let key = assignment.scope.key().to_owned();
        if let Some((counted, _)) = limit(&assignment.scope) {
            *self.counts.entry(counted).or_default() += 1;
        }
        self.by_name.insert(assignment.name, assignment.clone());
        self.by_scope.insert((key.clone(), assignment.name), assignment.clone());
        self.by_holder.entry(assignment.principal_id).or_default().entry(key).or_default().push(assignment.clone());
        Ok(assignment)
    }

    pub(super) fn get(&self, name: Uuid) -> Option<Arc<RoleAssignment>> {
        self.by_name.get(&name).cloned()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<RoleAssignment>> {
        self.by_scope.values()
    }

    /// What a principal holds, by scope key.
    pub(super) fn held(&self, principal: Uuid) -> Option<&Held> {
        self.by_holder.get(&principal)
    }

    pub(super) fn holds_at(&self, caller: &Caller, key: &str) -> bool {
        caller.identities().any(|identity| self.held(identity).is_some_and(|held| held.contains_key(key)))
    }

    pub(super) fn at(&self, key: &str) -> Vec<Arc<RoleAssignment>> {
        let from = (key.to_owned(), Uuid::nil());
        let to = (key.to_owned(), Uuid::max());
        self.by_scope.range(from..=to).map(|(_, assignment)| assignment.clone()).collect()
    }

    pub(super) fn within(&self, scope: &ResourceId) -> impl Iterator<Item = &Arc<RoleAssignment>> {
        let from = (scope.key().to_owned(), Uuid::nil());
        self.by_scope
            .range(from..)
            .map(|(_, assignment)| assignment)
            .take_while(|assignment| assignment.scope.key().starts_with(scope.key()))
            .filter(|assignment| assignment.scope.is_within(scope))
    }

    pub(super) fn remove_within(&mut self, scope: &ResourceId) {
        let names: Vec<Uuid> = self.within(scope).map(|assignment| assignment.name).collect();
        for name in names {
            self.remove(name);
        }
    }

    pub(super) fn remove(&mut self, name: Uuid) -> Option<Arc<RoleAssignment>> {
        let assignment = self.by_name.remove(&name)?;
        let key = assignment.scope.key().to_owned();
        if let Some(count) = limit(&assignment.scope).and_then(|(counted, _)| self.counts.get_mut(&counted)) {
            *count -= 1;
        }
        if let Some(held) = self.by_holder.get_mut(&assignment.principal_id) {
            if let Some(at_scope) = held.get_mut(&key) {
                at_scope.retain(|other| other.name != name);
                if at_scope.is_empty() {
                    held.remove(&key);
                }
            }
            if held.is_empty() {
                self.by_holder.remove(&assignment.principal_id);
            }
        }
        self.by_scope.remove(&(key, name));
        Some(assignment)
    }
}

/// In what an assignment at `scope` is counted, and how many that may hold.
fn limit(scope: &ResourceId) -> Option<(String, usize)> {
    if let Some(subscription) = scope.subscription() {
        return Some((subscription.to_ascii_lowercase(), IN_SUBSCRIPTION_AT_MOST));
    }
    scope.is_management_group().then(|| (scope.key().to_owned(), AT_MANAGEMENT_GROUP_AT_MOST))
}
