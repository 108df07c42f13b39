//! Defaults of pods and of the templates of pods.

use serde_json::{Value, json};

use super::{default, each, each_in, section};

pub(super) fn template(spec: &mut Value) {
    if spec["template"].is_object() {
        default(&mut spec["template"], "metadata", json!({}));
        if spec["template"]["spec"].is_object() {
            pod_spec(&mut spec["template"]["spec"], false);
        }
    }
}

/// Defaults of a pod's specification; those of a pod itself are more than those of a template.
pub(super) fn pod_spec(spec: &mut Value, is_pod: bool) {
    default(spec, "restartPolicy", "Always");
    default(spec, "terminationGracePeriodSeconds", 30);
    default(spec, "dnsPolicy", "ClusterFirst");
    default(spec, "securityContext", json!({}));
    default(spec, "schedulerName", "default-scheduler");
    if is_pod {
        default(spec, "enableServiceLinks", true);
    }
    let (account, deprecated) = (spec["serviceAccountName"].clone(), spec["serviceAccount"].clone());
    default(spec, "serviceAccountName", deprecated);
    default(spec, "serviceAccount", account);
    let host_network = spec["hostNetwork"] == true;
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for item in each(spec, list).filter(|item| item.is_object()) {
            container(item);
            if is_pod {
                request_limits(item);
            }
            if is_pod && host_network {
                take_host_ports(item);
            }
        }
    }
    each(spec, "volumes").filter(|item| item.is_object()).for_each(volume);
}

fn container(container: &mut Value) {
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    default(container, "resources", json!({}));
    let policy = pull_policy(container["image"].as_str().unwrap_or(""));
    default(container, "imagePullPolicy", policy);
    for port in each(container, "ports") {
        default(port, "protocol", "TCP");
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[probe].is_object() {
            for (field, value) in [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
            {
                default(&mut container[probe], field, value);
            }
            http_action(&mut container[probe]);
            if container[probe]["grpc"].is_object() && container[probe]["grpc"]["service"].is_null() {
                container[probe]["grpc"]["service"] = "".into();
            }
        }
    }
    for handler in ["postStart", "preStop"] {
        if container["lifecycle"][handler].is_object() {
            http_action(&mut container["lifecycle"][handler]);
        }
    }
    for variable in each(container, "env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            default(&mut variable["valueFrom"]["fieldRef"], "apiVersion", "v1");
        }
    }
}

fn http_action(handler: &mut Value) {
    if handler["httpGet"].is_object() {
        default(&mut handler["httpGet"], "path", "/");
        default(&mut handler["httpGet"], "scheme", "HTTP");
    }
}

/// What is limited and not requested is requested as it is limited.
fn request_limits(container: &mut Value) {
    let limits = container["resources"]["limits"].as_object().cloned().unwrap_or_default();
    if !limits.is_empty() {
        let requests = section(&mut container["resources"], "requests");
        for (resource, limit) in limits {
            requests.entry(resource).or_insert(limit);
        }
    }
}

/// In the host's network a container's port is the host's.
fn take_host_ports(container: &mut Value) {
    for port in each(container, "ports") {
        let number = port["containerPort"].clone();
        default(port, "hostPort", number);
    }
}

/// `Always` for the tag `latest` and for no tag, `IfNotPresent` for the rest.
pub(super) fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or(image);
    match name.split_once(':') {
        _ if name.contains('@') => "IfNotPresent",
        Some((_, "latest")) | None => "Always",
        Some(_) => "IfNotPresent",
    }
}

fn field_reference(item: &mut Value) {
    if item["fieldRef"].is_object() {
        default(&mut item["fieldRef"], "apiVersion", "v1");
    }
}

fn volume(volume: &mut Value) {
    let sources = ["secret", "configMap", "projected", "downwardAPI"];
    if let Some(source) = sources.into_iter().find(|source| volume[*source].is_object()) {
        default(&mut volume[source], "defaultMode", 420);
    }
    if volume["hostPath"].is_object() && volume["hostPath"]["type"].is_null() {
        volume["hostPath"]["type"] = "".into();
    }
    for source in each_in(volume, "projected", "sources") {
        if source["serviceAccountToken"].is_object() {
            default(&mut source["serviceAccountToken"], "expirationSeconds", 3600);
        }
        each_in(source, "downwardAPI", "items").for_each(field_reference);
    }
    each_in(volume, "downwardAPI", "items").for_each(field_reference);
    if volume["ephemeral"]["volumeClaimTemplate"]["spec"].is_object() {
        default(&mut volume["ephemeral"]["volumeClaimTemplate"]["spec"], "volumeMode", "Filesystem");
    }
    if volume.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key("name")) {
        volume["emptyDir"] = json!({});
    }
}

/// `Guaranteed`, `Burstable` or `BestEffort` (`pkg/apis/core/v1/helper/qos`).
pub(super) fn qos_class(spec: &Value) -> &'static str {
    let containers = ["initContainers", "containers"].into_iter().flat_map(|list| spec[list].as_array().into_iter().flatten());
    let (mut any, mut all) = (false, true);
    for container in containers {
        let resources = &container["resources"];
        for resource in ["cpu", "memory"] {
            let (limit, request) = (&resources["limits"][resource], &resources["requests"][resource]);
            any |= !limit.is_null() || !request.is_null();
            all &= !limit.is_null() && (request.is_null() || request == limit);
        }
    }
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
