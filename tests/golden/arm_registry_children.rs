//! What a registry has children of. Sources: the provider's specification, recorded answers, and Container Registry's documentation;
//! the codes of refusals are inferred.

use azlet_tests::{Actor, Answer, Azlet, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2025-11-01";
const TASKS: &str = "2019-06-01-preview";

fn id(rest: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerRegistry/registries/{rest}"))
}

fn url(rest: &str) -> String {
    arm(&id(rest), VERSION)
}

async fn registry(owner: &Actor, name: &str, sku: &str, properties: Value) {
    let body = json!({ "location": "westus", "sku": { "name": sku }, "properties": properties });
    let made = owner.put(&url(name), &body).await;
    assert_eq!(made.status(), 200, "{}", made.golden());
}

/// A row of a table: what was asked, and how it was answered.
fn row(case: &str, answer: &Answer) -> String {
    match answer.json()["error"]["message"].as_str() {
        Some(message) => format!("{case}\n    {} {}: {message}", answer.status(), answer.error_code()),
        None => format!("{case}\n    {}", answer.status()),
    }
}

#[tokio::test]
async fn a_replication_brings_one_of_the_home_region_along() {
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "premium1", "Premium", json!({ "dataEndpointEnabled": true })).await;
    assert_eq!(owner.get(&url("premium1/replications")).await.json(), json!({ "value": [] }));
    let started = owner.put(&url("premium1/replications/centralus"), &json!({ "location": "Central US" })).await;
    insta::assert_snapshot!("replication_put", started.golden());
    assert_eq!(owner.follow(&started).await.json(), json!({ "status": "Succeeded" }));
    insta::assert_snapshot!("replication_list", owner.get(&url("premium1/replications")).await.golden());
    let hosts = owner.get(&url("premium1")).await.json()["properties"]["dataEndpointHostNames"].clone();
    assert_eq!(hosts, json!(["premium1.westus.data.azurecr.io", "premium1.centralus.data.azurecr.io"]));
    let changed =
        owner.patch(&url("premium1/replications/centralus"), &json!({ "properties": { "regionEndpointEnabled": false } })).await;
    assert_eq!((changed.status(), &changed.json()["properties"]["regionEndpointEnabled"]), (201, &json!(false)));
    registry(&owner, "basic1", "Basic", json!({})).await;
    let lines = [
        row("on a Basic registry", &owner.put(&url("basic1/replications/eastus"), &json!({ "location": "eastus" })).await),
        row("in the home region", &owner.put(&url("premium1/replications/second1"), &json!({ "location": "westus" })).await),
        row("twice in a region", &owner.put(&url("premium1/replications/second1"), &json!({ "location": "centralus" })).await),
        row("in no region", &owner.put(&url("premium1/replications/nowhere"), &json!({ "location": "nowhere" })).await),
        row("with a bad name", &owner.put(&url("premium1/replications/a-b-c-d"), &json!({ "location": "eastus" })).await),
        row("deleting the home region's", &owner.delete(&url("premium1/replications/westus")).await),
        row(
            "soft delete beside it",
            &owner
                .patch(
                    &url("premium1"),
                    &json!({ "properties": { "policies": { "softDeletePolicy": { "status": "enabled" } } } }),
                )
                .await,
        ),
        row("absent", &owner.get(&url("premium1/replications/eastus2")).await),
        row("of an absent registry", &owner.get(&url("absent1/replications")).await),
    ];
    insta::assert_snapshot!("replication_rules", lines.join("\n"));
    let deleted = owner.delete(&url("premium1/replications/centralus")).await;
    insta::assert_snapshot!("replication_delete", deleted.golden());
    let done = owner.follow(&deleted).await;
    assert_eq!((done.status(), done.text().as_str()), (200, ""));
    // Recorded: a registry with replications is deleted by an operation.
    let deleted = owner.delete(&url("premium1")).await;
    assert_eq!((deleted.status(), &deleted.json()["properties"]["provisioningState"]), (202, &json!("Deleting")));
    assert_eq!(owner.follow(&deleted).await.status(), 200);
}

#[tokio::test]
async fn scope_maps_and_tokens_are_kept_and_checked() {
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "standard1", "Standard", json!({})).await;
    let map = |actions: Value| json!({ "properties": { "description": "For tests", "actions": actions } });
    let read = json!(["repositories/a/content/read"]);
    insta::assert_snapshot!("scope_map_put", owner.put(&url("standard1/scopeMaps/my-map"), &map(read.clone())).await.golden());
    let changed = owner.patch(&url("standard1/scopeMaps/my-map"), &json!({ "properties": { "description": "Other" } })).await;
    assert_eq!((changed.status(), &changed.json()["properties"]["actions"]), (201, &read));
    insta::assert_snapshot!("scope_map_list", owner.get(&url("standard1/scopeMaps")).await.golden());
    let map_id = id("standard1/scopeMaps/my-map");
    let token = |map: &str| json!({ "properties": { "scopeMapId": map, "status": "enabled" } });
    let started = owner.put(&url("standard1/tokens/my-token"), &token(&map_id)).await;
    insta::assert_snapshot!("token_put", started.golden());
    owner.follow(&started).await;
    let put_map = async |case: &str, name: &str, actions: Value| {
        row(case, &owner.put(&url(&format!("standard1/scopeMaps/{name}")), &map(actions)).await)
    };
    let make = json!({ "tokenId": id("standard1/tokens/my-token") });
    let generate = async |case: &str, body: Value| row(case, &owner.post(&url("standard1/generateCredentials"), &body).await);
    let lines = [
        put_map("no action", "map-1", json!([])).await,
        put_map("an action that is none", "map-1", json!(["repositories/a/content/list"])).await,
        put_map("a wildcard in the middle", "map-1", json!(["repositories/a*b/content/read"])).await,
        put_map("a wildcard for a folder", "map-1", json!(["repositories/a/*/content/read"])).await,
        put_map("a gateway's action", "map-2", json!(["gateway/edge1/config/read"])).await,
        put_map("a short name", "map", read.clone()).await,
        put_map("a name with a dot", "my.map", read.clone()).await,
        put_map("a system's own", "_repositories_pull", read.clone()).await,
        row("deleting a system's own", &owner.delete(&url("standard1/scopeMaps/_repositories_pull")).await),
        row("an absent map (recorded)", &owner.get(&url("standard1/scopeMaps/absent-map")).await),
        row("a token without a map", &owner.put(&url("standard1/tokens/token2"), &json!({ "properties": {} })).await),
        row(
            "a token of a map that is not there",
            &owner.put(&url("standard1/tokens/token2"), &token(&id("standard1/scopeMaps/absent"))).await,
        ),
        row(
            "a token of a system's own map",
            &owner.put(&url("standard1/tokens/token2"), &token(&id("standard1/scopeMaps/_repositories_pull"))).await,
        ),
        row("a token with an underscore", &owner.put(&url("standard1/tokens/my_token"), &token(&map_id)).await),
        row("an absent token (recorded)", &owner.get(&url("standard1/tokens/absent-token")).await),
        generate("passwords of nothing", json!({})).await,
        generate("passwords of an absent token", json!({ "tokenId": id("standard1/tokens/absent") })).await,
        generate("a third password", json!({ "tokenId": make["tokenId"], "name": "password3" })).await,
        generate("a password that has ended", json!({ "tokenId": make["tokenId"], "expiry": "2020-01-01T00:00:00Z" })).await,
        generate("both", make.clone()).await,
        row("deleting a token", &owner.delete(&url("standard1/tokens/token2")).await),
        row("deleting it twice", &owner.delete(&url("standard1/tokens/token2")).await),
        row("deleting a map", &owner.delete(&url("standard1/scopeMaps/map-1")).await),
    ];
    insta::assert_snapshot!("scope_map_rules", lines.join("\n"));
}

#[tokio::test]
async fn webhooks_hide_where_they_send() {
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "basic1", "Basic", json!({})).await;
    let hook = |uri: &str, actions: Value| json!({ "location": "westus", "properties": { "serviceUri": uri, "customHeaders": { "key": "value" }, "actions": actions } });
    let good = hook("http://www.example.com", json!(["push"]));
    insta::assert_snapshot!("webhook_put", owner.put(&url("basic1/webhooks/myhook1"), &good).await.golden());
    let config = owner.post(&url("basic1/webhooks/myhook1/getCallbackConfig"), &json!({})).await.json();
    assert_eq!(config, json!({ "serviceUri": "http://www.example.com", "customHeaders": { "key": "value" } }));
    let put = async |case: &str, body: Value| row(case, &owner.put(&url("basic1/webhooks/myhook2"), &body).await);
    let lines = [
        put("no service URI", json!({ "location": "westus", "properties": { "actions": ["push"] } })).await,
        put("a service URI that is none", hook("nowhere", json!(["push"]))).await,
        put("no action", hook("http://localhost", json!([]))).await,
        put("an unknown action", hook("http://localhost", json!(["pull"]))).await,
        put("no location", json!({ "properties": { "serviceUri": "http://localhost", "actions": ["push"] } })).await,
        put("the second of two", hook("http://localhost", json!(["push", "delete"]))).await,
        row("the third of two", &owner.put(&url("basic1/webhooks/myhook3"), &good).await),
        row("an absent one", &owner.post(&url("basic1/webhooks/absent1/ping"), &json!({})).await),
        row("deleted", &owner.delete(&url("basic1/webhooks/myhook2")).await),
        row("deleted twice", &owner.delete(&url("basic1/webhooks/myhook2")).await),
    ];
    insta::assert_snapshot!("webhook_rules", lines.join("\n"));
    let usage = owner.get(&url("basic1/listUsages")).await.json();
    assert_eq!(usage["value"][1], json!({ "name": "Webhooks", "limit": 2, "currentValue": 1, "unit": "Count" }));
}

#[tokio::test]
async fn cache_rules_and_credential_sets_name_each_other() {
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "basic1", "Basic", json!({})).await;
    let secret = |name: &str| format!("https://v.vault.azure.net/secrets/{name}");
    let set = json!({
        "identity": { "type": "SystemAssigned" },
        "properties": { "loginServer": "docker.io", "authCredentials": [{
            "name": "Credential1", "usernameSecretIdentifier": secret("user"), "passwordSecretIdentifier": secret("password"),
        }] },
    });
    insta::assert_snapshot!("credential_set_put", owner.put(&url("basic1/credentialSets/my-set"), &set).await.golden());
    let rule = |source: &str, target: &str| json!({ "properties": { "sourceRepository": source, "targetRepository": target, "credentialSetResourceId": id("basic1/credentialSets/my-set") } });
    let good = rule("docker.io/library/nginx", "nginx");
    insta::assert_snapshot!("cache_rule_put", owner.put(&url("basic1/cacheRules/my-rule"), &good).await.golden());
    let put = async |case: &str, body: Value| row(case, &owner.put(&url("basic1/cacheRules/rule2"), &body).await);
    let mut other = rule("docker.io/library/x", "x");
    other["properties"]["credentialSetResourceId"] = json!(id("basic1/credentialSets/absent"));
    let mut plain = set.clone();
    plain["identity"] = json!({ "type": "None" });
    let mut unnamed = set.clone();
    unnamed["properties"]["authCredentials"][0]["name"] = json!("Credential2");
    let lines = [
        put("a source without a host", rule("nginx", "nginx2")).await,
        put("a wildcard on one side", rule("docker.io/library/*", "hub")).await,
        put("wildcards on both", rule("docker.io/library/*", "hub/*")).await,
        put("credentials that are not there", other).await,
        row("a target twice", &owner.put(&url("basic1/cacheRules/rule3"), &rule("docker.io/library/nginx", "nginx")).await),
        row("wildcards that overlap", &owner.put(&url("basic1/cacheRules/rule3"), &rule("mcr.microsoft.com/*", "hub/a/*")).await),
        row("a set without an identity", &owner.put(&url("basic1/credentialSets/set-2"), &plain).await),
        row("a second credential", &owner.put(&url("basic1/credentialSets/set-2"), &unnamed).await),
        row("deleting a set in use", &owner.delete(&url("basic1/credentialSets/my-set")).await),
        row(
            "soft delete beside cache rules",
            &owner
                .patch(&url("basic1"), &json!({ "properties": { "policies": { "softDeletePolicy": { "status": "enabled" } } } }))
                .await,
        ),
        row(
            "without credentials",
            &owner.patch(&url("basic1/cacheRules/my-rule"), &json!({ "properties": { "credentialSetResourceId": null } })).await,
        ),
        row("deleting a rule", &owner.delete(&url("basic1/cacheRules/rule2")).await),
        row("deleting a set", &owner.delete(&url("basic1/credentialSets/my-set")).await),
    ];
    insta::assert_snapshot!("cache_rules", lines.join("\n"));
    assert_eq!(owner.get(&url("basic1/cacheRules/my-rule")).await.json()["properties"].get("credentialSetResourceId"), None);
}

#[tokio::test]
async fn connected_registries_stand_below_each_other() {
    const CONNECTED: &str = "2023-11-01-preview";
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "premium1", "Premium", json!({})).await;
    registry(&owner, "standard1", "Standard", json!({})).await;
    let at = |rest: &str| arm(&id(rest), CONNECTED);
    for name in ["sync1", "sync2", "sync3"] {
        let token = json!({ "properties": { "scopeMapId": id("premium1/scopeMaps/_repositories_pull") } });
        assert_eq!(owner.put(&at(&format!("premium1/tokens/{name}")), &token).await.status(), 201);
    }
    let edge = |mode: &str, token: &str, parent: Option<&str>| {
        let mut body = json!({ "properties": { "mode": mode, "parent": { "syncProperties": { "tokenId": id(&format!("premium1/tokens/{token}")), "messageTtl": "P2D", "schedule": "* * * * *" } } } });
        if let Some(parent) = parent {
            body["properties"]["parent"]["id"] = json!(id(&format!("premium1/connectedRegistries/{parent}")));
        }
        body
    };
    let put = async |case: &str, rest: &str, body: Value| row(case, &owner.put(&at(rest), &body).await);
    let mut lines =
        vec![put("without data endpoints", "premium1/connectedRegistries/edge1", edge("readonly", "sync1", None)).await];
    owner.patch(&at("premium1"), &json!({ "properties": { "dataEndpointEnabled": true } })).await;
    let made = owner.put(&at("premium1/connectedRegistries/edge1"), &edge("readonly", "sync1", None)).await;
    insta::assert_snapshot!("connected_put", made.golden());
    lines.extend([
        put("on a Standard registry", "standard1/connectedRegistries/edge1", edge("ReadOnly", "sync1", None)).await,
        put("an unknown mode", "premium1/connectedRegistries/edge2", edge("WriteOnly", "sync2", None)).await,
        put("a token that is not there", "premium1/connectedRegistries/edge2", edge("ReadOnly", "absent", None)).await,
        put("a token that is in use", "premium1/connectedRegistries/edge2", edge("ReadOnly", "sync1", None)).await,
        put("a parent that is not there", "premium1/connectedRegistries/edge2", edge("ReadOnly", "sync2", Some("absent"))).await,
        put(
            "one that writes below one that does not",
            "premium1/connectedRegistries/edge2",
            edge("ReadWrite", "sync2", Some("edge1")),
        )
        .await,
        put("one that reads below it", "premium1/connectedRegistries/edge2", edge("ReadOnly", "sync2", Some("edge1"))).await,
        row("deleting the parent", &owner.delete(&at("premium1/connectedRegistries/edge1")).await),
        row("deactivating", &owner.post(&at("premium1/connectedRegistries/edge2/deactivate"), &json!({})).await),
        row(
            "another schedule",
            &owner
                .patch(
                    &at("premium1/connectedRegistries/edge2"),
                    &json!({ "properties": { "syncProperties": { "schedule": "0 9 * * *" } } }),
                )
                .await,
        ),
        row(
            "a schedule that is none",
            &owner
                .patch(
                    &at("premium1/connectedRegistries/edge2"),
                    &json!({ "properties": { "syncProperties": { "schedule": "daily" } } }),
                )
                .await,
        ),
        row("deleting the child (recorded)", &owner.delete(&at("premium1/connectedRegistries/edge2")).await),
        row("absent (recorded)", &owner.get(&at("premium1/connectedRegistries/edge2")).await),
    ]);
    insta::assert_snapshot!("connected_rules", lines.join("\n"));
}

#[tokio::test]
async fn tasks_keep_their_secrets_and_runs_say_that_nothing_ran() {
    let (_azlet, owner) = Azlet::with_group().await;
    registry(&owner, "standard1", "Standard", json!({})).await;
    let at = |rest: &str| arm(&id(rest), TASKS);
    let task = json!({
        "location": "westus",
        "properties": {
            "platform": { "os": "linux", "architecture": "amd64" },
            "step": { "type": "Docker", "contextPath": "https://example.com/x.git", "dockerFilePath": "Dockerfile", "imageNames": ["a:v1"], "arguments": [{ "name": "k", "value": "v", "isSecret": true }] },
            "trigger": { "timerTriggers": [{ "name": "t1", "schedule": "0 9 * * *" }] },
            "credentials": { "customRegistries": { "other.example.com": { "userName": { "type": "Opaque", "value": "u" }, "password": { "type": "Opaque", "value": "p" } } } },
        },
    });
    insta::assert_snapshot!("task_put", owner.put(&at("standard1/tasks/build-a"), &task).await.golden());
    let details = owner.post(&at("standard1/tasks/build-a/listDetails"), &json!({})).await.json();
    assert_eq!(details["properties"]["credentials"], task["properties"]["credentials"]);
    let timers = json!({ "properties": { "trigger": { "timerTriggers": [{ "name": "t1", "status": "Disabled" }, { "name": "t2", "schedule": "0 1 * * *" }] } } });
    let changed = owner.patch(&at("standard1/tasks/build-a"), &timers).await.json();
    insta::assert_snapshot!("task_triggers", serde_json::to_string_pretty(&changed["properties"]["trigger"]).expect("JSON"));
    let run = json!({ "type": "TaskRunRequest", "taskId": id("standard1/tasks/build-a") });
    insta::assert_snapshot!("run_queued", owner.post(&at("standard1/scheduleRun"), &run).await.golden());
    insta::assert_snapshot!("run_failed", owner.get(&at("standard1/runs/cf1")).await.golden());
    let put = async |case: &str, body: Value| {
        let mut task = task.clone();
        for (key, value) in body.as_object().expect("an object") {
            task["properties"][key] = value.clone();
        }
        row(case, &owner.put(&at("standard1/tasks/build-b"), &task).await)
    };
    let filtered = format!("{}&$filter=TaskName%20eq%20%27other%27", at("standard1/runs"));
    assert_eq!(owner.get(&filtered).await.json(), json!({ "value": [] }));
    let lines = [
        put("no step", json!({ "step": null })).await,
        put("an unknown step", json!({ "step": { "type": "Shell" } })).await,
        put("a step without its file", json!({ "step": { "type": "FileTask" } })).await,
        put("an unknown system", json!({ "platform": { "os": "Plan9" } })).await,
        put("too short a time", json!({ "timeout": 10 })).await,
        put("disabled", json!({ "status": "Disabled" })).await,
        row(
            "running a disabled one",
            &owner
                .post(&at("standard1/scheduleRun"), &json!({ "type": "TaskRunRequest", "taskId": id("standard1/tasks/build-b") }))
                .await,
        ),
        row(
            "running an absent one",
            &owner
                .post(&at("standard1/scheduleRun"), &json!({ "type": "TaskRunRequest", "taskId": id("standard1/tasks/none") }))
                .await,
        ),
        row("running what is unknown", &owner.post(&at("standard1/scheduleRun"), &json!({ "type": "DanceRequest" })).await),
        row("archiving a run", &owner.patch(&at("standard1/runs/cf1"), &json!({ "isArchiveEnabled": true })).await),
        row("the log of a run", &owner.post(&at("standard1/runs/cf1/listLogSasUrl"), &json!({})).await),
        row("cancelling a run", &owner.post(&at("standard1/runs/cf1/cancel"), &json!({})).await),
        row("a place for a source", &owner.post(&at("standard1/listBuildSourceUploadUrl"), &json!({})).await),
        row(
            "an agent pool on a Standard registry",
            &owner.put(&at("standard1/agentPools/pool1"), &json!({ "location": "westus", "properties": { "count": 1 } })).await,
        ),
        row("deleted", &owner.delete(&at("standard1/tasks/build-b")).await),
        row("archives", &owner.get(&url("standard1/packages/rpm/archives")).await),
    ];
    insta::assert_snapshot!("task_rules", lines.join("\n"));
}

#[tokio::test]
async fn pipelines_are_kept_and_their_runs_fail_truly() {
    let (_azlet, owner) = Azlet::with_group().await;
    let at = |rest: &str| arm(&id(rest), "2023-11-01-preview");
    registry(&owner, "premium1", "Premium", json!({})).await;
    let place = json!({ "uri": "https://account.blob.core.windows.net/c", "keyVaultUri": "https://v.vault.azure.net/secrets/s" });
    let export = json!({ "location": "westus", "identity": { "type": "SystemAssigned" }, "properties": { "target": place, "options": ["OverwriteBlobs"] } });
    insta::assert_snapshot!("export_put", owner.put(&at("premium1/exportPipelines/export1"), &export).await.golden());
    let import = json!({ "location": "westus", "identity": { "type": "SystemAssigned" }, "properties": { "source": place } });
    assert_eq!(owner.put(&at("premium1/importPipelines/import1"), &import).await.status(), 201);
    let run = json!({ "properties": { "request": { "pipelineResourceId": id("premium1/exportPipelines/export1"), "artifacts": ["a:v1"] } } });
    insta::assert_snapshot!("pipeline_run", owner.put(&at("premium1/pipelineRuns/run-1"), &run).await.golden());
    let lost = json!({ "properties": { "request": { "pipelineResourceId": id("premium1/exportPipelines/none") } } });
    assert_eq!(owner.put(&at("premium1/pipelineRuns/run-2"), &lost).await.status(), 400);
    assert_eq!(owner.delete(&at("premium1/exportPipelines/export1")).await.status(), 202);
}

#[tokio::test]
async fn private_endpoints_are_listed_and_judged() {
    let (azlet, owner) = Azlet::with_group().await;
    registry(&owner, "premium1", "Premium", json!({})).await;
    insta::assert_snapshot!("link_resources", owner.get(&url("premium1/privateLinkResources")).await.golden());
    assert_eq!(owner.get(&url("premium1/privateLinkResources/other")).await.status(), 404);
    assert_eq!(owner.get(&url("premium1/privateEndpointConnections")).await.json(), json!({ "value": [] }));
    let connection = owner.get(&url("premium1/privateEndpointConnections/none1")).await;
    assert_eq!((connection.status(), connection.error_code().as_str()), (404, "ResourceNotFound"));
    drop(azlet);
}
