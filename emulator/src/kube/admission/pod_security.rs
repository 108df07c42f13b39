//! The admission plugin PodSecurity: what pods of a namespace may ask for, by the label `pod-security.kubernetes.io/enforce`.
//! Rule: `k8s.io/pod-security-admission/policy` of Kubernetes 1.34: the checks of the levels `baseline` and `restricted`, in their words.
//! Left out, and so never refused: AppArmor, SELinux, `/proc` mounts, sysctls, Windows' host processes.

use serde_json::Value;

use crate::kube::error::Error;
use crate::kube::kinds::{self, Kind};
use crate::kube::store::{Key, State};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// The capabilities that the level `baseline` lets containers add.
const HARMLESS: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// The volumes that the level `restricted` allows.
const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

/// Refuses a pod that its namespace does not take.
pub(super) fn admit(state: &State, kind: &Kind, pod: &Value) -> Result<(), Error> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or("");
    let Some(labels) = state.objects.get(&Key::new(&kinds::NAMESPACES, "", namespace)).map(|it| it["metadata"]["labels"].clone())
    else {
        return Ok(());
    };
    let level = labels[ENFORCE].as_str().unwrap_or("privileged");
    let mut faults = Vec::new();
    if matches!(level, "baseline" | "restricted") {
        baseline(&pod["spec"], level == "restricted", &mut faults);
    }
    if level == "restricted" {
        restricted(&pod["spec"], &mut faults);
    }
    if faults.is_empty() {
        return Ok(());
    }
    let version = labels[format!("{ENFORCE}-version")].as_str().unwrap_or("latest").to_owned();
    let name = pod["metadata"]["name"].as_str().unwrap_or("");
    let why = format!("violates PodSecurity \"{level}:{version}\": {}", faults.join(", "));
    Err(Error::forbidden(&kind.group, &kind.plural, name, format!("{} \"{name}\" is forbidden: {why}", kind.qualified_plural())))
}

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(|list| spec[list].as_array().into_iter().flatten())
}

/// `container "a"`, `containers "a", "b"`: those for which something holds.
fn named(spec: &Value, holds: impl Fn(&Value) -> bool) -> Option<String> {
    let names: Vec<String> = containers(spec)
        .filter(|container| holds(container))
        .map(|container| format!("\"{}\"", container["name"].as_str().unwrap_or("")))
        .collect();
    match names.len() {
        0 => None,
        1 => Some(format!("container {}", names[0])),
        _ => Some(format!("containers {}", names.join(", "))),
    }
}

fn baseline(spec: &Value, is_restricted: bool, faults: &mut Vec<String>) {
    let shared: Vec<&str> = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|field| spec[*field] == true).collect();
    if !shared.is_empty() {
        faults.push(format!(
            "host namespaces ({})",
            shared.iter().map(|field| format!("{field}=true")).collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(who) = named(spec, |container| container["securityContext"]["privileged"] == true) {
        faults.push(format!("privileged ({who} must not set securityContext.privileged=true)"));
    }
    let added = |container: &Value| -> Vec<String> {
        let list = container["securityContext"]["capabilities"]["add"].as_array().into_iter().flatten().filter_map(Value::as_str);
        list.filter(|added| !HARMLESS.contains(added)).map(|added| format!("\"{added}\"")).collect()
    };
    // The stricter level has its own rule for capabilities.
    if let Some(who) = named(spec, |container| !added(container).is_empty()).filter(|_| !is_restricted) {
        let all: Vec<String> = containers(spec).flat_map(added).collect();
        faults.push(format!(
            "non-default capabilities ({who} must not include {} in securityContext.capabilities.add)",
            all.join(", ")
        ));
    }
    let volumes = spec["volumes"].as_array().into_iter().flatten().filter(|volume| volume["hostPath"].is_object());
    let paths: Vec<String> = volumes.map(|volume| format!("\"{}\"", volume["name"].as_str().unwrap_or(""))).collect();
    if !paths.is_empty() && !is_restricted {
        faults.push(format!("hostPath volumes (volume{} {})", if paths.len() > 1 { "s" } else { "" }, paths.join(", ")));
    }
    let ports = containers(spec).flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let ports: Vec<String> =
        ports.filter_map(|port| port["hostPort"].as_i64().filter(|port| *port != 0)).map(|port| port.to_string()).collect();
    if let Some(who) = named(spec, |container| {
        container["ports"].as_array().into_iter().flatten().any(|port| port["hostPort"].as_i64().is_some_and(|port| port != 0))
    }) {
        let word = if ports.len() > 1 { "hostPorts" } else { "hostPort" };
        faults.push(format!("hostPort ({who} uses {word} {})", ports.join(", ")));
    }
}

fn restricted(spec: &Value, faults: &mut Vec<String>) {
    if let Some(who) = named(spec, |container| container["securityContext"]["allowPrivilegeEscalation"] != false) {
        faults.push(format!("allowPrivilegeEscalation != false ({who} must set securityContext.allowPrivilegeEscalation=false)"));
    }
    let drops_all = |container: &Value| {
        container["securityContext"]["capabilities"]["drop"]
            .as_array()
            .is_some_and(|drop| drop.iter().any(|dropped| dropped == "ALL"))
    };
    if let Some(who) = named(spec, |container| !drops_all(container)) {
        faults.push(format!("unrestricted capabilities ({who} must set securityContext.capabilities.drop=[\"ALL\"])"));
    }
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    let odd = volumes.filter(|volume| !VOLUMES.iter().any(|allowed| volume[*allowed].is_object()));
    let odd: Vec<(String, String)> =
        odd.map(|volume| (format!("\"{}\"", volume["name"].as_str().unwrap_or("")), source(volume))).collect();
    if !odd.is_empty() {
        let (names, mut kinds): (Vec<String>, Vec<String>) = odd.into_iter().unzip();
        kinds.dedup();
        let word = if names.len() > 1 { "volumes" } else { "volume" };
        let what = if kinds.len() > 1 { "restricted volume types" } else { "restricted volume type" };
        faults.push(format!("restricted volume types ({word} {} uses {what} {})", names.join(", "), kinds.join(", ")));
    }
    let pod_says = |field: &str| spec["securityContext"][field].clone();
    let unsafe_user = |container: &Value| {
        let own = &container["securityContext"]["runAsNonRoot"];
        *own != true && (own == false || pod_says("runAsNonRoot") != true)
    };
    if let Some(who) = named(spec, unsafe_user) {
        faults.push(format!("runAsNonRoot != true (pod or {who} must set securityContext.runAsNonRoot=true)"));
    }
    if let Some(who) = named(spec, |container| container["securityContext"]["runAsUser"] == 0) {
        faults.push(format!("runAsUser=0 ({who} must not set runAsUser=0)"));
    }
    let confined = |kind: &Value| matches!(kind.as_str(), Some("RuntimeDefault" | "Localhost"));
    let whole = confined(&pod_says("seccompProfile")["type"]);
    let open = |container: &Value| {
        let own = &container["securityContext"]["seccompProfile"]["type"];
        if own.is_null() { !whole } else { !confined(own) }
    };
    if let Some(who) = named(spec, open) {
        let wanted = "securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"";
        faults.push(format!("seccompProfile (pod or {who} must set {wanted})"));
    }
}

/// The kind of a volume.
fn source(volume: &Value) -> String {
    let mut fields = volume.as_object().into_iter().flatten().filter(|(field, _)| *field != "name");
    let source = fields.next().map_or("", |(field, _)| field.as_str());
    format!("\"{source}\"")
}
