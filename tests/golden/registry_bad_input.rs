//! What a registry must refuse: the specification's error, nothing stored, nothing kept. Sources: OCI Distribution Specification
//! 1.1 "Error Codes", "Pushing Blobs", "Pushing Manifests"; CNCF Distribution's grammar of names; what the real registry answers
//! where it is recorded. Inferred: that sizes are compared (`SIZE_INVALID`), and that a key must come once.

use azlet::acr::digest::Digest;
use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, OCI_INDEX, OCI_MANIFEST, image, outcome, push_blob, put_manifest, url};
use azlet_tests::{Actor, Answer, Azlet};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const OCTETS: &str = "application/octet-stream";

async fn start() -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", "repository:a:pull,push,delete,metadata_read registry:catalog:*").await;
    (azlet, actor)
}

async fn upload(actor: &Actor) -> String {
    let started = actor.send(actor.request(Method::POST, &url("/v2/a/blobs/uploads/"))).await;
    url(started.header("location").expect("a location"))
}

async fn send(actor: &Actor, method: Method, url: &str, range: Option<&str>, body: &str) -> Answer {
    let request = actor.request(method, url).header("content-type", OCTETS).body(body.to_owned());
    actor.send(range.into_iter().fold(request, |request, range| request.header("content-range", range))).await
}

/// Puts a value into a manifest and takes it out of another.
fn with(manifest: &Value, pointer: &str, value: Value) -> String {
    let mut changed = manifest.clone();
    let (parent, key) = pointer.rsplit_once('/').expect("a place");
    changed.pointer_mut(parent).expect("a parent")[key] = value;
    changed.to_string()
}

#[tokio::test]
async fn a_manifest_that_is_none_leaves_nothing_behind() {
    let (_azlet, actor) = start().await;
    let good = image(&actor, HOST, "a", "text").await;
    let absent = format!("sha256:{}", "a".repeat(64));
    let twice = |key: &str| format!("{{\"{key}\":{},{}", good[key], &good.to_string()[1..]);
    let nested = |deep: usize| format!("{{\"x\":{}{},{}", "[".repeat(deep), "]".repeat(deep), &good.to_string()[1..]);
    let child = json!({ "mediaType": OCI_MANIFEST, "digest": absent, "size": 1 });
    let index = json!({ "schemaVersion": 2, "manifests": [child] });
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let mut table = String::new();
    for (name, media_type, body) in [
        ("text after the end", OCI_MANIFEST, format!("{good} x")),
        ("half of it", OCI_MANIFEST, good.to_string()[..100].to_owned()),
        ("a key twice: config", OCI_MANIFEST, twice("config")),
        ("a key twice: layers", OCI_MANIFEST, twice("layers")),
        ("a key twice: mediaType", OCI_MANIFEST, twice("mediaType")),
        ("nested 10001 deep", OCI_MANIFEST, nested(10_000)),
        ("nested two million deep", OCI_MANIFEST, nested(2_000_000)),
        ("nothing closed", OCI_MANIFEST, "[".repeat(3_000_000)),
        ("an image as an index", OCI_INDEX, with(&good, "/mediaType", json!(OCI_INDEX))),
        ("an index as an image", OCI_MANIFEST, index.to_string()),
        ("image and index at once", OCI_MANIFEST, with(&good, "/manifests", json!([]))),
        ("its type and Content-Type differ", docker, good.to_string()),
        ("a list as Docker's image", docker, with(&index, "/mediaType", json!(docker))),
        ("schema 1", schema1, "{\"schemaVersion\":1}".into()),
        ("schemaVersion 1", OCI_MANIFEST, with(&good, "/schemaVersion", json!(1))),
        ("schemaVersion as text", OCI_MANIFEST, with(&good, "/schemaVersion", json!("2"))),
        ("no schemaVersion", OCI_MANIFEST, with(&good, "/schemaVersion", Value::Null)),
        ("no config", OCI_MANIFEST, with(&good, "/config", Value::Null)),
        ("layers that are no list", OCI_MANIFEST, with(&good, "/layers", json!({}))),
        ("a negative size", OCI_MANIFEST, with(&good, "/config/size", json!(-1))),
        ("a size with a fraction", OCI_MANIFEST, with(&good, "/config/size", json!(1.5))),
        ("a size beyond numbers", OCI_MANIFEST, with(&good, "/config/size", json!(1e30))),
        ("no size", OCI_MANIFEST, with(&good, "/config/size", Value::Null)),
        ("another size: config", OCI_MANIFEST, with(&good, "/config/size", json!(1))),
        ("another size: layer", OCI_MANIFEST, with(&good, "/layers/0/size", json!(5))),
        (
            "upper-case digest",
            OCI_MANIFEST,
            with(&good, "/config/digest", json!(good["config"]["digest"].as_str().expect("text").to_uppercase())),
        ),
        ("unknown algorithm", OCI_MANIFEST, with(&good, "/config/digest", json!(format!("md5:{}", "0".repeat(32))))),
        ("subject without a digest", OCI_MANIFEST, with(&good, "/subject", json!({ "size": 1 }))),
        ("annotations that are no text", OCI_MANIFEST, with(&good, "/annotations", json!({ "a": 1 }))),
        ("an absent blob", OCI_MANIFEST, with(&good, "/config/digest", json!(absent))),
        ("an absent child", OCI_INDEX, index.to_string()),
    ] {
        let answer = actor.send_bytes(Method::PUT, &url("/v2/a/manifests/v1"), media_type, body).await;
        table.push_str(&format!("{name}: {}\n", outcome(&answer, &[])));
        assert_eq!(answer.status(), 400, "{name}");
    }
    insta::assert_snapshot!("bad_manifests", table);
    assert_eq!(actor.get(&url("/v2/_catalog")).await.text(), "{\"repositories\":[]}\n");
    let tag = actor.get(&url("/v2/a/manifests/v1")).await;
    assert_eq!(tag.error_code(), "MANIFEST_UNKNOWN");
    let pushed = put_manifest(&actor, HOST, "a", "v1", OCI_MANIFEST, &good).await;
    assert_eq!(pushed.status(), 201, "the good one is still good: {}", pushed.golden());
    let wrong = json!({ "mediaType": OCI_MANIFEST, "digest": pushed.header("docker-content-digest"), "size": 1 });
    let of_wrong = json!({ "schemaVersion": 2, "manifests": [wrong] });
    assert_eq!(put_manifest(&actor, HOST, "a", "v2", OCI_INDEX, &of_wrong).await.error_code(), "SIZE_INVALID");
}

#[tokio::test]
async fn a_digest_that_is_none_is_refused_wherever_it_stands() {
    let (_azlet, actor) = start().await;
    let good = image(&actor, HOST, "a", "text").await.to_string();
    let real = Digest::sha256(good.as_bytes()).to_string();
    let mut table = String::new();
    for digest in [
        "sha256:baddigeststring",
        "sha256:",
        "sha256:sha256:x",
        &format!("sha256:{}", "0".repeat(63)),
        &format!("sha256:{}", "0".repeat(64)),
        &real.to_uppercase(),
        &format!("sha512:{}", &real[7..]),
        &format!("md5:{}", "0".repeat(32)),
    ] {
        let put = actor.send_bytes(Method::PUT, &url(&format!("/v2/a/manifests/{digest}")), OCI_MANIFEST, good.clone()).await;
        let post = actor.send_bytes(Method::POST, &url(&format!("/v2/a/blobs/uploads/?digest={digest}")), OCTETS, "x").await;
        table.push_str(&format!("{digest}\n  push a manifest: {}\n  push a blob: {}\n", outcome(&put, &[]), outcome(&post, &[])));
        for kind in ["manifests", "blobs", "referrers"] {
            let path = url(&format!("/v2/a/{kind}/{digest}"));
            let (get, delete) = (actor.get(&path).await, actor.delete(&path).await);
            table.push_str(&format!("  get {kind}: {}\n  delete {kind}: {}\n", outcome(&get, &[]), outcome(&delete, &[])));
        }
    }
    insta::assert_snapshot!("bad_digests", table);
    assert_eq!(actor.get(&url("/v2/a/tags/list")).await.json()["tags"], json!([]));
}

#[tokio::test]
async fn names_outside_the_grammar_name_nothing() {
    let (azlet, _) = start().await;
    let anonymous = azlet.anonymous();
    for name in [
        "A",
        "a//b",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a.-b",
        ".a",
        "a/",
        "%C3%A4",
        "a%20b",
        "a%00b",
        &"a".repeat(256),
        "a/../b",
        "a%2F..%2Fb",
    ] {
        for (method, rest) in [
            (Method::GET, "manifests/v1"),
            (Method::PUT, "manifests/v1"),
            (Method::PUT, "manifests/sha256:x"),
            (Method::GET, "tags/list"),
            (Method::POST, "blobs/uploads/"),
        ] {
            let answer = anonymous.send(anonymous.request(method.clone(), &url(&format!("/v2/{name}/{rest}")))).await;
            // A client folds `a/../b` itself, into a name that there may be.
            let expected = if name == "a/../b" { (401, "UNAUTHORIZED".into()) } else { (404, String::new()) };
            assert_eq!((answer.status(), answer.error_code()), expected, "{method} {name} {rest}");
        }
    }
    for tag in [".v1", "-v1", "v 1", "v%201", "v%2B1", "%C3%A4", &"v".repeat(129)] {
        let answer = anonymous.send(anonymous.request(Method::PUT, &url(&format!("/v2/a/manifests/{tag}")))).await;
        assert_eq!((answer.status(), answer.text().as_str()), (404, "404 page not found\n"), "{tag}");
    }
}

#[tokio::test]
async fn an_upload_that_is_wrong_leaves_nothing_behind() {
    let (azlet, actor) = start().await;
    let digest = Digest::sha256(b"0123456789").to_string();
    let with_digest = |location: &str| format!("{location}&digest={digest}");
    let mut table = String::new();
    for (name, chunks, last) in [
        ("another content", vec![(None, "other")], (None, "")),
        ("too short", vec![(Some("0-4"), "01234")], (None, "")),
        ("too long", vec![(Some("0-9"), "0123456789")], (None, "0")),
        ("a chunk twice", vec![(Some("0-4"), "01234"), (Some("0-4"), "01234")], (Some("5-9"), "56789")),
        ("a gap", vec![(Some("0-4"), "01234")], (Some("6-9"), "6789")),
        ("an overlap", vec![(Some("0-4"), "01234")], (Some("4-9"), "456789")),
        ("the last first", vec![(Some("5-9"), "56789")], (Some("0-4"), "01234")),
        ("a chunk shorter than stated", vec![(Some("0-9"), "01234")], (None, "")),
        ("a chunk longer than stated", vec![(Some("0-3"), "01234")], (None, "")),
        ("a range that is none", vec![(Some("bytes 0-4/10"), "01234")], (None, "")),
        ("a range beyond numbers", vec![(Some("0-99999999999999999999"), "01234")], (None, "")),
    ] {
        let mut location = upload(&actor).await;
        table.push_str(&format!("{name}:\n"));
        for (range, chunk) in chunks {
            let answer = send(&actor, Method::PATCH, &location, range, chunk).await;
            table.push_str(&format!("  PATCH {}\n", outcome(&answer, &["range"])));
            location = answer.header("location").map(url).unwrap_or(location);
        }
        let answer = send(&actor, Method::PUT, &with_digest(&location), last.0, last.1).await;
        table.push_str(&format!("  PUT {}\n", outcome(&answer, &["range"])));
        let blob = actor.get(&url(&format!("/v2/a/blobs/{digest}"))).await;
        table.push_str(&format!("  the blob: {}\n", blob.status()));
        let kept = actor.delete(&url(&format!("/v2/a/blobs/{digest}"))).await.status() == 202;
        assert_eq!(kept, blob.status() == 200, "{name}");
    }
    insta::assert_snapshot!("bad_uploads", table);
    assert_eq!(azlet.world().acr.by_login_server(HOST).expect("the registry").size_in_bytes(), 0, "nothing is stored");
}

#[tokio::test]
async fn a_blob_that_comes_twice_is_kept_once() {
    let (azlet, actor) = start().await;
    let registry = azlet.world().acr.by_login_server(HOST).expect("the registry");
    for _ in 0..2 {
        push_blob(&actor, HOST, "a", b"0123456789").await;
        assert_eq!(registry.size_in_bytes(), 10);
    }
    // One upload, finished from two sides: one of them is late.
    let location = upload(&actor).await;
    let digest = Digest::sha256(b"twice").to_string();
    let finish = format!("{location}&digest={digest}");
    let (one, other) =
        tokio::join!(send(&actor, Method::PUT, &finish, None, "twice"), send(&actor, Method::PUT, &finish, None, "twice"));
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404], "{} {}", one.golden(), other.golden());
    assert_eq!(registry.size_in_bytes(), 15);
}

#[tokio::test]
async fn a_refused_body_does_not_spoil_the_connection() {
    let (azlet, _) = start().await;
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let token =
        azlet.access_token(HOST, &refresh, "repository:a:pull,push").await.json()["access_token"].as_str().map(str::to_owned);
    let (actor, nobody) = (azlet.over_http1(token), azlet.over_http1(None));
    let location = upload(&actor).await;
    let large = "x".repeat(3_000_000);
    for (name, who, method, url, expected) in [
        ("out of order", &actor, Method::PATCH, location.clone(), 416),
        ("without a token", &nobody, Method::PATCH, location.clone(), 401),
        ("to no place", &actor, Method::PUT, url("/v2/a/nothing"), 404),
        ("with a verb that is none", &actor, Method::POST, url(&format!("/v2/a/blobs/sha256:{}", "0".repeat(64))), 405),
        ("of no type", &actor, Method::PUT, url("/v2/a/manifests/v1"), 400),
    ] {
        let answer = send(who, method, &url, Some("7-3000006"), &large).await;
        assert_eq!((answer.status(), answer.header("connection")), (expected, None), "{name}");
        assert_eq!(send(&actor, Method::GET, &location, None, "").await.status(), 204, "{name}: the next request");
    }
    let waiting = actor.request(Method::PATCH, &location).header("content-range", "7-9").header("expect", "100-continue");
    let answer = actor.send(waiting.body("xxx")).await;
    assert_eq!((answer.status(), answer.header("connection")), (416, Some("close")), "nothing was asked of who waits");
}

/// Sends a body that never ends and returns the answer's status, if the client came to read it: its connection is closed while it still
/// writes, which it may notice first.
async fn endless(request: RequestBuilder) -> Option<u16> {
    let zeros = tokio::fs::File::open("/dev/zero").await.expect("zeros");
    request.body(zeros).send().await.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn a_body_without_an_end_is_refused_before_it_ends() {
    let (azlet, actor) = start().await;
    let post = url(&format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(b"")));
    let unsigned = endless(azlet.anonymous().request(Method::POST, &post)).await;
    let put = actor.request(Method::PUT, &url("/v2/a/manifests/v1")).header("content-type", OCI_MANIFEST);
    let manifest = endless(put).await;
    let patch = actor.request(Method::PATCH, &upload(&actor).await).header("content-range", "5-9");
    let chunk = endless(patch).await;
    for (status, expected) in [(unsigned, 401), (manifest, 400), (chunk, 416)] {
        assert_eq!(status.unwrap_or(expected), expected);
    }
    assert_eq!(actor.get(&url("/v2/_catalog")).await.text(), "{\"repositories\":[]}\n");
}
