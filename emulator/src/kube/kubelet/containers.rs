//! What a kubelet does with the containers of a pod: init containers one after another, then the rest; starts, ends, restarts with
//! back-off.
//! Rule: kuberuntime's `SyncPod` and `doBackOff` (1.33): the first restart comes at once, the next after 10 s, doubling to 300 s,
//! and anew once a container has run for ten minutes.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::images::{self, PullBackOff};
use super::logs::Line;
use super::{Pod, program};
use crate::kernel::ids::HEX;
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;
use crate::kube::kinds;
use crate::kube::store::Key;

const FIRST_BACK_OFF: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_BACK_OFF: SignedDuration = SignedDuration::from_secs(300);
/// How long a container with `stdinOnce` waits for the client that attaches.
const WAITS_FOR_CLIENT: SignedDuration = SignedDuration::from_secs(2);
const RUNS_WELL: SignedDuration = SignedDuration::from_secs(600);

/// How a container ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit code.
    pub code: i32,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The container's id.
    pub id: String,
}

/// Where a container is in its life.
#[derive(Clone, Debug)]
pub enum Phase {
    /// Not running yet, or not at the moment.
    Waiting {
        /// `ContainerCreating`, `ErrImagePull`, …
        reason: String,
        /// More about it.
        message: String,
    },
    /// Running.
    Running {
        /// Since when.
        since: Timestamp,
        /// When and how it will end by itself.
        ends: Option<(Timestamp, i32)>,
    },
    /// Ended.
    Ended(Ended),
}

impl Phase {
    /// Whether it waits, and for this reason.
    pub fn waits_for(&self, wanted: &str) -> bool {
        matches!(self, Self::Waiting { reason, .. } if reason == wanted)
    }
}

/// A container of a pod.
#[derive(Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Whether it is an init container.
    pub init: bool,
    /// The image, as the pod names it.
    pub image: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// How it ended the last time.
    pub last: Option<Ended>,
    /// How often it was restarted.
    pub restarts: i64,
    /// `host/repository@digest` of what runs.
    pub image_id: String,
    /// The image as containerd names it.
    pub resolved_image: String,
    /// `containerd://…`.
    pub id: String,
    /// What it wrote.
    pub log: Vec<Line>,
    /// What it wrote the time before.
    pub previous_log: Option<Vec<Line>>,
    pub(super) pulls: PullBackOff,
    restart_delay: Option<SignedDuration>,
}

impl Container {
    /// A container that nobody has looked at yet.
    pub fn new(spec: &Value, init: bool) -> Self {
        Self {
            name: text(spec, "/name").to_owned(),
            init,
            image: text(spec, "/image").to_owned(),
            phase: Phase::Waiting { reason: String::new(), message: String::new() },
            last: None,
            restarts: 0,
            image_id: String::new(),
            resolved_image: String::new(),
            id: String::new(),
            log: Vec::new(),
            previous_log: None,
            pulls: PullBackOff::default(),
            restart_delay: None,
        }
    }

    /// `spec.containers{NAME}`.
    pub fn field_path(&self) -> String {
        let list = if self.init { "initContainers" } else { "containers" };
        format!("spec.{list}{{{}}}", self.name)
    }

    /// Ends it if it runs.
    pub fn end(&mut self, code: i32, finished: Timestamp) {
        if let Phase::Running { since, .. } = self.phase {
            self.phase = Phase::Ended(Ended { code, started: since, finished, id: self.id.clone() });
        }
    }

    pub(super) fn wait(&mut self, reason: &str, message: impl Into<String>) {
        self.phase = Phase::Waiting { reason: reason.into(), message: message.into() };
    }

    fn succeeded(&self) -> bool {
        matches!(&self.phase, Phase::Ended(ended) if ended.code == 0)
    }
}

/// Brings the containers of a pod as far as they get now.
pub fn run(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod) {
    take_new_images(context, object, pod);
    let mut initialized = true;
    for index in 0..pod.containers.len() {
        let init = pod.containers[index].init;
        if !init && !initialized {
            break;
        }
        if init && !initialized {
            continue;
        }
        if !(init && pod.containers[index].succeeded()) {
            step(context, key, object, pod, index);
        }
        initialized &= !init || pod.containers[index].succeeded();
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
        let name = pod.containers[index].name.clone();
        if matches!(pod.containers[index].phase, Phase::Running { .. }) {
            let message = format!("Container {name} definition changed, will be restarted");
            tell(context, object, pod, index, "Normal", "Killing", &message);
        }
        let container = &mut pod.containers[index];
        container.end(0, now);
        container.image = image;
        container.pulls = PullBackOff::default();
        container.restart_delay = None;
        if let Phase::Ended(ended) = &container.phase {
            container.last = Some(ended.clone());
            container.restarts += 1;
            container.previous_log = Some(std::mem::take(&mut container.log));
        }
        container.wait("ContainerCreating", "");
    }
}

pub(super) fn spec_of<'a>(object: &'a Value, container: &Container) -> Option<&'a Value> {
    let list = if container.init { "/spec/initContainers" } else { "/spec/containers" };
    items(object, list).iter().find(|spec| text(spec, "/name") == container.name)
}

/// One container: starts it, ends it, restarts it, until it runs, waits, or is over.
fn step(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize) {
    loop {
        let now = context.now();
        match pod.containers[index].phase.clone() {
            Phase::Running { ends: Some((at, code)), .. } if at <= now => pod.containers[index].end(code, at),
            Phase::Running { ends, .. } => {
                if let Some((at, _)) = ends {
                    context.reconsider_at(at, key);
                }
                return;
            }
            Phase::Ended(ended) => {
                if !restarts(object, &pod.containers[index], ended.code) {
                    return;
                }
                if now < restart_at(&mut pod.containers[index], &ended) {
                    return back_off(context, key, object, pod, index, &ended);
                }
                begin_again(&mut pod.containers[index], ended);
            }
            phase if phase.waits_for("CrashLoopBackOff") => {
                let Some(ended) = pod.containers[index].last.clone() else { return };
                let delay = pod.containers[index].restart_delay.unwrap_or(SignedDuration::ZERO);
                if now < ended.finished.saturating_add(delay).unwrap_or(now) {
                    return;
                }
                begin_again(&mut pod.containers[index], ended);
            }
            Phase::Waiting { .. } => {
                if !start(context, key, object, pod, index) {
                    return;
                }
            }
        }
    }
}

fn restarts(object: &Value, container: &Container, code: i32) -> bool {
    match text(object, "/spec/restartPolicy") {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => code != 0 || !container.init,
    }
}

/// When a container that has ended may start again.
fn restart_at(container: &mut Container, ended: &Ended) -> Timestamp {
    let ran = ended.finished.duration_since(ended.started);
    if ran >= RUNS_WELL {
        container.restart_delay = None;
    }
    let delay = match container.restart_delay {
        None if container.restarts == 0 || ran >= RUNS_WELL => SignedDuration::ZERO,
        None => FIRST_BACK_OFF,
        Some(delay) => (delay * 2).min(LONGEST_BACK_OFF),
    };
    ended.finished.saturating_add(delay).unwrap_or(ended.finished)
}

fn begin_again(container: &mut Container, ended: Ended) {
    container.last = Some(ended);
    container.restarts += 1;
    container.previous_log = Some(std::mem::take(&mut container.log));
    container.wait("ContainerCreating", "");
}

fn back_off(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize, ended: &Ended) {
    let at = restart_at(&mut pod.containers[index], ended);
    let container = &mut pod.containers[index];
    let delay = at.duration_since(ended.finished);
    container.restart_delay = Some(delay);
    container.last = Some(ended.clone());
    let place = format!("{}_{}({})", key.name, key.namespace, uid(object));
    let message = format!("back-off {} restarting failed container={} pod={place}", go_duration(delay), container.name);
    container.wait("CrashLoopBackOff", message);
    let message = format!("Back-off restarting failed container {} in pod {place}", container.name);
    context.reconsider_at(at, key);
    tell(context, object, pod, index, "Warning", "BackOff", &message);
}

/// A duration as Go writes whole seconds: `10s`, `2m40s`.
fn go_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

/// Pulls the image and starts a container. False if it waits for something.
fn start(context: &mut Context, key: &Key, object: &Value, pod: &mut Pod, index: usize) -> bool {
    let Some(image) = images::ensure(context, key, object, pod, index) else { return false };
    let now = context.now();
    let id = context.world.ids.text(64, HEX);
    let run = spec_of(object, &pod.containers[index])
        .map(|spec| program::run(context, object, spec, &image.config))
        .unwrap_or_default();
    // Who takes its input once waits a moment for whoever attaches.
    let waits = spec_of(object, &pod.containers[index]).is_some_and(|spec| spec["stdinOnce"] == true);
    let container = &mut pod.containers[index];
    container.image_id = image.image_id;
    container.id = format!("containerd://{id}");
    container.log = run.lines.into_iter().map(|text| Line { at: now, text }).collect();
    let at_least = if waits { WAITS_FOR_CLIENT } else { SignedDuration::ZERO };
    let ends = run.ends.map(|(after, code)| (now.saturating_add(after.max(at_least)).unwrap_or(now), code));
    container.phase = Phase::Running { since: now, ends };
    let (created, started) = match context.minor_version() {
        36.. => ("Container created".to_owned(), "Container started".to_owned()),
        _ => (format!("Created container: {}", container.name), format!("Started container {}", container.name)),
    };
    tell(context, object, pod, index, "Normal", "Created", &created);
    tell(context, object, pod, index, "Normal", "Started", &started);
    super::write_status(context, key, pod);
    true
}

pub(super) fn tell(context: &mut Context, object: &Value, pod: &Pod, index: usize, severity: &str, reason: &str, message: &str) {
    let field_path = pod.containers[index].field_path();
    context.event_from(&kinds::PODS, object, severity, reason, message, &pod.source(&field_path));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    fn ended(started: i64, finished: i64) -> Ended {
        Ended { code: 1, started: at(started), finished: at(finished), id: String::new() }
    }

    #[test]
    fn restarts_come_at_once_and_then_later_and_later() {
        let mut container = Container::new(&json!({"name": "a"}), false);
        assert_eq!(restart_at(&mut container, &ended(0, 0)), at(0));
        container.restarts = 1;
        let mut delays = Vec::new();
        for _ in 0..7 {
            let delay = restart_at(&mut container, &ended(0, 0)).duration_since(at(0));
            container.restart_delay = Some(delay);
            delays.push(delay.as_secs());
        }
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(restart_at(&mut container, &ended(0, 600)), at(600), "ran well");
    }

    #[test]
    fn restart_policies_differ() {
        let container = Container::new(&json!({"name": "a"}), false);
        let with = |policy: &str, code| restarts(&json!({"spec": {"restartPolicy": policy}}), &container, code);
        assert!(with("Always", 0) && with("Always", 1) && with("OnFailure", 1));
        assert!(!with("OnFailure", 0) && !with("Never", 1));
        assert_eq!(go_duration(SignedDuration::from_secs(160)), "2m40s");
    }
}
