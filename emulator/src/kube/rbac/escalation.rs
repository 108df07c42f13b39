//! Nobody grants what they do not have: who makes or changes a role must hold all its rules, or the verb `escalate` on it; who makes or
//! changes a binding must hold the rules of its role, or the verb `bind` on that (`pkg/registry/rbac/*/policybased`).

use serde_json::Value;

use super::compact::{described, quoted};
use super::{MASTERS, Rule, concerns};
use crate::kube::auth::{Attributes, User};
use crate::kube::defaults;
use crate::kube::error::Error;
use crate::kube::kinds::{self, Kind};
use crate::kube::store::Cluster;

/// Refuses a role or binding that would give more than the user has. Other kinds pass.
pub fn check(cluster: &Cluster, user: &User, kind: &Kind, old: Option<&Value>, new: &Value) -> Result<(), Error> {
    let masters = user.groups.iter().any(|group| group == MASTERS);
    if !concerns(kind) || masters || old.is_some_and(|old| is_same_but_for_owners(old, new)) {
        return Ok(());
    }
    let mut new = new.clone();
    defaults::apply(kind, &mut new);
    if kind.kind.ends_with("RoleBinding") { binding(cluster, user, kind, &new) } else { role(cluster, user, kind, old, &new) }
}

/// What the garbage collector changes is no grant.
fn is_same_but_for_owners(old: &Value, new: &Value) -> bool {
    let content = ["rules", "aggregationRule", "roleRef", "subjects"];
    let metadata = ["labels", "annotations"];
    content.iter().all(|field| old[*field] == new[*field])
        && metadata.iter().all(|field| old["metadata"][*field] == new["metadata"][*field])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn role(cluster: &Cluster, user: &User, kind: &Kind, old: Option<&Value>, new: &Value) -> Result<(), Error> {
    let (namespace, name) = (text(&new["metadata"]["namespace"]), text(&new["metadata"]["name"]));
    // The name of an object that is being made is no part of the request.
    let asked = if old.is_some() { name } else { "" };
    let escalate = Attributes { verb: "escalate", group: &kind.group, resource: &kind.plural, namespace, name: asked };
    if user.may(cluster, escalate) {
        return Ok(());
    }
    confirm(cluster, user, kind, namespace, name, &Rule::read_all(new))?;
    let aggregates = |role: &Value| role["aggregationRule"]["clusterRoleSelectors"].as_array().is_some_and(|all| !all.is_empty());
    if (aggregates(new) || old.is_some_and(aggregates)) && missing(cluster, user, namespace, &Rule::full_authority()).is_some() {
        return Err(Error::forbidden_change(kind, name, "must have cluster-admin privileges to use the aggregationRule"));
    }
    Ok(())
}

fn binding(cluster: &Cluster, user: &User, kind: &Kind, new: &Value) -> Result<(), Error> {
    let (namespace, name) = (text(&new["metadata"]["namespace"]), text(&new["metadata"]["name"]));
    let (reference, role_name) = (&new["roleRef"], text(&new["roleRef"]["name"]));
    let (role_kind, home) = match text(&reference["kind"]) {
        "ClusterRole" => (*kinds::CLUSTER_ROLES, ""),
        "Role" => (*kinds::ROLES, namespace),
        // Validation says what is wrong with it.
        _ => return Ok(()),
    };
    let bind =
        Attributes { verb: "bind", group: text(&reference["apiGroup"]), resource: &role_kind.plural, namespace, name: role_name };
    if user.may(cluster, bind) {
        return Ok(());
    }
    let rules = cluster.rbac().rules(home, role_name).ok_or_else(|| Error::not_found(role_kind, role_name))?;
    confirm(cluster, user, kind, namespace, name, &rules)
}

fn confirm(cluster: &Cluster, user: &User, kind: &Kind, namespace: &str, name: &str, rules: &[Rule]) -> Result<(), Error> {
    missing(cluster, user, namespace, rules).map_or(Ok(()), |why| Err(Error::forbidden_change(kind, name, &why)))
}

/// What of the rules the user does not have, in the words of a refusal.
fn missing(cluster: &Cluster, user: &User, namespace: &str, rules: &[Rule]) -> Option<String> {
    let (held, fault) = cluster.rbac().rules_for(user.subject(), namespace);
    let missing = Rule::uncovered(&held, rules);
    if missing.is_empty() {
        return None;
    }
    let (name, groups, lines) = (&user.name, quoted(&user.groups), described(missing));
    let faults = fault.map(|fault| format!("; resolution errors: [{fault}]")).unwrap_or_default();
    Some(format!("user {name:?} (groups={groups}) is attempting to grant RBAC permissions not currently held:\n{lines}{faults}"))
}
