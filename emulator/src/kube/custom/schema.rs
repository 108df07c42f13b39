//! Structural schemas (`apiextensions-apiserver/pkg/apiserver/schema`): a definition's `openAPIV3Schema`, read once.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

/// A schema.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// As the definition has it; of the outermost schema only.
    pub document: Value,
    /// `object`, `string` and so on; empty if anything may stand here.
    pub type_name: String,
    /// Whether null may stand here.
    pub nullable: bool,
    /// What stands here if nothing does.
    pub default: Option<Value>,
    /// The fields of an object.
    pub properties: BTreeMap<String, Schema>,
    /// What other fields hold: a map.
    pub additional: Option<Box<Schema>>,
    /// What a list holds.
    pub items: Option<Box<Schema>>,
    /// Whether unknown fields stay.
    pub preserve: bool,
    /// Whether a whole object of Kubernetes stands here.
    pub embedded: bool,
    /// Whether a number or a text may stand here.
    pub int_or_string: bool,
    /// `atomic`, `set` or `map`.
    pub list_type: Option<String>,
    /// The fields by which the items of a list are told apart.
    pub list_map_keys: Vec<String>,
    /// `date-time` and so on.
    pub format: String,
    /// What texts must look like, with the words of the schema.
    pub pattern: Option<(String, Regex)>,
    /// The only values that may stand here.
    pub values: Option<Vec<Value>>,
    /// The fields that must be there.
    pub required: Vec<String>,
    /// Bounds, by the names that the schema gives them (`maxLength`, `minimum`, …).
    pub bounds: BTreeMap<&'static str, f64>,
    /// Whether `minimum` itself is out of bounds.
    pub exclusive_minimum: bool,
    /// Whether `maximum` itself is out of bounds.
    pub exclusive_maximum: bool,
    /// Schemas all of which must hold.
    pub all_of: Vec<Schema>,
    /// Schemas one of which must hold at least.
    pub any_of: Vec<Schema>,
    /// Schemas exactly one of which must hold.
    pub one_of: Vec<Schema>,
    /// A schema that must not hold.
    pub not: Option<Box<Schema>>,
}

const BOUNDS: [&str; 9] =
    ["maximum", "minimum", "multipleOf", "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"];

fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or(false)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Schema {
    /// Reads the schema of a version, and keeps it as it is written.
    pub fn of_version(value: &Value) -> Self {
        Self { document: value.clone(), ..Self::read(value) }
    }

    /// Reads a schema that keeps the rules; what breaks them is left out.
    pub fn read(value: &Value) -> Self {
        let schemas = |value: &Value| value.as_array().into_iter().flatten().map(Self::read).collect();
        let fields = value["properties"].as_object();
        let pattern = text(&value["pattern"]);
        Self {
            document: Value::Null,
            type_name: text(&value["type"]),
            nullable: flag(&value["nullable"]),
            default: value.get("default").filter(|default| !default.is_null()).cloned(),
            properties: fields.into_iter().flatten().map(|(name, schema)| (name.clone(), Self::read(schema))).collect(),
            additional: match &value["additionalProperties"] {
                Value::Bool(true) => Some(Box::new(Self { preserve: true, ..Self::default() })),
                schema @ Value::Object(_) => Some(Box::new(Self::read(schema))),
                _ => None,
            },
            items: value["items"].is_object().then(|| Box::new(Self::read(&value["items"]))),
            preserve: flag(&value["x-kubernetes-preserve-unknown-fields"]),
            embedded: flag(&value["x-kubernetes-embedded-resource"]),
            int_or_string: flag(&value["x-kubernetes-int-or-string"]),
            list_type: value["x-kubernetes-list-type"].as_str().map(str::to_owned),
            list_map_keys: texts(&value["x-kubernetes-list-map-keys"]),
            format: text(&value["format"]),
            pattern: Regex::new(&pattern).ok().filter(|_| !pattern.is_empty()).map(|regex| (pattern, regex)),
            values: value["enum"].as_array().cloned(),
            required: texts(&value["required"]),
            bounds: BOUNDS.into_iter().filter_map(|name| Some((name, value[name].as_f64()?))).collect(),
            exclusive_minimum: flag(&value["exclusiveMinimum"]),
            exclusive_maximum: flag(&value["exclusiveMaximum"]),
            all_of: schemas(&value["allOf"]),
            any_of: schemas(&value["anyOf"]),
            one_of: schemas(&value["oneOf"]),
            not: value["not"].is_object().then(|| Box::new(Self::read(&value["not"]))),
        }
    }

    /// The schema of a field.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }

    /// Which fields of `object` are other than the schema knows them.
    pub fn knows(&self, name: &str) -> bool {
        self.preserve || self.field(name).is_some()
    }
}

/// An object's fields, in the order of their names.
pub(super) fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    fields
}
