//! What a container does, since nothing really runs: what it writes, and whether and how it ends.
//!
//! In this order: the pod's annotations `azlet.dev/logs` (the text) and `azlet.dev/exit-code` (ends at once with this code); the
//! images that the project makes itself, known by their label `dev.azlet.content`; commands that are simple enough (`echo`,
//! `true`, `false`, `sleep`); everything else starts and stays, silently.

use jiff::SignedDuration;
use serde_json::Value;

use super::canipull;
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;

const LOGS: &str = "azlet.dev/logs";
const EXIT_CODE: &str = "azlet.dev/exit-code";
const CONTENT: &str = "dev.azlet.content";

/// What a container does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// What it writes at its start.
    pub lines: Vec<String>,
    /// After how long it ends, with which code. Otherwise it stays.
    pub ends: Option<(SignedDuration, i32)>,
}

impl Run {
    /// Writes something and ends.
    pub fn once(text: &str, code: i32) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect(), ends: Some((SignedDuration::ZERO, code)) }
    }

    fn stays(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect(), ends: None }
    }
}

/// What a container of this specification does with an image of this configuration.
pub fn run(context: &Context, pod: &Value, spec: &Value, image: &Value) -> Run {
    let content = image.pointer("/config/Labels").and_then(|labels| labels.get(CONTENT)).and_then(Value::as_str);
    let ends = annotation(pod, EXIT_CODE).and_then(|code| code.parse().ok()).map(|code| (SignedDuration::ZERO, code));
    let own = items(spec, "/command").is_empty();
    let mut run = match content {
        Some("canipull") if own => canipull::run(context, spec),
        Some("hello-world") if own => Run::once(include_str!("../../../../fixtures/images/hello-world/hello.txt"), 0),
        Some("nginx") if own && items(spec, "/args").is_empty() => Run::stays(NGINX_BANNER),
        _ => command(&command_line(spec, image)),
    };
    if let Some(text) = annotation(pod, LOGS) {
        run.lines = text.lines().map(str::to_owned).collect();
    }
    run.ends = ends.or(run.ends);
    run
}

const NGINX_BANNER: &str = "azlet: nginx is simulated; nothing listens on its ports\n\
    azlet: configuration complete; ready for start up";

/// The command line as a runtime puts it together: `command` replaces the entry point and its arguments, `args` the arguments.
pub(super) fn command_line(spec: &Value, image: &Value) -> Vec<String> {
    let words = |object: &Value, pointer: &str| -> Vec<String> {
        items(object, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (command, args) = (words(spec, "/command"), words(spec, "/args"));
    let (entrypoint, default_args) = (words(image, "/config/Entrypoint"), words(image, "/config/Cmd"));
    match (command.is_empty(), args.is_empty()) {
        (false, _) => [command, args].concat(),
        (true, false) => [entrypoint, args].concat(),
        (true, true) => [entrypoint, default_args].concat(),
    }
}

/// A command that can be told by its words.
fn command(words: &[String]) -> Run {
    let Some((program, arguments)) = words.split_first() else { return Run::default() };
    match program.rsplit('/').next().unwrap_or(program) {
        "true" => Run::once("", 0),
        "false" => Run::once("", 1),
        "echo" => Run::once(&arguments.join(" "), 0),
        "sleep" => match arguments.first().and_then(|seconds| seconds.parse().ok()) {
            Some(seconds) => Run { lines: Vec::new(), ends: Some((SignedDuration::from_secs(seconds), 0)) },
            None => Run::default(),
        },
        _ => Run::default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_and_arguments_replace_those_of_the_image() {
        let image = json!({"config": {"Entrypoint": ["/entry"], "Cmd": ["start"]}});
        let line = |spec: Value| command_line(&spec, &image).join(" ");
        assert_eq!(line(json!({})), "/entry start");
        assert_eq!(line(json!({"args": ["x"]})), "/entry x");
        assert_eq!(line(json!({"command": ["c"]})), "c");
        assert_eq!(line(json!({"command": ["c"], "args": ["x"]})), "c x");
    }

    #[test]
    fn simple_commands_end_and_others_stay() {
        let run = |line: &str| command(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(run("/bin/echo hello world"), Run::once("hello world", 0));
        assert_eq!(run("false").ends, Some((SignedDuration::ZERO, 1)));
        assert_eq!(run("sleep 30").ends, Some((SignedDuration::from_secs(30), 0)));
        assert_eq!(run("sleep infinity"), Run::default());
        assert_eq!(run("nginx -g daemon"), Run::default());
    }
}
