//! Parts of blobs, resumed uploads and mounts at depth. Sources: OCI Distribution Specification 1.1 "Pulling blobs", "Resuming an
//! upload", "Mounting a blob from another repository"; RFC 9110 §13.1.5 and §14.

use azlet::acr::digest::Digest;
use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, outcome, push_blob, url};
use azlet_tests::{Actor, Azlet};
use reqwest::Method;

const OCTETS: &str = "application/octet-stream";

async fn start(settings: Settings) -> (Azlet, Actor) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", settings);
    let actor = azlet.registry_actor(HOST, "owner", "repository:a:pull,push,delete repository:b:pull,push").await;
    (azlet, actor)
}

#[tokio::test]
async fn every_form_of_a_range_is_answered_as_the_rfc_wants() {
    let (_azlet, actor) = start(Settings::default()).await;
    let digest = push_blob(&actor, HOST, "a", b"0123456789").await;
    let path = url(&format!("/v2/a/blobs/{digest}"));
    let (same, other) = (format!("\"{digest}\""), "\"sha256:other\"".to_owned());
    let weak = format!("W/{same}");
    let mut table = String::new();
    for (range, condition) in [
        ("bytes=0-0", None),
        ("bytes=2-4", None),
        ("bytes=2-", None),
        ("bytes=0-", None),
        ("bytes=-3", None),
        ("bytes=-10", None),
        ("bytes=-11", None),
        ("bytes=-0", None),
        ("bytes=9-9", None),
        ("bytes=9-10", None),
        ("bytes=10-", None),
        ("bytes=10-12", None),
        ("bytes=5-0", None),
        ("bytes=0-1,4-5", None),
        ("bytes=0-1, -1", None),
        ("bytes=a-b", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=--1", None),
        ("bytes=99999999999999999999-", None),
        ("items=0-1", None),
        ("bytes=2-4", Some(&same)),
        ("bytes=2-4", Some(&other)),
        ("bytes=2-4", Some(&weak)),
        ("bytes=20-", Some(&other)),
    ] {
        let request = actor.request(Method::GET, &path).header("range", range);
        let answer = actor.send(condition.into_iter().fold(request, |request, it| request.header("if-range", it))).await;
        let condition = condition.map_or("", |it| {
            if *it == same {
                " if the same"
            } else if *it == weak {
                " if alike"
            } else {
                " if another"
            }
        });
        let shown = outcome(&answer, &["content-range", "content-length"]);
        table.push_str(&format!("{range}{condition}: {shown} {}\n", answer.text()));
    }
    insta::assert_snapshot!("range_forms", table);
    let empty = push_blob(&actor, HOST, "a", b"").await;
    let of_empty = actor.request(Method::GET, &url(&format!("/v2/a/blobs/{empty}"))).header("range", "bytes=0-");
    insta::assert_snapshot!(outcome(&actor.send(of_empty).await, &["content-range"]), @"416 content-range=bytes */0");
}

#[tokio::test]
async fn an_upload_goes_on_from_where_its_status_says() {
    let (_azlet, actor) = start(Settings::default()).await;
    let started = actor.send(actor.request(Method::POST, &url("/v2/a/blobs/uploads/"))).await;
    let first = url(started.header("location").expect("a location"));
    let patch = async |location: &str, range: &str, bytes: &'static str| {
        actor.send(actor.request(Method::PATCH, location).header("content-range", range).body(bytes)).await
    };
    assert_eq!(patch(&first, "0-4", "01234").await.status(), 202, "the client loses this answer");
    let wrong = patch(&first, "6-9", "6789").await;
    let told = [wrong.header("range"), wrong.header("docker-upload-uuid")];
    assert_eq!((wrong.status(), told[0]), (416, Some("0-4")), "{}", wrong.golden());
    assert_eq!(told[1], started.header("docker-upload-uuid"));
    let status = actor.get(&first).await;
    assert_eq!((status.status(), status.header("range")), (204, Some("0-4")), "an old state may still ask");
    for location in [wrong.header("location"), status.header("location")] {
        let again = actor.get(&url(location.expect("a location"))).await;
        assert_eq!((again.status(), again.header("range")), (204, Some("0-4")));
    }
    let next = url(status.header("location").expect("a location"));
    let patched = patch(&next, "5-9", "56789").await;
    assert_eq!((patched.status(), patched.header("range")), (202, Some("0-9")));
    let digest = Digest::sha256(b"0123456789");
    let finish = format!("{}&digest={digest}", url(patched.header("location").expect("a location")));
    assert_eq!(actor.send_bytes(Method::PUT, &finish, OCTETS, "").await.status(), 201);
    assert_eq!(actor.get(&next).await.error_code(), "BLOB_UPLOAD_UNKNOWN", "what is finished has no status");
}

#[tokio::test]
async fn a_mount_without_a_source_looks_wherever_the_caller_may_pull() {
    let (azlet, actor) = start(Settings::default()).await;
    let digest = push_blob(&actor, HOST, "a", b"shared").await;
    let mount = async |actor: &Actor, into: &str, digest: &str| {
        actor.send(actor.request(Method::POST, &url(&format!("/v2/{into}/blobs/uploads/?mount={digest}")))).await
    };
    let anonymous = azlet.anonymous();
    let challenge = mount(&anonymous, "b", &digest).await;
    insta::assert_snapshot!(
        outcome(&challenge, &["www-authenticate"]),
        @r#"401 UNAUTHORIZED "authentication required, visit https://aka.ms/acr/authorization for more information." [{"Type":"repository","Name":"b","Action":"pull"},{"Type":"repository","Name":"b","Action":"push"},{"Type":"repository","Name":"*","Action":"pull"}] www-authenticate=Bearer realm="https://reg.azurecr.io/oauth2/token",service="reg.azurecr.io",scope="repository:b:pull,push repository:*:pull""#
    );
    // A token for this repository alone finds nothing elsewhere; the one that the challenge asks for does.
    let narrow = azlet.registry_actor(HOST, "owner", "repository:b:pull,push").await;
    let answer = mount(&narrow, "b", &digest).await;
    assert_eq!(answer.status(), 202, "{}", answer.golden());
    let wide = azlet.registry_actor(HOST, "owner", "repository:b:pull,push repository:*:pull").await;
    let answer = mount(&wide, "b", &digest).await;
    let location = format!("/v2/b/blobs/{digest}");
    assert_eq!((answer.status(), answer.header("location")), (201, Some(location.as_str())));
    assert_eq!(actor.get(&url(&location)).await.text(), "shared");
    for absent in [Digest::sha256(b"absent").as_str(), "garbage"] {
        assert_eq!(mount(&wide, "b", absent).await.status(), 202, "an ordinary upload");
    }
    // A blob that the repository has already is there.
    assert_eq!(mount(&narrow, "b", &digest).await.status(), 201);
}
