//! `GET …/pods/{name}/log`. Rule: the API server's `ValidatePodLogOptions` and `LogLocation`, the kubelet's container log endpoint and
//! its refusals (`validateContainerLogStatus`), 1.34.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kube::error::{Cause, Error};
use crate::kube::kinds;
use crate::kube::kubelet::logs::{Line, Wanted};
use crate::kube::kubelet::{Container, Instance, Phase};
use crate::kube::request::Query;
use crate::kube::store::{Cluster, Due, Key};
use crate::world::{self, World};

const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
const POSITIVE: &str = "must be greater than 0";

/// Answers with what a container wrote; with `follow`, with what it writes until it ends as well.
pub(super) fn serve(world: Arc<World>, cluster: Arc<Cluster>, place: (&str, &str), query: &str) -> Response {
    answer(world, cluster, place, &Query::parse(query)).unwrap_or_else(IntoResponse::into_response)
}

fn answer(world: Arc<World>, cluster: Arc<Cluster>, (namespace, name): (&str, &str), query: &Query) -> Result<Response, Error> {
    let now = world.clock.now();
    let mut wanted = wanted(query, name, now)?;
    let pod = cluster.get(&kinds::PODS, namespace, name).ok_or_else(|| Error::not_found(&kinds::PODS, name))?;
    let container = container_name(&pod, query.get("container").filter(|name| !name.is_empty()))?;
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let instance = instance(&cluster, &pod, &container, query.flag("previous"))?;
    let lines = instance.output(now).0;
    let text = wanted.of(&lines);
    wanted.limit = wanted.limit.map(|limit| limit.saturating_sub(text.len()));
    let body = if query.flag("follow") && instance.finished.is_none() {
        follow(Follower { world, cluster, pod, container, wanted, seen: lines.len() }, text)
    } else {
        Body::from(text)
    };
    Ok(([(CONTENT_TYPE, "text/plain")], body).into_response())
}

/// What the query asks for, or why it may not.
fn wanted(query: &Query, name: &str, now: Timestamp) -> Result<Wanted, Error> {
    let (tail, limit, since) = (query.number("tailLines")?, query.number("limitBytes")?, query.number("sinceSeconds")?);
    let since_time = query.get("sinceTime").filter(|text| !text.is_empty());
    let mut causes = Vec::new();
    if let Some(tail) = tail.filter(|tail| *tail < 0) {
        causes.push(Cause::invalid("tailLines", &json!(tail), NOT_NEGATIVE));
    }
    if let Some(limit) = limit.filter(|limit| *limit < 1) {
        causes.push(Cause::invalid("limitBytes", &json!(limit), POSITIVE));
    }
    match (since, since_time) {
        (Some(_), Some(_)) => {
            causes.push(Cause::forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
        }
        (Some(since), None) if since < 1 => causes.push(Cause::invalid("sinceSeconds", &json!(since), POSITIVE)),
        _ => {}
    }
    if !causes.is_empty() {
        return Err(Error::invalid_named("", "PodLogOptions", name, &causes));
    }
    let since_time: Option<Timestamp> = match since_time {
        Some(text) => Some(text.parse().map_err(|_| {
            let cannot = "cannot parse";
            Error::bad_request(format!(
                "parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": {cannot} \"{text}\" as \"2006\""
            ))
        })?),
        None => None,
    };
    let count = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok());
    let mut wanted = Wanted { tail: count(tail), limit: count(limit), since: since_time, timestamps: query.flag("timestamps") };
    if let Some(seconds) = since {
        wanted.since_seconds(seconds, now);
    }
    Ok(wanted)
}

/// The life of a container whose log is asked for.
fn instance(cluster: &Cluster, pod: &Value, container: &str, previous: bool) -> Result<Instance, Error> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let place = format!("container \"{container}\" in pod \"{pod_name}\"");
    let waiting = |reason: &str| {
        let reason = match reason {
            "ErrImagePull" => "image can't be pulled",
            "ImagePullBackOff" => "trying and failing to pull image",
            "" if pod["spec"]["initContainers"].as_array().is_some_and(|list| !list.is_empty()) => "PodInitializing",
            "" => "ContainerCreating",
            other => other,
        };
        Error::bad_request(format!("{place} is waiting to start: {reason}"))
    };
    with_container(cluster, pod, container, |found| {
        let Some(found) = found else { return Err(waiting("")) };
        // What a container that waits for its restart ran before is its last state already.
        let waits = matches!(found.phase, Phase::Waiting { .. });
        let last = if waits { found.current.clone().or_else(|| found.previous.clone()) } else { found.previous.clone() };
        match &found.phase {
            _ if previous => last.ok_or_else(|| Error::bad_request(format!("previous terminated {place} not found"))),
            Phase::Waiting { reason, .. } => last.ok_or_else(|| waiting(reason)),
            _ => found.current.clone().ok_or_else(|| Error::bad_request(format!("{place} is terminated"))),
        }
    })
}

/// Reads a container of what its node runs; nothing if no kubelet has taken the pod yet.
fn with_container<Answer>(cluster: &Cluster, pod: &Value, name: &str, read: impl FnOnce(Option<&Container>) -> Answer) -> Answer {
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    let memory = cluster.controllers.lock();
    let running = memory.nodes.pod(uid);
    read(running.and_then(|pod| pod.containers.iter().find(|container| container.name == name)))
}

/// The container that is meant: the named one, or the only one.
pub(super) fn container_name(pod: &Value, asked: Option<&str>) -> Result<String, Error> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let names = |list: &str| -> Vec<String> {
        let containers = pod["spec"][list].as_array().into_iter().flatten();
        containers.filter_map(|container| container["name"].as_str().map(str::to_owned)).collect()
    };
    let (containers, init, added) = (names("containers"), names("initContainers"), names("ephemeralContainers"));
    match asked {
        Some(asked) if containers.iter().chain(&init).chain(&added).any(|name| name == asked) => Ok(asked.to_owned()),
        Some(asked) => Err(Error::bad_request(format!("container {asked} is not valid for pod {pod_name}"))),
        None if containers.len() == 1 => Ok(containers[0].clone()),
        None => {
            let mut message =
                format!("a container name must be specified for pod {pod_name}, choose one of: [{}]", containers.join(" "));
            for (what, names) in [("init", init), ("ephemeral", added)] {
                if !names.is_empty() {
                    message.push_str(&format!(" or one of the {what} containers: [{}]", names.join(" ")));
                }
            }
            Err(Error::bad_request(message))
        }
    }
}

/// Who follows a log.
struct Follower {
    world: Arc<World>,
    cluster: Arc<Cluster>,
    pod: Arc<Value>,
    container: String,
    wanted: Wanted,
    seen: usize,
}

impl Follower {
    /// What is new since it last looked, and whether that was all; the next line is waited for on the timeline.
    fn look(&mut self) -> (Vec<u8>, bool) {
        let now = self.world.clock.now();
        let found = with_container(&self.cluster, &self.pod, &self.container, |found| {
            found.and_then(|found| found.current.clone().map(|current| (current, matches!(found.phase, Phase::Running { .. }))))
        });
        let Some((current, runs)) = found else { return (Vec::new(), true) };
        let (lines, next) = current.output(now);
        let new: &[Line] = lines.get(self.seen..).unwrap_or(&[]);
        let bytes = self.wanted.of_more(new);
        self.seen = lines.len();
        if let Some(next) = next.filter(|_| runs) {
            let text = |member: &str| self.pod["metadata"][member].as_str().unwrap_or_default();
            let key = Key::new(&kinds::PODS, text("namespace"), text("name"));
            let due = Due::Reconsider { host: self.cluster.spec().fqdn.clone(), key };
            self.world.timeline.schedule(next, world::Due::Kube(due));
        }
        (bytes, !runs || self.wanted.limit == Some(0))
    }
}

/// What there is, and then what comes: woken when the node looks at the pod, ended with the container, the pod or the cluster.
fn follow(mut follower: Follower, text: Vec<u8>) -> Body {
    let uid = follower.pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let looks = follower.cluster.controllers.lock().nodes.pod(&uid).map(crate::kube::kubelet::Pod::looks);
    let cluster = follower.cluster.subscribe();
    let (more, over) = follower.look();
    let first = stream::once(async move { Ok::<_, std::convert::Infallible>(Bytes::from([text, more].concat())) });
    let rest = stream::unfold((follower, looks, cluster, over), |(mut follower, looks, mut cluster, over)| async move {
        let mut looks = looks.filter(|_| !over)?;
        loop {
            tokio::select! {
                looked = looks.changed() => looked.ok()?,
                closed = cluster.wait_for(|signal| signal.closed) => {
                    let _ = closed.is_ok();
                    return None;
                }
            }
            let (bytes, over) = follower.look();
            if over || !bytes.is_empty() {
                return Some((Ok(Bytes::from(bytes)), (follower, Some(looks), cluster, over)));
            }
        }
    });
    Body::from_stream(first.chain(rest))
}
