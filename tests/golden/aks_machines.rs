//! Single machines of a pool taken away by name. Source: AKS' REST reference; what is refused beyond the form of the body is inferred.

use azlet_tests::aks::{below, body, refusal, url};
use azlet_tests::{Actor, Azlet};
use serde_json::{Value, json};

async fn names(owner: &Actor, pool: &str) -> Vec<String> {
    let machines = owner.get(&below("c", &format!("agentPools/{pool}/machines"))).await.json();
    let names = machines["value"].as_array().into_iter().flatten().filter_map(|machine| machine["name"].as_str());
    names.map(str::to_owned).collect()
}

/// The last two digits of each machine's number.
async fn numbers(owner: &Actor, pool: &str) -> String {
    let names = names(owner, pool).await;
    let ends: Vec<&str> = names.iter().map(|name| &name[name.len() - 2..]).collect();
    ends.join(" ")
}

fn pool(count: u32) -> Value {
    json!({ "properties": { "count": count, "mode": "User", "vmSize": "Standard_D2s_v3", "osType": "Linux" } })
}

#[tokio::test]
async fn machines_are_taken_away_by_name_and_their_names_are_not_given_again() {
    let (azlet, owner) = Azlet::with_group().await;
    let cluster = azlet.cluster(&owner, 1).await;
    owner.put_and_wait(&below("c", "agentPools/np2"), &pool(3)).await;
    assert_eq!(numbers(&owner, "np2").await, "00 01 02");
    let middle = names(&owner, "np2").await[1].clone();
    let delete = below("c", "agentPools/np2/deleteMachines");
    let started = owner.post(&delete, &json!({ "machineNames": [middle.to_uppercase()] })).await;
    insta::assert_snapshot!("delete_machines", started.golden());
    assert_eq!(owner.follow(&started).await.json()["status"], "Succeeded");
    assert_eq!(numbers(&owner, "np2").await, "00 02");
    assert_eq!(owner.get(&below("c", "agentPools/np2")).await.json()["properties"]["count"], 2);
    let nodes = format!("{}/api/v1/nodes", cluster.server.trim_end_matches(":443"));
    assert_eq!(cluster.user.get(&format!("{nodes}/{middle}")).await.status(), 404, "its node is gone");

    owner.put_and_wait(&below("c", "agentPools/np2"), &pool(3)).await;
    assert_eq!(numbers(&owner, "np2").await, "00 02 03", "a new machine has a new number");
    owner.put_and_wait(&below("c", "agentPools/np2"), &pool(1)).await;
    assert_eq!(numbers(&owner, "np2").await, "00");
    // A user pool may be left without a machine, and a pool that is made anew begins anew.
    let rest = names(&owner, "np2").await;
    assert_eq!(owner.post(&delete, &json!({ "machineNames": rest })).await.status(), 202);
    assert_eq!(numbers(&owner, "np2").await, "");
    assert_eq!(owner.delete(&below("c", "agentPools/np2")).await.status(), 202);
    owner.put_and_wait(&below("c", "agentPools/np2"), &pool(1)).await;
    assert_eq!(numbers(&owner, "np2").await, "00");
}

#[tokio::test]
async fn what_takes_no_machine_away_is_refused() {
    let (azlet, owner) = Azlet::with_group().await;
    owner.put_and_wait(&url("c"), &body(&json!({}))).await;
    let all = names(&owner, "nodepool1").await;
    let mut lines = String::new();
    for (rule, pool, body) in [
        ("no names", "nodepool1", json!({})),
        ("an empty list", "nodepool1", json!({ "machineNames": [] })),
        ("a text where a list is known", "nodepool1", json!({ "machineNames": all[0] })),
        ("a number where a text is known", "nodepool1", json!({ "machineNames": [1] })),
        ("a machine that is not there (inferred)", "nodepool1", json!({ "machineNames": [all[0], "aks-x"] })),
        ("every machine of a system pool (inferred)", "nodepool1", json!({ "machineNames": all })),
        ("a pool that is not there (inferred)", "none", json!({ "machineNames": all })),
    ] {
        let answer = owner.post(&below("c", &format!("agentPools/{pool}/deleteMachines")), &body).await;
        lines.push_str(&format!("{rule}\n    {}\n", refusal(&answer)));
    }
    azlet.operations(&json!({ "times": { "Microsoft.ContainerService/*": "1m" } })).await;
    let url = below("c", "agentPools/nodepool1/deleteMachines");
    assert_eq!(owner.post(&url, &json!({ "machineNames": [all[1]] })).await.status(), 202);
    let busy = owner.post(&url, &json!({ "machineNames": [all[0]] })).await;
    lines.push_str(&format!("while others are taken away\n    {}\n", refusal(&busy)));
    insta::assert_snapshot!(lines);
}
