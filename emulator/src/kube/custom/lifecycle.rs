//! The life of a definition: its names are accepted, it is established, its objects go before it does
//! (`apiextensions-apiserver/pkg/controller/{status,establish,finalizer}`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::list;
use crate::kernel::clock::rfc3339_seconds;

/// What holds a definition until its objects are gone.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

fn set_condition(definition: &mut Value, now: Timestamp, (name, status, reason, message): (&str, &str, &str, &str)) {
    let mut conditions = definition["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let mut new =
        json!({"type": name, "status": status, "lastTransitionTime": rfc3339_seconds(now), "reason": reason, "message": message});
    match conditions.iter_mut().find(|condition| condition["type"] == name) {
        Some(old) => {
            if old["status"] == status {
                new["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            *old = new;
        }
        None => conditions.push(new),
    }
    definition["status"]["conditions"] = conditions.into();
}

/// Marks a definition whose deletion was asked for.
pub fn terminating(definition: &mut Value, now: Timestamp) {
    let mut finalizers = definition["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !finalizers.iter().any(|finalizer| finalizer == CLEANUP) {
        finalizers.push(CLEANUP.into());
    }
    definition["metadata"]["finalizers"] = finalizers.into();
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_condition(definition, now, ("Terminating", "True", "InstanceDeletionPending", message));
}

/// The names that a definition may have next to those that the others of its group have, and what it is refused.
fn accept<'a>(definition: &Value, others: impl Iterator<Item = &'a Value> + Clone) -> (Value, Option<(&'static str, String)>) {
    let group = &definition["spec"]["group"];
    let own = &definition["metadata"]["name"];
    let rivals = others.filter(|other| other["spec"]["group"] == *group && other["metadata"]["name"] != *own);
    let taken = |name: &Value, kinds: bool| {
        rivals.clone().any(|other| {
            let names = &other["status"]["acceptedNames"];
            let fields: &[&str] = if kinds { &["kind", "listKind"] } else { &["plural", "singular"] };
            fields.iter().any(|field| names[*field] == *name) || (!kinds && list(&names["shortNames"]).any(|short| short == name))
        })
    };
    let (asked, mut accepted) = (&definition["spec"]["names"], definition["status"]["acceptedNames"].clone());
    let mut refused = None;
    let already = |name: &Value| format!("{name} is already in use");
    for (field, reason, kinds) in [
        ("plural", "PluralConflict", false),
        ("singular", "SingularConflict", false),
        ("shortNames", "ShortNamesConflict", false),
        ("kind", "KindConflict", true),
        ("listKind", "ListKindConflict", true),
    ] {
        let names: Vec<&Value> = match &asked[field] {
            Value::Array(names) => names.iter().collect(),
            Value::Null => Vec::new(),
            name => vec![name],
        };
        match names.into_iter().find(|name| taken(name, kinds)) {
            Some(name) => refused = Some((reason, already(name))),
            None if !asked[field].is_null() => accepted[field] = asked[field].clone(),
            None => {}
        }
    }
    for field in ["categories", "shortNames"] {
        if let Value::Object(accepted) = &mut accepted
            && asked[field].is_null()
        {
            accepted.shift_remove(field);
        }
    }
    if !asked["categories"].is_null() {
        accepted["categories"] = asked["categories"].clone();
    }
    (accepted, refused)
}

/// The definition as its controllers leave it, next to the other definitions of the cluster.
pub fn look<'a>(definition: &Value, others: impl Iterator<Item = &'a Value> + Clone, now: Timestamp) -> Value {
    let mut new = definition.clone();
    let (accepted, refused) = accept(definition, others);
    new["status"]["acceptedNames"] = accepted;
    match refused {
        None => {
            set_condition(&mut new, now, ("NamesAccepted", "True", "NoConflicts", "no conflicts found"));
            let message = "the initial names have been accepted";
            set_condition(&mut new, now, ("Established", "True", "InitialNamesAccepted", message));
        }
        Some((reason, message)) => {
            set_condition(&mut new, now, ("NamesAccepted", "False", reason, &message));
            if !super::is_condition(definition, "Established") {
                let message = "not all names are accepted";
                set_condition(&mut new, now, ("Established", "False", "NotAccepted", message));
            }
        }
    }
    new
}

/// What is told of a definition whose objects wait for their own end.
pub fn waiting(definition: &mut Value, now: Timestamp, left: usize) {
    let message = format!("CustomResource deletion is in progress: {left} remaining");
    set_condition(definition, now, ("Terminating", "True", "InstanceDeletionInProgress", &message));
}
