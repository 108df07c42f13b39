//! A cluster's API server as tests of controllers see it: paths, objects, the rows of tables, what events tell.

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::{Actor, Answer, Azlet};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// A cluster with its user.
#[derive(Debug)]
pub struct Kube {
    /// The emulator.
    pub azlet: Azlet,
    /// The subscription's Owner.
    pub owner: Actor,
    /// The URL of the API server.
    pub url: String,
    /// The user of the kubeconfig.
    pub user: Actor,
}

impl Kube {
    /// A cluster of `nodes` nodes.
    pub async fn new(nodes: u32) -> Self {
        let (azlet, owner) = Azlet::with_group().await;
        let cluster = azlet.cluster(&owner, nodes).await;
        Self { url: cluster.server, user: cluster.user, azlet, owner }
    }

    /// The URL of a path; one that does not begin with a slash is a resource of the namespace `default`: `pods/a`, `apps/v1:deployments/a`.
    pub fn at(&self, path: &str) -> String {
        if path.starts_with('/') {
            return format!("{}{path}", self.url);
        }
        match path.split_once(':') {
            Some((group, resource)) => format!("{}/apis/{group}/namespaces/default/{resource}", self.url),
            None => format!("{}/api/v1/namespaces/default/{path}", self.url),
        }
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        self.user.get(&self.at(path)).await
    }

    /// Reads an object that is there.
    pub async fn object(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{}", answer.golden());
        answer.json()
    }

    /// The items of a list.
    pub async fn items(&self, path: &str) -> Vec<Value> {
        self.object(path).await["items"].as_array().cloned().unwrap_or_default()
    }

    /// The cells of a table.
    pub async fn table(&self, path: &str) -> Vec<Value> {
        let table = self.accepting(path, TABLE).await.json();
        assert_eq!(table["kind"], "Table", "{table}");
        table["rows"].as_array().into_iter().flatten().map(|row| row["cells"].clone()).collect()
    }

    /// Creates an object, whatever the answer.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.user.post(&self.at(path), body).await
    }

    /// Creates an object that is not refused.
    pub async fn create(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status(), 201, "{}", answer.golden());
        answer.json()
    }

    /// Replaces an object, whatever the answer.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.user.put(&self.at(path), body).await
    }

    /// Patches an object, whatever the answer, in a form such as `merge-patch`.
    pub async fn patch(&self, path: &str, form: &str, patch: &Value) -> Answer {
        let media_type = format!("application/{form}+json");
        self.user.send_bytes(Method::PATCH, &self.at(path), &media_type, patch.to_string()).await
    }

    /// Merges into an object.
    pub async fn merge(&self, path: &str, patch: &Value) -> Value {
        let answer = self.patch(path, "merge-patch", patch).await;
        assert_eq!(answer.status(), 200, "{}", answer.golden());
        answer.json()
    }

    /// Reads in a form that is asked for.
    pub async fn accepting(&self, path: &str, accept: &str) -> Answer {
        self.user.send(self.user.request(Method::GET, &self.at(path)).header(ACCEPT, accept)).await
    }

    /// Deletes, without options.
    pub async fn remove(&self, path: &str) -> Answer {
        self.user.delete(&self.at(path)).await
    }

    /// Deletes, with options.
    pub async fn delete(&self, path: &str, options: &Value) -> Answer {
        let request = self.user.request(Method::DELETE, &self.at(path)).json(options);
        self.user.send(request).await
    }

    /// What events of the namespace `default` tell about objects of a kind: reason and message, in the order in which they were told first.
    pub async fn told(&self, kind: &str) -> Vec<String> {
        let mut events = self.items(&format!("events?fieldSelector=involvedObject.kind={kind}")).await;
        events.sort_by_key(|event| event["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse::<u64>().ok()));
        let told = |event: &Value| format!("{} {}: {}", text(event, "type"), text(event, "reason"), text(event, "message"));
        events.iter().map(told).collect()
    }

    /// The names of the pods of the namespace `default`, sorted.
    pub async fn pod_names(&self) -> Vec<String> {
        self.items("pods").await.iter().map(|pod| text(&pod["metadata"], "name").to_owned()).collect()
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or("")
}

/// A template of pods that run nginx.
pub fn nginx(labels: &Value) -> Value {
    json!({
        "metadata": { "labels": labels },
        "spec": { "containers": [{ "name": "nginx", "image": "docker.io/library/nginx:latest", "ports": [{ "name": "http", "containerPort": 80 }] }] },
    })
}
