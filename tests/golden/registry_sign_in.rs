//! Signing in at a registry, step by step: headers, grants, audiences, scopes, and the firewall before all of them. Sources: Azure
//! Container Registry's `docs/AAD-OAuth.md`, recorded answers, and reported messages; what the deprecated grants need beyond an
//! access token is not emulated.

use azlet::acr::store::{AddressRange, Settings};
use azlet_tests::registry::{HOST, url};
use azlet_tests::{Answer, Azlet, TENANT, arm, resource_id};
use reqwest::Method;
use serde_json::{Value, json};

const ENTRA: &str = "https://containerregistry.azure.net";
const LEFT: &str = "x-ms-ratelimit-remaining-calls-per-second";

async fn with_registry(settings: Settings) -> Azlet {
    let azlet = Azlet::start().await;
    azlet.registry("Reg", settings);
    azlet
}

#[tokio::test]
async fn the_token_endpoints_count_down_and_say_who_answers() {
    let azlet = with_registry(Settings::default()).await;
    let headers = ["server", LEFT, "strict-transport-security", "docker-distribution-api-version", "x-content-type-options"];
    let shown = |answer: &Answer| {
        let lines = headers.map(|name| format!("    {name}: {}", answer.header(name).unwrap_or("-")));
        assert_eq!(answer.headers().get_all("strict-transport-security").iter().count(), 1, "recorded: once here");
        assert!(answer.header("x-ms-correlation-request-id").is_some_and(|id| id.len() == 36));
        format!("{}\n{}", answer.status(), lines.join("\n"))
    };
    let exchanged = azlet.exchange(HOST, "owner").await;
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let token = azlet.access_token(HOST, &refresh, "repository:a:pull").await;
    let refused = azlet.access_token(HOST, "garbage", "repository:a:pull").await;
    assert_eq!((refused.bytes().len(), refused.header("www-authenticate")), (0, None));
    azlet.world().acr.by_login_server(HOST).expect("made above").settings.write().premium = true;
    let premium = azlet.access_token(HOST, &refresh, "repository:a:pull").await;
    let lines = [
        format!("exchange: {}", shown(&exchanged)),
        format!("token: {}", shown(&token)),
        format!("token of a Premium registry: {}", shown(&premium)),
        format!("refused: {}", shown(&refused)),
    ];
    insta::assert_snapshot!("sign_in_headers", lines.join("\n"));
}

#[tokio::test]
async fn a_premium_registry_of_arm_may_be_called_twice_as_often() {
    let (azlet, owner) = Azlet::with_group().await;
    let registry = arm(&resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01"), "2025-11-01");
    let mut seen = Vec::new();
    for sku in ["Basic", "Standard", "Premium"] {
        owner.put(&registry, &json!({ "location": "westus", "sku": { "name": sku } })).await;
        let refresh = azlet.refresh_token("reg01.azurecr.io", "owner").await;
        let token = azlet.access_token("reg01.azurecr.io", &refresh, "repository:a:pull").await;
        seen.push(token.header(LEFT).unwrap_or("-").to_owned());
    }
    assert_eq!(seen, ["166.65", "166.65", "333.316667"], "recorded of two registries; that the SKU decides is inferred");
}

#[tokio::test]
async fn grants_and_audiences_are_taken_or_refused() {
    let azlet = with_registry(Settings::default()).await;
    let form = async |fields: &[(&str, &str)]| {
        let answer = azlet.anonymous().post_form(&url("/oauth2/exchange"), fields).await;
        let message = answer.json()["errors"][0]["message"].as_str().map(|text| format!(" {text}")).unwrap_or_default();
        format!("{}{message}", answer.status())
    };
    let good = azlet.token("owner", ENTRA).await;
    let mut lines = vec![
        format!("without a service: {}", form(&[("grant_type", "access_token"), ("access_token", &good)]).await),
        format!(
            "with tenant and service: {}",
            form(&[("grant_type", "access_token"), ("service", HOST), ("tenant", TENANT), ("access_token", &good)]).await
        ),
        format!(
            "the deprecated grant with both tokens: {}",
            form(&[("grant_type", "access_token_refresh_token"), ("access_token", &good), ("refresh_token", "x")]).await
        ),
        format!(
            "the deprecated grant with a refresh token of Entra: {}",
            form(&[("grant_type", "refresh_token"), ("refresh_token", "x")]).await
        ),
    ];
    for audience in [
        ENTRA,
        "https://containerregistry.azure.net/",
        "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26",
        "https://management.azure.com",
        "https://management.azure.com/",
        "https://management.core.windows.net/",
        "https://graph.microsoft.com",
    ] {
        let token = azlet.token("owner", audience).await;
        let mut verdicts = Vec::new();
        for as_arm in [true, false] {
            azlet.world().acr.by_login_server(HOST).expect("made above").settings.write().authentication_as_arm = as_arm;
            verdicts.push(form(&[("grant_type", "access_token"), ("access_token", &token)]).await);
        }
        lines.push(format!("audience {audience}: {}, with ARM's tokens off: {}", verdicts[0], verdicts[1]));
    }
    let get = azlet.anonymous().get(&url("/oauth2/exchange")).await;
    lines.push(format!("GET: {}", get.status()));
    insta::assert_snapshot!("exchange_grants", lines.join("\n"));
}

/// What a token says that it opens.
fn access(azlet: &Azlet, answer: &Answer) -> String {
    let body = answer.json();
    let Some(token) = body["access_token"].as_str() else { return answer.status().to_string() };
    let claims = azlet.world().signing_key.verify(token).expect("ours");
    let entries = claims["access"].as_array().expect("a list").iter().map(|entry: &Value| {
        let actions: Vec<&str> = entry["Actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        format!("{}:{}:{}", entry["Type"], entry["Name"], actions.join(",")).replace('"', "")
    });
    let entries: Vec<String> = entries.collect();
    if entries.is_empty() { "nothing".into() } else { entries.join(" ") }
}

#[tokio::test]
async fn scopes_are_read_by_their_grammar() {
    let azlet = with_registry(Settings::default()).await;
    let registry = resource_id("rg", "Microsoft.ContainerRegistry/registries/Reg");
    azlet.assign("nobody", "AcrPull", &registry);
    let mut lines = Vec::new();
    for principal in ["owner", "nobody"] {
        let refresh = azlet.refresh_token(HOST, principal).await;
        for scope in [
            "repository:a:pull",
            "repository:a:push,pull",
            "repository:a:delete",
            "repository:a:metadata_read,metadata_write",
            "repository:a:deleted_read,deleted_restore",
            "repository:a:*",
            "repository:a:dance",
            "repository:team/a:pull repository:b:pull",
            "registry:catalog:*",
            "registry:deleted_catalog:*",
            "registry:None:*",
            "artifact-repository:a:pull",
            "artifact-repository:a:*",
            "repository:a",
            "",
        ] {
            let answer = azlet.access_token(HOST, &refresh, scope).await;
            lines.push(format!("{principal} '{scope}': {}", access(&azlet, &answer)));
        }
    }
    let refresh = azlet.refresh_token(HOST, "nobody").await;
    let repeated = [
        ("grant_type", "refresh_token"),
        ("scope", "repository:a:pull"),
        ("scope", "repository:b:pull,push"),
        ("refresh_token", &refresh),
    ];
    let repeated = azlet.anonymous().post_form(&url("/oauth2/token"), &repeated).await;
    lines.push(format!("nobody, two parameters: {}", access(&azlet, &repeated)));
    insta::assert_snapshot!("scope_grammar", lines.join("\n"));
}

#[tokio::test]
async fn nobody_in_particular_gets_a_token_where_anyone_may_pull() {
    for (open, expected) in [(true, 200), (false, 401)] {
        let azlet = with_registry(Settings { anonymous_pull: open, ..Settings::default() }).await;
        for scope in ["repository:a:pull", "repository:a:push", "registry:catalog:*"] {
            let form = [("grant_type", "password"), ("service", HOST), ("scope", scope)];
            let posted = azlet.anonymous().post_form(&url("/oauth2/token"), &form).await;
            assert_eq!(posted.status(), expected, "recorded: whatever the scope is; {scope}, {}", posted.golden());
            let got = azlet.anonymous().get(&url(&format!("/oauth2/token?service={HOST}&scope={scope}"))).await;
            assert_eq!(got.status(), expected, "{scope}");
            if open {
                assert_eq!(access(&azlet, &posted), "repository:*:pull");
            }
        }
    }
}

#[tokio::test]
async fn the_firewall_stands_before_every_path() {
    let elsewhere = AddressRange::parse("203.0.113.7").expect("an address");
    let azlet = with_registry(Settings { allowed: Some(vec![elsewhere]), ..Settings::default() }).await;
    let good = azlet.token("owner", ENTRA).await;
    let anonymous = azlet.anonymous();
    let mut answers = vec![
        ("base", anonymous.get(&url("/v2/")).await),
        ("exchange", azlet.exchange(HOST, "owner").await),
        ("token", azlet.access_token(HOST, "x", "repository:a:pull").await),
        ("anonymous token", anonymous.get(&url("/oauth2/token?scope=repository:a:pull")).await),
        ("manifest", azlet.bearer(good).get(&url("/v2/a/manifests/v1")).await),
        ("metadata", anonymous.get(&url("/acr/v1/_catalog")).await),
    ];
    let upload = anonymous.request(Method::POST, &url("/v2/a/blobs/uploads/"));
    answers.push(("upload", anonymous.send(upload).await));
    let expected = json!({ "errors": [{
        "code": "DENIED",
        "message": "client with IP '127.0.0.1' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
    }] });
    for (what, answer) in answers {
        assert_eq!((answer.status(), answer.json()), (403, expected.clone()), "{what}");
    }
}

#[tokio::test]
async fn a_push_beyond_ones_rights_is_asked_for_a_better_token() {
    let azlet = with_registry(Settings::default()).await;
    let registry = resource_id("rg", "Microsoft.ContainerRegistry/registries/Reg");
    azlet.assign("nobody", "AcrPull", &registry);
    // What a client asks for when it pushes; it is given the part that is its own.
    let actor = azlet.registry_actor(HOST, "nobody", "repository:a:pull,push").await;
    let refused = actor.send(actor.request(Method::POST, &url("/v2/a/blobs/uploads/"))).await;
    insta::assert_snapshot!("push_beyond_rights", refused.golden());
}
