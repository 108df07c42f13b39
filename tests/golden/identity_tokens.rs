//! Tokens of managed identities: the instance metadata service and App Service's endpoint. Sources: replies recorded from the services
//! and quoted in public; inferred ones named as such. Which machine asks is azlet's own setting.

use azlet_tests::{Actor, Answer, Azlet, arm, resource_id};
use reqwest::Method;
use serde_json::{Value, json};

const IMDS: &str = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01";
const RESOURCE: &str = "&resource=https://management.core.windows.net/";

async fn ask(azlet: &Azlet, url: &str) -> Answer {
    let anonymous = azlet.anonymous();
    anonymous.send(anonymous.request(Method::GET, url).header("Metadata", "true")).await
}

async fn machine(azlet: &Azlet, body: &Value) {
    let answer = azlet.anonymous().post(&format!("{}/_azlet/machine", azlet.endpoint()), body).await;
    assert_eq!(answer.status(), 204, "{}", answer.golden());
}

async fn identity(owner: &Actor, name: &str) -> Value {
    let url = arm(&resource_id("rg", &format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}")), "2023-01-31");
    owner.put(&url, &json!({ "location": "westus2" })).await.json()
}

/// A registry that carries identities.
async fn carrier(owner: &Actor, kind: &str, identities: &[&Value]) -> String {
    let id = resource_id("rg", "Microsoft.ContainerRegistry/registries/carrier");
    let assigned: Value = identities.iter().map(|it| (it["id"].as_str().expect("an id").to_owned(), json!({}))).collect();
    let mut identity = json!({ "type": kind });
    if !identities.is_empty() {
        identity["userAssignedIdentities"] = assigned;
    }
    let body = json!({ "location": "westus2", "sku": { "name": "Premium" }, "identity": identity });
    let made = owner.put_and_wait(&arm(&id, "2023-07-01"), &body).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
    id
}

#[tokio::test]
async fn a_request_must_say_that_it_means_the_service() {
    let azlet = Azlet::start().await;
    let anonymous = azlet.anonymous();
    insta::assert_snapshot!("imds_without_header", anonymous.get(IMDS).await.golden());
    let probe = anonymous.get("http://169.254.169.254/metadata/identity/oauth2/token").await;
    assert_eq!((probe.status(), probe.error_code().as_str()), (400, "invalid_request"));
    let forwarded = anonymous.request(Method::GET, IMDS).header("Metadata", "true").header("X-Forwarded-For", "10.0.0.1");
    insta::assert_snapshot!("imds_forwarded_inferred", anonymous.send(forwarded).await.golden());
    insta::assert_snapshot!("imds_without_resource", ask(&azlet, IMDS).await.golden());
    let unversioned = "http://169.254.169.254/metadata/identity/oauth2/token?resource=https://management.azure.com/";
    insta::assert_snapshot!("imds_without_version_inferred", ask(&azlet, unversioned).await.golden());
    assert_eq!(
        ask(&azlet, "http://169.254.169.254/metadata/identity/getplatformmetadata?cred-api-version=2.0").await.status(),
        404
    );
    insta::assert_snapshot!(
        "imds_instance_without_machine",
        ask(&azlet, "http://169.254.169.254/metadata/instance?api-version=2021-02-01").await.golden()
    );
}

#[tokio::test]
async fn only_an_identity_that_something_carries_gets_a_token() {
    let (azlet, owner) = Azlet::with_group().await;
    let (one, two) = (identity(&owner, "one").await, identity(&owner, "two").await);
    insta::assert_snapshot!("imds_nothing_carried", ask(&azlet, &format!("{IMDS}{RESOURCE}")).await.golden());
    carrier(&owner, "UserAssigned", &[&one]).await;
    insta::assert_snapshot!("imds_the_only_one", ask(&azlet, &format!("{IMDS}{RESOURCE}")).await.golden());
    let text = |identity: &Value, member: &str| identity["properties"][member].as_str().expect("text").to_owned();
    for (selector, value) in [
        ("client_id", text(&one, "clientId")),
        ("object_id", text(&one, "principalId")),
        ("principal_id", text(&one, "principalId")),
        ("msi_res_id", one["id"].as_str().expect("an id").to_uppercase()),
        ("mi_res_id", one["id"].as_str().expect("an id").to_owned()),
    ] {
        let answer = ask(&azlet, &format!("{IMDS}{RESOURCE}&{selector}={value}")).await;
        assert_eq!(
            (answer.status(), &answer.json()["client_id"]),
            (200, &one["properties"]["clientId"]),
            "{selector}: {}",
            answer.golden()
        );
    }
    let absent = ask(&azlet, &format!("{IMDS}{RESOURCE}&client_id={}", text(&two, "clientId"))).await;
    insta::assert_snapshot!("imds_not_carried", absent.golden());
    assert_eq!(ask(&azlet, &format!("{IMDS}{RESOURCE}&client_id=garbage")).await.status(), 400);
    insta::assert_snapshot!(
        "imds_unknown_resource",
        ask(&azlet, &format!("{IMDS}&resource=https://vault.example")).await.golden()
    );
    carrier(&owner, "UserAssigned", &[&one, &two]).await;
    insta::assert_snapshot!("imds_several", ask(&azlet, &format!("{IMDS}{RESOURCE}")).await.golden());
}

#[tokio::test]
async fn a_machine_that_is_a_resource_prefers_its_own_identity() {
    let (azlet, owner) = Azlet::with_group().await;
    let one = identity(&owner, "one").await;
    let id = carrier(&owner, "SystemAssigned, UserAssigned", &[&one]).await;
    machine(&azlet, &json!({ "resource": id })).await;
    insta::assert_snapshot!("imds_system_assigned", ask(&azlet, &format!("{IMDS}{RESOURCE}")).await.golden());
    let chosen = format!("{IMDS}{RESOURCE}&client_id={}", one["properties"]["clientId"].as_str().expect("text"));
    insta::assert_snapshot!("imds_user_assigned_of_a_resource", ask(&azlet, &chosen).await.golden());
    let instance = "http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01";
    insta::assert_snapshot!("imds_instance", ask(&azlet, instance).await.golden());
    let location = "http://169.254.169.254/metadata/instance/compute/location?api-version=2021-02-01&format=text";
    assert_eq!(ask(&azlet, location).await.text(), "westus2");
    machine(&azlet, &json!({ "identities": [] })).await;
    assert_eq!(ask(&azlet, &chosen).await.status(), 400);
    machine(&azlet, &json!({ "identities": [one["id"]] })).await;
    assert_eq!(ask(&azlet, &format!("{IMDS}{RESOURCE}")).await.status(), 200);
    let url = format!("{}/_azlet/machine", azlet.endpoint());
    let absent = azlet.anonymous().post(&url, &json!({ "resource": "/subscriptions/x" })).await;
    insta::assert_snapshot!("machine_absent", absent.golden());
    assert_eq!(azlet.anonymous().post(&url, &json!({ "resource": "x", "identities": [] })).await.status(), 400);
    assert_eq!(azlet.anonymous().post(&url, &json!({ "colour": "red" })).await.status(), 400);
}

#[tokio::test]
async fn a_token_is_given_again_until_it_is_about_to_end() {
    let (azlet, owner) = Azlet::with_group().await;
    let one = identity(&owner, "one").await;
    machine(&azlet, &json!({ "identities": [one["id"]] })).await;
    let url = format!("{IMDS}{RESOURCE}");
    let first = ask(&azlet, &url).await.json();
    azlet.advance("309s").await;
    let second = ask(&azlet, &url).await.json();
    assert_eq!((&second["access_token"], &second["expires_on"]), (&first["access_token"], &first["expires_on"]));
    assert_eq!((&first["expires_in"], &second["expires_in"]), (&json!("86400"), &json!("86091")));
    azlet.advance("24h").await;
    let third = ask(&azlet, &url).await.json();
    assert_eq!(third["expires_in"], "86400");
    assert_ne!(third["access_token"], first["access_token"]);
}

#[tokio::test]
async fn a_program_in_app_service_shows_its_header() {
    let (azlet, owner) = Azlet::with_group().await;
    let one = identity(&owner, "one").await;
    let machines = format!("{}/_azlet/machine", azlet.endpoint());
    let anonymous = azlet.anonymous();
    let environment = anonymous.get(&machines).await.json()["environment"].clone();
    let text = |name: &str| environment[name].as_str().expect("text").to_owned();
    let (endpoint, secret) = (text("IDENTITY_ENDPOINT"), text("IDENTITY_HEADER"));
    assert_eq!(endpoint, format!("{}/msi/token", azlet.endpoint()));
    let with = async |query: &str, name: &str, secret: &str| {
        anonymous.send(anonymous.request(Method::GET, &format!("{endpoint}?{query}")).header(name, secret)).await
    };
    let query = "api-version=2019-08-01&resource=https://management.azure.com/";
    insta::assert_snapshot!("app_service_wrong_header_inferred", with(query, "X-IDENTITY-HEADER", "wrong").await.golden());
    insta::assert_snapshot!("app_service_nothing_carried", with(query, "X-IDENTITY-HEADER", &secret).await.golden());
    machine(&azlet, &json!({ "identities": [one["id"]] })).await;
    insta::assert_snapshot!("app_service_token", with(query, "X-IDENTITY-HEADER", &secret).await.golden());
    let other = format!("{query}&client_id=99999999-0000-4000-8000-000000000000");
    insta::assert_snapshot!("app_service_not_carried", with(&other, "X-IDENTITY-HEADER", &secret).await.golden());
    let unknown = "api-version=2019-08-01&resource=https://vault.example";
    insta::assert_snapshot!("app_service_unknown_resource", with(unknown, "X-IDENTITY-HEADER", &secret).await.golden());
    let client_id = one["properties"]["clientId"].as_str().expect("text");
    let old = format!("api-version=2017-09-01&resource=https://management.azure.com/&clientid={client_id}");
    assert_eq!(with(&old, "secret", &secret).await.status(), 200);
}
