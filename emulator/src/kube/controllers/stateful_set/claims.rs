//! The PersistentVolumeClaims of a StatefulSet's pods: made with a pod, kept when it goes, unless the retention policy says otherwise.

use serde_json::{Value, json};

use super::super::context::Context;
use super::super::object::*;
use super::super::pods;
use super::Set;
use crate::kube::kinds;
use crate::kube::store::Key;

/// The name of a claim: `data-web-0`.
fn claim_name(set: &Value, template: &Value, number: i64) -> String {
    format!("{}-{}-{number}", name(template), name(set))
}

/// Makes the claims of the pod of a number that are missing.
pub fn ensure(context: &mut Context, set: &Set, number: i64) {
    let kind = *kinds::PERSISTENT_VOLUME_CLAIMS;
    let object = set.object();
    for template in items(object, "/spec/volumeClaimTemplates") {
        let claim = claim_name(object, template, number);
        let key = Key::new(kind, namespace(object), &claim);
        if context.get(&key).is_some() {
            continue;
        }
        let mut metadata = template["metadata"].clone();
        map_at(&mut metadata, &[]).shift_remove("creationTimestamp");
        metadata["name"] = claim.clone().into();
        metadata["namespace"] = namespace(object).into();
        let mut labels = metadata["labels"].as_object().cloned().unwrap_or_default();
        labels.extend(object.pointer("/spec/selector/matchLabels").and_then(Value::as_object).cloned().unwrap_or_default());
        metadata["labels"] = labels.into();
        if text(object, "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted") == "Delete" {
            metadata["ownerReferences"] = json!([set.owner.reference()]);
        }
        let pod = format!("{}-{number}", name(object));
        let what = format!("Claim {claim} Pod {pod} in StatefulSet {}", name(object));
        match context.cluster.create(context.world, kind, json!({"metadata": metadata, "spec": template["spec"]})) {
            Ok(_) => set.owner.event(context, "Normal", "SuccessfulCreate", &format!("create {what} success")),
            Err(error) => {
                set.owner.event(context, "Warning", "FailedCreate", &format!("create {what} failed error: {error}"));
                pods::try_again(context, &super::super::context::key_of(set.owner.kind, object));
            }
        }
    }
}

/// Lets a pod use its claims: a volume of the same name as a template is the claim's.
pub fn mount(set: &Value, pod: &mut Value, number: i64) {
    let templates = items(set, "/spec/volumeClaimTemplates");
    let own = items(pod, "/spec/volumes")
        .iter()
        .filter(|volume| !templates.iter().any(|template| name(template) == text(volume, "/name")));
    let claimed = templates.iter().map(
        |template| json!({"name": name(template), "persistentVolumeClaim": {"claimName": claim_name(set, template, number)}}),
    );
    let volumes: Vec<Value> = claimed.chain(own.cloned()).collect();
    if !volumes.is_empty() {
        map_at(pod, &["spec"]).insert("volumes".into(), volumes.into());
    }
}

/// With `whenScaled: Delete` a claim belongs to the pod whose number is no longer wanted, and goes with it.
pub fn keep_owners(context: &Context, set: &Set) {
    let object = set.object();
    if text(object, "/spec/persistentVolumeClaimRetentionPolicy/whenScaled") != "Delete" {
        return;
    }
    let kind = *kinds::PERSISTENT_VOLUME_CLAIMS;
    for (number, pod) in set.pods.iter().filter(|(number, _)| !set.numbers().contains(number)) {
        for template in items(object, "/spec/volumeClaimTemplates") {
            let key = Key::new(kind, namespace(object), &claim_name(object, template, *number));
            let reference = json!({"apiVersion": "v1", "kind": "Pod", "name": name(pod), "uid": uid(pod), "controller": true, "blockOwnerDeletion": true});
            context.modify(&key, |claim| {
                map_at(claim, &["metadata"]).insert("ownerReferences".into(), json!([reference]));
            });
        }
    }
}
