//! Roles of the cluster that are made of others by label: the controller `clusterrole-aggregation`
//! (`pkg/controller/clusterroleaggregation`): the rules of all that are selected, selector by selector and by name, each once.

use serde_json::Value;

use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::{name, selects};
use crate::kube::kinds;
use crate::kube::store::Key;

/// Makes a role be of the rules of those that it selects.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(role) = context.get(key).filter(|role| role["aggregationRule"].is_object()) else { return };
    let (all, _) = context.cluster.list(&kinds::CLUSTER_ROLES, None);
    let mut rules: Vec<Value> = Vec::new();
    for selector in role["aggregationRule"]["clusterRoleSelectors"].as_array().into_iter().flatten() {
        let chosen = all.iter().filter(|other| name(other) != name(&role) && selects(selector, &other["metadata"]["labels"]));
        for rule in chosen.flat_map(|other| other["rules"].as_array().into_iter().flatten()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    let known = role["rules"].as_array().map_or(&[][..], Vec::as_slice);
    if known != rules.as_slice() {
        context.modify(key, |role| role["rules"] = Value::Array(rules));
    }
}
