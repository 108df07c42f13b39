//! `GET …/pods/{name}/log`. Rule: the kubelet's container log endpoint and its refusals for containers that have not run yet.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use serde_json::Value;

use crate::kube::error::Error;
use crate::kube::kinds;
use crate::kube::kubelet::logs::{Line, Wanted};
use crate::kube::kubelet::{Container, Phase};
use crate::kube::request::Query;
use crate::kube::store::Cluster;
use crate::world::World;

/// Answers with what a container wrote; with `follow`, with what it writes until it ends as well.
pub(super) fn serve(world: Arc<World>, cluster: Arc<Cluster>, pod: Arc<Value>, query: &str) -> Response {
    let query = Query::parse(query);
    let lines = match read(&cluster, &pod, &query) {
        Ok(lines) => lines,
        Err(error) => return error.into_response(),
    };
    let text = wanted(&query, world.clock.now()).of(&lines);
    let body = if query.flag("follow") && !query.flag("previous") {
        follow(cluster, pod, text, lines.len(), query.get("container").map(str::to_owned))
    } else {
        Body::from(text)
    };
    ([(CONTENT_TYPE, "text/plain")], body).into_response()
}

fn wanted(query: &Query, now: Timestamp) -> Wanted {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let mut wanted = Wanted {
        tail: number("tailLines"),
        limit: number("limitBytes"),
        since: query.get("sinceTime").and_then(|text| text.parse().ok()),
        timestamps: query.flag("timestamps"),
    };
    if let Some(seconds) = query.get("sinceSeconds").and_then(|text| text.parse().ok()) {
        wanted.since_seconds(seconds, now);
    }
    wanted
}

/// The lines of the container that the query names, or of the only one.
fn read(cluster: &Cluster, pod: &Value, query: &Query) -> Result<Vec<Line>, Error> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let asked = query.get("container").filter(|name| !name.is_empty());
    let container = container_name(pod, asked)?;
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return Err(Error::bad_request(format!("pod {pod_name} does not have a host assigned")));
    }
    let waiting = |reason: &str| {
        let reason = match reason {
            "ErrImagePull" => "image can't be pulled",
            "ImagePullBackOff" => "trying and failing to pull image",
            "" => "ContainerCreating",
            other => other,
        };
        Error::bad_request(format!("container \"{container}\" in pod \"{pod_name}\" is waiting to start: {reason}"))
    };
    with_container(cluster, pod, &container, |found| match found {
        None => Err(waiting("")),
        Some(found) if query.flag("previous") => found.previous_log.clone().ok_or_else(|| {
            Error::bad_request(format!("previous terminated container \"{container}\" in pod \"{pod_name}\" not found"))
        }),
        Some(Container { phase: Phase::Waiting { reason, .. }, log, .. }) if log.is_empty() => Err(waiting(reason.as_str())),
        Some(found) => Ok(found.log.clone()),
    })
}

/// Reads a container of what its node runs; nothing if no kubelet has taken the pod yet.
fn with_container<Answer>(cluster: &Cluster, pod: &Value, name: &str, read: impl FnOnce(Option<&Container>) -> Answer) -> Answer {
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    let memory = cluster.controllers.lock();
    let running = memory.nodes.pod(uid);
    read(running.and_then(|pod| pod.containers.iter().find(|container| container.name == name)))
}

pub(super) fn container_name(pod: &Value, asked: Option<&str>) -> Result<String, Error> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let names = |list: &str| -> Vec<String> {
        let containers = pod["spec"][list].as_array().into_iter().flatten();
        containers.filter_map(|container| container["name"].as_str().map(str::to_owned)).collect()
    };
    let (containers, init) = (names("containers"), names("initContainers"));
    match asked {
        Some(asked) if containers.iter().chain(&init).any(|name| name == asked) => Ok(asked.to_owned()),
        Some(asked) => Err(Error::bad_request(format!("container {asked} is not valid for pod {pod_name}"))),
        None if containers.len() == 1 => Ok(containers[0].clone()),
        None => Err(Error::bad_request(format!(
            "a container name must be specified for pod {pod_name}, choose one of: [{}]",
            containers.join(" ")
        ))),
    }
}

/// What there is, and then what comes: woken by every change of the cluster, ended with the container, the pod or the cluster.
fn follow(cluster: Arc<Cluster>, pod: Arc<Value>, text: String, seen: usize, asked: Option<String>) -> Body {
    let changes = cluster.subscribe();
    let container = container_name(&pod, asked.as_deref()).unwrap_or_default();
    let first = stream::once(async move { Ok::<_, std::convert::Infallible>(Bytes::from(text)) });
    let rest = stream::unfold((cluster, pod, changes, seen, false), move |(cluster, pod, mut changes, seen, over)| {
        let container = container.clone();
        async move {
            if over {
                return None;
            }
            loop {
                let (lines, ended) = with_container(&cluster, &pod, &container, |found| match found {
                    Some(found) => (found.log.clone(), !matches!(found.phase, Phase::Running { .. })),
                    None => (Vec::new(), true),
                });
                if lines.len() > seen || ended {
                    let new: String = lines.iter().skip(seen).map(|line| format!("{}\n", line.text)).collect();
                    return Some((Ok(Bytes::from(new)), (cluster, pod, changes, lines.len(), ended)));
                }
                if changes.changed().await.is_err() || changes.borrow().closed {
                    return None;
                }
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
                cluster.get(&kinds::PODS, namespace, name)?;
            }
        }
    });
    use futures_util::StreamExt as _;
    Body::from_stream(first.chain(rest))
}
