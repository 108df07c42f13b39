//! Manifests, tags, lists and referrers under `/v2/`. Sources: OCI Distribution Specification 1.1; the real registry's codes,
//! messages and links as recorded.

use azlet::acr::digest::Digest;
use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, OCI_INDEX, OCI_MANIFEST, image, push_image, put_manifest, url};
use azlet_tests::{Actor, Azlet};
use reqwest::Method;
use serde_json::{Value, json};

const ALL: &str = "repository:a:pull,push,delete,metadata_read,metadata_write registry:catalog:*";

async fn start() -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let actor = azlet.registry_actor(HOST, "owner", ALL).await;
    (azlet, actor)
}

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte() {
    let (_azlet, actor) = start().await;
    let manifest = image(&actor, HOST, "a", "text").await;
    let odd = format!("\n  {}\t\n", manifest.to_string().replace("\":", "\" : "));
    let put = actor.send_bytes(Method::PUT, &url("/v2/a/manifests/v1"), OCI_MANIFEST, odd.clone()).await;
    insta::assert_snapshot!("manifest_put", put.golden_with(&["content-length"]));
    let by_tag = actor.get(&url("/v2/a/manifests/v1")).await;
    assert_eq!(by_tag.text(), odd);
    let digest = by_tag.header("docker-content-digest").expect("a digest").to_owned();
    assert_eq!(by_tag.header("etag"), Some(format!("\"{digest}\"").as_str()));
    assert_eq!(by_tag.header("content-type"), Some(OCI_MANIFEST));
    assert_eq!(by_tag.header("x-ms-client-request-id"), Some(""), "present, and empty, if the client sent none");
    assert!(by_tag.header("x-ms-request-id").is_some());
    let by_digest = actor.get(&url(&format!("/v2/a/manifests/{}", digest.replace(':', "%3A")))).await;
    assert_eq!(by_digest.text(), odd);
    let head = actor.head(&url("/v2/a/manifests/v1")).await;
    assert_eq!((head.status(), head.header("content-length")), (200, Some(odd.len().to_string().as_str())));
    let put_by_digest = actor.send_bytes(Method::PUT, &url(&format!("/v2/a/manifests/{digest}")), OCI_MANIFEST, odd).await;
    assert_eq!(put_by_digest.status(), 201);
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let (_azlet, actor) = start().await;
    let good = image(&actor, HOST, "a", "text").await;
    let absent = format!("sha256:{}", "a".repeat(64));
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).expect("a place") = value;
        changed.to_string()
    };
    let digest_of_other = format!("/v2/a/manifests/{absent}");
    let unknown_algorithm = format!("/v2/a/manifests/md5x:{}", "0".repeat(32));
    for (name, path, media_type, body) in [
        ("not_json", "/v2/a/manifests/v1", OCI_MANIFEST, "garbage".to_owned()),
        ("empty", "/v2/a/manifests/v1", OCI_MANIFEST, String::new()),
        ("no_object", "/v2/a/manifests/v1", OCI_MANIFEST, "[]".into()),
        ("other_media_type", "/v2/a/manifests/v1", OCI_INDEX, good.to_string()),
        ("unknown_media_type", "/v2/a/manifests/v1", "text/plain", "{}".into()),
        ("bad_digest_within", "/v2/a/manifests/v1", OCI_MANIFEST, with("/config/digest", json!("sha256:xyz"))),
        ("absent_blobs", "/v2/a/manifests/v1", OCI_MANIFEST, with("/layers/0/digest", json!(absent))),
        ("another_digest", &digest_of_other, OCI_MANIFEST, good.to_string()),
        ("unknown_algorithm", &unknown_algorithm, OCI_MANIFEST, good.to_string()),
        ("too_large", "/v2/a/manifests/v1", OCI_MANIFEST, format!("{{\"a\":\"{}\"}}", "x".repeat(4 * 1024 * 1024))),
    ] {
        let answer = actor.send_bytes(Method::PUT, &url(path), media_type, body).await;
        insta::assert_snapshot!(format!("manifest_{name}"), answer.golden());
    }
    let child = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": OCI_MANIFEST, "digest": absent, "size": 1 }] });
    assert_eq!(put_manifest(&actor, HOST, "a", "v1", OCI_INDEX, &child).await.error_code(), "MANIFEST_BLOB_UNKNOWN");
    let empty = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] });
    assert_eq!(put_manifest(&actor, HOST, "a", "v1", OCI_INDEX, &empty).await.status(), 201, "an index may be empty");
    let mut foreign = good.clone();
    foreign["layers"] = json!([{
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "digest": absent, "size": 1, "urls": ["https://x.example/"],
    }]);
    assert_eq!(put_manifest(&actor, HOST, "a", "v2", OCI_MANIFEST, &foreign).await.status(), 201, "its layer lies elsewhere");
}

#[tokio::test]
async fn manifests_are_deleted_by_digest_only() {
    let (_azlet, actor) = start().await;
    let digest = push_image(&actor, HOST, "a", "v1", "text").await;
    push_image(&actor, HOST, "a", "v2", "text").await;
    push_image(&actor, HOST, "a", "other", "other").await;
    insta::assert_snapshot!("delete_by_tag", actor.delete(&url("/v2/a/manifests/v1")).await.golden_with(&["content-length"]));
    let by_digest = url(&format!("/v2/a/manifests/{digest}"));
    insta::assert_snapshot!("delete_by_digest", actor.delete(&by_digest).await.golden_with(&["content-length"]));
    insta::assert_snapshot!("delete_twice", actor.delete(&by_digest).await.golden());
    insta::assert_snapshot!("unknown_digest", actor.get(&by_digest).await.golden());
    insta::assert_snapshot!("unknown_tag", actor.get(&url("/v2/a/manifests/v1")).await.golden());
    assert_eq!(actor.get(&url("/v2/a/tags/list")).await.json()["tags"], json!(["other"]));
    let no_digest = actor.get(&url(&format!("/v2/a/manifests/md5x:{}", "0".repeat(32)))).await;
    assert_eq!((no_digest.status(), no_digest.error_code().as_str()), (404, "MANIFEST_UNKNOWN"));
}

#[tokio::test]
async fn tags_and_repositories_are_listed_in_pages() {
    let (azlet, actor) = start().await;
    assert_eq!(actor.get(&url("/v2/_catalog")).await.text(), "{\"repositories\":[]}\n");
    insta::assert_snapshot!("tags_of_nothing", actor.get(&url("/v2/a/tags/list")).await.golden());
    for tag in ["v3", "v1", "v2"] {
        push_image(&actor, HOST, "a", tag, "text").await;
    }
    let other = azlet.registry_actor(HOST, "owner", "repository:team/b:pull,push").await;
    push_image(&other, HOST, "team/b", "v1", "text").await;
    for (name, path) in [
        ("tags_all", "/v2/a/tags/list"),
        ("tags_page", "/v2/a/tags/list?n=2"),
        ("tags_next", "/v2/a/tags/list?last=v2&n=2&orderby="),
        ("tags_none", "/v2/a/tags/list?n=0"),
        ("tags_bad_page", "/v2/a/tags/list?n=-1"),
        ("catalog_page", "/v2/_catalog?n=1"),
        ("catalog_metadata", "/acr/v1/_catalog?n=100"),
    ] {
        insta::assert_snapshot!(name, actor.get(&url(path)).await.golden());
    }
}

#[tokio::test]
async fn referrers_of_a_manifest_are_found() {
    let (_azlet, actor) = start().await;
    let subject = push_image(&actor, HOST, "a", "v1", "text").await;
    let mut referrer = image(&actor, HOST, "a", "signature").await;
    referrer["subject"] = json!({ "mediaType": OCI_MANIFEST, "digest": subject, "size": 1 });
    referrer["artifactType"] = json!("application/x.signature");
    referrer["annotations"] = json!({ "who": "me" });
    let put = put_manifest(&actor, HOST, "a", "signature", OCI_MANIFEST, &referrer).await;
    insta::assert_snapshot!("referrer_put", put.golden());
    referrer["artifactType"] = json!("application/x.sbom");
    let absent = format!("sha256:{}", "b".repeat(64));
    assert_eq!(put_manifest(&actor, HOST, "a", "sbom", OCI_MANIFEST, &referrer).await.status(), 201);
    referrer["subject"]["digest"] = json!(absent);
    let early = put_manifest(&actor, HOST, "a", "early", OCI_MANIFEST, &referrer).await;
    assert_eq!((early.status(), early.header("oci-subject")), (201, Some(absent.as_str())), "the subject may come later");
    let list = async |rest: &str| actor.get(&url(&format!("/v2/a/referrers/{rest}"))).await;
    assert_eq!(list(&subject).await.json()["manifests"].as_array().map(Vec::len), Some(2));
    assert_eq!(list(&absent).await.json()["manifests"].as_array().map(Vec::len), Some(1));
    insta::assert_snapshot!(
        "referrers_filtered",
        list(&format!("{subject}?artifactType=application%2Fx.signature")).await.golden()
    );
    insta::assert_snapshot!("referrers_none", list(&format!("sha256:{}", "c".repeat(64))).await.golden());
    let digest = put.header("docker-content-digest").expect("a digest");
    assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{digest}"))).await.status(), 202);
    assert_eq!(list(&subject).await.json()["manifests"].as_array().map(Vec::len), Some(1));
}

/// Documented of deleting images: the layers that no other image of the repository has go with them. After a minute (inferred).
#[tokio::test]
async fn a_manifest_takes_the_blobs_along_that_no_other_names() {
    let (azlet, actor) = start().await;
    let first = push_image(&actor, HOST, "a", "one", "the first layer").await;
    let kept = azlet.registry_size("reg");
    let second = push_image(&actor, HOST, "a", "two", "another layer").await;
    assert!(azlet.registry_size("reg") > kept);
    assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{second}"))).await.status(), 202);
    assert_eq!(azlet.registry_size("reg"), kept, "its layer does not count, the configuration is the first one's too");
    azlet.advance("61s").await;
    let layer = Digest::sha256(b"another layer");
    assert_eq!(actor.head(&url(&format!("/v2/a/blobs/{layer}"))).await.status(), 404);
    assert_eq!(actor.head(&url(&format!("/v2/a/blobs/{}", Digest::sha256(b"the first layer")))).await.status(), 200);
    assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{first}"))).await.status(), 202);
    assert_eq!(azlet.registry_size("reg"), 0);
    push_image(&actor, HOST, "a", "again", "the first layer").await;
    azlet.advance("61s").await;
    assert_eq!(azlet.registry_size("reg"), kept, "what is named again stays");
}
