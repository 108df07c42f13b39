//! Which action each request about a registry's parts asks for: what a caller without any right is told. Source: the list of
//! operations that Container Registry publishes, where those of agent pools and task runs are in lower case; how ARM spells them in
//! a refusal is inferred, and a role may spell them either way.

use azlet_tests::{Actor, Azlet, SUBSCRIPTION, arm, resource_id};
use reqwest::Method;
use serde_json::{Value, json};

const NOW: &str = "2025-11-01";
const PREVIEW: &str = "2023-11-01-preview";
const TASKS: &str = "2019-06-01-preview";
const OLD: &str = "2019-05-01";

fn registry() -> String {
    resource_id("rg", "Microsoft.ContainerRegistry/registries/reg01")
}

/// What a caller without rights is told: nothing if it is as it must be.
async fn fault(nobody: &Actor, method: &str, url: &str, action: &str, scope: &str) -> Option<String> {
    let method: Method = method.parse().expect("a method");
    let mut request = nobody.request(method.clone(), url);
    if method != Method::GET && method != Method::DELETE {
        request = request.json(&json!({}));
    }
    let answer = nobody.send(request).await;
    let asked = format!("perform action 'Microsoft.ContainerRegistry/{action}' over scope '{scope}'").to_lowercase();
    let good = answer.status() == 403
        && answer.error_code() == "AuthorizationFailed"
        && answer.json()["error"]["message"].as_str().is_some_and(|message| message.to_lowercase().contains(&asked));
    (!good).then(|| format!("{method} {url}: expected {asked}, got {} {}", answer.status(), answer.text()))
}

#[tokio::test]
async fn every_child_is_read_written_and_deleted_by_its_own_actions() {
    let azlet = Azlet::start().await;
    let nobody = azlet.actor("nobody").await;
    let mut faults = Vec::new();
    for (child, version, changes, polled) in [
        ("replications", NOW, true, true),
        ("scopeMaps", NOW, true, true),
        ("tokens", NOW, true, true),
        ("cacheRules", NOW, true, true),
        ("credentialSets", NOW, true, true),
        ("webhooks", NOW, true, true),
        ("connectedRegistries", PREVIEW, true, false),
        ("exportPipelines", PREVIEW, false, false),
        ("importPipelines", PREVIEW, false, false),
        ("pipelineRuns", PREVIEW, false, true),
        ("privateEndpointConnections", NOW, false, true),
        ("agentPools", TASKS, true, true),
        ("taskRuns", TASKS, true, false),
        ("tasks", TASKS, true, false),
    ] {
        let all = format!("{}/{child}", registry());
        let one = format!("{all}/child1");
        let action = |verb: &str| format!("registries/{child}/{verb}");
        faults.extend(fault(&nobody, "GET", &arm(&all, version), &action("read"), &registry()).await);
        faults.extend(fault(&nobody, "GET", &arm(&one, version), &action("read"), &one).await);
        faults.extend(fault(&nobody, "PUT", &arm(&one, version), &action("write"), &one).await);
        faults.extend(fault(&nobody, "DELETE", &arm(&one, version), &action("delete"), &one).await);
        if changes {
            faults.extend(fault(&nobody, "PATCH", &arm(&one, version), &action("write"), &one).await);
        }
        if polled {
            let poll = format!("{one}/operationStatuses/x");
            faults.extend(fault(&nobody, "GET", &arm(&poll, version), &action("operationStatuses/read"), &poll).await);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn every_verb_is_an_action_of_its_own() {
    let azlet = Azlet::start().await;
    let nobody = azlet.actor("nobody").await;
    let mut faults = Vec::new();
    for (method, path, version, action, over) in [
        ("POST", "/generateCredentials", NOW, "registries/generateCredentials/action", ""),
        ("GET", "/listPolicies", OLD, "registries/listPolicies/read", ""),
        ("POST", "/updatePolicies", OLD, "registries/updatePolicies/write", ""),
        (
            "POST",
            "/connectedRegistries/edge1/deactivate",
            PREVIEW,
            "registries/connectedRegistries/deactivate/action",
            "/connectedRegistries/edge1",
        ),
        ("POST", "/agentPools/pool1/listQueueStatus", TASKS, "registries/agentpools/listQueueStatus/action", "/agentPools/pool1"),
        ("POST", "/tasks/task1/listDetails", TASKS, "registries/tasks/listDetails/action", "/tasks/task1"),
        ("POST", "/taskRuns/run01/listDetails", TASKS, "registries/taskruns/listDetails/action", "/taskRuns/run01"),
        ("GET", "/runs", TASKS, "registries/runs/read", ""),
        ("GET", "/runs/cf1", TASKS, "registries/runs/read", "/runs/cf1"),
        ("PATCH", "/runs/cf1", TASKS, "registries/runs/write", "/runs/cf1"),
        ("POST", "/runs/cf1/listLogSasUrl", TASKS, "registries/runs/listLogSasUrl/action", "/runs/cf1"),
        ("POST", "/runs/cf1/cancel", TASKS, "registries/runs/cancel/action", "/runs/cf1"),
        ("POST", "/scheduleRun", TASKS, "registries/scheduleRun/action", ""),
        ("POST", "/listBuildSourceUploadUrl", TASKS, "registries/listBuildSourceUploadUrl/action", ""),
    ] {
        let id = registry();
        faults.extend(fault(&nobody, method, &arm(&format!("{id}{path}"), version), action, &format!("{id}{over}")).await);
    }
    let poll = format!(
        "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerRegistry/locations/westus/operationResults/registries-x"
    );
    faults.extend(fault(&nobody, "GET", &arm(&poll, NOW), "locations/operationResults/read", &poll).await);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Gives the principal without rights a role of its own with these actions at the subscription.
async fn hold(azlet: &Azlet, owner: &Actor, actions: &[&str]) -> Actor {
    const NAME: &str = "33333333-0000-4000-8000-000000000002";
    let scope = format!("/subscriptions/{SUBSCRIPTION}");
    let actions: Vec<String> = actions.iter().map(|it| format!("Microsoft.ContainerRegistry/{it}")).collect();
    let role = json!({ "properties": {
        "roleName": "Only this", "type": "CustomRole", "assignableScopes": [scope], "permissions": [{ "actions": actions }],
    } });
    let id = format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{NAME}");
    assert!(owner.put(&arm(&id, "2022-04-01"), &role).await.status() < 300);
    let at = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{NAME}");
    let given = json!({ "properties": {
        "roleDefinitionId": id, "principalId": azlet.object_id("nobody"), "principalType": "ServicePrincipal",
    } });
    assert!(owner.put(&arm(&at, "2022-04-01"), &given).await.status() < 300);
    azlet.actor("nobody").await
}

async fn made(owner: &Actor) {
    let body = json!({ "location": "westus", "sku": { "name": "Premium" } });
    assert_eq!(owner.put(&arm(&registry(), NOW), &body).await.status(), 200);
}

#[tokio::test]
async fn a_role_may_spell_an_action_as_it_is_published() {
    let (azlet, owner) = Azlet::with_group().await;
    made(&owner).await;
    let nobody = hold(&azlet, &owner, &["registries/agentpools/read", "registries/taskruns/read"]).await;
    for child in ["agentPools", "taskRuns"] {
        let list = nobody.get(&arm(&format!("{}/{child}", registry()), TASKS)).await;
        assert_eq!((list.status(), list.json()), (200, json!({ "value": [] })), "{child}");
    }
    assert_eq!(nobody.get(&arm(&format!("{}/tasks", registry()), TASKS)).await.status(), 403);
}

#[tokio::test]
async fn a_poll_needs_a_right_of_its_own() {
    let (azlet, owner) = Azlet::with_group().await;
    made(&owner).await;
    let import =
        json!({ "source": { "registryUri": "docker.io", "sourceImage": "library/nginx:latest" }, "targetTags": ["a:v1"] });
    let start = arm(&format!("{}/importImage", registry()), NOW);
    let nobody = hold(&azlet, &owner, &["registries/importImage/action"]).await;
    let started = nobody.post(&start, &import).await;
    assert_eq!(started.status(), 202, "{}", started.golden());
    let url = started.header("location").expect("where to poll").to_owned();
    let poll = nobody.get(&url).await;
    assert_eq!((poll.status(), poll.error_code().as_str()), (403, "AuthorizationFailed"));
    assert!(poll.text().contains("'Microsoft.ContainerRegistry/locations/operationResults/read'"), "{}", poll.golden());
    let nobody = hold(&azlet, &owner, &["registries/importImage/action", "locations/operationResults/read"]).await;
    assert_eq!(nobody.get(&url).await.status(), 200);
    let writer = hold(&azlet, &owner, &["registries/write"]).await;
    let change = json!({ "properties": { "anonymousPullEnabled": true } });
    let started = writer.patch(&arm(&registry(), NOW), &change).await;
    assert_eq!(started.status(), 201, "{}", started.golden());
    let poll = writer.get(started.header("azure-asyncoperation").expect("where to poll")).await;
    assert!(poll.text().contains("'Microsoft.ContainerRegistry/registries/operationStatuses/read'"), "{}", poll.golden());
    assert_ne!(poll.json()["error"], Value::Null);
}
