//! The cells of a table's rows, kind by kind (`pkg/printers/internalversion/printers.go`).

mod cluster;
mod network;
mod pods;
mod policy;
mod storage;
mod workloads;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::table::age;

/// The cells of one object, in the order of the kind's columns.
pub fn of(kind: &Kind, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = object["metadata"]["name"].clone();
    let old = json!(age(&object["metadata"]["creationTimestamp"], now));
    match kind.kind.as_str() {
        "ComponentStatus" => policy::component(object, name),
        "ConfigMap" => vec![name, (count(&object["data"]) + count(&object["binaryData"])).into(), old],
        "Endpoints" => vec![name, network::endpoints(object).into(), old],
        "Event" => cluster::event(object, name, now),
        "Namespace" => vec![name, text(&object["status"]["phase"]).into(), old],
        "Node" => cluster::node(object, name, old),
        "PersistentVolume" => storage::volume(object, name, old),
        "PersistentVolumeClaim" => storage::claim(object, name, old),
        "Pod" => pods::pod(object, name, old, now),
        "PodTemplate" => workloads::pod_template(object, name),
        "ReplicationController" => workloads::replication_controller(object, name, old),
        "ResourceQuota" => policy::quota(object, name, old),
        "Secret" => vec![name, text(&object["type"]).into(), count(&object["data"]).into(), old],
        "Service" => network::service(object, name, old),
        "ServiceAccount" => vec![name, list(&object["secrets"]).count().into(), old],
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            vec![name, list(&object["webhooks"]).count().into(), old]
        }
        "ValidatingAdmissionPolicy" => policy::admission_policy(object, name, old),
        "ValidatingAdmissionPolicyBinding" => policy::admission_binding(object, name, old),
        "ControllerRevision" => workloads::controller_revision(object, name, old),
        "DaemonSet" => workloads::daemon_set(object, name, old),
        "Deployment" => workloads::deployment(object, name, old),
        "ReplicaSet" => workloads::replica_set(object, name, old),
        "StatefulSet" => workloads::stateful_set(object, name, old),
        "HorizontalPodAutoscaler" => workloads::autoscaler(object, name, old),
        "CronJob" => workloads::cron_job(object, name, old, now),
        "Job" => workloads::job(object, name, old, now),
        "CertificateSigningRequest" => policy::signing_request(object, name, old),
        "Lease" => vec![name, text(&object["spec"]["holderIdentity"]).into(), old],
        "EndpointSlice" => network::endpoint_slice(object, name, old),
        "FlowSchema" => policy::flow_schema(object, name, old),
        "PriorityLevelConfiguration" => policy::priority_level(object, name, old),
        "Ingress" => network::ingress(object, name, old),
        "IngressClass" => network::ingress_class(object, name, old),
        "IPAddress" => network::ip_address(object, name),
        "NetworkPolicy" => vec![name, selected(&object["spec"]["podSelector"]), old],
        "ServiceCIDR" => network::service_cidr(object, name, old),
        "RuntimeClass" => vec![name, text(&object["handler"]).into(), old],
        "PodDisruptionBudget" => workloads::disruption_budget(object, name, old),
        "ClusterRoleBinding" | "RoleBinding" => policy::role_binding(object, name, old),
        "ResourceClaim" => policy::device_claim(object, name, old),
        "ResourceSlice" => policy::device_slice(object, name, old),
        "PriorityClass" => policy::priority_class(object, name, old),
        "CSIDriver" => storage::driver(object, name, old),
        "CSINode" => vec![name, list(&object["spec"]["drivers"]).count().into(), old],
        "CSIStorageCapacity" => storage::capacity(object, name),
        "StorageClass" => storage::storage_class(object, old),
        "VolumeAttachment" => storage::attachment(object, name, old),
        "VolumeAttributesClass" => vec![name, text(&object["driverName"]).into(), old],
        _ => std::iter::once(name).chain(kind.columns.iter().map(|column| by_title(column, object, &old))).collect(),
    }
}

/// What a column shows that every kind can have.
fn by_title(column: &str, object: &Value, old: &Value) -> Value {
    match column {
        "Age string" => old.clone(),
        "Created At date" => object["metadata"]["creationTimestamp"].clone(),
        _ => Value::Null,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn or_none(text: &str) -> Value {
    if text.is_empty() { "<none>".into() } else { text.into() }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn count(value: &Value) -> usize {
    value.as_object().map_or(0, serde_json::Map::len)
}

fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> + Clone {
    value.as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn labels(value: &Value) -> Value {
    let pairs: Vec<String> =
        value.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", text(value))).collect();
    or_none(&pairs.join(","))
}

/// A label selector as text.
pub fn selector(value: &Value) -> String {
    let mut terms: Vec<String> =
        value["matchLabels"].as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", text(value))).collect();
    terms.sort();
    for expression in list(&value["matchExpressions"]) {
        let key = text(&expression["key"]);
        let values: Vec<&str> = list(&expression["values"]).map(text).collect();
        terms.push(match text(&expression["operator"]) {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}

/// A label selector as a cell.
fn selected(value: &Value) -> Value {
    or_none(&selector(value))
}
