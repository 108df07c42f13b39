//! Probes of containers: when they are made, how they end, and what follows.
//! Rule: the kubelet's `prober/worker.go` (1.34): thresholds, the initial values, startup before the others, no probe of liveness after
//! a failure until the container is another one. Inferred: probes are made at the start plus `initialDelaySeconds`, and then each period;
//! a node's probes have a phase of their own. A probe that succeeds and goes on to succeed is not made again: nothing would follow.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::program::Program;
use super::shell::{self, Process};
use super::{Pod, tell};
use crate::kernel::container_script::outcome_at;
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;

/// The kinds of probes: member, and name in messages.
const KINDS: [(&str, &str); 3] = [("startupProbe", "Startup"), ("livenessProbe", "Liveness"), ("readinessProbe", "Readiness")];

/// A probe of a container.
#[derive(Clone, Debug)]
pub struct Probe {
    member: &'static str,
    label: &'static str,
    spec: Value,
    last: Option<bool>,
    in_a_row: i64,
    result: Option<bool>,
    next: Option<Timestamp>,
    /// Whether it is made no more.
    rests: bool,
}

/// What is to be done after probes were made.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// A probe that says that the container must end: `liveness`, and its grace.
    pub kill: Option<(String, Option<i64>)>,
    /// When the next probe is made.
    pub next: Option<Timestamp>,
}

impl Probe {
    /// The probes of a container that begins to run.
    pub(super) fn of(spec: &Value) -> Vec<Self> {
        let probes = KINDS.iter().filter(|(member, _)| spec[*member].is_object());
        let new = |(member, label): &(&'static str, &'static str)| Self {
            member,
            label,
            spec: spec[*member].clone(),
            last: None,
            in_a_row: 0,
            result: None,
            next: None,
            rests: false,
        };
        probes.map(new).collect()
    }

    pub(super) fn lets_start(&self) -> bool {
        self.member != "startupProbe" || self.result == Some(true)
    }

    pub(super) fn lets_be_ready(&self) -> bool {
        self.member != "readinessProbe" || self.result == Some(true)
    }

    pub(super) fn container_ended(&mut self) {
        self.result = Some(false);
        self.rests = true;
    }

    fn seconds(&self, member: &str, or: i64) -> SignedDuration {
        SignedDuration::from_secs(self.spec[member].as_i64().filter(|seconds| *seconds >= 0).unwrap_or(or))
    }

    fn threshold(&self, member: &str, or: i64) -> i64 {
        self.spec[member].as_i64().filter(|times| *times > 0).unwrap_or(or)
    }

    fn period(&self) -> SignedDuration {
        self.seconds("periodSeconds", 10).max(SignedDuration::from_secs(1))
    }
}

/// Makes the probes of a container that are due.
pub(super) fn make(context: &mut Context, object: &Value, pod: &mut Pod, index: usize, since: Timestamp) -> Verdict {
    let now = context.now();
    loop {
        let container = &mut pod.containers[index];
        let Some(position) = next_probe(&mut container.probes, since) else { return Verdict::default() };
        let due = container.probes[position].next.unwrap_or(now);
        if due > now {
            return Verdict { kill: None, next: Some(due) };
        }
        let Some(program) = container.current.as_ref().map(|current| current.program.clone()) else {
            return Verdict::default();
        };
        let probe = &mut container.probes[position];
        let (passes, output, change) = outcome(&program, probe, due.duration_since(since), &pod.ip);
        let failed_for_good = probe.counts(passes, due, since, change);
        let (label, grace) = (probe.label, probe.spec["terminationGracePeriodSeconds"].as_i64());
        if probe.member == "startupProbe" && probe.result == Some(true) {
            for other in container.probes.iter_mut().filter(|other| other.member != "startupProbe") {
                other.next = Some(due.max(since.saturating_add(other.seconds("initialDelaySeconds", 0)).unwrap_or(due)));
            }
        }
        if !passes {
            tell(context, object, pod, index, "Warning", "Unhealthy", &format!("{label} probe failed: {output}"));
        }
        if failed_for_good {
            return Verdict { kill: Some((label.to_lowercase(), grace)), next: None };
        }
    }
}

/// The probe that is made next. Others than the startup probe wait for that.
fn next_probe(probes: &mut [Probe], since: Timestamp) -> Option<usize> {
    let started = probes.iter().all(Probe::lets_start);
    for probe in probes.iter_mut().filter(|probe| probe.next.is_none() && !probe.rests) {
        probe.next = since.saturating_add(probe.seconds("initialDelaySeconds", 0)).ok();
    }
    let made = |probe: &Probe| !probe.rests && (started != (probe.member == "startupProbe"));
    let due = probes.iter().enumerate().filter(|(_, probe)| made(probe));
    due.min_by_key(|(_, probe)| probe.next).map(|(position, _)| position)
}

impl Probe {
    /// Counts a result; true if the container must end for it.
    fn counts(&mut self, passes: bool, due: Timestamp, since: Timestamp, change: Option<SignedDuration>) -> bool {
        self.in_a_row = if self.last == Some(passes) { self.in_a_row.saturating_add(1) } else { 1 };
        self.last = Some(passes);
        let wanted = if passes { self.threshold("successThreshold", 1) } else { self.threshold("failureThreshold", 3) };
        if self.in_a_row >= wanted {
            self.result = Some(passes);
        }
        let period = self.period();
        self.next = due.saturating_add(period).ok();
        if self.in_a_row < wanted {
            return false;
        }
        if self.member == "startupProbe" && passes {
            self.rests = true;
        }
        if passes {
            self.skip_to(change, due, since, period);
        }
        let fatal = !passes && self.member != "readinessProbe";
        self.rests |= fatal;
        fatal
    }

    /// Until something changes, the same would come out again and again.
    fn skip_to(&mut self, change: Option<SignedDuration>, due: Timestamp, since: Timestamp, period: SignedDuration) {
        let Some(change) = change.and_then(|change| since.saturating_add(change).ok()) else {
            self.rests = true;
            return;
        };
        let (wait, period) = (change.duration_since(due).as_millis().max(1), period.as_millis().max(1));
        let periods = wait / period + i128::from(wait % period != 0);
        let skipped = i64::try_from(periods * period).unwrap_or(i64::MAX);
        self.next = due.saturating_add(SignedDuration::from_millis(skipped)).ok();
        self.rests = self.next.is_none();
    }
}

/// Whether a probe passes some time after the start, what it says, and when that may change.
fn outcome(program: &Program, probe: &Probe, at: SignedDuration, ip: &str) -> (bool, String, Option<SignedDuration>) {
    if let Some(outcomes) = program.outcomes(probe.member) {
        let (found, next) = outcome_at(outcomes, at);
        return match found {
            Some(outcome) if !outcome.passes => {
                (false, outcome.output.clone().unwrap_or_else(|| usual_failure(&probe.spec, ip)), next)
            }
            _ => (true, String::new(), next),
        };
    }
    let words: Vec<String> = items(&probe.spec, "/exec/command").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if words.is_empty() {
        return (true, String::new(), None);
    }
    let next = program.written.iter().map(|written| written.at).find(|changed| *changed > at);
    let limit = probe.seconds("timeoutSeconds", 1);
    let process = Process { words: &words, stdin: b"", started: Timestamp::UNIX_EPOCH, until: limit, steps: 5_000 };
    let trace = shell::run(&process, &program.files_at(at));
    let (passes, output) = match trace.end {
        _ if trace.unknown.is_some() => (true, String::new()),
        Some((_, 0)) => (true, String::new()),
        Some(_) => {
            let both: Vec<u8> = trace.output.iter().flat_map(|output| output.bytes.iter().copied()).collect();
            (false, String::from_utf8_lossy(&both).into_owned())
        }
        None => (false, format!("command timed out: \"{}\" timed out after {}s", words.join(" "), limit.as_secs())),
    };
    (passes, output, next)
}

/// What a failing probe says if nothing else is told.
fn usual_failure(spec: &Value, ip: &str) -> String {
    let port = |member: &str| {
        spec[member]["port"].as_i64().map_or_else(|| text(&spec[member], "/port").to_owned(), |port| port.to_string())
    };
    match () {
        () if spec["httpGet"].is_object() => "HTTP probe failed with statuscode: 503".into(),
        () if spec["tcpSocket"].is_object() => format!("dial tcp {ip}:{}: connect: connection refused", port("tcpSocket")),
        () if spec["grpc"].is_object() => "service unhealthy (responded with \"NOT_SERVING\")".into(),
        () => String::new(),
    }
}
