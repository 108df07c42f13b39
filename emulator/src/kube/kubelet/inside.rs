//! What streams do to containers that run: look inside, wait for them, end them.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::containers::Stopping;
use super::containers::spec_of;
use super::logs::Line;
use super::{Nodes, Phase};
use crate::kube::controllers;
use crate::kube::controllers::object::*;
use crate::kube::kinds;
use crate::kube::store::{Cluster, Due, Key};
use crate::kube::streams::shell::Shell;
use crate::kube::streams::view::{self, Place};
use crate::world::World;

/// A container that runs.
#[derive(Debug)]
pub struct Inside {
    /// Its id.
    pub id: String,
    /// What it runs.
    pub words: Vec<String>,
    /// Its specification.
    pub spec: Value,
    /// The configuration of its image.
    pub image: Value,
    /// A shell in it.
    pub shell: Shell,
}

/// Looks into a container of a pod; nothing if it does not run.
pub fn look(world: &World, cluster: &Cluster, pod: &Value, name: &str) -> Option<Inside> {
    let mut memory = cluster.controllers.lock();
    let Nodes { pods, images, .. } = &mut memory.nodes;
    let running = pods.get_mut(uid(pod))?;
    let container = running.containers.iter().find(|container| container.name == name)?;
    if !matches!(container.phase, Phase::Running { .. }) {
        return None;
    }
    let spec = spec_of(pod, container)?.clone();
    let pulled = images.get(&running.node).and_then(|images| images.get(&container.resolved_image));
    let image = pulled.map_or_else(|| json!({}), |pulled| pulled.config.clone());
    let id = container.id.clone();
    let words = container.current.as_ref().map(|current| current.program.words.clone()).unwrap_or_default();
    let place = Place { pod, spec: &spec, image: &image, id: &id, ip: &running.ip, host_ip: &running.host_ip };
    let shell = view::shell(world, cluster, &mut running.disk, &place);
    let words = unwrapped(words);
    Some(Inside { id, words, spec, image, shell })
}

/// Words without the entry points that only start what follows them.
fn unwrapped(mut words: Vec<String>) -> Vec<String> {
    while words.len() > 1 {
        let name = words[0].rsplit('/').next().unwrap_or_default();
        if !(name.ends_with("entrypoint.sh") || matches!(name, "tini" | "dumb-init" | "--")) {
            break;
        }
        words.remove(0);
    }
    words
}

/// The address of a pod on its node.
pub fn address(cluster: &Cluster, pod: &Value) -> Option<String> {
    cluster.controllers.lock().nodes.pod(uid(pod)).map(|running| running.ip.clone())
}

/// What a container wrote after so many lines, and whether it has ended: of the container of this id only. The node looks at the pod
/// again when the next line comes.
pub fn written(world: &World, cluster: &Cluster, pod: &Value, id: &str, seen: usize) -> (Vec<Line>, bool) {
    let memory = cluster.controllers.lock();
    let containers = memory.nodes.pod(uid(pod)).map_or(&[][..], |running| &running.containers);
    let container = containers.iter().find(|container| container.id == id);
    let Some((container, current)) = container.and_then(|container| Some((container, container.current.as_ref()?))) else {
        return (Vec::new(), true);
    };
    let (lines, next) = current.output(world.clock.now());
    let runs = matches!(container.phase, Phase::Running { .. });
    if let Some(next) = next.filter(|_| runs) {
        let key = Key::new(&kinds::PODS, namespace(pod), name(pod));
        let due = Due::Reconsider { host: cluster.spec().fqdn.clone(), key };
        world.timeline.schedule(next, crate::world::Due::Kube(due));
    }
    (lines.into_iter().skip(seen).collect(), !runs)
}

/// Tells each time that the node has looked at a pod; nothing if no node has it.
pub fn looks(cluster: &Cluster, pod: &Value) -> Option<watch::Receiver<u64>> {
    cluster.controllers.lock().nodes.pod(uid(pod)).map(super::Pod::looks)
}

/// Ends a container with a code, after it wrote something.
pub fn end(world: &World, cluster: &Arc<Cluster>, pod: &Value, id: &str, text: &str, code: i32) {
    let now = world.clock.now();
    {
        let mut memory = cluster.controllers.lock();
        let Some(running) = memory.nodes.pods.get_mut(uid(pod)) else { return };
        let Some(container) = running.containers.iter_mut().find(|container| container.id == id) else { return };
        if let Some(current) = &mut container.current {
            let line = |text: &str| Line { at: now, text: text.to_owned(), error: false, partial: false };
            current.said.extend(text.lines().map(line));
        }
        if matches!(container.phase, Phase::Running { .. }) {
            container.stopping = Some(Stopping { at: now, code });
        }
    }
    let key = Key::new(&kinds::PODS, namespace(pod), name(pod));
    controllers::due(world, Due::Reconsider { host: cluster.spec().fqdn.clone(), key });
}

/// When and how a container will end by itself.
pub fn ends(cluster: &Cluster, pod: &Value, id: &str) -> Option<i32> {
    let memory = cluster.controllers.lock();
    let container = memory.nodes.pod(uid(pod))?.containers.iter().find(|container| container.id == id)?;
    match container.phase {
        Phase::Running { .. } => container.current.as_ref()?.program.end.as_ref().map(|exit| exit.code),
        _ => None,
    }
}

/// The containers of a pod that run: their specifications, and the configurations of their images.
pub fn running(cluster: &Cluster, pod: &Value) -> Vec<(Value, Value)> {
    let memory = cluster.controllers.lock();
    let Some(running) = memory.nodes.pod(uid(pod)) else { return Vec::new() };
    let images = memory.nodes.images.get(&running.node);
    let containers = running.containers.iter().filter(|container| matches!(container.phase, Phase::Running { .. }));
    let of = |container: &super::Container| {
        let pulled = images.and_then(|images| images.get(&container.resolved_image));
        Some((spec_of(pod, container)?.clone(), pulled.map_or_else(|| json!({}), |pulled| pulled.config.clone())))
    };
    containers.filter_map(of).collect()
}
