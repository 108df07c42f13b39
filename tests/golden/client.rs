//! The thin client through the wire. Source of the rules: what `az aks update --attach-acr` and `--detach-acr` do (Azure CLI 2.91),
//! and Azure's own refusals as the client hands them on.

use std::sync::Arc;

use azlet_client::attach::Cluster;
use azlet_client::{Client, Settings};
use azlet_tests::{ARM, Azlet, SUBSCRIPTION, TENANT};
use serde_json::{Value, json};

const REGISTRY: &str = "clientregistry";

/// The thin client as a service principal of the seed; it never really waits.
fn client(azlet: &Azlet, name: &str) -> Client {
    let world = azlet.world();
    let who = world.seed.principal(name).expect("a principal of the seed");
    let settings = Settings {
        tenant: TENANT.into(),
        client_id: who.app_id.expect("an application").to_string(),
        client_secret: who.client_secret.as_deref().expect("a secret").into(),
        subscription: SUBSCRIPTION.into(),
        arm: ARM.into(),
        authority: "https://login.microsoftonline.com".into(),
        graph: "https://graph.microsoft.com".into(),
        proxy: Some(azlet.endpoint()),
        no_proxy: None,
        ca_bundle: Some(world.ca_pem.as_bytes().to_vec()),
    };
    Client::with_pause(settings, Arc::new(|_| Box::pin(std::future::ready(())))).expect("settings that can be used")
}

fn cluster() -> Cluster {
    Cluster::new("group", "cluster")
}

/// A group with a registry and a cluster, not attached.
async fn stage(azlet: &Azlet) -> Client {
    let owner = client(azlet, "owner");
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/group");
    let put = async |path: &str, version: &str, body: Value| {
        owner.arm_run(azlet_client::arm::PUT, path, version, Some(&body)).await.expect("it is made");
    };
    put(&group, "2024-11-01", json!({"location": "eastus"})).await;
    let registry = format!("{group}/providers/Microsoft.ContainerRegistry/registries/{REGISTRY}");
    put(&registry, "2023-07-01", json!({"location": "eastus", "sku": {"name": "Basic"}})).await;
    let pools = json!([{"name": "nodepool1", "mode": "System", "count": 1, "vmSize": "Standard_DS2_v2"}]);
    let properties = json!({"dnsPrefix": "cluster", "agentPoolProfiles": pools});
    let body = json!({"location": "eastus", "identity": {"type": "SystemAssigned"}, "properties": properties});
    put(&cluster().id(SUBSCRIPTION), "2024-05-01", body).await;
    owner
}

#[tokio::test]
async fn attaching_twice_is_one_assignment_and_detaching_takes_it() {
    let azlet = Azlet::start().await;
    let owner = stage(&azlet).await;
    let first = owner.attach(&cluster(), REGISTRY).await.expect("attached");
    let second = owner.attach(&cluster(), &first.registry.id).await.expect("attached, by id");
    assert_eq!((first.created, second.created), (true, false));
    assert_eq!(first.principal_id, second.principal_id);
    let taken = owner.detach(&cluster(), REGISTRY).await.expect("detached");
    let nothing = owner.detach(&cluster(), REGISTRY).await.expect("detached again");
    assert_eq!((taken.removed.len(), nothing.removed.len()), (1, 0));
    assert!(owner.attach(&cluster(), REGISTRY).await.expect("attached again").created);
}

#[tokio::test]
async fn a_contributor_is_told_why_it_may_not_attach() {
    let azlet = Azlet::start().await;
    stage(&azlet).await;
    let error = client(&azlet, "contributor").attach(&cluster(), REGISTRY).await.expect_err("a contributor");
    assert_eq!((error.status(), error.code()), (Some(403), Some("AuthorizationFailed")));
    let text = error.to_string();
    let start = "(AuthorizationFailed) The client '0a210000-0000-4000-8000-0000000000a2' with object id \
        '0a210000-0000-4000-8000-0000000000b2' does not have authorization to perform action \
        'Microsoft.Authorization/roleAssignments/write' over scope";
    assert!(text.starts_with(start), "{text}");
}

#[tokio::test]
async fn an_import_is_followed_to_its_end() {
    let azlet = Azlet::start().await;
    let owner = stage(&azlet).await;
    let source = "docker.io/library/nginx:latest";
    let imported = owner.import(REGISTRY, source, Some("nginx:v1"), false).await.expect("imported");
    assert_eq!(imported.image, "clientregistry.azurecr.io/nginx:v1");
    let again = owner.import(REGISTRY, source, Some("nginx:v1"), false).await.expect_err("the tag is there");
    assert!(again.to_string().contains("already exists"), "{again}");
    owner.import(REGISTRY, source, Some("nginx:v1"), true).await.expect("by force");
    let unknown = owner.import(REGISTRY, "docker.io/library/nosuchimage:latest", None, false).await.expect_err("no such image");
    assert!(unknown.status().is_none_or(|status| status < 500), "{unknown}");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let azlet = Azlet::start().await;
    let owner = stage(&azlet).await;
    let registry = owner.attach(&cluster(), "nosuchregistry").await.expect_err("no such registry").to_string();
    assert!(registry.starts_with("there is no registry nosuchregistry in the subscription"), "{registry}");
    let cluster = owner.attach(&Cluster::new("group", "nosuchcluster"), REGISTRY).await.expect_err("no such cluster");
    assert_eq!((cluster.status(), cluster.code()), (Some(404), Some("ResourceNotFound")));
}

#[tokio::test]
async fn a_wrong_secret_is_entras_own_error() {
    let azlet = Azlet::start().await;
    let settings = Settings { client_secret: "wrong".into(), ..client(&azlet, "owner").settings().clone() };
    let error = Client::new(settings).expect("a client").registry(REGISTRY).await.expect_err("a wrong secret");
    assert_eq!((error.status(), error.code()), (Some(401), Some("invalid_client")));
    assert!(error.to_string().contains("AADSTS7000215"), "{error}");
}

#[tokio::test]
async fn without_the_authority_the_client_says_that_trust_fails() {
    let azlet = Azlet::start().await;
    let settings = Settings { ca_bundle: None, ..client(&azlet, "owner").settings().clone() };
    let error = Client::new(settings).expect("a client").registry(REGISTRY).await.expect_err("no trust").to_string();
    assert!(error.contains("got no answer") && error.contains("certificate"), "{error}");
}
