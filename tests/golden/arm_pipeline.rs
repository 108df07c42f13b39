//! What every request to ARM meets before a provider sees it. Sources: the ARM resource provider contract, Azure's documentation of
//! request limits, and answers that users have reported (the order of the checks among them).

use azlet_tests::{ARM, Azlet, OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT, arm, resource_id};
use reqwest::Method;
use serde_json::json;

const VERSION: &str = "2024-11-01";

fn group(name: &str) -> String {
    arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"), VERSION)
}

fn registry(name: &str) -> String {
    arm(&resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{name}")), "2023-11-01-preview")
}

#[tokio::test]
async fn who_is_nobody_is_told_which_tenant_to_ask() {
    let azlet = Azlet::start().await;
    let anonymous = azlet.anonymous();
    insta::assert_snapshot!("arm_401_no_token", anonymous.get(&group("rg")).await.golden());
    let garbage = azlet.bearer("garbage").get(&group("rg")).await;
    insta::assert_snapshot!("arm_401_garbage", garbage.golden());
    let for_graph = azlet.token("owner", "https://graph.microsoft.com").await;
    insta::assert_snapshot!("arm_401_audience", azlet.bearer(for_graph).get(&group("rg")).await.golden());
    let owner = azlet.owner().await;
    azlet.advance("61m").await;
    insta::assert_snapshot!("arm_401_expired", owner.get(&group("rg")).await.golden());
}

#[tokio::test]
async fn every_audience_of_arm_is_taken() {
    let azlet = Azlet::start().await;
    for audience in ["https://management.azure.com", "https://management.core.windows.net/"] {
        let token = azlet.token("owner", audience).await;
        let answer = azlet.bearer(token).get(&arm("/subscriptions", "2022-12-01")).await;
        assert_eq!(answer.status(), 200, "{audience}: {}", answer.golden());
    }
}

#[tokio::test]
async fn errors_win_over_each_other_in_azures_order() {
    let azlet = Azlet::start().await;
    let (owner, nobody, anonymous) = (azlet.owner().await, azlet.actor("nobody").await, azlet.anonymous());
    let unknown = "/subscriptions/0a210000-0000-4000-8000-0000000000ff/resourceGroups/rg";
    // The version is missed before the token, the subscription is looked up before the token, rights come before existence.
    let no_version = anonymous.get(&format!("{ARM}/subscriptions/{SUBSCRIPTION}/resourceGroups/rg")).await;
    assert_eq!((no_version.status(), no_version.error_code().as_str()), (400, "MissingApiVersionParameter"));
    insta::assert_snapshot!("arm_missing_api_version", no_version.golden());
    let no_subscription = anonymous.get(&arm(unknown, VERSION)).await;
    insta::assert_snapshot!("arm_unknown_subscription", no_subscription.golden());
    let malformed = owner.get(&arm("/subscriptions//resourceGroups/rg", VERSION)).await;
    insta::assert_snapshot!("arm_malformed_subscription", malformed.golden());
    let bad_version = nobody.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"), "2001-01-01")).await;
    assert_eq!((bad_version.status(), bad_version.error_code().as_str()), (400, "InvalidApiVersionParameter"));
    insta::assert_snapshot!("arm_403_missing_group", nobody.get(&group("rg")).await.golden());
    insta::assert_snapshot!("arm_404_missing_group", owner.get(&group("rg")).await.golden());
    let in_missing_group = owner.delete(&registry("myregistry")).await;
    assert_eq!((in_missing_group.status(), in_missing_group.error_code().as_str()), (404, "ResourceGroupNotFound"));
}

#[tokio::test]
async fn types_and_versions_must_be_known() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&group("rg"), &json!({ "location": "westus2" })).await;
    let ask = async |rest: &str, version: &str| owner.get(&arm(&resource_id("rg", rest), version)).await.golden();
    insta::assert_snapshot!("arm_unknown_namespace", ask("Microsoft.Container/registries/r", "2023-07-01").await);
    insta::assert_snapshot!("arm_unknown_type", ask("Microsoft.ContainerRegistry/hovels/r", "2023-07-01").await);
    insta::assert_snapshot!("arm_unknown_version", ask("Microsoft.ContainerRegistry/registries/r", "2023-07-77").await);
    insta::assert_snapshot!(
        "arm_unknown_extension_version",
        ask("Microsoft.Authorization/roleAssignments/r", "2001-01-01").await
    );
    insta::assert_snapshot!("arm_absent_resource", ask("Microsoft.ContainerRegistry/registries/r", "2023-07-01").await);
    let absent = owner.delete(&registry("myregistry")).await;
    assert_eq!(absent.status(), 204);
}

#[tokio::test]
async fn paths_are_read_as_arm_reads_them() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&group("Rg"), &json!({ "location": "westus2" })).await;
    let body = json!({ "location": "westus2", "sku": { "name": "Basic" } });
    assert_eq!(owner.put_and_wait(&registry("MyRegistry"), &body).await.status(), 200);
    let odd = format!(
        "{ARM}//SUBSCRIPTIONS/{SUBSCRIPTION}/resourcegroups/rG/providers/microsoft.containerregistry//REGISTRIES/%6dyregistry/?API-VERSION=2023-07-01"
    );
    let found = owner.get(&odd).await;
    assert_eq!((found.status(), found.json()["name"].as_str()), (200, Some("MyRegistry")), "{}", found.golden());
    insta::assert_snapshot!(
        "arm_405_wrong_verb",
        owner.put(&arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups"), VERSION), &json!({})).await.golden()
    );
    insta::assert_snapshot!("arm_405_hidden_slash", owner.get(&group("a%2Fb")).await.golden());
    let elsewhere = owner.get(&arm("/global/providers/Microsoft.ContainerRegistry/registries", VERSION)).await;
    insta::assert_snapshot!("arm_404_missing_subscription", elsewhere.golden());
}

#[tokio::test]
async fn bodies_are_checked_before_the_provider_sees_them() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    owner.put(&group("rg"), &json!({ "location": "westus2" })).await;
    let url = registry("myregistry");
    let send = async |kind: &str, text: &str| owner.send_bytes(Method::PUT, &url, kind, text.as_bytes()).await;
    insta::assert_snapshot!("arm_body_not_json", send("application/json", "{\"location\":").await.golden());
    insta::assert_snapshot!("arm_body_other_media_type", send("text/plain", "{}").await.golden());
    insta::assert_snapshot!(
        "arm_body_unknown_member",
        send("application/json", "{\"location\":\"westus2\",\"AccountType\":1}").await.golden()
    );
    insta::assert_snapshot!(
        "arm_body_bad_tag",
        send("application/json", "{\"location\":\"westus2\",\"tags\":{\"x\":{}}}").await.golden()
    );
    insta::assert_snapshot!("arm_body_no_location", send("application/json", "{}").await.golden());
    insta::assert_snapshot!(
        "arm_body_other_name",
        send("application/json", "{\"location\":\"westus2\",\"name\":\"other\"}").await.golden()
    );
    for text in ["[]", "1", "null", "\"x\"", "{\"properties\":[]}", "{\"sku\":\"Basic\",\"location\":\"westus2\"}", "\u{1}"] {
        let answer = send("application/json", text).await;
        assert_eq!(answer.status(), 400, "{text:?}: {}", answer.golden());
    }
    let large = "x".repeat(5 * 1024 * 1024);
    assert_eq!(send("application/json", &format!("{{\"location\":\"{large}\"}}")).await.status(), 413);
    let elsewhere = send("application/json", "{\"location\":\"None\",\"sku\":{\"name\":\"Basic\"}}").await;
    assert_eq!(elsewhere.error_code(), "LocationNotAvailableForResourceType");
    let body = json!({ "location": "westus2", "sku": { "name": "Basic" } });
    assert_eq!(owner.put(&url, &body).await.status(), 200);
    let moved = send("application/json", "{\"location\":\"East US\",\"sku\":{\"name\":\"Basic\"}}").await;
    insta::assert_snapshot!("arm_body_other_location", moved.golden());
}

#[tokio::test]
async fn every_answer_is_identified_and_counted() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let request = owner
        .request(Method::PUT, &group("rg"))
        .header("x-ms-correlation-request-id", "0af7651916cd43dd8448eb211c80319c")
        .header("x-ms-client-request-id", "mine")
        .header("x-ms-return-client-request-id", "true")
        .json(&json!({ "location": "westus2" }));
    let answer = owner.send(request).await;
    assert_eq!(answer.header("x-ms-correlation-request-id"), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(answer.header("x-ms-client-request-id"), Some("mine"));
    let routing = answer.header("x-ms-routing-request-id").expect("a routing id").to_owned();
    assert!(routing.starts_with("EASTUS:20261102T080000Z:"), "{routing}");
    assert!(
        routing.ends_with(answer.header("x-ms-request-id").expect("a request id")),
        "ARM's own answers have one id: {routing}"
    );
    assert_eq!(answer.header("x-ms-ratelimit-remaining-subscription-writes"), Some("199"));
    assert_eq!(answer.header("x-ms-ratelimit-remaining-subscription-global-writes"), Some("2999"));
    let read = owner.get(&group("rg")).await;
    assert_eq!(read.header("x-ms-ratelimit-remaining-subscription-reads"), Some("249"));
    assert_eq!(read.header("x-ms-ratelimit-remaining-subscription-global-reads"), Some("3749"));
    let tenant = owner.get(&arm("/tenants", "2022-12-01")).await;
    assert_eq!(tenant.header("x-ms-ratelimit-remaining-tenant-reads"), Some("249"));
    let of_provider = owner
        .get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments"), "2022-04-01"))
        .await;
    let routing = of_provider.header("x-ms-routing-request-id").expect("a routing id").to_owned();
    assert!(!routing.ends_with(of_provider.header("x-ms-request-id").expect("a request id")), "a provider has an id of its own");
    assert!(
        of_provider
            .header("x-ms-operation-identifier")
            .is_some_and(|value| value.starts_with(&format!("tenantId={TENANT},objectId=")))
    );
    for (name, value) in
        [("cache-control", "no-cache"), ("pragma", "no-cache"), ("expires", "-1"), ("x-content-type-options", "nosniff")]
    {
        assert_eq!(read.header(name), Some(value));
    }
}

#[tokio::test]
async fn only_subscriptions_with_some_right_are_shown() {
    let azlet = Azlet::start().await;
    let all = azlet.owner().await.get(&arm("/subscriptions", "2022-12-01")).await;
    insta::assert_snapshot!("arm_subscriptions", all.golden());
    let nobody = azlet.actor("nobody").await;
    assert_eq!(nobody.get(&arm("/subscriptions", "2022-12-01")).await.json()["value"], json!([]));
    let other = nobody.get(&arm(&format!("/subscriptions/{OTHER_SUBSCRIPTION}"), "2022-12-01")).await;
    assert_eq!((other.status(), other.error_code().as_str()), (403, "AuthorizationFailed"));
    insta::assert_snapshot!("arm_tenants", nobody.get(&arm("/tenants", "2022-12-01")).await.golden());
}

#[tokio::test]
async fn the_clouds_endpoints_are_told_to_anyone() {
    let azlet = Azlet::start().await;
    let one = azlet.anonymous().get(&arm("/metadata/endpoints", "2022-09-01")).await;
    assert_eq!(one.json()["authentication"]["loginEndpoint"], "https://login.microsoftonline.com");
    assert!(azlet.anonymous().get(&arm("/metadata/endpoints", "2020-06-01")).await.json().is_array());
}
