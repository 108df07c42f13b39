//! What lies below clusters and beside them: machines, mesh profiles, trusted access, snapshots, and what only tells. Sources: AKS' REST
//! reference and recorded answers; inferred ones say so beside their snapshot's name.

use azlet_tests::{Actor, Azlet, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";
const PREVIEW: &str = "2026-01-02-preview";

fn below(rest: &str) -> String {
    arm(&format!("{}{rest}", resource_id("rg", "Microsoft.ContainerService/managedClusters/c")), VERSION)
}

fn region(rest: &str, version: &str) -> String {
    arm(&format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService/locations/westus2/{rest}"), version)
}

async fn create(owner: &Actor, more: &Value) {
    let mut properties = json!({ "dnsPrefix": "c", "agentPoolProfiles": [{ "name": "np", "mode": "System", "count": 2 }] });
    for (member, value) in more.as_object().into_iter().flatten() {
        properties[member] = value.clone();
    }
    let body = json!({ "location": "westus2", "identity": { "type": "SystemAssigned" }, "properties": properties });
    let made = owner.put_and_wait(&below(""), &body).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
}

#[tokio::test]
async fn a_pools_machines_are_its_nodes() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({})).await;
    let machines = owner.get(&below("/agentPools/np/machines")).await;
    insta::assert_snapshot!("machines", machines.golden());
    let name = machines.json()["value"][1]["name"].as_str().expect("a name").to_owned();
    let one = owner.get(&below(&format!("/agentPools/np/machines/{name}"))).await;
    assert_eq!(one.json(), machines.json()["value"][1]);
    insta::assert_snapshot!("machine_absent_inferred", owner.get(&below("/agentPools/np/machines/none")).await.golden());
    assert_eq!(owner.get(&below("/agentPools/none/machines")).await.status(), 404);
}

#[tokio::test]
async fn a_mesh_tells_what_it_can_become() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({ "serviceMeshProfile": { "mode": "Istio", "istio": { "revisions": ["asm-1-25"] } } })).await;
    insta::assert_snapshot!("mesh_upgrades", owner.get(&below("/meshUpgradeProfiles/istio")).await.golden());
    assert_eq!(owner.get(&below("/meshUpgradeProfiles")).await.json()["value"].as_array().map(Vec::len), Some(1));
    insta::assert_snapshot!("mesh_revisions", owner.get(&region("meshRevisionProfiles", VERSION)).await.golden());
    assert_eq!(owner.get(&region("meshRevisionProfiles/linkerd", VERSION)).await.status(), 404);
}

#[tokio::test]
async fn trusted_access_is_bound_and_unbound() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({})).await;
    let url = below("/trustedAccessRoleBindings/binding1");
    let source = resource_id("rg", "Microsoft.MachineLearningServices/workspaces/w");
    let body = json!({ "properties": { "sourceResourceId": source, "roles": ["Microsoft.MachineLearningServices/workspaces/mlworkload"] } });
    let bound = owner.put(&url, &body).await;
    assert_eq!((bound.status(), &bound.json()["properties"]["provisioningState"]), (200, &json!("Updating")));
    insta::assert_snapshot!("trusted_access_binding", owner.get(&url).await.golden());
    let unnamed = owner.put(&url.replace("binding1", "a_b"), &body).await;
    insta::assert_snapshot!("trusted_access_bad_name_inferred", unnamed.golden());
    let roleless = owner.put(&url, &json!({ "properties": { "sourceResourceId": source, "roles": [] } })).await;
    assert_eq!(roleless.json()["target"], "properties.roles");
    let gone = owner.delete(&url).await;
    assert_eq!((gone.status(), owner.follow(&gone).await.json()["status"].clone()), (202, json!("Succeeded")));
    assert_eq!(owner.delete(&url).await.status(), 204);
}

#[tokio::test]
async fn snapshots_keep_what_a_pool_or_a_cluster_is() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({})).await;
    let cluster = resource_id("rg", "Microsoft.ContainerService/managedClusters/c");
    let of = |source: &str| json!({ "location": "West US 2", "tags": { "a": "b" }, "properties": { "creationData": { "sourceResourceId": source } } });
    let pool = arm(&resource_id("rg", "Microsoft.ContainerService/snapshots/s"), VERSION);
    insta::assert_snapshot!("snapshot_of_a_pool", owner.put(&pool, &of(&format!("{cluster}/agentPools/np"))).await.golden());
    let whole = arm(&resource_id("rg", "Microsoft.ContainerService/managedclustersnapshots/s"), PREVIEW);
    insta::assert_snapshot!("snapshot_of_a_cluster", owner.put(&whole, &of(&cluster)).await.golden());
    let tagged = owner.patch(&pool, &json!({ "tags": { "c": "d" } })).await;
    assert_eq!(tagged.json()["tags"], json!({ "c": "d" }));
    let all = arm(&format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerService/snapshots"), VERSION);
    assert_eq!(owner.get(&all).await.json()["value"].as_array().map(Vec::len), Some(1));
    let sourceless = owner.put(&pool, &of(&format!("{cluster}/agentPools/none"))).await;
    insta::assert_snapshot!("snapshot_of_nothing_inferred", sourceless.golden());
    assert_eq!((owner.delete(&pool).await.status(), owner.delete(&pool).await.status()), (200, 204));
    assert_eq!(owner.get(&pool).await.error_code(), "ResourceNotFound");
}

#[tokio::test]
async fn a_cluster_and_a_region_tell_what_there_is() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({ "kubernetesVersion": "1.33.5" })).await;
    insta::assert_snapshot!("pool_versions", owner.get(&below("/availableAgentPoolVersions")).await.golden());
    for rest in ["/privateLinkResources", "/privateEndpointConnections", "/detectors", "/loadBalancers"] {
        let version = if rest == "/loadBalancers" { PREVIEW } else { VERSION };
        let answer = owner.get(&below(rest).replace(VERSION, version)).await;
        assert_eq!((answer.status(), answer.json()), (200, json!({ "value": [] })), "{rest}");
    }
    let outbound = owner.get(&below("/outboundNetworkDependenciesEndpoints")).await.json();
    let categories: Vec<&str> =
        outbound["value"].as_array().into_iter().flatten().filter_map(|each| each["category"].as_str()).collect();
    insta::assert_snapshot!("outbound_categories", categories.join(" "));
    insta::assert_snapshot!(
        "resolve_private_link_of_a_public_cluster_inferred",
        owner.post(&below("/resolvePrivateLinkServiceId"), &json!({ "name": "management" })).await.golden()
    );
    let mut told = Vec::new();
    for rest in [
        "trustedAccessRoles",
        "osOptions/default",
        "nodeImageVersions",
        "guardrailsVersions",
        "safeguardsVersions/v2.0.0",
        "usages",
    ] {
        let answer = owner.get(&region(rest, PREVIEW)).await;
        assert_eq!(answer.status(), 200, "{rest} {}", answer.golden());
        let mut body = answer.json();
        if let Some(list) = body.get_mut("value").and_then(Value::as_array_mut) {
            list.truncate(1);
        }
        told.push(format!("{rest}\n{}", serde_json::to_string_pretty(&body).expect("JSON")));
    }
    insta::assert_snapshot!("region_tells", told.join("\n\n"));
}

#[tokio::test]
async fn a_private_cluster_has_a_private_link() {
    let (_azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({ "apiServerAccessProfile": { "enablePrivateCluster": true } })).await;
    insta::assert_snapshot!("private_link_resources", owner.get(&below("/privateLinkResources")).await.golden());
    let resolved = owner.post(&below("/resolvePrivateLinkServiceId"), &json!({ "name": "management" })).await;
    insta::assert_snapshot!("resolve_private_link", resolved.golden());
}

#[tokio::test]
async fn a_managed_namespace_is_one_in_the_cluster_too() {
    let (azlet, owner) = Azlet::with_group().await;
    create(&owner, &json!({})).await;
    let url = below("/managedNamespaces/team");
    let quota = json!({ "cpuRequest": "100m", "cpuLimit": "1000m", "memoryRequest": "1Gi", "memoryLimit": "2Gi" });
    let body = json!({ "location": "westus2", "properties": { "labels": { "team": "a" }, "defaultResourceQuota": quota, "deletePolicy": "Delete" } });
    let made = owner.put(&url, &body).await;
    assert_eq!((made.status(), owner.follow(&made).await.json()["status"].clone()), (201, json!("Succeeded")));
    insta::assert_snapshot!("managed_namespace", owner.get(&url).await.golden());
    let config = azlet_tests::kubeconfig(&owner.post(&below("/managedNamespaces/team/listCredential"), &json!({})).await);
    let member = |name: &str| config.lines().find_map(|line| line.trim().strip_prefix(name)).expect("a member").to_owned();
    assert_eq!(member("namespace: "), "team");
    let user = azlet.bearer(member("token: "));
    let namespaces = format!("{}/api/v1/namespaces", member("server: ").trim_end_matches(":443"));
    assert_eq!(user.get(&format!("{namespaces}/team")).await.json()["metadata"]["labels"]["team"], "a");

    let mine = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "mine" } });
    assert_eq!(user.post(&namespaces, &mine).await.status(), 201);
    let other = url.replace("/team?", "/mine?");
    let adopt = |policy: &str| json!({ "location": "westus2", "properties": { "adoptionPolicy": policy } });
    insta::assert_snapshot!("managed_namespace_exists_inferred", owner.put(&other, &adopt("Never")).await.golden());
    assert_eq!(owner.put(&other, &adopt("IfIdentical")).await.status(), 201);
    let mut told = Vec::new();
    for (name, properties) in [
        ("kube-system", json!({})),
        ("Team", json!({})),
        ("x", json!({ "defaultResourceQuota": { "cpuRequest": "1" } })),
        ("x", json!({ "defaultResourceQuota": { "memoryLimit": "1G" } })),
        ("x", json!({ "defaultNetworkPolicy": { "ingress": "Allow" } })),
        ("x", json!({ "deletePolicy": "Sometimes" })),
    ] {
        let answer = owner
            .put(&url.replace("/team?", &format!("/{name}?")), &json!({ "location": "westus2", "properties": properties }))
            .await;
        told.push(format!("{} {} {}", answer.status(), answer.json()["target"], answer.json()["message"]));
    }
    insta::assert_snapshot!("managed_namespace_refused_inferred", told.join("\n"));
    let gone = owner.delete(&url).await;
    assert_eq!((gone.status(), owner.follow(&gone).await.json()["status"].clone()), (202, json!("Succeeded")));
    assert_eq!(owner.get(&url).await.status(), 404);
    assert_eq!(user.get(&format!("{namespaces}/team")).await.status(), 404, "its policy says so");
    assert_eq!(owner.delete(&other).await.status(), 202);
    assert_eq!(user.get(&format!("{namespaces}/mine")).await.status(), 200, "kept unless told otherwise");
}
