//! `EndpointSlices`: the addresses behind a Service in pieces of a hundred, each with its conditions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::context::{Context, key_of};
use super::super::object::*;
use super::{Backend, Behind, hostname, labels, target};
use crate::kube::kinds;

/// How many endpoints one slice holds.
const SIZE: usize = 100;

/// Writes the slices of a Service: as few as hold all endpoints with the same ports.
pub fn sync(context: &mut Context, service: &Value, behind: &Behind) {
    let kind = *kinds::ENDPOINT_SLICES;
    let set = [
        ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
        ("kubernetes.io/service-name", name(service)),
    ];
    let labels = labels(service, &set);
    let mut existing = context.owned(uid(service), kind);
    for (ports, endpoints) in pieces(context, service, behind) {
        match take_like(&mut existing, &ports) {
            Some(slice) => {
                context.modify(&key_of(kind, &slice), |slice| {
                    map_at(slice, &["metadata"]).insert("labels".into(), labels.clone());
                    map_at(slice, &[]).insert("endpoints".into(), endpoints.into());
                    map_at(slice, &[]).insert("ports".into(), ports);
                });
            }
            None => {
                let metadata = json!({
                    "generateName": format!("{}-", name(service)), "namespace": namespace(service), "labels": labels,
                    "ownerReferences": [controller_reference(service, "v1", "Service")],
                });
                let slice = json!({"addressType": "IPv4", "endpoints": endpoints, "ports": ports, "metadata": metadata});
                context.create(kind, slice);
            }
        }
    }
    for surplus in existing {
        context.remove(&key_of(kind, &surplus));
    }
}

/// A slice to write again: one with the same ports if there is one.
fn take_like(existing: &mut Vec<Arc<Value>>, ports: &Value) -> Option<Arc<Value>> {
    let like = existing.iter().position(|slice| slice["ports"] == *ports).unwrap_or(0);
    (!existing.is_empty()).then(|| existing.remove(like))
}

/// Ports and endpoints of each slice; a Service with nothing behind it has one slice that is empty.
fn pieces(context: &Context, service: &Value, behind: &Behind) -> Vec<(Value, Vec<Value>)> {
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for backend in &behind.0 {
        let endpoint = endpoint(context, service, backend);
        match groups.iter_mut().find(|(ports, endpoints)| *ports == backend.ports && endpoints.len() < SIZE) {
            Some((_, endpoints)) => endpoints.push(endpoint),
            None => groups.push((backend.ports.clone(), vec![endpoint])),
        }
    }
    if groups.is_empty() {
        groups.push((Value::Null, Vec::new()));
    }
    groups
}

fn endpoint(context: &Context, service: &Value, backend: &Backend) -> Value {
    let pod = &backend.pod;
    let conditions = json!({"ready": backend.ready, "serving": backend.serving, "terminating": is_terminating(pod)});
    let mut endpoint = json!({"addresses": [pod["status"]["podIP"]], "conditions": conditions});
    if let Some(host) = hostname(service, pod) {
        endpoint["hostname"] = host.into();
    }
    endpoint["targetRef"] = target(pod);
    endpoint["nodeName"] = pod["spec"]["nodeName"].clone();
    let node = context.cluster.get(&kinds::NODES, "", text(pod, "/spec/nodeName"));
    if let Some(zone) = node.as_deref().and_then(|node| label(node, "topology.kubernetes.io/zone")) {
        endpoint["zone"] = zone.into();
    }
    endpoint
}
