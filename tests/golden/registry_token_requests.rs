//! Requests for tokens that are none: fields that are missing, doubled or of another kind, bodies and headers of every sort. Sources:
//! Azure Container Registry's `docs/AAD-OAuth.md`; RFC 6749 §3.2 (a parameter is there once) and RFC 7617; recorded refusals. That
//! a request which is none is answered with 400 is inferred.

use std::time::Duration;

use azlet::acr::store::Settings;
use azlet_tests::registry::{HOST, push_image, url};
use azlet_tests::{Answer, Azlet, TENANT, arm, resource_id};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

const ENTRA: &str = "https://containerregistry.azure.net";
const NULL_USER: &str = "00000000-0000-0000-0000-000000000000";
const SECRET: &str = "se/cret~pass+word";
const FORM: &str = "application/x-www-form-urlencoded";

async fn with_registry(anonymous_pull: bool) -> Azlet {
    let azlet = Azlet::start().await;
    let admin_passwords = [SECRET.into(), "another-password".into()];
    azlet.registry("Reg", Settings { admin_enabled: true, admin_passwords, anonymous_pull, ..Settings::default() });
    azlet
}

/// Status, code and message, after it was seen that none of the secrets is repeated.
fn told(answer: &Answer, secrets: &[&str]) -> String {
    let text = answer.text();
    for secret in secrets {
        assert!(!text.contains(secret), "{text}");
        assert!(answer.headers().values().all(|value| !String::from_utf8_lossy(value.as_bytes()).contains(secret)));
    }
    assert!(answer.status() < 500, "{}", answer.golden());
    if answer.status() == 200 {
        return "200".into();
    }
    assert_eq!(answer.json()["access_token"], serde_json::Value::Null);
    let id = answer.header("x-ms-correlation-request-id").unwrap_or("-");
    let message = match answer.json()["errors"][0]["message"].as_str() {
        Some(message) => message.replace(id, "<id>"),
        None => format!("{} bytes", text.len()),
    };
    format!("{} {message}", answer.status())
}

async fn sent(azlet: &Azlet, path: &str, kind: Option<&str>, body: impl Into<reqwest::Body>) -> Answer {
    let anonymous = azlet.anonymous();
    let mut request = anonymous.request(Method::POST, &url(path)).body(body);
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    anonymous.send(request).await
}

#[tokio::test]
async fn a_field_that_is_missing_empty_or_doubled_is_told() {
    let azlet = with_registry(false).await;
    let entra = azlet.token("owner", ENTRA).await;
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let forms = [
        (
            "exchange",
            "/oauth2/exchange",
            vec![("grant_type", "access_token"), ("service", HOST), ("tenant", TENANT), ("access_token", &entra)],
        ),
        (
            "refresh token",
            "/oauth2/token",
            vec![("grant_type", "refresh_token"), ("service", HOST), ("scope", "repository:a:pull"), ("refresh_token", &refresh)],
        ),
        (
            "password",
            "/oauth2/token",
            vec![
                ("grant_type", "password"),
                ("service", HOST),
                ("scope", "repository:a:pull"),
                ("username", "Reg"),
                ("password", SECRET),
            ],
        ),
    ];
    let mut lines = Vec::new();
    for (what, path, form) in forms {
        let post = async |form: &[(&str, &str)]| {
            let answer = azlet.anonymous().post_form(&url(path), form).await;
            told(&answer, &[&entra, &refresh, SECRET])
        };
        assert_eq!(post(&form).await, "200", "{what}");
        for at in 0..form.len() {
            let name = form[at].0;
            let mut missing = form.clone();
            missing.remove(at);
            let mut empty = form.clone();
            empty[at].1 = "";
            let mut doubled = form.clone();
            doubled.push(form[at]);
            lines.push(format!("{what}, {name} missing: {}", post(&missing).await));
            lines.push(format!("{what}, {name} empty: {}", post(&empty).await));
            lines.push(format!("{what}, {name} doubled: {}", post(&doubled).await));
        }
        lines.push(format!("{what}, nothing: {}", post(&[]).await));
        let mut more = form.clone();
        more.extend([("client_id", "docker"), ("access_type", "offline"), ("colour", "red"), ("", "")]);
        assert_eq!(post(&more).await, "200", "{what}: what is not known is not looked at");
        let reversed: Vec<(&str, &str)> = form.iter().rev().copied().collect();
        assert_eq!(post(&reversed).await, "200", "{what}: in any order");
        let query = form_urlencoded(&form);
        let misplaced = sent(&azlet, &format!("{path}?{query}"), Some(FORM), "").await;
        lines.push(format!("{what}, all in the query: {}", told(&misplaced, &[&entra, &refresh, SECRET])));
    }
    insta::assert_snapshot!("request_fields", lines.join("\n"));
}

fn form_urlencoded(form: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("https://x").expect("a URL");
    url.query_pairs_mut().extend_pairs(form);
    url.query().expect("a query").to_owned()
}

#[tokio::test]
async fn a_body_is_a_form_of_moderate_size() {
    let azlet = with_registry(true).await;
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let good = form_urlencoded(&[("grant_type", "refresh_token"), ("scope", "repository:a:pull"), ("refresh_token", &refresh)]);
    let mut lines = Vec::new();
    for kind in [
        Some(FORM),
        Some("application/x-www-form-urlencoded; charset=utf-8"),
        Some("Application/X-WWW-Form-URLEncoded"),
        None,
        Some("application/json"),
        Some("text/plain"),
        Some("multipart/form-data; boundary=x"),
        Some(""),
    ] {
        let answer = sent(&azlet, "/oauth2/token", kind, good.clone()).await;
        lines.push(format!("type {}: {}", kind.unwrap_or("-"), told(&answer, &[&refresh])));
    }
    let chunked = |pieces: Vec<Vec<u8>>| {
        reqwest::Body::wrap_stream(futures_util::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)))
    };
    let bytes = good.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
    lines.push(format!("in chunks: {}", told(&sent(&azlet, "/oauth2/token", Some(FORM), chunked(bytes)).await, &[&refresh])));
    for (what, body) in [
        ("JSON that says it is a form", br#"{"grant_type":"refresh_token"}"#.to_vec()),
        ("bytes that are no text", vec![0xff, 0xfe, 0x00, b'=', 0xff, b'&', 0xc3]),
        ("a user's name that is no text", b"grant_type=password&username=%ff%fe&password=%00".to_vec()),
        ("broken escapes", b"grant_type=%re%2&refresh_token=%".to_vec()),
        ("a zero byte in the token", b"grant_type=refresh_token&refresh_token=a%00b".to_vec()),
        ("separators alone", b"&&&===&;&".to_vec()),
        ("ten megabytes", vec![b'a'; 10 * 1024 * 1024]),
        ("ten megabytes of scopes", b"&scope=repository:a:pull".repeat(10 * 1024 * 1024 / 24)),
    ] {
        for path in ["/oauth2/exchange", "/oauth2/token"] {
            let answer = sent(&azlet, path, Some(FORM), body.clone()).await;
            lines.push(format!("{what} at {path}: {}", told(&answer, &[])));
        }
    }
    let pieces = vec![vec![b'a'; 64 * 1024]; 160];
    lines.push(format!("ten megabytes in chunks: {}", told(&sent(&azlet, "/oauth2/token", None, chunked(pieces)).await, &[])));
    insta::assert_snapshot!("request_bodies", lines.join("\n"));
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'a'; 64 * 1024]));
    let anonymous = azlet.anonymous();
    let endless = anonymous.request(Method::POST, &url("/oauth2/token")).body(reqwest::Body::wrap_stream(endless)).send();
    let ended = tokio::time::timeout(Duration::from_secs(30), endless).await.expect("an endless body is not read to its end");
    assert!(ended.map_or(true, |answer| answer.status().as_u16() == 400));
}

#[tokio::test]
async fn a_header_that_is_no_credential_is_nobodys() {
    // Where anyone may pull, a credential that cannot be read is refused all the same, and not taken for none.
    for anonymous_pull in [false, true] {
        let azlet = with_registry(anonymous_pull).await;
        push_image(&azlet.registry_actor(HOST, "owner", "repository:a:pull,push").await, HOST, "a", "v1", "text").await;
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let mut lines = Vec::new();
        let headers: Vec<(&str, Vec<u8>)> = vec![
            ("a good one", basic(&format!("reg:{SECRET}")).into_bytes()),
            ("in small letters", basic(&format!("reg:{SECRET}")).replace("Basic", "basic").into_bytes()),
            ("nothing", Vec::new()),
            ("the scheme alone", b"Basic".to_vec()),
            ("the scheme and a blank", b"Basic ".to_vec()),
            ("no base64", b"Basic ###".to_vec()),
            ("base64 of no text", format!("Basic {}", STANDARD.encode([0xff, 0xfe, b':', b'x'])).into_bytes()),
            ("no colon", basic("reg").into_bytes()),
            ("empty on both sides", basic(":").into_bytes()),
            ("without a name", basic(&format!(":{SECRET}")).into_bytes()),
            ("without a password", basic("reg:").into_bytes()),
            ("a password with colons", basic(&format!("reg:{SECRET}:x")).into_bytes()),
            ("the nil user without a password", basic(&format!("{NULL_USER}:")).into_bytes()),
            ("a name of 10 KB", basic(&format!("{}:x", "a".repeat(9_000))).into_bytes()),
            ("another scheme", b"Negotiate abc".to_vec()),
            ("Digest", b"Digest username=\"reg\"".to_vec()),
            ("bytes that are no text", vec![b'B', 0xff, b' ', 0xfe]),
            ("a bearer's", b"Bearer abc".to_vec()),
            ("a bearer's without a token", b"Bearer".to_vec()),
        ];
        for (what, header) in headers {
            let value = HeaderValue::from_bytes(&header).expect("it can be sent");
            let ask = async |path: &str| {
                let anonymous = azlet.anonymous();
                anonymous.send(anonymous.request(Method::GET, &url(path)).header("authorization", value.clone())).await
            };
            let token = told(&ask("/oauth2/token?service=reg.azurecr.io&scope=repository:a:pull").await, &[SECRET]);
            let manifest = ask("/v2/a/manifests/v1").await;
            let error = manifest.header("www-authenticate").and_then(|text| text.split_once("error=")).map_or("-", |(_, it)| it);
            lines.push(format!("{what}: {token}; a manifest: {} {error}", manifest.status()));
        }
        let anonymous = azlet.anonymous();
        for path in ["/oauth2/token?scope=repository:a:pull", "/v2/a/manifests/v1"] {
            let request = anonymous.request(Method::GET, &url(path));
            let twice = request.header("authorization", basic(&format!("reg:{SECRET}"))).header("authorization", basic("x:y"));
            lines.push(format!("two headers at {path}: {}", anonymous.send(twice).await.status()));
        }
        insta::assert_snapshot!(format!("request_headers_{anonymous_pull}"), lines.join("\n"));
    }
}

/// What an access token's claims grant, as scopes are written.
fn access(azlet: &Azlet, answer: &Answer) -> String {
    let Some(token) = answer.json()["access_token"].as_str().map(str::to_owned) else { return answer.status().to_string() };
    let claims = azlet.world().signing_key.verify(&token).expect("ours");
    claims["access"].to_string()
}

#[tokio::test]
async fn scopes_of_every_kind_grant_what_is_held_and_nothing_else() {
    let azlet = with_registry(false).await;
    let anonymous = azlet.anonymous();
    let get = async |query: &str| {
        let request = anonymous.request(Method::GET, &url(&format!("/oauth2/token?service={HOST}{query}")));
        anonymous.send(request.basic_auth("reg", Some(SECRET))).await
    };
    let mut lines = Vec::new();
    for query in [
        "",
        "&scope=",
        "&scope=%20%20",
        "&scope=repository:a:pull",
        "&scope=repository%3Ateam%2Fa%3Apull%2Cpush",
        "&scope=repository:a:pull+repository:b:push",
        "&scope=repository:a:pull%0arepository:b:push",
        "&scope=repository:a:pull&scope=repository:b:push",
        "&scope=repository:a:pull&scope=repository:a:push",
        "&scope=repository:a:pull,,pull,%20,push",
        "&scope=repository:a:PULL",
        "&scope=Repository:a:pull",
        "&scope=repository:*:pull",
        "&scope=repository:host:5000/a:pull",
        "&scope=repository(plugin):a:pull",
        "&scope=repository::pull",
        "&scope=:a:pull",
        "&scope=::",
        "&scope=repository:a:",
        "&scope=repository",
        "&scope=registry:catalog:*",
        "&scope=registry:catalog:pull",
        "&scope=registry:other:*",
        "&scope=%22%5c",
        "&scope=repository:a%22,x=%22:pull",
        "&scope=%ff%fe:a:pull",
        "&scope=repository:a:pull&scope[]=repository:b:pull&SCOPE=repository:c:pull",
    ] {
        lines.push(format!("{query}\n    {}", access(&azlet, &get(query).await)));
    }
    let many: String = (0..200).map(|number| format!("&scope=repository:r{number}:pull")).collect();
    let many = get(&many).await.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(azlet.world().signing_key.verify(&many).expect("ours")["access"].as_array().expect("a list").len(), 200);
    assert_eq!(azlet.bearer(&many).get(&url("/v2/r199/manifests/v1")).await.status(), 404, "a long token works too");
    lines.push(format!("service twice: {}", told(&get(&format!("&service={HOST}")).await, &[SECRET])));
    for method in [Method::PUT, Method::DELETE, Method::HEAD, Method::PATCH, Method::OPTIONS] {
        let answer = anonymous.send(anonymous.request(method.clone(), &url("/oauth2/token"))).await;
        lines.push(format!("{method}: {}, allow {}", answer.status(), answer.header("allow").unwrap_or("-")));
    }
    insta::assert_snapshot!("request_scopes", lines.join("\n"));
}

#[tokio::test]
async fn a_mount_from_what_is_no_repository_does_not_get_into_the_challenge() {
    let azlet = with_registry(false).await;
    let digest = format!("sha256:{}", "a".repeat(64));
    let mut lines = Vec::new();
    for from in ["other", "team%2fa", "x%22,error=%22none", "a%20repository:b:push", "A", "%0d%0aSet-Cookie:%20x", "%ff"] {
        let anonymous = azlet.anonymous();
        let path = url(&format!("/v2/a/blobs/uploads/?mount={digest}&from={from}"));
        let answer = anonymous.send(anonymous.request(Method::POST, &path)).await;
        let header = answer.header("www-authenticate").expect("a challenge").to_owned();
        let scope = header.split("scope=").nth(1).expect("a scope");
        lines.push(format!("{from}: {} {scope} {}", answer.status(), answer.json()["errors"][0]["detail"]));
    }
    insta::assert_snapshot!("request_mounts", lines.join("\n"));
}

#[tokio::test]
async fn no_secret_is_in_the_log_of_logins() {
    let (azlet, owner) = Azlet::with_group().await;
    let host = "reg01.azurecr.io";
    let id = resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01");
    let body = json!({ "location": "westus", "sku": { "name": "Basic" }, "properties": { "adminUserEnabled": true } });
    owner.put_and_wait(&arm(&id, "2025-11-01"), &body).await;
    let held = owner.post(&arm(&format!("{id}/listCredentials"), "2025-11-01"), &json!({})).await.json();
    let admin = held["passwords"][0]["value"].as_str().expect("a password").to_owned();
    let workspace = resource_id("rg", "Microsoft.OperationalInsights/workspaces/logs1");
    let made = owner.put_and_wait(&arm(&workspace, "2025-02-01"), &json!({ "location": "westus2" })).await.json();
    let logs = ["ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"]
        .map(|category| json!({ "category": category, "enabled": true }));
    let setting = format!("{id}/providers/Microsoft.Insights/diagnosticSettings/s");
    let wanted = json!({ "properties": { "workspaceId": workspace, "logs": logs } });
    assert_eq!(owner.put(&arm(&setting, "2021-05-01-preview"), &wanted).await.status(), 200);
    let entra = azlet.token("owner", ENTRA).await;
    let refresh = azlet.refresh_token(host, "owner").await;
    let access = azlet.access_token(host, &refresh, "repository:a:pull").await.json()["access_token"].clone();
    let access = access.as_str().expect("a token").to_owned();
    for (user, password) in
        [(NULL_USER, refresh.as_str()), (NULL_USER, &access), (NULL_USER, &entra), ("reg01", &admin), ("reg01", SECRET)]
    {
        let anonymous = azlet.anonymous();
        for path in ["/oauth2/token?scope=repository:a:pull", "/v2/a/manifests/v1"] {
            let request = anonymous.request(Method::GET, &format!("https://{host}{path}"));
            anonymous.send(request.basic_auth(user, Some(password))).await;
        }
        azlet.bearer(password).get(&format!("https://{host}/v2/a/manifests/v1")).await;
    }
    let reader = azlet.bearer(azlet.token("owner", "https://api.loganalytics.io").await);
    let customer = made["properties"]["customerId"].as_str().expect("a workspace's id");
    let url = format!("https://api.loganalytics.io/v1/workspaces/{customer}/query");
    for (table, least) in [("ContainerRegistryLoginEvents", 7), ("ContainerRegistryRepositoryEvents", 10)] {
        let answer = reader.post(&url, &json!({ "query": table })).await;
        let rows = answer.json()["tables"][0]["rows"].as_array().expect("rows").len();
        assert!(rows >= least, "{table} tells of {rows}");
        for secret in [&entra, &refresh, &access, &admin, SECRET] {
            assert!(!answer.text().contains(secret), "{table} repeats {secret}");
        }
    }
}
