//! Managed clusters for golden tests: their URLs, the smallest body, and refusals in one line each.

use serde_json::{Value, json};

use crate::{Answer, arm, resource_id};

/// The api-version that tests ask with unless the version is what they test.
pub const VERSION: &str = "2026-06-01";

/// The id of a cluster in the group `rg`.
pub fn id(name: &str) -> String {
    resource_id("rg", &format!("Microsoft.ContainerService/managedClusters/{name}"))
}

/// The URL of a cluster.
pub fn url(name: &str) -> String {
    arm(&id(name), VERSION)
}

/// The URL of something below a cluster.
pub fn below(name: &str, rest: &str) -> String {
    arm(&format!("{}/{rest}", id(name)), VERSION)
}

/// The smallest body of a cluster, with members of its properties put over it.
pub fn body(properties: &Value) -> Value {
    let mut body = json!({
        "location": "westus2",
        "identity": { "type": "SystemAssigned" },
        "properties": {
            "dnsPrefix": "aks",
            "agentPoolProfiles": [{ "name": "nodepool1", "mode": "System", "count": 2 }],
        },
    });
    for (member, value) in properties.as_object().into_iter().flatten() {
        body["properties"][member] = value.clone();
    }
    body
}

/// The body with members put over its only pool.
pub fn body_with_pool(members: &Value) -> Value {
    let mut body = body(&json!({}));
    for (member, value) in members.as_object().into_iter().flatten() {
        body["properties"]["agentPoolProfiles"][0][member] = value.clone();
    }
    body
}

/// A refusal in one line: status, code, subcode, target and message.
pub fn refusal(answer: &Answer) -> String {
    let body = answer.json();
    let text = |member: &str| body[member].as_str().or(body["error"][member].as_str()).unwrap_or("").to_owned();
    let subcode = text("subcode");
    let subcode = if subcode.is_empty() { subcode } else { format!("/{subcode}") };
    format!("{} {}{subcode} [{}] {}", answer.status(), text("code"), text("target"), text("message"))
}
