//! Custom resources: what CustomResourceDefinitions add to a cluster (`apiextensions-apiserver`).
//!
//! A version of a definition becomes a [`Kind`] as the built-in ones are. Kinds live as long as the process: one for each distinct
//! definition, whichever cluster has it; which of them a cluster serves is [`Served`]. All versions of a resource share one place in
//! the order of objects, so that an object is one object in all of them.

mod columns;
mod definition;
mod lifecycle;
mod objects;
mod prune;
mod rules;
mod schema;
mod structural;
mod values;

use std::collections::HashMap;
use std::sync::LazyLock;

use parking_lot::Mutex;
use serde_json::Value;

pub use columns::{cells, column_definitions};
pub(super) use definition::{begin, complete, faults, faults_of_change, warnings};
pub(super) use lifecycle::{CLEANUP, look, terminating, waiting};
pub(super) use objects::{begin_object, faults_of_change_of_object, faults_of_object, order, shown, take};
pub use schema::Schema;

use super::kinds::{self, Kind, Served, Subresource};

/// The type of custom resources, of which the table of types knows nothing.
const UNTYPED: &str = "CustomResource";
/// The verbs of a custom resource, in the order in which discovery tells them.
const VERBS: &str = "delete deletecollection get list patch create update watch";
/// Those of a resource whose definition is being deleted.
pub const LAST_VERBS: &str = "delete deletecollection get list watch";

/// What a definition says about one of its versions.
#[derive(Clone, Debug, Default)]
pub struct Version {
    /// The schema of its objects.
    pub schema: Schema,
    /// `FooList`.
    pub list_kind: String,
    /// In which version objects are kept.
    pub storage: String,
    /// Whether the status has a subresource of its own.
    pub status: bool,
    /// The paths of the subresource `scale`.
    pub scale: Option<ScalePaths>,
    /// The columns of its tables.
    pub columns: Vec<Column>,
    /// By which fields its objects can be chosen: `spec.color`.
    pub selectable: Vec<String>,
    /// Whether its definition is being deleted: nothing new comes.
    pub ending: bool,
    /// What clients of a deprecated version are told.
    pub deprecation: Option<String>,
}

/// Where a custom resource keeps what a Scale shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// `.spec.replicas`.
    pub spec: String,
    /// `.status.replicas`.
    pub status: String,
    /// `.status.selector`.
    pub selector: Option<String>,
}

/// A column of the tables of a custom resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    name: String,
    type_name: String,
    format: String,
    description: String,
    priority: i64,
    path: String,
}

/// The kinds made so far: resources by what makes two of them one, versions by all that is said of them.
#[derive(Default)]
struct Interned {
    resources: Vec<&'static Kind>,
    by_name: HashMap<(String, String, String, bool), usize>,
    versions: HashMap<String, &'static Kind>,
}

static INTERNED: LazyLock<Mutex<Interned>> = LazyLock::new(Mutex::default);

/// The kind of the objects at a place behind the built-in kinds.
///
/// # Panics
/// If no key was made with this place.
pub fn resource_at(place: usize) -> &'static Kind {
    INTERNED.lock().resources[place]
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The kinds that a cluster serves with these definitions, in the order of their names.
pub(super) fn served<'a>(definitions: impl Iterator<Item = &'a Value>) -> Served {
    let (mut versions, mut resources) = (Vec::new(), Vec::new());
    for definition in definitions.filter(|definition| is_condition(definition, "Established")) {
        let resource = resource(definition);
        resources.push(resource);
        let mut own: Vec<&Value> = list(&definition["spec"]["versions"]).filter(|version| version["served"] == true).collect();
        own.sort_by_key(|version| std::cmp::Reverse(precedence(version["name"].as_str().unwrap_or(""))));
        versions.extend(own.into_iter().map(|version| version_kind(definition, version, resource.index)));
    }
    Served::with(versions, resources)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether a condition of a definition is true.
pub(super) fn is_condition(definition: &Value, name: &str) -> bool {
    list(&definition["status"]["conditions"]).any(|condition| condition["type"] == name && condition["status"] == "True")
}

/// How versions are ordered: stable ones first, then beta, then alpha, higher numbers first, other names behind them
/// (`apimachinery/pkg/version`).
pub fn precedence(version: &str) -> (u8, u64, u64, std::cmp::Reverse<String>) {
    let parsed = || {
        let rest = version.strip_prefix('v')?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major: u64 = rest[..end].parse().ok()?;
        let tail = &rest[end..];
        let minor = |word: &str| tail.strip_prefix(word).and_then(|number| number.parse::<u64>().ok());
        match (tail, minor("beta"), minor("alpha")) {
            ("", _, _) => Some((3, major, 0)),
            (_, Some(minor), _) => Some((2, major, minor)),
            (_, _, Some(minor)) => Some((1, major, minor)),
            _ => None,
        }
    };
    let (rank, major, minor) = parsed().unwrap_or((0, 0, 0));
    (rank, major, minor, std::cmp::Reverse(version.to_owned()))
}

/// The resource of a definition: what its objects are kept under, whatever its versions are.
pub(super) fn resource(definition: &Value) -> &'static Kind {
    let spec = &definition["spec"];
    let (group, plural, kind) = (text(&spec["group"]), text(&spec["names"]["plural"]), text(&spec["names"]["kind"]));
    let namespaced = spec["scope"] == "Namespaced";
    let mut interned = INTERNED.lock();
    let name = (group.clone(), plural.clone(), kind.clone(), namespaced);
    if let Some(place) = interned.by_name.get(&name) {
        return interned.resources[*place];
    }
    let place = interned.resources.len();
    let made = Kind {
        index: kinds::all().len() + place,
        hub: kinds::all().len() + place,
        type_name: Some(UNTYPED.into()),
        stored: None,
        custom: Some(Version::default()),
        group,
        version: String::new(),
        kind,
        plural,
        singular: None,
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        generation: true,
        verbs: Some(VERBS.into()),
        subresources: Vec::new(),
        columns: Vec::new(),
    };
    let made: &'static Kind = Box::leak(Box::new(made));
    interned.resources.push(made);
    interned.by_name.insert(name, place);
    made
}

fn version_kind(definition: &Value, version: &Value, index: usize) -> &'static Kind {
    let spec = &definition["spec"];
    let storage =
        list(&spec["versions"]).find(|version| version["storage"] == true).map_or_else(String::new, |v| text(&v["name"]));
    let names = &definition["status"]["acceptedNames"];
    let ending = !definition["metadata"]["deletionTimestamp"].is_null();
    let said = format!("{index} {storage} {ending} {} {names} {version}", spec["group"]);
    let mut interned = INTERNED.lock();
    if let Some(known) = interned.versions.get(&said) {
        return known;
    }
    let name = text(&version["name"]);
    let custom = read_version(version, names, storage, ending, &text(&spec["group"]));
    let made = Kind {
        index,
        hub: index,
        type_name: Some(UNTYPED.into()),
        stored: None,
        group: text(&spec["group"]),
        version: name,
        kind: text(&names["kind"]),
        plural: text(&names["plural"]),
        singular: Some(text(&names["singular"])),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        generation: true,
        verbs: Some(VERBS.into()),
        subresources: subresources(&custom),
        columns: Vec::new(),
        custom: Some(custom),
    };
    let made: &'static Kind = Box::leak(Box::new(made));
    interned.versions.insert(said, made);
    made
}

fn read_version(version: &Value, names: &Value, storage: String, ending: bool, group: &str) -> Version {
    let subresources = &version["subresources"];
    let scale = &subresources["scale"];
    let column = |column: &Value| Column {
        name: text(&column["name"]),
        type_name: text(&column["type"]),
        format: text(&column["format"]),
        description: text(&column["description"]),
        priority: column["priority"].as_i64().unwrap_or(0),
        path: text(&column["jsonPath"]),
    };
    let told = version["deprecationWarning"].as_str().map(str::to_owned);
    let deprecation = (version["deprecated"] == true).then(|| {
        let name = text(&version["name"]);
        told.unwrap_or_else(|| format!("{group}/{name} {} is deprecated", text(&names["kind"])))
    });
    Version {
        schema: Schema::of_version(&version["schema"]["openAPIV3Schema"]),
        list_kind: text(&names["listKind"]),
        storage,
        status: subresources["status"].is_object(),
        scale: scale.is_object().then(|| ScalePaths {
            spec: text(&scale["specReplicasPath"]),
            status: text(&scale["statusReplicasPath"]),
            selector: scale["labelSelectorPath"].as_str().filter(|path| !path.is_empty()).map(str::to_owned),
        }),
        columns: list(&version["additionalPrinterColumns"]).map(column).collect(),
        selectable: list(&version["selectableFields"])
            .map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
            .collect(),
        ending,
        deprecation,
    }
}

fn subresources(version: &Version) -> Vec<Subresource> {
    let named = |name: &str| Subresource {
        name: name.into(),
        verbs: "get patch update".into(),
        group: String::new(),
        version: String::new(),
        kind: None,
    };
    let mut out = Vec::new();
    if version.status {
        out.push(named("status"));
    }
    if version.scale.is_some() {
        out.push(Subresource { group: "autoscaling".into(), version: "v1".into(), kind: Some("Scale".into()), ..named("scale") });
    }
    out
}

/// A field of an object by a simple path, `.spec.a.b`.
pub fn field_at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').filter(|part| !part.is_empty()).fold(object, |value, part| &value[part])
}

/// As [`field_at`], to be written to: what lies on the way is made.
pub fn field_made_at<'a>(object: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').filter(|part| !part.is_empty()).fold(object, |value, part| {
        if !value.is_object() {
            *value = Value::Object(serde_json::Map::new());
        }
        &mut value[part]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_kubernetes_orders_them() {
        let mut names = vec!["foo1", "v10", "v1", "v11beta2", "v12alpha1", "v10beta3", "v3beta1", "v2", "foo10", "v11alpha2"];
        names.sort_by_key(|name| std::cmp::Reverse(precedence(name)));
        assert_eq!(names, ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]);
    }
}
