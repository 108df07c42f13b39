//! Blobs that are too large for memory: pushed in every form, pulled in parts, kept once for all registries, and gone without a trace
//! when nobody holds them or they never came whole. Sources: OCI Distribution Specification 1.1 "Pushing blobs"; what lies in files, and
//! from which size on, is azlet's own.

use azlet::acr::digest::Digest;
use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_blob, url};
use azlet_tests::{Actor, Answer, Azlet, arm, resource_id};
use futures_util::stream::iter;
use reqwest::{Body, Method};
use serde_json::json;

const MINE: &str = "myregistry.azurecr.io";
const OTHER: &str = "otherregistry.azurecr.io";
const SCOPE: &str = "repository:a:pull,push,delete repository:b:pull,push,delete";
const OCTETS: &str = "application/octet-stream";

async fn pusher() -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", SCOPE).await;
    (azlet, actor)
}

/// Bytes that differ everywhere and from seed to seed.
fn bytes(seed: u32, length: u32) -> Vec<u8> {
    (0..length).map(|number| ((number ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn long(bytes: &[u8]) -> Digest {
    Digest::parse(&format!("sha512:{}", "0".repeat(128))).expect("a digest").same_algorithm_over([bytes])
}

async fn start(actor: &Actor) -> String {
    location(&actor.send(actor.request(Method::POST, &url("/v2/a/blobs/uploads/"))).await)
}

fn location(answer: &Answer) -> String {
    url(answer.header("location").expect("a location"))
}

async fn patch(actor: &Actor, location: &str, bytes: &[u8]) -> Answer {
    actor.send_bytes(Method::PATCH, location, OCTETS, bytes).await
}

async fn finish(actor: &Actor, location: &str, digest: &Digest, bytes: &[u8]) -> Answer {
    actor.send_bytes(Method::PUT, &format!("{location}&digest={digest}"), OCTETS, bytes).await
}

async fn read(actor: &Actor, host: &str, digest: &str) -> Answer {
    actor.get(&format!("https://{host}/v2/a/blobs/{digest}")).await
}

/// Waits until so many files are open: they are closed aside. Asks for something meanwhile, so that other tasks get their turn.
async fn files(azlet: &Azlet, expected: usize) {
    for _ in 0..2000 {
        if azlet.world().acr.files() == expected {
            return;
        }
        azlet.anonymous().get(&format!("{}/_azlet/health", azlet.endpoint())).await;
    }
    panic!("{} files, not {expected}", azlet.world().acr.files());
}

#[tokio::test]
async fn a_large_blob_goes_up_in_every_form_and_comes_back_the_same() {
    let (azlet, actor) = pusher().await;
    let mut known = Vec::new();
    for (number, form) in ["one POST", "PUT", "PATCH", "chunks", "SHA-512 by PUT", "SHA-512 after PATCH"].into_iter().enumerate()
    {
        let content = bytes(u32::try_from(number).expect("small"), 1_500_000);
        let digest = if form.starts_with("SHA-512") { long(&content) } else { Digest::sha256(&content) };
        let answer = match form {
            "one POST" => {
                let url = url(&format!("/v2/a/blobs/uploads/?digest={digest}"));
                actor.send_bytes(Method::POST, &url, OCTETS, content.clone()).await
            }
            "PATCH" | "SHA-512 after PATCH" => {
                let patched = patch(&actor, &start(&actor).await, &content).await;
                assert_eq!(patched.header("range"), Some("0-1499999"));
                finish(&actor, &location(&patched), &digest, b"").await
            }
            // The first ends in memory, the second in a file, the third goes on there.
            "chunks" => {
                let first = patch(&actor, &start(&actor).await, &content[..300_000]).await;
                let second = patch(&actor, &location(&first), &content[300_000..1_000_001]).await;
                assert_eq!(second.header("range"), Some("0-1000000"));
                finish(&actor, &location(&second), &digest, &content[1_000_001..]).await
            }
            _ => finish(&actor, &start(&actor).await, &digest, &content).await,
        };
        assert_eq!(answer.status(), 201, "{form}: {}", answer.golden());
        files(&azlet, number + 1).await;
        known.push((form, digest, content));
    }
    for (form, digest, content) in &known {
        let whole = read(&actor, HOST, digest.as_str()).await;
        assert_eq!(whole.header("content-length"), Some("1500000"), "{form}");
        assert!(whole.bytes() == content, "{form}: the same bytes");
        for (range, from, to) in [("bytes=262140-262150", 262_140, 262_151), ("bytes=-7", 1_499_993, 1_500_000)] {
            let request = actor.request(Method::GET, &url(&format!("/v2/a/blobs/{digest}"))).header("range", range);
            let part = actor.send(request).await;
            assert_eq!((part.status(), part.bytes()), (206, &content[from..to]), "{form}: {range}");
        }
        assert!(actor.head(&url(&format!("/v2/a/blobs/{digest}"))).await.bytes().is_empty());
    }
}

#[tokio::test]
async fn a_large_blob_is_kept_once_and_goes_with_its_last_holder() {
    let (azlet, owner) = Azlet::with_group().await;
    for name in ["myregistry", "otherregistry"] {
        let id = resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{name}"));
        let body = json!({ "location": "westus2", "sku": { "name": "Premium" } });
        assert!(owner.put(&arm(&id, "2023-07-01"), &body).await.status() < 300);
    }
    let used = async |name: &str| {
        let id = resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{name}/listUsages"));
        owner.get(&arm(&id, "2023-07-01")).await.json()["value"][0]["currentValue"].as_u64()
    };
    let content = bytes(7, 1_000_000);
    let (here, there) = (azlet.registry_actor(MINE, "owner", SCOPE).await, azlet.registry_actor(OTHER, "owner", SCOPE).await);
    let digest = push_blob(&here, MINE, "a", &content).await;
    push_blob(&here, MINE, "a", &content).await;
    push_blob(&there, OTHER, "a", &content).await;
    let mount = format!("https://{MINE}/v2/b/blobs/uploads/?mount={digest}&from=a");
    assert_eq!(here.send(here.request(Method::POST, &mount)).await.status(), 201);
    files(&azlet, 1).await;
    assert_eq!((used("myregistry").await, used("otherregistry").await), (Some(1_000_000), Some(1_000_000)), "each blob once");
    for repository in ["a", "b"] {
        assert_eq!(here.delete(&format!("https://{MINE}/v2/{repository}/blobs/{digest}")).await.status(), 202);
    }
    assert_eq!((used("myregistry").await, used("otherregistry").await), (Some(0), Some(1_000_000)));
    assert!(read(&there, OTHER, &digest).await.bytes() == content, "it is another's too");
    let id = resource_id("rg", "Microsoft.ContainerRegistry/registries/otherregistry");
    let deleted = owner.delete(&arm(&id, "2023-07-01")).await;
    owner.follow(&deleted).await;
    files(&azlet, 0).await;
}

#[tokio::test]
async fn a_new_world_begins_without_files() {
    let (azlet, actor) = pusher().await;
    push_blob(&actor, HOST, "a", &bytes(1, 1_000_000)).await;
    let old = azlet.world();
    assert_eq!(azlet.anonymous().post(&format!("{}/_azlet/reset", azlet.endpoint()), &json!({})).await.status(), 204);
    assert_eq!((old.acr.files(), azlet.world().acr.files()), (1, 0));
    assert_eq!(old.acr.folder(), azlet.world().acr.folder());
}

/// A body that ends too early, upon which the client drops the connection.
fn broken(bytes: &[u8]) -> Body {
    let pieces: Vec<_> = bytes.chunks(100_000).map(|piece| Ok(piece.to_vec())).collect();
    Body::wrap_stream(iter(pieces.into_iter().chain([Err(std::io::Error::other("cut"))])))
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing_behind() {
    let (azlet, actor) = pusher().await;
    let content = bytes(3, 1_500_000);
    let digest = Digest::sha256(&content);
    // In one POST.
    let one = actor.request(Method::POST, &url(&format!("/v2/a/blobs/uploads/?digest={digest}")));
    assert!(one.body(broken(&content)).send().await.is_err());
    files(&azlet, 0).await;
    // In its first chunk, after which it stands where it stood and can be gone on with.
    let beginning = start(&actor).await;
    assert!(actor.request(Method::PATCH, &beginning).body(broken(&content)).send().await.is_err());
    files(&azlet, 0).await;
    let status = actor.get(&beginning).await;
    assert_eq!((status.status(), status.header("range")), (204, Some("0-0")));
    let first = patch(&actor, &beginning, &content[..900_000]).await;
    assert_eq!(first.status(), 202, "{}", first.golden());
    // In its second.
    assert!(actor.request(Method::PATCH, &location(&first)).body(broken(&content)).send().await.is_err());
    let mut last = patch(&actor, &location(&first), b"").await;
    for _ in 0..2000 {
        // As long as the connection's end is not known, it is another's turn.
        if last.status() == 202 {
            break;
        }
        last = patch(&actor, &location(&first), b"").await;
    }
    assert_eq!(last.header("range"), Some("0-899999"), "{}", last.golden());
    let finished = finish(&actor, &location(&last), &digest, &content[900_000..]).await;
    assert_eq!(finished.status(), 201, "{}", finished.golden());
    assert!(read(&actor, HOST, digest.as_str()).await.bytes() == content);
    files(&azlet, 1).await;
}

#[tokio::test]
async fn a_cancelled_upload_and_a_wrong_digest_leave_nothing_behind() {
    let (azlet, actor) = pusher().await;
    let content = bytes(4, 1_000_000);
    let patched = patch(&actor, &start(&actor).await, &content).await;
    files(&azlet, 1).await;
    assert_eq!(actor.delete(&location(&patched)).await.status(), 204);
    files(&azlet, 0).await;
    for digest in [Digest::sha256(b"other"), long(b"other")] {
        let patched = patch(&actor, &start(&actor).await, &content).await;
        let refused = finish(&actor, &location(&patched), &digest, b"").await;
        assert_eq!((refused.status(), refused.error_code().as_str()), (400, "DIGEST_INVALID"));
        let one = url(&format!("/v2/a/blobs/uploads/?digest={digest}"));
        let refused = actor.send_bytes(Method::POST, &one, OCTETS, content.clone()).await;
        assert_eq!((refused.status(), refused.error_code().as_str()), (400, "DIGEST_INVALID"));
        assert_eq!(actor.get(&location(&patched)).await.error_code(), "BLOB_UPLOAD_UNKNOWN");
        files(&azlet, 0).await;
    }
}

/// Inferred: the specification has no code for a registry that has no room.
#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_forgotten() {
    let azlet = Azlet::start_in("/proc/self/no-such-folder".into()).await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", SCOPE).await;
    let content = bytes(5, 1_000_000);
    let beginning = start(&actor).await;
    let refused = patch(&actor, &beginning, &content).await;
    insta::assert_snapshot!("no_room", refused.golden());
    assert_eq!(actor.get(&beginning).await.error_code(), "BLOB_UPLOAD_UNKNOWN", "nothing is kept of it");
    let one = url(&format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(&content)));
    assert_eq!(actor.send_bytes(Method::POST, &one, OCTETS, content).await.error_code(), "DENIED");
    push_blob(&actor, HOST, "a", b"small blobs stay in memory").await;
}

/// Inferred: that uploads expire is known, when is CNCF Distribution's default.
#[tokio::test]
async fn an_upload_expires_a_week_after_its_beginning() {
    let (azlet, actor) = pusher().await;
    let patched = patch(&actor, &start(&actor).await, &bytes(6, 1_000_000)).await;
    azlet.advance("167h").await;
    let actor = azlet.registry_actor(HOST, "owner", SCOPE).await;
    assert_eq!(actor.get(&location(&patched)).await.status(), 204);
    azlet.advance("1h").await;
    let actor = azlet.registry_actor(HOST, "owner", SCOPE).await;
    let expired = actor.get(&location(&patched)).await;
    assert_eq!((expired.status(), expired.error_code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
    files(&azlet, 1).await;
    start(&actor).await;
    files(&azlet, 0).await;
}

#[tokio::test]
async fn many_pushes_at_once_all_arrive() {
    let (azlet, actor) = pusher().await;
    let pushes = (0..24).map(|number| {
        let actor = actor.clone();
        tokio::spawn(async move {
            let content = bytes(number, 700_000);
            let digest = push_blob(&actor, HOST, "a", &content).await;
            assert!(read(&actor, HOST, &digest).await.bytes() == content);
        })
    });
    for push in pushes.collect::<Vec<_>>() {
        push.await.expect("a push that arrives");
    }
    files(&azlet, 24).await;
}
