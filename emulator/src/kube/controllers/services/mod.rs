//! The controllers of Services: `Endpoints`, `EndpointSlices`, and the address of a load balancer.
//! Rule: the endpoints, endpointslice and service controllers of Kubernetes 1.34, and Azure's cloud provider.

mod endpoints;
mod load_balancer;
mod slices;

use std::sync::Arc;

use serde_json::{Value, json};

use super::context::Context;
use super::object::*;
use super::pods::is_over;
use crate::kube::kinds;
use crate::kube::store::Key;

/// The label of what belongs to a Service without an address.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// Brings what follows from a Service up to date.
pub fn sync(context: &mut Context, key: &Key) {
    let service = context.get(key);
    load_balancer::sync(context, key, service.as_deref());
    let Some(service) = context.get(key).filter(|service| !is_terminating(service)) else {
        return endpoints::forget(context, key);
    };
    // Without a selector, someone else says what is behind the Service.
    if service["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty) || service["spec"]["type"] == "ExternalName"
    {
        return;
    }
    let behind = Behind::of(context, &service);
    endpoints::sync(context, key, &service, &behind);
    slices::sync(context, &service, &behind);
}

/// The Services of a namespace that select these labels.
pub fn selecting(context: &Context, namespace: &str, labels: &Value) -> Vec<Key> {
    let (services, _) = context.cluster.list(&kinds::SERVICES, Some(namespace));
    let selecting = services.iter().filter(|service| {
        let selector = &service["spec"]["selector"];
        selector.as_object().is_some_and(|selector| !selector.is_empty()) && selects(&json!({"matchLabels": selector}), labels)
    });
    selecting.map(|service| Key::new(&kinds::SERVICES, namespace, name(service))).collect()
}

/// A pod behind a Service.
struct Backend {
    pod: Arc<Value>,
    /// Whether traffic goes there.
    ready: bool,
    /// Whether the pod itself is ready.
    serving: bool,
    /// The ports of the Service as this pod has them.
    ports: Value,
}

/// What is behind a Service, by address.
struct Behind(Vec<Backend>);

impl Behind {
    fn of(context: &Context, service: &Value) -> Self {
        let selector = json!({"matchLabels": service["spec"]["selector"]});
        let (pods, _) = context.cluster.list(&kinds::PODS, Some(namespace(service)));
        let behind = pods.into_iter().filter(|pod| {
            let placed = !text(pod, "/status/podIP").is_empty();
            placed && !is_over(pod) && selects(&selector, &pod["metadata"]["labels"])
        });
        let all_ready = service["spec"]["publishNotReadyAddresses"] == true;
        let backends = behind.map(|pod| Backend {
            ready: all_ready || (is_ready(&pod) && !is_terminating(&pod)),
            serving: all_ready || is_ready(&pod),
            ports: ports(service, &pod),
            pod,
        });
        let mut backends: Vec<_> = backends.collect();
        backends.sort_by_cached_key(|backend| address_key(text(&backend.pod, "/status/podIP")));
        Self(backends)
    }
}

/// Addresses in the order of their numbers.
fn address_key(address: &str) -> (Option<std::net::IpAddr>, String) {
    (address.parse().ok(), address.to_owned())
}

/// The ports of a Service with the numbers that they have in a pod; a name that the pod does not know leaves its port out.
fn ports(service: &Value, pod: &Value) -> Value {
    let found = items(service, "/spec/ports").iter().filter_map(|port| {
        let protocol = if port["protocol"].is_null() { json!("TCP") } else { port["protocol"].clone() };
        let number = match &port["targetPort"] {
            Value::String(wanted) => named_port(pod, wanted, &protocol)?,
            Value::Number(number) if number.as_i64() != Some(0) => json!(number),
            _ => port["port"].clone(),
        };
        let mut shown = json!({"name": text(port, "/name"), "port": number, "protocol": protocol});
        if port["appProtocol"].is_string() {
            shown["appProtocol"] = port["appProtocol"].clone();
        }
        Some(shown)
    });
    found.collect::<Vec<_>>().into()
}

fn named_port(pod: &Value, wanted: &str, protocol: &Value) -> Option<Value> {
    let containers = items(pod, "/spec/containers").iter().chain(items(pod, "/spec/initContainers"));
    let mut ports = containers.flat_map(|container| items(container, "/ports"));
    let port = ports.find(|port| port["name"] == wanted && (port["protocol"] == *protocol || port["protocol"].is_null()))?;
    Some(port["containerPort"].clone())
}

/// The labels of what belongs to a Service: its own, without those that the controllers set.
fn labels(service: &Value, set: &[(&str, &str)]) -> Value {
    let own = service.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut labels: serde_json::Map<String, Value> = own.into_iter().filter(|(key, _)| key != HEADLESS).collect();
    if text(service, "/spec/clusterIP") == "None" {
        labels.insert(HEADLESS.into(), "".into());
    }
    for (key, value) in set {
        labels.insert((*key).into(), (*value).into());
    }
    labels.sort_keys();
    labels.into()
}

/// Which pod an address is.
fn target(pod: &Value) -> Value {
    json!({"kind": "Pod", "namespace": namespace(pod), "name": name(pod), "uid": uid(pod)})
}

/// The name that a pod has in the domain of a Service without an address.
fn hostname<'a>(service: &Value, pod: &'a Value) -> Option<&'a str> {
    let host = text(pod, "/spec/hostname");
    (!host.is_empty() && text(pod, "/spec/subdomain") == name(service)).then_some(host)
}
