//! What a registry's tokens are bound to, and for how long: signature, key, issuer, registry, kind, time. Sources: lifetimes and
//! claims of decoded tokens; RFC 7515 and RFC 8725 for what a signature must be. That a token which is refused has
//! `error="invalid_token"` is recorded; that one past its end has it too is inferred.

use azlet::acr::store::Settings;
use azlet::kernel::jwt::SigningKey;
use azlet::kernel::resource_id::ResourceId;
use azlet_tests::registry::{HOST, push_image, url};
use azlet_tests::{Answer, Azlet, arm, resource_id};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

const OTHER: &str = "other.azurecr.io";
const NULL_USER: &str = "00000000-0000-0000-0000-000000000000";
const ENTRA: &str = "https://containerregistry.azure.net";

async fn prepared() -> Azlet {
    let azlet = Azlet::start().await;
    azlet.registry("Reg", Settings::default());
    azlet.registry("Other", Settings::default());
    push_image(&azlet.registry_actor(HOST, "owner", "repository:a:pull,push").await, HOST, "a", "v1", "text").await;
    azlet
}

async fn access_token(azlet: &Azlet, host: &str) -> String {
    let refresh = azlet.refresh_token(host, "owner").await;
    token_of(&azlet.access_token(host, &refresh, "repository:a:pull").await)
}

fn token_of(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.golden())).to_owned()
}

/// How a token fares wherever one can be shown: as a bearer's, as a refresh token, as the nil user's password at the token endpoint
/// and at a resource, and at the exchange.
async fn fares(azlet: &Azlet, token: &str) -> String {
    let manifest = azlet.bearer(token).get(&url("/v2/a/manifests/v1")).await;
    let error = manifest.header("www-authenticate").and_then(|text| text.split_once("error=")).map_or("", |(_, it)| it);
    let refreshed = azlet.access_token(HOST, token, "repository:a:pull").await;
    assert!(refreshed.status() == 200 || refreshed.text().is_empty(), "{}", refreshed.golden());
    let anonymous = azlet.anonymous();
    let basic = async |path: &str| {
        let request = anonymous.request(Method::GET, &url(path)).basic_auth(NULL_USER, Some(token));
        anonymous.send(request).await.status()
    };
    let (password, direct) = (basic("/oauth2/token?scope=repository:a:pull").await, basic("/v2/a/manifests/v1").await);
    let form = [("grant_type", "access_token"), ("access_token", token)];
    let exchanged = anonymous.post_form(&url("/oauth2/exchange"), &form).await;
    assert!(exchanged.status() == 200 || exchanged.text().is_empty(), "{}", exchanged.golden());
    let bearer = format!("{} {error}", manifest.status());
    format!(
        "bearer {}, refresh {}, password {password}, direct {direct}, exchange {}",
        bearer.trim(),
        refreshed.status(),
        exchanged.status()
    )
}

fn parts(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let part = token.split('.').nth(at).expect("a part");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
    };
    (part(0), part(1))
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The value with some members exchanged; `null` takes one away.
fn with(value: &Value, members: Value) -> Value {
    let mut value = value.clone();
    let object = value.as_object_mut().expect("an object");
    for (key, member) in members.as_object().expect("members") {
        match member {
            Value::Null => drop(object.shift_remove(key)),
            member => drop(object.insert(key.clone(), member.clone())),
        }
    }
    value
}

#[tokio::test]
async fn a_token_that_is_not_the_registrys_own_opens_nothing() {
    let azlet = prepared().await;
    let world = azlet.world();
    let access = access_token(&azlet, HOST).await;
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let entra = azlet.token("owner", ENTRA).await;
    let (header, claims) = parts(&access);
    let signed = |header: &Value, claims: &Value| world.signing_key.sign(header, claims);
    let signature = access.rsplit('.').next().expect("a signature");
    let other_key = SigningKey::default();
    let mut lines = vec![
        format!("an access token: {}", fares(&azlet, &access).await),
        format!("a refresh token: {}", fares(&azlet, &refresh).await),
        format!("Entra's token: {}", fares(&azlet, &entra).await),
        format!("an access token, signed again: {}", fares(&azlet, &signed(&header, &claims)).await),
    ];
    let none = |alg: &str| format!("{}.{}.", encoded(&with(&header, json!({ "alg": alg }))), encoded(&claims));
    let now = claims["iat"].as_i64().expect("a time") + 900;
    for (what, token) in [
        ("alg none", none("none")),
        ("alg None, with a signature", format!("{}{signature}", none("None"))),
        ("alg HS256, with RS256's signature", format!("{}{signature}", none("HS256"))),
        ("alg missing", signed(&with(&header, json!({ "alg": null })), &claims)),
        ("signed with another key", other_key.sign(&header, &claims)),
        ("another key's name", signed(&with(&header, json!({ "kid": "ABCD:EFGH" })), &claims)),
        ("Entra's name of the key", signed(&parts(&entra).0, &claims)),
        ("no key's name", signed(&with(&header, json!({ "kid": null })), &claims)),
        ("a key of its own along", other_key.sign(&with(&header, json!({ "jwk": { "kty": "RSA" } })), &claims)),
        ("another issuer", signed(&header, &with(&claims, json!({ "iss": "Docker Registry" })))),
        ("no issuer", signed(&header, &with(&claims, json!({ "iss": null })))),
        ("another registry's audience", signed(&header, &with(&claims, json!({ "aud": OTHER })))),
        ("a list of audiences", signed(&header, &with(&claims, json!({ "aud": [HOST, OTHER] })))),
        ("another registry's rid", signed(&header, &with(&claims, json!({ "rid": "0".repeat(32) })))),
        ("no rid", signed(&header, &with(&claims, json!({ "rid": null })))),
        ("another kind", signed(&header, &with(&claims, json!({ "grant_type": "id_token" })))),
        ("said to be a refresh token", signed(&header, &with(&claims, json!({ "grant_type": "refresh_token" })))),
        ("a refresh token said to be an access token", {
            let (header, claims) = parts(&refresh);
            signed(&header, &with(&claims, json!({ "grant_type": "access_token" })))
        }),
        ("no access", signed(&header, &with(&claims, json!({ "access": null })))),
        ("no end", signed(&header, &with(&claims, json!({ "exp": null })))),
        ("an end as text", signed(&header, &with(&claims, json!({ "exp": "9999999999" })))),
        ("an end beyond time", signed(&header, &with(&claims, json!({ "exp": i64::MAX })))),
        ("ended this second", signed(&header, &with(&claims, json!({ "exp": now })))),
        ("begins in a second", signed(&header, &with(&claims, json!({ "nbf": now + 1 })))),
        ("claims exchanged", access.replace(&encoded(&claims), &encoded(&with(&claims, json!({ "sub": "x" }))))),
        ("the signature cut", access[..access.len() - 4].to_owned()),
        ("without a signature", access.rsplit_once('.').expect("parts").0.to_owned()),
        ("a fourth part", format!("{access}.x")),
        ("padding", format!("{access}=")),
        ("ten thousand letters", "a".repeat(10_000)),
        ("nothing", String::new()),
    ] {
        lines.push(format!("{what}: {}", fares(&azlet, &token).await));
    }
    insta::assert_snapshot!("forged", lines.join("\n"));
}

#[tokio::test]
async fn tokens_are_bound_to_their_registry() {
    let azlet = prepared().await;
    push_image(&azlet.registry_actor(OTHER, "owner", "repository:a:pull,push").await, OTHER, "a", "v1", "text").await;
    let (access, refresh) = (access_token(&azlet, OTHER).await, azlet.refresh_token(OTHER, "owner").await);
    let here = azlet.bearer(&access).get(&format!("https://{OTHER}/v2/a/manifests/v1")).await;
    assert_eq!(here.status(), 200, "at its own registry");
    let mut lines = vec![
        format!("another registry's access token: {}", fares(&azlet, &access).await),
        format!("another registry's refresh token: {}", fares(&azlet, &refresh).await),
    ];
    // The same name once more: it is another registry.
    let (access, refresh) = (access_token(&azlet, HOST).await, azlet.refresh_token(HOST, "owner").await);
    azlet.world().acr.remove(HOST);
    azlet.registry("Reg", Settings::default());
    push_image(&azlet.registry_actor(HOST, "owner", "repository:a:pull,push").await, HOST, "a", "v1", "text").await;
    lines.push(format!("the access token of a registry made anew: {}", fares(&azlet, &access).await));
    lines.push(format!("its refresh token: {}", fares(&azlet, &refresh).await));
    // A registry that was moved is the same one.
    let (access, refresh) = (access_token(&azlet, HOST).await, azlet.refresh_token(HOST, "owner").await);
    let id = |group| ResourceId::new(&resource_id(group, "Microsoft.ContainerRegistry/registries/Reg"));
    azlet.world().acr.moved(&id("rg"), &id("rg2"));
    lines.push(format!("the access token of a registry that was moved: {}", fares(&azlet, &access).await));
    lines.push(format!("its refresh token: {}", fares(&azlet, &refresh).await));
    insta::assert_snapshot!("bound_to_registry", lines.join("\n"));
}

#[tokio::test]
async fn a_registry_deleted_by_arm_and_made_anew_takes_no_old_token() {
    let (azlet, owner) = Azlet::with_group().await;
    let host = "reg01.azurecr.io";
    let id = arm(&resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01"), "2025-11-01");
    let body = json!({ "location": "westus", "sku": { "name": "Basic" } });
    owner.put_and_wait(&id, &body).await;
    let access = access_token(&azlet, host).await;
    let ask = async |access: &str| azlet.bearer(access).get(&format!("https://{host}/v2/a/manifests/v1")).await.status();
    assert_eq!(ask(&access).await, 404, "allowed, and nothing there");
    owner.put_and_wait(&id, &body).await;
    assert_eq!(ask(&access).await, 404, "a PUT that changes it makes no other registry");
    let deleted = owner.delete(&id).await;
    owner.follow(&deleted).await;
    owner.put_and_wait(&id, &body).await;
    assert_eq!(ask(&access).await, 401);
    assert_eq!(ask(&access_token(&azlet, host).await).await, 404);
}

#[tokio::test]
async fn every_kind_of_token_ends_to_the_second() {
    let azlet = prepared().await;
    let registry = azlet.world().acr.by_login_server(HOST).expect("made above");
    {
        let mut settings = registry.settings.write();
        settings.anonymous_pull = true;
        settings.admin_enabled = true;
        settings.admin_passwords = ["one".into(), "two".into()];
    }
    let anonymous = azlet.anonymous();
    let basic = async |user: &str, password: &str| {
        let request = anonymous.request(Method::GET, &url("/oauth2/token?scope=repository:a:pull"));
        token_of(&anonymous.send(request.basic_auth(user, Some(password))).await)
    };
    let access = access_token(&azlet, HOST).await;
    let tokens = [
        ("of a refresh token", access.clone(), 3600),
        ("of the admin user", basic("Reg", "one").await, 3600),
        ("of a service principal", basic("0a210000-0000-4000-8000-0000000000a1", "azlet~owner~secret").await, 3600),
        ("of nobody in particular", token_of(&anonymous.get(&url("/oauth2/token?scope=repository:a:pull")).await), 300),
    ];
    let mut lines = Vec::new();
    for (what, token, life) in &tokens {
        let (header, claims) = parts(token);
        let time = |name: &str| claims[name].as_i64().expect("a time");
        assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")), "{what}");
        let kid: Vec<usize> = header["kid"].as_str().expect("a key's name").split(':').map(str::len).collect();
        assert_eq!(kid, [4; 12], "{what}: twelve groups of four");
        assert_eq!((time("nbf") - time("iat"), time("exp") - time("iat")), (0, life + 900), "{what}: {claims}");
        let names: Vec<&str> = claims.as_object().expect("claims").keys().map(String::as_str).collect();
        lines.push(format!("{what}: {} subject {}", names.join(" "), claims["sub"]));
    }
    insta::assert_snapshot!("claims_in_order", lines.join("\n"));
    let open = async |token: &str| azlet.bearer(token).get(&url("/v2/a/manifests/v1")).await.status();
    let fault = async |token: &str| {
        let refused = azlet.bearer(token).get(&url("/v2/a/manifests/v1")).await;
        refused.header("www-authenticate").unwrap_or_default().rsplit(',').next().unwrap_or_default().to_owned()
    };
    azlet.advance("299s").await;
    // What is made of an access token ends with it, however late it is made.
    let second = basic(NULL_USER, &access).await;
    assert_eq!(open(&tokens[3].1).await, 200, "anonymous, a second before its end");
    azlet.advance("1s").await;
    assert_eq!((open(&tokens[3].1).await, fault(&tokens[3].1).await.as_str()), (401, "error=\"invalid_token\""));
    azlet.advance("3299s").await;
    for (what, token, _) in &tokens[..3] {
        assert_eq!(open(token).await, 200, "{what}, a second before its end");
    }
    assert_eq!(open(&second).await, 200);
    azlet.advance("1s").await;
    for (what, token, _) in &tokens[..3] {
        assert_eq!((open(token).await, fault(token).await.as_str()), (401, "error=\"invalid_token\""), "{what}");
    }
    assert_eq!(open(&second).await, 401, "it does not outlive the token that it was made of");
    let request = anonymous.request(Method::GET, &url("/oauth2/token")).basic_auth(NULL_USER, Some(&access));
    assert_eq!(anonymous.send(request).await.status(), 401, "nothing is made of a token past its end");
}
