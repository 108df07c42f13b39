//! What `docker login` keeps in place of a password after `az acr login`. Sources: CNCF Distribution "Token Authentication"
//! (`offline_token`); docker configurations that users of `az acr login` show: the user of zeros without a password, and an
//! `identitytoken`. That other users get none is inferred: docker keeps their passwords.

use azlet::acr::store::Settings;
use azlet_tests::Azlet;
use azlet_tests::registry::HOST;
use reqwest::Method;

const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn who_shows_a_refresh_token_and_asks_for_an_offline_token_gets_it_back() {
    let azlet = Azlet::start().await;
    let settings =
        Settings { admin_enabled: true, admin_passwords: ["pass-one".into(), "pass-two".into()], ..Settings::default() };
    azlet.registry("Reg", settings);
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let access =
        azlet.access_token(HOST, &refresh, "repository:a:pull").await.json()["access_token"].as_str().unwrap().to_owned();
    let anonymous = azlet.anonymous();
    let ask = async |query: &str, user: &str, password: &str| {
        let url = format!("https://{HOST}/oauth2/token?client_id=docker&service={HOST}{query}");
        let answer = anonymous.send(anonymous.request(Method::GET, &url).basic_auth(user, Some(password))).await;
        let body = answer.json();
        let kept = match body["refresh_token"].as_str() {
            Some(token) if token == refresh => "the refresh token",
            Some(_) => "another token",
            None => "none",
        };
        format!("{} access token: {}, refresh token: {kept}", answer.status(), body["access_token"].is_string())
    };
    let offline = "&account=00000000-0000-0000-0000-000000000000&offline_token=true";
    let lines = [
        format!("refresh token, offline_token=true: {}", ask(offline, TOKEN_USER, &refresh).await),
        format!("refresh token, offline_token=false: {}", ask("&offline_token=false", TOKEN_USER, &refresh).await),
        format!("refresh token, no offline_token: {}", ask("", TOKEN_USER, &refresh).await),
        format!("access token, offline_token=true: {}", ask(offline, TOKEN_USER, &access).await),
        format!("admin, offline_token=true: {}", ask("&offline_token=true", "Reg", "pass-one").await),
        format!("service principal, offline_token=true: {}", {
            ask("&offline_token=true", "0a210000-0000-4000-8000-0000000000a1", "azlet~owner~secret").await
        }),
        format!("garbage, offline_token=true: {}", ask(offline, TOKEN_USER, "garbage").await),
    ];
    insta::assert_snapshot!("offline_token", lines.join("\n"));
}

#[tokio::test]
async fn an_identity_token_signs_in_until_it_expires() {
    let azlet = Azlet::start().await;
    azlet.registry("Reg", Settings::default());
    let refresh = azlet.refresh_token(HOST, "owner").await;
    let anonymous = azlet.anonymous();
    let url = format!("https://{HOST}/oauth2/token?client_id=docker&offline_token=true&service={HOST}");
    let login = async || anonymous.send(anonymous.request(Method::GET, &url).basic_auth(TOKEN_USER, Some(&refresh))).await;
    let kept = login().await.json()["refresh_token"].as_str().expect("asked for").to_owned();
    let push = azlet.access_token(HOST, &kept, "repository:a:pull,push").await;
    assert!(push.json()["access_token"].is_string(), "what docker pushes with");
    azlet.advance("4h").await;
    let late = login().await;
    assert_eq!((late.status(), late.json()["refresh_token"].is_string()), (401, false));
    assert_eq!(azlet.access_token(HOST, &kept, "repository:a:pull,push").await.status(), 401);
}
