//! Etags of described types. Source: the ARM resource provider contract ("ETags for Resources": which condition is answered what, with
//! and without a resource), the network provider's refusal as users have reported it. The texts of the other refusals are inferred.

use azlet_tests::{Answer, Azlet, arm, resource_id};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn conditions_hold_for_types_with_etags() {
    let (_azlet, owner) = Azlet::with_group().await;
    let url = arm(&resource_id("rg", "Microsoft.Network/routeTables/mine"), "2024-07-01");
    let body = json!({ "location": "westus2" });
    let send = async |method: Method, condition: (&'static str, &str)| -> Answer {
        let request = owner.request(method.clone(), &url).header(condition.0, condition.1);
        owner.send(if method == Method::DELETE { request } else { request.json(&body) }).await
    };
    // Nothing is there yet.
    for (method, condition, status) in [
        (Method::PUT, ("if-match", "*"), 412),
        (Method::PUT, ("if-match", "\"xyz\""), 412),
        (Method::PATCH, ("if-match", "*"), 404),
        (Method::PATCH, ("if-match", "\"xyz\""), 404),
        (Method::DELETE, ("if-match", "*"), 204),
        (Method::DELETE, ("if-match", "\"xyz\""), 204),
        (Method::PUT, ("if-none-match", "*"), 201),
    ] {
        let answer = send(method.clone(), condition).await;
        assert_eq!(answer.status(), status, "{method} {condition:?}, absent: {}", answer.golden());
    }
    let shown = owner.get(&url).await;
    let etag = shown.json()["etag"].as_str().expect("an etag").to_owned();
    assert_eq!(shown.header("etag"), Some(etag.as_str()), "the header repeats it");
    for (method, condition, status) in [
        (Method::PUT, ("if-none-match", "*"), 412),
        (Method::PUT, ("if-match", "W/\"0a210000-0000-4000-8000-000000000000\""), 412),
        (Method::PATCH, ("if-match", "W/\"0a210000-0000-4000-8000-000000000000\""), 412),
        (Method::DELETE, ("if-match", "W/\"0a210000-0000-4000-8000-000000000000\""), 412),
        (Method::PUT, ("if-match", etag.as_str()), 200),
        (Method::PUT, ("if-match", etag.as_str()), 412),
        (Method::PUT, ("if-match", "*"), 200),
        (Method::PUT, ("if-match", ""), 200),
        (Method::PATCH, ("if-match", "*"), 200),
        (Method::DELETE, ("if-match", "*"), 202),
    ] {
        let answer = send(method.clone(), condition).await;
        assert_eq!(answer.status(), status, "{method} {condition:?}, present: {}", answer.golden());
    }
}

#[tokio::test]
async fn another_etag_is_refused_in_the_providers_words() {
    let (_azlet, owner) = Azlet::with_group().await;
    for (rest, version, golden) in [
        ("Microsoft.Network/routeTables/mine", "2024-07-01", "etag_of_network"),
        ("Microsoft.OperationalInsights/workspaces/mine", "2023-09-01", "etag_of_workspace_inferred"),
    ] {
        let url = arm(&resource_id("rg", rest), version);
        let body = json!({ "location": "westus2" });
        assert!(owner.put(&url, &body).await.status() < 300);
        let stale = [("if-match", "W/\"0a210000-0000-4000-8000-000000000000\"")];
        insta::assert_snapshot!(golden, owner.put_with(&url, &body, &stale).await.golden());
    }
    // Types without etags do not look at conditions.
    let url = arm(&resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/mine"), "2024-11-30");
    let made = owner.put_with(&url, &json!({ "location": "westus2" }), &[("if-match", "\"x\"")]).await;
    assert_eq!((made.status(), made.header("etag")), (201, None));
}
