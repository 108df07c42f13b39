//! Who may do what at a registry. Sources: Azure Container Registry's `docs/AAD-OAuth.md` and its page on roles and permissions;
//! challenges, tokens and refusals as recorded from the real service; CNCF Distribution's token specification.

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_image, put_manifest, url};
use azlet_tests::{Answer, Azlet, SUBSCRIPTION, resource_id};
use reqwest::Method;
use serde_json::json;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NULL_USER: &str = "00000000-0000-0000-0000-000000000000";

fn challenge(answer: &Answer) -> String {
    format!("{} {}", answer.status(), answer.header("www-authenticate").unwrap_or("-"))
}

async fn with_registry() -> Azlet {
    let azlet = Azlet::start().await;
    azlet.registry("Reg", Settings::default());
    azlet
}

#[tokio::test]
async fn every_resource_asks_for_its_own_scope() {
    let azlet = with_registry().await;
    let mut lines = Vec::new();
    for (method, path) in [
        (Method::GET, "/v2/".to_owned()),
        (Method::GET, "/v2/_catalog".into()),
        (Method::GET, "/acr/v1/_catalog".into()),
        (Method::GET, "/v2/a/b/manifests/v1".into()),
        (Method::HEAD, "/v2/a/b/manifests/v1".into()),
        (Method::PUT, "/v2/a/manifests/v1".into()),
        (Method::DELETE, format!("/v2/a/manifests/{DIGEST}")),
        (Method::GET, format!("/v2/team%2Fa/blobs/{}", DIGEST.replace(':', "%3A"))),
        (Method::DELETE, format!("/v2/a/blobs/{DIGEST}")),
        (Method::GET, format!("/v2/a/referrers/{DIGEST}")),
        (Method::POST, "/v2/a/blobs/uploads/".into()),
        (Method::POST, format!("/v2/a/blobs/uploads/?mount={DIGEST}&from=other")),
        (Method::PATCH, "/v2/a/blobs/uploads/x".into()),
        (Method::DELETE, "/v2/a/blobs/uploads/x".into()),
        (Method::GET, "/v2/a/tags/list".into()),
        (Method::GET, "/acr/v1/a".into()),
        (Method::PATCH, "/acr/v1/a/_tags/v1".into()),
        (Method::DELETE, "/acr/v1/a/_tags/v1".into()),
        (Method::GET, format!("/acr/v1/a/_manifests/{DIGEST}")),
    ] {
        let anonymous = azlet.anonymous();
        let answer = anonymous.send(anonymous.request(method.clone(), &url(&path))).await;
        lines.push(format!("{method} {path}\n  {}", challenge(&answer)));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_challenge_has_the_headers_and_the_body_of_the_real_one() {
    let azlet = with_registry().await;
    let anonymous = azlet.anonymous();
    let bare = anonymous.get(&url("/v2/")).await;
    insta::assert_snapshot!(
        "challenge_bare",
        bare.golden_with(&["server", "docker-distribution-api-version", "x-content-type-options"])
    );
    let upload = anonymous.send(anonymous.request(Method::POST, &url("/v2/a/blobs/uploads/"))).await;
    insta::assert_snapshot!("challenge_upload", upload.golden());
    for (name, count) in [("access-control-expose-headers", 4), ("strict-transport-security", 2)] {
        assert_eq!(bare.headers().get_all(name).iter().count(), count, "{name}");
    }
    assert!(bare.text().ends_with("\"detail\":null}]}\n"));
}

#[tokio::test]
async fn paths_with_bad_names_are_not_found_before_anyone_is_asked() {
    let azlet = with_registry().await;
    let anonymous = azlet.anonymous();
    for path in [
        "/v2/a%20b/tags/list",
        "/v2/a/blobs/BadDigest",
        "/acr/v1/a/_manifests/wrong-digest",
        "/v2/A/manifests/v1",
        "/v2/a//b/tags/list",
    ] {
        let answer = anonymous.get(&url(path)).await;
        assert_eq!((answer.status(), answer.text().as_str()), (404, "404 page not found\n"), "{path}");
        assert_eq!(answer.header("access-control-expose-headers"), None, "{path}");
    }
    let outside = anonymous.get(&url("/index.html")).await;
    assert_eq!((outside.status(), outside.text().as_str()), (404, "Not found"));
    assert_eq!(outside.header("content-type"), Some("application/octet-stream"));
    assert_eq!(anonymous.get(&url("/oauth2/exchange")).await.status(), 404);
}

#[tokio::test]
async fn an_entra_token_is_exchanged_and_turned_into_an_access_token() {
    let azlet = with_registry().await;
    let exchanged = azlet.exchange(HOST, "owner").await;
    insta::assert_snapshot!("exchange_owner", exchanged.golden());
    insta::assert_snapshot!("exchange_reader", azlet.exchange(HOST, "reader").await.golden());
    let refresh = azlet.refresh_token(HOST, "owner").await;
    insta::assert_snapshot!("token_pull_push", azlet.access_token(HOST, &refresh, "repository:a:push,pull").await.golden());
    insta::assert_snapshot!("token_metadata", azlet.access_token(HOST, &refresh, "repository:a:metadata_read").await.golden());
    insta::assert_snapshot!("token_unknown_scope", azlet.access_token(HOST, &refresh, "registry:None:*").await.golden());
    let several = [
        ("grant_type", "refresh_token"),
        ("scope", "repository:a:pull repository:b:push"),
        ("scope", "registry:catalog:*"),
        ("refresh_token", &refresh),
    ];
    insta::assert_snapshot!("token_several_scopes", azlet.anonymous().post_form(&url("/oauth2/token"), &several).await.golden());
}

#[tokio::test]
async fn roles_give_exactly_their_access() {
    let azlet = with_registry().await;
    let registry = resource_id("rg", "Microsoft.ContainerRegistry/registries/Reg");
    let scopes = [
        ("registry", registry.clone()),
        ("group", format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg")),
        ("subscription", format!("/subscriptions/{SUBSCRIPTION}")),
        ("other group", format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg2")),
    ];
    let everything = "repository:a:pull,push,delete,metadata_read,metadata_write registry:catalog:*";
    let mut lines = Vec::new();
    for role in
        ["AcrPull", "AcrPush", "AcrDelete", "AcrImageSigner", "Reader", "Contributor", "Owner", "User Access Administrator"]
    {
        for (place, scope) in &scopes {
            let name = azlet.assign("nobody", role, scope);
            let exchanged = azlet.exchange(HOST, "nobody").await;
            let access = match exchanged.json()["refresh_token"].as_str() {
                None => format!("{} at the exchange", exchanged.status()),
                Some(refresh) => {
                    let token = azlet.access_token(HOST, refresh, everything).await;
                    let claims = azlet.world().signing_key.verify(token.json()["access_token"].as_str().expect("a token"));
                    claims.expect("ours")["access"].to_string()
                }
            };
            lines.push(format!("{role} on {place}: {access}"));
            azlet.world().access.remove_assignment(name);
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_principal_without_rights_is_refused_at_the_exchange() {
    let azlet = with_registry().await;
    insta::assert_snapshot!("exchange_nobody", correlated(&azlet.exchange(HOST, "nobody").await));
}

/// The answer, after it has been seen that the message names the header's correlation id.
fn correlated(answer: &Answer) -> String {
    let id = answer.header("x-ms-correlation-request-id").expect("a correlation id").to_owned();
    assert!(answer.text().contains(&format!("CorrelationId: {id}")), "{}", answer.golden());
    answer.golden()
}

#[tokio::test]
async fn an_exchange_wants_a_good_token_of_the_right_tenant_and_audience() {
    let azlet = with_registry().await;
    let good = azlet.token("owner", "https://containerregistry.azure.net").await;
    let arm = azlet.token("owner", "https://management.azure.com").await;
    let graph = azlet.token("owner", "https://graph.microsoft.com").await;
    let status = async |form: &[(&str, &str)]| {
        let answer = azlet.anonymous().post_form(&url("/oauth2/exchange"), form).await;
        if answer.status() == 401 {
            assert!(answer.bytes().is_empty() && answer.header("www-authenticate").is_none(), "{}", answer.golden());
        }
        answer.status()
    };
    let grant = ("grant_type", "access_token");
    assert_eq!(status(&[grant, ("access_token", &good), ("tenant", azlet_tests::TENANT)]).await, 200);
    assert_eq!(status(&[grant, ("access_token", &good), ("tenant", "99999999-0000-4000-8000-000000000000")]).await, 401);
    assert_eq!(status(&[grant, ("access_token", &good), ("service", "other.azurecr.io")]).await, 401);
    assert_eq!(status(&[grant, ("access_token", &arm)]).await, 200);
    assert_eq!(status(&[grant, ("access_token", &graph)]).await, 401);
    assert_eq!(status(&[grant, ("access_token", "garbage")]).await, 401);
    assert_eq!(status(&[grant]).await, 401);
    assert_eq!(status(&[("grant_type", "magic"), ("access_token", &good)]).await, 400);
    // With the policy off, only the registry's own audience is taken.
    azlet.world().acr.by_login_server(HOST).expect("made above").settings.write().authentication_as_arm = false;
    assert_eq!(status(&[grant, ("access_token", &arm)]).await, 401);
    assert_eq!(status(&[grant, ("access_token", &good)]).await, 200);
    azlet.advance("2h").await;
    assert_eq!(status(&[grant, ("access_token", &good)]).await, 401, "an expired token");
}

#[tokio::test]
async fn a_token_opens_only_what_it_names() {
    let azlet = with_registry().await;
    azlet.registry("second", Settings::default());
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let token = async |host: &str, scope: &str| {
        let refresh = azlet.refresh_token(host, "owner").await;
        let answer = azlet.access_token(host, &refresh, scope).await;
        answer.json()["access_token"].as_str().expect("an access token").to_owned()
    };
    let pull = token(HOST, "repository:a:pull").await;
    push_image(&azlet.bearer(token(HOST, "repository:a:pull,push").await), HOST, "a", "v1", "text").await;
    let read = async |token: &str, repository: &str| {
        challenge(&azlet.bearer(token).get(&url(&format!("/v2/{repository}/manifests/v1"))).await)
    };
    let write = put_manifest(&azlet.bearer(pull.as_str()), HOST, "a", "v2", "x/y", &json!({})).await;
    let lines = [
        format!("its own: {}", read(&pull, "a").await),
        format!("another repository: {}", read(&pull, "b").await),
        format!("another action: {}", challenge(&write)),
        format!("tags with pull alone: {}", challenge(&azlet.bearer(pull.as_str()).get(&url("/v2/a/tags/list")).await)),
        format!("another registry's: {}", read(&token("second.azurecr.io", "repository:a:pull").await, "a").await),
        format!("a refresh token: {}", read(&refresh, "a").await),
        format!("an ARM token: {}", read(&azlet.token("owner", "https://management.azure.com").await, "a").await),
        format!(
            "the registry's own Entra audience: {}",
            read(&azlet.token("owner", "https://containerregistry.azure.net").await, "a").await
        ),
        format!("garbage: {}", read("garbage", "a").await),
        format!("with one letter changed: {}", read(&tampered(&pull), "a").await),
        format!("the base with any token: {}", challenge(&azlet.bearer(pull.as_str()).get(&url("/v2/")).await)),
        {
            azlet.advance("59m").await;
            format!("after 59 minutes: {}", read(&pull, "a").await)
        },
        {
            azlet.advance("61s").await;
            format!("after 60 minutes: {}", read(&pull, "a").await)
        },
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

/// The token with a letter of its claims changed and its signature kept.
fn tampered(token: &str) -> String {
    let at = token.find('.').expect("a token has parts") + 20;
    let other = if &token[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[tokio::test]
async fn a_refresh_token_keeps_what_it_was_given_for_three_hours() {
    let azlet = with_registry().await;
    let name = azlet.assign("nobody", "AcrPull", &resource_id("rg", "Microsoft.ContainerRegistry/registries/Reg"));
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    azlet.world().access.remove_assignment(name);
    assert_eq!(azlet.exchange(HOST, "nobody").await.status(), 401);
    let token = azlet.access_token(HOST, &refresh, "repository:a:pull").await;
    let actor = azlet.bearer(token.json()["access_token"].as_str().expect("a token"));
    assert_eq!(actor.get(&url("/v2/a/manifests/v1")).await.status(), 404, "allowed, and nothing there");
    azlet.advance("2h 59m").await;
    assert_eq!(azlet.access_token(HOST, &refresh, "repository:a:pull").await.status(), 200);
    azlet.advance("1m").await;
    let late = azlet.access_token(HOST, &refresh, "repository:a:pull").await;
    assert_eq!((late.status(), late.text().as_str()), (401, ""));
}

#[tokio::test]
async fn user_names_and_passwords_get_tokens_too() {
    let azlet = with_registry().await;
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let ask = async |user: &str, password: &str| {
        let anonymous = azlet.anonymous();
        let query = "/oauth2/token?account=x&service=reg.azurecr.io&scope=repository:a:pull&scope=repository:b:pull,push";
        anonymous.send(anonymous.request(Method::GET, &url(query)).basic_auth(user, Some(password))).await
    };
    let message = |answer: &Answer| {
        let id = answer.header("x-ms-correlation-request-id").unwrap_or_default();
        let text = answer.json()["errors"][0]["message"].as_str().unwrap_or("-").replace(id, "<id>");
        format!("{} {text}", answer.status())
    };
    insta::assert_snapshot!("basic_refresh_token", ask(NULL_USER, &refresh).await.golden());
    let access = ask(NULL_USER, &refresh).await.json()["access_token"].as_str().expect("a token").to_owned();
    azlet.advance("10m").await;
    // What is made of an access token inherits its end and no more than its access.
    insta::assert_snapshot!("basic_access_token", ask(NULL_USER, &access).await.golden());
    let owner = "0a210000-0000-4000-8000-0000000000a1";
    let mut lines = vec![
        format!("garbage as refresh token: {}", message(&ask(NULL_USER, "garbage").await)),
        format!("service principal: {}", message(&ask(owner, "azlet~owner~secret").await)),
        format!("its wrong secret: {}", message(&ask(owner, "wrong").await)),
        format!("one without rights: {}", message(&ask("0a210000-0000-4000-8000-0000000000a4", "azlet~nobody~secret").await)),
        format!("an unknown one: {}", message(&ask("99999999-0000-4000-8000-000000000000", "x").await)),
        format!("a name that is no guid: {}", message(&ask("someone", "x").await)),
        format!("the admin user, disabled: {}", message(&ask("Reg", "pass-one").await)),
        format!("nobody: {}", message(&azlet.anonymous().get(&url("/oauth2/token?scope=repository:a:pull")).await)),
    ];
    {
        let registry = azlet.world().acr.by_login_server(HOST).expect("made above");
        let mut settings = registry.settings.write();
        settings.admin_enabled = true;
        settings.admin_passwords = ["pass-one".into(), "pass-two".into()];
    }
    lines.push(format!("the admin user, enabled: {}", message(&ask("reg", "pass-two").await)));
    lines.push(format!("its wrong password: {}", message(&ask("Reg", "pass-three").await)));
    insta::assert_snapshot!("basic_outcomes", lines.join("\n"));
    insta::assert_snapshot!("basic_admin", ask("Reg", "pass-one").await.golden());
    let posted = [("grant_type", "password"), ("username", "Reg"), ("password", "pass-one"), ("scope", "repository:a:pull")];
    assert_eq!(azlet.anonymous().post_form(&url("/oauth2/token"), &posted).await.status(), 200);
    let direct = azlet.anonymous();
    let direct = direct.send(direct.request(Method::GET, &url("/v2/_catalog")).basic_auth("Reg", Some("pass-one"))).await;
    assert_eq!(direct.status(), 200, "Basic credentials open resources directly");
    let garbage = [("grant_type", "refresh_token"), ("refresh_token", "garbage"), ("scope", "repository:a:pull")];
    let refused = azlet.anonymous().post_form(&url("/oauth2/token"), &garbage).await;
    assert_eq!((refused.status(), refused.text().as_str()), (401, ""));
    assert_eq!(azlet.anonymous().post_form(&url("/oauth2/token"), &[("grant_type", "x")]).await.status(), 400);
}

#[tokio::test]
async fn anonymous_pull_opens_reading_to_everyone() {
    let azlet = Azlet::start().await;
    azlet.registry("Reg", Settings { anonymous_pull: true, ..Settings::default() });
    push_image(&azlet.registry_actor(HOST, "owner", "repository:a:pull,push").await, HOST, "a", "v1", "text").await;
    assert_eq!(azlet.anonymous().get(&url("/v2/a/manifests/v1")).await.status(), 401, "a token is wanted all the same");
    let answer = azlet.anonymous().get(&url("/oauth2/token?service=reg.azurecr.io&scope=repository:a:metadata_write")).await;
    insta::assert_snapshot!("anonymous_token", answer.golden());
    let actor = azlet.bearer(answer.json()["access_token"].as_str().expect("a token"));
    for path in ["/v2/a/manifests/v1", "/v2/_catalog", "/acr/v1/_catalog", "/acr/v1/a/_tags", "/v2/a/tags/list"] {
        assert_eq!(actor.get(&url(path)).await.status(), 200, "{path}");
    }
    let patch = actor.patch(&url("/acr/v1/a"), &json!({ "writeEnabled": false })).await;
    insta::assert_snapshot!("anonymous_write", challenge(&patch));
    azlet.advance("5m").await;
    assert_eq!(actor.get(&url("/v2/a/manifests/v1")).await.status(), 401, "good for five minutes");
}

#[tokio::test]
async fn repository_permissions_do_not_come_from_registry_roles() {
    let azlet = Azlet::start().await;
    azlet.registry("Reg", Settings { abac: true, ..Settings::default() });
    assert_eq!(azlet.exchange(HOST, "owner").await.status(), 401);
    azlet.assign("nobody", "AcrPull", &resource_id("rg", "Microsoft.ContainerRegistry/registries/Reg"));
    assert_eq!(azlet.exchange(HOST, "nobody").await.status(), 401);
}

#[tokio::test]
async fn a_closed_registry_refuses_every_address() {
    let azlet = Azlet::start().await;
    azlet.registry("Reg", Settings { public_network_access: false, ..Settings::default() });
    insta::assert_snapshot!(azlet.anonymous().get(&url("/v2/")).await.golden());
    assert_eq!(azlet.exchange(HOST, "owner").await.status(), 403);
}

#[tokio::test]
async fn the_public_registry_is_for_everyone_to_read() {
    let azlet = Azlet::start().await;
    let anonymous = azlet.anonymous();
    let url = |path: &str| format!("https://mcr.microsoft.com{path}");
    assert_eq!(anonymous.get(&url("/v2/")).await.status(), 200);
    insta::assert_snapshot!("public_index", anonymous.get(&url("/v2/mcr/hello-world/manifests/latest")).await.golden());
    assert_eq!(anonymous.get(&url("/v2/mcr/hello-world/manifests/none")).await.status(), 404);
    let push = anonymous.send(anonymous.request(Method::POST, &url("/v2/mcr/hello-world/blobs/uploads/"))).await;
    assert_eq!(push.status(), 405);
    assert!(push.text().contains("azlet does not implement"), "{}", push.golden());
}
