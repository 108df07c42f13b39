//! What the API server fills in, so that a stored object is complete (`pkg/apis/*/*/defaults.go`), and what an object begins its
//! life with (the registries' `PrepareForCreate`).

mod others;
mod pods;
mod storage;
mod workloads;

use serde_json::{Map, Value, json};

use self::pods::pod_spec;
use super::kinds::Kind;
use super::types;

/// What a new object begins with: a status that no client gives, the labels that the server sets.
pub fn begin(kind: &Kind, object: &mut Value) {
    match kind.kind.as_str() {
        "CustomResourceDefinition" => crate::kube::custom::begin(object),
        "Pod" => object["status"] = json!({"phase": "Pending", "qosClass": pods::qos_class(&object["spec"])}),
        "ReplicaSet" | "ReplicationController" => object["status"] = json!({"replicas": 0}),
        "StatefulSet" => object["status"] = json!({"replicas": 0, "availableReplicas": 0}),
        "DaemonSet" => {
            let counts = ["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"];
            object["status"] = counts.into_iter().map(|count| (count.to_owned(), json!(0))).collect::<Map<_, _>>().into();
            number_first_template(object);
        }
        "Job" => {
            workloads::select_by_uid(object);
            object["status"] = json!({});
        }
        "HorizontalPodAutoscaler" => object["status"] = json!({"desiredReplicas": 0, "currentMetrics": null}),
        "PodDisruptionBudget" => {
            let counts = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
            object["status"] = counts.into_iter().map(|count| (count.to_owned(), json!(0))).collect::<Map<_, _>>().into();
        }
        "Ingress" => object["status"] = json!({"loadBalancer": {}}),
        "PersistentVolume" => {
            let now = object["metadata"]["creationTimestamp"].clone();
            object["status"] = json!({"phase": "Pending", "lastPhaseTransitionTime": now});
        }
        "PersistentVolumeClaim" => object["status"] = json!({"phase": "Pending"}),
        "VolumeAttachment" => object["status"] = json!({"attached": false}),
        "Deployment"
        | "CronJob"
        | "ResourceQuota"
        | "ServiceCIDR"
        | "ResourceClaim"
        | "CertificateSigningRequest"
        | "FlowSchema"
        | "PriorityLevelConfiguration"
        | "ValidatingAdmissionPolicy" => object["status"] = json!({}),
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

/// Whether objects of a kind always have this section, as Go's structs have it that are no pointers.
fn always_has(kind: &Kind, section: &str) -> bool {
    let field = types::by_name(kind.type_name()).and_then(|known| known.field(section));
    field.is_some_and(|field| !field.pointer && matches!(field.shape, types::Shape::Message(_)))
}

/// Defaults of fields that are not set.
pub fn apply(kind: &Kind, object: &mut Value) {
    if always_has(kind, "spec") {
        default(object, "spec", json!({}));
    }
    match kind.kind.as_str() {
        "CustomResourceDefinition" => crate::kube::custom::complete(object),
        "Pod" if object["spec"].is_object() => pod_spec(&mut object["spec"], true),
        "Deployment" => workloads::deployment(object),
        "ReplicaSet" => workloads::replica_set(object),
        "Service" if object["spec"].is_object() => service(object),
        "Secret" => secret(object),
        "ReplicationController" => workloads::replication_controller(object),
        "StatefulSet" => workloads::stateful_set(object),
        "DaemonSet" => workloads::daemon_set(object),
        "Job" => workloads::job(object),
        "CronJob" => workloads::cron_job(object),
        "PodTemplate" => workloads::pod_template(object),
        "HorizontalPodAutoscaler" => workloads::autoscaler(object),
        "PersistentVolume" => storage::volume(object),
        "PersistentVolumeClaim" => storage::claim(object),
        "StorageClass" => storage::class(object),
        "CSIDriver" => storage::driver(object),
        "NetworkPolicy" => others::network_policy(object),
        "IngressClass" => others::ingress_class(object),
        "EndpointSlice" => others::endpoint_slice(object),
        "Endpoints" => others::endpoints(object),
        "RoleBinding" | "ClusterRoleBinding" => others::role_binding(object),
        "LimitRange" => others::limit_range(object),
        "PriorityClass" => default(object, "preemptionPolicy", "PreemptLowerPriority"),
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => others::webhooks(object),
        "ValidatingAdmissionPolicy" => others::admission_policy(object),
        "ValidatingAdmissionPolicyBinding" => others::admission_binding(object),
        "FlowSchema" => others::flow_schema(object),
        "PriorityLevelConfiguration" => others::priority_level(object),
        "ResourceClaim" => others::device_requests(&mut object["spec"]),
        "ResourceClaimTemplate" if object["spec"].is_object() => others::device_requests(&mut object["spec"]["spec"]),
        _ => {}
    }
}

/// The old count of a DaemonSet's templates, an annotation since `apps/v1`.
fn number_first_template(object: &mut Value) {
    section(&mut object["metadata"], "annotations").entry("deprecated.daemonset.template.generation").or_insert("1".into());
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

/// The items of a list in a section.
fn each_in<'a>(object: &'a mut Value, section: &str, field: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(section).and_then(|section| section.get_mut(field)).and_then(Value::as_array_mut).into_iter().flatten()
}

fn service(object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    if spec["sessionAffinity"] == "ClientIP" && spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"].is_null() {
        spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": 10800}});
    }
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
    use super::pods::pull_policy;
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
