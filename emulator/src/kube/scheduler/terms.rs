//! Which pods a term of an affinity or a constraint means: by label, in some namespaces.

use serde_json::{Value, json};

use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;
use crate::kube::kinds;

/// Whether a term of `owner`'s means `other`.
pub(super) fn matches(context: &Context<'_>, term: &Value, owner: &Value, other: &Value) -> bool {
    is_in_namespaces(context, term, owner, namespace(other)) && selects_pod(term, owner, other)
}

/// Whether the selector with the keys that come from the owner's own labels selects a pod; no selector selects none.
pub(super) fn selects_pod(term: &Value, owner: &Value, other: &Value) -> bool {
    let selector = &term["labelSelector"];
    if !selector.is_object() {
        return false;
    }
    let same = |key: &Value| key.as_str().and_then(|key| Some((label(owner, key)?, label(other, key))));
    selects(selector, &other["metadata"]["labels"])
        && items(term, "/matchLabelKeys").iter().filter_map(same).all(|(wanted, found)| found == Some(wanted))
        && items(term, "/mismatchLabelKeys").iter().filter_map(same).all(|(not, found)| found != Some(not))
}

fn is_in_namespaces(context: &Context<'_>, term: &Value, owner: &Value, place: &str) -> bool {
    let (named, selector) = (items(term, "/namespaces"), &term["namespaceSelector"]);
    if named.is_empty() && !selector.is_object() {
        return place == namespace(owner);
    }
    if named.iter().any(|name| name == place) {
        return true;
    }
    if !selector.is_object() {
        return false;
    }
    let found = context.cluster.get(&kinds::NAMESPACES, "", place);
    let labels = found.map_or_else(|| json!({}), |found| found["metadata"]["labels"].clone());
    selects(selector, &labels)
}
