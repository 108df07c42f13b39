//! Pushing and pulling blobs. Sources: OCI Distribution Specification 1.1 "Pushing blobs" and "Pulling blobs"; answers recorded
//! from the real registry; RFC 9110 §14 for parts.

use azlet::acr::digest::Digest;
use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_blob, url};
use azlet_tests::{Actor, Answer, Azlet};
use reqwest::Method;

const OCTETS: &str = "application/octet-stream";

async fn pusher() -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", "repository:a:pull,push,delete repository:b:pull,push").await;
    (azlet, actor)
}

async fn start(actor: &Actor) -> Answer {
    actor.send(actor.request(Method::POST, &url("/v2/a/blobs/uploads/"))).await
}

fn location(answer: &Answer) -> String {
    let location = answer.header("location").expect("a location");
    assert!(location.starts_with("/v2/"), "relative, as the real one: {location}");
    url(location)
}

async fn patch(actor: &Actor, location: &str, range: Option<&str>, bytes: &str) -> Answer {
    let request = actor.request(Method::PATCH, location).header("content-type", OCTETS).body(bytes.to_owned());
    let request = range.into_iter().fold(request, |request, range| request.header("content-range", range));
    actor.send(request).await
}

async fn finish(actor: &Actor, location: &str, digest: &str, bytes: &str) -> Answer {
    let separator = if location.contains('?') { '&' } else { '?' };
    actor.send_bytes(Method::PUT, &format!("{location}{separator}digest={digest}"), OCTETS, bytes).await
}

/// The answer with the upload's state hidden.
fn golden(answer: &Answer) -> String {
    let hide = |line: &str| match line.split_once("_state=") {
        Some((before, state)) => {
            assert!(state.len() > 100, "an HMAC and what it protects: {line}");
            format!("{before}_state=<state>")
        }
        None => line.to_owned(),
    };
    answer.golden().lines().map(hide).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_blob_goes_up_in_every_form_and_comes_back_the_same() {
    let (_azlet, actor) = pusher().await;
    let digest = Digest::sha256(b"one two three").to_string();
    // POST, then all of it by PUT.
    let started = start(&actor).await;
    insta::assert_snapshot!("upload_started", golden(&started));
    insta::assert_snapshot!("upload_finished", golden(&finish(&actor, &location(&started), &digest, "one two three").await));
    // POST, streamed PATCH, empty PUT: docker and podman.
    let started = start(&actor).await;
    let patched = patch(&actor, &location(&started), None, "streamed").await;
    insta::assert_snapshot!("upload_patched", golden(&patched));
    let streamed = Digest::sha256(b"streamed").to_string();
    assert_eq!(finish(&actor, &location(&patched), &streamed, "").await.status(), 201);
    // POST, PATCH with ranges, last chunk by PUT.
    let started = start(&actor).await;
    let first = patch(&actor, &location(&started), Some("0-3"), "chun").await;
    let second = patch(&actor, &location(&first), Some("4-6"), "ked").await;
    assert_eq!(second.header("range"), Some("0-6"));
    let status = actor.get(&location(&second)).await;
    insta::assert_snapshot!("upload_status", golden(&status));
    let chunked = Digest::sha256(b"chunked!").to_string();
    let request = actor.request(Method::PUT, &format!("{}&digest={chunked}", location(&status)));
    let finished = actor.send(request.header("content-range", "7-7").body("!")).await;
    assert_eq!(finished.status(), 201, "{}", finished.golden());
    // One POST, and SHA-512.
    let single = push_blob(&actor, HOST, "a", b"single").await;
    let long = Digest::parse(&format!("sha512:{}", "0".repeat(128))).expect("a digest").same_algorithm_over([b"long".as_slice()]);
    let started = start(&actor).await;
    assert_eq!(finish(&actor, &location(&started), long.as_str(), "long").await.status(), 201);
    for (digest, content) in [
        (digest.as_str(), "one two three"),
        (&streamed, "streamed"),
        (&chunked, "chunked!"),
        (&single, "single"),
        (long.as_str(), "long"),
    ] {
        let answer = actor.get(&url(&format!("/v2/a/blobs/{digest}"))).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, content));
        assert_eq!(answer.header("docker-content-digest"), Some(digest));
    }
}

#[tokio::test]
async fn a_large_blob_comes_back_the_same() {
    let (_azlet, actor) = pusher().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let digest = push_blob(&actor, HOST, "a", &bytes).await;
    let answer = actor.get(&url(&format!("/v2/a/blobs/{digest}"))).await;
    assert_eq!(answer.header("content-length"), Some("3000000"));
    assert!(answer.bytes() == bytes, "the same bytes");
    let request = actor.request(Method::GET, &url(&format!("/v2/a/blobs/{digest}"))).header("range", "bytes=1999990-2000009");
    let part = actor.send(request).await;
    assert_eq!((part.status(), part.bytes()), (206, &bytes[1_999_990..2_000_010]));
}

#[tokio::test]
async fn a_part_of_a_blob_can_be_had() {
    let (_azlet, actor) = pusher().await;
    let digest = push_blob(&actor, HOST, "a", b"0123456789").await;
    let url = url(&format!("/v2/a/blobs/{digest}"));
    for (name, method, range) in [
        ("part_middle", Method::GET, "bytes=2-4"),
        ("part_over_the_end", Method::GET, "bytes=8-100"),
        ("part_suffix", Method::GET, "bytes=-3"),
        ("part_behind_the_end", Method::GET, "bytes=10-"),
        ("part_malformed_is_ignored", Method::GET, "bytes=x-y"),
        ("part_ignored_by_head", Method::HEAD, "bytes=2-4"),
    ] {
        let answer = actor.send(actor.request(method, &url).header("range", range)).await;
        insta::assert_snapshot!(name, answer.golden_with(&["content-length"]));
    }
}

#[tokio::test]
async fn an_upload_that_goes_wrong_says_how() {
    let (_azlet, actor) = pusher().await;
    let digest = Digest::sha256(b"content").to_string();
    let started = start(&actor).await;
    let beginning = location(&started);
    for (name, range) in [("range_malformed", "-1--1"), ("range_of_http", "bytes 0-9/*"), ("range_out_of_order", "5-9")] {
        insta::assert_snapshot!(name, golden(&patch(&actor, &beginning, Some(range), "bytes").await));
    }
    insta::assert_snapshot!("range_of_another_length", golden(&patch(&actor, &beginning, Some("0-9"), "bytes").await));
    // It stays usable.
    let patched = patch(&actor, &beginning, Some("0-6"), "content").await;
    assert_eq!(patched.status(), 202);
    insta::assert_snapshot!("range_repeated", golden(&patch(&actor, &beginning, Some("0-6"), "content").await));
    insta::assert_snapshot!("state_stale", golden(&patch(&actor, &beginning, None, "content").await));
    let (path, _) = beginning.split_once('?').expect("a query");
    assert_eq!(patch(&actor, &format!("{path}?_state=forged"), None, "x").await.error_code(), "BLOB_UPLOAD_INVALID");
    assert_eq!(patch(&actor, path, None, "x").await.error_code(), "BLOB_UPLOAD_INVALID");
    insta::assert_snapshot!("digest_unreadable", golden(&finish(&actor, &location(&patched), "sha256:00000000", "").await));
    assert_eq!(actor.send(actor.request(Method::PUT, &location(&patched))).await.error_code(), "DIGEST_INVALID");
    insta::assert_snapshot!(
        "digest_of_something_else",
        golden(&finish(&actor, &location(&start(&actor).await), &digest, "other").await)
    );
    assert_eq!(finish(&actor, &location(&patched), &digest, "").await.status(), 201);
    insta::assert_snapshot!("upload_over", golden(&finish(&actor, &location(&patched), &digest, "").await));
    let other = actor.send(actor.request(Method::GET, &beginning.replace("/v2/a/", "/v2/b/"))).await;
    assert_eq!(other.error_code(), "BLOB_UPLOAD_UNKNOWN", "an upload belongs to its repository");
    let cancelled = start(&actor).await;
    insta::assert_snapshot!("upload_cancelled", golden(&actor.delete(&location(&cancelled)).await));
    assert_eq!(actor.get(&location(&cancelled)).await.error_code(), "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(actor.get(&url("/v2/a/blobs/uploads/garbage")).await.error_code(), "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_blob_is_mounted_only_by_who_may_pull_it() {
    let (azlet, actor) = pusher().await;
    let digest = push_blob(&actor, HOST, "a", b"shared").await;
    let mount = async |actor: &Actor, digest: &str, from: &str| {
        actor.send(actor.request(Method::POST, &url(&format!("/v2/b/blobs/uploads/?mount={digest}{from}")))).await
    };
    insta::assert_snapshot!("mounted", golden(&mount(&actor, &digest, "&from=a").await));
    let absent = Digest::sha256(b"absent").to_string();
    assert_eq!(mount(&actor, &absent, "&from=a").await.status(), 202, "an ordinary upload");
    assert_eq!(mount(&actor, &digest, "").await.status(), 201, "from wherever it may be pulled");
    assert_eq!(mount(&actor, "garbage", "&from=a").await.status(), 202);
    let narrow = azlet.registry_actor(HOST, "owner", "repository:b:pull,push").await;
    insta::assert_snapshot!("mount_without_the_source", golden(&mount(&narrow, &digest, "&from=a").await));
}

#[tokio::test]
async fn an_absent_blob_is_unknown_and_a_deleted_one_absent() {
    let (_azlet, actor) = pusher().await;
    let digest = push_blob(&actor, HOST, "a", b"content").await;
    let url_of = |digest: &str| url(&format!("/v2/a/blobs/{digest}"));
    insta::assert_snapshot!("blob_head", actor.head(&url_of(&digest)).await.golden_with(&["content-length"]));
    insta::assert_snapshot!("blob_deleted", actor.delete(&url_of(&digest)).await.golden_with(&["content-length"]));
    insta::assert_snapshot!("blob_deleted_twice", actor.delete(&url_of(&digest)).await.golden_with(&["content-length"]));
    insta::assert_snapshot!("blob_unknown", actor.get(&url_of(&digest)).await.golden());
    assert_eq!(actor.head(&url_of(&digest)).await.status(), 404);
    let unregistered = format!("md5x:{}", "0".repeat(32));
    assert_eq!(actor.get(&url_of(&unregistered)).await.error_code(), "DIGEST_INVALID");
    let post = actor.send(actor.request(Method::POST, &url_of(&digest))).await;
    insta::assert_snapshot!("blob_wrong_verb", post.golden());
}
