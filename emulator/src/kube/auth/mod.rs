//! Who asks (`Authorization: Bearer`) and whether they may.
//!
//! The tokens of a cluster's own kubeconfigs are members of `system:masters`, who may do everything. In a cluster that is integrated
//! with Entra, tokens for AKS' server application are accepted too, and so are tokens of the cluster's own service accounts. What they may
//! do Kubernetes' roles say (`rbac/`), and with Azure RBAC also roles in Azure, at the cluster or at one of its namespaces. Who brings no
//! token is `system:anonymous`. Sources: AKS' documentation of Entra integration and of Azure RBAC for Kubernetes; the API server's
//! refusals (`endpoints/handlers/responsewriters/errors.go`); what follows a refusal where Azure RBAC is on, as users reported it.

mod accounts;
mod azure;
mod impersonation;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, header};
use serde_json::{Value, json};

use azure::Azure;

use super::error::Error;
use super::kinds;
use super::rbac::{Asked, MASTERS, Subject};
use super::store::Cluster;
use crate::world::World;

pub(super) use accounts::audiences;

/// The group of all who have a name.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of all who have none.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Who has no name.
const ANONYMOUS: &str = "system:anonymous";

/// Who asks.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The name.
    pub name: String,
    /// The identifier, if there is one.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
    /// What else is known about them.
    pub extra: BTreeMap<String, Vec<String>>,
    azure: Option<Box<Azure>>,
}

/// What is asked, in the words of authorization.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// `list`.
    pub verb: &'a str,
    /// The group, empty for the core.
    pub group: &'a str,
    /// `pods`, `pods/log`.
    pub resource: &'a str,
    /// The namespace, empty for none or all.
    pub namespace: &'a str,
    /// The object, empty for all.
    pub name: &'a str,
}

/// What was decided, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether the user may.
    pub allowed: bool,
    /// What allowed it, or what is to be said beside the refusal.
    pub reason: String,
}

impl User {
    /// Who brings no token.
    pub fn anonymous() -> Self {
        Self { name: ANONYMOUS.into(), groups: vec![UNAUTHENTICATED.into()], ..Self::default() }
    }

    /// Somebody of whom nothing is known but the name and the groups.
    pub fn named(name: &str, groups: Vec<String>) -> Self {
        Self { name: name.into(), groups, ..Self::default() }
    }

    /// The same with more known of them, as reviews tell it.
    pub fn with(self, uid: &str, extra: BTreeMap<String, Vec<String>>) -> Self {
        Self { uid: uid.into(), extra, ..self }
    }

    fn administrator(name: &str) -> Self {
        Self::named(name, vec![MASTERS.into(), AUTHENTICATED.into()])
    }

    /// As roles know them.
    pub fn subject(&self) -> Subject<'_> {
        Subject { name: &self.name, groups: &self.groups }
    }

    /// As reviews write users.
    pub fn to_json(&self) -> Value {
        let mut user = json!({ "username": self.name });
        if !self.uid.is_empty() {
            user["uid"] = json!(self.uid);
        }
        user["groups"] = json!(self.groups);
        if !self.extra.is_empty() {
            user["extra"] = json!(self.extra);
        }
        user
    }

    /// Whether roles in Azure count too.
    pub fn is_judged_by_azure(&self) -> bool {
        self.azure.is_some()
    }

    /// Whether the user may, and why.
    pub fn decide(&self, cluster: &Cluster, asked: &Asked<'_>) -> Decision {
        if self.groups.iter().any(|group| group == MASTERS) {
            return Decision { allowed: true, reason: String::new() };
        }
        let namespace = if let Asked::Resource(asked) = asked { asked.namespace } else { "" };
        let by_roles = cluster.rbac().review(self.subject(), namespace, asked);
        let (true, Some(azure), Asked::Resource(asked)) = (!by_roles.allowed, &self.azure, asked) else {
            return Decision { allowed: by_roles.allowed, reason: by_roles.reason };
        };
        if azure.allows(asked) {
            return Decision { allowed: true, reason: String::new() };
        }
        let reasons = [by_roles.reason.as_str(), azure::REFUSAL].into_iter().filter(|reason| !reason.is_empty());
        Decision { allowed: false, reason: reasons.collect::<Vec<_>>().join("\n") }
    }

    /// Whether the user may do something to a resource.
    pub fn may(&self, cluster: &Cluster, asked: Attributes<'_>) -> bool {
        self.decide(cluster, &Asked::Resource(asked)).allowed
    }

    /// Lets the user pass or refuses as RBAC does.
    pub fn authorize(&self, cluster: &Cluster, asked: Attributes<'_>) -> Result<(), Error> {
        let decision = self.decide(cluster, &Asked::Resource(asked));
        if decision.allowed {
            return Ok(());
        }
        let Attributes { verb, group, resource, namespace, name } = asked;
        let place =
            if namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace {namespace:?}") };
        let user = &self.name;
        let what = harmless(&format!("User {user:?} cannot {verb} resource {resource:?} in API group {group:?} {place}"));
        let plural = resource.split('/').next().unwrap_or(resource);
        let qualified = kinds::qualified(plural, group);
        let subject = if name.is_empty() { qualified } else { format!("{qualified} {name:?}") };
        Err(Error::forbidden(group, plural, name, because(format!("{subject} is forbidden: {what}"), &decision.reason)))
    }

    /// Lets the user read a path that is no resource, or refuses.
    pub fn authorize_path(&self, cluster: &Cluster, verb: &str, path: &str) -> Result<(), Error> {
        let decision = self.decide(cluster, &Asked::Path { verb, path });
        if decision.allowed {
            return Ok(());
        }
        let message = harmless(&format!("User {:?} cannot {verb} path {path:?}", self.name));
        Err(Error::forbidden("", "", "", because(format!("forbidden: {message}"), &decision.reason)))
    }
}

fn because(refusal: String, reason: &str) -> String {
    if reason.is_empty() { refusal } else { format!("{refusal}: {reason}") }
}

/// Names come from outside: none may look like HTML.
fn harmless(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Who the request is made as: who its token stands for, or whom they take the place of.
pub fn authenticate(world: &Arc<World>, cluster: &Cluster, headers: &HeaderMap) -> Result<User, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return impersonation::follow(cluster, User::anonymous(), headers);
    };
    let value = value.to_str().unwrap_or("");
    let bearer = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let user = bearer.and_then(|(_, token)| of_token(world, cluster, token.trim(), &audiences(world, cluster)));
    impersonation::follow(cluster, user.ok_or_else(Error::unauthorized)?, headers)
}

/// Who a token stands for, if it is for one of the audiences.
pub fn of_token(world: &Arc<World>, cluster: &Cluster, token: &str, audiences: &[String]) -> Option<User> {
    if token.is_empty() {
        return None;
    }
    let spec = cluster.spec();
    if token == spec.admin_token {
        return Some(User::administrator("masteradmin"));
    }
    if token == spec.user_token {
        return Some(User::administrator("masterclient"));
    }
    if token == spec.monitoring_token {
        return Some(User::named("clusterMonitoringUser", vec![AUTHENTICATED.into()]));
    }
    accounts::authenticate(world, cluster, token, audiences).or_else(|| azure::authenticate(world, cluster, token))
}
