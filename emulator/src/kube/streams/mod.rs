//! What a pod's `log`, `attach`, `exec` and `portforward` deliver.

mod attach;
pub mod channels;
mod environment;
mod exec;
mod log;
mod port_channels;
mod port_forward;
mod proxy;
pub mod shell;
mod sites;
pub mod spdy;
pub mod terminal;
mod upgrade;
pub mod view;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;

use self::channels::Channels;
use self::exec::Session;
use super::error::Error;
use super::kinds;
use super::kubelet::inside;
use super::request::Query;
use super::store::Cluster;
use crate::world::World;

pub use proxy::{Proxied, proxy};
pub use upgrade::is_websocket;

/// Which streams a client wants.
#[derive(Clone, Copy, Debug)]
struct Streaming {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    tty: bool,
}

impl Streaming {
    /// Rule: `kubelet/pkg/cri/streaming/remotecommand` (`NewOptions`).
    fn read(query: &Query) -> Result<Self, Error> {
        let tty = query.flag("tty");
        let wanted = Self { stdin: query.flag("stdin"), stdout: query.flag("stdout"), stderr: query.flag("stderr") && !tty, tty };
        match wanted {
            Self { stdin: false, stdout: false, stderr: false, .. } => {
                Err(Error::bad_request("you must specify at least 1 of stdin, stdout, stderr"))
            }
            wanted => Ok(wanted),
        }
    }
}

/// Serves a streaming subresource (`log`, `attach`, `exec`, `portforward`) of a pod. The caller is known and may do it; whether the pod exists
/// is judged here.
pub async fn serve(
    world: Arc<World>,
    cluster: Arc<Cluster>,
    namespace: String,
    pod: String,
    subresource: String,
    request: Request,
) -> Response {
    if subresource == "log" {
        return log::serve(world, cluster, (&namespace, &pod), request.uri().query().unwrap_or_default());
    }
    let Some(object) = cluster.get(&kinds::PODS, &namespace, &pod) else {
        return Error::not_found(&kinds::PODS, &pod).into_response();
    };
    match subresource.as_str() {
        "exec" | "attach" => {
            run(world, cluster, object, request, subresource == "exec").unwrap_or_else(IntoResponse::into_response)
        }
        "portforward" => port_forward::serve(world, cluster, object, request).unwrap_or_else(IntoResponse::into_response),
        other => Error::not_implemented(&format!("the subresource {other} of pods")).into_response(),
    }
}

/// Rule: `registry/core/pod/strategy.go` (`ExecLocation`, `AttachLocation`), `pkg/kubelet` (`GetExec`, `GetAttach`).
fn run(world: Arc<World>, cluster: Arc<Cluster>, pod: Arc<Value>, request: Request, exec: bool) -> Result<Response, Error> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let container = log::container_name(&pod, query.get("container"))?;
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return Err(Error::bad_request(format!("pod {pod_name} does not have a host assigned")));
    }
    let words: Vec<String> = query.all("command").map(str::to_owned).collect();
    let found = inside::look(&world, &cluster, &pod, &container);
    let opening = upgrade::open(request, &channels::PROTOCOLS)?;
    let wanted = Streaming::read(&query)?;
    if exec && words.is_empty() {
        return Err(Error::bad_request("you must specify at least one command for the container"));
    }
    let protocol = opening.protocol;
    let Some(mut found) = found else {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        let message = if exec {
            format!("container not found (\"{container}\")")
        } else {
            format!("container {container} not found in pod {pod_name}_{namespace}")
        };
        if protocol == channels::PROTOCOLS[1] {
            // The kubelet's own answer, passed on.
            return Ok((StatusCode::INTERNAL_SERVER_ERROR, message).into_response());
        }
        let status = channels::failed(&format!("unable to upgrade connection: {message}"));
        return Ok(opening.serve(move |socket| async move { Channels::new(socket, protocol).finish(&status).await }));
    };
    if exec && wanted.tty {
        found.shell.environment.entry("TERM".into()).or_insert_with(|| "xterm".into());
    }
    Ok(opening.serve(move |socket| async move {
        let mut channels = Channels::new(socket, protocol);
        // The first message, an empty one, tells that the streams are open.
        let first = [(wanted.stdout, channels::STDOUT), (wanted.stderr, channels::STDERR)].into_iter().find(|(asked, _)| *asked);
        channels.send(first.map_or(3, |(_, channel)| channel), b"").await;
        let session = Session { world, cluster, pod, id: found.id.clone(), wanted, channels };
        if exec { exec::run(session, found.shell, words).await } else { attach::run(session, found).await }
    }))
}
