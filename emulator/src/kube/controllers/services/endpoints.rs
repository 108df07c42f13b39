//! `Endpoints`: the addresses behind a Service in one object, those that are ready apart from the others.

use serde_json::{Value, json};

use super::super::context::Context;
use super::super::object::*;
use super::{Backend, Behind, hostname, labels, target};
use crate::kube::kinds;
use crate::kube::store::Key;

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
/// How many addresses one object has room for.
const MOST_ADDRESSES: usize = 1_000;

/// Writes the Endpoints of a Service.
pub fn sync(context: &mut Context, key: &Key, service: &Value, behind: &Behind) {
    let labels = labels(service, &[(MANAGED_BY, "endpoint-controller")]);
    let subsets = subsets(service, behind);
    let key = Key::new(&kinds::ENDPOINTS, &key.namespace, &key.name);
    let now = stamp(context.now());
    let Some(existing) = context.get(&key) else {
        let mut endpoints = json!({"metadata": {"name": key.name, "namespace": key.namespace, "labels": labels}});
        if !subsets.is_empty() {
            endpoints["subsets"] = subsets.into();
        }
        context.create(&kinds::ENDPOINTS, endpoints);
        return;
    };
    if items(&existing, "/subsets") == subsets && existing["metadata"]["labels"] == labels {
        return;
    }
    context.modify(&key, |endpoints| {
        map_at(endpoints, &["metadata"]).insert("labels".into(), labels);
        if subsets.is_empty() {
            map_at(endpoints, &[]).shift_remove("subsets");
        } else {
            map_at(endpoints, &[]).insert("subsets".into(), subsets.into());
        }
        if let Some(now) = now.as_str() {
            annotate(endpoints, "endpoints.kubernetes.io/last-change-trigger-time", now);
        }
    });
}

/// Deletes the Endpoints of a Service that is gone, if the controller made them.
pub fn forget(context: &Context, service: &Key) {
    let key = Key::new(&kinds::ENDPOINTS, &service.namespace, &service.name);
    if context.get(&key).is_some_and(|endpoints| label(&endpoints, MANAGED_BY).is_some()) {
        context.remove(&key);
    }
}

/// One subset for each set of ports that pods have.
fn subsets(service: &Value, behind: &Behind) -> Vec<Value> {
    let mut subsets: Vec<(Value, Vec<Value>, Vec<Value>)> = Vec::new();
    let listed = behind.0.iter().filter(|backend| !is_terminating(&backend.pod) || backend.ready).take(MOST_ADDRESSES);
    for backend in listed {
        let place = subsets.iter().position(|(ports, ..)| *ports == backend.ports).unwrap_or_else(|| {
            subsets.push((backend.ports.clone(), Vec::new(), Vec::new()));
            subsets.len() - 1
        });
        let (_, ready, not_ready) = &mut subsets[place];
        if backend.ready { ready } else { not_ready }.push(address(service, backend));
    }
    subsets.into_iter().map(|(ports, ready, not_ready)| subset(&ports, ready, not_ready)).collect()
}

fn address(service: &Value, backend: &Backend) -> Value {
    let mut address = json!({"ip": backend.pod["status"]["podIP"]});
    if let Some(host) = hostname(service, &backend.pod) {
        address["hostname"] = host.into();
    }
    address["nodeName"] = backend.pod["spec"]["nodeName"].clone();
    address["targetRef"] = target(&backend.pod);
    address
}

fn subset(ports: &Value, ready: Vec<Value>, not_ready: Vec<Value>) -> Value {
    let mut subset = json!({});
    if !ready.is_empty() {
        subset["addresses"] = ready.into();
    }
    if !not_ready.is_empty() {
        subset["notReadyAddresses"] = not_ready.into();
    }
    let unnamed = |port: &Value| {
        let mut port = port.clone();
        if port["name"] == "" {
            map_at(&mut port, &[]).shift_remove("name");
        }
        port
    };
    let ports: Vec<Value> = ports.as_array().into_iter().flatten().map(unnamed).collect();
    if !ports.is_empty() {
        subset["ports"] = ports.into();
    }
    subset
}
