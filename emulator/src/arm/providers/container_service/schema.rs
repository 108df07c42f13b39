//! The members that AKS knows in the bodies of clusters and pools, and their types. A body is read as AKS' Go server reads JSON: names
//! without regard to case, a null as if it were not there, and an error for anything else.
//!
//! The data is `fixtures/container-service/types.json`: per type its members as `s` text, `b` boolean, `i` whole number, `n` number,
//! `*` anything, `=Name` one of the listed values, `[kind` a list, `{kind` a map, or another type. It holds the members of all
//! api-versions together: that a member is unknown to an older one is not told (azlet's own leniency), and previews younger than the
//! data may say more than it knows.
//! Sources: the members of AKS' REST reference from 2020 to 2026; errors as users have reported them; which values are read
//! without regard to case, and the words of the error for unknown ones, are inferred.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::errors;
use crate::arm::error::Error;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Schema {
    types: HashMap<String, HashMap<String, String>>,
    values: HashMap<String, Vec<String>>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../../fixtures/container-service/types.json"))
        .expect("fixtures/container-service/types.json lists types: a test reads it")
});

/// The youngest preview whose members the data knows.
const YOUNGEST_PREVIEW: &str = "2024-09-02-preview";

/// The properties of a cluster.
pub(super) const CLUSTER: &str = "Properties";
/// The properties of a pool.
pub(super) const POOL: &str = "AgentPoolProperties";
/// A cluster's SKU.
pub(super) const SKU: &str = "ManagedClusterSKU";
/// A cluster's extended location.
pub(super) const EXTENDED_LOCATION: &str = "ExtendedLocation";

/// Reads a value of a type at a place of the body, such as `properties`: with known names only, spelt as AKS spells them.
pub(super) fn read(kind: &str, value: &Value, place: &str, api_version: &str) -> Result<Value, Error> {
    let reader = Reader { lenient: api_version.ends_with("-preview") && api_version > YOUNGEST_PREVIEW };
    reader.read(kind, value, "ManagedCluster", place)
}

struct Reader {
    /// Whether unknown members are kept.
    lenient: bool,
}

impl Reader {
    /// `owner` is the type that holds the value, `place` the path to it.
    fn read(&self, kind: &str, value: &Value, owner: &str, place: &str) -> Result<Value, Error> {
        let fits = match kind.as_bytes().first() {
            Some(b'*') => true,
            Some(b's' | b'=') if kind == "s" || kind.starts_with('=') => value.is_string(),
            Some(b'b') if kind == "b" => value.is_boolean(),
            Some(b'i') if kind == "i" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            Some(b'n') if kind == "n" => value.is_number(),
            Some(b'[') => return self.list(&kind[1..], value, owner, place),
            Some(b'{') => return self.map(&kind[1..], value, owner, place),
            _ => return self.object(kind, value, owner, place),
        };
        if !fits {
            return Err(wrong_type(kind, value, owner, place));
        }
        match kind.strip_prefix('=') {
            Some(name) => listed(name, value, place).map(|()| value.clone()),
            None => Ok(value.clone()),
        }
    }

    fn list(&self, kind: &str, value: &Value, owner: &str, place: &str) -> Result<Value, Error> {
        let Value::Array(items) = value else { return Err(wrong_type(&format!("[{kind}"), value, owner, place)) };
        let items = items.iter().filter(|item| !item.is_null());
        items.map(|item| self.read(kind, item, owner, place)).collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn map(&self, kind: &str, value: &Value, owner: &str, place: &str) -> Result<Value, Error> {
        let Value::Object(items) = value else { return Err(wrong_type(&format!("{{{kind}"), value, owner, place)) };
        let mut read = Map::new();
        for (key, item) in items.iter().filter(|(_, item)| !item.is_null()) {
            read.insert(key.clone(), self.read(kind, item, owner, place)?);
        }
        Ok(Value::Object(read))
    }

    fn object(&self, kind: &str, value: &Value, owner: &str, place: &str) -> Result<Value, Error> {
        let Some(known) = SCHEMA.types.get(kind) else { return Ok(value.clone()) };
        let Value::Object(members) = value else { return Err(wrong_type(kind, value, owner, place)) };
        let mut read = Map::new();
        for (name, item) in members {
            let known_as = known.get_key_value(name).or_else(|| known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
            match known_as {
                Some(_) if item.is_null() => {}
                Some((member, of)) => {
                    read.insert(member.clone(), self.read(of, item, kind, &format!("{place}.{member}"))?);
                }
                None if self.lenient => {
                    read.insert(name.clone(), item.clone());
                }
                None => return Err(errors::unmarshal(&format!("unknown field \"{name}\""))),
            }
        }
        Ok(Value::Object(read))
    }
}

/// How Go names a type.
fn go(kind: &str) -> Cow<'_, str> {
    match kind {
        "s" => "string".into(),
        "b" => "bool".into(),
        "i" => "int32".into(),
        "n" => "float64".into(),
        "*" => "interface {}".into(),
        _ if kind.starts_with('=') => "string".into(),
        _ if kind.starts_with('[') => format!("[]{}", go(&kind[1..])).into(),
        _ if kind.starts_with('{') => format!("map[string]{}", go(&kind[1..])).into(),
        _ => kind.into(),
    }
}

fn wrong_type(kind: &str, value: &Value, owner: &str, place: &str) -> Error {
    let found = match value {
        Value::Bool(_) => "bool".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
        // A number that is none of these numbers is named.
        Value::Number(number) if kind == "i" => format!("number {number}"),
        Value::Number(_) => "number".to_owned(),
        Value::Null => "null".to_owned(),
    };
    errors::unmarshal(&format!("cannot unmarshal {found} into Go struct field {owner}.{place} of type {}", go(kind)))
}

/// Whether a text is one of the values of its list; an empty text is none of them and means the default.
fn listed(name: &str, value: &Value, place: &str) -> Result<(), Error> {
    let Some(values) = SCHEMA.values.get(name) else { return Ok(()) };
    let text = value.as_str().unwrap_or_default();
    if text.is_empty() || values.iter().any(|known| known.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    let place = place.strip_prefix("properties.").unwrap_or(place);
    let place = place.replacen("agentPoolProfiles.", "agentPoolProfile.", 1);
    Err(errors::invalid_value(&place, &format!("{text} is not one of the allowed values: {}.", values.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const VERSION: &str = "2026-06-01";

    fn message(kind: &str, value: &Value) -> String {
        read(kind, value, "properties", VERSION).expect_err("an error").message
    }

    #[test]
    fn every_kind_of_the_data_exists() {
        for (name, members) in &SCHEMA.types {
            for (member, kind) in members {
                let kind = kind.trim_start_matches(['[', '{']);
                let known = ["s", "b", "i", "n", "*"].contains(&kind)
                    || kind.strip_prefix('=').is_some_and(|list| SCHEMA.values.contains_key(list))
                    || SCHEMA.types.contains_key(kind);
                assert!(known, "{name}.{member}: {kind}");
            }
        }
    }

    #[test]
    fn names_have_no_case_and_nulls_are_not_there() {
        let sent = json!({ "DNSPREFIX": "a", "agentpoolprofiles": [{ "OsDiskSizeGb": 30, "nodeLabels": null }], "fqdn": null });
        let read = read(CLUSTER, &sent, "properties", VERSION).expect("known");
        assert_eq!(read, json!({ "dnsPrefix": "a", "agentPoolProfiles": [{ "osDiskSizeGB": 30 }] }));
    }

    #[test]
    fn what_does_not_fit_is_named_as_go_names_it() {
        for (value, expected) in [
            (json!({ "autoScalerProfile": { "expander": true } }), "cannot unmarshal bool"),
            (
                json!({ "enableRBAC": "yes" }),
                "cannot unmarshal string into Go struct field Properties.properties.enableRBAC of type bool",
            ),
            (
                json!({ "agentPoolProfiles": [{ "count": 1.5 }] }),
                "cannot unmarshal number 1.5 into Go struct field AgentPoolProfile",
            ),
            (json!({ "agentPoolProfiles": "np" }), "of type []AgentPoolProfile"),
            (json!({ "sshAccess": 1 }), "unknown field \"sshAccess\""),
        ] {
            let message = message(CLUSTER, &value);
            assert!(message.starts_with("UnmarshalEntity encountered error: json: ") && message.contains(expected), "{message}");
        }
        assert!(message(POOL, &json!({ "osType": "BeOS" })).contains("BeOS"));
        assert!(read(CLUSTER, &json!({ "brandNew": 1 }), "properties", "2099-01-01-preview").is_ok());
    }
}
