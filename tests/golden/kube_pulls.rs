//! With which credential a node pulls, and what it says when it cannot. Sources: Kubernetes' page on image pull secrets and its image manager
//! (secrets before the node's own credential, all errors told); AKS' pages on pulling with a registry's admin user, a token and a service
//! principal; containerd's errors as users report them.

use azlet_tests::registry::{OCI_INDEX, image, push_image, put_manifest};
use azlet_tests::{Actor, Azlet, arm, my_registry};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

const HOST: &str = "myregistry.azurecr.io";
const REGISTRIES: &str = "2023-07-01";

/// A registry with `app:v1`, and a cluster whose kubelets have no role on it.
struct Scene {
    azlet: Azlet,
    owner: Actor,
    pusher: Actor,
    url: String,
    user: Actor,
    resource: Value,
}

impl Scene {
    async fn new() -> Self {
        let (azlet, owner) = Azlet::with_registry().await;
        azlet.assign("owner", "AcrPush", &my_registry());
        let pusher = azlet.registry_actor(HOST, "owner", "repository:app:pull,push").await;
        push_image(&pusher, HOST, "app", "v1", "layer").await;
        let cluster = azlet.cluster(&owner, 1).await;
        Self { azlet, owner, pusher, url: cluster.server, user: cluster.user, resource: cluster.resource }
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v1/namespaces/default/{path}", self.url)
    }

    /// A secret as `kubectl create secret docker-registry` makes it.
    async fn secret(&self, name: &str, username: &str, password: &str) {
        let auth = STANDARD.encode(format!("{username}:{password}"));
        let config = json!({ "auths": { HOST: { "username": username, "password": password, "auth": auth } } });
        let body = json!({
            "metadata": { "name": name }, "type": "kubernetes.io/dockerconfigjson",
            "data": { ".dockerconfigjson": STANDARD.encode(config.to_string()) },
        });
        let made = self.user.post(&self.at("secrets"), &body).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
    }

    /// Runs a pod; what its container waits for, or how it is.
    async fn run(&self, name: &str, spec: Value) -> String {
        let mut container = json!({ "name": "c", "image": format!("{HOST}/app:v1"), "imagePullPolicy": "Always" });
        let mut pod_spec = json!({});
        for (field, value) in spec.as_object().into_iter().flatten() {
            let to = if field.starts_with("image") && field != "imagePullSecrets" { &mut container } else { &mut pod_spec };
            to[field] = value.clone();
        }
        pod_spec["containers"] = json!([container]);
        let made = self.user.post(&self.at("pods"), &json!({ "metadata": { "name": name }, "spec": pod_spec })).await;
        assert_eq!(made.status(), 201, "{}", made.golden());
        self.state(name).await
    }

    async fn state(&self, name: &str) -> String {
        let pod = self.user.get(&self.at(&format!("pods/{name}"))).await.json();
        let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
        match (waiting["reason"].as_str(), waiting["message"].as_str()) {
            (Some(reason), message) => format!("{reason}: {}", message.unwrap_or_default()),
            (None, _) => pod["status"]["phase"].as_str().unwrap_or_default().to_owned(),
        }
    }

    async fn warnings(&self, name: &str) -> Vec<String> {
        let events =
            self.user.get(&self.at(&format!("events?fieldSelector=involvedObject.name={name},type=Warning"))).await.json();
        let items = events["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|event| format!("{}: {}", event["reason"].as_str().unwrap_or(""), event["message"].as_str().unwrap_or("")))
            .collect()
    }

    fn assign_kubelet(&self) {
        let object_id = self.resource["properties"]["identityProfile"]["kubeletidentity"]["objectId"].as_str().expect("an id");
        self.azlet.assign_to(object_id.parse().expect("a GUID"), "AcrPull", &my_registry());
    }
}

#[tokio::test]
async fn a_pull_secret_opens_the_registry_with_whatever_it_holds() {
    let scene = Scene::new().await;
    let secrets = |name: &str| json!({ "imagePullSecrets": [{ "name": name }] });
    insta::assert_snapshot!("kube_pull_without", scene.run("without", json!({})).await);
    // The admin user.
    let admin = json!({ "properties": { "adminUserEnabled": true } });
    scene.owner.patch(&arm(&my_registry(), REGISTRIES), &admin).await;
    let listed = scene.owner.post(&arm(&format!("{}/listCredentials", my_registry()), REGISTRIES), &json!({})).await.json();
    scene.secret("admin", "myregistry", listed["passwords"][0]["value"].as_str().expect("a password")).await;
    assert_eq!(scene.run("admin", secrets("admin")).await, "Running");
    // A token of one repository, and of another.
    for (name, repository) in [("token-mine", "app"), ("token-other", "other")] {
        let map = json!({ "properties": { "actions": [format!("repositories/{repository}/content/read")] } });
        let map_url = arm(&format!("{}/scopeMaps/{name}", my_registry()), REGISTRIES);
        assert!(scene.owner.put_and_wait(&map_url, &map).await.status() < 300);
        let token = json!({ "properties": { "scopeMapId": format!("{}/scopeMaps/{name}", my_registry()), "status": "enabled" } });
        assert!(
            scene.owner.put_and_wait(&arm(&format!("{}/tokens/{name}", my_registry()), REGISTRIES), &token).await.status() < 300
        );
        let wanted = json!({ "tokenId": format!("{}/tokens/{name}", my_registry()) });
        let generate = arm(&format!("{}/generateCredentials", my_registry()), REGISTRIES);
        let started = scene.owner.post(&generate, &wanted).await;
        let given = if started.status() == 202 { scene.owner.follow(&started).await } else { started };
        scene.secret(name, name, given.json()["passwords"][0]["value"].as_str().expect("a password")).await;
    }
    assert_eq!(scene.run("mine", secrets("token-mine")).await, "Running");
    insta::assert_snapshot!("kube_pull_token_of_another", scene.run("other", secrets("token-other")).await);
    // A service principal's id and secret.
    let world = scene.azlet.world();
    let nobody = world.seed.principal("nobody").expect("in the seed");
    let (id, password) = (nobody.app_id.expect("an id").to_string(), nobody.client_secret.clone().expect("a secret"));
    scene.secret("principal", &id, &password).await;
    insta::assert_snapshot!("kube_pull_principal_without_role", scene.run("principal-early", secrets("principal")).await);
    scene.azlet.assign("nobody", "AcrPull", &my_registry());
    assert_eq!(scene.run("principal", secrets("principal")).await, "Running");
    // What is wrong or absent is told; what else there is still helps.
    scene.secret("wrong", "myregistry", "nonsense").await;
    insta::assert_snapshot!("kube_pull_wrong", scene.run("wrong", secrets("wrong")).await);
    insta::assert_json_snapshot!(
        "kube_pull_absent",
        (scene.run("absent", secrets("absent")).await, scene.warnings("absent").await)
    );
    let both = json!({ "imagePullSecrets": [{ "name": "wrong" }, { "name": "admin" }] });
    assert_eq!(scene.run("both", both).await, "Running", "one after the other");
}

#[tokio::test]
async fn a_service_account_gives_its_secrets_to_its_pods() {
    let scene = Scene::new().await;
    scene.owner.patch(&arm(&my_registry(), REGISTRIES), &json!({ "properties": { "adminUserEnabled": true } })).await;
    let listed = scene.owner.post(&arm(&format!("{}/listCredentials", my_registry()), REGISTRIES), &json!({})).await.json();
    scene.secret("admin", "myregistry", listed["passwords"][1]["value"].as_str().expect("a password")).await;
    let patch = json!({ "imagePullSecrets": [{ "name": "admin" }] }).to_string();
    let account = scene.at("serviceaccounts/default");
    assert_eq!(scene.user.send_bytes(Method::PATCH, &account, "application/merge-patch+json", patch).await.status(), 200);
    assert_eq!(scene.run("later", json!({})).await, "Running");
}

#[tokio::test]
async fn what_a_node_has_is_not_pulled_again_and_what_it_must_not_pull_is_not() {
    let scene = Scene::new().await;
    insta::assert_snapshot!("kube_pull_never", scene.run("never", json!({ "imagePullPolicy": "Never" })).await);
    scene.assign_kubelet();
    assert_eq!(scene.run("first", json!({})).await, "Running");
    assert_eq!(scene.run("never-again", json!({ "imagePullPolicy": "Never" })).await, "Running", "it is there by now");
    // With the network closed, what is there still runs and what has to be asked for does not.
    let closed = json!({ "properties": { "networkRuleSet": { "defaultAction": "Deny", "ipRules": [] } } });
    let patched = scene.owner.patch(&arm(&my_registry(), REGISTRIES), &closed).await;
    assert!(patched.status() < 300, "{}", patched.golden());
    assert_eq!(scene.run("present", json!({ "imagePullPolicy": "IfNotPresent" })).await, "Running");
    insta::assert_snapshot!("kube_pull_closed", scene.run("closed", json!({})).await);
}

#[tokio::test]
async fn an_image_for_other_machines_is_refused() {
    let scene = Scene::new().await;
    scene.assign_kubelet();
    let manifest = image(&scene.pusher, HOST, "app", "layer").await;
    let put = put_manifest(&scene.pusher, HOST, "app", "arm", azlet_tests::registry::OCI_MANIFEST, &manifest).await;
    let child = json!({
        "mediaType": azlet_tests::registry::OCI_MANIFEST, "digest": put.header("docker-content-digest").expect("a digest"),
        "size": manifest.to_string().len(), "platform": { "os": "linux", "architecture": "arm64" },
    });
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child] });
    assert_eq!(put_manifest(&scene.pusher, HOST, "app", "index", OCI_INDEX, &index).await.status(), 201);
    insta::assert_snapshot!("kube_pull_platform", scene.run("other", json!({ "image": format!("{HOST}/app:index") })).await);
    // A pool of such machines takes it.
    let pool = format!("{}/agentPools/arm", scene.resource["id"].as_str().expect("an id"));
    let body = json!({ "properties": { "count": 1, "vmSize": "Standard_D2ps_v5", "mode": "User" } });
    let made = scene.owner.put_and_wait(&arm(&pool, "2026-06-01"), &body).await;
    assert!(made.status() < 300, "{}", made.golden());
    let there = json!({ "image": format!("{HOST}/app:index"), "nodeSelector": { "kubernetes.io/arch": "arm64" } });
    assert_eq!(scene.run("there", there).await, "Running");
}
