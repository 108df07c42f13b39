//! OpenAPI 3 documents with paths only: per resource the operations that take bodies, with their kind and the query parameters
//! `dryRun` and `fieldValidation`, which is what kubectl looks for before it applies. Schemas are empty objects that name
//! their kind, so `kubectl explain` has nothing to say.

use serde_json::{Map, Value, json};

use super::discovery::groups;
use super::kinds::{self, Kind};

/// `/openapi/v3`: where the documents are.
pub fn index() -> Value {
    let paths: Map<String, Value> = groups()
        .into_iter()
        .map(|(group, version)| {
            let path = path_of(group, version);
            (path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={}", hash(&path))}))
        })
        .collect();
    json!({"paths": paths})
}

fn path_of(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// What changes when the document changes: its length, in FNV-1a with the path.
fn hash(path: &str) -> String {
    let text = document(path).map(|document| document.to_string()).unwrap_or_default();
    let value =
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{value:016X}")
}

/// The document of a group and version, by its path below `/openapi/v3/`.
pub fn document(path: &str) -> Option<Value> {
    let (group, version) = groups().into_iter().find(|(group, version)| path_of(group, version) == path)?;
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for kind in kinds::all().iter().filter(|kind| kind.group == group && kind.version == version) {
        let place = if kind.namespaced { "namespaces/{namespace}/" } else { "" };
        let collection = format!("/{path}/{place}{}", kind.plural);
        if kind.has_verb("create") {
            paths.insert(collection.clone(), json!({"post": operation(kind, "post", "application/json")}));
        }
        if kind.has_verb("patch") {
            let put = operation(kind, "put", "application/json");
            let patch = operation(kind, "patch", "application/strategic-merge-patch+json");
            paths.insert(format!("{collection}/{{name}}"), json!({"put": put, "patch": patch}));
        }
        schemas.insert(schema_name(kind), json!({"type": "object", "x-kubernetes-group-version-kind": [gvk(kind)]}));
    }
    Some(
        json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "azlet"}, "paths": paths, "components": {"schemas": schemas}}),
    )
}

fn gvk(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

fn schema_name(kind: &Kind) -> String {
    let group = kind.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
    format!("io.k8s.api.{group}.{}.{}", kind.version, kind.kind)
}

fn operation(kind: &Kind, action: &str, media: &str) -> Value {
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string"}});
    let schema = json!({"$ref": format!("#/components/schemas/{}", schema_name(kind))});
    json!({
        "parameters": [parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")],
        "requestBody": {"content": {media: {"schema": schema}}},
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": gvk(kind),
    })
}
