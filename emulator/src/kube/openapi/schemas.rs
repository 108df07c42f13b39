//! Schemas of the types of a document: of built-in kinds out of the table of types, of custom resources out of their definitions.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::docs;
use crate::kube::kinds::{self, Kind};
use crate::kube::types::{self, Field, Shape, Topology, Type};

/// Types that stand in apimachinery's package of metadata.
const META: [&str; 18] = [
    "APIResource",
    "Condition",
    "DeleteOptions",
    "FieldSelectorRequirement",
    "FieldsV1",
    "LabelSelector",
    "LabelSelectorRequirement",
    "ListMeta",
    "ManagedFieldsEntry",
    "MicroTime",
    "ObjectMeta",
    "OwnerReference",
    "Preconditions",
    "Status",
    "StatusCause",
    "StatusDetails",
    "Time",
    "TypeMeta",
];

/// The types that kinds of the core are made of: other groups' documents name them as the core's.
static CORE: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let mut known = HashSet::new();
    let mut open: Vec<&str> = kinds::all().iter().filter(|kind| kind.group.is_empty()).map(type_name).collect();
    while let Some(name) = open.pop() {
        if let Some(of) = types::by_name(name)
            && known.insert(of.name.as_str())
        {
            open.extend(of.in_json.iter().filter_map(|field| message(&field.shape)));
        }
    }
    known
});

fn type_name(kind: &'static Kind) -> &'static str {
    kind.type_name()
}

fn message(shape: &'static Shape) -> Option<&'static str> {
    match shape {
        Shape::Message(name) => Some(name),
        Shape::List(inner) | Shape::Map(inner) => message(inner),
        _ => None,
    }
}

/// `a.b.c` the other way round.
fn reversed(group: &str) -> String {
    group.split('.').rev().collect::<Vec<_>>().join(".")
}

/// The schemas of a document while it is written.
pub(super) struct Schemas {
    package: String,
    done: BTreeSet<String>,
    out: Map<String, Value>,
    open: Vec<&'static Type>,
}

impl Schemas {
    /// None yet, for the document of a group and version.
    pub(super) fn of(group: &str, version: &str) -> Self {
        let group = if group.is_empty() { "core" } else { group };
        let package = match group {
            "apiextensions.k8s.io" => format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}"),
            "apiregistration.k8s.io" => format!("io.k8s.kube-aggregator.pkg.apis.apiregistration.{version}"),
            _ => format!("io.k8s.api.{}.{version}", group.split('.').next().unwrap_or(group)),
        };
        Self { package, done: BTreeSet::new(), out: Map::new(), open: Vec::new() }
    }

    /// Adds the schema of a kind, and of its list; its name.
    pub(super) fn kind(&mut self, kind: &'static Kind) -> String {
        let (name, list) = match &kind.custom {
            Some(_) => {
                let prefix = format!("{}.{}", reversed(&kind.group), kind.version);
                (format!("{prefix}.{}", kind.kind), format!("{prefix}.{}", kind.list_kind()))
            }
            None => {
                let name = self.component(kind.type_name());
                (name.clone(), format!("{name}List"))
            }
        };
        let schema = match (&kind.custom, types::by_name(kind.type_name())) {
            (Some(version), _) => self.custom(&version.schema.document),
            (None, Some(known)) => self.object(known, Some(&kind.kind)),
            (None, None) => json!({"type": "object"}),
        };
        self.add(name.clone(), schema, Some((kind, &kind.kind)));
        if kind.has_verb("list") {
            let items = json!({"type": "array", "description": "The objects.", "items": reference(&name)});
            let mut schema =
                json!({"type": "object", "required": ["items"], "description": format!("A list of {} objects.", kind.kind)});
            schema["properties"] = json!({
                "apiVersion": docs::field("", "apiVersion", &Shape::String),
                "kind": docs::field("", "kind", &Shape::String),
                "metadata": {"type": "object", "description": "What is said of the list as a whole: its version, and where it goes on."},
                "items": items,
            });
            for field in ["apiVersion", "kind"] {
                schema["properties"][field] = json!({"type": "string", "description": schema["properties"][field]});
            }
            self.add(list, schema, Some((kind, &kind.list_kind())));
        }
        name
    }

    fn add(&mut self, name: String, mut schema: Value, kind: Option<(&Kind, &str)>) {
        if let Some((of, kind)) = kind {
            let gvk = json!({"group": of.group, "version": of.version, "kind": kind});
            schema["x-kubernetes-group-version-kind"] = json!([gvk]);
        }
        self.done.insert(name.clone());
        self.out.insert(name, schema);
    }

    /// All of them, with those that they name.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        while let Some(next) = self.open.pop() {
            let name = self.component(&next.name);
            let schema = self.object(next, None);
            self.out.insert(name, schema);
        }
        self.out.sort_keys();
        self.out
    }

    /// The name of a type in the document.
    fn component(&self, type_name: &str) -> String {
        if let Some((package, name)) = type_name.rsplit_once('.') {
            return match package.split_once('/') {
                Some(("apiextensions", _)) => format!("{}.{name}", self.package),
                Some(("apiregistration", _)) => format!("{}.{name}", self.package),
                Some((group, version)) => format!("io.k8s.api.{group}.{version}.{name}"),
                None => format!("{}.{name}", self.package),
            };
        }
        if META.contains(&type_name) {
            format!("io.k8s.apimachinery.pkg.apis.meta.v1.{type_name}")
        } else if CORE.contains(type_name) {
            format!("io.k8s.api.core.v1.{type_name}")
        } else {
            format!("{}.{type_name}", self.package)
        }
    }

    fn object(&mut self, known: &'static Type, kind: Option<&str>) -> Value {
        let mut properties = Map::new();
        if kind.is_some() {
            for name in ["apiVersion", "kind"] {
                let description = docs::field("", name, &Shape::String);
                properties.insert(name.into(), json!({"type": "string", "description": description}));
            }
        }
        for field in &known.in_json {
            properties.insert(field.name.clone(), self.field(known, field));
        }
        properties.sort_keys();
        let mut schema = json!({"type": "object", "description": docs::type_of(kind.unwrap_or(&known.name))});
        let required: Vec<&str> =
            known.in_json.iter().filter(|field| is_required(field)).map(|field| field.name.as_str()).collect();
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema["properties"] = Value::Object(properties);
        schema
    }

    fn field(&mut self, of: &Type, field: &'static Field) -> Value {
        let mut schema = match self.shape(&field.shape) {
            Value::Object(reference) if reference.contains_key("$ref") => {
                let mut schema = json!({ "allOf": [reference] });
                if !field.pointer && matches!(field.shape, Shape::Message(_)) {
                    schema["default"] = json!({});
                }
                schema
            }
            other => other,
        };
        schema["description"] = docs::field(&of.name, &field.name, &field.shape).into();
        if is_required(field) && field.shape == Shape::String {
            schema["default"] = "".into();
        }
        let mut strategies = Vec::new();
        if field.merge_key.is_some() || field.set {
            strategies.push("merge");
        }
        if field.retain {
            strategies.push("retainKeys");
        }
        if !strategies.is_empty() {
            schema["x-kubernetes-patch-strategy"] = strategies.join(",").into();
        }
        match (&field.shape, &field.topology) {
            (Shape::List(_), Topology::Atomic) => schema["x-kubernetes-list-type"] = "atomic".into(),
            (Shape::List(_), Topology::Set) => schema["x-kubernetes-list-type"] = "set".into(),
            (Shape::List(_), Topology::Map(keys)) => {
                schema["x-kubernetes-list-type"] = "map".into();
                schema["x-kubernetes-list-map-keys"] = keys.clone().into();
            }
            (_, Topology::Atomic) => schema["x-kubernetes-map-type"] = "atomic".into(),
            _ => {}
        }
        if let Some(key) = &field.merge_key {
            schema["x-kubernetes-patch-merge-key"] = key.as_str().into();
        }
        schema
    }

    fn shape(&mut self, shape: &'static Shape) -> Value {
        let apart = |schemas: &mut Self, name: &str, schema: Value| {
            if schemas.done.insert(name.to_owned()) {
                schemas.out.insert(name.to_owned(), schema);
            }
            reference(name)
        };
        match shape {
            Shape::String => json!({"type": "string"}),
            Shape::Int32 => json!({"type": "integer", "format": "int32"}),
            Shape::Int64 => json!({"type": "integer", "format": "int64"}),
            Shape::Number => json!({"type": "number", "format": "double"}),
            Shape::Bool => json!({"type": "boolean"}),
            Shape::Bytes => json!({"type": "string", "format": "byte"}),
            Shape::Raw => json!({"type": "object"}),
            Shape::Time | Shape::MicroTime => {
                let name = if *shape == Shape::Time { "Time" } else { "MicroTime" };
                let schema = json!({"type": "string", "format": "date-time", "description": docs::type_of(name)});
                apart(self, &format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}"), schema)
            }
            Shape::Quantity => {
                let schema = json!({"oneOf": [{"type": "string"}, {"type": "number"}], "description": docs::type_of("Quantity")});
                apart(self, "io.k8s.apimachinery.pkg.api.resource.Quantity", schema)
            }
            Shape::IntOrString => {
                let schema = json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string",
                    "description": docs::type_of("IntOrString")});
                apart(self, "io.k8s.apimachinery.pkg.util.intstr.IntOrString", schema)
            }
            Shape::List(inner) => json!({"type": "array", "items": self.inner(inner)}),
            Shape::Map(inner) => json!({"type": "object", "additionalProperties": self.inner(inner)}),
            Shape::Message(name) => {
                let component = self.component(name);
                if self.done.insert(component.clone()) {
                    match types::by_name(name) {
                        Some(known) => self.open.push(known),
                        None => {
                            self.out.insert(component.clone(), json!({"type": "object", "description": docs::type_of(name)}));
                        }
                    }
                }
                reference(&component)
            }
        }
    }

    fn inner(&mut self, shape: &'static Shape) -> Value {
        match (shape, self.shape(shape)) {
            (Shape::Message(_), reference) => json!({"allOf": [reference], "default": {}}),
            (_, schema) => schema,
        }
    }

    /// A custom resource's own schema, with what every object has.
    fn custom(&mut self, document: &Value) -> Value {
        let mut schema = if document.is_object() { document.clone() } else { json!({"type": "object"}) };
        self.every_object(&mut schema);
        schema
    }

    /// The fields that every object has, in place of what the schema says of them; so also in objects inside of it.
    fn every_object(&mut self, schema: &mut Value) {
        let meta = if let Some(meta) = types::by_name("ObjectMeta") {
            let name = self.component("ObjectMeta");
            if self.done.insert(name.clone()) {
                self.open.push(meta);
            }
            name
        } else {
            return;
        };
        for name in ["apiVersion", "kind"] {
            schema["properties"][name] = json!({"type": "string", "description": docs::field("", name, &Shape::String)});
        }
        let description = docs::field("", "metadata", &Shape::Message("ObjectMeta".into()));
        schema["properties"]["metadata"] = json!({"allOf": [reference(&meta)], "description": description});
        if let Value::Object(properties) = &mut schema["properties"] {
            properties.sort_keys();
        }
    }
}

/// Whether a value must be there. Whole objects need not: an empty one is nothing.
fn is_required(field: &Field) -> bool {
    field.always && !field.pointer
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
