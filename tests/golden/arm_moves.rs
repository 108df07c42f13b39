//! Moving resources to another group or subscription. Source: the ARM resource provider contract, the Resources API's
//! specification, a recorded move, reported refusals. Codes and texts of refusals that the request itself earns are inferred.

use azlet_tests::{Actor, Azlet, OTHER_SUBSCRIPTION, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2024-11-01";
const REGISTRIES: &str = "2023-07-01";
const REGISTRY: &str = "Microsoft.ContainerRegistry/registries/myregistry";

fn group(subscription: &str, name: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{name}")
}

fn identity() -> String {
    resource_id("from", "Microsoft.ManagedIdentity/userAssignedIdentities/mine")
}

async fn setting(azlet: &Azlet) -> Actor {
    let owner = azlet.owner().await;
    let here = json!({ "location": "westus2" });
    for group in [group(SUBSCRIPTION, "from"), group(SUBSCRIPTION, "to"), group(OTHER_SUBSCRIPTION, "far")] {
        assert_eq!(owner.put(&arm(&group, VERSION), &here).await.status(), 201);
    }
    owner.put(&arm(&identity(), "2024-11-30"), &here).await;
    let registry = arm(&resource_id("from", REGISTRY), REGISTRIES);
    let made = owner.put_and_wait(&registry, &json!({ "location": "westus2", "sku": { "name": "Basic" } })).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
    owner
}

fn body(resources: &[String], target: &str) -> Value {
    json!({ "resources": resources, "targetResourceGroup": target })
}

fn action(name: &str) -> String {
    arm(&format!("{}/{name}", group(SUBSCRIPTION, "from")), VERSION)
}

#[tokio::test]
async fn a_registry_moves_with_all_that_belongs_to_it() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let before = owner.get(&arm(&resource_id("from", REGISTRY), REGISTRIES)).await.json();
    let started = owner.post(&action("moveResources"), &body(&[resource_id("from", REGISTRY)], &group(SUBSCRIPTION, "to"))).await;
    assert_eq!((started.status(), started.bytes().len()), (202, 0), "{}", started.golden());
    let end = owner.follow(&started).await;
    assert_eq!((end.status(), end.bytes().len()), (204, 0), "{}", end.golden());
    let old = owner.get(&arm(&resource_id("from", REGISTRY), REGISTRIES)).await;
    assert_eq!(old.error_code(), "ResourceNotFound");
    let new = owner.get(&arm(&resource_id("to", REGISTRY), REGISTRIES)).await.json();
    assert_eq!(new["id"], resource_id("to", REGISTRY));
    assert_eq!(new["properties"]["loginServer"], before["properties"]["loginServer"]);
    let registry = azlet.world().acr.by_login_server("myregistry.azurecr.io").expect("the registry goes on");
    assert_eq!(registry.id.as_str(), resource_id("to", REGISTRY), "rights are asked at the new place");
    let far = group(OTHER_SUBSCRIPTION, "far");
    let url = arm(&format!("{}/moveResources", group(SUBSCRIPTION, "to")), VERSION);
    let started = owner.post(&url, &body(&[resource_id("to", REGISTRY)], &far)).await;
    assert_eq!(owner.follow(&started).await.status(), 204);
    assert_eq!(owner.get(&arm(&format!("{far}/providers/{REGISTRY}"), REGISTRIES)).await.status(), 200);
}

#[tokio::test]
async fn a_move_can_be_validated() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let target = group(SUBSCRIPTION, "to");
    let good = owner.post(&action("validateMoveResources"), &body(&[resource_id("from", REGISTRY)], &target)).await;
    assert_eq!(owner.follow(&good).await.status(), 204);
    assert_eq!(owner.get(&arm(&resource_id("from", REGISTRY), REGISTRIES)).await.status(), 200, "nothing has moved");
    let bad = owner.post(&action("validateMoveResources"), &body(&[identity()], &target)).await;
    assert_eq!(bad.status(), 202);
    insta::assert_snapshot!("move_validation_failed", owner.follow(&bad).await.golden());
}

#[tokio::test]
async fn a_move_that_cannot_be_is_refused() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    let (registry, target) = (resource_id("from", REGISTRY), group(SUBSCRIPTION, "to"));
    let many: Vec<String> = (0..801).map(|number| format!("{registry}{number}")).collect();
    for (what, resources, target, status, code) in [
        ("no resources", vec![], target.clone(), 400, "InvalidMoveResources"),
        ("too many", many, target.clone(), 400, "TooManyMoveResources"),
        ("no group", vec![registry.clone()], "to".into(), 400, "InvalidTargetResourceGroup"),
        ("the same group", vec![registry.clone()], group(SUBSCRIPTION, "FROM"), 400, "InvalidTargetResourceGroup"),
        ("a missing group", vec![registry.clone()], group(SUBSCRIPTION, "none"), 400, "ResourceGroupNotFound"),
        ("of another group", vec![resource_id("to", REGISTRY)], target.clone(), 400, "InvalidMoveResources"),
        ("a child", vec![format!("{registry}/webhooks/hook")], target.clone(), 400, "InvalidMoveResources"),
        ("absent", vec![format!("{registry}x")], target.clone(), 404, "ResourceNotFound"),
        ("not movable", vec![identity()], target.clone(), 400, "ResourceMoveNotSupported"),
    ] {
        let answer = owner.post(&action("moveResources"), &body(&resources, &target)).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (status, code), "{what}: {}", answer.golden());
    }
    let lock = arm(&format!("{target}/providers/Microsoft.Authorization/locks/frozen"), "2016-09-01");
    owner.put(&lock, &json!({ "properties": { "level": "ReadOnly" } })).await;
    let locked = owner.post(&action("moveResources"), &body(std::slice::from_ref(&registry), &target)).await;
    assert_eq!((locked.status(), locked.error_code().as_str()), (409, "ScopeLocked"));
}

#[tokio::test]
async fn a_move_needs_the_right_to_write_into_the_target() {
    let azlet = Azlet::start().await;
    let owner = setting(&azlet).await;
    // A Contributor on the group that is left, and nowhere else.
    let assignment = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/0a210000-0000-4000-8000-0000000000d3",
        group(SUBSCRIPTION, "from")
    );
    let contributor = "/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c";
    let given =
        json!({ "properties": { "roleDefinitionId": contributor, "principalId": "0a210000-0000-4000-8000-0000000000b4" } });
    assert_eq!(owner.put(&arm(&assignment, "2022-04-01"), &given).await.status(), 201);
    let nobody = azlet.actor("nobody").await;
    let move_it = body(&[resource_id("from", REGISTRY)], &group(SUBSCRIPTION, "to"));
    insta::assert_snapshot!("move_without_right", nobody.post(&action("moveResources"), &move_it).await.golden());
    let reader = azlet.actor("reader").await;
    assert_eq!(reader.post(&action("moveResources"), &move_it).await.error_code(), "AuthorizationFailed");
}
