//! The kubelets of a cluster: they pull images as their node's identity, run what pods ask for, and write pod statuses.
//! Rule: the kubelet's pod workers and container manager (1.34): order of steps, reasons, events, back-offs. Nothing really runs:
//! what a container does is decided by [`program`], and described in `docs/CONTAINERS.md`.

mod canipull;
mod conditions;
mod containers;
mod images;
pub mod inside;
mod lifecycle;
pub mod logs;
mod probes;
mod program;
pub mod shell;
mod status;
mod stop;
pub mod variables;
pub mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

pub use containers::{Container, Ended, Phase, Sort, spec_of};
pub use program::{ANNOTATION, Instance};

use super::controllers::context::Context;
use super::controllers::events::Source;
use super::controllers::object::*;
use super::kinds;
use super::store::Key;
use super::streams::view::Disk;
use crate::acr::pull::Pulled;

/// What all nodes of a cluster run.
#[derive(Debug, Default)]
pub struct Nodes {
    /// The pods by uid.
    pods: HashMap<String, Pod>,
    /// What each node has pulled, by the name it was asked for.
    images: BTreeMap<String, BTreeMap<String, Pulled>>,
    /// How many pod addresses each node has given.
    addresses: BTreeMap<String, (usize, usize)>,
    /// Pods that wait for a ConfigMap or a Secret, by namespace.
    wait_for_configuration: BTreeMap<String, BTreeSet<Key>>,
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

    fn wait_for_configuration(&mut self, key: &Key) {
        self.wait_for_configuration.entry(key.namespace.clone()).or_default().insert(key.clone());
    }

    /// The pods that a new or changed ConfigMap or Secret of a namespace may help.
    pub fn configuration_changed(&mut self, namespace: &str) -> BTreeSet<Key> {
        self.wait_for_configuration.remove(namespace).unwrap_or_default()
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
    /// Whether its sandbox is there: its volumes are mounted, its network is made.
    sandbox: bool,
    /// Whether its init containers have done what they had to.
    initialized: bool,
    /// Whether it is being ended.
    ending: bool,
    /// When its grace ends.
    grace_ends: Option<Timestamp>,
    /// Why the node failed it: reason and message.
    failed: Option<(&'static str, &'static str)>,
    told_mount: String,
    /// When it is looked at again.
    wakes: BTreeSet<Timestamp>,
    /// Counts the looks, for those who follow its logs.
    looks: watch::Sender<u64>,
    /// The init containers in their order, then the others, then those that were added.
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
        let init = items(pod, "/spec/initContainers").iter().map(|spec| Container::new(spec, Sort::Init));
        let main = items(pod, "/spec/containers").iter().map(|spec| Container::new(spec, Sort::Main));
        Self {
            node,
            host_ip,
            ip,
            started: context.now(),
            sandbox: false,
            initialized: false,
            ending: false,
            grace_ends: None,
            failed: None,
            told_mount: String::new(),
            wakes: BTreeSet::new(),
            looks: watch::Sender::new(0),
            containers: init.chain(main).collect(),
            disk: Disk::default(),
        }
    }

    fn source<'a>(&'a self, field_path: &'a str) -> Source<'a> {
        Source { component: "kubelet", host: &self.node, field_path }
    }

    /// Tells each time that the node has looked at the pod; ends with the pod.
    pub fn looks(&self) -> watch::Receiver<u64> {
        self.looks.subscribe()
    }

    /// Where the containers are that are so.
    fn indices(&self, are: impl Fn(&Container) -> bool) -> Vec<usize> {
        self.containers.iter().enumerate().filter(|(_, container)| are(container)).map(|(index, _)| index).collect()
    }

    /// Looks at the pod again at some time: once, however often that is asked.
    fn wake(&mut self, context: &Context, key: &Key, at: Timestamp) {
        if at > context.now() && self.wakes.insert(at) {
            context.reconsider_at(at, key);
        }
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
    let now = context.now();
    pod.wakes.retain(|at| *at > now);
    let mut gone = false;
    if is_terminating(object) {
        pod.ending = true;
        let grace = number(object, "/metadata/deletionGracePeriodSeconds").unwrap_or(30);
        gone = stop::end_all(context, key, object, &mut pod, grace);
    } else if stop::is_beyond_deadline(context, key, object, &mut pod) {
        pod.ending = true;
        stop::end_all(context, key, object, &mut pod, stop::own_grace(object));
    } else {
        if fresh {
            write_status(context, key, &pod);
        }
        lifecycle::run(context, key, object, &mut pod);
    }
    write_status(context, key, &pod);
    pod.looks.send_modify(|looks| *looks += 1);
    if gone {
        return context.remove_now(key);
    }
    context.memory.nodes.pods.insert(uid(object).to_owned(), pod);
}

/// What a node does when a pod is suddenly gone.
pub fn removed(context: &mut Context, object: &Value) {
    if let Some(pod) = context.memory.nodes.pods.remove(uid(object))
        && !pod.ending
    {
        for index in pod.indices(Container::runs) {
            stop::tell_killing(context, object, &pod, index);
        }
    }
}

fn tell(context: &mut Context, object: &Value, pod: &Pod, index: usize, severity: &str, reason: &str, message: &str) {
    let field_path = pod.containers[index].field_path();
    context.event_from(&kinds::PODS, object, severity, reason, message, &pod.source(&field_path));
}

fn write_status(context: &Context, key: &Key, pod: &Pod) {
    let now = context.now();
    context.modify(key, |object| {
        let status = status::of(object, pod, now);
        map_at(object, &[]).insert("status".into(), status);
    });
}
