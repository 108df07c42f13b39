//! Webhooks that really deliver, to a receiver on this machine. Source: Azure Container Registry webhook reference for the
//! payloads; a recorded log of events for its form and for the headers that are sent.

use std::sync::Arc;
use std::time::Duration;

use azlet_tests::registry::push_image;
use azlet_tests::{Actor, Azlet, arm, resource_id};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const HOST: &str = "reg01.azurecr.io";

fn url(rest: &str) -> String {
    arm(&resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/reg01{rest}")), "2025-11-01")
}

/// Someone who takes events: each request, whole, is handed on and answered with 202.
async fn receiver() -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            // A request is whole when it ends with the brace that closes its JSON.
            while !text.ends_with(b"}") {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => text.extend_from_slice(&buffer[..count]),
                }
            }
            let _ = stream
                .write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\nX-Receiver: yes\r\n\r\nok")
                .await;
            let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
        }
    });
    (format!("http://{address}/events"), receiver)
}

async fn next(receiver: &mut UnboundedReceiver<String>) -> (String, Value) {
    let text = tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await.expect("an event in time").expect("an event");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), serde_json::from_str(body).expect("JSON"))
}

/// An event with its identifiers and digests put aside, to be compared.
fn plain(mut event: Value) -> String {
    for pointer in ["/id", "/request/id", "/target/digest"] {
        if let Some(value) = event.pointer_mut(pointer) {
            *value = json!("<made>");
        }
    }
    serde_json::to_string_pretty(&event).expect("JSON")
}

async fn hook(owner: &Actor, name: &str, uri: &str, actions: Value, scope: &str) {
    let body = json!({ "location": "westus", "properties": { "serviceUri": uri, "customHeaders": { "X-Secret": "s" }, "actions": actions, "scope": scope } });
    let made = owner.put(&url(&format!("/webhooks/{name}")), &body).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
}

/// The log of a webhook once its newest event has been answered.
async fn answered(owner: &Actor, name: &str) -> Value {
    for _ in 0..1000 {
        let log = owner.post(&url(&format!("/webhooks/{name}/listEvents")), &json!({})).await.json();
        if log["value"][0].get("eventResponseMessage").is_some() {
            return log;
        }
        tokio::task::yield_now().await;
    }
    panic!("the event was never answered");
}

#[tokio::test]
async fn pushes_deletions_and_pings_are_delivered() {
    let (azlet, owner) = Azlet::with_group().await;
    let azlet = Arc::new(azlet);
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Standard" } })).await;
    let (uri, mut events) = receiver().await;
    hook(&owner, "hook1", &uri, json!(["push", "delete"]), "").await;
    let pinged = owner.post(&url("/webhooks/hook1/ping"), &json!({})).await;
    let (head, event) = next(&mut events).await;
    assert_eq!(event["id"], pinged.json()["id"]);
    assert_eq!((event["action"].as_str(), event.as_object().map(serde_json::Map::len)), (Some("ping"), Some(3)));
    let head = head.to_lowercase();
    for line in [
        "post /events http/1.1",
        "user-agent: azurecontainerregistry/1.0",
        "x-secret: s",
        "traceparent: 00-",
        "x-forwarded-for: true",
        "content-type: application/json; charset=utf-8",
    ] {
        assert!(head.contains(line), "{line} is not in {head}");
    }
    let log = answered(&owner, "hook1").await;
    let entry = &log["value"][0];
    assert_eq!(entry["eventRequestMessage"]["content"], event);
    assert_eq!(
        (&entry["eventResponseMessage"]["statusCode"], &entry["eventResponseMessage"]["content"]),
        (&json!("202"), &json!("ok"))
    );
    assert_eq!(entry["eventResponseMessage"]["headers"]["x-receiver"], "yes");
    let pusher = azlet.registry_actor(HOST, "owner", "repository:team/a:pull,push,delete").await;
    let digest = push_image(&pusher, HOST, "team/a", "v1", "hello").await;
    insta::assert_snapshot!("webhook_push", plain(next(&mut events).await.1));
    // A tag alone raises nothing; the next event is the manifest's.
    assert_eq!(pusher.delete(&format!("https://{HOST}/acr/v1/team/a/_tags/v1")).await.status(), 202);
    assert_eq!(pusher.delete(&format!("https://{HOST}/v2/team/a/manifests/{digest}")).await.status(), 202);
    insta::assert_snapshot!("webhook_delete", plain(next(&mut events).await.1));
}

#[tokio::test]
async fn a_webhook_sends_only_what_its_scope_and_status_let_it() {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Standard" } })).await;
    let (uri, mut events) = receiver().await;
    hook(&owner, "scoped", &uri, json!(["push"]), "team/a:v2").await;
    hook(&owner, "asleep", &uri, json!(["push"]), "").await;
    owner.patch(&url("/webhooks/asleep"), &json!({ "properties": { "status": "disabled" } })).await;
    let pusher = azlet.registry_actor(HOST, "owner", "repository:team/a:pull,push").await;
    push_image(&pusher, HOST, "team/a", "v1", "one").await;
    push_image(&pusher, HOST, "team/a", "v2", "two").await;
    assert_eq!(next(&mut events).await.1["target"]["tag"], "v2");
    let source = json!({ "source": { "registryUri": "docker.io", "sourceImage": "library/nginx:latest" }, "targetTags": ["team/a:v2"], "mode": "Force" });
    assert_eq!(owner.post(&url("/importImage"), &source).await.status(), 202);
    assert_eq!(next(&mut events).await.1["target"]["tag"], "v2", "an import is a push too");
    assert_eq!(owner.post(&url("/webhooks/asleep/listEvents"), &json!({})).await.json(), json!({ "value": [] }));
}

#[tokio::test]
async fn no_other_machine_is_ever_contacted() {
    let (_azlet, owner) = Azlet::with_group().await;
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Standard" } })).await;
    for (name, uri) in
        [("faraway", "http://www.example.com/hook"), ("private", "http://10.0.0.1/"), ("secured", "https://localhost/")]
    {
        hook(&owner, name, uri, json!(["push"]), "").await;
        assert_eq!(owner.post(&url(&format!("/webhooks/{name}/ping")), &json!({})).await.status(), 200);
        let log = owner.post(&url(&format!("/webhooks/{name}/listEvents")), &json!({})).await.json();
        insta::assert_snapshot!(format!("webhook_{name}"), log["value"][0]["eventResponseMessage"].to_string());
    }
}
