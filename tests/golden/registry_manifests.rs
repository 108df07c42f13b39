//! Manifests at depth: algorithms, tags beside a digest, `Accept`, conditional requests, HEAD, indexes, limits. Sources: OCI
//! Distribution Specification 1.1 "Pulling manifests", "Pushing manifests" and, for tags beside a digest, what came after it;
//! refusals for an `Accept` header as users of the real registry have reported them; RFC 9110 §13.

use azlet::acr::digest::Digest;
use azlet::acr::store::Settings;
use azlet_tests::registry::{
    HOST, OCI_INDEX, OCI_MANIFEST, empty_descriptor, image, outcome, push_blob, push_image, put_manifest, url,
};
use azlet_tests::{Actor, Answer, Azlet};
use reqwest::Method;
use serde_json::{Value, json};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

async fn start() -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let scope = "repository:a:pull,push,delete,metadata_read registry:catalog:*";
    let actor = azlet.registry_actor(HOST, "owner", scope).await;
    (azlet, actor)
}

fn sha512(bytes: &[u8]) -> Digest {
    Digest::parse(&format!("sha512:{}", "0".repeat(128))).expect("a digest").same_algorithm_over([bytes])
}

async fn put(actor: &Actor, rest: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    actor.send_bytes(Method::PUT, &url(&format!("/v2/a/manifests/{rest}")), media_type, body).await
}

async fn get_with(actor: &Actor, path: &str, name: &str, value: &str) -> Answer {
    actor.send(actor.request(Method::GET, &url(path)).header(name, value)).await
}

async fn tags(actor: &Actor) -> Value {
    actor.get(&url("/v2/a/tags/list")).await.json()["tags"].clone()
}

#[tokio::test]
async fn a_manifest_has_the_digest_that_it_was_pushed_by() {
    let (_azlet, actor) = start().await;
    let manifest = image(&actor, HOST, "a", "text").await.to_string();
    let (short, long) = (Digest::sha256(manifest.as_bytes()), sha512(manifest.as_bytes()));
    for digest in [&long, &short] {
        let pushed = put(&actor, digest.as_str(), OCI_MANIFEST, manifest.clone()).await;
        assert_eq!((pushed.status(), pushed.header("docker-content-digest")), (201, Some(digest.as_str())));
        let location = url(pushed.header("location").expect("a location"));
        let got = actor.get(&location).await;
        assert_eq!((got.text(), got.header("docker-content-digest")), (manifest.clone(), Some(digest.as_str())));
    }
    let child = |digest: &Digest| json!({ "mediaType": OCI_MANIFEST, "digest": digest.as_str(), "size": manifest.len() });
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child(&long), child(&short)] });
    assert_eq!(put_manifest(&actor, HOST, "a", "both", OCI_INDEX, &index).await.status(), 201, "an index may name either");
    assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{long}"))).await.status(), 202);
    assert_eq!(actor.get(&url(&format!("/v2/a/manifests/{long}"))).await.error_code(), "MANIFEST_UNKNOWN");
    assert_eq!(actor.get(&url(&format!("/v2/a/manifests/{short}"))).await.status(), 200);
}

#[tokio::test]
async fn a_push_by_digest_may_bring_tags_along() {
    let (_azlet, actor) = start().await;
    let manifest = image(&actor, HOST, "a", "text").await.to_string();
    let long = sha512(manifest.as_bytes());
    let pushed = put(&actor, &format!("{long}?tag=v1&tag=v1.2&tag=latest"), OCI_MANIFEST, manifest.clone()).await;
    assert_eq!((pushed.status(), pushed.header("oci-tag")), (201, Some("v1, v1.2, latest")));
    assert_eq!(tags(&actor).await, json!(["latest", "v1", "v1.2"]));
    let got = actor.get(&url("/v2/a/manifests/v1.2")).await;
    assert_eq!(got.header("docker-content-digest"), Some(long.as_str()), "the tag keeps the algorithm");
    let bad = put(&actor, &format!("{long}?tag=good&tag=.bad"), OCI_MANIFEST, manifest.clone()).await;
    insta::assert_snapshot!(outcome(&bad, &[]), @r#"400 TAG_INVALID "manifest tag did not match URI" {"Tag":".bad"}"#);
    assert_eq!(tags(&actor).await, json!(["latest", "v1", "v1.2"]), "a refused push changes nothing");
    let by_tag = put(&actor, "v2?tag=v3", OCI_MANIFEST, manifest).await;
    assert_eq!((by_tag.status(), by_tag.header("oci-tag")), (201, None), "beside a tag the parameter means nothing");
    assert_eq!(tags(&actor).await, json!(["latest", "v1", "v1.2", "v2"]));
}

#[tokio::test]
async fn a_type_of_oci_is_given_to_those_who_accept_it() {
    let (_azlet, actor) = start().await;
    push_image(&actor, HOST, "a", "image", "text").await;
    for (tag, media_type) in [("index", OCI_INDEX), ("list", DOCKER_LIST)] {
        let empty = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": [] });
        put_manifest(&actor, HOST, "a", tag, media_type, &empty).await;
    }
    put_manifest(&actor, HOST, "a", "artifact", OCI_ARTIFACT, &json!({ "mediaType": OCI_ARTIFACT, "artifactType": "x/y" })).await;
    let mut table = String::new();
    for tag in ["image", "index", "artifact", "list"] {
        for accept in [
            OCI_MANIFEST,
            OCI_INDEX,
            OCI_ARTIFACT,
            DOCKER_MANIFEST,
            "application/json",
            "text/html, */*;q=0.5",
            "application/json, application/vnd.oci.image.manifest.v1+json;q=0.9,Application/vnd.oci.image.index.v1+json",
        ] {
            let answer = get_with(&actor, &format!("/v2/a/manifests/{tag}"), "accept", accept).await;
            table.push_str(&format!("{tag} as {accept}: {}\n", outcome(&answer, &["content-type"])));
        }
    }
    insta::assert_snapshot!("manifest_accept", table);
    let lines = actor.request(Method::GET, &url("/v2/a/manifests/index")).header("accept", DOCKER_LIST);
    assert_eq!(actor.send(lines.header("accept", OCI_INDEX)).await.status(), 200, "several lines are one list");
}

#[tokio::test]
async fn the_same_bytes_have_the_type_that_they_came_under_last() {
    let (_azlet, actor) = start().await;
    let subject = json!({ "mediaType": OCI_MANIFEST, "digest": format!("sha256:{}", "a".repeat(64)), "size": 1 });
    let index = json!({ "schemaVersion": 2, "manifests": [], "subject": subject });
    for (media_type, referrers) in [(OCI_INDEX, 1), (DOCKER_LIST, 0), (OCI_INDEX, 1)] {
        assert_eq!(put_manifest(&actor, HOST, "a", "v1", media_type, &index).await.status(), 201);
        assert_eq!(actor.get(&url("/v2/a/manifests/v1")).await.header("content-type"), Some(media_type));
        let found = actor.get(&url(&format!("/v2/a/referrers/sha256:{}", "a".repeat(64)))).await.json();
        assert_eq!(found["manifests"].as_array().map(Vec::len), Some(referrers), "Docker's lists have no subject");
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let (_azlet, actor) = start().await;
    let digest = push_image(&actor, HOST, "a", "v1", "text").await;
    let blob = push_blob(&actor, HOST, "a", b"text").await;
    let mut table = String::new();
    for (path, digest) in [("/v2/a/manifests/v1", &digest), (&format!("/v2/a/blobs/{blob}"), &blob)] {
        for (name, header) in [
            ("the same", format!("\"{digest}\"")),
            ("among others", format!("\"x\", W/\"{digest}\"")),
            ("anything", "*".into()),
            ("another", "\"sha256:x\"".into()),
            ("without quotes", digest.clone()),
        ] {
            let answer = get_with(&actor, path, "if-none-match", &header).await;
            assert!(answer.status() != 304 || answer.bytes().is_empty());
            let kind = path.split('/').nth(3).expect("a kind");
            let etag = answer.header("etag") == Some(format!("\"{digest}\"").as_str());
            table.push_str(&format!("{kind}, {name}: {} etag={etag}\n", answer.status()));
        }
    }
    insta::assert_snapshot!("conditional_requests", table);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (_azlet, actor) = start().await;
    let digest = push_image(&actor, HOST, "a", "v1", "text").await;
    let blob = push_blob(&actor, HOST, "a", b"text").await;
    for path in [
        "/v2/",
        "/v2/_catalog",
        "/v2/a/tags/list",
        "/v2/a/manifests/v1",
        "/v2/a/manifests/v2",
        &format!("/v2/a/manifests/{digest}"),
        &format!("/v2/a/blobs/{blob}"),
        &format!("/v2/a/blobs/sha256:{}", "0".repeat(64)),
        &format!("/v2/a/referrers/{digest}"),
        "/v2/a/blobs/nothing",
    ] {
        let (get, head) = (actor.get(&url(path)).await, actor.head(&url(path)).await);
        assert!(head.bytes().is_empty(), "{path}");
        assert_eq!(head.status(), get.status(), "{path}");
        // A blob's tag comes from the storage behind the registry, which a HEAD does not reach.
        let tagged = !path.contains("/blobs/");
        for name in ["content-length", "content-type", "docker-content-digest", "www-authenticate"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
        assert_eq!(head.header("etag"), get.header("etag").filter(|_| tagged), "{path}");
    }
}

#[tokio::test]
async fn an_index_may_list_indexes_and_dockers_lists_dockers_images() {
    let (_azlet, actor) = start().await;
    let image = image(&actor, HOST, "a", "text").await;
    let push = async |reference: &str, media_type: &str, value: &Value| {
        let answer = put_manifest(&actor, HOST, "a", reference, media_type, value).await;
        assert_eq!(answer.status(), 201, "{}", answer.golden());
        let digest = answer.header("docker-content-digest").expect("a digest");
        json!({ "mediaType": media_type, "digest": digest, "size": value.to_string().len() })
    };
    let mut docker = image.clone();
    docker["mediaType"] = json!(DOCKER_MANIFEST);
    let of_docker = push("docker", DOCKER_MANIFEST, &docker).await;
    push("list", DOCKER_LIST, &json!({ "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [of_docker] })).await;
    let of_image = push("image", OCI_MANIFEST, &image).await;
    let inner = push("inner", OCI_INDEX, &json!({ "schemaVersion": 2, "manifests": [of_image, of_docker] })).await;
    let middle = push("middle", OCI_INDEX, &json!({ "schemaVersion": 2, "manifests": [inner, of_image] })).await;
    push("outer", OCI_INDEX, &json!({ "schemaVersion": 2, "manifests": [middle, inner, middle] })).await;
    // What an index lists may be deleted before it, and the index stays as it is.
    let digest = inner["digest"].as_str().expect("a digest");
    assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{digest}"))).await.status(), 202);
    assert_eq!(actor.get(&url("/v2/a/manifests/outer")).await.json()["manifests"][1]["digest"], digest);
    let again = json!({ "schemaVersion": 2, "manifests": [inner] });
    let answer = put_manifest(&actor, HOST, "a", "again", OCI_INDEX, &again).await;
    assert_eq!(answer.error_code(), "MANIFEST_BLOB_UNKNOWN", "but nothing new may list it");
}

#[tokio::test]
async fn a_layer_that_may_not_be_distributed_may_be_absent() {
    let (_azlet, actor) = start().await;
    let image = image(&actor, HOST, "a", "text").await;
    let absent = format!("sha256:{}", "a".repeat(64));
    let mut table = String::new();
    for (media_type, layer) in [
        (OCI_MANIFEST, "application/vnd.oci.image.layer.nondistributable.v1.tar"),
        (OCI_MANIFEST, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
        (OCI_MANIFEST, "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"),
        (DOCKER_MANIFEST, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
        (OCI_MANIFEST, "application/vnd.oci.image.layer.v1.tar+gzip"),
        (DOCKER_MANIFEST, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ] {
        let mut manifest = image.clone();
        manifest["mediaType"] = json!(media_type);
        manifest["layers"] = json!([
            { "mediaType": layer, "digest": absent, "size": 123, "urls": ["https://store.example.com/layer"] },
            image["layers"][0],
        ]);
        let put = put_manifest(&actor, HOST, "a", "v1", media_type, &manifest).await;
        table.push_str(&format!("{layer}: {}\n", outcome(&put, &[])));
    }
    insta::assert_snapshot!("absent_layers", table);
}

#[tokio::test]
async fn a_manifest_has_four_mebibytes_at_most() {
    const LARGEST: usize = 4 * 1024 * 1024;
    let (_azlet, actor) = start().await;
    push_blob(&actor, HOST, "a", b"{}").await;
    let of_length = |length: usize| {
        let empty = empty_descriptor("application/vnd.oci.empty.v1+json");
        let start = json!({ "schemaVersion": 2, "config": empty, "layers": [] }).to_string();
        let start = format!("{},\"annotations\":{{\"a\":\"", start.trim_end_matches('}').to_owned());
        let end = "\"}}";
        format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
    };
    let largest = of_length(LARGEST);
    assert_eq!(largest.len(), LARGEST);
    let pushed = put(&actor, "largest", OCI_MANIFEST, largest.clone()).await;
    assert_eq!(pushed.status(), 201, "{}", pushed.golden());
    assert!(actor.get(&url("/v2/a/manifests/largest")).await.text() == largest);
    for (tag, length) in [("larger", LARGEST + 1), ("much-larger", 10_000_000)] {
        let refused = put(&actor, tag, OCI_MANIFEST, of_length(length)).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                outcome(&refused, &[]),
                @r#"400 MANIFEST_INVALID "manifest invalid" "http: request body too large""#
            );
        }
    }
    assert_eq!(tags(&actor).await, json!(["largest"]));
}
