//! What may not change once an object is there.

use serde_json::{Value, json};

use super::pods::same_but_for_images;
use super::text;
use crate::kube::error::Cause;
use crate::kube::kinds::{self, Kind};

const STATEFUL_SET_MAY_CHANGE: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Whether two objects differ in more than these fields.
fn differs_beyond(old: &Value, new: &Value, free: &[&str]) -> bool {
    let rest = |object: &Value| {
        let fields = object.as_object().into_iter().flatten().filter(|(name, _)| !free.contains(&name.as_str()));
        fields.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>()
    };
    rest(old) != rest(new)
}

fn fixed_at(field: &str, old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    if old != new {
        causes.push(Cause::invalid(field, new, "field is immutable"));
    }
}

fn job(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let in_tandem = new["completionMode"] == "Indexed" && new["completions"] == new["parallelism"];
    if old["completions"] != new["completions"] && !in_tandem {
        causes.push(if new["completionMode"] == "Indexed" {
            Cause::invalid("spec.completions", &new["completions"], "can only be modified in tandem with spec.parallelism")
        } else {
            Cause::invalid("spec.completions", &new["completions"], "field is immutable")
        });
    }
    for field in
        ["selector", "template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"]
    {
        fixed_at(&format!("spec.{field}"), &old[field], &new[field], causes);
    }
}

/// A claim's specification stays but for its volume, as long as it has none, and for its size and class, once it is bound.
fn claim(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let mut same = new["spec"].clone();
    if text(&old["spec"]["volumeName"]).is_empty() && same.is_object() {
        super::set_like(&mut same, &old["spec"], "volumeName");
    }
    if new["status"]["phase"] == "Bound" {
        super::set_like(&mut same, &old["spec"], "volumeAttributesClassName");
        if same["resources"]["requests"].is_object() {
            super::set_like(&mut same["resources"]["requests"], &old["spec"]["resources"]["requests"], "storage");
        }
    }
    if same != old["spec"] {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        causes.push(Cause::forbidden("spec", why));
    }
}

pub(super) fn immutable(kind: &Kind, old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let mut fixed = |field: &str, old: &Value, new: &Value| {
        if old != new && !old.is_null() {
            causes.push(Cause::invalid(field, new, "field is immutable"));
        }
    };
    match kind.kind.as_str() {
        "CustomResourceDefinition" => causes.extend(crate::kube::custom::faults_of_change(old, new)),
        "Deployment" | "ReplicaSet" | "DaemonSet" => fixed("spec.selector", &old["spec"]["selector"], &new["spec"]["selector"]),
        "Secret" => fixed("type", &old["type"], &new["type"]),
        "Service" if new["spec"]["type"] != "ExternalName" && old["spec"]["type"] != "ExternalName" => {
            fixed("spec.clusterIPs[0]", &old["spec"]["clusterIP"], &new["spec"]["clusterIP"]);
        }
        "Pod" if !same_but_for_images(&old["spec"], &new["spec"]) => {
            let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
                       `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
                       `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
            causes.push(Cause::forbidden("spec", why));
        }
        "StatefulSet" if differs_beyond(&old["spec"], &new["spec"], STATEFUL_SET_MAY_CHANGE) => {
            let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
                       'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
            causes.push(Cause::forbidden("spec", why));
        }
        "Job" => job(&old["spec"], &new["spec"], causes),
        "RoleBinding" | "ClusterRoleBinding" if old["roleRef"] != new["roleRef"] => {
            let role = &new["roleRef"];
            let shown = json!({"APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"]});
            causes.push(Cause::invalid("roleRef", &shown, "cannot change roleRef"));
        }
        "StorageClass" => {
            for field in ["parameters", "provisioner", "reclaimPolicy"].into_iter().filter(|field| old[*field] != new[*field]) {
                causes.push(Cause::forbidden(field, &format!("updates to {field} are forbidden.")));
            }
            if old["volumeBindingMode"] != new["volumeBindingMode"] {
                causes.push(Cause::invalid("volumeBindingMode", &new["volumeBindingMode"], "field is immutable"));
            }
        }
        "VolumeAttributesClass" => {
            for field in ["driverName", "parameters"].into_iter().filter(|field| old[*field] != new[*field]) {
                causes.push(Cause::forbidden(field, &format!("updates to {field} are forbidden.")));
            }
        }
        "PriorityClass" => {
            if old["value"] != new["value"] {
                causes.push(Cause::forbidden("value", "may not be changed in an update."));
            }
            if old["preemptionPolicy"] != new["preemptionPolicy"] {
                causes.push(Cause::invalid("preemptionPolicy", &new["preemptionPolicy"], "field is immutable"));
            }
        }
        "PersistentVolumeClaim" => claim(old, new, causes),
        "PersistentVolume" => {
            if super::core::source_of(&old["spec"]) != super::core::source_of(&new["spec"]) {
                let why = "spec.persistentvolumesource is immutable after creation";
                causes.push(Cause::forbidden("spec.persistentvolumesource", why));
            }
            fixed_at("spec.volumeMode", &old["spec"]["volumeMode"], &new["spec"]["volumeMode"], causes);
        }
        "IngressClass" => fixed("spec.controller", &old["spec"]["controller"], &new["spec"]["controller"]),
        "RuntimeClass" => fixed("handler", &old["handler"], &new["handler"]),
        "EndpointSlice" => fixed("addressType", &old["addressType"], &new["addressType"]),
        "VolumeAttachment" => fixed("spec", &old["spec"], &new["spec"]),
        "CSIStorageCapacity" => {
            fixed("nodeTopology", &old["nodeTopology"], &new["nodeTopology"]);
            fixed("storageClassName", &old["storageClassName"], &new["storageClassName"]);
        }
        "IPAddress" => fixed("spec.parentRef", &old["spec"]["parentRef"], &new["spec"]["parentRef"]),
        "ServiceCIDR" => fixed("spec.cidrs[0]", &old["spec"]["cidrs"][0], &new["spec"]["cidrs"][0]),
        "ControllerRevision" => fixed("data", &old["data"], &new["data"]),
        "ResourceClaim" | "ResourceClaimTemplate" => fixed("spec", &old["spec"], &new["spec"]),
        _ => {}
    }
    if matches!(kind.kind.as_str(), "ConfigMap" | "Secret") && old["immutable"] == true && kinds::of(old).is_some() {
        if new["immutable"] != true {
            causes.push(Cause::forbidden("immutable", "field is immutable when `immutable` is set"));
        }
        if old["data"] != new["data"] {
            causes.push(Cause::forbidden("data", "field is immutable when `immutable` is set"));
        }
    }
}
