//! `metrics.k8s.io/v1beta1`: what nodes and pods use, which a metrics server tells in a real cluster. Nothing runs here, so that it is
//! simulated, the same whenever it is asked: a container uses the annotation `azlet.dev/cpu` and `azlet.dev/memory` of its pod says (split
//! over its containers), else half of what it requests, else a tenth of its limit, else 1m and 8Mi; a node what its pods use and 100m and 1Gi
//! for itself. Rule: metrics-server 0.8 (kinds, verbs, `window`, units `n` and `Ki`, labels copied, no pods that do not run), which AKS has.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::controllers::object::*;
use super::error::Error;
use super::http::json as answer;
use super::kinds::{self, Kind};
use super::request::Query;
use super::selector::Selector;
use super::store::Cluster;
use super::{kubelet::inside, quantity};
use crate::kernel::clock::rfc3339_seconds;
use crate::world::World;

/// The group.
pub const GROUP: &str = "metrics.k8s.io";
/// The version.
pub const VERSION: &str = "v1beta1";

const CPU: &str = "azlet.dev/cpu";
const MEMORY: &str = "azlet.dev/memory";
/// What a container uses of which nobody says anything: thousandths of a core, and bytes.
const LITTLE: Usage = Usage { cpu: 1, memory: 8 << 20 };
/// What a node uses itself.
const OF_NODE: Usage = Usage { cpu: 100, memory: 1 << 30 };

/// Thousandths of a core, and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    cpu: i128,
    memory: i128,
}

impl Usage {
    fn json(self) -> Value {
        json!({ "cpu": format!("{}n", self.cpu * 1_000_000), "memory": format!("{}Ki", self.memory / 1024) })
    }

    fn plus(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, memory: self.memory + other.memory }
    }
}

/// `/apis/metrics.k8s.io/v1beta1` in the older form of discovery.
pub fn resources() -> Value {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({ "name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"] });
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{GROUP}/{VERSION}"),
        "resources": [resource("nodes", "NodeMetrics", false), resource("pods", "PodMetrics", true)],
    })
}

/// The group in aggregated discovery.
pub fn aggregated() -> Value {
    let resource = |name: &str, kind: &str, scope: &str| {
        json!({
            "resource": name, "responseKind": { "group": "", "version": "", "kind": kind }, "scope": scope, "singularResource": "",
            "verbs": ["get", "list"],
        })
    };
    let resources = [resource("nodes", "NodeMetrics", "Cluster"), resource("pods", "PodMetrics", "Namespaced")];
    let version = json!({ "version": VERSION, "resources": resources, "freshness": "Current" });
    json!({ "metadata": { "name": GROUP }, "versions": [version] })
}

/// What a path of the group names: the kind of object, its namespace, its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whether it is about pods; else about nodes.
    pub pods: bool,
    /// The namespace.
    pub namespace: Option<String>,
    /// The name.
    pub name: Option<String>,
}

impl Asked {
    /// Reads the segments behind the group and version.
    pub fn parse(rest: &[String]) -> Option<Self> {
        let words: Vec<&str> = rest.iter().map(String::as_str).collect();
        let (pods, namespace, name) = match words.as_slice() {
            ["nodes"] => (false, None, None),
            ["nodes", name] => (false, None, Some(*name)),
            ["pods"] => (true, None, None),
            ["namespaces", namespace, "pods"] => (true, Some(*namespace), None),
            ["namespaces", namespace, "pods", name] => (true, Some(*namespace), Some(*name)),
            _ => return None,
        };
        Some(Self { pods, namespace: namespace.map(str::to_owned), name: name.map(str::to_owned) })
    }
}

/// Answers what is asked.
pub(super) fn serve(world: &World, cluster: &Cluster, asked: &Asked, query: &Query) -> Result<Response, Error> {
    let kind: &Kind = if asked.pods { &kinds::PODS } else { &kinds::NODES };
    let of = |object: &Value| if asked.pods { of_pod(world, cluster, object) } else { Some(of_node(world, cluster, object)) };
    if let Some(name) = &asked.name {
        let found = cluster.get(kind, asked.namespace.as_deref().unwrap_or(""), name);
        let shown =
            found.as_deref().and_then(of).ok_or_else(|| Error::not_found_named(GROUP, &kind.plural, &named(asked, name)))?;
        return Ok(answer(StatusCode::OK, &shown));
    }
    let selector = Selector::parse(kind, query.get("labelSelector"), query.get("fieldSelector"))?;
    let (objects, _) = cluster.list(kind, asked.namespace.as_deref());
    let chosen: Vec<&Arc<Value>> = objects.iter().filter(|object| selector.matches(object)).collect();
    let items: Vec<Value> = chosen.into_iter().filter_map(|object| of(object)).collect();
    let list = if asked.pods { "PodMetricsList" } else { "NodeMetricsList" };
    let shown = json!({ "kind": list, "apiVersion": format!("{GROUP}/{VERSION}"), "metadata": {}, "items": items });
    Ok(answer(StatusCode::OK, &shown))
}

/// As the metrics server names what it does not find: pods with their namespace.
fn named(asked: &Asked, name: &str) -> String {
    asked.namespace.as_ref().map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

fn metadata(world: &World, object: &Value) -> Value {
    let mut metadata = json!({ "name": name(object) });
    if !namespace(object).is_empty() {
        metadata["namespace"] = namespace(object).into();
    }
    metadata["creationTimestamp"] = rfc3339_seconds(world.clock.now()).into();
    if let Some(labels) = object.pointer("/metadata/labels") {
        metadata["labels"] = labels.clone();
    }
    metadata
}

fn metrics(world: &World, object: &Value, kind: &str, window: &str) -> Value {
    json!({
        "kind": kind, "apiVersion": format!("{GROUP}/{VERSION}"), "metadata": metadata(world, object),
        "timestamp": rfc3339_seconds(world.clock.now()), "window": window,
    })
}

fn of_pod(world: &World, cluster: &Cluster, pod: &Value) -> Option<Value> {
    let containers = usages(cluster, pod);
    if containers.is_empty() {
        return None;
    }
    let mut shown = metrics(world, pod, "PodMetrics", "15s");
    let containers: Vec<Value> =
        containers.into_iter().map(|(name, usage)| json!({ "name": name, "usage": usage.json() })).collect();
    shown["containers"] = containers.into();
    Some(shown)
}

/// What the containers of a pod use that run.
fn usages(cluster: &Cluster, pod: &Value) -> Vec<(String, Usage)> {
    let running = inside::running(cluster, pod);
    let count = i128::try_from(running.len()).unwrap_or(1).max(1);
    let told = |key: &str, unit: fn(&str) -> Option<i128>| annotation(pod, key).and_then(unit).map(|amount| amount / count);
    let (cpu, memory) = (told(CPU, quantity::thousandths), told(MEMORY, quantity::whole));
    let one = |spec: &Value| {
        let of = |name: &str, unit: fn(&str) -> Option<i128>| {
            let amount = |kind: &str| spec["resources"][kind][name].as_str().and_then(unit);
            amount("requests").map(|amount| amount / 2).or_else(|| amount("limits").map(|amount| amount / 10))
        };
        Usage {
            cpu: cpu.or_else(|| of("cpu", quantity::thousandths)).unwrap_or(LITTLE.cpu),
            memory: memory.or_else(|| of("memory", quantity::whole)).unwrap_or(LITTLE.memory),
        }
    };
    running.iter().map(|(spec, _)| (text(spec, "/name").to_owned(), one(spec))).collect()
}

fn of_node(world: &World, cluster: &Cluster, node: &Value) -> Value {
    let keys = cluster.controllers.lock().on_node.get(name(node)).cloned().unwrap_or_default();
    let on_node = keys.into_iter().filter_map(|key| cluster.get(&kinds::PODS, &key.namespace, &key.name));
    let usage = on_node.flat_map(|pod| usages(cluster, &pod)).fold(OF_NODE, |sum, (_, usage)| sum.plus(usage));
    let mut shown = metrics(world, node, "NodeMetrics", "20s");
    shown["usage"] = usage.json();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_nodes_and_pods() {
        let parse = |path: &str| Asked::parse(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("nodes/a").and_then(|asked| asked.name), Some("a".into()));
        assert!(parse("namespaces/x/pods").is_some_and(|asked| asked.pods && asked.namespace.as_deref() == Some("x")));
        assert!(parse("namespaces/x/nodes").is_none() && parse("pods/a").is_none() && parse("").is_none());
    }

    #[test]
    fn usage_is_told_in_the_units_of_the_metrics_server() {
        assert_eq!(LITTLE.plus(OF_NODE).json(), json!({ "cpu": "101000000n", "memory": "1056768Ki" }));
    }
}
