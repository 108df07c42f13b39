//! The kinds that the API server serves: those that every cluster has, out of `fixtures/kubernetes/kinds.json`, and those that a
//! cluster's CustomResourceDefinitions add (`custom/`). Names, verbs, subresources and printer columns: the one source of
//! discovery, routing, tables and the OpenAPI documents.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;

use super::custom::{self, Version};

/// The table as it is written.
pub const SOURCE: &str = include_str!("../../../fixtures/kubernetes/kinds.json");
const ALL_VERBS: &str = "create delete deletecollection get list patch update watch";

static TABLE: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let rows: Vec<Kind> = serde_json::from_str(SOURCE).expect("fixtures/kubernetes/kinds.json holds kinds: a test reads it");
    let mut kinds: Vec<Kind> = rows.into_iter().enumerate().map(|(index, kind)| Kind { index, hub: index, ..kind }).collect();
    for index in 0..kinds.len() {
        if let Some(stored) = &kinds[index].stored {
            let kept_as = |other: &Kind| other.kind == kinds[index].kind && other.api_version() == *stored;
            kinds[index].hub = kinds.iter().position(kept_as).expect("a kind is stored as one of the table: a test looks");
        }
    }
    kinds
});

/// A kind of object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Its place in the table: what objects are ordered by. The versions of a custom resource share one.
    #[serde(skip)]
    pub index: usize,
    /// The place of the kind as which its objects are kept: its own, or that of another version (`convert.rs`).
    #[serde(skip)]
    pub hub: usize,
    /// What its CustomResourceDefinition says, if it has one.
    #[serde(skip)]
    pub custom: Option<Version>,
    /// The API group, empty for the core.
    pub group: String,
    /// The version.
    pub version: String,
    /// `Pod`.
    pub kind: String,
    /// `pods`.
    pub plural: String,
    #[serde(default)]
    pub(super) singular: Option<String>,
    /// The name of its type in the table of types, if that is not the kind's.
    #[serde(default, rename = "type")]
    pub(super) type_name: Option<String>,
    /// The group and version as which its objects are kept, if not its own.
    #[serde(default)]
    pub(super) stored: Option<String>,
    /// Short names, `po`.
    #[serde(default, rename = "short")]
    pub short_names: Vec<String>,
    /// Categories, `all`.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether the server counts changes of the specification in `metadata.generation`.
    #[serde(default)]
    pub generation: bool,
    #[serde(default)]
    pub(super) verbs: Option<String>,
    /// What lies below an object.
    #[serde(default)]
    pub subresources: Vec<Subresource>,
    /// Printer columns behind the name: `Title type [priority]`.
    pub columns: Vec<String>,
}

/// A subresource of a kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subresource {
    /// `scale`.
    pub name: String,
    pub(super) verbs: String,
    /// The group of its kind, if it has its own.
    #[serde(default)]
    pub group: String,
    /// The version of its kind, if it has its own.
    #[serde(default)]
    pub version: String,
    /// Its kind, if not the object's.
    #[serde(default)]
    pub kind: Option<String>,
}

impl Kind {
    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `pod`.
    pub fn singular(&self) -> String {
        self.singular.clone().unwrap_or_else(|| self.kind.to_lowercase())
    }

    /// The name of its type in the table of types.
    pub fn type_name(&self) -> &str {
        self.type_name.as_deref().unwrap_or(&self.kind)
    }

    /// The kind as which its objects are kept.
    pub fn kept_as(&'static self) -> &'static Kind {
        if self.custom.is_some() { self } else { at(self.hub) }
    }

    /// Whether its objects are kept as objects of another kind.
    pub fn is_converted(&self) -> bool {
        self.hub != self.index
    }

    /// The verbs, in alphabetic order.
    pub fn verbs(&self) -> impl Iterator<Item = &str> {
        self.verbs.as_deref().unwrap_or(ALL_VERBS).split(' ')
    }

    /// The verbs that discovery tells: fewer than there are while its definition is being deleted.
    pub fn told_verbs(&self) -> Vec<&str> {
        match &self.custom {
            Some(version) if version.ending => custom::LAST_VERBS.split(' ').collect(),
            _ => self.verbs().collect(),
        }
    }

    /// Whether it has this verb.
    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs().any(|known| known == verb)
    }

    /// The kind of its lists.
    pub fn list_kind(&self) -> String {
        self.custom.as_ref().map_or_else(|| format!("{}List", self.kind), |version| version.list_kind.clone())
    }

    /// A subresource by name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }

    /// As messages name it: `pods`, `deployments.apps`.
    pub fn qualified_plural(&self) -> String {
        qualified(&self.plural, &self.group)
    }
}

/// A name with its group behind it; the core group has no name.
pub fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

impl Subresource {
    /// The verbs, in alphabetic order.
    pub fn verbs(&self) -> impl Iterator<Item = &str> {
        self.verbs.split(' ')
    }
}

/// The kinds of one cluster.
#[derive(Clone, Debug, Default)]
pub struct Served {
    custom: Arc<Vec<&'static Kind>>,
    resources: Arc<Vec<&'static Kind>>,
}

impl Served {
    /// The kinds that every cluster has, and these: versions of custom resources, and the resources that objects lie under.
    pub fn with(custom: Vec<&'static Kind>, resources: Vec<&'static Kind>) -> Self {
        Self { custom: Arc::new(custom), resources: Arc::new(resources) }
    }

    /// Every place that objects may lie under, once.
    pub fn places(&self) -> impl Iterator<Item = &'static Kind> + '_ {
        all().iter().chain(self.resources.iter().copied())
    }

    /// All of them: the built-in ones by group and plural, then the custom ones.
    pub fn iter(&self) -> impl Iterator<Item = &'static Kind> + '_ {
        all().iter().chain(self.custom.iter().copied())
    }

    /// A kind by the parts of its path.
    pub fn by_path(&self, group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
        self.iter().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
    }

    /// A kind by an object's `apiVersion` and `kind`.
    pub fn by_api_version(&self, api_version: &str, kind: &str) -> Option<&'static Kind> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        self.iter().find(|known| known.kind == kind && known.group == group && known.version == version)
    }
}

/// The kind of the objects at a place of the table.
pub fn at(index: usize) -> &'static Kind {
    all().get(index).unwrap_or_else(|| custom::resource_at(index - all().len()))
}

/// The built-in kinds, by group and then by plural.
pub fn all() -> &'static [Kind] {
    &TABLE
}

/// A kind by the parts of its path.
pub fn by_path(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    all().iter().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// A kind by an object's `apiVersion` and `kind`.
pub fn by_api_version(api_version: &str, kind: &str) -> Option<&'static Kind> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    all().iter().find(|known| known.kind == kind && known.group == group && known.version == version)
}

/// The kind of an object.
pub fn of(object: &Value) -> Option<&'static Kind> {
    by_api_version(object["apiVersion"].as_str()?, object["kind"].as_str()?)
}

macro_rules! named_kinds {
    ($($name:ident = $group:literal $kind:literal;)*) => {
        $(
            #[doc = concat!("The kind `", $kind, "`.")]
            pub static $name: LazyLock<&'static Kind> = LazyLock::new(|| {
                all().iter().find(|kind| kind.group == $group && kind.kind == $kind).expect("in fixtures/kubernetes/kinds.json: a test looks")
            });
        )*
        #[cfg(test)]
        fn named() -> Vec<&'static Kind> { vec![$(*$name),*] }
    };
}

named_kinds! {
    CONFIG_MAPS = "" "ConfigMap";
    ENDPOINTS = "" "Endpoints";
    EVENTS = "" "Event";
    CUSTOM_RESOURCE_DEFINITIONS = "apiextensions.k8s.io" "CustomResourceDefinition";
    NAMESPACES = "" "Namespace";
    NODES = "" "Node";
    PODS = "" "Pod";
    REPLICATION_CONTROLLERS = "" "ReplicationController";
    SECRETS = "" "Secret";
    SERVICE_ACCOUNTS = "" "ServiceAccount";
    SERVICES = "" "Service";
    DEPLOYMENTS = "apps" "Deployment";
    REPLICA_SETS = "apps" "ReplicaSet";
    CONTROLLER_REVISIONS = "apps" "ControllerRevision";
    DAEMON_SETS = "apps" "DaemonSet";
    STATEFUL_SETS = "apps" "StatefulSet";
    JOBS = "batch" "Job";
    CRON_JOBS = "batch" "CronJob";
    ENDPOINT_SLICES = "discovery.k8s.io" "EndpointSlice";
    HORIZONTAL_POD_AUTOSCALERS = "autoscaling" "HorizontalPodAutoscaler";
    POD_DISRUPTION_BUDGETS = "policy" "PodDisruptionBudget";
    RESOURCE_QUOTAS = "" "ResourceQuota";
    LIMIT_RANGES = "" "LimitRange";
    PERSISTENT_VOLUMES = "" "PersistentVolume";
    PERSISTENT_VOLUME_CLAIMS = "" "PersistentVolumeClaim";
    PRIORITY_CLASSES = "scheduling.k8s.io" "PriorityClass";
    STORAGE_CLASSES = "storage.k8s.io" "StorageClass";
    CLUSTER_ROLES = "rbac.authorization.k8s.io" "ClusterRole";
    CLUSTER_ROLE_BINDINGS = "rbac.authorization.k8s.io" "ClusterRoleBinding";
    ROLES = "rbac.authorization.k8s.io" "Role";
    ROLE_BINDINGS = "rbac.authorization.k8s.io" "RoleBinding";
    LEASES = "coordination.k8s.io" "Lease";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_readable_and_ordered() {
        assert!(named().iter().all(|kind| all()[kind.index].kind == kind.kind));
        assert!(all().is_sorted_by_key(|kind| (kind.group.clone(), kind.plural.clone())));
        let deployments = by_path("apps", "v1", "deployments");
        assert_eq!(deployments.map(|kind| qualified(&kind.kind, &kind.group)).as_deref(), Some("Deployment.apps"));
        assert_eq!(ENDPOINTS.singular(), "endpoints");
        let older = by_path("autoscaling", "v1", "horizontalpodautoscalers").map(Kind::kept_as);
        assert_eq!(older.map(|kind| kind.version.as_str()), Some("v2"));
        assert!(all().iter().all(|kind| !kind.kept_as().is_converted()));
    }
}
