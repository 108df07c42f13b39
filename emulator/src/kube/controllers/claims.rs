//! PersistentVolumeClaims and the volumes that are made for them: the binder, and the provisioners of AKS' storage classes.
//! Rule: `pkg/controller/volume/persistentvolume` of kube-controller-manager 1.34 and the external provisioner; disks wait for a pod
//! that uses them, file shares do not. Nothing is stored anywhere.

use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{Context, key_of};
use super::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const PROTECTION: &str = "kubernetes.io/pvc-protection";
const COMPONENT: &str = "persistentvolume-controller";

/// Brings a claim a step further: protected, of the default class, bound.
pub fn sync(context: &mut Context, key: &Key) {
    let Some(claim) = context.get(key) else { return };
    if is_terminating(&claim) {
        return release(context, key, &claim);
    }
    if !items(&claim, "/metadata/finalizers").iter().any(|finalizer| finalizer == PROTECTION) {
        context.modify(key, |claim| {
            let mut finalizers = items(claim, "/metadata/finalizers").to_vec();
            finalizers.push(PROTECTION.into());
            map_at(claim, &["metadata"]).insert("finalizers".into(), finalizers.into());
            if text(claim, "/status/phase").is_empty() {
                map_at(claim, &["status"]).insert("phase".into(), "Pending".into());
            }
        });
        return;
    }
    if text(&claim, "/status/phase") == "Bound" {
        return grow(context, key, &claim);
    }
    match wanted_volume(context, &claim) {
        Some(volume) => bind(context, key, &claim, &volume),
        None => provision(context, key, &claim),
    }
}

/// A claim that is deleted stays while a pod uses it; its volume goes with it or stays, as the class says.
fn release(context: &mut Context, key: &Key, claim: &Value) {
    if user(context, claim).is_some() {
        return;
    }
    context.modify(key, |claim| {
        let mut finalizers = items(claim, "/metadata/finalizers").to_vec();
        finalizers.retain(|finalizer| finalizer != PROTECTION);
        map_at(claim, &["metadata"]).insert("finalizers".into(), finalizers.into());
    });
    let kind = *kinds::PERSISTENT_VOLUMES;
    let volume_key = Key::new(kind, "", text(claim, "/spec/volumeName"));
    let Some(volume) = context.get(&volume_key).filter(|volume| text(volume, "/spec/claimRef/uid") == uid(claim)) else { return };
    if text(&volume, "/spec/persistentVolumeReclaimPolicy") == "Delete" {
        let taken_off = context.modify(&volume_key, |volume| {
            map_at(volume, &["metadata"]).shift_remove("finalizers");
        });
        if taken_off.is_some() {
            context.remove(&volume_key);
        }
    } else {
        context.modify(&volume_key, |volume| {
            map_at(volume, &["status"]).insert("phase".into(), "Released".into());
        });
    }
}

/// A pod that uses a claim and has a node.
fn user(context: &Context, claim: &Value) -> Option<Arc<Value>> {
    let (pods, _) = context.cluster.list(&kinds::PODS, Some(namespace(claim)));
    pods.into_iter().find(|pod| {
        let uses =
            items(pod, "/spec/volumes").iter().any(|volume| text(volume, "/persistentVolumeClaim/claimName") == name(claim));
        uses && !text(pod, "/spec/nodeName").is_empty() && !super::pods::is_over(pod)
    })
}

/// The claims that a pod uses.
pub fn of_pod(pod: &Value) -> Vec<Key> {
    let kind = *kinds::PERSISTENT_VOLUME_CLAIMS;
    let names = items(pod, "/spec/volumes").iter().map(|volume| text(volume, "/persistentVolumeClaim/claimName"));
    names.filter(|claim| !claim.is_empty()).map(|claim| Key::new(kind, namespace(pod), claim)).collect()
}

/// A volume that is there and fits: the one that the claim names, or one of its class that nobody has.
fn wanted_volume(context: &Context, claim: &Value) -> Option<Arc<Value>> {
    let kind = *kinds::PERSISTENT_VOLUMES;
    let named = text(claim, "/spec/volumeName");
    if !named.is_empty() {
        return context.get(&Key::new(kind, "", named));
    }
    let (all, _) = context.cluster.list(kind, None);
    let size = |object: &Value, at: &str| object.pointer(at).and_then(crate::kube::quantity::Quantity::of);
    let wanted = size(claim, "/spec/resources/requests/storage");
    all.into_iter().find(|volume| {
        let reference = &volume["spec"]["claimRef"];
        let reserved = text(reference, "/name") == name(claim) && text(reference, "/namespace") == namespace(claim);
        let free = reference.is_null() && matches!(text(volume, "/status/phase"), "" | "Pending" | "Available");
        let modes = items(claim, "/spec/accessModes").iter().all(|mode| items(volume, "/spec/accessModes").contains(mode));
        let large = size(volume, "/spec/capacity/storage").zip(wanted).is_none_or(|(has, wanted)| !wanted.exceeds(has));
        let class = text(volume, "/spec/storageClassName") == text(claim, "/spec/storageClassName");
        reserved || (free && modes && large && class)
    })
}

fn bind(context: &mut Context, key: &Key, claim: &Value, volume: &Value) {
    let kind = *kinds::PERSISTENT_VOLUMES;
    let taken = text(volume, "/spec/claimRef/uid");
    if !taken.is_empty() && taken != uid(claim) {
        return;
    }
    let reference = json!({
        "kind": "PersistentVolumeClaim", "namespace": namespace(claim), "name": name(claim), "uid": uid(claim), "apiVersion": "v1",
        "resourceVersion": claim["metadata"]["resourceVersion"],
    });
    context.modify(&key_of(kind, volume), |volume| {
        map_at(volume, &["spec"]).insert("claimRef".into(), reference);
        map_at(volume, &["status"]).insert("phase".into(), "Bound".into());
    });
    let status = json!({
        "phase": "Bound", "accessModes": volume["spec"]["accessModes"], "capacity": volume["spec"]["capacity"],
    });
    let volume_name = name(volume).to_owned();
    context.modify(key, |claim| {
        map_at(claim, &["spec"]).insert("volumeName".into(), volume_name.into());
        for annotation in ["bind-completed", "bound-by-controller"] {
            annotate(claim, &format!("pv.kubernetes.io/{annotation}"), "yes");
        }
        map_at(claim, &[]).insert("status".into(), status);
    });
}

/// A claim that asks for more than it has gets it.
fn grow(context: &mut Context, key: &Key, claim: &Value) {
    let size = |at: &str| claim.pointer(at).and_then(crate::kube::quantity::Quantity::of);
    let (Some(wanted), Some(has)) = (size("/spec/resources/requests/storage"), size("/status/capacity/storage")) else { return };
    if !wanted.exceeds(has) {
        return;
    }
    let kind = *kinds::PERSISTENT_VOLUMES;
    context.modify(&Key::new(kind, "", text(claim, "/spec/volumeName")), |volume| {
        map_at(volume, &["spec", "capacity"]).insert("storage".into(), wanted.to_string().into());
    });
    context.modify(key, |claim| {
        map_at(claim, &["status", "capacity"]).insert("storage".into(), wanted.to_string().into());
    });
}

/// The class of a claim; one that names none has the default class from now on.
fn class_of(context: &mut Context, key: &Key, claim: &Value) -> Option<Arc<Value>> {
    let kind = *kinds::STORAGE_CLASSES;
    if let Some(named) = claim["spec"]["storageClassName"].as_str() {
        return context.get(&Key::new(kind, "", named));
    }
    let (classes, _) = context.cluster.list(kind, None);
    let usual = classes.into_iter().find(|class| annotation(class, DEFAULT_CLASS) == Some("true"))?;
    let class_name = name(&usual).to_owned();
    context.modify(key, |claim| {
        map_at(claim, &["spec"]).insert("storageClassName".into(), class_name.into());
    });
    Some(usual)
}

fn provision(context: &mut Context, key: &Key, claim: &Value) {
    let named = claim["spec"]["storageClassName"].as_str().map(str::to_owned);
    let Some(class) = class_of(context, key, claim) else {
        match named.as_deref() {
            None | Some("") => {
                let message = "no persistent volumes available for this claim and no storage class is set";
                tell(context, claim, "Normal", "FailedBinding", message);
            }
            Some(named) => {
                let message = format!("storageclass.storage.k8s.io \"{named}\" not found");
                tell(context, claim, "Warning", "ProvisioningFailed", &message);
            }
        }
        return;
    };
    let first_user = user(context, claim);
    if text(&class, "/volumeBindingMode") == "WaitForFirstConsumer" && first_user.is_none() {
        return tell(context, claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
    }
    let provisioner = text(&class, "/provisioner").to_owned();
    let waiting = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. \
         If volume creation is delayed, please verify that the provisioner is running and correctly registered."
    );
    tell(context, claim, "Normal", "ExternalProvisioning", &waiting);
    if !matches!(provisioner.as_str(), "disk.csi.azure.com" | "file.csi.azure.com" | "blob.csi.azure.com") {
        return;
    }
    let node = first_user.as_deref().map_or("", |pod| text(pod, "/spec/nodeName")).to_owned();
    context.modify(key, |claim| {
        for annotation in ["volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner"] {
            annotate(claim, annotation, &provisioner);
        }
        if !node.is_empty() {
            annotate(claim, "volume.kubernetes.io/selected-node", &node);
        }
    });
    make_volume(context, claim, &class, &provisioner);
}

fn make_volume(context: &mut Context, claim: &Value, class: &Value, provisioner: &str) {
    let kind = *kinds::PERSISTENT_VOLUMES;
    let volume_name = format!("pvc-{}", uid(claim));
    let external = format!("External provisioner is provisioning volume for claim \"{}/{}\"", namespace(claim), name(claim));
    let component = format!("{provisioner}_csi-azure-controller");
    let kind_of_claim = kinds::of(claim).unwrap_or(kind);
    context.event(kind_of_claim, claim, "Normal", "Provisioning", &external, &component);
    let spec = context.cluster.spec();
    let subscription = spec.id.subscription().unwrap_or_default();
    let handle = match provisioner {
        "disk.csi.azure.com" => format!(
            "/subscriptions/{subscription}/resourceGroups/{}/providers/Microsoft.Compute/disks/{volume_name}",
            spec.node_resource_group
        ),
        _ => format!("{}#storage#{volume_name}###{}", spec.node_resource_group, namespace(claim)),
    };
    let mode = if claim["spec"]["volumeMode"].is_null() { json!("Filesystem") } else { claim["spec"]["volumeMode"].clone() };
    let volume = json!({
        "metadata": {
            "name": volume_name,
            "annotations": {"pv.kubernetes.io/provisioned-by": provisioner},
            "finalizers": ["external-provisioner.volume.kubernetes.io/finalizer", "kubernetes.io/pv-protection"],
        },
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "csi": {"driver": provisioner, "volumeHandle": handle, "volumeAttributes": class["parameters"]},
            "accessModes": claim["spec"]["accessModes"],
            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace(claim), "name": name(claim), "uid": uid(claim), "apiVersion": "v1"},
            "persistentVolumeReclaimPolicy": if class["reclaimPolicy"].is_null() { json!("Delete") } else { class["reclaimPolicy"].clone() },
            "storageClassName": name(class),
            "volumeMode": mode,
        },
    });
    let made = context.create(kind, volume);
    if made.is_some() {
        let message = format!("Successfully provisioned volume {volume_name}");
        context.event(kind_of_claim, claim, "Normal", "ProvisioningSucceeded", &message, &component);
    }
}

/// A volume is free until a claim is bound to it; claims that wait look at new ones.
pub fn sync_volume(context: &mut Context, key: &Key) {
    let Some(volume) = context.get(key) else { return };
    if is_terminating(&volume) {
        if text(&volume, "/status/phase") != "Bound" {
            context.modify(key, |volume| {
                map_at(volume, &["metadata"]).shift_remove("finalizers");
            });
        }
        return;
    }
    if text(&volume, "/status/phase").is_empty() || text(&volume, "/status/phase") == "Pending" {
        let free = volume["spec"]["claimRef"].is_null();
        context.modify(key, |volume| {
            map_at(volume, &["status"]).insert("phase".into(), if free { "Available" } else { "Pending" }.into());
        });
    }
    let claims = *kinds::PERSISTENT_VOLUME_CLAIMS;
    let reference = &volume["spec"]["claimRef"];
    if reference.is_object() {
        return sync(context, &Key::new(claims, text(reference, "/namespace"), text(reference, "/name")));
    }
    let (waiting, _) = context.cluster.list(claims, None);
    for claim in waiting.iter().filter(|claim| text(claim, "/status/phase") != "Bound") {
        sync(context, &key_of(claims, claim));
    }
}

fn tell(context: &mut Context, claim: &Value, severity: &str, reason: &str, message: &str) {
    if let Some(kind) = kinds::of(claim) {
        context.event(kind, claim, severity, reason, message, COMPONENT);
    }
}
