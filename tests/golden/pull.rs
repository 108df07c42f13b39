//! The whole: a cluster that pulls from a registry, through ARM, the registry and the Kubernetes API. Sources: the kubelet's image
//! manager (events, reasons, back-off of 10 s doubling), containerd's errors as users of AKS report them, AKS' documentation of
//! which identity pulls.

use azlet_tests::{Actor, Azlet, Cluster, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";

/// A registry with `nginx:v1` and `nginx:v2`, and a cluster beside it that is not attached.
struct Scene {
    azlet: Azlet,
    owner: Actor,
    cluster: Cluster,
}

fn registry() -> String {
    resource_id("rg", "Microsoft.ContainerRegistry/registries/myacr1")
}

impl Scene {
    async fn new() -> Self {
        let (azlet, owner) = Azlet::with_group().await;
        let made = owner
            .put_and_wait(&arm(&registry(), "2023-07-01"), &json!({ "location": "westus2", "sku": { "name": "Basic" } }))
            .await;
        assert_eq!(made.status(), 200, "{}", made.golden());
        let source = json!({ "registryUri": "docker.io", "sourceImage": "library/nginx:latest" });
        let import = json!({ "source": source, "targetTags": ["nginx:v1", "nginx:v2"], "mode": "NoForce" });
        let started = owner.post(&arm(&format!("{}/importImage", registry()), "2023-07-01"), &import).await;
        assert_eq!(owner.follow(&started).await.status(), 200);
        let cluster = azlet.cluster(&owner, 2).await;
        Self { azlet, owner, cluster }
    }

    async fn assign(&self, principal: &Value) {
        let role = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{ACR_PULL}");
        let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, principal.to_string().as_bytes());
        let url = arm(&format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", registry()), "2022-04-01");
        let properties = json!({ "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal" });
        let answer = self.owner.put(&url, &json!({ "properties": properties })).await;
        assert_eq!(answer.status(), 201, "{}", answer.golden());
    }

    async fn unassign(&self, principal: &Value) {
        let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, principal.to_string().as_bytes());
        let url = arm(&format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", registry()), "2022-04-01");
        assert_eq!(self.owner.delete(&url).await.status(), 200);
    }

    fn kubelet(&self) -> Value {
        self.cluster.resource["properties"]["identityProfile"]["kubeletidentity"]["objectId"].clone()
    }

    async fn run(&self, name: &str, image: &str) {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": name },
            "spec": { "containers": [{ "name": "nginx", "image": image }] },
        });
        let answer = self.cluster.user.post(&format!("{}/api/v1/namespaces/default/pods", self.cluster.server), &pod).await;
        assert_eq!(answer.status(), 201, "{}", answer.golden());
    }

    /// What `kubectl get pods` would say of a pod: its waiting reason, or its phase.
    async fn state(&self, name: &str) -> String {
        let url = format!("{}/api/v1/namespaces/default/pods/{name}", self.cluster.server);
        let pod = self.cluster.user.get(&url).await.json();
        let waiting = pod.pointer("/status/containerStatuses/0/state/waiting/reason").and_then(Value::as_str);
        waiting.or_else(|| pod["status"]["phase"].as_str()).unwrap_or_default().to_owned()
    }

    /// The events of a pod: type, reason, count, message.
    async fn events(&self, name: &str) -> String {
        let url = format!("{}/api/v1/namespaces/default/events?fieldSelector=involvedObject.name={name}", self.cluster.server);
        let events = self.cluster.user.get(&url).await.json();
        let mut lines: Vec<String> = events["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|event| {
                let text = |member: &str| event[member].as_str().unwrap_or_default();
                format!("{} {} x{} {}", text("type"), text("reason"), event["count"], text("message"))
            })
            .collect();
        lines.sort();
        lines.join("\n")
    }
}

#[tokio::test]
async fn not_attached_fails_attached_recovers_detached_fails_again() {
    let scene = Scene::new().await;
    scene.run("web", "myacr1.azurecr.io/nginx:v1").await;
    assert_eq!(scene.state("web").await, "ErrImagePull");
    scene.azlet.advance("1s").await;
    assert_eq!(scene.state("web").await, "ImagePullBackOff");
    insta::assert_snapshot!("pull_not_attached", scene.events("web").await);

    scene.assign(&scene.kubelet()).await;
    assert_eq!(scene.state("web").await, "ImagePullBackOff", "a role alone does not try again");
    scene.azlet.advance("30s").await;
    assert_eq!(scene.state("web").await, "Running", "the next try does");

    scene.unassign(&scene.kubelet()).await;
    assert_eq!(scene.state("web").await, "Running", "what runs stays");
    scene.run("new", "myacr1.azurecr.io/nginx:v2").await;
    assert_eq!(scene.state("new").await, "ErrImagePull");
}

#[tokio::test]
async fn a_role_of_the_clusters_identity_does_not_help() {
    let scene = Scene::new().await;
    scene.assign(&scene.cluster.resource["identity"]["principalId"]).await;
    scene.run("web", "myacr1.azurecr.io/nginx:v1").await;
    assert_eq!(scene.state("web").await, "ErrImagePull");
    scene.assign(&scene.kubelet()).await;
    scene.azlet.advance("30s").await;
    assert_eq!(scene.state("web").await, "Running");
}

#[tokio::test]
async fn the_reason_of_a_failure_is_the_true_one() {
    let scene = Scene::new().await;
    scene.assign(&scene.kubelet()).await;
    for (name, image) in [
        ("no-tag", "myacr1.azurecr.io/nginx:nope"),
        ("no-registry", "nowhere9.azurecr.io/nginx:v1"),
        ("no-name", "myacr1.azurecr.io/NGINX:v1"),
    ] {
        scene.run(name, image).await;
        insta::assert_snapshot!(format!("pull_{name}"), format!("{}\n{}", scene.state(name).await, scene.events(name).await));
    }
    let log = scene.cluster.user.get(&format!("{}/api/v1/namespaces/default/pods/no-tag/log", scene.cluster.server)).await;
    insta::assert_snapshot!("log_of_a_waiting_container", log.golden());
}

#[tokio::test]
async fn a_kubernetes_api_server_wants_its_own_token() {
    let scene = Scene::new().await;
    let namespace = format!("{}/api/v1/namespaces/default", scene.cluster.server);
    assert_eq!(scene.cluster.user.get(&namespace).await.status(), 200);
    insta::assert_snapshot!("kubernetes_wrong_token", scene.azlet.bearer("wrong").get(&namespace).await.golden());
    assert_eq!(scene.owner.get(&namespace).await.status(), 401, "ARM's token is not the cluster's");
}

#[tokio::test]
async fn a_log_is_what_a_container_wrote() {
    let scene = Scene::new().await;
    scene.run("hello", "mcr.microsoft.com/mcr/hello-world:latest").await;
    let log = format!("{}/api/v1/namespaces/default/pods/hello/log", scene.cluster.server);
    insta::assert_snapshot!("log_of_hello_world", scene.cluster.user.get(&log).await.golden());
    let followed = scene.cluster.user.get(&format!("{log}?follow=true&tailLines=1")).await;
    assert_eq!(followed.status(), 200, "a log that has ended ends");
}

#[tokio::test]
async fn no_number_of_replicas_stops_the_emulator() {
    let scene = Scene::new().await;
    let template = json!({
        "metadata": { "labels": { "a": "b" } },
        "spec": { "containers": [{ "name": "hello", "image": "mcr.microsoft.com/mcr/hello-world:latest" }], "nodeName": "" },
    });
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "many" },
        "spec": { "replicas": 999_999_999, "selector": { "matchLabels": { "a": "b" } }, "template": template },
    });
    let url = format!("{}/apis/apps/v1/namespaces/default/deployments", scene.cluster.server);
    assert_eq!(scene.cluster.user.post(&url, &deployment).await.status(), 201);
    let events = format!("{}/api/v1/namespaces/default/events?fieldSelector=reason=FailedCreate", scene.cluster.server);
    let refusal = scene.cluster.user.get(&events).await.json();
    let message = refusal["items"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("at most 2000 pods"), "{refusal}");
}
