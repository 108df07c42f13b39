//! Every kind that a 1.34 cluster serves, through the wire: created, read, listed, shown as a table, patched, refused, deleted. The
//! objects are in `objects/`. Sources: `k8s.io/api` 1.34 and the packages `defaults`, `validation`, `printers` and `registry` of
//! Kubernetes 1.34, discovery of a real API server.

use azlet_tests::{Actor, Answer, Azlet};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const SOUND: &str = include_str!("objects/kinds.json");
const BROKEN: &str = include_str!("objects/broken.json");
const UNDECODABLE: &str = include_str!("objects/undecodable.json");

struct Server {
    _azlet: Azlet,
    url: String,
    user: Actor,
    /// What discovery says: group and version, kind, plural, whether in namespaces, verbs.
    resources: Vec<(String, Value)>,
}

impl Server {
    async fn new() -> Self {
        let (azlet, owner) = Azlet::with_group().await;
        let cluster = azlet.cluster(&owner, 1).await;
        let (url, user) = (cluster.server, cluster.user);
        let mut resources = Vec::new();
        let groups = user.get(&format!("{url}/apis")).await.json();
        let listed = groups["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|group| group["versions"].as_array().into_iter().flatten());
        let mut versions: Vec<String> = listed.map(|version| text(&version["groupVersion"])).collect();
        versions.insert(0, "v1".into());
        for version in versions {
            let list = user.get(&format!("{url}/{}", root(&version))).await.json();
            let found = list["resources"].as_array().into_iter().flatten();
            resources.extend(
                found
                    .filter(|resource| !text(&resource["name"]).contains('/'))
                    .map(|resource| (version.clone(), resource.clone())),
            );
        }
        Self { _azlet: azlet, url, user, resources }
    }

    /// The collection of an object's kind.
    fn collection(&self, object: &Value) -> String {
        let (version, kind) = (text(&object["apiVersion"]), &object["kind"]);
        let found = self.resources.iter().find(|(known, resource)| *known == version && resource["kind"] == *kind);
        let resource = &found.unwrap_or_else(|| panic!("discovery knows {version} {kind}")).1;
        let namespace = if resource["namespaced"] == true { "/namespaces/default" } else { "" };
        format!("{}/{}{namespace}/{}", self.url, root(&version), text(&resource["name"]))
    }

    async fn create(&self, object: &Value) -> Answer {
        self.user.post(&self.collection(object), object).await
    }

    async fn table(&self, url: &str) -> Value {
        self.user.send(self.user.request(Method::GET, url).header(ACCEPT, TABLE)).await.json()
    }

    async fn merge(&self, url: &str, patch: &Value) -> Answer {
        self.user.send_bytes(Method::PATCH, url, "application/merge-patch+json", patch.to_string()).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

/// `api/v1`, `apis/apps/v1`.
fn root(version: &str) -> String {
    format!("{}/{version}", if version.contains('/') { "apis" } else { "api" })
}

fn read(objects: &str) -> Vec<Value> {
    serde_json::from_str(objects).expect("the file holds objects")
}

/// A text with `UID` in the place of each.
fn masked(text: &str) -> String {
    let is_uid = |part: &str| {
        part.bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() })
    };
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = if rest.get(..36).is_some_and(is_uid) { 36 } else { first.len_utf8() };
        out.push_str(if length == 36 { "UID" } else { &rest[..length] });
        rest = &rest[length..];
    }
    out
}

/// An object without what differs from run to run.
fn plain(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            metadata.shift_remove(field);
        }
    }
    serde_json::from_str(&masked(&object.to_string())).expect("it was JSON before")
}

fn told(answer: &Answer) -> String {
    let body = answer.json();
    if body["kind"] == "Status" {
        format!("{} {}", answer.status(), masked(&text(&body["message"])))
    } else {
        answer.status().to_string()
    }
}

#[tokio::test]
async fn every_kind_is_created_read_listed_shown_patched_and_deleted() {
    let server = Server::new().await;
    let objects = read(SOUND);
    let (mut stored, mut tables) = (Vec::new(), Vec::new());
    for object in &objects {
        let (collection, name) = (server.collection(object), text(&object["metadata"]["name"]));
        let url = format!("{collection}/{name}");
        let label = format!("{} {}", text(&object["apiVersion"]), text(&object["kind"]));
        let created = server.create(object).await;
        assert_eq!(created.status(), 201, "{label}: {}", told(&created));
        stored.push(serde_json::to_string(&plain(created.json())).expect("JSON can be written"));
        let found = server.user.get(&url).await.json();
        assert_eq!((&found["kind"], &found["apiVersion"]), (&object["kind"], &object["apiVersion"]), "{label}");
        let list = server.user.get(&collection).await.json();
        assert_eq!(text(&list["kind"]), format!("{}List", text(&object["kind"])));
        let names: Vec<&Value> = list["items"].as_array().into_iter().flatten().map(|item| &item["metadata"]["name"]).collect();
        assert!(names.contains(&&json!(name)), "{label}: {names:?}");
        let table = server.table(&url).await;
        let columns: Vec<String> =
            table["columnDefinitions"].as_array().into_iter().flatten().map(|column| text(&column["name"])).collect();
        tables.push(format!("{label}\n  {}\n  {}", columns.join(" | "), masked(&table["rows"][0]["cells"].to_string())));
        let patched = server.merge(&url, &json!({"metadata": {"labels": {"patched": "yes"}}})).await;
        assert_eq!(
            (patched.status(), &patched.json()["metadata"]["labels"]["patched"]),
            (200, &json!("yes")),
            "{label}: {}",
            told(&patched)
        );
        let deleted = server.user.delete(&format!("{url}?gracePeriodSeconds=0")).await;
        assert_eq!(deleted.status(), 200, "{label}: {}", told(&deleted));
        assert_eq!(server.user.get(&url).await.status(), 404, "{label} is gone");
    }
    let created_and_kept = |resource: &Value| {
        let verbs = resource["verbs"].as_array();
        verbs.is_some_and(|verbs| verbs.contains(&json!("create")) && verbs.contains(&json!("get")))
    };
    for (version, resource) in server.resources.iter().filter(|(_, resource)| created_and_kept(resource)) {
        let tried = objects.iter().any(|object| text(&object["apiVersion"]) == *version && object["kind"] == resource["kind"]);
        assert!(tried || resource["kind"] == "CustomResourceDefinition", "no object of {version} {} is tried", resource["kind"]);
    }
    insta::assert_snapshot!("kinds_stored", stored.join("\n"));
    insta::assert_snapshot!("kinds_tables", tables.join("\n"));
}

#[tokio::test]
async fn what_breaks_a_kinds_rules_is_refused_with_the_servers_words() {
    let server = Server::new().await;
    let mut lines = Vec::new();
    for row in read(BROKEN) {
        let answer = server.create(&row[1]).await;
        assert_eq!(answer.status(), 422, "{}: {}", row[0], told(&answer));
        lines.push(format!("{}\n  {}", text(&row[0]), told(&answer)));
    }
    insta::assert_snapshot!("kinds_broken", lines.join("\n"));
}

#[tokio::test]
async fn what_cannot_be_decoded_is_told_with_field_and_type() {
    let server = Server::new().await;
    let mut lines = Vec::new();
    for row in read(UNDECODABLE) {
        let url = format!("{}?fieldValidation=Strict&dryRun=All", server.collection(&row[1]));
        lines.push(format!("{}\n  {}", text(&row[0]), told(&server.user.post(&url, &row[1]).await)));
    }
    insta::assert_snapshot!("kinds_undecodable", lines.join("\n"));
}

#[tokio::test]
async fn what_is_fixed_cannot_be_changed() {
    let server = Server::new().await;
    let changes = [
        ("StatefulSet", json!({"spec": {"serviceName": "t"}})),
        ("DaemonSet", json!({"spec": {"selector": {"matchLabels": {"app": "b"}}}})),
        ("Job", json!({"spec": {"completions": 2, "completionMode": "Indexed"}})),
        ("RoleBinding", json!({"roleRef": {"name": "other"}})),
        ("StorageClass", json!({"provisioner": "other", "reclaimPolicy": "Retain", "volumeBindingMode": "WaitForFirstConsumer"})),
        ("VolumeAttributesClass", json!({"driverName": "other", "parameters": {"iops": "2"}})),
        ("PriorityClass", json!({"value": 8, "preemptionPolicy": "Never"})),
        ("PersistentVolumeClaim", json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}})),
        ("PersistentVolume", json!({"spec": {"hostPath": {"path": "/e"}, "volumeMode": "Block"}})),
        ("IngressClass", json!({"spec": {"controller": "example.com/d"}})),
        ("RuntimeClass", json!({"handler": "other"})),
        ("EndpointSlice", json!({"addressType": "IPv6"})),
        ("CSIStorageCapacity", json!({"storageClassName": "d"})),
        ("ControllerRevision", json!({"data": {"spec": {"a": 1}}})),
    ];
    let mut lines = Vec::new();
    for (kind, change) in changes {
        let object = read(SOUND).into_iter().find(|object| object["kind"] == kind).expect("the file has one of each kind");
        assert_eq!(server.create(&object).await.status(), 201);
        let url = format!("{}/{}", server.collection(&object), text(&object["metadata"]["name"]));
        let answer = server.merge(&url, &change).await;
        assert_eq!(answer.status(), 422, "{kind}: {}", told(&answer));
        lines.push(format!("{kind}\n  {}", told(&answer)));
    }
    insta::assert_snapshot!("kinds_fixed", lines.join("\n"));
}

#[tokio::test]
async fn two_versions_of_a_kind_share_their_objects() {
    let server = Server::new().await;
    let objects = read(SOUND);
    let of = |version: &str, kind: &str| {
        objects.iter().find(|object| object["apiVersion"] == version && object["kind"] == kind).expect("the file has it")
    };
    let newer = of("autoscaling/v2", "HorizontalPodAutoscaler");
    assert_eq!(server.create(newer).await.status(), 201);
    let older_url = format!("{}/x", server.collection(of("autoscaling/v1", "HorizontalPodAutoscaler")));
    let older = server.user.get(&older_url).await.json();
    assert_eq!((&older["apiVersion"], &older["spec"]["targetCPUUtilizationPercentage"]), (&json!("autoscaling/v1"), &json!(70)));
    let patched = server.merge(&older_url, &json!({"spec": {"targetCPUUtilizationPercentage": 60}})).await;
    assert_eq!((patched.status(), &patched.json()["apiVersion"]), (200, &json!("autoscaling/v1")), "{}", told(&patched));
    let seen = server.user.get(&format!("{}/x", server.collection(newer))).await.json();
    let metrics = seen["spec"]["metrics"].as_array().expect("it has metrics");
    assert_eq!((metrics.len(), &metrics[0]["resource"]["target"]["averageUtilization"]), (3, &json!(60)));
    assert_eq!(seen["metadata"].get("annotations"), None);
    let event = of("events.k8s.io/v1", "Event");
    assert_eq!(server.create(event).await.status(), 201);
    let core_url = format!("{}/x", server.collection(of("v1", "Event")));
    let core = server.user.get(&core_url).await.json();
    assert_eq!((&core["involvedObject"]["name"], &core["message"], &core["kind"]), (&json!("p"), &json!("n"), &json!("Event")));
    let watch = format!("{}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name=x", server.collection(event));
    let line: Value =
        serde_json::from_str(server.user.get(&watch).await.text().lines().next().unwrap_or("")).expect("a line is an event");
    assert_eq!((&line["object"]["apiVersion"], &line["object"]["regarding"]["name"]), (&json!("events.k8s.io/v1"), &json!("p")));
}
