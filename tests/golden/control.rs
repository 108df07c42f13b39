//! The control API, azlet's own.

use azlet_tests::{ARM, Azlet, TENANT};
use serde_json::json;

#[tokio::test]
async fn time_moves_only_when_told() {
    let azlet = Azlet::start().await;
    let clock = format!("{}/_azlet/clock", azlet.endpoint());
    azlet.advance("1m30s").await;
    insta::assert_snapshot!("clock", azlet.anonymous().get(&clock).await.golden());
    let wrong = azlet.anonymous().post(&clock, &json!({ "advance": "soon" })).await;
    insta::assert_snapshot!("clock_wrong_duration", wrong.golden());
    let backwards = azlet.anonymous().post(&clock, &json!({ "advance": "-5s" })).await;
    assert_eq!(backwards.status(), 400);
}

#[tokio::test]
async fn a_principal_can_be_put_and_signs_in() {
    let azlet = Azlet::start().await;
    let (object_id, app_id) = ("11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002");
    azlet
        .put_principal(&json!({ "objectId": object_id, "type": "ServicePrincipal", "appId": app_id, "clientSecret": "s3cret" }))
        .await;
    let token = azlet.token_for(app_id, "s3cret", ARM).await;
    assert_eq!(token.split('.').count(), 3);
    let url = format!("{}/_azlet/principals", azlet.endpoint());
    insta::assert_snapshot!("principal_without_id", azlet.anonymous().post(&url, &json!({ "type": "User" })).await.golden());
}

#[tokio::test]
async fn a_reset_leaves_nothing_of_the_old_world() {
    let azlet = Azlet::start().await;
    let app_id = "11111111-0000-4000-8000-000000000002";
    azlet
        .put_principal(&json!({
            "objectId": "11111111-0000-4000-8000-000000000001", "type": "ServicePrincipal", "appId": app_id, "clientSecret": "s"
        }))
        .await;
    let reset = azlet.anonymous().post(&format!("{}/_azlet/reset", azlet.endpoint()), &json!({})).await;
    assert_eq!(reset.status(), 204);
    let url = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
    let form = [("grant_type", "client_credentials"), ("client_id", app_id), ("client_secret", "s")];
    assert!(azlet.anonymous().post_form(&url, &form).await.text().contains("AADSTS700016"));
}

#[tokio::test]
async fn an_unknown_route_says_what_there_is() {
    let azlet = Azlet::start().await;
    let answer = azlet.anonymous().get(&format!("{}/_azlet/nothing", azlet.endpoint())).await;
    insta::assert_snapshot!("control_unknown_route", answer.golden());
}
