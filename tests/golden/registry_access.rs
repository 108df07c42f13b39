//! Who gets into a registry, by which way, and for how long: people, programs and identities of Entra, the admin user, tokens of the
//! registry's own. Sources: Container Registry's documentation of authentication, of repository-scoped tokens and of repository
//! permissions; decoded tokens; Azure's `acr` program. Inferred: that a token which was issued stays what it is until its end, as it
//! is signed and not looked up, whatever becomes of whom it was issued to.

use azlet::acr::store::Settings;
use azlet_tests::registry::push_image;
use azlet_tests::{Actor, Answer, Azlet, TENANT, arm, resource_id};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

const HOST: &str = "reg01.azurecr.io";
const ENTRA: &str = "https://containerregistry.azure.net";
const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const NOBODY: (&str, &str) = ("0a210000-0000-4000-8000-0000000000a4", "azlet~nobody~secret");
const BOB: (&str, &str, &str) = ("33333333-0000-4000-8000-0000000000aa", "bob@azlet.onmicrosoft.com", "bobs~password");

fn id(rest: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/reg01{rest}"))
}

fn url(rest: &str) -> String {
    arm(&id(rest), "2025-11-01")
}

/// A registry with the image `a:v1`, and its owner.
async fn prepared() -> (Azlet, Actor) {
    let (azlet, owner) = Azlet::with_group().await;
    let body = json!({ "location": "westus", "sku": { "name": "Premium" } });
    assert_eq!(owner.put_and_wait(&url(""), &body).await.status(), 200);
    push_image(&azlet.registry_actor(HOST, "owner", "repository:a:pull,push").await, HOST, "a", "v1", "text").await;
    (azlet, owner)
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("claims");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

async fn exchanged(azlet: &Azlet, token: &str) -> Answer {
    let form = [("grant_type", "access_token"), ("service", HOST), ("access_token", token)];
    azlet.anonymous().post_form(&format!("https://{HOST}/oauth2/exchange"), &form).await
}

fn refresh_token(answer: &Answer) -> String {
    answer.json()["refresh_token"].as_str().unwrap_or_else(|| panic!("{}", answer.golden())).to_owned()
}

/// The outcome of asking for a token by Basic credentials: what it grants, or the refusal.
async fn by_password(azlet: &Azlet, user: &str, password: &str, scope: &str) -> String {
    let anonymous = azlet.anonymous();
    let target = format!("https://{HOST}/oauth2/token?service={HOST}&scope={scope}");
    let answer = anonymous.send(anonymous.request(Method::GET, &target).basic_auth(user, Some(password))).await;
    match answer.json()["access_token"].as_str() {
        Some(token) => access(token),
        None => {
            let text = answer.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
            format!("{} {}", answer.status(), text.split(" CorrelationId").next().unwrap_or_default())
        }
    }
}

/// What an access token opens, as scopes are written.
fn access(token: &str) -> String {
    let claims = claims(token);
    let entries = claims["access"].as_array().expect("a list").iter().map(|entry| {
        let actions: Vec<&str> = entry["Actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        format!("{}:{}:{}", entry["Type"], entry["Name"], actions.join(",")).replace('"', "")
    });
    entries.collect::<Vec<_>>().join(" ")
}

async fn token_by_password(azlet: &Azlet, user: &str, password: &str) -> String {
    let anonymous = azlet.anonymous();
    let target = format!("https://{HOST}/oauth2/token?service={HOST}&scope=repository:a:pull");
    let answer = anonymous.send(anonymous.request(Method::GET, &target).basic_auth(user, Some(password))).await;
    answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.golden())).to_owned()
}

async fn pulls(azlet: &Azlet, token: &str) -> u16 {
    azlet.bearer(token).get(&format!("https://{HOST}/v2/a/manifests/v1")).await.status()
}

/// Bob's token of Entra for the registry service, as the Azure CLI gets it.
async fn bobs_token(azlet: &Azlet) -> String {
    azlet.put_principal(&json!({ "objectId": BOB.0, "type": "User", "userPrincipalName": BOB.1, "password": BOB.2 })).await;
    let scope = format!("{ENTRA}/.default openid");
    let form = [("grant_type", "password"), ("client_id", CLI), ("username", BOB.1), ("password", BOB.2), ("scope", &scope)];
    let answer =
        azlet.anonymous().post_form(&format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"), &form).await;
    answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.golden())).to_owned()
}

/// A managed identity that the machine carries: its object id, client id and token of Entra.
async fn identity(azlet: &Azlet, owner: &Actor) -> (String, String, String) {
    let at = arm(&resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/puller"), "2023-01-31");
    let made = owner.put(&at, &json!({ "location": "westus2" })).await.json();
    let machine = format!("{}/_azlet/machine", azlet.endpoint());
    assert_eq!(azlet.anonymous().post(&machine, &json!({ "identities": [made["id"]] })).await.status(), 204);
    let anonymous = azlet.anonymous();
    let target = format!("http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource={ENTRA}");
    let token = anonymous.send(anonymous.request(Method::GET, &target).header("Metadata", "true")).await;
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{made} {}", token.golden())).to_owned();
    let properties = &made["properties"];
    (text(&properties["principalId"]), text(&properties["clientId"]), text(&token.json()["access_token"]))
}

#[tokio::test]
async fn people_programs_and_identities_of_entra_get_in() {
    let (azlet, owner) = prepared().await;
    let (object_id, client_id, identitys) = identity(&azlet, &owner).await;
    let programs = azlet.token("nobody", ENTRA).await;
    let bobs = bobs_token(&azlet).await;
    let mut lines = Vec::new();
    for (what, principal, token_of_entra) in [
        ("a program", azlet.object_id("nobody"), &programs),
        ("a managed identity", object_id.parse().expect("an id"), &identitys),
        ("a person", BOB.0.parse().expect("an id"), &bobs),
    ] {
        assert_eq!(exchanged(&azlet, token_of_entra).await.status(), 401, "{what} has no role yet");
        let assignment = azlet.assign_to(principal, "AcrPull", &id(""));
        let refresh = refresh_token(&exchanged(&azlet, token_of_entra).await);
        let told = claims(&refresh);
        let names: Vec<&str> = told.as_object().expect("claims").keys().map(String::as_str).collect();
        lines.push(format!("{what}: {}", names.join(" ")));
        lines.push(format!("    sub {} appid {} {}", told["sub"], told["appid"], told["permissions"]));
        let token = azlet.access_token(HOST, &refresh, "repository:a:pull,push").await;
        let token = token.json()["access_token"].as_str().expect("a token").to_owned();
        lines.push(format!("    access: {} sub {} appid {}", access(&token), claims(&token)["sub"], claims(&token)["appid"]));
        assert_eq!(pulls(&azlet, &token).await, 200, "{what}");
        azlet.world().access.remove_assignment(assignment);
        assert_eq!(pulls(&azlet, &token).await, 200, "{what}: what was issued stays");
        lines.push(format!("    without the role: exchange {}", exchanged(&azlet, token_of_entra).await.status()));
    }
    lines.push(format!("the identity by password: {}", by_password(&azlet, &client_id, "x", "repository:a:pull").await));
    lines.push(format!("the person by password: {}", by_password(&azlet, BOB.1, BOB.2, "repository:a:pull").await));
    insta::assert_snapshot!("access_of_entra", lines.join("\n"));
}

#[tokio::test]
async fn an_assignment_shows_at_the_next_exchange_once_it_has_spread() {
    let (azlet, owner) = prepared().await;
    let settings = format!("{}/_azlet/settings", azlet.endpoint());
    azlet.anonymous().post(&settings, &json!({ "roleAssignmentPropagationDelay": "5m" })).await;
    // Long enough for what the seed assigns.
    azlet.advance("10m").await;
    let assign = async |owner: &Actor, name: &str, role: &str| {
        let at = arm(&format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", id("")), "2022-04-01");
        let body = json!({ "properties": {
            "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
            "principalId": azlet.object_id("nobody"), "principalType": "ServicePrincipal",
        } });
        assert_eq!(owner.put(&at, &body).await.status(), 201);
        at
    };
    let scope = "repository:a:pull,push";
    let state = async || {
        let exchange = azlet.exchange(HOST, "nobody").await;
        let basic = by_password(&azlet, NOBODY.0, NOBODY.1, scope).await;
        let granted = match exchange.json()["refresh_token"].as_str() {
            Some(refresh) => access(azlet.access_token(HOST, refresh, scope).await.json()["access_token"].as_str().expect("one")),
            None => exchange.status().to_string(),
        };
        format!("exchange {granted}, password {basic}")
    };
    const PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
    const PUSH: &str = "8311e382-0749-4cb8-b61a-304f252e45ec";
    let mut lines = vec![format!("before: {}", state().await)];
    assign(&owner, "11111111-0000-4000-8000-000000000001", PULL).await;
    lines.push(format!("AcrPull assigned: {}", state().await));
    azlet.advance("4m59s").await;
    lines.push(format!("a second before it has spread: {}", state().await));
    azlet.advance("1s").await;
    lines.push(format!("once it has: {}", state().await));
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    let second = assign(&owner, "11111111-0000-4000-8000-000000000002", PUSH).await;
    azlet.advance("5m").await;
    let old = azlet.access_token(HOST, &refresh, scope).await;
    lines.push(format!("AcrPush has spread: {}", state().await));
    lines.push(format!("the refresh token of before: {}", access(old.json()["access_token"].as_str().expect("a token"))));
    assert_eq!(owner.delete(&second).await.status(), 200);
    lines.push(format!("AcrPush taken away: {}", state().await));
    insta::assert_snapshot!("access_spreads", lines.join("\n"));
}

#[tokio::test]
async fn a_service_principals_secret_opens_while_it_is_good() {
    let (azlet, _) = prepared().await;
    azlet.assign("nobody", "AcrPull", &id(""));
    let ask = async |secret: &str| by_password(&azlet, NOBODY.0, secret, "repository:a:pull").await;
    let mut lines = vec![format!("its secret: {}", ask(NOBODY.1).await)];
    lines.push(format!("in capitals: {}", ask(&NOBODY.1.to_uppercase()).await));
    lines.push(format!("none: {}", ask("").await));
    lines.push(format!("a token of Entra: {}", ask(&azlet.token("nobody", ENTRA).await).await));
    let (refresh, before) = (azlet.refresh_token(HOST, "nobody").await, token_by_password(&azlet, NOBODY.0, NOBODY.1).await);
    let entra = azlet.token("nobody", ENTRA).await;
    let put = |enabled: bool, secret: &str| {
        json!({
            "objectId": azlet.object_id("nobody"), "type": "ServicePrincipal", "appId": NOBODY.0, "clientSecret": secret,
            "enabled": enabled,
        })
    };
    azlet.put_principal(&put(false, NOBODY.1)).await;
    lines.push(format!("disabled: {}, exchange {}", ask(NOBODY.1).await, exchanged(&azlet, &entra).await.status()));
    azlet.put_principal(&put(true, NOBODY.1)).await;
    let graph = azlet.bearer(azlet.token("owner", "https://graph.microsoft.com").await);
    let gone = graph.delete(&format!("https://graph.microsoft.com/v1.0/servicePrincipals/{}", azlet.object_id("nobody"))).await;
    lines.push(format!(
        "deleted ({}): {}, exchange {}",
        gone.status(),
        ask("another").await,
        exchanged(&azlet, &entra).await.status()
    ));
    lines.push(format!("tokens of before: access {}", pulls(&azlet, &before).await));
    let made = azlet.access_token(HOST, &refresh, "repository:a:pull").await;
    lines.push(format!("    refresh {}", made.status()));
    insta::assert_snapshot!("access_by_secret", lines.join("\n"));
}

#[tokio::test]
async fn a_secret_that_has_ended_or_was_removed_opens_nothing() {
    let (azlet, _) = prepared().await;
    let graph = azlet.bearer(azlet.token("owner", "https://graph.microsoft.com").await);
    let at = |path: &str| format!("https://graph.microsoft.com/v1.0/{path}");
    let application = graph.post(&at("applications"), &json!({ "displayName": "puller" })).await.json();
    let (id, app_id) = (application["id"].as_str().expect("an id"), application["appId"].as_str().expect("an id"));
    let principal = graph.post(&at("servicePrincipals"), &json!({ "appId": app_id })).await.json();
    azlet.assign_to(principal["id"].as_str().expect("an id").parse().expect("an id"), "AcrPull", &self::id(""));
    let add = async |end: &str| {
        let body = json!({ "passwordCredential": { "displayName": "s", "endDateTime": end } });
        let made = graph.post(&at(&format!("applications/{id}/addPassword")), &body).await.json();
        let text = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        (text("secretText"), text("keyId"))
    };
    let ((short, _), (long, key)) = (add("2026-11-02T09:00:00Z").await, add("2026-12-01T00:00:00Z").await);
    let ask = async |secret: &str| by_password(&azlet, app_id, secret, "repository:a:pull").await;
    let mut lines = vec![format!("one: {}, another: {}", ask(&short).await, ask(&long).await)];
    azlet.advance("1h").await;
    lines.push(format!("past its end: {}, the other: {}", ask(&short).await, ask(&long).await));
    let graph = azlet.bearer(azlet.token("owner", "https://graph.microsoft.com").await);
    let removed = graph.post(&at(&format!("applications/{id}/removePassword")), &json!({ "keyId": key })).await;
    assert_eq!(removed.status(), 204, "{}", removed.golden());
    lines.push(format!("removed: {}", ask(&long).await));
    insta::assert_snapshot!("access_by_ended_secret", lines.join("\n"));
}

#[tokio::test]
async fn the_admin_user_has_two_passwords_that_can_be_renewed() {
    let (azlet, owner) = prepared().await;
    let on = |enabled: bool| json!({ "properties": { "adminUserEnabled": enabled } });
    owner.patch(&url(""), &on(true)).await;
    let held = owner.post(&url("/listCredentials"), &json!({})).await.json();
    let password = |held: &Value, at: usize| held["passwords"][at]["value"].as_str().expect("a password").to_owned();
    let (one, two) = (password(&held, 0), password(&held, 1));
    let ask = async |password: &str| by_password(&azlet, "reg01", password, "repository:a:* registry:catalog:*").await;
    let mut lines = vec![format!("first: {}", ask(&one).await), format!("second: {}", ask(&two).await)];
    assert_eq!(by_password(&azlet, "REG01", &one, "repository:a:pull").await, "repository:a:pull", "in any case");
    let before = token_by_password(&azlet, "reg01", &one).await;
    let renewed = owner.post(&url("/regenerateCredential"), &json!({ "name": "password" })).await.json();
    assert_eq!(password(&renewed, 1), two, "the other one stays");
    lines.push(format!("the first of before: {}", ask(&one).await));
    lines.push(format!("the first renewed: {}", ask(&password(&renewed, 0)).await));
    lines.push(format!("the second still: {}", ask(&two).await));
    lines.push(format!("a token of before: {}", pulls(&azlet, &before).await));
    owner.patch(&url(""), &on(false)).await;
    lines.push(format!("disabled: {}", ask(&two).await));
    lines.push(format!("a token of before: {}", pulls(&azlet, &before).await));
    owner.patch(&url(""), &on(true)).await;
    let abac = json!({ "properties": { "roleAssignmentMode": "AbacRepositoryPermissions" } });
    assert_eq!(owner.patch(&url(""), &abac).await.status(), 200);
    lines.push(format!("with repository permissions: {}", ask(&two).await));
    insta::assert_snapshot!("access_of_admin", lines.join("\n"));
}

#[tokio::test]
async fn a_token_of_the_registrys_own_follows_its_map_and_its_state() {
    let (azlet, owner) = prepared().await;
    let map = |actions: Value| json!({ "properties": { "actions": actions } });
    let all = "repository:a:pull,push,delete,metadata_read,metadata_write registry:catalog:*";
    let put = async |name: &str, map: &str| {
        let token = json!({ "properties": { "scopeMapId": id(&format!("/scopeMaps/{map}")), "status": "enabled" } });
        let made = owner.put(&url(&format!("/tokens/{name}")), &token).await;
        assert!(made.status() < 300, "{}", made.golden());
        let id = id(&format!("/tokens/{name}"));
        let made = owner.post(&url("/generateCredentials"), &json!({ "tokenId": id, "name": "password1" })).await.json();
        made["passwords"][0]["value"].as_str().expect("a password").to_owned()
    };
    let mut lines = Vec::new();
    for system in [
        "_repositories_admin",
        "_repositories_pull",
        "_repositories_pull_metadata_read",
        "_repositories_push",
        "_repositories_push_metadata_write",
    ] {
        let name = format!("t{}", system.replace('_', "-"));
        let password = put(&name, system).await;
        lines.push(format!("{system}: {}", by_password(&azlet, &name, &password, all).await));
    }
    let pull = json!(["repositories/a/content/read"]);
    owner.put(&url("/scopeMaps/map-1"), &map(pull.clone())).await;
    owner.put(&url("/scopeMaps/map-2"), &map(json!(["repositories/a/content/read", "repositories/a/content/write"]))).await;
    let password = put("app-1", "map-1").await;
    let state = async |password: &str| by_password(&azlet, "App-1", password, all).await;
    lines.push(format!("its map: {}", state(&password).await));
    let before = token_by_password(&azlet, "app-1", &password).await;
    lines.push(format!("    sub {}, appid {}", claims(&before)["sub"], claims(&before)["appid"]));
    owner.patch(&url("/scopeMaps/map-1"), &map(json!(["repositories/b/content/read"]))).await;
    lines.push(format!("its map changed: {}; a token of before: {}", state(&password).await, pulls(&azlet, &before).await));
    let other = json!({ "properties": { "scopeMapId": id("/scopeMaps/map-2") } });
    owner.patch(&url("/tokens/app-1"), &other).await;
    lines.push(format!("another map: {}", state(&password).await));
    owner.patch(&url("/tokens/app-1"), &json!({ "properties": { "status": "disabled" } })).await;
    lines.push(format!("disabled: {}; a token of before: {}", state(&password).await, pulls(&azlet, &before).await));
    owner.patch(&url("/tokens/app-1"), &json!({ "properties": { "status": "enabled" } })).await;
    let renewed = json!({ "tokenId": id("/tokens/app-1"), "name": "password1" });
    owner.post(&url("/generateCredentials"), &renewed).await;
    lines.push(format!("renewed: {}; a token of before: {}", state(&password).await, pulls(&azlet, &before).await));
    let deleted = owner.delete(&url("/tokens/app-1")).await;
    owner.follow(&deleted).await;
    lines.push(format!("deleted: {}; a token of before: {}", state(&password).await, pulls(&azlet, &before).await));
    insta::assert_snapshot!("access_of_own_tokens", lines.join("\n"));
}

/// Azure's `acr` program tells a registry with repository permissions by a claim, and asks one without for everything at once.
#[tokio::test]
async fn with_repository_permissions_nothing_is_granted_for_all_repositories_at_once() {
    let azlet = Azlet::start().await;
    let registry = azlet.registry("reg01", Settings::default());
    let nobody = azlet.object_id("nobody");
    azlet.assign("nobody", "AcrPush", &id(""));
    azlet.assign("nobody", "Container Registry Repository Contributor", &id(""));
    azlet.assign("nobody", "Container Registry Repository Catalog Lister", &id(""));
    let mut lines = Vec::new();
    for abac in [false, true] {
        registry.settings.write().abac = abac;
        let refresh = azlet.refresh_token(HOST, "nobody").await;
        let told = claims(&refresh);
        assert_eq!(told.get("aad_identity").map(Value::to_string), abac.then(|| format!("\"{nobody}\"")), "{told}");
        for scope in [
            "registry:catalog:* repository:*:*",
            "repository:*:pull",
            "repository:a:pull repository:a:delete repository:a:metadata_read repository:a:metadata_write",
            "repository:a:*",
            "artifact-repository:*:pull",
        ] {
            let answer = azlet.access_token(HOST, &refresh, scope).await;
            let granted = access(answer.json()["access_token"].as_str().expect("a token"));
            lines.push(format!("abac {abac}, {scope}\n    {granted}"));
        }
    }
    // What was exchanged under one mode stays so under the other.
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    registry.settings.write().abac = false;
    let answer = azlet.access_token(HOST, &refresh, "repository:*:pull repository:a:pull").await;
    lines.push(format!("exchanged before: {}", access(answer.json()["access_token"].as_str().expect("a token"))));
    insta::assert_snapshot!("access_all_at_once", lines.join("\n"));
}

#[tokio::test]
async fn a_registry_behind_rules_refuses_every_way_in() {
    let (azlet, owner) = prepared().await;
    owner.patch(&url(""), &json!({ "properties": { "adminUserEnabled": true, "anonymousPullEnabled": true } })).await;
    let admin = owner.post(&url("/listCredentials"), &json!({})).await.json();
    let admin = admin["passwords"][0]["value"].as_str().expect("a password").to_owned();
    let (entra, refresh) = (azlet.token("owner", ENTRA).await, azlet.refresh_token(HOST, "owner").await);
    let bearer = azlet.registry_actor(HOST, "owner", "repository:a:* registry:catalog:*").await;
    let digest = format!("sha256:{}", "a".repeat(64));
    for rules in [
        json!({ "publicNetworkAccess": "Disabled" }),
        json!({ "publicNetworkAccess": "Enabled", "networkRuleSet": { "defaultAction": "Deny", "ipRules": [] } }),
        json!({ "networkRuleSet": { "defaultAction": "Deny", "ipRules": [{ "value": "203.0.113.0/24" }] } }),
    ] {
        assert_eq!(owner.patch(&url(""), &json!({ "properties": rules })).await.status(), 200);
        let mut paths = vec!["/v2/", "/v2/_catalog", "/acr/v1/_catalog", "/v2/a/tags/list", "/v2/a/manifests/v1", "/acr/v1/a"];
        let (blob, referrers) = (format!("/v2/a/blobs/{digest}"), format!("/v2/a/referrers/{digest}"));
        paths.extend([blob.as_str(), &referrers, "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/x", "/acr/v1/a/_tags/v1"]);
        paths.extend(["/acr/v1/_deleted/_catalog", "/oauth2/token", "/oauth2/exchange", "/v2/A", "/index.html", "/"]);
        for path in paths {
            for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let target = format!("https://{HOST}{path}");
                let answer = bearer.send(bearer.request(method.clone(), &target)).await;
                assert_eq!(answer.status(), 403, "{method} {path}");
                assert!(method == Method::HEAD || answer.error_code() == "DENIED", "{method} {path}: {}", answer.golden());
            }
        }
        assert_eq!(exchanged(&azlet, &entra).await.error_code(), "DENIED");
        assert_eq!(azlet.access_token(HOST, &refresh, "repository:a:pull").await.error_code(), "DENIED");
        for (user, password) in [("reg01", admin.as_str()), (NOBODY.0, NOBODY.1), ("", "")] {
            let told = by_password(&azlet, user, password, "repository:a:pull").await;
            assert!(told.starts_with("403 client with IP '127.0.0.1' is not allowed access."), "{told}");
        }
    }
    let open = json!({ "networkRuleSet": { "defaultAction": "Deny", "ipRules": [{ "value": "127.0.0.1" }] } });
    owner.patch(&url(""), &json!({ "properties": open })).await;
    assert_eq!(bearer.get(&format!("https://{HOST}/v2/a/manifests/v1")).await.status(), 200, "the token is still good");
}
