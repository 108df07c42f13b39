//! Rules for objects (`pkg/apis/*/validation`): required fields, names, labels, enumerations, selectors that match their templates,
//! and what may not change.

mod changes;
mod core;
mod names;
mod network;
mod pods;
mod policy;
mod scripts;
mod server;
mod workloads;

use serde_json::Value;

use self::names::{LABEL_1035, SUBDOMAIN, key_fault, label_fault, labels, too_long};
pub use self::names::{is_label, is_subdomain, label_1035_fault, selected, subdomain_fault};
use super::custom;
use super::error::Cause;
use super::kinds::Kind;

const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// What is wrong with a new object.
pub fn new_object(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    metadata(kind, object, &mut causes);
    content(kind, object, &mut causes);
    scripts::check(object, &mut causes);
    causes
}

/// What is wrong with a changed object.
pub fn changed_object(kind: &Kind, old: &Value, new: &Value) -> Vec<Cause> {
    if let Some(version) = &kind.custom {
        let mut causes = Vec::new();
        metadata(kind, new, &mut causes);
        causes.extend(custom::faults_of_change_of_object(version, old, new));
        return causes;
    }
    let mut causes = new_object(kind, new);
    changes::immutable(kind, old, new, &mut causes);
    causes
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn list(value: &Value) -> impl Iterator<Item = (usize, &Value)> {
    value.as_array().into_iter().flatten().enumerate()
}

/// Makes a field as it is in another object.
fn set_like(object: &mut Value, other: &Value, field: &str) {
    if let Value::Object(fields) = object {
        match other.get(field) {
            Some(value) => fields.insert(field.into(), value.clone()),
            None => fields.shift_remove(field),
        };
    }
}

/// Names that need only be a segment of a path.
fn path_fault(name: &str) -> Option<String> {
    if name == "." || name == ".." {
        return Some(format!("may not be '{name}'"));
    }
    ['/', '%'].into_iter().find(|c| name.contains(*c)).map(|c| format!("may not contain '{c}'"))
}

fn name_fault(kind: &Kind, name: &str) -> Option<String> {
    match kind.kind.as_str() {
        _ if kind.custom.is_some() => subdomain_fault(name),
        "Namespace" | "StatefulSet" => label_fault(name),
        "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => path_fault(name),
        "IPAddress" => name
            .parse::<std::net::IpAddr>()
            .is_err()
            .then(|| "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".into()),
        "Service" if name.len() > 63 => Some(too_long(63)),
        "Service" => (!(is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()))).then(|| LABEL_1035.into()),
        _ if name.len() > 253 => Some(too_long(253)),
        _ => (!is_subdomain(name)).then(|| SUBDOMAIN.into()),
    }
}

fn metadata(kind: &Kind, object: &Value, causes: &mut Vec<Cause>) {
    let metadata = &object["metadata"];
    let name = text(&metadata["name"]);
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if let Some(fault) = name_fault(kind, name) {
        causes.push(Cause::invalid("metadata.name", &metadata["name"], &fault));
    }
    labels("metadata.labels", &metadata["labels"], causes);
    for key in metadata["annotations"].as_object().into_iter().flatten().map(|(key, _)| key) {
        if let Some(fault) = key_fault(&key.to_lowercase()) {
            causes.push(Cause::invalid("metadata.annotations", &key.as_str().into(), &fault));
        }
    }
}

fn content(kind: &Kind, object: &Value, causes: &mut Vec<Cause>) {
    if let Some(version) = &kind.custom {
        return causes.extend(custom::faults_of_object(version, object));
    }
    let spec = &object["spec"];
    match kind.kind.as_str() {
        "CustomResourceDefinition" => causes.extend(custom::faults(object)),
        "Pod" => pods::pod_spec("spec", spec, causes),
        "PodTemplate" => pods::pod_spec("template.spec", &object["template"]["spec"], causes),
        "Deployment" => {
            workloads::workload("deployment", spec, causes);
            workloads::strategy(spec, causes);
        }
        "ReplicaSet" => workloads::workload("deployment", spec, causes),
        "ReplicationController" => workloads::replication_controller(spec, causes),
        "StatefulSet" => workloads::stateful_set(spec, causes),
        "DaemonSet" => workloads::daemon_set(spec, causes),
        "Job" => workloads::job(object, causes),
        "CronJob" => workloads::cron_job(object, causes),
        "Service" => core::service(spec, causes),
        "ConfigMap" => core::keys("data", &object["data"], causes),
        "Secret" => core::secret(object, causes),
        "Event" => core::event(object, causes),
        "PersistentVolume" => core::volume(spec, causes),
        "PersistentVolumeClaim" => core::claim(spec, causes),
        "LimitRange" => core::limit_range(spec, causes),
        "ResourceQuota" => core::quota(spec, causes),
        "Ingress" => network::ingress(spec, causes),
        "IngressClass" => network::ingress_class(spec, causes),
        "NetworkPolicy" => network::network_policy(spec, causes),
        "ServiceCIDR" => network::service_cidr(spec, causes),
        "IPAddress" => network::ip_address(object, causes),
        "EndpointSlice" => network::endpoint_slice(object, causes),
        "Role" | "ClusterRole" => policy::role(object, kind.namespaced, causes),
        "RoleBinding" | "ClusterRoleBinding" => policy::role_binding(object, kind.namespaced, causes),
        "HorizontalPodAutoscaler" => policy::autoscaler(spec, causes),
        "PodDisruptionBudget" => policy::disruption_budget(spec, causes),
        "PriorityClass" => policy::priority_class(object, causes),
        "StorageClass" => policy::storage_class(object, causes),
        "VolumeAttributesClass" => policy::volume_attributes_class(object, causes),
        "VolumeAttachment" => policy::attachment(spec, causes),
        "CSIDriver" => policy::csi_driver(spec, causes),
        "Lease" => policy::lease(spec, causes),
        "RuntimeClass" => policy::runtime_class(object, causes),
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => server::webhooks(object, causes),
        "CertificateSigningRequest" => server::signing_request(spec, causes),
        "ValidatingAdmissionPolicy" => server::admission_policy(spec, causes),
        "ValidatingAdmissionPolicyBinding" => server::admission_binding(spec, causes),
        "FlowSchema" => server::flow_schema(spec, causes),
        "PriorityLevelConfiguration" => server::priority_level(spec, causes),
        _ => {}
    }
}

/// Says of each of these fields that is negative that it may not be.
fn not_negative(at: &str, object: &Value, fields: &[&str], causes: &mut Vec<Cause>) {
    for field in fields.iter().filter(|field| negative(&object[**field])) {
        causes.push(Cause::invalid(format!("{at}.{field}"), &object[*field], NOT_NEGATIVE));
    }
}

fn negative(value: &Value) -> bool {
    value.as_i64().is_some_and(|number| number < 0)
}

fn enumerated(at: &str, object: &Value, field: &str, supported: &[&str], causes: &mut Vec<Cause>) {
    let value = &object[field];
    if !value.is_null() && !supported.contains(&text(value)) {
        let at = if at.is_empty() { field.to_owned() } else { format!("{at}.{field}") };
        causes.push(Cause::not_supported(at, value, supported));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kube::kinds;

    fn told(kind: &Kind, object: Value) -> Vec<String> {
        new_object(kind, &object).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pod_needs_a_name_and_containers() {
        let causes = told(&kinds::PODS, json!({"metadata": {"name": "X_bad"}, "spec": {}}));
        assert_eq!(causes[0], format!("metadata.name: Invalid value: \"X_bad\": {SUBDOMAIN}"));
        assert_eq!(causes[1], "spec.containers: Required value");
        let causes = told(&kinds::PODS, json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}}));
        assert_eq!(causes, ["spec.containers[0].image: Required value"]);
    }

    #[test]
    fn a_selector_must_match_its_template_and_stay() {
        let deployment = |selector: Value, labels: Value| {
            json!({"metadata": {"name": "d"}, "spec": {"selector": selector, "template": {"metadata": {"labels": labels},
                "spec": {"containers": [{"name": "a", "image": "i"}]}}}})
        };
        let good = deployment(json!({"matchLabels": {"a": "b"}}), json!({"a": "b"}));
        assert!(new_object(&kinds::DEPLOYMENTS, &good).is_empty());
        let bad = deployment(json!({"matchLabels": {"a": "b"}}), json!({"a": "c"}));
        let why = "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template `labels`";
        assert_eq!(told(&kinds::DEPLOYMENTS, bad), [why]);
        let moved = deployment(json!({"matchLabels": {"x": "y"}}), json!({"x": "y"}));
        let causes = changed_object(&kinds::DEPLOYMENTS, &good, &moved);
        assert_eq!(causes[0].to_string(), "spec.selector: Invalid value: {\"matchLabels\":{\"x\":\"y\"}}: field is immutable");
    }
}
