//! OpenAPI 3 documents, one for each group and version (`k8s.io/kube-openapi/pkg/handler3`): paths with their operations and query
//! parameters, which is what kubectl looks for before it applies, and schemas (`schemas.rs`), which it explains and merges by.
//! A document's address holds its hash, so that clients may keep it; built-in documents are made when first asked for.

mod docs;
mod paths;
mod schemas;

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{SHA512, digest};
use dashmap::DashMap;
use serde_json::{Map, Value, json};

use super::discovery::groups;
use super::kinds::{Kind, Served};

/// The documents of groups that have no custom resources, by their paths.
static BUILT_IN: LazyLock<DashMap<String, Arc<str>>> = LazyLock::new(DashMap::new);

/// A document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its JSON.
    pub text: Arc<str>,
    /// What changes when it changes.
    pub hash: String,
}

/// The groups and versions with the paths of their documents.
fn versions(served: &Served) -> Vec<(&'static str, &'static str, String)> {
    let each = |(group, versions): (&'static str, Vec<&'static str>)| {
        versions.into_iter().map(move |version| (group, version, path_of(group, version)))
    };
    groups(served).into_iter().flat_map(each).collect()
}

/// `/openapi/v3`: where the documents are.
pub fn index(served: &Served) -> Value {
    let entry = |(group, version, path): (&str, &str, String)| {
        let hash = hash(served, group, version, &path);
        (path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}))
    };
    let paths: Map<String, Value> = versions(served).into_iter().map(entry).collect();
    json!({ "paths": paths })
}

fn path_of(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

fn kinds_of(served: &Served, group: &str, version: &str) -> Vec<&'static Kind> {
    served.iter().filter(|kind| kind.group == group && kind.version == version).collect()
}

/// What changes when a document does: of a built-in one what it is made of, of another the document.
fn hash(served: &Served, group: &str, version: &str, path: &str) -> String {
    let kinds = kinds_of(served, group, version);
    let sources = if kinds.iter().all(|kind| kind.custom.is_none()) {
        format!("{path} {}", docs::fingerprint())
    } else {
        written(group, version, &kinds).to_string()
    };
    hash_of(&sources)
}

/// The hash that stands for a text.
pub fn hash_of(text: &str) -> String {
    hex(digest(&SHA512, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The document of a group and version, by its path below `/openapi/v3/`.
pub fn document(served: &Served, path: &str) -> Option<Document> {
    let (group, version, path) = versions(served).into_iter().find(|(_, _, known)| known == path)?;
    let kinds = kinds_of(served, group, version);
    let hash = hash(served, group, version, &path);
    let write = || Arc::from(written(group, version, &kinds).to_string());
    let text =
        if kinds.iter().all(|kind| kind.custom.is_none()) { BUILT_IN.entry(path).or_insert_with(write).clone() } else { write() };
    Some(Document { text, hash })
}

fn written(group: &str, version: &str, kinds: &[&'static Kind]) -> Value {
    let mut schemas = schemas::Schemas::of(group, version);
    let mut paths = Map::new();
    for kind in kinds {
        paths::of(kind, &schemas.kind(kind), &mut paths);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": schemas.finish()},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema_and_every_field_is_described() {
        let served = Served::default();
        for (_, _, path) in versions(&served) {
            let document = document(&served, &path).expect("it is listed");
            let document: Value = serde_json::from_str(&document.text).expect("it is JSON");
            let mut found = Vec::new();
            references(&document, &mut found);
            for reference in found {
                let name = reference.strip_prefix("#/components/schemas/").expect("a schema's address");
                assert!(document["components"]["schemas"][name].is_object(), "{path}: {reference}");
            }
            for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
                for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                    assert!(schema["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}.{field}");
                }
            }
        }
    }
}
