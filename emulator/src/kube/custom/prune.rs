//! What happens to an object before it is judged: fields that its schema does not know are taken out, defaults put in
//! (`schema/pruning`, `schema/defaulting`), the metadata read as every object's is (`schema/objectmeta`).

use serde_json::{Map, Value};

use super::schema::Schema;

/// The fields that every object has, whatever its schema says.
const OF_EVERY_OBJECT: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Takes out what the schema does not know; the paths of what went are told.
pub fn prune(schema: &Schema, object: &mut Value, gone: &mut Vec<String>) {
    prune_at(schema, object, true, "", gone);
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn prune_at(schema: &Schema, value: &mut Value, is_object: bool, path: &str, gone: &mut Vec<String>) {
    match value {
        Value::Object(fields) => prune_fields(schema, fields, is_object || schema.embedded, path, gone),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let path = format!("{path}[{index}]");
                match schema.items.as_deref() {
                    Some(schema) => prune_at(schema, item, false, &path, gone),
                    None if schema.preserve => {}
                    None => prune_at(&Schema::default(), item, false, &path, gone),
                }
            }
        }
        _ => {}
    }
}

fn prune_fields(schema: &Schema, fields: &mut Map<String, Value>, is_object: bool, path: &str, gone: &mut Vec<String>) {
    let names: Vec<String> = fields.keys().cloned().collect();
    for name in names {
        if is_object && OF_EVERY_OBJECT.contains(&name.as_str()) {
            continue;
        }
        let at = joined(path, &name);
        match (schema.field(&name), fields.get_mut(&name)) {
            (Some(schema), Some(value)) => prune_at(schema, value, false, &at, gone),
            (None, _) if !schema.preserve => {
                fields.shift_remove(&name);
                gone.push(at);
            }
            _ => {}
        }
    }
}

/// Puts defaults in. A null where none may be, and where there is a default, counts as nothing.
pub fn fill(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, schema) in &schema.properties {
                let Some(default) = &schema.default else { continue };
                if fields.get(name).is_none_or(|found| found.is_null() && !schema.nullable) {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                if let Some(schema) = schema.field(name) {
                    fill_item(schema, value, schema.default.as_ref());
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.items.as_deref() else { return };
            items.iter_mut().for_each(|item| fill_item(schema, item, schema.default.as_ref()));
        }
        _ => {}
    }
}

fn fill_item(schema: &Schema, value: &mut Value, default: Option<&Value>) {
    if value.is_null()
        && !schema.nullable
        && let Some(default) = default
    {
        *value = default.clone();
    }
    fill(schema, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unknown_goes_and_what_is_missing_comes() {
        let schema = Schema::read(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "size": {"type": "integer", "default": 3},
                "parts": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"k": {"type": "string"}}}},
            }},
        }}));
        let mut object = json!({"kind": "A", "metadata": {"name": "n"}, "top": 1, "spec": {"size": null, "no": 1, "parts": [{"b": 1}],
            "free": {"anything": {"goes": 1}}, "map": {"one": {"k": "v", "z": 1}}}});
        let mut gone = Vec::new();
        prune(&schema, &mut object, &mut gone);
        gone.sort();
        assert_eq!(gone, ["spec.map.one.z", "spec.no", "spec.parts[0].b", "top"]);
        fill(&schema, &mut object);
        let expected = json!({"size": 3, "parts": [{"a": "x"}], "free": {"anything": {"goes": 1}}, "map": {"one": {"k": "v"}}});
        assert_eq!(object["spec"], expected);
    }
}
