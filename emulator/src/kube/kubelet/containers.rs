//! A container of a pod: where it is in its life, and what its restarts wait for.
//! Rule: kuberuntime's `doBackOff` with client-go's `flowcontrol.Backoff` (1.34): the first restart comes at once, the next after
//! 10 s, doubling to 300 s, and anew once a container has run for more than ten minutes. That a restart comes when its back-off ends,
//! and not with the next look of a node some seconds later, is inferred.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::images::PullBackOff;
use super::logs::Line;
use super::probes::Probe;
use super::program::Instance;
use crate::acr::pull::Pulled;
use crate::kernel::container_script::Exit;
use crate::kube::controllers::object::*;

const FIRST_BACK_OFF: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_BACK_OFF: SignedDuration = SignedDuration::from_secs(300);
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_secs(600);

/// How a container ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit code.
    pub code: i32,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`.
    pub reason: &'static str,
    /// What it left as its termination message.
    pub message: String,
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

/// What kind of container it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Runs to its end before the next one.
    Init,
    /// An init container that is restarted always: it runs beside the others.
    Sidecar,
    /// One of the pod's own.
    Main,
    /// Added to a pod that runs.
    Ephemeral,
}

impl Sort {
    /// Whether it is listed among the init containers.
    pub fn is_init(self) -> bool {
        matches!(self, Self::Init | Self::Sidecar)
    }

    /// The member of a pod's specification that lists it.
    pub fn list(self) -> &'static str {
        match self {
            Self::Init | Self::Sidecar => "initContainers",
            Self::Main => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

/// How a container that was asked to end will.
#[derive(Clone, Debug)]
pub(super) struct Stopping {
    /// When.
    pub at: Timestamp,
    /// With which code.
    pub code: i32,
}

/// A container of a pod.
#[derive(Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What kind it is.
    pub sort: Sort,
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
    /// What runs, or has run since the last start.
    pub current: Option<Instance>,
    /// What ran before that.
    pub previous: Option<Instance>,
    pub(super) pulls: PullBackOff,
    pub(super) probes: Vec<Probe>,
    pub(super) stopping: Option<Stopping>,
    /// When a container that is being created will be.
    pub(super) starts_at: Option<Timestamp>,
    /// Until when the hook after its start runs, and why that fails.
    pub(super) hook: Option<(Timestamp, Option<String>)>,
    /// Whether it was counted as started at least once since its pod began.
    pub(super) was_started: bool,
    /// The image that it is about to run.
    pub(super) pulled: Option<Pulled>,
    back_off: Option<(SignedDuration, Timestamp)>,
}

impl Container {
    /// A container that nobody has looked at yet.
    pub fn new(spec: &Value, sort: Sort) -> Self {
        let sort = if sort == Sort::Init && spec["restartPolicy"] == "Always" { Sort::Sidecar } else { sort };
        Self {
            name: text(spec, "/name").to_owned(),
            sort,
            image: text(spec, "/image").to_owned(),
            phase: Phase::Waiting { reason: String::new(), message: String::new() },
            last: None,
            restarts: 0,
            image_id: String::new(),
            resolved_image: String::new(),
            id: String::new(),
            current: None,
            previous: None,
            pulls: PullBackOff::default(),
            probes: Vec::new(),
            stopping: None,
            starts_at: None,
            hook: None,
            was_started: false,
            pulled: None,
            back_off: None,
        }
    }

    /// `spec.containers{NAME}`.
    pub fn field_path(&self) -> String {
        format!("spec.{}{{{}}}", self.sort.list(), self.name)
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Whether it has ended well.
    pub fn succeeded(&self) -> bool {
        matches!(&self.phase, Phase::Ended(ended) if ended.code == 0)
    }

    /// Whether it runs and its startup probe, if it has one, has succeeded.
    pub fn started(&self) -> bool {
        self.runs() && self.hook.is_none() && self.probes.iter().all(Probe::lets_start)
    }

    /// Whether it is ready: it has started, and its readiness probe, if it has one, says so.
    pub fn ready(&self) -> bool {
        match self.sort {
            Sort::Init => self.succeeded(),
            _ => self.started() && self.probes.iter().all(Probe::lets_be_ready),
        }
    }

    /// What its present life has written by now.
    pub fn lines(&self, now: Timestamp) -> Vec<Line> {
        self.current.as_ref().map(|instance| instance.output(now).0).unwrap_or_default()
    }

    /// Ends it if it runs.
    pub(super) fn end(&mut self, spec: Option<&Value>, exit: Exit, finished: Timestamp) {
        let Phase::Running { since } = self.phase else { return };
        if let Some(current) = &mut self.current {
            current.finished = Some(finished);
        }
        let reason = match exit.code {
            _ if exit.oom => "OOMKilled",
            0 => "Completed",
            _ => "Error",
        };
        let message = self.termination_message(spec, &exit, finished);
        let id = self.id.clone();
        self.phase = Phase::Ended(Ended { code: exit.code, reason, message, started: since, finished, id });
        self.stopping = None;
        self.hook = None;
        self.probes.iter_mut().for_each(Probe::container_ended);
    }

    /// The message that an end leaves: at most 4096 bytes, or with `FallbackToLogsOnError` the end of the log: 2048 bytes, 80 lines.
    fn termination_message(&self, spec: Option<&Value>, exit: &Exit, now: Timestamp) -> String {
        let mut message = exit.message.clone();
        let falls_back = spec.is_some_and(|spec| spec["terminationMessagePolicy"] == "FallbackToLogsOnError");
        let mut limit = 4096;
        if message.is_empty() && exit.code != 0 && falls_back {
            let lines = self.lines(now);
            let last = &lines[lines.len().saturating_sub(80)..];
            message = last.iter().map(|line| format!("{}\n", line.text)).collect();
            limit = 2048;
            let start = (message.len().saturating_sub(limit)..=message.len()).find(|at| message.is_char_boundary(*at));
            message.drain(..start.unwrap_or(0));
        }
        let end = (0..=limit.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
        message.truncate(end.unwrap_or(0));
        message
    }

    pub(super) fn wait(&mut self, reason: &str, message: impl Into<String>) {
        self.phase = Phase::Waiting { reason: reason.into(), message: message.into() };
    }

    /// When a container that has ended may start again, and after which back-off.
    pub(super) fn restart_at(&self, ended: &Ended) -> (Timestamp, SignedDuration) {
        let delay = match self.back_off {
            Some((delay, since)) if ended.finished.duration_since(since) <= FORGOTTEN_AFTER => delay,
            _ => SignedDuration::ZERO,
        };
        (ended.finished.saturating_add(delay).unwrap_or(ended.finished), delay)
    }

    /// Gets it ready to start once more.
    pub(super) fn begin_again(&mut self, ended: Ended, now: Timestamp) {
        self.back_off = Some(match self.back_off {
            Some((delay, since)) if ended.finished.duration_since(since) <= FORGOTTEN_AFTER => {
                ((delay * 2).min(LONGEST_BACK_OFF), now)
            }
            _ => (FIRST_BACK_OFF, now),
        });
        self.last = Some(ended);
        self.restarts += 1;
        self.previous = self.current.take();
        self.starts_at = None;
        self.pulled = None;
        self.wait("ContainerCreating", "");
    }

    /// Forgets what it waits for: its image was changed.
    pub(super) fn take_image(&mut self, image: String) {
        self.image = image;
        self.pulls = PullBackOff::default();
        self.back_off = None;
        self.starts_at = None;
        self.pulled = None;
        if let Phase::Ended(ended) = &self.phase {
            self.last = Some(ended.clone());
            self.restarts += 1;
            self.previous = self.current.take();
        }
        self.wait("ContainerCreating", "");
    }
}

/// Whether a container that has ended is started again: by its own rules (`restartPolicyRules`, of clusters that let them), its own
/// policy, and else its pod's.
pub(super) fn restarts(object: &Value, container: &Container, code: i32) -> bool {
    match container.sort {
        Sort::Ephemeral => return false,
        Sort::Sidecar => return true,
        _ => {}
    }
    let spec = spec_of(object, container).unwrap_or(&Value::Null);
    for rule in items(spec, "/restartPolicyRules") {
        let listed = items(rule, "/exitCodes/values").iter().any(|value| *value == code);
        if text(rule, "/action") == "Restart" && listed == (text(rule, "/exitCodes/operator") == "In") {
            return true;
        }
    }
    let own = text(spec, "/restartPolicy");
    match if own.is_empty() { text(object, "/spec/restartPolicy") } else { own } {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => code != 0 || container.sort != Sort::Init,
    }
}

/// The specification of a container in its pod.
pub fn spec_of<'a>(object: &'a Value, container: &Container) -> Option<&'a Value> {
    let list = object.pointer("/spec")?.get(container.sort.list())?.as_array()?;
    list.iter().find(|spec| text(spec, "/name") == container.name)
}

/// A duration as Go writes whole seconds: `10s`, `2m40s`.
pub(super) fn go_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("in range")
    }

    fn ended(started: i64, finished: i64) -> Ended {
        let (started, finished) = (at(started), at(finished));
        Ended { code: 1, reason: "Error", message: String::new(), started, finished, id: String::new() }
    }

    #[test]
    fn restarts_come_at_once_and_then_later_and_later() {
        let mut container = Container::new(&json!({"name": "a"}), Sort::Main);
        let mut delays = Vec::new();
        let mut now = 0;
        for _ in 0..8 {
            let end = ended(now, now);
            let (again, delay) = container.restart_at(&end);
            delays.push(delay.as_secs());
            now = again.as_second();
            container.begin_again(end, again);
        }
        assert_eq!(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
        let long = ended(now, now + 601);
        assert_eq!(container.restart_at(&long).1.as_secs(), 0, "ran well");
        container.begin_again(long, at(now + 601));
        assert_eq!(container.restart_at(&ended(now + 601, now + 602)).1.as_secs(), 10, "and anew");
        assert_eq!(go_duration(SignedDuration::from_secs(160)), "2m40s");
    }

    #[test]
    fn restart_policies_differ() {
        let pod = |policy: &str, own: Value| {
            let mut container = json!({"name": "a"});
            container["restartPolicy"] = own["policy"].clone();
            container["restartPolicyRules"] = own["rules"].clone();
            json!({"spec": {"restartPolicy": policy, "containers": [container]}})
        };
        let container = Container::new(&json!({"name": "a"}), Sort::Main);
        let with = |policy: &str, code| restarts(&pod(policy, json!({})), &container, code);
        assert!(with("Always", 0) && with("Always", 1) && with("OnFailure", 1));
        assert!(!with("OnFailure", 0) && !with("Never", 1));
        let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
        let own = pod("Never", json!({"policy": "Never", "rules": rules}));
        assert!(restarts(&own, &container, 42) && !restarts(&own, &container, 1));
        let sidecar = Container::new(&json!({"name": "a", "restartPolicy": "Always"}), Sort::Init);
        assert_eq!(sidecar.sort, Sort::Sidecar);
        assert!(restarts(&pod("Never", json!({})), &sidecar, 0));
    }
}
