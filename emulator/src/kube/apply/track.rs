//! Who owns what after a change that is no apply (apimachinery's `managedfields`: `managedfieldsupdater.go`, `skipnonapplied.go`,
//! structured-merge-diff's `merge.Updater.Update`): the writer takes what it changed, everybody loses what is gone.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::compare::{self, Difference};
use super::managers::{Managers, Writer, forget, stamp};
use super::schema::{self, Schema};
use super::set::Set;
use crate::kube::kinds::Kind;

/// Notes in a new object who made it.
pub fn created(kind: &Kind, object: &mut Value, writer: Writer<'_>, now: Timestamp) {
    let given = Managers::before(&Value::Null, object, false);
    change(schema::of(kind), &json!({}), object, given, kind, writer, now);
}

/// Notes in a changed object who changed what. An object of which nothing is owned stays so.
pub fn updated(kind: &Kind, old: &Value, new: &mut Value, writer: Writer<'_>, now: Timestamp) {
    let managers = Managers::before(old, new, !writer.subresource.is_empty());
    if managers.0.is_empty() {
        return forget(new);
    }
    change(schema::of(kind), old, new, managers, kind, writer, now);
}

fn change(
    schema: Schema<'_>,
    old: &Value,
    new: &mut Value,
    mut managers: Managers,
    kind: &Kind,
    writer: Writer<'_>,
    now: Timestamp,
) {
    let mut difference = compare::objects(schema, old, new);
    reset(kind, writer.subresource, &mut difference.touched);
    if kind.kind == "Namespace" && old["metadata"].is_null() {
        difference.touched.cut(&["spec"]);
    }
    take(&mut managers, &difference, kind, writer, now);
    managers.write(new);
}

/// As [`updated`] for a part of the control plane, which changes the status through its own door. The controller of Deployments
/// changes annotations along with the status; what the scheduler's binding sets is nobody's.
pub fn controlled(kind: &Kind, old: &Value, new: &mut Value, manager: &str, now: Timestamp) {
    let unbound = |pod: &Value| pod["spec"]["nodeName"].is_null();
    if kind.kind == "Pod" && unbound(old) && !unbound(new) {
        return;
    }
    let mut managers = Managers::before(old, new, true);
    if managers.0.is_empty() {
        return forget(new);
    }
    let mut own = compare::objects(schema::of(kind), old, new);
    let mut status = Difference { touched: own.touched.split("status"), removed: own.removed.split("status") };
    if kind.kind == "Deployment" {
        status.touched.union(&std::mem::take(&mut own.touched));
        status.removed.union(&std::mem::take(&mut own.removed));
    }
    for (difference, subresource) in [(own, ""), (status, "status")] {
        take(&mut managers, &difference, kind, Writer { manager, subresource }, now);
    }
    managers.write(new);
}

/// Gives a writer what it touched and takes from all what is gone.
pub(super) fn take(managers: &mut Managers, difference: &Difference, kind: &Kind, writer: Writer<'_>, now: Timestamp) {
    let Difference { touched, removed } = difference;
    for entry in &mut managers.0 {
        for gone in [touched, removed] {
            if entry.may_touch(gone) {
                entry.set().subtract(gone);
            }
        }
    }
    if !touched.is_empty() {
        let entry = managers.entry(writer, false, &kind.api_version());
        entry.set().union(touched);
        entry.time = Some(stamp(now));
    }
    managers.drop_empty();
    managers.cap();
}

/// Leaves out the fields that a request through this door cannot change (`GetResetFields` of the kinds' strategies).
pub fn reset(kind: &Kind, subresource: &str, set: &mut Set) {
    match subresource {
        "" => set.cut(&["status"]),
        "status" => {
            set.cut(&["spec"]);
            match kind.kind.as_str() {
                "Deployment" => set.cut(&["metadata", "labels"]),
                "Pod" => {
                    set.cut(&["metadata", "deletionTimestamp"]);
                    set.cut(&["metadata", "ownerReferences"]);
                }
                _ => {}
            }
        }
        _ => {}
    }
}
