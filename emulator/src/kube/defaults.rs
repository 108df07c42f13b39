//! What the API server fills in, so that a stored object is complete (`pkg/apis/{core,apps}/v1/defaults.go`), and what an object
//! begins its life with (the registries' `PrepareForCreate`).

use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// What a new object begins with: a status that no client gives, the labels that the server sets.
pub fn begin(kind: &Kind, object: &mut Value) {
    match kind.kind.as_str() {
        "Pod" => object["status"] = json!({"phase": "Pending", "qosClass": qos_class(&object["spec"])}),
        "Deployment" => object["status"] = json!({}),
        "ReplicaSet" => object["status"] = json!({"replicas": 0}),
        "Service" => object["status"] = json!({"loadBalancer": {}}),
        "Namespace" => {
            let name = object["metadata"]["name"].clone();
            section(&mut object["metadata"], "labels").insert("kubernetes.io/metadata.name".into(), name);
            object["spec"] = json!({"finalizers": ["kubernetes"]});
            object["status"] = json!({"phase": "Active"});
        }
        _ => {}
    }
}

/// Defaults of fields that are not set.
pub fn apply(kind: &Kind, object: &mut Value) {
    match kind.kind.as_str() {
        "Pod" if object["spec"].is_object() => pod_spec(&mut object["spec"], true),
        "Deployment" => deployment(object),
        "ReplicaSet" => replica_set(object),
        "Service" if object["spec"].is_object() => service(object),
        "Secret" => secret(object),
        _ => {}
    }
}

/// What stays as it was if a new version leaves it out: what admission and the server chose.
pub fn keep(kind: &Kind, old: &Value, new: &mut Value) {
    if kind.kind == "Service" && new["spec"]["type"] != "ExternalName" {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            default(&mut new["spec"], field, old["spec"][field].clone());
        }
    }
}

/// The object in a field, made if there is none.
fn section<'a>(object: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    if !object[field].is_object() {
        object[field] = json!({});
    }
    object[field].as_object_mut().expect("it was made an object above")
}

/// Sets a field that is not set; an empty text counts as not set.
fn default(object: &mut Value, field: &str, value: impl Into<Value>) {
    let value = value.into();
    if let Value::Object(fields) = object
        && !value.is_null()
        && fields.get(field).is_none_or(|found| found.is_null() || found == "")
    {
        fields.insert(field.to_owned(), value);
    }
}

fn each<'a>(object: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

fn deployment(object: &mut Value) {
    let spec = &mut object["spec"];
    if !spec.is_object() {
        return;
    }
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "progressDeadlineSeconds", 600);
    default(spec, "strategy", json!({}));
    default(&mut spec["strategy"], "type", "RollingUpdate");
    if spec["strategy"]["type"] == "RollingUpdate" {
        default(&mut spec["strategy"], "rollingUpdate", json!({}));
        default(&mut spec["strategy"]["rollingUpdate"], "maxUnavailable", "25%");
        default(&mut spec["strategy"]["rollingUpdate"], "maxSurge", "25%");
    }
    template(spec);
}

fn replica_set(object: &mut Value) {
    let spec = &mut object["spec"];
    if spec.is_object() {
        default(spec, "replicas", 1);
        template(spec);
    }
}

fn template(spec: &mut Value) {
    if spec["template"].is_object() {
        default(&mut spec["template"], "metadata", json!({}));
        if spec["template"]["spec"].is_object() {
            pod_spec(&mut spec["template"]["spec"], false);
        }
    }
}

/// Defaults of a pod's specification; those of a pod itself are more than those of a template.
fn pod_spec(spec: &mut Value, is_pod: bool) {
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
    for list in ["initContainers", "containers"] {
        each(spec, list).filter(|item| item.is_object()).for_each(|item| container(item, host_network));
    }
    each(spec, "volumes").filter(|item| item.is_object()).for_each(volume);
}

fn container(container: &mut Value, host_network: bool) {
    default(container, "terminationMessagePath", "/dev/termination-log");
    default(container, "terminationMessagePolicy", "File");
    default(container, "resources", json!({}));
    let policy = pull_policy(container["image"].as_str().unwrap_or(""));
    default(container, "imagePullPolicy", policy);
    for port in each(container, "ports") {
        default(port, "protocol", "TCP");
        if host_network {
            let number = port["containerPort"].clone();
            default(port, "hostPort", number);
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[probe].is_object() {
            for (field, value) in [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
            {
                default(&mut container[probe], field, value);
            }
            if container[probe]["httpGet"].is_object() {
                default(&mut container[probe]["httpGet"], "path", "/");
                default(&mut container[probe]["httpGet"], "scheme", "HTTP");
            }
        }
    }
    for variable in each(container, "env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            default(&mut variable["valueFrom"]["fieldRef"], "apiVersion", "v1");
        }
    }
    let limits = container["resources"]["limits"].as_object().cloned().unwrap_or_default();
    if !limits.is_empty() {
        let requests = section(&mut container["resources"], "requests");
        for (resource, limit) in limits {
            requests.entry(resource).or_insert(limit);
        }
    }
}

/// `Always` for the tag `latest` and for no tag, `IfNotPresent` for the rest.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or(image);
    match name.split_once(':') {
        _ if name.contains('@') => "IfNotPresent",
        Some((_, "latest")) | None => "Always",
        Some(_) => "IfNotPresent",
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
    if volume.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key("name")) {
        volume["emptyDir"] = json!({});
    }
}

/// `Guaranteed`, `Burstable` or `BestEffort` (`pkg/apis/core/v1/helper/qos`).
fn qos_class(spec: &Value) -> &'static str {
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

fn service(object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    if spec["type"] == "ExternalName" {
        return;
    }
    default(spec, "internalTrafficPolicy", "Cluster");
    if spec["type"] != "ClusterIP" {
        default(spec, "externalTrafficPolicy", "Cluster");
    }
    if spec["type"] == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", true);
    }
    for port in each(spec, "ports") {
        default(port, "protocol", "TCP");
        let number = port["port"].clone();
        default(port, "targetPort", number);
    }
}

/// The type, and `stringData` written into `data` (`registry/core/secret/strategy.go`).
fn secret(object: &mut Value) {
    use base64::Engine as _;
    default(object, "type", "Opaque");
    let Some(Value::Object(texts)) = object.as_object_mut().and_then(|fields| fields.shift_remove("stringData")) else { return };
    let data = section(object, "data");
    for (key, text) in texts {
        data.insert(key, base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or("")).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::kinds;

    #[test]
    fn a_deployment_is_completed() {
        let mut deployment = json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "r/a:v1", "ports": [{"containerPort": 80}]}]}}}});
        apply(&kinds::DEPLOYMENTS, &mut deployment);
        let spec = &deployment["spec"];
        assert_eq!(
            spec["strategy"],
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})
        );
        assert_eq!((&spec["replicas"], &spec["progressDeadlineSeconds"]), (&json!(1), &json!(600)));
        let container = &spec["template"]["spec"]["containers"][0];
        assert_eq!((&container["imagePullPolicy"], &container["ports"][0]["protocol"]), (&json!("IfNotPresent"), &json!("TCP")));
        let complete = deployment.clone();
        apply(&kinds::DEPLOYMENTS, &mut deployment);
        assert_eq!(deployment, complete);
    }

    #[test]
    fn the_pull_policy_follows_the_tag() {
        let images = ["a", "a:latest", "r:5000/a", "r:5000/a:v1", "a@sha256:0"];
        assert_eq!(images.map(pull_policy), ["Always", "Always", "Always", "IfNotPresent", "IfNotPresent"]);
    }

    #[test]
    fn a_secrets_texts_become_data() {
        let mut secret = json!({"stringData": {"a": "b"}});
        apply(&kinds::SECRETS, &mut secret);
        assert_eq!(secret, json!({"type": "Opaque", "data": {"a": "Yg=="}}));
    }
}
