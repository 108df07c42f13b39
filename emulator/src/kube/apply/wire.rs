//! Objects as they are written: the sets of fields in `metadata.managedFields`, which are kept as text, as what they are.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A value on its way to a client.
#[derive(Clone, Copy, Debug)]
pub struct Wire<'a>(pub &'a Value);

/// Where in an object a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    Metadata,
    Managers,
    Entry,
    Fields,
}

struct At<'a>(&'a Value, Place);

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        At(self.0, Place::Anywhere).serialize(serializer)
    }
}

impl std::fmt::Display for Wire<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

impl Serialize for At<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0, self.1) {
            (Value::String(text), Place::Fields) => match RawValue::from_string(text.clone()) {
                Ok(raw) => raw.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
            (Value::Object(fields), place) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    let below = match (place, name.as_str()) {
                        (Place::Anywhere, "metadata") => Place::Metadata,
                        (Place::Metadata, "managedFields") => Place::Managers,
                        (Place::Entry, "fieldsV1") => Place::Fields,
                        _ => Place::Anywhere,
                    };
                    map.serialize_entry(name, &At(value, below))?;
                }
                map.end()
            }
            (Value::Array(items), place) => {
                let below = if place == Place::Managers { Place::Entry } else { Place::Anywhere };
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&At(item, below))?;
                }
                list.end()
            }
            (value, _) => value.serialize(serializer),
        }
    }
}

/// An object with the sets of fields as values: what patches that name them are applied to.
pub fn expanded(object: &Value) -> Value {
    serde_json::to_value(Wire(object)).ok().filter(|value| !value.is_null()).unwrap_or_else(|| object.clone())
}
