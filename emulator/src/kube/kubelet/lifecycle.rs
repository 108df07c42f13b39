//! What a kubelet does with the containers of a pod: init containers one after another, sidecars among them, then the rest; starts,
//! hooks, probes, ends, restarts.
//! Rule: kuberuntime's `SyncPod`, `computePodActions` and `startContainer` (1.34).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::containers::{Container, Ended, Phase, Sort, go_duration, restarts, spec_of};
use super::probes::{self, Probe};
use super::program::{self, Instance, Program};
use super::{Pod, images, stop, tell, view};
use crate::kernel::container_script::{Exit, Hook};
use crate::kernel::ids::HEX;
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

/// Brings the containers of a pod as far as they get now.
pub(super) fn run(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod) {
    take_ephemeral(object, pod);
    take_new_images(context, object, pod);
    if !mounted(context, key, object, pod) {
        return;
    }
    pod.sandbox = true;
    for index in pod.indices(|container| container.sort == Sort::Ephemeral) {
        step(context, key, object, pod, index);
    }
    initialize(context, key, object, pod);
    if pod.initialized {
        for index in pod.indices(|container| container.sort == Sort::Main) {
            step(context, key, object, pod, index);
        }
    }
    if is_over(object, pod) {
        stop::end_sidecars(context, key, object, pod, stop::own_grace(object));
    }
}

/// Init containers in their order: each waits for the end of the one before it, or for the start of a sidecar.
fn initialize(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod) {
    if is_over(object, pod) {
        return;
    }
    for index in pod.indices(|container| container.sort.is_init()) {
        if pod.containers[index].sort == Sort::Init && (pod.initialized || pod.containers[index].succeeded()) {
            continue;
        }
        step(context, key, object, pod, index);
        let container = &pod.containers[index];
        let passed = if container.sort == Sort::Sidecar { container.was_started } else { container.succeeded() };
        if !passed && !pod.initialized {
            return;
        }
    }
    pod.initialized = true;
}

/// Whether nothing of a pod will be started again: its containers are done, or an init container has failed for good.
pub(super) fn is_over(object: &Value, pod: &Pod) -> bool {
    let done = |container: &Container| match &container.phase {
        Phase::Ended(ended) => !restarts(object, container, ended.code),
        _ => false,
    };
    let failed_init = |container: &Container| container.sort == Sort::Init && !container.succeeded() && done(container);
    let mut main = pod.containers.iter().filter(|container| container.sort == Sort::Main);
    pod.containers.iter().any(failed_init) || main.all(done)
}

/// Containers that were added to the pod.
fn take_ephemeral(object: &Value, pod: &mut Pod) {
    for spec in items(object, "/spec/ephemeralContainers") {
        let known = pod.containers.iter().any(|container| container.name == text(spec, "/name"));
        if !known {
            pod.containers.push(Container::new(spec, Sort::Ephemeral));
        }
    }
}

/// A container whose image was changed in the pod is stopped and begins anew.
fn take_new_images(context: &mut Context, object: &Value, pod: &mut Pod) {
    let now = context.now();
    for index in 0..pod.containers.len() {
        let Some(spec) = spec_of(object, &pod.containers[index]) else { continue };
        let image = text(spec, "/image").to_owned();
        if image == pod.containers[index].image {
            continue;
        }
        if pod.containers[index].runs() {
            let message = format!("Container {} definition changed, will be restarted", pod.containers[index].name);
            tell(context, object, pod, index, "Normal", "Killing", &message);
        }
        pod.containers[index].end(Some(spec), Exit::default(), now);
        pod.containers[index].take_image(image);
    }
}

/// Whether the volumes of a pod can be mounted; if not, that is told, and the pod waits for what is missing.
fn mounted(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod) -> bool {
    if pod.sandbox {
        return true;
    }
    let Some((volume, why)) = view::missing_volume(context.cluster, object) else { return true };
    let message = format!("MountVolume.SetUp failed for volume \"{volume}\" : {why}");
    if pod.told_mount != message {
        context.event_from(&kinds::PODS, object, "Warning", "FailedMount", &message, &pod.source(""));
        pod.told_mount = message;
    }
    context.memory.nodes.wait_for_configuration(key);
    false
}

/// One container: starts it, ends it, restarts it, until it runs, waits, or is over.
fn step(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize) {
    loop {
        let now = context.now();
        let goes_on = match pod.containers[index].phase.clone() {
            Phase::Running { since } => runs(context, key, object, pod, index, since),
            Phase::Ended(ended) => ends(context, key, object, pod, index, ended),
            phase if phase.waits_for("CrashLoopBackOff") => match pod.containers[index].last.clone() {
                Some(ended) if now >= pod.containers[index].restart_at(&ended).0 => {
                    pod.containers[index].begin_again(ended, now);
                    true
                }
                _ => false,
            },
            Phase::Waiting { .. } => start(context, key, object, pod, index),
        };
        if !goes_on {
            return;
        }
    }
}

/// A container that runs: its hook, its probes, its end. True if it has ended.
fn runs(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize, since: Timestamp) -> bool {
    let now = context.now();
    if end_if_due(object, pod, index, now) {
        super::write_status(context, key, pod);
        return true;
    }
    if hook_runs(context, key, object, pod, index) {
        return true;
    }
    let stopping = pod.containers[index].stopping.is_some();
    if !stopping && pod.containers[index].hook.is_none() {
        let verdict = probes::make(context, object, pod, index, since);
        if let Some((probe, grace)) = verdict.kill {
            kill(context, key, object, pod, index, (&probe, grace));
        }
        if let Some(at) = verdict.next {
            pod.wake(context, key, at);
        }
        pod.containers[index].was_started |= pod.containers[index].started();
    }
    let ends =
        [natural_end(&pod.containers[index]).map(|(at, _)| at), pod.containers[index].stopping.as_ref().map(|stop| stop.at)];
    if let Some(at) = ends.into_iter().flatten().min() {
        pod.wake(context, key, at);
        return at <= now;
    }
    false
}

fn natural_end(container: &Container) -> Option<(Timestamp, Exit)> {
    let current = container.current.as_ref()?;
    let exit = current.program.end.clone()?;
    Some((current.started.saturating_add(exit.after).ok()?, exit))
}

/// Ends a container whose time has come.
pub(super) fn end_if_due(object: &Value, pod: &mut Pod, index: usize, now: Timestamp) -> bool {
    let container = &mut pod.containers[index];
    let natural = natural_end(container).filter(|(at, _)| *at <= now);
    let stopped = container.stopping.clone().filter(|stopping| stopping.at <= now);
    let stopped = stopped.map(|stop| (stop.at, Exit { code: stop.code, ..Exit::default() }));
    let Some((at, exit)) = natural.into_iter().chain(stopped).min_by_key(|(at, _)| *at) else { return false };
    let spec = spec_of(object, container).cloned();
    container.end(spec.as_ref(), exit, at);
    true
}

/// Lets the hook after the start come to its end. True if it failed, and the container with it.
fn hook_runs(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize) -> bool {
    let Some((until, error)) = pod.containers[index].hook.clone() else { return false };
    if until > context.now() {
        pod.wake(context, key, until);
        return false;
    }
    pod.containers[index].hook = None;
    let Some(message) = error else { return false };
    tell(context, object, pod, index, "Warning", "FailedPostStartHook", "PostStartHook failed");
    tell(context, object, pod, index, "Normal", "Killing", "FailedPostStartHook");
    let spec = spec_of(object, &pod.containers[index]).cloned();
    let exit = Exit { code: 137, ..Exit::default() };
    pod.containers[index].end(spec.as_ref(), exit, until);
    tracing::debug!(kubernetes.pod = key.name, "{message}");
    super::write_status(context, key, pod);
    true
}

/// A probe wants the container to end.
fn kill(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize, (probe, grace): (&str, Option<i64>)) {
    let again = restarts(object, &pod.containers[index], 137);
    let restarted = if again { ", will be restarted" } else { "" };
    let message = format!("Container {} failed {probe} probe{restarted}", pod.containers[index].name);
    tell(context, object, pod, index, "Normal", "Killing", &message);
    let grace = grace.unwrap_or_else(|| stop::own_grace(object));
    stop::ask_to_end(context, key, object, pod, index, SignedDuration::from_secs(grace));
}

/// A container that has ended: it begins again, waits for that, or stays. True if it begins again.
fn ends(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize, ended: Ended) -> bool {
    if !restarts(object, &pod.containers[index], ended.code) {
        return false;
    }
    // A sidecar of a pod whose work is done has been stopped on purpose.
    if pod.containers[index].sort == Sort::Sidecar && is_over(object, pod) {
        return false;
    }
    let now = context.now();
    let (at, delay) = pod.containers[index].restart_at(&ended);
    if now >= at {
        pod.containers[index].begin_again(ended, now);
        return true;
    }
    let container = &mut pod.containers[index];
    container.last = Some(ended);
    let place = format!("{}_{}({})", key.name, key.namespace, uid(object));
    let message = format!("back-off {} restarting failed container={} pod={place}", go_duration(delay), container.name);
    container.wait("CrashLoopBackOff", message);
    let message = format!("Back-off restarting failed container {} in pod {place}", container.name);
    pod.wake(context, key, at);
    tell(context, object, pod, index, "Warning", "BackOff", &message);
    false
}

/// Pulls the image and starts a container. False if it waits for something.
fn start(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize) -> bool {
    let image = match pod.containers[index].pulled.clone() {
        Some(image) => image,
        None => match images::ensure(context, key, object, pod, index) {
            Some(image) => image,
            None => return false,
        },
    };
    pod.containers[index].pulled = Some(image.clone());
    let Some(spec) = spec_of(object, &pod.containers[index]).cloned() else { return false };
    let now = context.now();
    let number = pod.containers[index].restarts;
    let resolved = pod.containers[index].resolved_image.clone();
    let run = program::told(context, object, &spec, number, (&resolved, &image.config));
    let program = match Program::new(context.cluster, object, &spec, &image.config, now, run) {
        Ok(program) => Arc::new(program),
        Err(why) => return cannot_configure(context, key, object, pod, index, &why),
    };
    if let Some(delay) = program.run.start_delay {
        let at = *pod.containers[index].starts_at.get_or_insert(now.saturating_add(delay).unwrap_or(now));
        if now < at {
            pod.containers[index].wait("", "");
            pod.wake(context, key, at);
            return false;
        }
    }
    let id = context.world.ids.text(64, HEX);
    let container = &mut pod.containers[index];
    container.image_id = image.image_id;
    container.id = format!("containerd://{id}");
    container.pulled = None;
    container.starts_at = None;
    let (created, started) = match context.minor_version() {
        36.. => ("Container created".to_owned(), "Container started".to_owned()),
        _ => (format!("Created container: {}", container.name), format!("Started container {}", container.name)),
    };
    tell(context, object, pod, index, "Normal", "Created", &created);
    if let Some(error) = program.run.start_error.clone() {
        return cannot_start(context, key, object, pod, index, error);
    }
    tell(context, object, pod, index, "Normal", "Started", &started);
    let container = &mut pod.containers[index];
    container.phase = Phase::Running { since: now };
    container.probes = Probe::of(&spec);
    container.stopping = None;
    container.current = Some(Instance { program: program.clone(), started: now, finished: None, said: Vec::new() });
    let hook = hook(&program, &spec, "postStart", SignedDuration::ZERO, &place_of(object, container));
    container.hook = hook.map(|hook| (now.saturating_add(hook.takes).unwrap_or(now), hook.error));
    super::write_status(context, key, pod);
    true
}

fn place_of(object: &Value, container: &Container) -> String {
    format!("Container \"{}\" in Pod \"{}_{}({})\"", container.name, name(object), namespace(object), uid(object))
}

/// The container cannot be made: something that it names is missing.
fn cannot_configure(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize, why: &str) -> bool {
    let same = matches!(&pod.containers[index].phase,
        Phase::Waiting { reason, message } if reason == "CreateContainerConfigError" && message == why);
    if !same {
        tell(context, object, pod, index, "Warning", "Failed", &format!("Error: {why}"));
        pod.containers[index].wait("CreateContainerConfigError", why);
    }
    context.memory.nodes.wait_for_configuration(key);
    false
}

/// The runtime refuses to start what was created.
fn cannot_start(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize, error: String) -> bool {
    tell(context, object, pod, index, "Warning", "Failed", &format!("Error: {error}"));
    let (now, id) = (context.now(), pod.containers[index].id.clone());
    let started = Timestamp::UNIX_EPOCH;
    pod.containers[index].phase =
        Phase::Ended(Ended { code: 128, reason: "StartError", message: error, started, finished: now, id });
    super::write_status(context, key, pod);
    true
}

/// How long a hook of a container takes, and why it fails; nothing if it has none.
pub(super) fn hook(program: &Program, spec: &Value, member: &str, at: SignedDuration, place: &str) -> Option<Hook> {
    let action = spec.pointer(&format!("/lifecycle/{member}")).filter(|action| action.is_object())?;
    let told = if member == "postStart" { &program.run.post_start } else { &program.run.pre_stop };
    if let Some(told) = told {
        return Some(told.clone());
    }
    if let Some(seconds) = number(action, "/sleep/seconds") {
        return Some(Hook { takes: SignedDuration::from_secs(seconds.max(0)), error: None });
    }
    let words: Vec<String> = items(action, "/exec/command").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let until = SignedDuration::from_hours(24);
    let process = super::shell::Process { words: &words, stdin: b"", started: Timestamp::UNIX_EPOCH, until, steps: 5_000 };
    let trace = super::shell::run(&process, &program.files_at(at));
    let (takes, code) = trace.end.filter(|_| trace.unknown.is_none()).unwrap_or((SignedDuration::ZERO, 0));
    let error = (code != 0).then(|| {
        let both: Vec<u8> = trace.output.iter().flat_map(|output| output.bytes.iter().copied()).collect();
        let output = String::from_utf8_lossy(&both);
        let (list, line) = (words.join(" "), words.join(" "));
        format!(
            "Exec lifecycle hook ([{list}]) for {place} failed - error: command '{line}' exited with {code}: {output}, message: {output:?}"
        )
    });
    Some(Hook { takes, error })
}
