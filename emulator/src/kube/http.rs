//! The way of a request: cluster by host, caller by token, path to target, target and method to verb. Bodies are read here; what
//! is done is in `verbs.rs`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::apply::wire::Wire;
use super::auth::{self, Attributes, User};
use super::error::Error;
use super::kinds::Served;
use super::request::{Query, Target, wants_aggregated};
use super::store::Cluster;
use super::{audit, body, discovery, health, metrics, openapi, streams, verbs};
use crate::front::conn::Conn;
use crate::world::World;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What every handler knows.
pub(super) struct Context {
    pub(super) world: Arc<World>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) user: User,
}

/// Answers a request to a cluster's API server.
pub(super) async fn handle(
    Extension(world): Extension<Arc<World>>,
    Extension(conn): Extension<Conn>,
    request: Request,
) -> Response {
    let Some(cluster) = world.kube.by_host(conn.host()) else {
        return (StatusCode::NOT_FOUND, format!("azlet has no cluster at {}\n", conn.host())).into_response();
    };
    if let Some(backend) = world.kube.backend() {
        return Error::switched_off(backend.server()).into_response();
    }
    let audit = audit::begin(&world, &cluster, &conn, &request);
    let mut response = match route(world.clone(), cluster.clone(), request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    if let Some(audit) = audit {
        audit.finish(&world, &cluster, response.status());
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
    response
}

/// The segments of a path, decoded; doubled slashes count as one.
fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect()
}

pub(super) async fn route(world: Arc<World>, cluster: Arc<Cluster>, request: Request) -> Result<Response, Error> {
    let user = auth::authenticate(&world, &cluster, request.headers())?;
    let path = segments(request.uri().path());
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    let (group, version, rest) = match words.as_slice() {
        ["api", version, _, ..] => ("", *version, 2),
        ["apis", group, version, _, ..] => (*group, *version, 3),
        _ => return plain_path(&cluster, &user, &request, &words),
    };
    if let Some((pods, asked)) = streams::Proxied::parse(group, version, &path[rest..]) {
        let verb = match request.method().as_str() {
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "get",
        };
        let resource = if pods { "pods/proxy" } else { "services/proxy" };
        user.authorize(&cluster, Attributes { verb, group: "", resource, namespace: &asked.namespace, name: &asked.name })?;
        return streams::proxy(&cluster, pods, &asked, request.method());
    }
    let query = Query::parse(request.uri().query().unwrap_or(""));
    if (group, version) == (metrics::GROUP, metrics::VERSION) {
        return measured(&world, &cluster, &user, &request, &path[rest..], &query);
    }
    let found = Target::parse(&cluster.served(), group, version, &path[rest..]);
    let verb = found.as_ref().map(|target| target.verb(request.method(), query.flag("watch")));
    authorize(&user, &cluster, group, &path[rest..], (found.as_ref(), &query), verb.flatten().unwrap_or("get"))?;
    let target = found.ok_or_else(Error::no_such_resource)?;
    let verb = verb.flatten().filter(|verb| allowed(&target, verb)).ok_or_else(Error::method_not_allowed)?;
    if let Some("attach" | "exec" | "portforward") = target.subresource.as_deref()
        && streams::is_websocket(request.headers())
        && cluster.minor_version() >= 35
    {
        // A WebSocket opens by GET; from 1.35 on who opens one needs what SPDY's POST needs.
        authorize(&user, &cluster, group, &path[rest..], (Some(&target), &query), "create")?;
    }
    if let (Some(sub @ ("log" | "attach" | "exec" | "portforward")), Some(pod)) =
        (target.subresource.as_deref(), target.name.as_deref())
    {
        let namespace = target.namespace.clone().unwrap_or_default();
        return Ok(streams::serve(world, cluster, namespace, pod.to_owned(), sub.to_owned(), request).await);
    }
    let context = Context { world, cluster, user };
    let (parts, content) = request.into_parts();
    let content = read_body(&parts.method, content).await?;
    verbs::act(&context, &target, verb, &query, &parts.headers, &content)
}

/// Answers for `metrics.k8s.io`.
fn measured(
    world: &World,
    cluster: &Cluster,
    user: &User,
    request: &Request,
    rest: &[String],
    query: &Query,
) -> Result<Response, Error> {
    let found = metrics::Asked::parse(rest);
    let (resource, namespace, name) = match &found {
        Some(asked) => (if asked.pods { "pods" } else { "nodes" }, asked.namespace.as_deref(), asked.name.as_deref()),
        None => (rest.first().map_or("", String::as_str), None, None),
    };
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let verb = match (reads, name) {
        (true, Some(_)) => "get",
        (true, None) => "list",
        _ => "create",
    };
    let (namespace, name) = (namespace.unwrap_or(""), name.unwrap_or(""));
    user.authorize(cluster, Attributes { verb, group: metrics::GROUP, resource, namespace, name })?;
    let asked = found.ok_or_else(Error::no_such_resource)?;
    if !reads {
        return Err(Error::method_not_allowed());
    }
    metrics::serve(world, cluster, &asked, query)
}

/// Whether the target has the verb; a namespaced object is never made without its namespace.
fn allowed(target: &Target, verb: &str) -> bool {
    if let Some(sub) = &target.subresource {
        return target.kind.subresource(sub).is_some_and(|sub| sub.verbs().any(|known| known == verb));
    }
    let placeless = target.kind.namespaced && target.namespace.is_none() && matches!(verb, "create" | "deletecollection");
    let misplaced = verb == "create" && target.name.is_some();
    target.kind.has_verb(verb) && !placeless && !misplaced
}

/// Whether the user may. A collection that is narrowed to one name is asked for like that object.
fn authorize(
    user: &User,
    cluster: &Cluster,
    group: &str,
    rest: &[String],
    (target, query): (Option<&Target>, &Query),
    verb: &str,
) -> Result<(), Error> {
    let (resource, namespace, name) = match target {
        Some(target) => {
            let plural = &target.kind.plural;
            let resource = target.subresource.as_ref().map_or_else(|| plural.clone(), |sub| format!("{plural}/{sub}"));
            (resource, target.place_in_access(), target.name.as_deref().or_else(|| query.only_name(verb)).unwrap_or(""))
        }
        None => (rest.first().cloned().unwrap_or_default(), "", ""),
    };
    user.authorize(cluster, Attributes { verb, group, resource: &resource, namespace, name })
}

async fn read_body(method: &Method, content: Body) -> Result<Bytes, Error> {
    if method == Method::GET || method == Method::HEAD {
        return Ok(Bytes::new());
    }
    match Limited::new(content, body::LIMIT).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Error::too_large(body::LIMIT)),
        Err(_) => Err(Error::bad_request("the body of the request could not be read to its end")),
    }
}

/// Paths that are no resources: versions, health, discovery, OpenAPI.
fn plain_path(cluster: &Cluster, user: &User, request: &Request, words: &[&str]) -> Result<Response, Error> {
    user.authorize_path(cluster, &request.method().as_str().to_ascii_lowercase(), request.uri().path())?;
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Error::method_not_allowed());
    }
    let served = cluster.served();
    let aggregated = wants_aggregated(request.headers());
    let answer = match words {
        // The one answer that is written for people.
        ["version"] => return Ok(readable(&discovery::version(&cluster.spec().version))),
        ["healthz" | "livez" | "readyz", rest @ ..] => {
            let verbose = Query::parse(request.uri().query().unwrap_or("")).flag("verbose");
            return Ok(health::answer(words[0], rest, verbose).map_or_else(not_found, IntoResponse::into_response));
        }
        [] => Some(discovery::paths(&served)),
        ["api"] if aggregated => return Ok(aggregated_answer(&served, true, request)),
        ["apis"] if aggregated => return Ok(aggregated_answer(&served, false, request)),
        ["api"] => Some(discovery::versions(&cluster.spec().fqdn)),
        ["apis"] => Some(discovery::group_list(&served)),
        ["api", version] => discovery::resource_list(&served, "", version),
        ["apis", group] => discovery::group(&served, group),
        ["apis", group, version] => discovery::resource_list(&served, group, version),
        ["openapi", "v3"] => Some(openapi::index(&served)),
        ["openapi", "v3", rest @ ..] => return Ok(openapi_document(&served, &rest.join("/"), request)),
        _ => None,
    };
    Ok(answer.map_or_else(not_found, |answer| json(StatusCode::OK, &answer)))
}

/// A document of OpenAPI. Its hash is its ETag; asked for with its hash it may be kept for ever, and asked for with another one the
/// client is led to this one (`kube-openapi/pkg/handler3`).
fn openapi_document(served: &Served, path: &str, request: &Request) -> Response {
    let Some(document) = openapi::document(served, path) else { return not_found() };
    let asked = Query::parse(request.uri().query().unwrap_or(""));
    let etag = format!("\"{}\"", document.hash);
    let mut headers = HeaderMap::new();
    match asked.get("hash") {
        Some(hash) if hash != document.hash => {
            let place = format!("/openapi/v3/{path}?hash={}", document.hash);
            return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, place)]).into_response();
        }
        Some(_) => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
        }
        None => {}
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, document.text.to_string()).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

fn aggregated_answer(served: &Served, core: bool, request: &Request) -> Response {
    let text = format!("{}\n", discovery::aggregated(served, core));
    let etag = format!("\"{}\"", openapi::hash_of(&text));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(AGGREGATED));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, text).into_response()
}

fn readable(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], format!("{value:#}")).into_response()
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], format!("{}\n", Wire(value))).into_response()
}
