//! Tokens of a registry's own on the data plane: what their scope maps let them do, and when they do not sign in.
//! Source: Azure Container Registry documentation ("Create a token with repository-scoped permissions"). The texts of refusals are
//! inferred to be the general one.

use azlet_tests::registry::push_image;
use azlet_tests::{Actor, Azlet, arm, resource_id};
use reqwest::Method;
use serde_json::{Value, json};

const HOST: &str = "reg01.azurecr.io";

fn id(rest: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/reg01{rest}"))
}

fn url(rest: &str) -> String {
    arm(&id(rest), "2025-11-01")
}

struct Fixture {
    azlet: Azlet,
    owner: Actor,
}

/// A registry with images `team/a:v1` and `other:v1`, and a token `app-1` with these actions.
async fn with_token(actions: Value) -> (Fixture, String) {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put(&url(""), &json!({ "location": "westus", "sku": { "name": "Standard" } })).await;
    for repository in ["team/a", "other"] {
        let pusher = azlet.registry_actor(HOST, "owner", &format!("repository:{repository}:pull,push")).await;
        push_image(&pusher, HOST, repository, "v1", "hello").await;
    }
    let map = owner.put(&url("/scopeMaps/map-1"), &json!({ "properties": { "actions": actions } })).await;
    assert_eq!(map.status(), 200, "{}", map.golden());
    let token = json!({ "properties": { "scopeMapId": id("/scopeMaps/map-1") } });
    assert_eq!(owner.put(&url("/tokens/app-1"), &token).await.status(), 201);
    let made = owner.post(&url("/generateCredentials"), &json!({ "tokenId": id("/tokens/app-1"), "name": "password1" })).await;
    let password = made.json()["passwords"][0]["value"].as_str().expect("a password").to_owned();
    (Fixture { azlet, owner }, password)
}

impl Fixture {
    /// What the token endpoint gives for a scope: the access of the token, or the status.
    async fn ask(&self, password: &str, scope: &str) -> String {
        let anonymous = self.azlet.anonymous();
        let target = format!("https://{HOST}/oauth2/token?service={HOST}&scope={scope}");
        let answer = anonymous.send(anonymous.request(Method::GET, &target).basic_auth("app-1", Some(password))).await;
        let golden = answer.golden();
        if answer.status() != 200 {
            return format!("{} {}", answer.status(), answer.error_code());
        }
        let body: Value = serde_json::from_str(golden.split_once("\n\n").expect("a body").1).expect("JSON");
        body["access_token"]["token"]["claims"]["access"].to_string()
    }

    /// The status of a request with Basic credentials.
    async fn basic(&self, method: Method, password: &str, path: &str) -> u16 {
        let anonymous = self.azlet.anonymous();
        let request = anonymous.request(method, &format!("https://{HOST}{path}")).basic_auth("app-1", Some(password));
        anonymous.send(request).await.status()
    }
}

#[tokio::test]
async fn a_token_does_what_its_scope_map_says_and_no_more() {
    let (at, password) = with_token(json!([
        "repositories/team/*/content/read",
        "repositories/team/*/metadata/read",
        "repositories/b/content/write"
    ]))
    .await;
    let lines = [
        format!("pull in the folder: {}", at.ask(&password, "repository:team/a:pull").await),
        format!("pull and push there: {}", at.ask(&password, "repository:team/a:pull,push").await),
        format!("everything there: {}", at.ask(&password, "repository:team/a:*").await),
        format!("pull elsewhere: {}", at.ask(&password, "repository:other:pull").await),
        format!("push where it may: {}", at.ask(&password, "repository:b:pull,push").await),
        format!("the catalog: {}", at.ask(&password, "registry:catalog:*").await),
        format!("a manifest by Basic: {}", at.basic(Method::GET, &password, "/v2/team/a/manifests/v1").await),
        format!("another by Basic: {}", at.basic(Method::GET, &password, "/v2/other/manifests/v1").await),
        format!("its tags: {}", at.basic(Method::GET, &password, "/acr/v1/team/a/_tags").await),
        format!("deleting a tag: {}", at.basic(Method::DELETE, &password, "/acr/v1/team/a/_tags/v1").await),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn only_a_wildcard_for_everything_lists_the_catalog() {
    let (at, password) = with_token(json!(["repositories/*/metadata/read"])).await;
    assert_eq!(at.ask(&password, "registry:catalog:*").await, r#"[{"Type":"registry","Name":"catalog","Actions":["*"]}]"#);
    assert_eq!(at.basic(Method::GET, &password, "/v2/other/manifests/v1").await, 401, "metadata is not content");
}

#[tokio::test]
async fn a_token_that_may_not_sign_in_is_refused() {
    let (mut at, password) = with_token(json!(["repositories/other/content/read"])).await;
    let pull = "/v2/other/manifests/v1";
    assert_eq!(at.basic(Method::GET, &password, pull).await, 200);
    let mut lines = vec![format!("a wrong password: {}", at.ask("wrong", "repository:other:pull").await)];
    let status = |status: &str| json!({ "properties": { "status": status } });
    assert_eq!(at.owner.patch(&url("/tokens/app-1"), &status("disabled")).await.status(), 201);
    lines.push(format!("disabled: {}", at.ask(&password, "repository:other:pull").await));
    assert_eq!(at.owner.patch(&url("/tokens/app-1"), &status("enabled")).await.status(), 201);
    lines.push(format!("enabled again: {}", at.ask(&password, "repository:other:pull").await));
    let short = json!({ "tokenId": id("/tokens/app-1"), "name": "password2", "expiry": "2026-11-02T09:00:00Z" });
    let made = at.owner.post(&url("/generateCredentials"), &short).await;
    insta::assert_snapshot!(
        "token_password_keys",
        made.json()["passwords"][0].as_object().expect("one").keys().cloned().collect::<Vec<_>>().join(", ")
    );
    let second = made.json()["passwords"][0]["value"].as_str().expect("a password").to_owned();
    lines.push(format!("a second password: {}", at.ask(&second, "repository:other:pull").await));
    at.azlet.advance("1h").await;
    at.owner = at.azlet.owner().await;
    lines.push(format!("after its end: {}", at.ask(&second, "repository:other:pull").await));
    let again =
        at.owner.post(&url("/generateCredentials"), &json!({ "tokenId": id("/tokens/app-1"), "name": "password1" })).await;
    assert_eq!(again.status(), 200);
    lines.push(format!("the old password after a new one: {}", at.ask(&password, "repository:other:pull").await));
    let password = again.json()["passwords"][0]["value"].as_str().expect("a password").to_owned();
    let narrower = json!({ "properties": { "actions": ["repositories/team/a/content/read"] } });
    assert_eq!(at.owner.patch(&url("/scopeMaps/map-1"), &narrower).await.status(), 201);
    lines.push(format!("another scope: {}", at.ask(&password, "repository:other:pull").await));
    assert_eq!(at.owner.delete(&url("/scopeMaps/map-1")).await.status(), 202);
    lines.push(format!("without its map: {}", at.ask(&password, "repository:team/a:pull").await));
    let map = json!({ "properties": { "scopeMapId": id("/scopeMaps/_repositories_pull") } });
    assert_eq!(at.owner.patch(&url("/tokens/app-1"), &map).await.status(), 201);
    lines.push(format!("with a system's map: {}", at.ask(&password, "repository:team/a:pull,push").await));
    let fewer = json!({ "properties": { "credentials": { "passwords": [{ "name": "password2" }] } } });
    assert_eq!(at.owner.patch(&url("/tokens/app-1"), &fewer).await.status(), 201);
    lines.push(format!("its password taken away: {}", at.ask(&password, "repository:team/a:pull").await));
    insta::assert_snapshot!("token_refused", lines.join("\n"));
}
