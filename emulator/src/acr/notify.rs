//! Webhooks: what is raised by a push, a deletion or a ping, and how it is delivered. azlet has no network: an event goes out
//! only to an address of the machine's own, `localhost` or a loopback address, over plain HTTP; for any other host the log says
//! that it was not contacted. Delivery does not hold up the request that raised the event and is tried once (Azure documents no
//! retries).
//! Source: Azure Container Registry webhook reference (payloads); a recorded log of events (its form and the headers sent).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use reqwest::Url;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::document::Document;
use super::store::Registry;
use super::wire::Call;
use crate::kernel::ids::HEX;
use crate::world::World;

const QUARANTINE: &str = "quarantine";
/// As many events are kept for `listEvents`.
const KEPT: usize = 100;
/// A receiver is given this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// As much of a receiver's answer is kept.
const ANSWER_KEPT: usize = 16 * 1024;

/// A webhook as the data plane knows it.
#[derive(Debug)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// Where events go.
    pub service_uri: String,
    /// Headers that go with every event.
    pub headers: Map<String, Value>,
    /// What raises an event: `push`, `delete`, `quarantine`, …
    pub actions: Vec<String>,
    /// `repo:tag`, `repo` or `repo:*`, `repo*`; nothing stands for everything.
    pub scope: String,
    /// Whether events go out.
    pub enabled: bool,
    /// What went out, the newest first.
    pub log: std::sync::Arc<Log>,
}

/// The log of a webhook, which outlives changes to it.
#[derive(Debug, Default)]
pub struct Log(Mutex<VecDeque<Logged>>);

#[derive(Clone, Debug)]
struct Logged {
    id: Uuid,
    request: Value,
    response: Option<Value>,
}

impl Log {
    /// The events, the newest first.
    pub fn events(&self) -> Vec<Value> {
        let entry = |logged: &Logged| {
            let mut event = Map::new();
            event.insert("eventRequestMessage".into(), logged.request.clone());
            if let Some(response) = &logged.response {
                event.insert("eventResponseMessage".into(), response.clone());
            }
            event.insert("id".into(), json!(logged.id));
            Value::Object(event)
        };
        self.0.lock().iter().map(entry).collect()
    }

    fn begin(&self, logged: Logged) {
        let mut log = self.0.lock();
        log.push_front(logged);
        log.truncate(KEPT);
    }

    fn finish(&self, id: Uuid, response: Value) {
        if let Some(logged) = self.0.lock().iter_mut().find(|logged| logged.id == id) {
            logged.response = Some(response);
        }
    }
}

impl Webhook {
    /// Whether an event about this repository and tag is for this webhook.
    fn wants(&self, action: &str, repository: &str, tag: Option<&str>) -> bool {
        self.enabled && self.actions.iter().any(|wanted| wanted.eq_ignore_ascii_case(action)) && self.in_scope(repository, tag)
    }

    fn in_scope(&self, repository: &str, tag: Option<&str>) -> bool {
        let (name, wanted) = self.scope.split_once(':').unwrap_or((&self.scope, "*"));
        let fits = |pattern: &str, text: &str| match pattern.strip_suffix('*') {
            Some(beginning) => text.starts_with(beginning),
            None => pattern == text,
        };
        self.scope.is_empty() || fits(name, repository) && (wanted == "*" || tag.is_some_and(|tag| fits(wanted, tag)))
    }

    /// Sends an event and returns at once.
    pub fn send(&self, world: &World, event: &Value) {
        let text = event.to_string();
        let id = event["id"].as_str().and_then(|id| Uuid::try_parse(id).ok()).unwrap_or_default();
        let mut headers = Map::new();
        headers.insert("User-Agent".into(), json!("AzureContainerRegistry/1.0"));
        headers.extend(self.headers.clone());
        let (trace, span) = (world.ids.text(32, HEX), world.ids.text(16, HEX));
        headers.insert("traceparent".into(), json!(format!("00-{trace}-{span}-01")));
        headers.insert("X-Forwarded-For".into(), json!("true"));
        headers.insert("Content-Type".into(), json!("application/json; charset=utf-8"));
        headers.insert("Content-Length".into(), json!(text.len().to_string()));
        let url = Url::parse(&self.service_uri);
        let request_uri = url.as_ref().map_or_else(|_| self.service_uri.clone(), Url::to_string);
        let request =
            json!({ "content": event, "headers": headers, "method": "POST", "requestUri": request_uri, "version": "1.1" });
        self.log.begin(Logged { id, request, response: None });
        let url = match url.map_err(|fault| fault.to_string()).and_then(loopback) {
            Ok(url) => url,
            Err(why) => return self.log.finish(id, not_sent(&why)),
        };
        let log = self.log.clone();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return self.log.finish(id, not_sent("there is nothing to send it with"));
        };
        runtime.spawn(async move {
            let response = post(url, &headers, text).await.unwrap_or_else(|fault| not_sent(&fault));
            log.finish(id, response);
        });
    }
}

/// Only the machine itself is ever contacted.
fn loopback(url: Url) -> Result<Url, String> {
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let own = host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
    match (own, url.scheme()) {
        (true, "http") => Ok(url),
        (true, scheme) => Err(format!("azlet delivers events over http only; the service URI has the scheme '{scheme}'")),
        (false, _) => Err(format!("azlet delivers events to loopback addresses only; '{host}' was not contacted")),
    }
}

fn not_sent(why: &str) -> Value {
    json!({ "content": why, "headers": {}, "reasonPhrase": "Not delivered", "statusCode": "0", "version": "1.1" })
}

async fn post(url: Url, headers: &Map<String, Value>, text: String) -> Result<Value, String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .resolve("localhost", ([127, 0, 0, 1], url.port_or_known_default().unwrap_or(80)).into())
        .build()
        .map_err(|fault| fault.to_string())?;
    let mut request = client.post(url);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Content-Length") {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let answer = request.body(text).send().await.map_err(|fault| format!("the receiver cannot be reached: {fault}"))?;
    let status = answer.status();
    let headers: Map<String, Value> = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let content = answer.text().await.unwrap_or_default();
    let content: String = content.chars().take(ANSWER_KEPT).collect();
    Ok(json!({
        "content": content,
        "headers": headers,
        "reasonPhrase": status.canonical_reason().unwrap_or_default(),
        "statusCode": status.as_u16().to_string(),
        "version": "1.1",
    }))
}

/// A time with as many decimals as the service writes: seven for a ping and for quarantine, nine for the rest.
fn timestamp(now: Timestamp, decimals: usize) -> String {
    let nanoseconds = format!("{:09}", now.subsec_nanosecond());
    format!("{}.{}Z", now.strftime("%Y-%m-%dT%H:%M:%S"), &nanoseconds[..decimals])
}

/// What a ping sends.
pub fn ping(world: &World) -> Value {
    json!({ "id": world.ids.uuid(), "timestamp": timestamp(world.clock.now(), 7), "action": "ping" })
}

/// Who did something, for an event.
fn request(call: &Call, method: &str) -> Value {
    json!({
        "id": call.correlation,
        "host": call.registry.login_server,
        "method": method,
        "useragent": call.header("user-agent").unwrap_or_default(),
    })
}

fn raise(world: &World, registry: &Registry, action: &str, (repository, tag): (&str, Option<&str>), target: &Value, by: &Value) {
    let hooks = registry.webhooks.read().clone();
    for hook in hooks.iter().filter(|hook| hook.wants(action, repository, tag)) {
        let event = json!({
            "id": world.ids.uuid(),
            "timestamp": timestamp(world.clock.now(), if action == QUARANTINE { 7 } else { 9 }),
            "action": action,
            "target": target,
            "request": by,
        });
        hook.send(world, &event);
    }
}

fn pushed_target(document: &Document, repository: &str, tag: Option<&str>) -> Value {
    let size = document.bytes.len();
    let mut target = json!({
        "mediaType": document.media_type,
        "size": size,
        "digest": document.digest.as_str(),
        "length": size,
        "repository": repository,
    });
    if let Some(tag) = tag {
        target["tag"] = json!(tag);
    }
    target
}

/// A manifest has been put: whoever scans images is told at once, everyone else too unless it is in quarantine.
pub fn pushed(call: &Call, repository: &str, tag: Option<&str>, document: &Document) {
    if call.registry.webhooks.read().is_empty() {
        return;
    }
    let mut target = pushed_target(document, repository, tag);
    if let Some(target) = target.as_object_mut() {
        target.shift_remove("mediaType");
    }
    let by = json!({ "id": call.correlation, "host": call.registry.login_server, "method": "PUT" });
    raise(&call.world, &call.registry, QUARANTINE, (repository, tag), &target, &by);
    if !call.registry.settings.read().quarantine {
        raise_push(call, repository, tag, document);
    }
}

/// A manifest has been found good: if its push was held back, it is told now, once for each tag. That the request is told as the
/// push's would be is inferred.
pub fn freed(call: &Call, repository: &str, tags: &[String], document: &Document) {
    if call.registry.webhooks.read().is_empty() || !call.registry.settings.read().quarantine {
        return;
    }
    if tags.is_empty() {
        raise_push(call, repository, None, document);
    }
    for tag in tags {
        raise_push(call, repository, Some(tag), document);
    }
}

fn raise_push(call: &Call, repository: &str, tag: Option<&str>, document: &Document) {
    let target = pushed_target(document, repository, tag);
    raise(&call.world, &call.registry, "push", (repository, tag), &target, &request(call, "PUT"));
}

/// A manifest has been imported under a tag: that this raises a push is documented, who is named as its origin is inferred.
pub fn imported(world: &World, registry: &Registry, repository: &str, tag: Option<&str>, document: &Document) {
    if registry.webhooks.read().is_empty() {
        return;
    }
    let target = pushed_target(document, repository, tag);
    let by = json!({ "id": world.ids.uuid(), "host": registry.login_server, "method": "PUT", "useragent": "AzureContainerRegistry/1.0" });
    raise(world, registry, "push", (repository, tag), &target, &by);
}

/// A manifest has been deleted, by itself or with its repository; a tag alone raises nothing.
pub fn deleted(call: &Call, repository: &str, media_type: &str, digest: &str) {
    let target = json!({ "mediaType": media_type, "digest": digest, "repository": repository });
    raise(&call.world, &call.registry, "delete", (repository, None), &target, &request(call, "DELETE"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(scope: &str) -> Webhook {
        Webhook {
            name: "hook1".into(),
            service_uri: "http://localhost:1".into(),
            headers: Map::new(),
            actions: vec!["push".into()],
            scope: scope.into(),
            enabled: true,
            log: std::sync::Arc::default(),
        }
    }

    #[test]
    fn a_scope_selects_repositories_and_tags() {
        for (scope, repository, tag, wanted) in [
            ("", "a", None, true),
            ("a", "a", Some("v1"), true),
            ("a", "ab", Some("v1"), false),
            ("a:v1", "a", Some("v1"), true),
            ("a:v1", "a", Some("v2"), false),
            ("a:v1", "a", None, false),
            ("a:*", "a", Some("v2"), true),
            ("a*", "ab", Some("v2"), true),
            ("a/b:v*", "a/b", Some("v2"), true),
        ] {
            assert_eq!(hook(scope).wants("push", repository, tag), wanted, "{scope} {repository} {tag:?}");
        }
        assert!(!hook("").wants("delete", "a", None));
    }

    #[test]
    fn only_the_machine_itself_is_contacted() {
        let judge = |url: &str| loopback(Url::parse(url).expect("a URL")).is_ok();
        assert!(judge("http://localhost:8080/x") && judge("http://127.0.0.2/") && judge("http://[::1]:80/"));
        assert!(!judge("http://localhost.example.com/") && !judge("http://10.0.0.1/") && !judge("https://localhost/"));
        assert!(!judge("http://127.0.0.1@example.com/"));
    }
}
