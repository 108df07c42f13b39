//! The resource quota controller: what a namespace uses of what each of its quotas allows.
//! Rule: `pkg/controller/resourcequota` of kube-controller-manager 1.34. Admission counts what it lets in; this counts anew.

use serde_json::{Map, Value, json};

use super::context::Context;
use super::object::*;
use crate::kube::admission::quota;
use crate::kube::kinds::{self, Kind};
use crate::kube::quantity::Quantity;
use crate::kube::store::Key;

/// The kinds that quotas count by names of their own, beside `count/…`.
const COUNTED: [&str; 7] =
    ["pods", "services", "persistentvolumeclaims", "configmaps", "secrets", "replicationcontrollers", "resourcequotas"];

/// Counts anew what a quota counts.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(object) = context.get(key) else { return };
    let hard = quota::read(&object["spec"]["hard"]);
    let mut used: quota::Usage = hard.keys().map(|name| (name.clone(), Quantity::ZERO)).collect();
    for kind in kinds::all().iter().filter(|kind| kind.namespaced && is_counted(kind, &hard)) {
        let (objects, _) = context.cluster.list(kind, Some(&key.namespace));
        for counted in objects.iter().filter(|counted| quota::applies(&object, kind, counted)) {
            for (name, more) in quota::usage(kind, counted) {
                if let Some(sum) = used.get_mut(&name) {
                    *sum = sum.plus(more);
                }
            }
        }
    }
    let used: Map<String, Value> = used.into_iter().map(|(name, sum)| (name, sum.to_string().into())).collect();
    context.modify(key, |object| {
        let hard = object["spec"]["hard"].clone();
        map_at(object, &[]).insert("status".into(), json!({"hard": hard, "used": used}));
    });
}

fn is_counted(kind: &Kind, hard: &quota::Usage) -> bool {
    hard.contains_key(&format!("count/{}", kind.qualified_plural()))
        || (kind.group.is_empty()
            && COUNTED.contains(&kind.plural.as_str())
            && hard.keys().any(|name| !name.starts_with("count/")))
}

/// The quotas of a namespace that may count a kind.
pub fn counting(context: &Context, kind: &Kind, namespace: &str) -> Vec<Key> {
    if !kind.namespaced {
        return Vec::new();
    }
    let (found, _) = context.cluster.list(&kinds::RESOURCE_QUOTAS, Some(namespace));
    found
        .iter()
        .filter(|found| is_counted(kind, &quota::read(&found["spec"]["hard"])))
        .map(|found| Key::new(&kinds::RESOURCE_QUOTAS, namespace, name(found)))
        .collect()
}
