//! The evaluation: whether a caller may do something somewhere, and why.
//!
//! Deny by default; assignments at the scope and at every scope above it count; within one role `notActions` take away from
//! `actions`, across roles nothing does; `actions` and `dataActions` are separate worlds; a condition narrows its own assignment
//! only; a denial wins over every assignment.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::super::condition::{Condition, Fact, Facts};
use super::super::principal::Caller;
use super::super::resource_id::ResourceId;
use super::assignment::RoleAssignment;
use super::deny::DenyAssignment;
use super::role::{RoleDefinition, Verdict};
use super::{Access, Inner, Plane};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Of which world the action is.
    pub plane: Plane,
    /// What is to be done.
    pub action: &'a str,
    /// To what.
    pub scope: &'a ResourceId,
    /// What conditions may ask about; nothing where no condition can apply.
    pub facts: &'a [Fact],
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
    /// A role grants it, and a denial forbids it.
    Denied {
        /// The denial.
        denial: Arc<DenyAssignment>,
    },
    /// No assignment grants it.
    Refused {
        /// What came nearest to granting it.
        nearest: Option<NearMiss>,
    },
}

/// An assignment that would grant something, were it not for one thing.
#[derive(Clone, Debug)]
pub enum NearMiss {
    /// Its condition does not hold.
    Condition(Arc<RoleAssignment>),
    /// Its role's `notActions` take the action away again.
    TakenAway(Arc<RoleAssignment>),
    /// It has not reached this place yet.
    NotYet(Arc<RoleAssignment>),
}

impl Decision {
    /// Whether the answer is yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Whether a condition alone stood in the way.
    pub fn failed_condition(&self) -> bool {
        matches!(self, Self::Refused { nearest: Some(NearMiss::Condition(_)) })
    }
}

impl Access {
    /// Decides whether `caller` may do `action` at `scope`, and says why.
    pub fn decide(&self, caller: &Caller, plane: Plane, action: &str, scope: &ResourceId) -> Decision {
        self.answer(caller, &Question { plane, action, scope, facts: &[] })
    }

    /// Decides a question, and says why.
    pub fn answer(&self, caller: &Caller, question: &Question<'_>) -> Decision {
        let inner = self.inner.read();
        let evaluation = Evaluation::new(self, &inner, caller, question);
        let mut nearest = None;
        let allowed = evaluation.grants(|assignment, role, granted| {
            let miss = match granted {
                Granted::Yes if assignment.condition.as_ref().is_none_or(|it| it.holds(&evaluation.facts)) => {
                    return Some(Decision::Allowed { assignment: assignment.clone(), role: role.clone() });
                }
                Granted::Yes => NearMiss::Condition(assignment.clone()),
                Granted::TakenAway => NearMiss::TakenAway(assignment.clone()),
                Granted::NotYet => NearMiss::NotYet(assignment.clone()),
            };
            // A condition that fails tells more than anything else.
            if nearest.is_none() || matches!(miss, NearMiss::Condition(_)) {
                nearest = Some(miss);
            }
            None
        });
        match allowed {
            None => Decision::Refused { nearest },
            Some(allowed) => match evaluation.denial() {
                Some(denial) => Decision::Denied { denial: denial.clone() },
                None => allowed,
            },
        }
    }

    /// The conditions under which `caller` may do `action` at `scope`: one entry for each assignment that grants it, nothing for one
    /// without a condition. No entry means never.
    pub fn conditions(&self, caller: &Caller, plane: Plane, action: &str, scope: &ResourceId) -> Vec<Option<Arc<Condition>>> {
        let inner = self.inner.read();
        let question = Question { plane, action, scope, facts: &[] };
        let evaluation = Evaluation::new(self, &inner, caller, &question);
        let mut found = Vec::new();
        evaluation.grants(|assignment, _, granted| {
            if matches!(granted, Granted::Yes) {
                found.push(assignment.condition.clone());
            }
            None::<()>
        });
        if evaluation.denial().is_some() {
            found.clear();
        }
        found
    }

    /// The assignments that count for `caller` at `scope`, each with its role: the nearest scope first.
    pub fn effective(&self, caller: &Caller, scope: &ResourceId) -> Vec<(Arc<RoleAssignment>, Arc<RoleDefinition>)> {
        let inner = self.inner.read();
        let held = caller.identities().filter_map(|identity| inner.assignments.held(identity)).collect::<Vec<_>>();
        let keys = inner.hierarchy.ancestors(scope);
        let assignments = keys.flat_map(|key| held.iter().filter_map(move |held| held.get(key)).flatten());
        assignments.filter_map(|assignment| Some((assignment.clone(), inner.role(assignment.role)?))).collect()
    }
}

/// What an assignment says about the action, its condition aside.
enum Granted {
    Yes,
    TakenAway,
    NotYet,
}

/// A question while it is decided.
struct Evaluation<'a> {
    inner: &'a Inner,
    caller: &'a Caller,
    question: &'a Question<'a>,
    facts: Facts<'a>,
    /// Assignments made after this do not count yet.
    settled: Option<Timestamp>,
}

impl<'a> Evaluation<'a> {
    fn new(access: &Access, inner: &'a Inner, caller: &'a Caller, question: &'a Question<'a>) -> Self {
        let now = access.clock.now();
        let delay = access.settings.values().role_assignment_propagation_delay;
        let settled = (delay > Duration::ZERO).then(|| now.saturating_sub(delay).unwrap_or(Timestamp::MIN));
        let facts = Facts { action: question.action, now, given: question.facts };
        Self { inner, caller, question, facts, settled }
    }

    /// Asks about each assignment of the caller that covers the action, the nearest scope first, until an answer is found.
    fn grants<T>(&self, mut ask: impl FnMut(&Arc<RoleAssignment>, &Arc<RoleDefinition>, Granted) -> Option<T>) -> Option<T> {
        let Self { inner, question, .. } = self;
        for key in inner.hierarchy.ancestors(question.scope) {
            for held in self.caller.identities().filter_map(|identity| inner.assignments.held(identity)) {
                for assignment in held.get(key).into_iter().flatten() {
                    let Some(role) = inner.role(assignment.role) else { continue };
                    let granted = match role.judge(question.plane, question.action) {
                        Verdict::Silent => continue,
                        Verdict::TakenAway => Granted::TakenAway,
                        Verdict::Granted if self.settled.is_some_and(|settled| assignment.created_on > settled) => {
                            Granted::NotYet
                        }
                        Verdict::Granted => Granted::Yes,
                    };
                    if let Some(answer) = ask(assignment, &role, granted) {
                        return Some(answer);
                    }
                }
            }
        }
        None
    }

    fn denial(&self) -> Option<&'a Arc<DenyAssignment>> {
        let Self { inner, question, .. } = *self;
        if inner.denials.is_empty() {
            return None;
        }
        let covers = |scope: &ResourceId| inner.hierarchy.is_within(question.scope, scope.key());
        inner.denials.against(self.caller, question, &self.facts, covers)
    }
}
