//! Providers: what they have, registration, rate limits, and what is refused until a subscription is registered.
//! Source: the Resources API's specification (2024-11-01), recorded answers, Azure's documentation of request limits; that only
//! writes need a registration, and the refusal to unregister, are inferred.

use azlet_tests::{Azlet, OTHER_SUBSCRIPTION, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2024-11-01";

fn provider(rest: &str) -> String {
    arm(&format!("/subscriptions/{SUBSCRIPTION}/providers/{rest}"), VERSION)
}

async fn settings(azlet: &Azlet, wanted: &Value) {
    let answer = azlet.anonymous().post(&format!("{}/_azlet/settings", azlet.endpoint()), wanted).await;
    assert_eq!(answer.status(), 200, "{}", answer.golden());
}

#[tokio::test]
async fn a_subscription_registers_and_unregisters_in_time() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    azlet.operations(&json!({ "times": { "*/register/action": "60s" } })).await;
    let state = async |rest: &str| owner.get(&provider(rest)).await.json()["registrationState"].clone();
    assert_eq!(state("Microsoft.ContainerRegistry").await, "Registered");
    let left = owner.post(&provider("microsoft.containerregistry/unregister"), &json!({})).await;
    assert_eq!((left.status(), &left.json()["registrationState"]), (200, &json!("Unregistering")));
    assert_eq!(state("Microsoft.ContainerRegistry").await, "Unregistered");
    let joined = owner.post(&provider("microsoft.containerregistry/register"), &json!({})).await;
    assert_eq!(joined.json()["registrationState"], "Registering");
    assert_eq!(joined.json()["namespace"], "Microsoft.ContainerRegistry");
    assert_eq!(state("Microsoft.ContainerRegistry").await, "Registering");
    azlet.advance("61s").await;
    assert_eq!(state("Microsoft.ContainerRegistry").await, "Registered");
    let again = owner.post(&provider("Microsoft.ContainerRegistry/register"), &json!({})).await;
    assert_eq!(again.json()["registrationState"], "Registered");
    assert_eq!(owner.get(&provider("Microsoft.Nowhere")).await.error_code(), "InvalidResourceNamespace");
    let free = owner.get(&provider("Microsoft.Authorization")).await.json();
    assert_eq!(free["registrationPolicy"], "RegistrationFree");
}

#[tokio::test]
async fn without_a_registration_a_provider_takes_no_writes() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let group = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"), VERSION);
    settings(&azlet, &json!({ "registrationRequired": true })).await;
    assert_eq!(owner.put(&group, &json!({ "location": "westus2" })).await.status(), 201, "ARM itself needs none");
    let url = arm(&resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/mine"), "2024-11-30");
    let body = json!({ "location": "westus2" });
    assert_eq!(owner.get(&provider("Microsoft.ManagedIdentity")).await.json()["registrationState"], "NotRegistered");
    insta::assert_snapshot!("provider_not_registered", owner.put(&url, &body).await.golden());
    assert_eq!(owner.get(&url).await.error_code(), "ResourceNotFound", "reading needs none");
    owner.post(&provider("Microsoft.ManagedIdentity/register"), &json!({})).await;
    assert_eq!(owner.put(&url, &body).await.status(), 201);
    let elsewhere = arm(&format!("/subscriptions/{OTHER_SUBSCRIPTION}/providers/Microsoft.ManagedIdentity"), VERSION);
    assert_eq!(owner.get(&elsewhere).await.json()["registrationState"], "NotRegistered");
    let kept = owner.post(&provider("Microsoft.ManagedIdentity/unregister"), &json!({})).await;
    insta::assert_snapshot!("provider_in_use", kept.golden());
}

#[tokio::test]
async fn a_provider_shows_what_is_asked_for() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let selected = owner.get(&provider("?$select=namespace,registrationstate")).await.json();
    let first = selected["value"][0].as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(first, ["namespace", "registrationState"]);
    let types = owner.get(&provider("Microsoft.ManagedIdentity/resourceTypes")).await;
    let federated = &types.json()["value"][1];
    insta::assert_snapshot!("provider_resource_types", serde_json::to_string_pretty(federated).expect("JSON"));
    let expanded = owner.get(&provider("Microsoft.ManagedIdentity?$expand=resourceTypes/aliases")).await.json();
    assert!(expanded["resourceTypes"][0]["aliases"].is_array());
    let nobody = azlet.actor("nobody").await;
    let operations = nobody.get(&arm("/providers/Microsoft.ManagedIdentity/operations", "2024-11-30")).await;
    assert_eq!(operations.status(), 200, "{}", operations.golden());
    let operations = operations.json();
    let write = "Microsoft.ManagedIdentity/userAssignedIdentities/write";
    assert!(operations["value"].as_array().is_some_and(|all| all.iter().any(|row| row["name"] == write)), "{operations}");
    let tenant = nobody.get(&arm("/providers", VERSION)).await.json();
    assert!(tenant["value"].as_array().is_some_and(|all| all.len() > 3));
}

#[tokio::test]
async fn reserved_names_are_told() {
    let azlet = Azlet::start().await;
    let nobody = azlet.actor("nobody").await;
    let url = arm("/providers/Microsoft.Resources/checkResourceName", VERSION);
    let check = async |name: &str| nobody.post(&url, &json!({ "name": name, "type": "a/b" })).await;
    assert_eq!(check("mine").await.json(), json!({ "name": "mine", "type": "a/b", "status": "Allowed" }));
    insta::assert_snapshot!("name_reserved", check("myWindowsName").await.golden());
    assert_eq!(check("xbox-live").await.error_code(), "ReservedResourceName");
    assert_eq!(check("my-xbox").await.status(), 200);
}

#[tokio::test]
async fn an_empty_budget_refuses_when_told_to() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let url = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourcegroups"), VERSION);
    for _ in 0..260 {
        assert_eq!(owner.get(&url).await.status(), 200, "nothing is refused unless asked for");
    }
    settings(&azlet, &json!({ "throttling": true })).await;
    let refused = owner.get(&url).await;
    insta::assert_snapshot!("throttled", refused.golden());
    let reader = azlet.actor("reader").await;
    assert_eq!(reader.get(&url).await.status(), 200, "another principal has a budget of its own");
    let other = arm(&format!("/subscriptions/{OTHER_SUBSCRIPTION}/resourcegroups"), VERSION);
    assert_eq!(owner.get(&other).await.status(), 200, "another subscription too");
    let group = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"), VERSION);
    assert_eq!(owner.put(&group, &json!({ "location": "westus2" })).await.status(), 201, "writes have a budget of their own");
    azlet.advance("1s").await;
    assert_eq!(owner.get(&url).await.status(), 200, "it refills");
}
