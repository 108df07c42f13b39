//! What Graph checks about the members of a body before the directory sees them. Source: the Graph v1.0 reference; the texts about
//! unknown, read-only and wrongly typed members are inferred.

use serde_json::{Map, Value};

use super::error::Error;

/// A type as far as bodies are checked against it.
pub(super) struct Type<'a> {
    /// Its members with their defaults.
    pub(super) members: &'a [&'a Map<String, Value>],
    /// Members that can be written and are not shown.
    pub(super) write_only: &'a [&'a str],
    /// Members that cannot be written.
    pub(super) read_only: &'a [&'a str],
}

impl Type<'_> {
    /// Checks every member of a body.
    pub(super) fn check(&self, body: &Map<String, Value>) -> Result<(), Error> {
        body.iter().filter(|(name, _)| !name.starts_with("@odata.")).try_for_each(|(name, value)| self.check_member(name, value))
    }

    fn check_member(&self, name: &str, value: &Value) -> Result<(), Error> {
        if self.read_only.contains(&name) {
            return Err(Error::refused(format!("Property '{name}' is read-only and cannot be set.")));
        }
        if self.write_only.contains(&name) {
            return Ok(());
        }
        let default = self.members.iter().find_map(|members| members.get(name)).ok_or_else(|| {
            Error::refused(format!("Property '{name}' does not exist as a declared property or extension property."))
        })?;
        let fits = match default {
            Value::Null | Value::Number(_) => true,
            Value::Bool(_) => value.is_boolean() || value.is_null(),
            Value::String(_) => value.is_string() || value.is_null(),
            Value::Array(_) => value.is_array() || value.is_null(),
            Value::Object(_) => value.is_object() || value.is_null(),
        };
        if fits {
            return Ok(());
        }
        let expected = match default {
            Value::Bool(_) => "Edm.Boolean",
            Value::String(_) => "Edm.String",
            Value::Array(_) => "Collection",
            _ => "ComplexType",
        };
        Err(Error::bad_request(format!(
            "Cannot convert the value of property '{name}' to the expected type '{expected}'. See the inner exception for more details."
        )))
    }
}

/// Puts what a body says over what was there: a complex member keeps what the body leaves out.
pub(super) fn merge(into: &mut Map<String, Value>, from: Map<String, Value>, defaults: &Map<String, Value>) {
    for (name, value) in from.into_iter().filter(|(name, _)| !name.contains('@')) {
        let merged = match value {
            Value::Object(members) => {
                let before = into.get(&name).or_else(|| defaults.get(&name)).and_then(Value::as_object).cloned();
                let mut object = before.clone().unwrap_or_default();
                merge(&mut object, members, &before.unwrap_or_default());
                Value::Object(object)
            }
            // What is set to nothing has its default again.
            Value::Null => defaults.get(&name).cloned().unwrap_or_default(),
            other => other,
        };
        into.insert(name, merged);
    }
}

/// A text that a body must have.
pub(super) fn required<'a>(body: &'a Map<String, Value>, name: &str, resource: &str) -> Result<&'a str, Error> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| Error::required(name, resource))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_complex_member_keeps_what_is_left_out() {
        let map = |value: Value| value.as_object().cloned().expect("an object");
        let defaults = map(json!({ "web": { "a": 1, "b": { "c": 2, "d": 3 } }, "tags": [] }));
        let mut object = Map::new();
        merge(&mut object, map(json!({ "web": { "b": { "c": 5 } }, "x@odata.bind": [], "tags": ["t"] })), &defaults);
        assert_eq!(Value::Object(object.clone()), json!({ "web": { "a": 1, "b": { "c": 5, "d": 3 } }, "tags": ["t"] }));
        merge(&mut object, map(json!({ "tags": null })), &defaults);
        assert_eq!(object["tags"], json!([]));
    }
}
