//! How the fields of objects are merged and owned: which lists are maps by keys, which are sets, and what is taken as a whole.
//! Sources: the `listType`, `listMapKey`, `mapType` and `structType` markers of the Kubernetes API's types, and the
//! `x-kubernetes-…` extensions of structural schemas.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::kube::kinds::Kind;
use crate::kube::types::{self, Field, Shape, Topology, Type};

/// Types whose values are owned as a whole where they are items of lists (`structType=atomic`).
const WHOLE_ITEMS: &[&str] = &["LocalObjectReference", "ObjectReference", "OwnerReference"];
static EMPTY: LazyLock<Value> = LazyLock::new(|| json!({}));

/// How a value is merged and owned.
#[derive(Clone, Copy, Debug)]
pub enum Schema<'a> {
    /// One value.
    Scalar,
    /// As a whole, whatever it is.
    Whole,
    /// Field by field.
    Fields(&'static Type),
    /// Key by key.
    Map(&'static Shape),
    /// Item by item, named by some of its fields.
    Keyed(&'static Shape, &'static [String]),
    /// Item by item, named by itself.
    Set,
    /// An object of a custom kind.
    Custom(&'a Value),
    /// As a structural schema says.
    Structural(&'a Value),
    /// As the value is: objects key by key, everything else as a whole.
    Deduced,
}

/// A field of an object, or a value of a map.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    /// How it is merged.
    pub schema: Schema<'a>,
    /// Whether the type names it; keys of maps are not named.
    pub declared: bool,
    /// What stands for it when it is left out, where Go writes it nevertheless.
    pub zero: Option<&'static Value>,
    /// Whether it is no field at all.
    pub unknown: bool,
}

/// The schema of a kind's objects.
pub fn of(kind: &Kind) -> Schema<'static> {
    types::by_name(kind.type_name()).map_or(Schema::Deduced, Schema::Fields)
}

impl<'a> Schema<'a> {
    fn of_shape(shape: &'static Shape) -> Self {
        match shape {
            Shape::Message(name) => types::by_name(name).map_or(Self::Deduced, Self::Fields),
            Shape::List(_) | Shape::Raw => Self::Whole,
            Shape::Map(inner) => Self::Map(inner),
            _ => Self::Scalar,
        }
    }

    fn of_field(field: &'static Field) -> Self {
        match (&field.topology, &field.shape) {
            (Topology::Atomic, _) => Self::Whole,
            (Topology::Set, _) => Self::Set,
            (Topology::Map(keys), Shape::List(inner)) => Self::Keyed(inner, keys),
            (_, shape) => Self::of_shape(shape),
        }
    }

    /// The field or the key of that name.
    pub fn child(self, name: &str) -> Child<'a> {
        let child = |schema, declared| Child { schema, declared, zero: None, unknown: false };
        match self {
            Self::Fields(known) => match known.field(name) {
                Some(field) => Child { zero: zero(field), ..child(Self::of_field(field), true) },
                None if matches!(name, "apiVersion" | "kind") => child(Self::Scalar, true),
                None => Child { unknown: true, ..child(Self::Deduced, false) },
            },
            Self::Map(inner) => child(Self::of_shape(inner), false),
            Self::Custom(_) if name == "metadata" => {
                Child { zero: Some(&EMPTY), ..child(types::by_name("ObjectMeta").map_or(Self::Deduced, Schema::Fields), true) }
            }
            Self::Custom(_) if matches!(name, "apiVersion" | "kind") => child(Self::Scalar, true),
            Self::Custom(schema) | Self::Structural(schema) => match schema["properties"].get(name) {
                Some(property) => child(Self::Structural(property), true),
                None if schema["additionalProperties"].is_object() => {
                    child(Self::Structural(&schema["additionalProperties"]), false)
                }
                None if schema["x-kubernetes-preserve-unknown-fields"] == true => child(Self::Deduced, false),
                None => Child { unknown: true, ..child(Self::Deduced, false) },
            },
            _ => child(Self::Deduced, false),
        }
    }

    /// The items of a list.
    pub fn item(self) -> Self {
        match self {
            Self::Keyed(Shape::Message(name), _) if WHOLE_ITEMS.contains(&name.as_str()) => Self::Whole,
            Self::Keyed(inner, _) => Self::of_shape(inner),
            Self::Structural(schema) => Self::Structural(&schema["items"]),
            _ => Self::Scalar,
        }
    }

    /// How a value of this schema is merged.
    pub fn manner(self, value: &Value) -> Manner<'a> {
        match self {
            Self::Scalar | Self::Whole => Manner::Leaf,
            Self::Fields(_) | Self::Map(_) | Self::Custom(_) => Manner::Fields,
            Self::Keyed(_, keys) => Manner::Keyed(keys.iter().map(String::as_str).collect()),
            Self::Set => Manner::Set,
            Self::Structural(schema) => structural(schema),
            Self::Deduced if value.is_object() => Manner::Fields,
            Self::Deduced => Manner::Leaf,
        }
    }

    /// What a key of a list's item is when the item leaves it out.
    pub fn key_default(self, key: &str) -> Option<Value> {
        match self {
            // Ports are TCP ports, here as everywhere.
            Self::Keyed(..) if key == "protocol" => Some("TCP".into()),
            Self::Keyed(Shape::Message(name), _) => types::by_name(name)?.field(key)?.default.clone().map(Value::from),
            Self::Structural(schema) => schema["items"]["properties"][key].get("default").cloned(),
            _ => None,
        }
    }
}

/// How a value is merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner<'a> {
    /// As a whole.
    Leaf,
    /// Field by field, key by key.
    Fields,
    /// Item by item, by these keys.
    Keyed(Vec<&'a str>),
    /// Item by item.
    Set,
}

fn structural(schema: &Value) -> Manner<'_> {
    let whole = |extension: &str| schema[extension] == "atomic";
    match schema["type"].as_str() {
        Some("object") if whole("x-kubernetes-map-type") => Manner::Leaf,
        Some("object") => Manner::Fields,
        Some("array") => match schema["x-kubernetes-list-type"].as_str() {
            Some("map") => {
                let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
                Manner::Keyed(keys.filter_map(Value::as_str).collect())
            }
            Some("set") => Manner::Set,
            _ => Manner::Leaf,
        },
        None if schema["x-kubernetes-preserve-unknown-fields"] == true => Manner::Fields,
        _ => Manner::Leaf,
    }
}

/// What Go writes for a field that nobody set: structures that are no pointers, and what is always written.
fn zero(field: &Field) -> Option<&'static Value> {
    if field.pointer {
        return None;
    }
    match field.shape {
        Shape::Message(_) => Some(&EMPTY),
        _ if field.always => Some(&Value::Null),
        _ => None,
    }
}
