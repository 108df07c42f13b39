//! A small kubectl, for commands that run beside the cluster (AKS' run command): its arguments, its requests, its output.
//! Follows `kubectl`'s own commands and printers (`k8s.io/kubectl`, `k8s.io/cli-runtime`); what it does not do says so and ends with 1.

pub mod args;
mod describe;
mod get;
pub mod jsonpath;
mod manifest;
mod print;
mod rollout;
mod write;

use serde_json::Value;

use super::direct::{Client, Reply};
use super::kinds::{self, Kind};

use args::Args;

/// What a command wrote, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Both streams.
    pub text: String,
    /// The exit code.
    pub code: i32,
}

impl Output {
    /// A good end.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { text: line(text.into()), code: 0 }
    }

    /// A bad end.
    pub fn failed(text: impl Into<String>) -> Self {
        Self { text: line(text.into()), code: 1 }
    }

    /// Adds what came after.
    pub fn then(&mut self, next: Self) {
        self.text.push_str(&next.text);
        self.code = if next.code == 0 { self.code } else { next.code };
    }
}

fn line(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Files that a command can name.
pub type Files = std::collections::BTreeMap<String, String>;

/// A command's surroundings.
struct Session<'a> {
    client: &'a Client,
    args: Args,
    files: &'a Files,
}

/// A failed step: what kubectl would print.
type Failure = Output;

/// What there is.
const VERBS: [&str; 17] = [
    "get",
    "describe",
    "logs",
    "log",
    "apply",
    "create",
    "run",
    "delete",
    "scale",
    "rollout",
    "set",
    "label",
    "annotate",
    "wait",
    "version",
    "cluster-info",
    "top",
];

fn not_built(verb: &str) -> Output {
    Output::failed(format!(
        "error: azlet's run command has no \"kubectl {verb}\"; it has get, describe, logs, apply, create, run, delete, scale, rollout, \
         set image, label, annotate, wait, version and cluster-info"
    ))
}

/// Runs a command, given without its first word `kubectl`.
pub fn run(client: &Client, words: &[String], files: &Files) -> Output {
    if let Some(verb) = words.first().filter(|word| !word.starts_with('-') && !VERBS.contains(&word.as_str())) {
        return not_built(verb);
    }
    let args = match Args::parse(words) {
        Ok(args) => args,
        Err(message) => return Output::failed(message),
    };
    let session = Session { client, args, files };
    session.act().unwrap_or_else(|failure| failure)
}

impl Session<'_> {
    fn act(&self) -> Result<Output, Failure> {
        match self.args.verb.as_str() {
            "get" => self.get(),
            "describe" => self.describe(),
            "logs" | "log" => self.logs(),
            "apply" => self.apply(),
            "create" => self.create(),
            "run" => self.run_pod(),
            "delete" => self.delete(),
            "scale" => self.scale(),
            "rollout" => self.rollout(),
            "set" => self.set(),
            "label" | "annotate" => self.mark(),
            "wait" => self.wait(),
            "version" => self.version(),
            "cluster-info" => Ok(self.cluster_info()),
            "top" => Err(Output::failed("error: Metrics API not available")),
            "" => Ok(Output::ok("kubectl controls the Kubernetes cluster manager.")),
            other => Err(not_built(other)),
        }
    }

    fn namespace(&self) -> &str {
        self.args.value("namespace").unwrap_or("default")
    }

    /// A kind by any of its names: `po`, `pod`, `pods`, `deployments.apps`.
    fn kind(&self, name: &str) -> Result<&'static Kind, Failure> {
        let lower = name.to_ascii_lowercase();
        let (plain, group) = lower.split_once('.').map_or((lower.as_str(), None), |(plain, group)| (plain, Some(group)));
        let named = |kind: &&Kind| {
            let known = kind.plural == plain || kind.singular() == plain || kind.short_names.iter().any(|short| short == plain);
            known && group.is_none_or(|group| kind.group == group || format!("{}.{}", kind.version, kind.group) == group)
        };
        let found = self.client.cluster.served().iter().find(named);
        found.ok_or_else(|| Output::failed(format!("error: the server doesn't have a resource type \"{name}\"")))
    }

    /// The path of a kind's collection or of one object; all namespaces if none is given.
    fn path(&self, kind: &Kind, namespace: Option<&str>, name: &str) -> String {
        let mut path = if kind.group.is_empty() {
            format!("/api/{}", kind.version)
        } else {
            format!("/apis/{}/{}", kind.group, kind.version)
        };
        if let Some(namespace) = namespace.filter(|_| kind.namespaced) {
            path.push_str(&format!("/namespaces/{}", escape(namespace)));
        }
        path.push_str(&format!("/{}", kind.plural));
        if !name.is_empty() {
            path.push_str(&format!("/{}", escape(name)));
        }
        path
    }

    /// Objects that arguments name: `pods a b`, `pod/a svc/b`, `deployments`: each kind with its names, none for all.
    fn objects(&self, words: &[String]) -> Result<Vec<(&'static Kind, Vec<String>)>, Failure> {
        let Some(first) = words.first() else {
            return Err(Output::failed("error: You must specify the type of resource to use."));
        };
        if first.contains('/') {
            return words
                .iter()
                .map(|word| match word.split_once('/') {
                    Some((kind, name)) if !name.is_empty() => Ok((self.kind(kind)?, vec![name.to_owned()])),
                    _ => Err(Output::failed(
                        "error: there is no need to specify a resource type as a separate argument when passing arguments in \
                         resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource \
                         resource/<resource_name>'",
                    )),
                })
                .collect();
        }
        let mut found = Vec::new();
        for name in first.split(',') {
            if name == "all" {
                found.extend(
                    self.client.cluster.served().iter().filter(|kind| kind.categories.iter().any(|category| category == "all")),
                );
            } else {
                found.push(self.kind(name)?);
            }
        }
        Ok(found.into_iter().map(|kind| (kind, words[1..].to_vec())).collect())
    }

    /// A good answer, or what kubectl says about a bad one.
    fn good(&self, reply: Reply) -> Result<Value, Failure> {
        let body = reply.json();
        if !reply.is_error() {
            return Ok(body);
        }
        let message = body["message"].as_str().unwrap_or(&reply.text).to_owned();
        Err(match body["reason"].as_str().filter(|reason| !reason.is_empty()) {
            Some(reason) => Output::failed(format!("Error from server ({reason}): {message}")),
            None => Output::failed(format!("Error from server: {message}")),
        })
    }

    fn read(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Value, Failure> {
        self.good(self.client.get(&self.path(kind, Some(namespace), name), "application/json"))
    }

    fn version(&self) -> Result<Output, Failure> {
        let server = self.good(self.client.get("/version", "application/json"))?;
        let version = server["gitVersion"].as_str().unwrap_or_default();
        Ok(Output::ok(format!("Client Version: {version}\nServer Version: {version}")))
    }

    fn cluster_info(&self) -> Output {
        Output::ok(format!(
            "Kubernetes control plane is running at https://{}:443\n\nTo further debug and diagnose cluster problems, use 'kubectl \
             cluster-info dump'.",
            self.client.cluster.spec().fqdn
        ))
    }

    /// `kubectl logs POD [-c CONTAINER] [--tail N] [-p] [--since-time T] [--timestamps]`; `deployment/x` means one of its pods.
    fn logs(&self) -> Result<Output, Failure> {
        if self.args.flag("follow") {
            return Err(Output::failed("error: azlet's run command does not follow logs"));
        }
        let words = &self.args.words;
        let Some(first) = words.first() else {
            return Err(Output::failed("error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'."));
        };
        let pod = match first.split_once('/') {
            None => first.clone(),
            Some((kind, name)) => self.a_pod_of(self.kind(kind)?, name)?,
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(container) = self.args.value("container").or(words.get(1).map(String::as_str)) {
            query.append_pair("container", container);
        }
        for (flag, option) in [("tail", "tailLines"), ("since-time", "sinceTime"), ("limit-bytes", "limitBytes")] {
            if let Some(value) = self.args.value(flag).filter(|value| *value != "-1") {
                query.append_pair(option, value);
            }
        }
        for flag in ["previous", "timestamps"] {
            if self.args.flag(flag) {
                query.append_pair(flag, "true");
            }
        }
        let path = format!("{}/log?{}", self.path(&kinds::PODS, Some(self.namespace()), &pod), query.finish());
        let reply = self.client.get(&path, "");
        if reply.is_error() { self.good(reply).map(|_| Output::default()) } else { Ok(Output { text: reply.text, code: 0 }) }
    }

    /// The name of a pod, or of the first pod that what has a selector selects.
    fn a_pod_of(&self, kind: &Kind, name: &str) -> Result<String, Failure> {
        if kind.index == kinds::PODS.index {
            return Ok(name.to_owned());
        }
        let object = self.read(kind, self.namespace(), name)?;
        let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
        let wanted: Vec<String> =
            labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("labelSelector", &wanted.join(",")).finish();
        let pods =
            self.client.get(&format!("{}?{query}", self.path(&kinds::PODS, Some(self.namespace()), "")), "application/json");
        let pods = self.good(pods)?;
        let first = pods["items"][0]["metadata"]["name"].as_str().filter(|_| !wanted.is_empty());
        first.map(str::to_owned).ok_or_else(|| Output::failed(format!("error: no pods found for {}/{name}", kind.singular())))
    }
}

fn escape(segment: &str) -> String {
    percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// `pod/x`, `deployment.apps/x`.
fn qualified(kind: &Kind, name: &str) -> String {
    format!("{}/{name}", kinds::qualified(&kind.singular(), &kind.group))
}
