//! How people sign in: password, device code, browser, refresh tokens, on behalf of. Sources: RFC 6749, 7636 and 8628; Microsoft's
//! pages on these flows; AADSTS texts as quoted in public.

use aws_lc_rs::digest::{SHA256, digest};
use azlet_tests::{Answer, Azlet, TENANT};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const POWERSHELL: &str = "1950a258-227b-4e31-a9cf-717495945fc2";
const ADA: (&str, &str) = ("ada@azlet.onmicrosoft.com", "azlet~user~password");
const SCOPE: &str = "https://management.core.windows.net//.default openid profile offline_access";
const GRAPH: &str = "https://graph.microsoft.com/v1.0";

fn login(path: &str) -> String {
    format!("https://login.microsoftonline.com/{path}")
}

async fn token(azlet: &Azlet, form: &[(&str, &str)]) -> Answer {
    azlet.anonymous().post_form(&login(&format!("{TENANT}/oauth2/v2.0/token")), form).await
}

async fn by_password(azlet: &Azlet, name: &str, password: &str) -> Answer {
    let form = [("grant_type", "password"), ("client_id", CLI), ("username", name), ("password", password), ("scope", SCOPE)];
    token(azlet, &form).await
}

fn code_of(answer: &Answer) -> u64 {
    answer.json()["error_codes"][0].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn a_password_gets_every_token_of_a_user() {
    let azlet = Azlet::start().await;
    insta::assert_snapshot!(by_password(&azlet, ADA.0, ADA.1).await.golden());
}

#[tokio::test]
async fn what_stands_between_a_user_and_a_token_has_its_code() {
    let azlet = Azlet::start().await;
    for (number, state) in ["passwordExpired", "mfaRequired", "mfaEnrollment", "blockedByPolicy"].into_iter().enumerate() {
        let name = format!("{state}@azlet.onmicrosoft.com");
        azlet
            .put_principal(&json!({
                "objectId": format!("33333333-0000-4000-8000-00000000000{number}"), "type": "User", "userPrincipalName": name,
                "password": "p", "signIn": state,
            }))
            .await;
        insta::assert_snapshot!(format!("user_{state}"), by_password(&azlet, &name, "p").await.golden());
    }
    azlet
        .put_principal(&json!({
            "objectId": "33333333-0000-4000-8000-0000000000ff", "type": "User", "userPrincipalName": "off@azlet.onmicrosoft.com",
            "password": "p", "enabled": false,
        }))
        .await;
    insta::assert_snapshot!("user_disabled", by_password(&azlet, "off@azlet.onmicrosoft.com", "p").await.golden());
    insta::assert_snapshot!("user_unknown", by_password(&azlet, "eve@azlet.onmicrosoft.com", "p").await.golden());
    insta::assert_snapshot!("user_wrong_password", by_password(&azlet, ADA.0, "wrong").await.golden());
}

#[tokio::test]
async fn ten_wrong_passwords_lock_an_account_for_a_minute() {
    let azlet = Azlet::start().await;
    for _ in 0..10 {
        assert_eq!(code_of(&by_password(&azlet, ADA.0, "wrong").await), 50126);
    }
    insta::assert_snapshot!("user_locked", by_password(&azlet, ADA.0, ADA.1).await.golden());
    azlet.advance("1m").await;
    assert_eq!(by_password(&azlet, ADA.0, ADA.1).await.status(), 200);
}

async fn refreshed(azlet: &Azlet, client: &str, refresh_token: &str) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", client),
        ("refresh_token", refresh_token),
        ("scope", "https://graph.microsoft.com//.default offline_access"),
    ];
    token(azlet, &form).await
}

#[tokio::test]
async fn a_refresh_token_is_renewed_and_shared_by_a_family_until_it_is_revoked_or_forgotten() {
    let azlet = Azlet::start().await;
    let first = by_password(&azlet, ADA.0, ADA.1).await.json()["refresh_token"].as_str().expect("a token").to_owned();
    insta::assert_snapshot!("refreshed", refreshed(&azlet, CLI, &first).await.golden());
    // The old one stays good, and a client of the same family may use it; one that is no relative may not.
    assert_eq!(refreshed(&azlet, POWERSHELL, &first).await.status(), 200);
    let stranger = refreshed(&azlet, "80faf920-1908-4b52-b5ef-a8e7bedfc67a", &first).await;
    insta::assert_snapshot!("refresh_of_a_stranger", stranger.golden());
    assert_eq!(code_of(&refreshed(&azlet, CLI, "1.Agarbage").await), 9_002_313);
    azlet.advance("1h").await;
    let graph = azlet.bearer(azlet.token("owner", "https://graph.microsoft.com").await);
    let revoked = graph.post(&format!("{GRAPH}/users/{}/revokeSignInSessions", ADA.0), &json!({})).await;
    assert_eq!(revoked.status(), 200, "{}", revoked.golden());
    insta::assert_snapshot!("refresh_revoked", refreshed(&azlet, CLI, &first).await.golden());
    let second = by_password(&azlet, ADA.0, ADA.1).await.json()["refresh_token"].as_str().expect("a token").to_owned();
    azlet.advance("2160h").await;
    insta::assert_snapshot!("refresh_forgotten", refreshed(&azlet, CLI, &second).await.golden());
}

#[tokio::test]
async fn a_client_that_handles_challenges_gets_a_long_token() {
    let azlet = Azlet::start().await;
    let claims = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;
    let form = [
        ("grant_type", "password"),
        ("client_id", CLI),
        ("username", ADA.0),
        ("password", ADA.1),
        ("scope", SCOPE),
        ("claims", claims),
    ];
    let answer = token(&azlet, &form).await.json();
    assert_eq!((&answer["expires_in"], &answer["refresh_in"]), (&json!(86_399), &json!(43_199)));
}

async fn begin_device(azlet: &Azlet) -> Value {
    let form = [("client_id", CLI), ("scope", SCOPE)];
    azlet.anonymous().post_form(&login("organizations/oauth2/v2.0/devicecode"), &form).await.json()
}

async fn poll(azlet: &Azlet, device_code: &str) -> Answer {
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("client_id", CLI), ("device_code", device_code)];
    token(azlet, &form).await
}

async fn answer_device(azlet: &Azlet, user_code: &str, rest: &[(&str, &str)]) -> Answer {
    let mut form = vec![("otc", user_code)];
    form.extend(rest);
    azlet.anonymous().post_form("https://microsoft.com/devicelogin", &form).await
}

#[tokio::test]
async fn a_device_waits_until_someone_signs_in_for_it() {
    let azlet = Azlet::start().await;
    let begun = begin_device(&azlet).await;
    let (user_code, device_code) = (begun["user_code"].as_str().expect("text"), begun["device_code"].as_str().expect("text"));
    assert_eq!((user_code.len(), &begun["expires_in"], &begun["interval"]), (9, &json!(900), &json!(5)));
    let page = "https://microsoft.com/devicelogin";
    assert_eq!(begun["verification_uri"], page);
    let said = format!("To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate.");
    assert_eq!(begun["message"], said.as_str());
    insta::assert_snapshot!("device_pending", poll(&azlet, device_code).await.golden());
    assert_eq!(azlet.anonymous().get(page).await.status(), 200);
    let wrong = answer_device(&azlet, user_code, &[("username", ADA.0), ("password", "wrong")]).await;
    assert!(wrong.text().contains("AADSTS50126"), "{}", wrong.text());
    let done = answer_device(&azlet, user_code, &[("username", ADA.0), ("password", ADA.1)]).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    let tokens = poll(&azlet, device_code).await;
    assert_eq!(tokens.status(), 200, "{}", tokens.golden());
    assert_eq!(tokens.json()["foci"], "1");
    assert_eq!(code_of(&poll(&azlet, device_code).await), 54005);
}

#[tokio::test]
async fn a_device_is_refused_forgotten_or_unknown() {
    let azlet = Azlet::start().await;
    let begun = begin_device(&azlet).await;
    let text = |value: &Value, name: &str| value[name].as_str().expect("text").to_owned();
    answer_device(&azlet, &text(&begun, "user_code"), &[("decline", "yes")]).await;
    insta::assert_snapshot!("device_declined", poll(&azlet, &text(&begun, "device_code")).await.golden());
    insta::assert_snapshot!("device_unknown", poll(&azlet, "nothing").await.golden());
    let begun = begin_device(&azlet).await;
    azlet.advance("15m").await;
    insta::assert_snapshot!("device_expired", poll(&azlet, &text(&begun, "device_code")).await.golden());
    let form = [("client_id", CLI), ("resource", "https://management.azure.com/")];
    let v1 = azlet.anonymous().post_form(&login("common/oauth2/devicecode"), &form).await.json();
    assert_eq!((&v1["expires_in"], v1["verification_url"].is_string()), (&json!("900"), true));
}

const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0123456789";

fn authorize(more: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    login(&format!(
        "organizations/oauth2/v2.0/authorize?client_id={CLI}&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A8400&state=s1\
         &scope=https%3A%2F%2Fmanagement.core.windows.net%2F%2F.default+openid+profile+offline_access&nonce=n1&client_info=1\
         &code_challenge={challenge}&code_challenge_method=S256{more}"
    ))
}

/// Fills in the page: every field of the request, and who signs in.
async fn sign_in(azlet: &Azlet, url: &str, password: &str) -> Answer {
    let (address, query) = url.split_once('?').expect("a query");
    let query = reqwest::Url::parse(&format!("http://x/?{query}")).expect("a query");
    let mut form: Vec<(String, String)> = query.query_pairs().into_owned().collect();
    form.extend([("username".to_owned(), ADA.0.to_owned()), ("password".to_owned(), password.to_owned())]);
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    azlet.anonymous().post_form(address, &form).await
}

/// A parameter of the address that an answer leads to.
fn parameter(answer: &Answer, name: &str) -> Option<String> {
    let address = answer.header("location")?.replacen('#', "?", 1);
    let address = reqwest::Url::parse(&address).ok()?;
    address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

async fn redeem(azlet: &Azlet, code: &str, verifier: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CLI),
        ("code", code),
        ("redirect_uri", "http://localhost:8400"),
        ("code_verifier", verifier),
        ("scope", SCOPE),
    ];
    token(azlet, &form).await
}

#[tokio::test]
async fn a_browser_brings_a_code_that_is_redeemed_once() {
    let azlet = Azlet::start().await;
    let page = azlet.anonymous().get(&authorize("&login_hint=eve%22%3E%3Cscript%3E")).await;
    assert_eq!(page.status(), 200);
    assert!(page.text().contains("Ada Azlet") && !page.text().contains("<script>"), "{}", page.text());
    let wrong = sign_in(&azlet, &authorize(""), "wrong").await;
    assert!(wrong.status() == 401 && wrong.text().contains("AADSTS50126"), "{}", wrong.text());
    let back = sign_in(&azlet, &authorize(""), ADA.1).await;
    assert_eq!((back.status(), parameter(&back, "state").as_deref()), (302, Some("s1")));
    assert!(back.header("location").is_some_and(|address| address.starts_with("http://localhost:8400?code=")));
    assert!(parameter(&back, "client_info").is_some() && parameter(&back, "session_state").is_some());
    let code = parameter(&back, "code").expect("a code");
    let tokens = redeem(&azlet, &code, VERIFIER).await;
    insta::assert_snapshot!("code_redeemed", tokens.golden());
    insta::assert_snapshot!("code_redeemed_twice", redeem(&azlet, &code, VERIFIER).await.golden());
}

#[tokio::test]
async fn a_code_that_is_not_for_who_shows_it_gets_nothing() {
    let azlet = Azlet::start().await;
    let fresh = async || parameter(&sign_in(&azlet, &authorize(""), ADA.1).await, "code").expect("a code");
    insta::assert_snapshot!("code_wrong_verifier", redeem(&azlet, &fresh().await, "another").await.golden());
    assert_eq!(code_of(&redeem(&azlet, "1.Anothing", VERIFIER).await), 9_002_313);
    let code = fresh().await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CLI),
        ("code", code.as_str()),
        ("redirect_uri", "http://localhost:9999"),
        ("code_verifier", VERIFIER),
        ("scope", SCOPE),
    ];
    insta::assert_snapshot!("code_another_address", token(&azlet, &form).await.golden());
    let code = fresh().await;
    azlet.advance("10m").await;
    insta::assert_snapshot!("code_too_old", redeem(&azlet, &code, VERIFIER).await.golden());
    let code = fresh().await;
    let form = [("grant_type", "authorization_code"), ("client_id", POWERSHELL), ("code", code.as_str())];
    assert_eq!(code_of(&token(&azlet, &form).await), 9_002_313);
}

#[tokio::test]
async fn nothing_goes_to_an_address_that_is_not_the_applications() {
    let azlet = Azlet::start().await;
    let with = |address: &str| authorize("").replace("http%3A%2F%2Flocalhost%3A8400", address);
    for address in
        ["https%3A%2F%2Fevil.example", "http%3A%2F%2Flocalhost%3A1%40evil.example", "http%3A%2F%2Flocalhost.evil.example"]
    {
        let answer = azlet.anonymous().get(&with(address)).await;
        assert!(answer.status() == 400 && answer.text().contains("AADSTS50011"), "{address}: {}", answer.text());
        assert_eq!(sign_in(&azlet, &with(address), ADA.1).await.header("location"), None, "{address}");
    }
    let unknown = azlet.anonymous().get(&authorize("").replace(CLI, "99999999-0000-4000-8000-000000000000")).await;
    assert!(unknown.status() == 400 && unknown.text().contains("AADSTS700016"), "{}", unknown.text());
}

#[tokio::test]
async fn an_application_is_answered_in_the_way_that_it_wants() {
    let azlet = Azlet::start().await;
    let fragment = sign_in(&azlet, &authorize("&response_mode=fragment"), ADA.1).await;
    assert!(fragment.header("location").is_some_and(|address| address.starts_with("http://localhost:8400#code=")));
    let post = sign_in(&azlet, &authorize("&response_mode=form_post"), ADA.1).await;
    assert!(post.status() == 200 && post.text().contains("action=\"http://localhost:8400\""), "{}", post.text());
    // Silence is not for strangers, but for whoever has a session.
    let silent = azlet.anonymous().get(&authorize("&prompt=none")).await;
    assert_eq!(parameter(&silent, "error").as_deref(), Some("login_required"));
    let signed_in = sign_in(&azlet, &authorize(""), ADA.1).await;
    let cookie = signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
    let request = azlet.anonymous().request(reqwest::Method::GET, &authorize("&prompt=none")).header("cookie", &cookie);
    assert!(parameter(&azlet.anonymous().send(request).await, "code").is_some());
    let request = azlet.anonymous().request(reqwest::Method::GET, &authorize("&prompt=login")).header("cookie", &cookie);
    assert_eq!(azlet.anonymous().send(request).await.status(), 200);
    let declined = azlet.anonymous().get(&authorize("&decline=yes")).await;
    assert_eq!(parameter(&declined, "error").as_deref(), Some("access_denied"));
    let implicit = azlet.anonymous().get(&authorize("").replace("response_type=code", "response_type=id_token")).await;
    assert_eq!(parameter(&implicit, "error").as_deref(), Some("unsupported_response_type"));
    let out = azlet.anonymous().get(&login("common/oauth2/v2.0/logout?post_logout_redirect_uri=https://evil.example")).await;
    assert!(out.status() == 200 && out.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")));
}

/// Makes an application with the given members, its service principal and a secret; returns id, application id and secret.
async fn application(azlet: &Azlet, members: &Value) -> (String, String, String) {
    let graph = azlet.bearer(azlet.token("owner", "https://graph.microsoft.com").await);
    let made = graph.post(&format!("{GRAPH}/applications"), members).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    let text = |value: &Value, name: &str| value[name].as_str().expect("text").to_owned();
    let (id, app_id) = (text(&made.json(), "id"), text(&made.json(), "appId"));
    let made = graph.post(&format!("{GRAPH}/servicePrincipals"), &json!({ "appId": app_id })).await;
    assert_eq!(made.status(), 201, "{}", made.golden());
    let secret = graph.post(&format!("{GRAPH}/applications/{id}/addPassword"), &json!({})).await;
    (id, app_id, text(&secret.json(), "secretText"))
}

#[tokio::test]
async fn an_own_application_needs_its_secret_and_consent() {
    let azlet = Azlet::start().await;
    let (_, app_id, secret) =
        application(&azlet, &json!({ "displayName": "web", "web": { "redirectUris": ["https://web.example/back"] } })).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", app_id.as_str()),
        ("username", ADA.0),
        ("password", ADA.1),
        ("scope", "https://graph.microsoft.com/User.Read openid"),
    ];
    assert_eq!(code_of(&token(&azlet, &form).await), 7_000_218);
    let proven: Vec<_> = form.into_iter().chain([("client_secret", secret.as_str())]).collect();
    let answer = token(&azlet, &proven).await;
    assert_eq!((code_of(&answer), &answer.json()["suberror"]), (65001, &json!("consent_required")), "{}", answer.golden());
    // Who signs in on the page consents; afterwards the application gets what it asked for, and nothing more.
    let url = login(&format!(
        "{TENANT}/oauth2/v2.0/authorize?client_id={app_id}&response_type=code&redirect_uri=https%3A%2F%2Fweb.example%2Fback\
         &scope=https%3A%2F%2Fgraph.microsoft.com%2FUser.Read+openid"
    ));
    let code = parameter(&sign_in(&azlet, &url, ADA.1).await, "code").expect("a code");
    let redeem = [
        ("grant_type", "authorization_code"),
        ("client_id", app_id.as_str()),
        ("code", code.as_str()),
        ("redirect_uri", "https://web.example/back"),
        ("client_secret", secret.as_str()),
    ];
    assert_eq!(token(&azlet, &redeem).await.status(), 200);
    assert_eq!(token(&azlet, &proven).await.status(), 200);
    let more: Vec<_> = proven
        .iter()
        .map(|it| if it.0 == "scope" { ("scope", "https://graph.microsoft.com/User.Read.All") } else { *it })
        .collect();
    assert_eq!(code_of(&token(&azlet, &more).await), 65001);
}

#[tokio::test]
async fn a_public_client_must_not_show_a_secret() {
    let azlet = Azlet::start().await;
    let form = [
        ("grant_type", "password"),
        ("client_id", CLI),
        ("client_secret", "s"),
        ("username", ADA.0),
        ("password", ADA.1),
        ("scope", SCOPE),
    ];
    assert_eq!(code_of(&token(&azlet, &form).await), 700_025);
    let form = [("grant_type", "client_credentials"), ("client_id", CLI), ("client_secret", "s"), ("scope", SCOPE)];
    assert_eq!(code_of(&token(&azlet, &form).await), 700_025);
}

#[tokio::test]
async fn a_service_asks_in_the_name_of_who_called_it() {
    let azlet = Azlet::start().await;
    let scope = json!({ "id": "44444444-0000-4000-8000-000000000001", "value": "access", "isEnabled": true, "type": "User",
        "adminConsentDisplayName": "access", "adminConsentDescription": "access" });
    let (_, app_id, secret) = application(
        &azlet,
        &json!({ "displayName": "api", "api": { "requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope] } }),
    )
    .await;
    let form = [
        ("grant_type", "password"),
        ("client_id", CLI),
        ("username", ADA.0),
        ("password", ADA.1),
        ("scope", &format!("{app_id}/.default")),
    ];
    let called = token(&azlet, &form).await;
    insta::assert_snapshot!("token_of_an_own_resource", called.golden());
    let assertion = called.json()["access_token"].as_str().expect("a token").to_owned();
    let ask = async |assertion: &str| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("client_id", app_id.as_str()),
            ("client_secret", secret.as_str()),
            ("assertion", assertion),
            ("requested_token_use", "on_behalf_of"),
            ("scope", "https://graph.microsoft.com/User.Read"),
        ];
        token(&azlet, &form).await
    };
    assert_eq!(code_of(&ask(&assertion).await), 65001);
    assert_eq!(code_of(&ask("garbage").await), 50013);
    let of_an_application = azlet.token("owner", &app_id).await;
    assert_eq!(code_of(&ask(&of_an_application).await), 7_000_114);
    let for_another = by_password(&azlet, ADA.0, ADA.1).await.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(code_of(&ask(&for_another).await), 50013);
    azlet.advance("2h").await;
    assert_eq!(code_of(&ask(&assertion).await), 500_133);
}
