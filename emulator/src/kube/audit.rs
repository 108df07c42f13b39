//! The audit log of an API server, to whom a diagnostic setting sends it.
//!
//! Source: Kubernetes' `audit.k8s.io/v1`, Azure Monitor's reference of the tables AKSAudit, AKSAuditAdmin and AzureDiagnostics, and
//! AKS' documentation of the categories (`kube-audit-admin` leaves out get and list). Requests on the wire are told of, once each,
//! when they are answered; what controllers, scheduler and kubelets do inside is not. The level, `Metadata`, is inferred.

use std::sync::Arc;

use axum::extract::Request;
use http::StatusCode;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::auth::{self, User};
use super::request::{Query, Target};
use super::store::Cluster;
use crate::front::conn::Conn;
use crate::kernel::clock::rfc3339_ticks;
use crate::logs::store::Event;
use crate::world::World;

/// The categories with their own tables.
const CATEGORIES: [(&str, &str); 2] = [("kube-audit", "AKSAudit"), ("kube-audit-admin", "AKSAuditAdmin")];

/// A request that will be told of.
pub(super) struct Pending {
    uri: String,
    verb: String,
    user: User,
    user_agent: String,
    address: String,
    object: Value,
    received: Timestamp,
}

/// Looks at a request before it is handled; nothing if nobody wants to know of it.
pub(super) fn begin(world: &Arc<World>, cluster: &Cluster, conn: &Conn, request: &Request) -> Option<Pending> {
    CATEGORIES.iter().find(|(category, _)| world.logs.wants(&cluster.id, category))?;
    let path: Vec<String> = request
        .uri()
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    let (group, version, rest) = match words.as_slice() {
        ["api", version, _, ..] => ("", *version, 2),
        ["apis", group, version, _, ..] => (*group, *version, 3),
        _ => ("", "", path.len()),
    };
    let watch = Query::parse(request.uri().query().unwrap_or("")).flag("watch");
    let target = Target::parse(&cluster.served(), group, version, &path[rest..]);
    let verb = target.as_ref().and_then(|target| target.verb(request.method(), watch)).map(str::to_owned);
    Some(Pending {
        uri: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        verb: verb.unwrap_or_else(|| request.method().as_str().to_lowercase()),
        user: auth::authenticate(world, cluster, request.headers()).unwrap_or_else(|_| User::anonymous()),
        user_agent: request.headers().get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned(),
        address: conn.peer.ip().to_string(),
        object: target.map_or(Value::Null, |target| object_ref(&target, group, version)),
        received: world.clock.now(),
    })
}

fn object_ref(target: &Target, group: &str, version: &str) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            object.insert(name.into(), json!(value));
        }
    };
    put("resource", Some(&target.kind.plural));
    put("namespace", target.namespace.as_deref());
    put("name", target.name.as_deref());
    put("apiGroup", Some(group));
    put("apiVersion", Some(version));
    put("subresource", target.subresource.as_deref());
    Value::Object(object)
}

impl Pending {
    /// Tells of the request, now that it is answered.
    pub(super) fn finish(self, world: &World, cluster: &Cluster, status: StatusCode) {
        let id = world.ids.uuid();
        for (category, table) in CATEGORIES {
            let reads = matches!(self.verb.as_str(), "get" | "list");
            if (category == "kube-audit-admin" && reads) || !world.logs.wants(&cluster.id, category) {
                continue;
            }
            let at = world.clock.now();
            let event = self.event(&id.to_string(), status, at);
            let own = self.own(&event, cluster);
            let common = self.common(&event, cluster, category);
            world.logs.record(&cluster.id, category, &Event { at, own, table, common: Some(common) });
        }
    }

    /// The event as Kubernetes writes it.
    fn event(&self, id: &str, status: StatusCode, at: Timestamp) -> Value {
        let mut event = json!({
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": id,
            "stage": "ResponseComplete",
            "requestURI": self.uri,
            "verb": self.verb,
            "user": self.user.to_json(),
            "sourceIPs": [self.address],
            "userAgent": self.user_agent,
            "responseStatus": { "metadata": {}, "code": status.as_u16() },
            "requestReceivedTimestamp": micros(self.received),
            "stageTimestamp": micros(at),
        });
        if !self.object.is_null() {
            event["objectRef"] = self.object.clone();
        }
        let decision = if status == StatusCode::FORBIDDEN { "forbid" } else { "allow" };
        event["annotations"] = json!({ "authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": "" });
        event
    }

    fn own(&self, event: &Value, cluster: &Cluster) -> Map<String, Value> {
        object(json!({
            "Level": event["level"],
            "AuditId": event["auditID"],
            "Stage": event["stage"],
            "RequestUri": event["requestURI"],
            "Verb": event["verb"],
            "User": event["user"],
            "SourceIps": event["sourceIPs"],
            "UserAgent": event["userAgent"],
            "ObjectRef": event["objectRef"],
            "ResponseStatus": event["responseStatus"],
            "RequestReceivedTime": rfc3339_ticks(self.received),
            "StageReceivedTime": event["stageTimestamp"],
            "Annotations": event["annotations"],
            "PodName": pod_name(cluster),
            "_ResourceId": cluster.id.key(),
        }))
    }

    fn common(&self, event: &Value, cluster: &Cluster, category: &str) -> Map<String, Value> {
        let upper = |text: &str| text.to_uppercase();
        object(json!({
            "ResourceId": upper(cluster.id.as_str()),
            "Category": category,
            "ResourceGroup": upper(cluster.id.group().unwrap_or_default()),
            "SubscriptionId": cluster.id.subscription(),
            "ResourceProvider": "MICROSOFT.CONTAINERSERVICE",
            "Resource": upper(cluster.id.name()),
            "ResourceType": "MANAGEDCLUSTERS",
            "OperationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
            "log_s": event.to_string(),
            "stream_s": "stdout",
            "pod_s": pod_name(cluster),
            "_ResourceId": cluster.id.key(),
        }))
    }
}

/// The API server's own pod, which nobody sees but its logs.
fn pod_name(cluster: &Cluster) -> String {
    let host = cluster.spec().fqdn.clone();
    format!("kube-apiserver-{}", host.split('.').next().unwrap_or_default())
}

/// Times with microseconds, as Kubernetes writes them.
fn micros(at: Timestamp) -> String {
    format!("{}.{:06}Z", at.strftime("%Y-%m-%dT%H:%M:%S"), at.subsec_nanosecond() / 1000)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
