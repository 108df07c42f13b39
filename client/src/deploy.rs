//! Deploying manifests onto a cluster, as `kubectl apply` leads to: made if new, else changed by a strategic merge patch; and
//! the wait for a Deployment's rollout, judged as `kubectl rollout status` does.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::kubernetes::Api;
use crate::{Client, Error, Result};

/// How long between two looks at a rollout.
const LOOK: Duration = Duration::from_secs(1);

/// What became of one object of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// `Deployment`.
    pub kind: String,
    /// Its namespace, if its kind has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What was done.
    pub verb: Verb,
}

/// What was done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It is new.
    Created,
    /// It was changed.
    Configured,
    /// It was as it should be.
    Unchanged,
}

/// The objects of a manifest: the documents of a YAML text, JSON included; empty documents are left out.
pub fn documents(manifest: &str) -> Result<Vec<Value>> {
    let found: Vec<Value> =
        serde_saphyr::from_multiple(manifest).map_err(|error| Error::Setting(format!("the manifest is not YAML: {error}")))?;
    let found: Vec<Value> = found.into_iter().filter(|document| !document.is_null()).collect();
    if found.is_empty() {
        return Err(Error::Setting("the manifest holds no object".into()));
    }
    Ok(found)
}

/// Where the API server keeps objects of one kind.
struct Place {
    collection: String,
    namespace: Option<String>,
}

impl Client {
    /// Puts every object of a manifest onto the cluster; `namespace` is for those that name none.
    pub async fn deploy(&self, api: &Api, manifest: &str, namespace: &str) -> Result<Vec<Applied>> {
        let mut applied = Vec::new();
        for object in documents(manifest)? {
            applied.push(apply(api, &object, namespace).await?);
        }
        Ok(applied)
    }

    /// Waits until a Deployment is rolled out; gives up after `patience`, with what it looked like last.
    pub async fn rollout(&self, api: &Api, namespace: &str, name: &str, patience: Duration) -> Result<()> {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
        let mut waited = Duration::ZERO;
        loop {
            let deployment = api.get(&path, &[]).await?;
            let Some(state) = unfinished(&deployment) else { return Ok(()) };
            if waited >= patience {
                let seconds = patience.as_secs();
                return Err(Error::TimedOut(format!("deployment {name} is not rolled out after {seconds} s: {state}")));
            }
            self.wait(LOOK).await;
            waited += LOOK;
        }
    }
}

async fn apply(api: &Api, object: &Value, namespace: &str) -> Result<Applied> {
    let text = |value: &Value, what: &str| {
        value.as_str().map(str::to_owned).ok_or_else(|| Error::Setting(format!("an object of the manifest has no {what}")))
    };
    let (version, kind) = (text(&object["apiVersion"], "apiVersion")?, text(&object["kind"], "kind")?);
    let name = text(&object["metadata"]["name"], "metadata.name")?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
    let Place { collection, namespace } = place(api, &version, &kind, namespace).await?;
    let path = format!("{collection}/{name}");
    let verb = match api.find(&path).await? {
        None => {
            api.create(&collection, object).await?;
            Verb::Created
        }
        Some(before) => {
            let after = api.patch(&path, object).await?;
            let same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"];
            if same { Verb::Unchanged } else { Verb::Configured }
        }
    };
    Ok(Applied { kind, namespace, name, verb })
}

/// Asks the API server's discovery for the resource of a kind.
async fn place(api: &Api, version: &str, kind: &str, namespace: &str) -> Result<Place> {
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let known = api.get(&root, &[]).await?;
    let resources = known["resources"].as_array().into_iter().flatten();
    let is_kind = |it: &&Value| it["kind"] == kind && it["name"].as_str().is_some_and(|name| !name.contains('/'));
    let found = resources.into_iter().find(is_kind);
    let found = found.ok_or_else(|| Error::NotFound(format!("the cluster has no kind {kind} in {version}")))?;
    let plural = found["name"].as_str().unwrap_or_default();
    let namespace = (found["namespaced"] == true).then(|| namespace.to_owned());
    let collection = match &namespace {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{plural}"),
    };
    Ok(Place { collection, namespace })
}

/// What a Deployment's rollout still lacks.
fn unfinished(deployment: &Value) -> Option<String> {
    let status = &deployment["status"];
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    if number(&deployment["metadata"]["generation"]) > number(&status["observedGeneration"]) {
        return Some("its specification has not been seen yet".into());
    }
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let [all, updated, available] = ["replicas", "updatedReplicas", "availableReplicas"].map(|key| number(&status[key]));
    if updated < wanted {
        return Some(format!("{updated} of {wanted} new replicas have been made"));
    }
    if all > updated {
        return Some(format!("{} old replicas have yet to end", all - updated));
    }
    (available < updated).then(|| format!("{available} of {updated} replicas are available"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_is_its_documents() {
        let found = documents("---\nkind: A\n---\n---\nkind: B\n").unwrap();
        assert_eq!(found, [json!({"kind": "A"}), json!({"kind": "B"})]);
        assert!(documents("---\n").is_err());
        assert!(documents("a: [").is_err());
    }

    #[test]
    fn a_rollout_is_done_when_all_new_replicas_are_available() {
        let deployment = |generation: i64, status: Value| json!({"metadata": {"generation": generation}, "spec": {"replicas": 2}, "status": status});
        let done = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(unfinished(&deployment(1, done.clone())), None);
        assert!(unfinished(&deployment(2, done)).is_some());
        let none_available = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2});
        assert_eq!(unfinished(&deployment(1, none_available)).as_deref(), Some("0 of 2 replicas are available"));
        let surge = json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3});
        assert_eq!(unfinished(&deployment(1, surge)).as_deref(), Some("1 old replicas have yet to end"));
    }
}
