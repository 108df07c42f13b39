//! What a container does, since nothing really runs: what it writes, whether and how it ends, how its probes end.
//!
//! In this order, member by member: the pod's annotation `azlet.dev/containers`; the world's list by image; azlet's own list by image
//! (`fixtures/kubernetes/containers.json`); the check of `az aks check-acr`; commands that the small shell knows ([`super::shell`]);
//! everything else starts and stays, silently, and its probes succeed. The format is described in `docs/CONTAINERS.md`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::canipull;
use super::logs::Line;
use super::shell::{self, Process, View, Written};
use super::variables::expanded;
use super::view;
use crate::kernel::container_script::{self as script, Entry, Exit, ImageScript, Outcome, Run};
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;
use crate::kube::store::Cluster;
use crate::kube::streams::shell::{is_conversation, reads_input};

/// The annotation that tells what a pod's containers do.
pub const ANNOTATION: &str = "azlet.dev/containers";
const CONTENT: &str = "dev.azlet.content";
/// How many steps a command has when it is looked for its end, and when its output is read.
const STEPS: u32 = 20_000;
const STEPS_OF_LOGS: u32 = 500_000;
/// How long a container with `stdinOnce` waits for the client that attaches.
const WAITS_FOR_CLIENT: SignedDuration = SignedDuration::from_secs(2);
/// The most lines of a log.
const MOST_LINES: usize = 50_000;

static OWN: LazyLock<Vec<ImageScript>> = LazyLock::new(|| {
    let list: Vec<Value> =
        serde_json::from_str(include_str!("../../../../fixtures/kubernetes/containers.json")).unwrap_or_default();
    list.iter().filter_map(|entry| ImageScript::read(entry).ok()).collect()
});

/// What one life of a container is.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// What is told about it.
    pub run: Run,
    /// The command line.
    pub words: Vec<String>,
    /// What it sees.
    pub view: View,
    /// What it does with files, if the small shell knows it.
    pub written: Vec<Written>,
    /// When and how it ends by itself.
    pub end: Option<Exit>,
    /// Whether the small shell knows it.
    pub known: bool,
}

/// What is told about the next run of a container: its number, its image's name, its image's configuration.
pub fn told(context: &Context, pod: &Value, spec: &Value, number: i64, (image, config): (&str, &Value)) -> Run {
    let name = text(spec, "/name");
    let of_pod = annotation(pod, ANNOTATION).and_then(|text| script::read_pod(text).ok()).unwrap_or_default();
    let by_name =
        |wanted: &str| of_pod.iter().find(|(name, _)| name == wanted).and_then(|(_, script)| script.run(number)).cloned();
    let mut run = by_name(name).or_else(|| by_name("*")).unwrap_or_default();
    let content = config.pointer("/config/Labels").and_then(|labels| labels.get(CONTENT)).and_then(Value::as_str);
    let own = items(spec, "/command").is_empty() && items(spec, "/args").is_empty();
    let of_world = context.world.seed.containers.iter().map(|entry| &entry.script);
    for entry in of_world.chain(OWN.iter()).filter(|entry| (own || entry.any_command) && entry.is_for(image, content)) {
        if let Some(told) = entry.does.run(number) {
            run = run.or(told);
        }
    }
    if content == Some("canipull") && items(spec, "/command").is_empty() {
        let (text, code) = canipull::run(context, spec);
        let log = vec![Entry { at: SignedDuration::ZERO, every: None, times: None, text, error: false }];
        run = run.or(&Run { log: Some(log), exit: Some(Exit { code, ..Exit::default() }), ..Run::default() });
    }
    run
}

impl Program {
    /// The program of a container that starts.
    pub fn new(
        cluster: &Cluster,
        pod: &Value,
        spec: &Value,
        config: &Value,
        started: Timestamp,
        run: Run,
    ) -> Result<Self, String> {
        let view = view::of(cluster, pod, spec, config)?;
        let words = command_line(spec, config, &view.environment);
        let mut program = Self { run, words, view, ..Self::default() };
        // What reads its input waits for whoever attaches.
        let interactive = spec["stdin"] == true && (is_conversation(&program.words) || reads_input(&program.words));
        if !interactive && !program.words.is_empty() {
            let trace = program.trace(started, SignedDuration::MAX, STEPS);
            program.known = trace.unknown.is_none();
            program.written = trace.written;
            program.end = trace.end.map(|(after, code)| Exit { after, code, ..Exit::default() });
        }
        let path = spec["terminationMessagePath"].as_str().unwrap_or("/dev/termination-log");
        let message = program.written.iter().rev().find(|written| written.path == path);
        let message = message.and_then(|written| written.content.clone()).unwrap_or_default();
        if let Some(end) = &mut program.end {
            end.message = String::from_utf8_lossy(&message).into_owned();
        }
        program.end = program.run.exit.clone().or(program.end);
        // Who takes its input once waits a moment for whoever attaches.
        if let Some(end) = program.end.as_mut().filter(|_| spec["stdinOnce"] == true) {
            end.after = end.after.max(WAITS_FOR_CLIENT);
        }
        Ok(program)
    }

    fn trace(&self, started: Timestamp, until: SignedDuration, steps: u32) -> shell::Trace {
        shell::run(&Process { words: &self.words, stdin: b"", started, until, steps }, &self.view)
    }

    /// What it has written some time after its start, and when it writes next.
    pub fn output(&self, started: Timestamp, until: SignedDuration) -> (Vec<Line>, Option<SignedDuration>) {
        let until = self.end.as_ref().map_or(until, |end| until.min(end.after));
        let at = |offset: SignedDuration| started.saturating_add(offset).unwrap_or(started);
        if let Some(entries) = &self.run.log {
            return told_lines(entries, until, at);
        }
        let trace = self.trace(started, until, STEPS_OF_LOGS);
        let mut lines = Vec::new();
        for output in &trace.output {
            let text = String::from_utf8_lossy(&output.bytes);
            lines.extend(text.split_inclusive('\n').map(|line| Line {
                at: at(output.at),
                text: line.trim_end_matches('\n').to_owned(),
                error: output.error,
                partial: !line.ends_with('\n'),
            }));
        }
        (lines, trace.next)
    }

    /// The files that are there some time after its start.
    pub fn files_at(&self, offset: SignedDuration) -> View {
        let trace = shell::Trace { written: self.written.clone(), ..shell::Trace::default() };
        View { files: trace.files_at(&self.view.files, offset), ..self.view.clone() }
    }

    /// The outcomes that are told of a probe.
    pub fn outcomes(&self, probe: &str) -> Option<&[Outcome]> {
        match probe {
            "readinessProbe" => self.run.readiness.as_deref(),
            "livenessProbe" => self.run.liveness.as_deref(),
            _ => self.run.startup.as_deref(),
        }
    }
}

/// The lines that entries write up to some time, and when the next one comes.
fn told_lines(
    entries: &[Entry],
    until: SignedDuration,
    at: impl Fn(SignedDuration) -> Timestamp,
) -> (Vec<Line>, Option<SignedDuration>) {
    let mut all = Vec::new();
    let mut next: Option<SignedDuration> = None;
    for entry in entries {
        let mut moment = entry.at;
        let mut left = entry.times.unwrap_or(if entry.every.is_some() { u64::MAX } else { 1 });
        while moment <= until && left > 0 && all.len() < MOST_LINES {
            all.extend(entry.text.lines().map(|text| (moment, text, entry.error)));
            left -= 1;
            moment = moment.saturating_add(entry.every.unwrap_or(SignedDuration::MAX));
        }
        if left > 0 && moment > until && moment < SignedDuration::MAX {
            next = Some(next.map_or(moment, |next| next.min(moment)));
        }
    }
    all.sort_by_key(|(moment, ..)| *moment);
    let line = |(moment, text, error): (SignedDuration, &str, bool)| Line {
        at: at(moment),
        text: text.to_owned(),
        error,
        partial: false,
    };
    (all.into_iter().map(line).collect(), next)
}

/// The command line as a runtime puts it together: `command` replaces the entry point and its arguments, `args` the arguments.
pub fn command_line(spec: &Value, image: &Value, environment: &BTreeMap<String, String>) -> Vec<String> {
    let words = |object: &Value, pointer: &str| -> Vec<String> {
        items(object, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let expanded = |pointer: &str| -> Vec<String> {
        let known = |name: &str| environment.get(name).cloned();
        words(spec, pointer).iter().map(|word| expanded(word, known)).collect()
    };
    let (command, args) = (expanded("/command"), expanded("/args"));
    let (entrypoint, default_args) = (words(image, "/config/Entrypoint"), words(image, "/config/Cmd"));
    match (command.is_empty(), args.is_empty()) {
        (false, _) => [command, args].concat(),
        (true, false) => [entrypoint, args].concat(),
        (true, true) => [entrypoint, default_args].concat(),
    }
}

/// A life of a container: what it is, since when, under which id.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What it does.
    pub program: Arc<Program>,
    /// Since when.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// What it wrote because somebody was attached.
    pub said: Vec<Line>,
}

impl Instance {
    /// What it has written by now, and when it writes next.
    pub fn output(&self, now: Timestamp) -> (Vec<Line>, Option<Timestamp>) {
        let until = self.finished.unwrap_or(now).min(now).duration_since(self.started);
        let (mut lines, next) = self.program.output(self.started, until);
        lines.extend(self.said.iter().cloned());
        let next = next.filter(|_| self.finished.is_none()).and_then(|next| self.started.saturating_add(next).ok());
        (lines, next)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn azlets_own_list_is_sound() {
        let list: Vec<Value> =
            serde_json::from_str(include_str!("../../../../fixtures/kubernetes/containers.json")).expect("a list");
        assert_eq!(list.len(), OWN.len());
    }

    #[test]
    fn commands_and_arguments_replace_those_of_the_image() {
        let image = json!({"config": {"Entrypoint": ["/entry"], "Cmd": ["start"]}});
        let environment = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        let line = |spec: Value| command_line(&spec, &image, &environment).join(" ");
        assert_eq!(line(json!({})), "/entry start");
        assert_eq!(line(json!({"args": ["x"]})), "/entry x");
        assert_eq!(line(json!({"command": ["c"]})), "c");
        assert_eq!(line(json!({"command": ["c"], "args": ["$(A) $$(A) $(B)"]})), "c 1 $(A) $(B)");
    }
}
