//! `az aks command invoke` as ARM shows it: kubectl beside the cluster. Sources: AKS' REST reference, the recorded forms of the answers,
//! kubectl's own output. Refusals whose text is inferred say so beside their snapshot's name.

use azlet_tests::{Actor, Answer, Azlet, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";

fn below(rest: &str) -> String {
    arm(&format!("{}{rest}", resource_id("rg", "Microsoft.ContainerService/managedClusters/c")), VERSION)
}

/// Files as the command line sends them: `m.yaml` with a deployment and a config map, in a ZIP archive.
const FILES: &str = "UEsDBBQAAAAIAAAAIVxY+4PnsQAAAEYBAAAGAAAAbS55YW1sbU+7DsIwDNzzFf6BCrFmhRFWdjeYYpE4UWNeQvw7DmpRB27zne27w8IHGitn8YCl1NVt7S4sRw9bKjE/E4m6RIpHVPQOQDCRhzv1rhYKjRltkQNWD2ubKkUKmsemACTUcN5hT9Hklxl8T9+mKaUSUWnaWzg0xH8n9nyybAhZFFks/Mx0i3AwgRMORsnA8vDNr6rrus7hovev8ibLiYc9lj+NK6myDNXNdMjRWkIfr+Q+UEsBAhQDFAAAAAgAAAAhXFj7g+exAAAARgEAAAYAAAAAAAAAAAAAAIABAAAAAG0ueWFtbFBLBQYAAAAAAQABADQAAADVAAAAAAA=";

async fn start(actor: &Actor, command: &str, files: &str) -> Answer {
    actor.post(&below("/runCommand"), &json!({ "command": command, "context": files })).await
}

/// The command, its exit code and what it wrote.
async fn invoke(actor: &Actor, command: &str) -> String {
    let started = start(actor, command, FILES).await;
    assert_eq!(started.status(), 202, "{}", started.golden());
    let result = actor.get(started.header("location").expect("a place")).await;
    let properties = result.json()["properties"].clone();
    let logs = properties["logs"].as_str().unwrap_or_default();
    let logs: Vec<String> = logs.lines().map(told).collect();
    format!("$ {command}\n{}\n[exit code {}]\n", logs.join("\n"), properties["exitCode"])
}

/// A line without what follows from how many identifiers were made before, and without trailing blanks.
fn told(line: &str) -> String {
    let mut line = line.trim_end().to_owned();
    if let Some(end) = line.find("web-7c9fb8c997-").map(|start| start + "web-7c9fb8c997-".len()) {
        line.replace_range(end..end + 5, "xxxxx");
    }
    match line.split_once("uid: ") {
        Some((indent, _)) => format!("{indent}uid: <guid>"),
        None => line,
    }
}

async fn story(actor: &Actor, commands: &[&str]) -> String {
    let mut told = Vec::new();
    for command in commands {
        told.push(invoke(actor, command).await);
    }
    told.join("\n")
}

#[tokio::test]
async fn a_result_is_running_and_then_there() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    azlet.operations(&json!({ "times": { "Microsoft.ContainerService/managedClusters/runCommand/action": "5s" } })).await;
    let started = start(&owner, "kubectl get nodes", "").await;
    insta::assert_snapshot!("run_command_started", started.golden());
    let place = started.header("location").expect("a place");
    insta::assert_snapshot!("run_command_running", owner.get(place).await.golden());
    assert_eq!(owner.post(&below("/stop"), &json!({})).await.status(), 202, "commands are in nobody's way");
    azlet.advance("5s").await;
    insta::assert_snapshot!("run_command_result", owner.get(place).await.golden());
    let other = place.replace("/commandResults/", "/commandResults/0");
    insta::assert_snapshot!("run_command_unknown_inferred", owner.get(&other).await.golden());
}

#[tokio::test]
async fn objects_are_made_read_and_taken_away() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 2).await;
    let told = story(
        &owner,
        &[
            "kubectl get pods",
            "kubectl apply -f m.yaml",
            "kubectl apply -f m.yaml",
            "kubectl get all -n default",
            "kubectl get deploy,cm -o name",
            "kubectl get nodes -o wide --no-headers",
            "kubectl get pods -A --show-labels",
            "kubectl get deployment web -o jsonpath='{.spec.template.spec.containers[0].image}'",
            "kubectl get pods -o custom-columns=NAME:.metadata.labels.app,IMAGE:.spec.containers[0].image",
            "kubectl get configmap settings -o yaml",
            "kubectl scale deployment/web --replicas=3 && kubectl rollout status deployment web",
            "kubectl set image deployment/web web=nginx:none",
            "kubectl label configmap settings tier=front && kubectl get cm -l tier=front -o name",
            "kubectl create namespace other; kubectl -n other create deployment d --image=nginx; kubectl get deploy -A",
            "kubectl delete -f m.yaml --ignore-not-found",
            "kubectl get pods -n nowhere",
        ],
    )
    .await;
    insta::assert_snapshot!("run_command_objects", told);
}

#[tokio::test]
async fn what_goes_wrong_ends_with_an_exit_code_and_says_why() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    let told = story(
        &owner,
        &[
            "kubectl get nonsense",
            "kubectl get pod none",
            "kubectl delete pod none || echo gone",
            "kubectl get pods --nope",
            "kubectl apply -f absent.yaml",
            "kubectl exec -it x -- sh",
            "kubectl get pods | wc -l",
            "helm list",
            "kubectl top nodes",
            "kubectl logs none",
        ],
    )
    .await;
    insta::assert_snapshot!("run_command_failures", told);
}

#[tokio::test]
async fn what_a_run_command_needs() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    insta::assert_snapshot!("run_command_empty", start(&owner, " ", "").await.golden());
    insta::assert_snapshot!("run_command_bad_files_inferred", start(&owner, "kubectl version", "AAAA").await.golden());
    let denied = start(&azlet.actor("reader").await, "kubectl get pods", "").await;
    insta::assert_snapshot!("run_command_denied", denied.golden());
    let body: Value = json!({
        "location": "westus2",
        "properties": {
            "dnsPrefix": "c", "apiServerAccessProfile": { "disableRunCommand": true },
            "agentPoolProfiles": [{ "name": "np", "mode": "System", "count": 1 }],
        },
    });
    assert_eq!(owner.put_and_wait(&below(""), &body).await.status(), 200);
    insta::assert_snapshot!("run_command_disabled_inferred", start(&owner, "kubectl get pods", "").await.golden());
}
