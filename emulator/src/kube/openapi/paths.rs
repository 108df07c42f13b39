//! The paths of a kind: its collection and its objects, with the operations that its verbs mean and their query parameters.

use serde_json::{Map, Value, json};

use crate::kube::kinds::Kind;

/// Adds the paths of a kind.
pub(super) fn of(kind: &Kind, schema: &str, paths: &mut Map<String, Value>) {
    let root =
        if kind.group.is_empty() { format!("/api/{}", kind.version) } else { format!("/apis/{}/{}", kind.group, kind.version) };
    let place = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{root}{place}/{}", kind.plural);
    let object = format!("{collection}/{{name}}");
    let mut add = |path: &str, verbs: &[(&str, &str, &str)], name: Option<&str>| {
        let mut operations = Map::new();
        for (verb, method, action) in verbs.iter().filter(|(verb, _, _)| kind.has_verb(verb)) {
            let _ = verb;
            operations.insert((*method).to_owned(), operation(kind, schema, method, action));
        }
        if operations.is_empty() {
            return;
        }
        let mut shared = Vec::new();
        for parameter in name.into_iter().chain(path.contains("{namespace}").then_some("namespace")) {
            shared.push(json!({"name": parameter, "in": "path", "required": true,
                "description": format!("The {parameter} of the object."), "schema": {"type": "string", "uniqueItems": true}}));
        }
        if !shared.is_empty() {
            operations.insert("parameters".into(), shared.into());
        }
        paths.insert(path.to_owned(), Value::Object(operations));
    };
    add(
        &collection,
        &[("list", "get", "list"), ("create", "post", "post"), ("deletecollection", "delete", "deletecollection")],
        None,
    );
    let object_verbs =
        [("get", "get", "get"), ("update", "put", "put"), ("delete", "delete", "delete"), ("patch", "patch", "patch")];
    add(&object, &object_verbs, Some("name"));
    if kind.namespaced {
        add(&format!("{root}/{}", kind.plural), &[("list", "get", "list")], None);
    }
    for subresource in &kind.subresources {
        let of_object = subresource.kind.is_none() || subresource.group == kind.group;
        let methods: Vec<(&str, &str)> = subresource
            .verbs()
            .filter_map(|verb| Some((method_of(verb)?, if verb == "create" { "post" } else { verb })))
            .collect();
        let mut operations = Map::new();
        for (method, action) in methods {
            let mut operation = operation(kind, schema, method, if action == "update" { "put" } else { action });
            if !of_object && let Value::Object(fields) = &mut operation {
                fields.insert(
                    "x-kubernetes-group-version-kind".into(),
                    json!({"group": subresource.group,
                    "version": subresource.version, "kind": subresource.kind}),
                );
            }
            operations.insert(method.to_owned(), operation);
        }
        if !operations.is_empty() {
            paths.insert(format!("{object}/{}", subresource.name), Value::Object(operations));
        }
    }
}

fn method_of(verb: &str) -> Option<&'static str> {
    match verb {
        "get" => Some("get"),
        "create" => Some("post"),
        "update" => Some("put"),
        "patch" => Some("patch"),
        "delete" => Some("delete"),
        _ => None,
    }
}

fn operation(kind: &Kind, schema: &str, method: &str, action: &str) -> Value {
    let parameter = |(name, what): (&str, &str), of: &str| json!({"name": name, "in": "query", "description": what, "schema": {"type": of, "uniqueItems": true}});
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    let mut operation = json!({
        "tags": [format!("{}_{}", if kind.group.is_empty() { "core" } else { &kind.group }, kind.version)],
        "description": format!("{action} {}", kind.kind),
        "operationId": format!("{action}{}", kind.kind),
    });
    let parameters: Vec<Value> = match method {
        "get" => Vec::new(),
        _ => [
            ("dryRun", "All: everything is done but the storing."),
            ("fieldManager", "Who owns the fields that are written."),
            ("fieldValidation", "What is done about unknown fields: Ignore, Warn or Strict."),
        ]
        .into_iter()
        .map(|named| parameter(named, "string"))
        .chain((method == "patch").then(|| parameter(("force", "Whether fields of other managers are taken."), "boolean")))
        .collect(),
    };
    operation["parameters"] = parameters.into();
    if method != "get" && method != "delete" {
        let media: &[&str] = match method {
            "patch" if kind.custom.is_some() => {
                &["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"]
            }
            "patch" => &[
                "application/apply-patch+yaml",
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
            ],
            _ => &["*/*"],
        };
        let content: Map<String, Value> =
            media.iter().map(|media| ((*media).to_owned(), json!({ "schema": reference }))).collect();
        operation["requestBody"] = json!({ "content": content });
    }
    operation["responses"] = json!({"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}});
    operation["x-kubernetes-action"] = action.into();
    operation["x-kubernetes-group-version-kind"] = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    operation
}
