//! Deny assignments: they take away what roles give.
//! Source: Azure RBAC's documentation of deny assignments and the Authorization API's specification of 2022-04-01.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::condition::{Condition, Facts};
use super::super::principal::Caller;
use super::super::resource_id::ResourceId;
use super::role::{Permission, Verdict};
use super::{Plane, Question};

/// A principal that a denial names. The nil id of the kind `SystemDefined` is everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenyPrincipal {
    /// Its object id.
    pub id: Uuid,
    /// `User`, `Group`, `ServicePrincipal`, `SystemDefined`.
    pub kind: String,
}

impl DenyPrincipal {
    /// Everyone.
    pub fn everyone() -> Self {
        Self { id: Uuid::nil(), kind: "SystemDefined".into() }
    }
}

/// A denial.
#[derive(Clone, Debug)]
pub struct DenyAssignment {
    /// The GUID that is its name in ids.
    pub name: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// A note.
    pub description: Option<String>,
    /// What is denied, and under which condition.
    pub permissions: Vec<(Permission, Option<Arc<Condition>>)>,
    /// Where.
    pub scope: ResourceId,
    /// Whether it stops at its own scope.
    pub not_below: bool,
    /// To whom.
    pub principals: Vec<DenyPrincipal>,
    /// To whom not, though they are among those.
    pub excluded: Vec<DenyPrincipal>,
    /// Whether the service made it for itself, so that nobody else can change it.
    pub system_protected: bool,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed.
    pub updated_on: Timestamp,
    /// The object id of who made it.
    pub created_by: Option<Uuid>,
    /// The object id of who last changed it.
    pub updated_by: Option<Uuid>,
}

impl DenyAssignment {
    fn is_about(&self, caller: &Caller) -> bool {
        let named = |principal: &DenyPrincipal| caller.identities().any(|identity| identity == principal.id);
        let about = self.principals.iter().any(|principal| principal.id.is_nil() || named(principal));
        about && !self.excluded.iter().any(named)
    }

    fn denies(&self, plane: Plane, facts: &Facts<'_>) -> bool {
        self.permissions.iter().any(|(permission, condition)| {
            permission.covers(plane, facts.action) == Verdict::Granted
                && condition.as_ref().is_none_or(|condition| condition.holds(facts))
        })
    }
}

/// The denials of the tenant.
#[derive(Debug, Default)]
pub(super) struct DenyAssignments {
    all: BTreeMap<Uuid, Arc<DenyAssignment>>,
}

impl DenyAssignments {
    pub(super) fn put(&mut self, denial: DenyAssignment) -> Arc<DenyAssignment> {
        let denial = Arc::new(denial);
        self.all.insert(denial.name, denial.clone());
        denial
    }

    pub(super) fn get(&self, name: Uuid) -> Option<Arc<DenyAssignment>> {
        self.all.get(&name).cloned()
    }

    pub(super) fn remove(&mut self, name: Uuid) -> Option<Arc<DenyAssignment>> {
        self.all.remove(&name)
    }

    pub(super) fn remove_within(&mut self, scope: &ResourceId) {
        self.all.retain(|_, denial| !denial.scope.is_within(scope));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<DenyAssignment>> {
        self.all.values()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A denial that forbids what is asked; `covers` tells whether its scope is, or lies above, the asked one.
    pub(super) fn against(
        &self,
        caller: &Caller,
        question: &Question<'_>,
        facts: &Facts<'_>,
        covers: impl Fn(&ResourceId) -> bool,
    ) -> Option<&Arc<DenyAssignment>> {
        self.all.values().find(|denial| {
            let here = denial.scope == *question.scope || !denial.not_below && covers(&denial.scope);
            here && denial.is_about(caller) && denial.denies(question.plane, facts)
        })
    }
}
