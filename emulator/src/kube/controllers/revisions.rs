//! ControllerRevisions: the templates that a StatefulSet or DaemonSet had, which `kubectl rollout history` and `undo` read.
//! Rule: `pkg/controller/history` of kube-controller-manager 1.34.

use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{Context, key_of};
use super::hash::pod_template_hash;
use super::object::*;
use super::pods::Owner;
use crate::kube::kinds::{self, Kind};

/// The label that says which revision a pod or ControllerRevision is of.
pub const HASH_LABEL: &str = "controller-revision-hash";

/// The revisions of an object.
#[derive(Debug)]
pub struct Revisions {
    /// All, the oldest first.
    pub all: Vec<Arc<Value>>,
    /// The one of the present template.
    pub update: Arc<Value>,
}

/// What a revision keeps of a template.
fn data(template: &Value) -> Value {
    let mut template = template.clone();
    map_at(&mut template, &[]).insert("$patch".into(), "replace".into());
    json!({"spec": {"template": template}})
}

fn number_of(revision: &Value) -> i64 {
    number(revision, "/revision").unwrap_or(0)
}

impl Revisions {
    /// Finds or makes the revision of the present template; one that was there before becomes the newest.
    pub fn ensure(context: &mut Context, owner: &Owner) -> Option<Self> {
        let kind = *kinds::CONTROLLER_REVISIONS;
        let mut all = context.owned(uid(owner.object), kind);
        all.sort_by_key(|revision| number_of(revision));
        let data = data(&owner.object["spec"]["template"]);
        let next = all.last().map_or(0, |last| number_of(last)) + 1;
        let known = all.iter().position(|revision| revision["data"] == data);
        let update = match known {
            Some(place) if place + 1 == all.len() => all[place].clone(),
            Some(place) => {
                let renewed = context.modify(&key_of(kind, &all[place]), |revision| {
                    map_at(revision, &[]).insert("revision".into(), next.into());
                })?;
                all.remove(place);
                all.push(renewed.clone());
                renewed
            }
            None => {
                let made = create(context, owner, kind, data, next)?;
                all.push(made.clone());
                made
            }
        };
        Some(Self { all, update })
    }

    /// A revision by name.
    pub fn by_name(&self, wanted: &str) -> Option<&Arc<Value>> {
        self.all.iter().find(|revision| name(revision) == wanted)
    }

    /// Deletes the oldest revisions beyond `revisionHistoryLimit` that nothing uses.
    pub fn prune(&self, context: &Context, owner: &Owner, in_use: impl Fn(&Value) -> bool) {
        let limit = usize::try_from(number(owner.object, "/spec/revisionHistoryLimit").unwrap_or(10)).unwrap_or(0);
        let old: Vec<_> = self.all.iter().filter(|revision| name(revision) != name(&self.update) && !in_use(revision)).collect();
        let surplus = old.len().saturating_sub(limit);
        for revision in old.into_iter().take(surplus) {
            context.remove(&key_of(&kinds::CONTROLLER_REVISIONS, revision));
        }
    }
}

fn create(context: &Context, owner: &Owner, kind: &Kind, data: Value, revision: i64) -> Option<Arc<Value>> {
    let template = &owner.object["spec"]["template"];
    let hash = pod_template_hash(template, number(owner.object, "/status/collisionCount").unwrap_or(0));
    let mut labels = template["metadata"]["labels"].clone();
    let of_daemon_set = owner.kind.kind == "DaemonSet";
    let key = if of_daemon_set { HASH_LABEL } else { "controller.kubernetes.io/hash" };
    map_at(&mut labels, &[]).insert(key.into(), hash.clone().into());
    let mut metadata = json!({
        "name": format!("{}-{hash}", name(owner.object)), "namespace": namespace(owner.object), "labels": labels,
        "ownerReferences": [owner.reference()],
    });
    let annotations = owner.object["metadata"]["annotations"].as_object().filter(|annotations| !annotations.is_empty());
    if let Some(annotations) = annotations {
        metadata["annotations"] = annotations.clone().into();
    }
    context.create(kind, json!({"metadata": metadata, "data": data, "revision": revision}))
}

/// The hash in a revision's label.
pub fn hash(revision: &Value) -> &str {
    label(revision, HASH_LABEL).unwrap_or("")
}

/// The template that a revision keeps.
pub fn template(revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    map_at(&mut template, &[]).shift_remove("$patch");
    template
}
