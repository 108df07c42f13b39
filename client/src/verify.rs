//! The pods of a Deployment as `kubectl get pods` shows them, and for each that is not ready the reason: what its container
//! waits for, in the words of the kubelet's last failure event.

use serde::Serialize;
use serde_json::Value;

use crate::kubernetes::Api;
use crate::{Client, Error, Result};

/// One pod, as in a line of `kubectl get pods`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Ready containers of all, `1/1`.
    pub ready: String,
    /// Its state in a word, `Running` or `ImagePullBackOff`.
    pub status: String,
    /// How often its containers began again.
    pub restarts: String,
    /// How old it is.
    pub age: String,
    /// Why it is not ready.
    pub reason: Option<String>,
}

/// Whether a Deployment does what it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The Deployment.
    pub deployment: String,
    /// Whether all its pods run.
    pub healthy: bool,
    /// How many pods should be ready.
    pub wanted: i64,
    /// How many are.
    pub ready: i64,
    /// The pods.
    pub pods: Vec<Pod>,
}

impl Client {
    /// Looks at a Deployment and its pods.
    pub async fn verify(&self, api: &Api, namespace: &str, deployment: &str) -> Result<Verdict> {
        let found = api.get(&format!("/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}"), &[]).await?;
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let selector = selector(&found["spec"]["selector"]["matchLabels"]);
        let table = api.table(&path, &[("labelSelector", &selector), ("includeObject", "Object")]).await?;
        let mut pods = rows(&table)?;
        for (pod, object) in &mut pods {
            if !is_ready(object) {
                pod.reason = reason(api, namespace, object).await?;
            }
        }
        let wanted = found["spec"]["replicas"].as_i64().unwrap_or(1);
        let ready = found["status"]["readyReplicas"].as_i64().unwrap_or(0);
        let all_ready = pods.iter().all(|(_, object)| is_ready(object));
        let pods = pods.into_iter().map(|(pod, _)| pod).collect();
        Ok(Verdict { deployment: deployment.into(), healthy: ready >= wanted && all_ready, wanted, ready, pods })
    }
}

fn selector(labels: &Value) -> String {
    let labels = labels.as_object().into_iter().flatten();
    labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(",")
}

/// The rows of a table, by the names of its columns.
fn rows(table: &Value) -> Result<Vec<(Pod, Value)>> {
    let names =
        table["columnDefinitions"].as_array().ok_or_else(|| Error::lacks("the list of pods", "columns: it is no Table"))?;
    let names: Vec<&str> = names.iter().map(|column| column["name"].as_str().unwrap_or_default()).collect();
    let row = |row: &Value| {
        let cell = |name: &str| {
            let at = names.iter().position(|other| *other == name);
            match at.map(|at| &row["cells"][at]) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            }
        };
        let [name, ready, status, restarts, age] = ["Name", "Ready", "Status", "Restarts", "Age"].map(cell);
        (Pod { name, ready, status, restarts, age, reason: None }, row["object"].clone())
    };
    Ok(table["rows"].as_array().into_iter().flatten().map(row).collect())
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Why a pod is not ready: its last warning that says more than a reason's name, else what its container waits for.
async fn reason(api: &Api, namespace: &str, pod: &Value) -> Result<Option<String>> {
    let (name, uid) = (&pod["metadata"]["name"], &pod["metadata"]["uid"]);
    let [name, uid] = [name, uid].map(|value| value.as_str().unwrap_or_default());
    let filter = format!("involvedObject.name={name},involvedObject.uid={uid}");
    let events = api.get(&format!("/api/v1/namespaces/{namespace}/events"), &[("fieldSelector", &filter)]).await?;
    Ok(warning(&events["items"]).or_else(|| waiting(pod)))
}

fn warning(events: &Value) -> Option<String> {
    let events = events.as_array().into_iter().flatten();
    let telling = |event: &&Value| {
        let message = event["message"].as_str().unwrap_or_default();
        event["type"] == "Warning" && !message.starts_with("Error: ")
    };
    let last = events.into_iter().filter(telling).max_by_key(|event| event["lastTimestamp"].as_str().unwrap_or_default());
    last.and_then(|event| event["message"].as_str()).map(str::to_owned)
}

fn waiting(pod: &Value) -> Option<String> {
    let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    containers.into_iter().find_map(|container| {
        let waiting = &container["state"]["waiting"];
        let reason = waiting["reason"].as_str()?;
        Some(waiting["message"].as_str().map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}")))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_read_by_its_columns() {
        let table = json!({
            "columnDefinitions": [{"name": "Name"}, {"name": "Status"}, {"name": "Ready"}, {"name": "Restarts"}, {"name": "Age"}],
            "rows": [{"cells": ["p", "Running", "1/1", 0, "20s"], "object": {"metadata": {"name": "p"}}}],
        });
        let (pod, object) = rows(&table).unwrap().remove(0);
        let expected = ["p", "1/1", "Running", "0", "20s"];
        assert_eq!([&pod.name, &pod.ready, &pod.status, &pod.restarts, &pod.age], expected);
        assert_eq!(object["metadata"]["name"], "p");
        assert!(rows(&json!({"kind": "PodList"})).is_err());
    }

    #[test]
    fn the_last_telling_warning_is_the_reason() {
        let event = |kind: &str, at: &str, message: &str| json!({"type": kind, "lastTimestamp": at, "message": message});
        let events = json!([
            event("Warning", "2026-01-01T00:00:02Z", "Failed to pull image: new"),
            event("Warning", "2026-01-01T00:00:01Z", "Failed to pull image: old"),
            event("Warning", "2026-01-01T00:00:03Z", "Error: ImagePullBackOff"),
            event("Normal", "2026-01-01T00:00:04Z", "Back-off pulling image"),
        ]);
        assert_eq!(warning(&events).as_deref(), Some("Failed to pull image: new"));
        let pod = json!({"status": {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}});
        assert_eq!(waiting(&pod).as_deref(), Some("ContainerCreating"));
    }
}
