//! Imports over the network: only from a host that the user has named, through the token flow of a registry that is none of azlet's.
//! The registry is a small one of this test, on the machine's own address. Sources: OCI Distribution Specification 1.1; CNCF
//! Distribution "Token Authentication"; texts of failed imports as users report them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use azlet::acr::digest::Digest;
use azlet_tests::archive::Archive;
use azlet_tests::{Actor, Answer, Azlet, arm, resource_id};
use serde_json::{Value, json};

/// What a registry of a test serves, by path: media type, content. Names of faults change how it does.
#[derive(Clone, Default)]
struct Registry {
    files: BTreeMap<String, (String, Vec<u8>)>,
    /// Who may pull, if not everyone.
    account: Option<&'static str>,
    fault: &'static str,
}

impl Registry {
    /// With the blobs of a layout, and its images under tags.
    fn of(archive: &Archive, images: &[(&str, &Value)]) -> Self {
        let mut registry = Self::default();
        for (path, content) in archive.files.iter().filter(|(path, _)| path.starts_with("blobs/")) {
            let digest = path.trim_start_matches("blobs/").replace('/', ":");
            let media_type =
                serde_json::from_slice::<Value>(content).ok().and_then(|it| it["mediaType"].as_str().map(str::to_owned));
            if let Some(media_type) = media_type {
                registry.files.insert(format!("/v2/team/app/manifests/{digest}"), (media_type, content.clone()));
            }
            registry.files.insert(format!("/v2/team/app/blobs/{digest}"), ("application/octet-stream".into(), content.clone()));
        }
        for (tag, descriptor) in images {
            let path = format!("/v2/team/app/manifests/{}", descriptor["digest"].as_str().expect("a digest"));
            let file = registry.files[&path].clone();
            registry.files.insert(format!("/v2/team/app/manifests/{tag}"), file);
        }
        registry
    }

    /// Serves it until the test ends; gives its host.
    async fn serve(self) -> String {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let host = socket.local_addr().expect("it listens").to_string();
        let router = Router::new().fallback(answer).with_state(Arc::new((self, host.clone())));
        tokio::spawn(async move { axum::serve(socket, router).await });
        host
    }
}

async fn answer(State(state): State<Arc<(Registry, String)>>, request: Request) -> Response {
    let (registry, host) = &*state;
    let header = |name: &str| request.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (path, authorization) = (request.uri().path(), header("authorization"));
    let response = |status: StatusCode| Response::builder().status(status);
    let text = |status: StatusCode, text: &str| response(status).body(Body::from(text.to_owned())).expect("a response");
    if path == "/token" {
        let query = request.uri().query().unwrap_or_default();
        let right = registry.account.is_none_or(|account| authorization == format!("Basic {account}"));
        let good = right && query.contains("scope=repository%3Ateam%2Fapp%3Apull") && query.contains("service=test");
        return if good {
            text(StatusCode::OK, "{\"token\":\"good\"}")
        } else {
            text(StatusCode::UNAUTHORIZED, "{\"details\":\"no\"}")
        };
    }
    if authorization != "Bearer good" {
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"test\",scope=\"repository:team/app:pull\"");
        let unauthorized = response(StatusCode::UNAUTHORIZED).header("www-authenticate", challenge);
        return unauthorized.body(Body::from("{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}")).expect("a response");
    }
    match registry.fault {
        "busy" => return text(StatusCode::TOO_MANY_REQUESTS, "slow down"),
        "down" => return text(StatusCode::SERVICE_UNAVAILABLE, "later"),
        "no blobs" if path.contains("/blobs/") => return text(StatusCode::NOT_FOUND, "gone"),
        "moved blobs" if path.contains("/blobs/") => {
            let place = format!("http://{host}{}", path.replace("/blobs/", "/elsewhere/"));
            return response(StatusCode::TEMPORARY_REDIRECT).header("location", place).body(Body::empty()).expect("a response");
        }
        _ => {}
    }
    let Some((media_type, content)) = registry.files.get(&path.replace("/elsewhere/", "/blobs/")) else {
        return text(StatusCode::NOT_FOUND, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}");
    };
    let mut content = content.clone();
    let digest = Digest::sha256(&content);
    match registry.fault {
        "other bytes" if path.contains("/blobs/") => content[0] ^= 1,
        "short blobs" if path.contains("/blobs/") => content.truncate(1),
        "other manifest" if path.contains("/manifests/sha256") => content.push(b' '),
        _ => {}
    }
    let mut built = response(StatusCode::OK).header("content-type", media_type);
    if registry.fault != "no digest" {
        built = built.header("docker-content-digest", digest.as_str());
    }
    built.body(Body::from(content)).expect("a response")
}

fn url(rest: &str) -> String {
    arm(&resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/reg01{rest}")), "2025-11-01")
}

async fn start() -> (Azlet, Actor) {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Basic" } })).await;
    (azlet, owner)
}

async fn allow(azlet: &Azlet, host: &str) {
    let answer = azlet.anonymous().post(&format!("{}/_azlet/upstreams", azlet.endpoint()), &json!({ "allow": [host] })).await;
    assert_eq!(answer.status(), 200, "{}", answer.golden());
}

/// Imports and waits for the end, which takes real time.
async fn import(owner: &Actor, body: &Value) -> Answer {
    let mut answer = owner.post(&url("/importImage"), body).await;
    let poll = answer.header("location").unwrap_or_default().to_owned();
    while answer.status() == 202 {
        tokio::task::yield_now().await;
        answer = owner.get(&poll).await;
    }
    answer
}

fn body(host: &str, image: &str, tag: &str) -> Value {
    json!({ "source": { "registryUri": host, "sourceImage": image }, "targetTags": [tag] })
}

fn app() -> (Archive, Value) {
    let mut archive = Archive::layout();
    let children = [archive.image("amd64", "app for amd64"), archive.image("arm64", &"app for arm64 ".repeat(100_000))];
    let index = archive.index(&children);
    (archive, index)
}

#[tokio::test]
async fn nothing_is_asked_of_a_host_that_is_not_named() {
    let (azlet, owner) = start().await;
    let (archive, index) = app();
    let host = Registry::of(&archive, &[("v1", &index)]).serve().await;
    let refused = import(&owner, &body(&host, "team/app:v1", "app:v1")).await;
    assert_eq!(refused.error_code(), "InvalidParameters", "{}", refused.golden());
    allow(&azlet, &host).await;
    assert_eq!(import(&owner, &body(&host, "team/app:v1", "app:v1")).await.status(), 200);
    let control = format!("{}/_azlet/upstreams", azlet.endpoint());
    assert_eq!(azlet.anonymous().get(&control).await.json(), json!({ "allow": [host] }));
    azlet.anonymous().post(&control, &json!({ "disallow": [host] })).await;
    assert_eq!(import(&owner, &body(&host, "team/app:v1", "app:v2")).await.error_code(), "InvalidParameters");
    insta::assert_snapshot!(
        "no_host",
        azlet.anonymous().post(&control, &json!({ "allow": ["https://docker.io/"] })).await.golden()
    );
}

#[tokio::test]
async fn an_image_comes_with_its_platforms_and_its_digest() {
    let (azlet, owner) = start().await;
    let (archive, index) = app();
    let host = Registry { fault: "moved blobs", ..Registry::of(&archive, &[("v1", &index)]) }.serve().await;
    allow(&azlet, &host).await;
    let many = json!({
        "source": { "registryUri": host, "sourceImage": "team/app:v1" },
        "targetTags": ["app:v1", "copies/app:v2"], "untaggedTargetRepositories": ["bare"],
    });
    let started = owner.post(&url("/importImage"), &many).await;
    assert_eq!((started.status(), started.text().as_str()), (202, "null"));
    let done =
        import(&owner, &body(&host, &format!("team/app@{}", index["digest"].as_str().expect("a digest")), "app:by-digest")).await;
    assert_eq!(done.status(), 200, "{}", done.golden());
    let poll = started.header("location").expect("where to poll").to_owned();
    let mut ended = owner.get(&poll).await;
    while ended.status() == 202 {
        tokio::task::yield_now().await;
        ended = owner.get(&poll).await;
    }
    insta::assert_snapshot!("imported", ended.golden());
    let registry = "reg01.azurecr.io";
    let puller =
        azlet.registry_actor(registry, "owner", "repository:app:pull repository:copies/app:pull repository:bare:*").await;
    for (repository, reference) in [("app", "v1"), ("copies/app", "v2"), ("app", "by-digest")] {
        let answer = puller.get(&format!("https://{registry}/v2/{repository}/manifests/{reference}")).await;
        assert_eq!(answer.header("docker-content-digest"), index["digest"].as_str(), "{repository}:{reference}");
    }
    let bare = puller.get(&format!("https://{registry}/acr/v1/bare")).await.json();
    assert_eq!((&bare["tagCount"], &bare["manifestCount"]), (&json!(0), &json!(3)));
    let child = archive.files.iter().find(|(_, content)| content.starts_with(b"app for arm64")).expect("a layer");
    let digest = child.0.trim_start_matches("blobs/").replace('/', ":");
    let blob = puller.get(&format!("https://{registry}/v2/app/blobs/{digest}")).await;
    assert!(blob.bytes() == child.1, "a large layer too");
    let again = import(&owner, &body(&host, "team/app:v1", "app:v1")).await;
    assert_eq!((again.status(), again.error_code().as_str()), (409, "Conflict"), "{}", again.golden());
}

#[tokio::test]
async fn a_source_that_fails_is_told_by_the_poll_and_leaves_nothing() {
    let (azlet, owner) = start().await;
    let (archive, index) = app();
    let good = Registry::of(&archive, &[("v1", &index)]);
    let account = Some("dXNlcjpyaWdodA==");
    let mut lines = Vec::new();
    for (case, registry, image) in [
        ("an unknown tag", good.clone(), "team/app:none"),
        ("refused credentials", Registry { account, ..good.clone() }, "team/app:v1"),
        ("too many requests", Registry { fault: "busy", ..good.clone() }, "team/app:v1"),
        ("a registry that is down", Registry { fault: "down", ..good.clone() }, "team/app:v1"),
        ("a blob that is missing", Registry { fault: "no blobs", ..good.clone() }, "team/app:v1"),
        ("a blob with other bytes", Registry { fault: "other bytes", ..good.clone() }, "team/app:v1"),
        ("a blob that is too short", Registry { fault: "short blobs", ..good.clone() }, "team/app:v1"),
        ("a platform with other bytes", Registry { fault: "other manifest", ..good.clone() }, "team/app:v1"),
        ("a manifest without its digest", Registry { fault: "no digest", ..good.clone() }, "team/app:v1"),
    ] {
        let host = registry.serve().await;
        allow(&azlet, &host).await;
        let refused = import(&owner, &body(&host, image, "app:v1")).await;
        let text = refused.refusal();
        let text = text.split("registries/reg01 ").last().unwrap_or_default();
        let text = text.split_once(" OK OK ").map_or(text, |(before, _)| before);
        lines.push(format!("{case}: {} {} {text}", refused.status(), refused.error_code()));
    }
    allow(&azlet, "127.0.0.1:1").await;
    let nobody = import(&owner, &body("127.0.0.1:1", "team/app:v1", "app:v1")).await;
    lines.push(format!("nobody there: {} {}", nobody.status(), nobody.error_code()));
    insta::assert_snapshot!("failures", lines.join("\n"));
    let host = Registry { account, ..good }.serve().await;
    allow(&azlet, &host).await;
    let mut with = body(&host, "team/app:v1", "app:v1");
    with["source"]["credentials"] = json!({ "username": "user", "password": "right" });
    assert_eq!(import(&owner, &with).await.status(), 200, "with the right credentials");
    let catalog = azlet.registry_actor("reg01.azurecr.io", "owner", "registry:catalog:*").await;
    assert_eq!(catalog.get("https://reg01.azurecr.io/v2/_catalog").await.json(), json!({ "repositories": ["app"] }));
}
