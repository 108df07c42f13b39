//! What makes a schema structural (`apiextensions-apiserver/pkg/apiserver/schema/validation.go`) and which parts of OpenAPI it may
//! use (`pkg/apis/apiextensions/validation`). The shape of schemas inside of `allOf`, `anyOf`, `oneOf` and `not` is judged by the
//! same rules as the API server's; that what they name is named outside too is looked at for properties only.

use serde_json::{Map, Value};

use super::schema::Schema;
use super::{list, prune, values};
use crate::kube::error::Cause;

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Field,
    Item,
}

/// What is wrong with a schema at a path of a definition.
pub fn faults(schema: &Value, at: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    standard(schema, at, &mut causes);
    invariants(schema, at, Level::Root, &mut causes);
    defaults(schema, at, &mut causes);
    causes
}

/// Whether any part of a schema has rules in CEL.
pub fn has_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.contains_key("x-kubernetes-validations") || fields.values().any(has_rules),
        Value::Array(items) => items.iter().any(has_rules),
        _ => false,
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn is_true(value: &Value) -> bool {
    *value == true
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().map(super::schema::sorted).into_iter().flatten()
}

/// Every schema directly inside of one, with its path.
fn inner<'a>(schema: &'a Value, at: &str) -> Vec<(&'a Value, String)> {
    let mut out: Vec<(&Value, String)> =
        properties(schema).map(|(name, inner)| (inner, format!("{at}.properties[{name}]"))).collect();
    for field in ["items", "additionalProperties", "not"] {
        if schema[field].is_object() {
            out.push((&schema[field], format!("{at}.{field}")));
        }
    }
    for field in ["allOf", "anyOf", "oneOf"] {
        out.extend(list(&schema[field]).enumerate().map(|(index, inner)| (inner, format!("{at}.{field}[{index}]"))));
    }
    out
}

/// What OpenAPI has and definitions may not use.
fn standard(schema: &Value, at: &str, causes: &mut Vec<Cause>) {
    match word(&schema["type"]) {
        "" | "array" | "boolean" | "integer" | "number" | "object" | "string" => {}
        "null" => {
            causes.push(Cause::forbidden(format!("{at}.type"), "type cannot be set to null, use nullable as an alternative"))
        }
        _ => {
            let types = ["array", "boolean", "integer", "number", "object", "string"];
            causes.push(Cause::not_supported(format!("{at}.type"), &schema["type"], &types));
        }
    }
    for field in ["definitions", "dependencies", "patternProperties", "additionalItems", "id", "$ref"] {
        let there = match &schema[field] {
            Value::Null => false,
            Value::Object(fields) => !fields.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => true,
        };
        if there {
            causes.push(Cause::forbidden(format!("{at}.{field}"), &format!("{field} is not supported")));
        }
    }
    if is_true(&schema["uniqueItems"]) {
        let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        causes.push(Cause::forbidden(format!("{at}.uniqueItems"), why));
    }
    if schema["additionalProperties"] == false {
        causes.push(Cause::forbidden(format!("{at}.additionalProperties"), "additionalProperties cannot be set to false"));
    }
    let has_fields = schema["properties"].as_object().is_some_and(|fields| !fields.is_empty());
    if has_fields && (schema["additionalProperties"].is_object() || is_true(&schema["additionalProperties"])) {
        let why = "additionalProperties and properties are mutual exclusive";
        causes.push(Cause::forbidden(format!("{at}.additionalProperties"), why));
    }
    if schema["items"].is_array() {
        causes.push(Cause::forbidden(format!("{at}.items"), "items must be a schema object and not an array"));
    } else if schema["type"] == "array" && schema["items"].is_null() {
        causes.push(Cause::required(format!("{at}.items"), "must be specified"));
    }
    pattern(schema, at, causes);
    list_type(schema, at, causes);
    for (inner, at) in inner(schema, at) {
        standard(inner, &at, causes);
    }
}

fn pattern(schema: &Value, at: &str, causes: &mut Vec<Cause>) {
    let pattern = word(&schema["pattern"]);
    if !pattern.is_empty() && regex_lite::Regex::new(pattern).is_err() {
        let why = "must be a valid regular expression, but isn't: azlet cannot read it";
        causes.push(Cause::invalid(format!("{at}.pattern"), &schema["pattern"], why));
    }
}

fn list_type(schema: &Value, at: &str, causes: &mut Vec<Cause>) {
    let name = word(&schema["x-kubernetes-list-type"]);
    let keys = schema["x-kubernetes-list-map-keys"].as_array();
    let field = format!("{at}.x-kubernetes-list-type");
    if !name.is_empty() && schema["type"] != "array" {
        let why = "must be array if x-kubernetes-list-type is specified";
        causes.push(Cause::invalid(format!("{at}.type"), &word(&schema["type"]).into(), why));
    }
    match name {
        "" | "atomic" | "set" | "map" => {}
        _ => causes.push(Cause::not_supported(field, &schema["x-kubernetes-list-type"], &["atomic", "map", "set"])),
    }
    if name == "map" && keys.is_none_or(Vec::is_empty) {
        let why = "must not be empty if x-kubernetes-list-type is map";
        causes.push(Cause::required(format!("{at}.x-kubernetes-list-map-keys"), why));
    }
    for (index, key) in keys.into_iter().flatten().enumerate().filter(|_| name == "map") {
        let key = word(key);
        let inner = &schema["items"]["properties"][key];
        let path = format!("{at}.x-kubernetes-list-map-keys[{index}]");
        if inner.is_null() {
            causes.push(Cause::invalid(path, &key.into(), "entries must all be names of item properties"));
        } else if inner["default"].is_null() && !list(&schema["items"]["required"]).any(|required| required == key) {
            let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            causes.push(Cause::required(format!("{at}.items.properties[{key}].default"), why));
        }
    }
}

fn invariants(schema: &Value, at: &str, level: Level, causes: &mut Vec<Cause>) {
    let (kind, field) = (word(&schema["type"]), format!("{at}.type"));
    let embedded = is_true(&schema["x-kubernetes-embedded-resource"]);
    let int_or_string = is_true(&schema["x-kubernetes-int-or-string"]);
    let preserve = is_true(&schema["x-kubernetes-preserve-unknown-fields"]);
    if embedded && kind != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        causes.push(if kind.is_empty() { Cause::required(field, why) } else { Cause::invalid(field, &kind.into(), why) });
    } else if kind.is_empty() && !int_or_string && !preserve {
        causes.push(Cause::required(
            field,
            match level {
                Level::Root => "must not be empty at the root",
                Level::Field => "must not be empty for specified object fields",
                Level::Item => "must not be empty for specified array items",
            },
        ));
    } else if int_or_string && !kind.is_empty() {
        causes.push(Cause::invalid(field, &kind.into(), "must be empty if x-kubernetes-int-or-string is true"));
    } else if level == Level::Root && kind != "object" && !kind.is_empty() {
        causes.push(Cause::invalid(field, &kind.into(), "must be object at the root"));
    }
    let has_fields = schema["properties"].as_object().is_some_and(|fields| !fields.is_empty());
    if embedded && !preserve && !has_fields {
        let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        causes.push(Cause::required(format!("{at}.properties"), why));
    }
    if level == Level::Root || embedded {
        every_object(schema, at, causes);
    }
    for (name, inner) in properties(schema) {
        invariants(inner, &format!("{at}.properties[{name}]"), Level::Field, causes);
    }
    if schema["items"].is_object() {
        invariants(&schema["items"], &format!("{at}.items"), Level::Item, causes);
    }
    if schema["additionalProperties"].is_object() {
        invariants(&schema["additionalProperties"], &format!("{at}.additionalProperties"), Level::Field, causes);
    }
    for (nested, at) in nested(schema, at) {
        value_validation(schema, nested, &at, int_or_string, causes);
    }
}

fn nested<'a>(schema: &'a Value, at: &str) -> Vec<(&'a Value, String)> {
    let mut out = Vec::new();
    for field in ["allOf", "anyOf", "oneOf"] {
        out.extend(list(&schema[field]).enumerate().map(|(index, inner)| (inner, format!("{at}.{field}[{index}]"))));
    }
    if schema["not"].is_object() {
        out.push((&schema["not"], format!("{at}.not")));
    }
    out
}

/// The fields that every object has cannot be described otherwise than they are.
fn every_object(schema: &Value, at: &str, causes: &mut Vec<Cause>) {
    for (name, kind) in [("kind", "string"), ("apiVersion", "string"), ("metadata", "object")] {
        let found = &schema["properties"][name];
        if !found.is_null() && found["type"] != kind {
            let why = format!("must be {kind}");
            causes.push(Cause::invalid(format!("{at}.properties[{name}].type"), &word(&found["type"]).into(), &why));
        }
    }
    let metadata = schema["properties"]["metadata"].as_object().cloned().unwrap_or_else(Map::new);
    let more = |name: &String| !matches!(name.as_str(), "type" | "description" | "properties" | "title");
    let fields = metadata.get("properties").and_then(Value::as_object);
    let others = fields.is_some_and(|fields| fields.keys().any(|name| name != "name" && name != "generateName"));
    if metadata.keys().any(more) || others {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        causes.push(Cause::forbidden(format!("{at}.properties[metadata]"), why));
    }
}

/// A schema inside of `allOf` and the like says what values must be, never what fields there are.
fn value_validation(outer: &Value, nested: &Value, at: &str, int_or_string: bool, causes: &mut Vec<Cause>) {
    for (field, why) in [
        ("type", "must be empty to be structural"),
        ("title", "must be empty to be structural"),
        ("description", "must be empty to be structural"),
        ("default", "must be undefined to be structural"),
        ("additionalProperties", "must be undefined to be structural"),
        ("nullable", "must be false to be structural"),
        ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
        ("x-kubernetes-embedded-resource", "must be false to be structural"),
        ("x-kubernetes-int-or-string", "must be false to be structural"),
    ] {
        let there = !nested[field].is_null() && nested[field] != false;
        if there && !(field == "type" && int_or_string && matches!(word(&nested["type"]), "integer" | "string")) {
            causes.push(Cause::forbidden(format!("{at}.{field}"), why));
        }
    }
    for (name, inner) in properties(nested) {
        let at = format!("{at}.properties[{name}]");
        let known = outer["properties"].get(name).or_else(|| outer.get("additionalProperties").filter(|inner| inner.is_object()));
        match known {
            Some(known) => value_validation(known, inner, &at, is_true(&known["x-kubernetes-int-or-string"]), causes),
            None => {
                let whole = at.split(['.']).skip_while(|part| !part.starts_with("openAPIV3Schema")).skip(1);
                let whole = whole.collect::<Vec<_>>().join(".");
                let (own, _) = at
                    .split_once(".allOf[")
                    .or_else(|| at.split_once(".anyOf["))
                    .or_else(|| at.split_once(".oneOf["))
                    .unwrap_or((&at, ""));
                causes.push(Cause::required(format!("{own}.properties[{name}]"), &format!("because it is defined in {whole}")));
            }
        }
    }
    if nested["items"].is_object() {
        value_validation(&outer["items"], &nested["items"], &format!("{at}.items"), false, causes);
    }
    for (inner, at) in self::nested(nested, at) {
        value_validation(outer, inner, &at, int_or_string, causes);
    }
}

/// Defaults must be what the schema itself accepts.
fn defaults(schema: &Value, at: &str, causes: &mut Vec<Cause>) {
    let default = &schema["default"];
    if !default.is_null() {
        let (read, field) = (Schema::read(schema), format!("{at}.default"));
        let (mut pruned, mut gone) = (default.clone(), Vec::new());
        prune::prune(&Schema { embedded: read.embedded, ..read.clone() }, &mut pruned, &mut gone);
        if at.ends_with("openAPIV3Schema") {
            causes.push(Cause::forbidden(field, "must not be set in top-level"));
        } else {
            causes.extend(values::faults(&read, default, &field));
        }
    }
    for (inner, at) in inner(schema, at) {
        defaults(inner, &at, causes);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_makes_a_schema_structural() {
        let told = |schema: Value| faults(&schema, "s").iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(json!({})), ["s.type: Required value: must not be empty at the root"]);
        assert_eq!(told(json!({"type": "string"})), ["s.type: Invalid value: \"string\": must be object at the root"]);
        let fields = |fields: Value| json!({"type": "object", "properties": fields});
        assert_eq!(
            told(fields(json!({"a": {}, "b": {"type": "array"}, "c": {"type": "null"}, "d": {"type": "string", "default": 1}}))),
            [
                "s.properties[b].items: Required value: must be specified",
                "s.properties[c].type: Forbidden: type cannot be set to null, use nullable as an alternative",
                "s.properties[a].type: Required value: must not be empty for specified object fields",
                "s.properties[d].default: Invalid value: \"integer\": s.properties[d].default in body must be of type string: \"integer\"",
            ]
        );
        assert!(
            told(fields(json!({"a": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}})))
                .is_empty()
        );
        assert!(
            told(fields(json!({"metadata": {"type": "object"}, "x": {"x-kubernetes-preserve-unknown-fields": true}}))).is_empty()
        );
    }
}
