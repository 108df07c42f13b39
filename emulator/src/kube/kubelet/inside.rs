//! What streams do to containers that run: look inside, wait for them, end them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::containers::spec_of;
use super::logs::Line;
use super::{Nodes, Phase, program};
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
    let place = Place { pod, spec: &spec, image: &image, id: &id, ip: &running.ip, host_ip: &running.host_ip };
    let shell = view::shell(world, cluster, &mut running.disk, &place);
    let words = unwrapped(program::command_line(&spec, &image));
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

/// What a container wrote after so many lines, and whether it has ended: of the container of this id only.
pub fn written(cluster: &Cluster, pod: &Value, id: &str, seen: usize) -> (Vec<Line>, bool) {
    let memory = cluster.controllers.lock();
    let containers = memory.nodes.pod(uid(pod)).map_or(&[][..], |running| &running.containers);
    match containers.iter().find(|container| container.id == id) {
        Some(container) => {
            let lines = container.log.iter().skip(seen).cloned().collect();
            (lines, !matches!(container.phase, Phase::Running { .. }))
        }
        None => (Vec::new(), true),
    }
}

/// Ends a container with a code, after it wrote something.
pub fn end(world: &World, cluster: &Arc<Cluster>, pod: &Value, id: &str, text: &str, code: i32) {
    let now = world.clock.now();
    {
        let mut memory = cluster.controllers.lock();
        let Some(running) = memory.nodes.pods.get_mut(uid(pod)) else { return };
        let Some(container) = running.containers.iter_mut().find(|container| container.id == id) else { return };
        container.log.extend(text.lines().map(|text| Line { at: now, text: text.to_owned() }));
        if let Phase::Running { ends, .. } = &mut container.phase {
            *ends = Some((now, code));
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
        Phase::Running { ends: Some((_, code)), .. } => Some(code),
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
