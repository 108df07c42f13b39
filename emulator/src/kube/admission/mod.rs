//! What admission adds to new objects: a pod's service account with its token and pull secrets, tolerations and priority
//! (the plugins ServiceAccount, DefaultTolerationSeconds, Priority), a Service's addresses and ports.

mod limits;
mod pod_security;
pub mod quota;
mod services;

mod workload_identity;

use serde_json::{Value, json};

use super::error::Error;
use super::kinds::{self, Kind};
use super::store::{Key, State};
use crate::kernel::ids::KUBERNETES_SUFFIX;
use crate::world::World;

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Admits a new object, or refuses it.
pub(super) fn admit(state: &State, world: &World, kind: &Kind, object: &mut Value) -> Result<(), Error> {
    if kind.custom.is_some() {
        return Ok(());
    }
    match kind.kind.as_str() {
        "Pod" => {
            admit_pod(state, world, kind, object)?;
            prioritize(state, kind, object)?;
            limits::admit(state, kind, object)?;
            pod_security::admit(state, kind, object)
        }
        "PersistentVolumeClaim" => limits::admit(state, kind, object),
        "Service" => services::admit(state, world, kind, object, None),
        _ => Ok(()),
    }
}

/// Admits a changed object, or refuses it.
pub(super) fn admit_change(state: &State, world: &World, kind: &Kind, old: &Value, object: &mut Value) -> Result<(), Error> {
    match kind.kind.as_str() {
        "Service" => services::admit(state, world, kind, object, Some(old)),
        _ => Ok(()),
    }
}

/// The ConfigMap with the cluster's authority that every namespace has: the certificate by which clients know the API server.
pub fn root_ca(namespace: &str, ca_pem: &str) -> Value {
    let description = "The certificates by which pods know the API server when they reach it by its names inside of the cluster.";
    json!({
        "metadata": {"name": "kube-root-ca.crt", "namespace": namespace, "annotations": {"kubernetes.io/description": description}},
        "data": {"ca.crt": ca_pem},
    })
}

fn admit_pod(state: &State, world: &World, kind: &Kind, pod: &mut Value) -> Result<(), Error> {
    let (namespace, name) = (
        pod["metadata"]["namespace"].as_str().unwrap_or("").to_owned(),
        pod["metadata"]["name"].as_str().unwrap_or("").to_owned(),
    );
    if !pod["spec"].is_object() {
        return Ok(());
    }
    let spec = &mut pod["spec"];
    if spec["serviceAccountName"].as_str().is_none_or(str::is_empty) {
        spec["serviceAccountName"] = "default".into();
    }
    let account_name = spec["serviceAccountName"].as_str().unwrap_or("default").to_owned();
    let Some(account) = state.objects.get(&Key::new(&kinds::SERVICE_ACCOUNTS, &namespace, &account_name)) else {
        let why =
            format!("error looking up service account {namespace}/{account_name}: serviceaccount \"{account_name}\" not found");
        return Err(Error::forbidden(&kind.group, &kind.plural, &name, format!("pods \"{name}\" is forbidden: {why}")));
    };
    spec["serviceAccount"] = account_name.into();
    let own_secrets = spec["imagePullSecrets"].as_array().is_some_and(|secrets| !secrets.is_empty());
    if !own_secrets && account["imagePullSecrets"].is_array() {
        spec["imagePullSecrets"] = account["imagePullSecrets"].clone();
    }
    let mounts = [&spec["automountServiceAccountToken"], &account["automountServiceAccountToken"]];
    if mounts.into_iter().find_map(Value::as_bool).unwrap_or(true) {
        mount_token(world, spec);
    }
    tolerate(spec);
    if state.workload_identity && workload_identity::is_wanted(pod) {
        let tenant = world.directory.tenant.id.to_string();
        workload_identity::mutate(pod, account, &tenant).map_err(|why| {
            let webhook = "admission webhook \"mutation.azure-workload-identity.io\" denied the request";
            Error::bad_request(format!("{webhook}: {why}"))
        })?;
    }
    Ok(())
}

/// Gives a pod the priority of its class, or of the one that is the cluster's default (the plugin Priority).
fn prioritize(state: &State, kind: &Kind, pod: &mut Value) -> Result<(), Error> {
    let name = pod["metadata"]["name"].as_str().unwrap_or("").to_owned();
    let Some(spec) = pod.get_mut("spec").filter(|spec| spec.is_object()) else { return Ok(()) };
    let refuse = |why: String| {
        let message = format!("pods \"{name}\" is forbidden: {why}");
        Err(Error::forbidden(&kind.group, &kind.plural, &name, message))
    };
    let asked = spec["priorityClassName"].as_str().unwrap_or("").to_owned();
    let mut all = state.of_kind(&kinds::PRIORITY_CLASSES, None).map(|(_, class)| class);
    let class = match asked.as_str() {
        "" => all.filter(|class| class["globalDefault"] == true).min_by_key(|class| class["value"].as_i64()),
        asked => match all.find(|class| class["metadata"]["name"] == asked) {
            Some(class) => Some(class),
            None => return refuse(format!("no PriorityClass with name {asked} was found")),
        },
    };
    let priority = class.map_or(json!(0), |class| class["value"].clone());
    if spec["priority"].as_i64().is_some_and(|given| Some(given) != priority.as_i64()) {
        let given = spec["priority"].clone();
        return refuse(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name"
        ));
    }
    if let Some(class) = class {
        spec["priorityClassName"] = class["metadata"]["name"].clone();
    }
    spec["priority"] = priority;
    let policy = class.map(|class| class["preemptionPolicy"].clone()).filter(|policy| policy.is_string());
    if spec["preemptionPolicy"].is_null() {
        spec["preemptionPolicy"] = policy.unwrap_or_else(|| json!("PreemptLowerPriority"));
    }
    Ok(())
}

fn mount_token(world: &World, spec: &mut Value) {
    let volume = format!("kube-api-access-{}", world.ids.text(5, KUBERNETES_SUFFIX));
    let mut used = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().filter(|item| item.is_object()) {
            let mount = json!({"name": volume, "readOnly": true, "mountPath": TOKEN_PATH});
            match container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                Some(mounts) if mounts.iter().any(|mount| mount["mountPath"] == TOKEN_PATH) => continue,
                Some(mounts) => mounts.push(mount),
                None => container["volumeMounts"] = json!([mount]),
            }
            used = true;
        }
    }
    if !used {
        return;
    }
    let sources = json!([
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]);
    let projected = json!({"name": volume, "projected": {"sources": sources, "defaultMode": 420}});
    match spec.get_mut("volumes").and_then(Value::as_array_mut) {
        Some(volumes) => volumes.push(projected),
        None => spec["volumes"] = json!([projected]),
    }
}

fn tolerate(spec: &mut Value) {
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = tolerations.iter().any(|toleration| {
            let keyed = toleration["key"] == key || (toleration["key"].is_null() && toleration["operator"] == "Exists");
            keyed && (toleration["effect"] == "NoExecute" || toleration["effect"].is_null())
        });
        if !tolerated {
            tolerations.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
    spec["tolerations"] = tolerations.into();
}
