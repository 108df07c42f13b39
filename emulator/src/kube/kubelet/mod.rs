//! The kubelets of a cluster: they pull images as their node's identity, run what pods ask for, and write pod statuses.
//! Rule: the kubelet's pod workers and container manager (1.33): order of steps, reasons, events, back-offs. Nothing really runs:
//! what a container does is decided by [`program`].
//!
//! How long a stop takes is not a node's real time: 100 ms, whatever the grace period.

mod canipull;
mod containers;
mod images;
pub mod inside;
pub mod logs;
mod program;
pub mod shell;
mod status;

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub use containers::{Container, Phase};

use super::controllers::context::Context;
use super::controllers::events::Source;
use super::controllers::object::*;
use super::kinds;
use super::store::Key;
use super::streams::view::Disk;
use crate::acr::pull::Pulled;

/// How long containers take to stop.
const STOP: SignedDuration = SignedDuration::from_millis(100);

/// What all nodes of a cluster run.
#[derive(Debug, Default)]
pub struct Nodes {
    /// The pods by uid.
    pods: HashMap<String, Pod>,
    /// What each node has pulled, by the name it was asked for.
    images: BTreeMap<String, BTreeMap<String, Pulled>>,
    /// How many pod addresses each node has given.
    addresses: BTreeMap<String, (usize, usize)>,
}

impl Nodes {
    /// Forgets what a node has pulled.
    pub fn forget_node(&mut self, node: &str) {
        self.images.remove(node);
    }

    /// What runs of a pod.
    pub fn pod(&self, uid: &str) -> Option<&Pod> {
        self.pods.get(uid)
    }

    /// The next pod address on a node: AKS' overlay gives each node a /24 of 10.244.0.0/16.
    fn next_address(&mut self, node: &str) -> String {
        let position = self.addresses.len();
        let (node, given) = self.addresses.entry(node.to_owned()).or_insert((position, 3));
        *given += 1;
        format!("10.244.{}.{}", *node % 256, 4 + (*given - 4) % 250)
    }
}

/// A pod on its node.
#[derive(Debug)]
pub struct Pod {
    node: String,
    host_ip: String,
    ip: String,
    started: Timestamp,
    stops_at: Option<Timestamp>,
    /// The init containers in their order, then the others.
    pub containers: Vec<Container>,
    /// What the containers wrote.
    disk: Disk,
}

impl Pod {
    fn begin(context: &mut Context, pod: &Value) -> Self {
        let node = text(pod, "/spec/nodeName").to_owned();
        let node_object = context.cluster.get(&kinds::NODES, "", &node);
        let internal = |node: &Value| {
            let address = items(node, "/status/addresses").iter().find(|address| address["type"] == "InternalIP")?;
            Some(text(address, "/address").to_owned())
        };
        let host_ip = node_object.as_deref().and_then(internal).unwrap_or_else(|| "10.224.0.4".into());
        let ip = match pod["spec"]["hostNetwork"] == true {
            true => host_ip.clone(),
            false => context.memory.nodes.next_address(&node),
        };
        let init = items(pod, "/spec/initContainers").iter().map(|spec| Container::new(spec, true));
        let main = items(pod, "/spec/containers").iter().map(|spec| Container::new(spec, false));
        Self {
            node,
            host_ip,
            ip,
            started: context.now(),
            stops_at: None,
            containers: init.chain(main).collect(),
            disk: Disk::default(),
        }
    }

    fn source<'a>(&'a self, field_path: &'a str) -> Source<'a> {
        Source { component: "kubelet", host: &self.node, field_path }
    }
}

/// Looks at a pod that has a node.
pub fn sync(context: &mut Context, key: &Key, object: &Value) {
    let known = context.memory.nodes.pods.remove(uid(object));
    let fresh = known.is_none();
    // What is over stays over, even if a new controller run sees it for the first time.
    if fresh && matches!(text(object, "/status/phase"), "Succeeded" | "Failed") {
        if is_terminating(object) {
            context.remove_now(key);
        }
        return;
    }
    let mut pod = known.unwrap_or_else(|| Pod::begin(context, object));
    if is_terminating(object) {
        stop(context, key, object, &mut pod);
    } else {
        if fresh {
            write_status(context, key, &pod);
        }
        containers::run(context, key, object, &mut pod);
    }
    write_status(context, key, &pod);
    let over = pod.stops_at.is_some_and(|at| at <= context.now());
    if !over {
        context.memory.nodes.pods.insert(uid(object).to_owned(), pod);
        return;
    }
    context.remove_now(key);
}

/// Ends the containers of a pod that is being deleted; when they have ended, the pod goes.
fn stop(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod) {
    let now = context.now();
    let running = pod.containers.iter().any(|container| matches!(container.phase, Phase::Running { .. }));
    match pod.stops_at {
        None => {
            tell_killing(context, object, pod);
            let at = if running { now.saturating_add(STOP).unwrap_or(now) } else { now };
            pod.stops_at = Some(at);
            if running {
                context.reconsider_at(at, key);
            }
        }
        Some(at) if at <= now => pod.containers.iter_mut().for_each(|container| container.end(0, now)),
        Some(_) => {}
    }
}

/// What a node does when a pod is suddenly gone.
pub fn removed(context: &mut Context, object: &Value) {
    if let Some(pod) = context.memory.nodes.pods.remove(uid(object))
        && pod.stops_at.is_none()
    {
        tell_killing(context, object, &pod);
    }
}

fn tell_killing(context: &mut Context, object: &Value, pod: &Pod) {
    for container in pod.containers.iter().filter(|container| matches!(container.phase, Phase::Running { .. })) {
        let message = format!("Stopping container {}", container.name);
        let field_path = container.field_path();
        context.event_from(&kinds::PODS, object, "Normal", "Killing", &message, &pod.source(&field_path));
    }
}

fn write_status(context: &Context, key: &Key, pod: &Pod) {
    let now = context.now();
    context.modify(key, |object| {
        let status = status::of(object, pod, now);
        map_at(object, &[]).insert("status".into(), status);
    });
}
