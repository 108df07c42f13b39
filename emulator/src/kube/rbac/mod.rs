//! Kubernetes' own roles: what roles and bindings allow to users, groups and service accounts.
//!
//! Rule: the API server's authorizer of mode `RBAC` (`plugin/pkg/auth/authorizer/rbac`, `pkg/registry/rbac/validation`, 1.34): bindings of the
//! cluster first, then those of the namespace; the first rule that allows decides; a binding whose role is absent is told in the
//! refusal. Upstream reads bindings in no order at all; here they are read by name, so that answers are always the same.
//! The roles and bindings that a cluster begins with are data: `fixtures/kubernetes/rbac.json`.

pub mod aggregation;
mod compact;
pub mod defaults;
pub mod escalation;
mod index;
mod rule;
#[cfg(test)]
mod tests;

pub use index::{Index, Reviewed, Subject};
pub use rule::{Asked, Rule};

use super::kinds::Kind;

/// The API group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// Members may do everything, whatever roles say.
pub const MASTERS: &str = "system:masters";

/// Whether objects of this kind are roles or bindings.
pub fn concerns(kind: &Kind) -> bool {
    kind.group == GROUP
}
