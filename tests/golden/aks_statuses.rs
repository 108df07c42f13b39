//! The status of each operation on clusters, pools and identities, and what their polls answer, as recorded of the services.

use azlet_tests::aks::{below, body, url};
use azlet_tests::{Answer, Azlet, arm, resource_id};
use serde_json::{Value, json};

/// Status, and which headers tell where to go on.
fn shape(answer: &Answer) -> String {
    let headers = ["azure-asyncoperation", "location"].into_iter().filter(|name| answer.header(name).is_some());
    let headers: Vec<&str> = headers.collect();
    let body = answer.text();
    let body = if body.is_empty() { "empty" } else { "a body" };
    format!("{} {body} [{}]", answer.status(), headers.join(", "))
}

#[tokio::test]
async fn every_operation_has_its_status() {
    let (_azlet, owner) = Azlet::with_group().await;
    let pool = |count: u32| json!({ "properties": { "count": count, "mode": "User" } });
    let identity = arm(&resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities/one"), "2023-01-31");
    let trust = identity.replace("/one?", "/one/federatedIdentityCredentials/first?");
    let trusted = json!({ "properties": { "issuer": "https://issuer.example/", "subject": "s", "audiences": ["a"] } });
    let located = json!({ "location": "westus2" });
    let nothing = json!({});
    let mut lines = String::new();
    for (operation, method, url, sent) in [
        ("a new cluster", "PUT", url("c"), body(&nothing)),
        ("a changed cluster", "PUT", url("c"), body(&json!({ "disableLocalAccounts": false }))),
        ("its tags", "PATCH", url("c"), json!({ "tags": { "a": "b" } })),
        ("a new pool", "PUT", below("c", "agentPools/np"), pool(2)),
        ("a changed pool", "PUT", below("c", "agentPools/np"), pool(3)),
        ("a node image", "POST", below("c", "agentPools/np/upgradeNodeImageVersion"), nothing.clone()),
        ("a command", "POST", below("c", "runCommand"), json!({ "command": "kubectl get nodes" })),
        ("new certificates", "POST", below("c", "rotateClusterCertificates"), nothing.clone()),
        ("stop", "POST", below("c", "stop"), nothing.clone()),
        ("start", "POST", below("c", "start"), nothing.clone()),
        ("a deleted pool", "DELETE", below("c", "agentPools/np"), nothing.clone()),
        ("a pool that is not there", "DELETE", below("c", "agentPools/np"), nothing.clone()),
        ("a deleted cluster", "DELETE", url("c"), nothing.clone()),
        ("a cluster that is not there", "DELETE", url("c"), nothing.clone()),
        ("a new identity", "PUT", identity.clone(), located.clone()),
        ("a changed identity", "PUT", identity.clone(), located),
        ("a new trust", "PUT", trust.clone(), trusted.clone()),
        ("a changed trust", "PUT", trust.clone(), trusted),
        ("a deleted trust", "DELETE", trust.clone(), nothing.clone()),
        ("a trust that is not there", "DELETE", trust, nothing.clone()),
        ("a deleted identity", "DELETE", identity.clone(), nothing.clone()),
        ("an identity that is not there", "DELETE", identity, nothing.clone()),
    ] {
        let answer = match method {
            "PUT" => owner.put(&url, &sent).await,
            "PATCH" => owner.patch(&url, &sent).await,
            "POST" => owner.post(&url, &sent).await,
            _ => owner.delete(&url).await,
        };
        lines.push_str(&format!("{operation}: {method} {}\n", shape(&answer)));
        // The next begins when this one is over.
        if answer.header("azure-asyncoperation").is_some() {
            assert_eq!(owner.follow(&answer).await.json()["status"], "Succeeded", "{operation}");
        }
    }
    insta::assert_snapshot!(lines);
}

#[tokio::test]
async fn polls_of_clusters_tell_progress_and_end() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.operations(&json!({ "times": { "Microsoft.ContainerService/*": "1m" } })).await;
    owner.put(&url("c"), &body(&json!({}))).await;
    azlet.advance("1m").await;
    let deleting = owner.delete(&url("c")).await;
    let poll = |header: &'static str| {
        let url = deleting.header(header).expect("a URL to poll").to_owned();
        let owner = owner.clone();
        async move { owner.get(&url).await }
    };
    let (status, result) = (poll("azure-asyncoperation").await, poll("location").await);
    let members = |body: &Value| body.as_object().map(|body| body.keys().cloned().collect::<Vec<_>>().join(" "));
    assert_eq!((status.status(), status.json()["status"].clone()), (200, json!("InProgress")));
    assert_eq!(members(&status.json()).as_deref(), Some("name status startTime"));
    assert_eq!((result.status(), result.header("location").is_some()), (202, true), "{}", result.golden());
    azlet.advance("1m").await;
    let (status, result) = (poll("azure-asyncoperation").await, poll("location").await);
    assert_eq!((status.status(), status.json()["status"].clone()), (200, json!("Succeeded")));
    assert_eq!(members(&status.json()).as_deref(), Some("name status startTime endTime"));
    assert_eq!((result.status(), result.text()), (204, String::new()));
}
