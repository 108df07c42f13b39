//! Referrers at depth. Source: OCI Distribution Specification 1.1 "Listing Referrers" and "Pushing Manifests with Subject". Inferred:
//! where a page ends, and that a manifest with `listEnabled` false is left out here too.

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, OCI_INDEX, OCI_MANIFEST, empty_descriptor, outcome, push_blob, push_image, put_manifest, url};
use azlet_tests::{Actor, Answer, Azlet};
use serde_json::{Value, json};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

async fn start() -> (Azlet, Actor, String) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let scope = "repository:a:pull,push,delete,metadata_read,metadata_write";
    let actor = azlet.registry_actor(HOST, "owner", scope).await;
    push_blob(&actor, HOST, "a", b"{}").await;
    let subject = push_image(&actor, HOST, "a", "v1", "text").await;
    (azlet, actor, subject)
}

/// An artifact that refers to a manifest; `changes` are put over it.
fn artifact(subject: &str, changes: &Value) -> Value {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": empty_descriptor("application/vnd.oci.empty.v1+json"),
        "layers": [empty_descriptor("text/plain")],
        "subject": { "mediaType": OCI_MANIFEST, "digest": subject, "size": 7 },
    });
    for (key, value) in changes.as_object().expect("an object") {
        manifest[key] = value.clone();
    }
    manifest
}

async fn push(actor: &Actor, tag: &str, media_type: &str, manifest: &Value) -> String {
    let answer = put_manifest(actor, HOST, "a", tag, media_type, manifest).await;
    assert_eq!(answer.status(), 201, "{}", answer.golden());
    answer.header("docker-content-digest").expect("a digest").to_owned()
}

async fn list(actor: &Actor, rest: &str) -> Answer {
    actor.get(&url(&format!("/v2/a/referrers/{rest}"))).await
}

fn digests(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let manifests = body["manifests"].as_array().expect("a list").iter();
    manifests.map(|it| it["digest"].as_str().expect("a digest").to_owned()).collect()
}

#[tokio::test]
async fn a_descriptor_says_what_the_specification_wants() {
    let (_azlet, actor, subject) = start().await;
    let of = |changes: Value| artifact(&subject, &changes);
    push(&actor, "typed", OCI_MANIFEST, &of(json!({ "artifactType": "x/typed", "annotations": { "b": "2", "a": "1" } }))).await;
    push(&actor, "by-config", OCI_MANIFEST, &of(json!({ "config": empty_descriptor("x/config") }))).await;
    push(&actor, "empty-type", OCI_MANIFEST, &of(json!({ "artifactType": "", "annotations": {} }))).await;
    let mut index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": {
        "mediaType": OCI_MANIFEST, "digest": subject, "size": 7,
    }});
    push(&actor, "index", OCI_INDEX, &index).await;
    index["artifactType"] = json!("x/index");
    push(&actor, "typed-index", OCI_INDEX, &index).await;
    // Docker's own types have no subject.
    let docker = put_manifest(&actor, HOST, "a", "docker", DOCKER_MANIFEST, &of(json!({ "mediaType": DOCKER_MANIFEST }))).await;
    assert_eq!((docker.status(), docker.header("oci-subject")), (201, None));
    insta::assert_snapshot!("referrers_described", list(&actor, &subject).await.golden());
}

#[tokio::test]
async fn a_filter_takes_a_whole_type_and_says_so() {
    let (_azlet, actor, subject) = start().await;
    for kind in ["x/one", "x/two+json"] {
        push(&actor, "t", OCI_MANIFEST, &artifact(&subject, &json!({ "artifactType": kind }))).await;
    }
    let mut table = String::new();
    for filter in
        ["", "?artifactType=", "?artifactType=x%2Fone", "?artifactType=x/two%2Bjson", "?artifactType=x/two", "?artifactType=none"]
    {
        let answer = list(&actor, &format!("{subject}{filter}")).await;
        let found = digests(&answer).len();
        table.push_str(&format!("{filter:30} {found} {}\n", outcome(&answer, &["oci-filters-applied", "content-type"])));
    }
    insta::assert_snapshot!("referrers_filters", table);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let (_azlet, actor, subject) = start().await;
    for number in 0..5 {
        let kind = if number == 4 { "x/other" } else { "x/note" };
        let changes = json!({ "artifactType": kind, "annotations": { "number": number.to_string() } });
        push(&actor, "t", OCI_MANIFEST, &artifact(&subject, &changes)).await;
    }
    let follow = async |first: String| {
        let (mut pages, mut next) = (Vec::new(), Some(url(&format!("/v2/a/referrers/{first}"))));
        while let Some(page) = next {
            let answer = actor.get(&page).await;
            pages.push(digests(&answer));
            let link = answer.header("link").map(str::to_owned);
            next = link.map(|link| url(link.trim_start_matches('<').split_once('>').expect("a link").0));
        }
        pages
    };
    let all = digests(&list(&actor, &subject).await);
    let pages = follow(format!("{subject}?n=2")).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), all, "each of them once");
    let pages = follow(format!("{subject}?n=2&artifactType=x/note")).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "no empty page at the end");
    assert!(digests(&list(&actor, &format!("{subject}?n=0")).await).is_empty());
    for (parameter, code) in
        [("n=x", "PAGINATION_NUMBER_INVALID"), ("n=-1", "PAGINATION_NUMBER_INVALID"), ("last=x", "DIGEST_INVALID")]
    {
        let answer = list(&actor, &format!("{subject}?{parameter}")).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (400, code), "{parameter}");
    }
    // What a client would not read in one piece is cut without being asked for.
    for number in 0..3 {
        let changes = json!({ "artifactType": "x/large", "annotations": { "large": number.to_string().repeat(2_000_000) } });
        push(&actor, "t", OCI_MANIFEST, &artifact(&subject, &changes)).await;
    }
    let pages = follow(format!("{subject}?artifactType=x/large")).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn a_referrer_and_its_subject_are_deleted_apart() {
    let (_azlet, actor, subject) = start().await;
    let signature = push(&actor, "signature", OCI_MANIFEST, &artifact(&subject, &json!({ "artifactType": "x/signature" }))).await;
    let nested = push(&actor, "nested", OCI_MANIFEST, &artifact(&signature, &json!({ "artifactType": "x/signature" }))).await;
    let delete = async |digest: &str| actor.delete(&url(&format!("/v2/a/manifests/{digest}"))).await.status();
    assert_eq!(delete(&subject).await, 202);
    assert_eq!(digests(&list(&actor, &subject).await), std::slice::from_ref(&signature), "what refers to it stays, and is found");
    assert_eq!(delete(&nested).await, 202);
    assert_eq!(digests(&list(&actor, &signature).await), Vec::<String>::new());
    assert_eq!(delete(&signature).await, 202);
    assert_eq!(digests(&list(&actor, &subject).await), Vec::<String>::new());
    assert_eq!(actor.get(&url("/v2/a/tags/list")).await.json()["tags"], json!([]));
    let other = actor.get(&url(&format!("/v2/b/referrers/{subject}"))).await;
    assert_eq!(other.status(), 401, "another repository asks for its own scope");
}

#[tokio::test]
async fn what_is_not_listed_refers_to_nothing() {
    let (_azlet, actor, subject) = start().await;
    let hidden = push(&actor, "hidden", OCI_MANIFEST, &artifact(&subject, &json!({}))).await;
    let path = url(&format!("/acr/v1/a/_manifests/{hidden}"));
    assert_eq!(actor.patch(&path, &json!({ "listEnabled": false })).await.status(), 200);
    assert_eq!(digests(&list(&actor, &subject).await), Vec::<String>::new());
}

#[tokio::test]
async fn a_repository_without_manifests_has_an_empty_list_of_tags() {
    let (_azlet, actor, subject) = start().await;
    assert_eq!(actor.delete(&url(&format!("/v2/a/manifests/{subject}"))).await.status(), 202);
    let answer = actor.get(&url("/v2/a/tags/list")).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "{\"name\":\"a\",\"tags\":[]}\n"));
    assert_eq!(actor.get(&url("/acr/v1/a")).await.error_code(), "NAME_UNKNOWN");
}
