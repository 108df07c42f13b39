//! What a namespace that is terminating says about what it still holds.
//! Rule: `pkg/controller/namespace/deletion` of kube-controller-manager 1.34. The deletion itself happens at once in `deletion.rs`.

use std::collections::BTreeMap;

use super::conditions;
use super::context::Context;
use super::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

/// Writes the conditions of a namespace that is terminating.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(namespace) = context.get(key).filter(|namespace| is_terminating(namespace)) else { return };
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
    for kind in kinds::all().iter().filter(|kind| kind.namespaced && !kind.is_converted()) {
        for object in context.cluster.list(kind, Some(&key.name)).0 {
            *left.entry(format!("{}.{}", kind.plural, kind.group)).or_default() += 1;
            let held = items(&object, "/metadata/finalizers").iter().filter_map(serde_json::Value::as_str);
            held.for_each(|finalizer| *finalizers.entry(finalizer.to_owned()).or_default() += 1);
        }
    }
    let counted = |counts: BTreeMap<String, usize>, line: fn(&str, usize) -> String| {
        counts.iter().map(|(what, count)| line(what, *count)).collect::<Vec<_>>().join(", ")
    };
    let remaining = counted(left, |what, count| format!("{what} has {count} resource instances"));
    let held = counted(finalizers, |what, count| format!("{what} in {count} resource instances"));
    let content = match remaining.as_str() {
        "" => ("False", "ContentRemoved", "All content successfully removed".to_owned()),
        remaining => ("True", "SomeResourcesRemain", format!("Some resources are remaining: {remaining}")),
    };
    let finalizing = match held.as_str() {
        "" => ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished".to_owned()),
        held => ("True", "SomeFinalizersRemain", format!("Some content in the namespace has finalizers remaining: {held}")),
    };
    let fixed = |reason, message: &str| ("False", reason, message.to_owned());
    let told = [
        ("NamespaceDeletionDiscoveryFailure", fixed("ResourcesDiscovered", "All resources successfully discovered")),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            fixed("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ),
        (
            "NamespaceDeletionContentFailure",
            fixed("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ),
        ("NamespaceContentRemaining", content),
        ("NamespaceFinalizersRemaining", finalizing),
    ];
    let mut all = items(&namespace, "/status/conditions").to_vec();
    for (kind, (status, reason, message)) in told {
        conditions::set(&mut all, kind, status, reason, &message, context.now());
    }
    context.modify(key, |namespace| {
        map_at(namespace, &["status"]).insert("conditions".into(), all.into());
    });
}

/// The namespace that a change inside of it matters to: one that is terminating.
pub fn of(context: &Context, namespace: &str) -> Option<Key> {
    let key = Key::new(&kinds::NAMESPACES, "", namespace);
    context.get(&key).filter(|namespace| is_terminating(namespace)).map(|_| key)
}
