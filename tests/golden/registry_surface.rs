//! Every answer of `/acr/v1` and its neighbours byte for byte: status, length, the order of keys, the line feed at the end. Sources:
//! answers recorded from the real registry; `inferred` marks what was never seen.

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_image, url};
use azlet_tests::{Actor, Answer, Azlet};
use reqwest::Method;
use serde_json::json;

async fn start() -> (Azlet, Actor, String) {
    let azlet = Azlet::start().await;
    azlet.registry("reg", Settings::default());
    let scope = "repository:a:* repository:none:* registry:catalog:*";
    let actor = azlet.registry_actor(HOST, "owner", scope).await;
    let digest = push_image(&actor, HOST, "a", "v1", "one").await;
    (azlet, actor, digest)
}

fn raw(answer: &Answer) -> String {
    let length = answer.header("content-length").unwrap_or("none");
    let text = answer.text().replace('\n', "\\n");
    format!("{} {} {length}\n    {text}", answer.status(), answer.header("content-type").unwrap_or("no type"))
}

#[tokio::test]
async fn answers_are_the_same_byte_for_byte() {
    let (_azlet, actor, digest) = start().await;
    let absent = format!("sha256:{}", "a".repeat(64));
    let mut lines = Vec::new();
    for (rule, method, path) in [
        ("the base", Method::GET, "/v2/".to_owned()),
        ("the catalog", Method::GET, "/acr/v1/_catalog".into()),
        ("the catalog of the specification", Method::GET, "/v2/_catalog".into()),
        ("the tags of the specification", Method::GET, "/v2/a/tags/list".into()),
        ("an unknown repository", Method::GET, "/acr/v1/none".into()),
        ("tags of an unknown repository", Method::GET, "/acr/v1/none/_tags".into()),
        ("manifests of an unknown repository", Method::GET, "/acr/v1/none/_manifests".into()),
        ("an unknown repository is changed", Method::PATCH, "/acr/v1/none".into()),
        ("an unknown repository is deleted", Method::DELETE, "/acr/v1/none".into()),
        ("an unknown tag", Method::GET, "/acr/v1/a/_tags/none".into()),
        ("an unknown tag of an unknown repository", Method::GET, "/acr/v1/none/_tags/none".into()),
        ("an unknown tag is changed", Method::PATCH, "/acr/v1/a/_tags/none".into()),
        ("an unknown tag is deleted", Method::DELETE, "/acr/v1/a/_tags/none".into()),
        ("an unknown manifest", Method::GET, format!("/acr/v1/a/_manifests/{absent}")),
        ("an unknown manifest is changed", Method::PATCH, format!("/acr/v1/a/_manifests/{absent}")),
        ("an unknown manifest by tag", Method::GET, "/v2/a/manifests/none".into()),
        ("an unknown manifest by digest", Method::GET, format!("/v2/a/manifests/{absent}")),
        ("a manifest is deleted by tag", Method::DELETE, "/v2/a/manifests/v1".into()),
        ("a blob that is absent is deleted", Method::DELETE, format!("/v2/a/blobs/{absent}")),
        ("an operation that there is not", Method::POST, "/acr/v1/a".into()),
        ("a manifest is deleted under /acr/v1", Method::DELETE, format!("/acr/v1/a/_manifests/{digest}")),
        ("a digest that is none", Method::GET, "/acr/v1/a/_manifests/wrong-digest".into()),
        ("a name with a space", Method::GET, "/acr/v1/a%20b/_tags".into()),
        ("outside", Method::GET, "/favicon.ico".into()),
    ] {
        let request = actor.request(method.clone(), &url(&path));
        let request = if method == Method::PATCH { request.json(&json!({ "writeEnabled": true })) } else { request };
        lines.push(format!("{rule}: {}", raw(&actor.send(request).await)));
    }
    lines.push(format!("a tag is deleted: {}", raw(&actor.delete(&url("/acr/v1/a/_tags/v1")).await)));
    lines.push(format!("a repository without tags is deleted: {}", raw(&actor.delete(&url("/acr/v1/a")).await)));
    lines.push(format!("an empty catalog (inferred): {}", raw(&actor.get(&url("/acr/v1/_catalog")).await)));
    insta::assert_snapshot!("surface", lines.join("\n"));
}

#[tokio::test]
async fn every_answer_carries_the_headers_of_its_kind() {
    let (_azlet, actor, digest) = start().await;
    let mut lines = Vec::new();
    for (method, path) in [
        (Method::GET, "/v2/".to_owned()),
        (Method::GET, "/v2/a/manifests/v1".into()),
        (Method::GET, "/acr/v1/a".into()),
        (Method::PATCH, "/acr/v1/a".into()),
        (Method::DELETE, "/acr/v1/a/_tags/none".into()),
        (Method::DELETE, format!("/v2/a/manifests/{digest}")),
        (Method::GET, "/acr/v1/a%20b".into()),
        (Method::GET, "/favicon.ico".into()),
    ] {
        let request = actor.request(method.clone(), &url(&path)).header("x-ms-client-request-id", "mine");
        let request = if method == Method::PATCH { request.json(&json!({})) } else { request };
        let answer = actor.send(request).await;
        let mut names: Vec<String> = answer.headers().keys().map(ToString::to_string).collect();
        names.sort();
        let counted = names.iter().filter(|name| *name != "date").map(|name| {
            let count = answer.headers().get_all(name.as_str()).iter().count();
            if count > 1 { format!("{name} ({count} lines)") } else { name.clone() }
        });
        let path = path.replace(&digest, "<digest>");
        lines.push(format!("{method} {path} {}\n    {}", answer.status(), counted.collect::<Vec<_>>().join("\n    ")));
    }
    insta::assert_snapshot!("surface_headers", lines.join("\n"));
}

#[tokio::test]
async fn pages_follow_one_another_in_every_order() {
    let (azlet, actor, _) = start().await;
    for tag in ["v3", "v2"] {
        azlet.advance("1s").await;
        push_image(&actor, HOST, "a", tag, tag).await;
    }
    let mut lines = Vec::new();
    for list in ["/acr/v1/a/_tags", "/acr/v1/a/_manifests"] {
        for order in ["", "none", "timeasc", "timedesc"] {
            let mut next = Some(format!("{list}?n=2&orderby={order}&api-version=2021-07-01"));
            while let Some(path) = next {
                let answer = actor.get(&url(&path)).await;
                let items = answer.json();
                let items = items["tags"].as_array().or(items["manifests"].as_array()).expect("a list").clone();
                let names: Vec<&str> =
                    items.iter().filter_map(|item| item["name"].as_str().or(item["tags"][0].as_str())).collect();
                let link = answer.header("link").map(str::to_owned);
                lines.push(format!("{list} by {order:?}: {}\n    {}", names.join(", "), link.as_deref().unwrap_or("no link")));
                next = link.and_then(|link| Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned()));
            }
        }
    }
    insta::assert_snapshot!("pages", lines.join("\n"));
}
