//! The redirect of blobs to storage, which a test may switch on. Sources: answers of Azure Storage recorded behind redirects of the
//! real registry; Azure Storage's documented error codes; the answer that redirects is inferred (it was never recorded).

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_blob};
use azlet_tests::{Actor, Answer, Azlet};
use reqwest::Method;
use serde_json::json;

async fn start(data_endpoints: bool) -> (Azlet, Actor, String) {
    let azlet = Azlet::start().await;
    let regions = vec!["westeurope".to_owned()];
    azlet.registry("reg", Settings { data_endpoints, regions, ..Settings::default() });
    let actor = azlet.registry_actor(HOST, "owner", "repository:a:*").await;
    let digest = push_blob(&actor, HOST, "a", &[7; 1472]).await;
    (azlet, actor, format!("https://{HOST}/v2/a/blobs/{digest}"))
}

async fn switch_on(azlet: &Azlet) {
    let url = format!("{}/_azlet/settings", azlet.endpoint());
    let set = azlet.anonymous().post(&url, &json!({ "blobRedirects": true })).await;
    assert_eq!(set.status(), 200, "{}", set.golden());
}

async fn ranged(actor: &Actor, url: &str, range: &str) -> Answer {
    actor.send(actor.request(Method::GET, url).header("range", range)).await
}

#[tokio::test]
async fn blobs_come_from_storage_once_that_is_switched_on() {
    let (azlet, actor, blob) = start(false).await;
    let storage = "https://westeuropemanaged1.blob.core.windows.net/x";
    assert!(azlet.client().get(storage).send().await.is_err(), "the host is not known before");
    assert_eq!(actor.get(&blob).await.status(), 200);
    switch_on(&azlet).await;
    let head = actor.head(&blob).await;
    assert_eq!((head.status(), head.header("content-length")), (200, Some("1472")), "HEAD is not redirected");
    let answer = actor.get(&blob).await;
    insta::assert_snapshot!("redirect", answer.golden_with(&["location", "content-length"]));
    let link = answer.header("location").expect("a link").to_owned();
    let nobody = azlet.anonymous();
    let headers = [
        "accept-ranges",
        "etag",
        "last-modified",
        "server",
        "x-ms-blob-committed-block-count",
        "x-ms-blob-type",
        "x-ms-creation-time",
        "x-ms-lease-state",
        "x-ms-lease-status",
        "x-ms-server-encrypted",
        "x-ms-version",
        "content-range",
        "content-length",
        "docker-content-digest",
    ];
    let whole = nobody.get(&link).await;
    let shown = |answer: &Answer| {
        let lines = headers.iter().filter_map(|name| Some(format!("{name}: {}", answer.header(name)?)));
        format!("{}\n{}", answer.status(), lines.collect::<Vec<_>>().join("\n"))
    };
    insta::assert_snapshot!("storage_whole", shown(&whole));
    assert_eq!(whole.bytes(), [7; 1472]);
    let part = ranged(&nobody, &link, "bytes=1000-1999").await;
    insta::assert_snapshot!("storage_part", shown(&part));
    assert_eq!(part.bytes().len(), 472);
    let mut lines = Vec::new();
    let changed = link.replace("sig=", "sig=A");
    let none = link.replace("/data?", "/other?");
    for (rule, answer) in [
        ("the registry's token comes along", actor.get(&link).await),
        ("the signature is changed", nobody.get(&changed).await),
        ("another path with the same signature", nobody.get(&none).await),
        ("no signature", nobody.get(link.split('?').next().expect("a path")).await),
        ("a range behind the end", ranged(&nobody, &link, "bytes=1472-").await),
        ("writing", nobody.put(&link, &json!({})).await),
    ] {
        let code = answer.header("x-ms-error-code").unwrap_or_default().to_owned();
        assert!(answer.text().contains(&format!("<Code>{code}</Code>")), "{rule}: {}", answer.text());
        lines.push(format!("{rule}: {} {code}", answer.status()));
    }
    azlet.advance("20m").await;
    let late = nobody.get(&link).await;
    lines.push(format!(
        "after twenty minutes (inferred): {} {}",
        late.status(),
        late.header("x-ms-error-code").unwrap_or_default()
    ));
    insta::assert_snapshot!("storage_refusals", lines.join("\n"));
}

#[tokio::test]
async fn a_registry_with_data_endpoints_sends_to_its_own() {
    let (azlet, actor, blob) = start(true).await;
    switch_on(&azlet).await;
    let link = actor.get(&blob).await.header("location").expect("a link").to_owned();
    assert!(link.starts_with("https://reg.westeurope.data.azurecr.io/"), "{link}");
    assert_eq!(azlet.anonymous().get(&link).await.bytes(), [7; 1472]);
}

#[tokio::test]
async fn a_deleted_blob_is_not_to_be_had_by_an_old_link() {
    let (azlet, actor, blob) = start(false).await;
    switch_on(&azlet).await;
    let link = actor.get(&blob).await.header("location").expect("a link").to_owned();
    assert_eq!(actor.delete(&blob).await.status(), 202);
    assert_eq!(azlet.anonymous().get(&link).await.header("x-ms-error-code"), Some("BlobNotFound"));
}
