//! Long-running operations that take time: what is seen while they run, at their ends, when they fail and when they are preempted.
//! Sources: the ARM resource provider contract ("Asynchronous operations"), AKS' REST reference, messages that users have reported.

use azlet_tests::{Actor, Answer, Azlet, OTHER_SUBSCRIPTION, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";

fn cluster() -> String {
    arm(&resource_id("rg", "Microsoft.ContainerService/managedClusters/c"), VERSION)
}

fn body() -> Value {
    json!({
        "location": "westus2",
        "identity": { "type": "SystemAssigned" },
        "properties": { "dnsPrefix": "c", "agentPoolProfiles": [{ "name": "np", "mode": "System", "count": 1 }] },
    })
}

fn state(answer: &Answer) -> (u16, String, bool) {
    let properties = &answer.json()["properties"];
    let state = properties["provisioningState"].as_str().unwrap_or_default().to_owned();
    (answer.status(), state, properties.get("identityProfile").is_some())
}

async fn poll(actor: &Actor, started: &Answer, header: &str) -> Answer {
    actor.get(started.header(header).expect("a URL to poll")).await
}

#[tokio::test]
async fn a_creation_is_seen_under_way_until_its_time_is_over() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.operations(&json!({ "times": { "Microsoft.ContainerService/managedClusters/write": "5m" } })).await;
    let started = owner.put(&cluster(), &body()).await;
    assert_eq!(state(&started), (201, "Creating".into(), false));
    insta::assert_snapshot!("operation_under_way", poll(&owner, &started, "azure-asyncoperation").await.golden());
    azlet.advance("4m59s").await;
    assert_eq!(state(&owner.get(&cluster()).await), (200, "Creating".into(), false), "one second is left");
    azlet.advance("1s").await;
    insta::assert_snapshot!("operation_over", poll(&owner, &started, "azure-asyncoperation").await.golden());
    assert_eq!(state(&owner.get(&cluster()).await), (200, "Succeeded".into(), true));
}

#[tokio::test]
async fn an_operation_is_its_subscriptions_and_its_providers() {
    let (azlet, owner) = Azlet::with_group().await;
    let started = owner.put(&cluster(), &body()).await;
    let url = started.header("azure-asyncoperation").expect("a URL to poll").to_owned();
    let other = owner.get(&url.replace(SUBSCRIPTION, OTHER_SUBSCRIPTION)).await;
    insta::assert_snapshot!("operation_of_another_subscription", other.golden());
    let nobody = azlet.actor("nobody").await.get(&url).await;
    assert_eq!((nobody.status(), nobody.error_code()), (403, "AuthorizationFailed".into()), "polls need a right to read");
    assert_eq!(azlet.actor("reader").await.get(&url).await.status(), 200);
}

#[tokio::test]
async fn an_operation_can_be_made_to_fail_and_its_resource_stays_failed() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet
        .operations(&json!({ "fail": [{
            "action": "Microsoft.ContainerService/managedClusters/write", "code": "QuotaExceeded", "message": "Too few cores are left."
        }] }))
        .await;
    let started = owner.put(&cluster(), &body()).await;
    insta::assert_snapshot!("operation_failed", poll(&owner, &started, "azure-asyncoperation").await.golden());
    assert_eq!(state(&owner.get(&cluster()).await).1, "Failed");
    let again = owner.put_and_wait(&cluster(), &body()).await;
    assert_eq!(state(&again).1, "Succeeded", "one failure was asked for, and a failed cluster is mended by the same PUT");
}

#[tokio::test]
async fn a_deletion_preempts_what_runs_and_the_cluster_is_there_until_its_end() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.operations(&json!({ "times": { "Microsoft.ContainerService/*": "2m" } })).await;
    let creating = owner.put(&cluster(), &body()).await;
    let deleting = owner.delete(&cluster()).await;
    insta::assert_snapshot!("deletion_started", deleting.golden());
    insta::assert_snapshot!("operation_preempted", poll(&owner, &creating, "azure-asyncoperation").await.golden());
    assert_eq!(state(&owner.get(&cluster()).await).1, "Deleting");
    assert_eq!(poll(&owner, &deleting, "location").await.status(), 202);
    azlet.advance("2m").await;
    insta::assert_snapshot!("deletion_result", poll(&owner, &deleting, "location").await.golden());
    assert_eq!(owner.get(&cluster()).await.error_code(), "ResourceNotFound");
    let node_group = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/MC_rg_c_westus2"), "2024-11-01");
    assert_eq!(owner.get(&node_group).await.error_code(), "ResourceGroupNotFound", "the node resource group went with it");
}

#[tokio::test]
async fn a_group_that_is_being_deleted_shows_it_and_takes_no_writes() {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put_and_wait(&cluster(), &body()).await;
    azlet.operations(&json!({ "times": { "Microsoft.Resources/subscriptions/resourceGroups/delete": "1m" } })).await;
    let group = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"), "2024-11-01");
    let deleting = owner.delete(&group).await;
    assert_eq!(owner.get(&group).await.json()["properties"]["provisioningState"], "Deleting");
    insta::assert_snapshot!("group_being_deleted", owner.put(&cluster(), &body()).await.golden());
    let running = poll(&owner, &deleting, "location").await;
    assert_eq!((running.status(), running.header("retry-after")), (202, Some("15")));
    azlet.advance("1m").await;
    let over = poll(&owner, &deleting, "location").await;
    assert_eq!((over.status(), over.bytes().len()), (200, 0));
    assert_eq!(owner.get(&group).await.error_code(), "ResourceGroupNotFound");
}

#[tokio::test]
async fn the_control_api_says_what_is_set_and_refuses_what_is_no_duration() {
    let azlet = Azlet::start().await;
    azlet
        .operations(
            &json!({ "times": { "*": "90s" }, "fail": [{ "action": "*/delete", "code": "C", "message": "m", "times": 2 }] }),
        )
        .await;
    let url = format!("{}/_azlet/operations", azlet.endpoint());
    insta::assert_snapshot!("operations_set", azlet.anonymous().get(&url).await.golden());
    let wrong = azlet.anonymous().post(&url, &json!({ "times": { "*": "soon" } })).await;
    insta::assert_snapshot!("operations_wrong", wrong.golden());
}
