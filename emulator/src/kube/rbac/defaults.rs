//! The roles and bindings that a cluster begins with (`fixtures/kubernetes/rbac.json`): those that the API server makes at its start, and
//! AKS' binding of the groups of administrators. Source: the bootstrap policy of Kubernetes 1.34; the binding's name as AKS' clusters
//! show it.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::GROUP;
use crate::kernel::clock::rfc3339_seconds;
use crate::kube::deletion::DeleteOptions;
use crate::kube::kinds::{self, Kind};
use crate::kube::store::{Cluster, Key};
use crate::kube::types;
use crate::world::World;

const FIXTURE: &str = include_str!("../../../../fixtures/kubernetes/rbac.json");

/// AKS' binding of the groups whose members administer the cluster.
const ADMINISTRATORS: &str = "aks-cluster-admin-binding-aad";

static OBJECTS: LazyLock<Vec<(&'static Kind, Value)>> = LazyLock::new(|| {
    let policy: Policy =
        serde_json::from_str(FIXTURE).expect("fixtures/kubernetes/rbac.json holds roles and bindings: a test reads it");
    policy.objects()
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Policy {
    cluster_roles: Vec<Role>,
    cluster_role_bindings: Vec<Binding>,
    roles: Vec<Role>,
    role_bindings: Vec<Binding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    #[serde(default)]
    namespace: String,
    name: String,
    /// Which aggregate it is a part of: `view`.
    into: Option<String>,
    /// Which parts it is made of.
    aggregates: Option<String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// Lists are words; the core group has the name `core`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    verbs: String,
    groups: Option<String>,
    resources: Option<String>,
    names: Option<String>,
    urls: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Binding {
    #[serde(default)]
    namespace: String,
    name: String,
    /// The role beside it.
    role: Option<String>,
    /// A role of the cluster, for a binding in a namespace.
    cluster_role: Option<String>,
    /// `group G`, `user U` or `NAMESPACE/ACCOUNT`.
    subjects: Vec<String>,
}

impl Policy {
    fn objects(self) -> Vec<(&'static Kind, Value)> {
        let cluster_roles = self.cluster_roles.into_iter().map(|role| (*kinds::CLUSTER_ROLES, role.object()));
        let cluster_bindings =
            self.cluster_role_bindings.into_iter().map(|it| (*kinds::CLUSTER_ROLE_BINDINGS, it.object("ClusterRole")));
        let roles = self.roles.into_iter().map(|role| (*kinds::ROLES, role.object()));
        let bindings = self.role_bindings.into_iter().map(|it| (*kinds::ROLE_BINDINGS, it.object("Role")));
        cluster_roles.chain(cluster_bindings).chain(roles).chain(bindings).collect()
    }
}

fn metadata(namespace: &str, name: &str) -> Value {
    let mut metadata = json!({
        "name": name,
        "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
        "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
    });
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    metadata
}

fn aggregate_label(role: &str) -> String {
    format!("{GROUP}/aggregate-to-{role}")
}

impl Role {
    fn object(self) -> Value {
        let mut metadata = metadata(&self.namespace, &self.name);
        if let Some(into) = &self.into {
            metadata["labels"][aggregate_label(into)] = json!("true");
        }
        let rules: Vec<Value> = self.rules.into_iter().map(Rule::object).collect();
        let mut object = json!({ "metadata": metadata, "rules": rules });
        if let Some(parts) = &self.aggregates {
            object["aggregationRule"] =
                json!({ "clusterRoleSelectors": [{ "matchLabels": { aggregate_label(parts): "true" } }] });
        }
        object
    }
}

impl Rule {
    fn object(self) -> Value {
        let words = |list: &str| list.split(' ').map(|word| json!(if word == "core" { "" } else { word })).collect::<Value>();
        let lists = [
            ("verbs", Some(self.verbs)),
            ("apiGroups", self.groups),
            ("resources", self.resources),
            ("resourceNames", self.names),
            ("nonResourceURLs", self.urls),
        ];
        let lists = lists.into_iter().filter_map(|(field, list)| Some((field.to_owned(), words(&list?))));
        Value::Object(lists.collect::<Map<String, Value>>())
    }
}

impl Binding {
    fn object(self, beside: &str) -> Value {
        let (kind, role) =
            self.cluster_role.map_or_else(|| (beside, self.role.unwrap_or_default()), |role| ("ClusterRole", role));
        let subjects: Vec<Value> = self.subjects.iter().map(|text| subject(text)).collect();
        json!({
            "metadata": metadata(&self.namespace, &self.name),
            "subjects": subjects,
            "roleRef": { "apiGroup": GROUP, "kind": kind, "name": role },
        })
    }
}

fn subject(text: &str) -> Value {
    let named = |kind: &str, name: &str| json!({ "kind": kind, "apiGroup": GROUP, "name": name });
    if let Some(name) = text.strip_prefix("group ") {
        return named("Group", name);
    }
    if let Some(name) = text.strip_prefix("user ") {
        return named("User", name);
    }
    let (namespace, name) = text.split_once('/').unwrap_or(("kube-system", text));
    json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace })
}

/// Puts the default roles and bindings into a new cluster.
pub fn furnish(world: &World, cluster: &Cluster) {
    let now = rfc3339_seconds(world.clock.now());
    cluster.locked(|state| {
        for (kind, object) in OBJECTS.iter() {
            let mut object = object.clone();
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
            let (namespace, name) = (text("namespace"), text("name"));
            let uid = world.ids.named(&format!("{} {} {namespace}/{name}", cluster.id.key(), kind.plural));
            object["kind"] = json!(kind.kind);
            object["apiVersion"] = json!(kind.api_version());
            object["metadata"]["uid"] = json!(uid);
            object["metadata"]["creationTimestamp"] = json!(now);
            types::order(kind, &mut object);
            state.put(Key::new(kind, &namespace, &name), object);
        }
    });
    follow_entra(world, cluster);
}

/// Makes the binding of the administrators' groups be as the cluster's integration with Entra says.
pub fn follow_entra(world: &World, cluster: &Cluster) {
    let groups = cluster.spec().entra.as_ref().map(|entra| entra.administrators.clone()).unwrap_or_default();
    let kind = *kinds::CLUSTER_ROLE_BINDINGS;
    if groups.is_empty() {
        // Not found is what it should be.
        let _ = cluster.delete(world, kind, "", ADMINISTRATORS, &DeleteOptions::now());
        return;
    }
    let subjects: Vec<Value> = groups.iter().map(|group| json!({ "kind": "Group", "apiGroup": GROUP, "name": group })).collect();
    let subjects = Value::Array(subjects);
    if cluster.modify(world, kind, "", ADMINISTRATORS, |binding| binding["subjects"] = subjects.clone()).is_some() {
        return;
    }
    let binding = json!({
        "metadata": { "name": ADMINISTRATORS },
        "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": subjects,
    });
    if let Err(error) = cluster.create(world, kind, binding) {
        tracing::warn!("cannot bind the groups of administrators: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::validate;

    #[test]
    fn the_fixture_holds_what_the_rules_for_roles_allow() {
        assert!(OBJECTS.len() > 120);
        for (kind, object) in OBJECTS.iter() {
            assert_eq!(validate::new_object(kind, object), [], "{object}");
        }
    }
}
