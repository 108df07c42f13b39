//! What the API server allocates for a Service: cluster IPs out of 10.0.0.0/16, node ports out of 30000 to 32767.
//! Rule: `registry/core/service/storage/alloc.go` of Kubernetes 1.34, and the service range that AKS has by default.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::kernel::ids::HEX;
use crate::kube::error::{Cause, Error};
use crate::kube::kinds::Kind;
use crate::kube::store::State;
use crate::world::World;

const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

/// Allocates what a new Service needs, or what a changed one needs more; a Service that is no longer reached by nodes gives its ports
/// back.
pub(super) fn admit(state: &State, world: &World, kind: &Kind, service: &mut Value, old: Option<&Value>) -> Result<(), Error> {
    if !service["spec"].is_object() {
        return Ok(());
    }
    if service["spec"]["type"] == "ExternalName" {
        forget(&mut service["spec"], &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]);
        return Ok(());
    }
    if old.is_none_or(|old| old["spec"]["clusterIP"].as_str().is_none_or(str::is_empty)) {
        cluster_ip(state, kind, service)?;
    }
    node_ports(state, world, kind, service, old)
}

fn forget(spec: &mut Value, fields: &[&str]) {
    if let Value::Object(spec) = spec {
        fields.iter().for_each(|field| drop(spec.shift_remove(*field)));
    }
}

/// Gives a Service an address: the first free one behind those of the cluster's own.
fn cluster_ip(state: &State, kind: &Kind, service: &mut Value) -> Result<(), Error> {
    let name = service["metadata"]["name"].as_str().unwrap_or("").to_owned();
    let spec = &mut service["spec"];
    let taken: BTreeSet<&str> =
        state.of_kind(kind, None).filter_map(|(_, service)| service["spec"]["clusterIP"].as_str()).collect();
    let address = match spec["clusterIP"].as_str().filter(|address| !address.is_empty()) {
        Some(address) if address != "None" => {
            let refuse = |why: &str| {
                let why = format!("failed to allocate IP {address}: {why}");
                let cause = Cause::invalid("spec.clusterIPs", &json!([address]), &why);
                Err(Error::invalid(kind, &name, &[cause]))
            };
            if taken.contains(address) {
                return refuse("provided IP is already allocated");
            }
            if !address.starts_with("10.0.") {
                return refuse("the provided IP is not in the valid range. The range of valid IPs is 10.0.0.0/16");
            }
            address.to_owned()
        }
        Some(address) => address.to_owned(),
        None => (20..65_000_u32)
            .map(|number| format!("10.0.{}.{}", number / 256, number % 256))
            .find(|address| !taken.contains(address.as_str()))
            .unwrap_or_default(),
    };
    spec["clusterIP"] = address.clone().into();
    spec["clusterIPs"] = json!([address]);
    for (field, value) in [("ipFamilies", json!(["IPv4"])), ("ipFamilyPolicy", json!("SingleStack"))] {
        if spec[field].is_null() {
            spec[field] = value;
        }
    }
    Ok(())
}

fn needs_node_ports(spec: &Value) -> bool {
    spec["type"] == "NodePort" || (spec["type"] == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"] != false)
}

/// The port for health checks of a Service whose traffic stays on its nodes.
fn needs_health_check(spec: &Value) -> bool {
    spec["type"] == "LoadBalancer" && spec["externalTrafficPolicy"] == "Local"
}

fn node_ports(state: &State, world: &World, kind: &Kind, service: &mut Value, old: Option<&Value>) -> Result<(), Error> {
    let (wanted, health) = (needs_node_ports(&service["spec"]), needs_health_check(&service["spec"]));
    if !health {
        forget(&mut service["spec"], &["healthCheckNodePort"]);
    }
    if service["spec"]["type"] == "ClusterIP" {
        let ports = service["spec"]["ports"].as_array_mut();
        ports.into_iter().flatten().for_each(|port| forget(port, &["nodePort"]));
        forget(&mut service["spec"], &["externalTrafficPolicy", "allocateLoadBalancerNodePorts"]);
        return Ok(());
    }
    if old.is_some_and(|old| old["spec"]["ports"] == service["spec"]["ports"] && old["spec"]["type"] == service["spec"]["type"])
        && !health
    {
        return Ok(());
    }
    let mut taken = taken_ports(state, kind, service);
    let name = service["metadata"]["name"].as_str().unwrap_or("").to_owned();
    let mut causes = Vec::new();
    for (index, port) in service["spec"]["ports"].as_array_mut().into_iter().flatten().enumerate() {
        if let Some(asked) = port["nodePort"].as_i64().filter(|asked| *asked != 0) {
            let fault = fault(&taken, asked);
            causes.extend(fault.map(|why| Cause::invalid(format!("spec.ports[{index}].nodePort"), &asked.into(), &why)));
            taken.insert(asked);
        } else if wanted {
            let kept = old.and_then(|old| kept_port(old, port)).filter(|kept| !taken.contains(kept));
            let free = kept.unwrap_or_else(|| free_port(world, &taken));
            taken.insert(free);
            port["nodePort"] = free.into();
        }
    }
    if health && service["spec"]["healthCheckNodePort"].as_i64().unwrap_or(0) == 0 {
        let kept = old.and_then(|old| old["spec"]["healthCheckNodePort"].as_i64());
        service["spec"]["healthCheckNodePort"] = kept.unwrap_or_else(|| free_port(world, &taken)).into();
    }
    if causes.is_empty() { Ok(()) } else { Err(Error::invalid(kind, &name, &causes)) }
}

fn fault(taken: &BTreeSet<i64>, asked: i64) -> Option<String> {
    if !NODE_PORTS.contains(&asked) {
        return Some("provided port is not in the valid range. The range of valid ports is 30000-32767".into());
    }
    taken.contains(&asked).then(|| "provided port is already allocated".into())
}

/// The ports of all other Services.
fn taken_ports(state: &State, kind: &Kind, service: &Value) -> BTreeSet<i64> {
    let place = |object: &Value| (object["metadata"]["namespace"].clone(), object["metadata"]["name"].clone());
    let own = place(service);
    let others = state.of_kind(kind, None).filter(|(_, other)| place(other) != own);
    let ports = others.flat_map(|(_, other)| {
        let ports = other["spec"]["ports"].as_array().into_iter().flatten().filter_map(|port| port["nodePort"].as_i64());
        ports.chain(other["spec"]["healthCheckNodePort"].as_i64())
    });
    ports.collect()
}

/// The port that the same port of the old Service had.
fn kept_port(old: &Value, port: &Value) -> Option<i64> {
    let mut ports = old["spec"]["ports"].as_array()?.iter();
    ports.find(|known| known["port"] == port["port"] && known["protocol"] == port["protocol"])?["nodePort"].as_i64()
}

/// A free port by chance; the next free one if that is taken.
fn free_port(world: &World, taken: &BTreeSet<i64>) -> i64 {
    let size = NODE_PORTS.end() - NODE_PORTS.start() + 1;
    let chance = i64::from_str_radix(&world.ids.text(6, HEX), 16).unwrap_or(0);
    let ports = (0..size).map(|step| NODE_PORTS.start() + (chance + step) % size);
    ports.into_iter().find(|port| !taken.contains(port)).unwrap_or(*NODE_PORTS.start())
}
