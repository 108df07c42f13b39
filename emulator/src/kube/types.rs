//! The types of the objects' fields, out of `fixtures/kubernetes/types.json`: one table for the order of fields, the reading of
//! JSON (`conform`), of protobuf (`protobuf.rs`) and strategic merge patches (`patch.rs`).
//!
//! A field is written as `NUMBER SHAPE [FLAG…]`: its protobuf number; its shape, where `*` is Go's pointer (a zero is told from
//! nothing), `[]` a list, `{}` a map from strings; and `inline` (its fields stand in the object around it), `always` (written
//! even when empty), `key=NAME` (a list merged by this field), `set` (a list of scalars merged as a set), `retain` (a patch
//! names the keys that stay). For server-side apply: `map=NAME,…` (a list of objects told apart by these fields; `key=` alone means the
//! same), `unique` (a list that is a set, where `set` does not say so), `atomic` (owned as a whole, where nothing else is said of a
//! list: objects and maps are owned field by field) and `default=` (the value of a field that is left out).

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::kinds::{self, Kind};

/// The table as it is written.
pub const SOURCE: &str = include_str!("../../../fixtures/kubernetes/types.json");
/// Deeper objects are refused.
const MAX_DEPTH: usize = 64;

static TABLE: LazyLock<HashMap<String, Type>> = LazyLock::new(|| {
    let rows: Map<String, Value> =
        serde_json::from_str(SOURCE).expect("fixtures/kubernetes/types.json holds types: a test reads it");
    let own: HashMap<String, Vec<Field>> = rows
        .iter()
        .map(|(name, fields)| (name.clone(), fields.as_object().into_iter().flatten().map(read_field).collect()))
        .collect();
    own.iter()
        .map(|(name, fields)| {
            (name.clone(), Type { name: name.clone(), fields: fields.clone(), in_json: flattened(&own, fields) })
        })
        .collect()
});

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Text.
    String,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// Any number.
    Number,
    /// True or false.
    Bool,
    /// Bytes, in base64.
    Bytes,
    /// A time with whole seconds.
    Time,
    /// A time with microseconds.
    MicroTime,
    /// An amount, `250m`.
    Quantity,
    /// A number or text.
    IntOrString,
    /// Any JSON.
    Raw,
    /// An object of a type of the table.
    Message(String),
    /// A list.
    List(Box<Shape>),
    /// A map from strings.
    Map(Box<Shape>),
}

/// A field of a type.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in JSON.
    pub name: String,
    /// Its number in protobuf.
    pub number: u32,
    /// What it holds.
    pub shape: Shape,
    /// Whether zero differs from nothing.
    pub pointer: bool,
    /// Whether its fields stand in the object around it.
    pub inline: bool,
    /// Whether it is written even when empty.
    pub always: bool,
    /// By what a list is merged.
    pub merge_key: Option<String>,
    /// Whether a list is merged as a set.
    pub set: bool,
    /// Whether a patch names the keys that stay.
    pub retain: bool,
    /// How server-side apply owns it.
    pub topology: Topology,
    /// The value of a scalar that is left out.
    pub default: Option<String>,
}

/// How server-side apply owns and merges a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Field by field.
    Granular,
    /// As a whole.
    Atomic,
    /// A list of scalars, each owned by itself.
    Set,
    /// A list of objects that these fields tell apart.
    Map(Vec<String>),
}

/// A type.
#[derive(Debug)]
pub struct Type {
    /// Its name in Go.
    pub name: String,
    /// Its own fields.
    pub fields: Vec<Field>,
    /// The fields of its JSON: those of inlined types in their place.
    pub in_json: Vec<Field>,
}

impl Type {
    /// A field by its name in JSON.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.in_json.iter().find(|field| field.name == name)
    }
}

fn read_field((name, text): (&String, &Value)) -> Field {
    let mut words = text.as_str().unwrap_or("").split(' ');
    let number = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let shape = words.next().unwrap_or("string");
    let flags: Vec<&str> = words.collect();
    let valued = |prefix: &str| flags.iter().find_map(|flag| flag.strip_prefix(prefix)).map(str::to_owned);
    let merge_key = valued("key=");
    let is_list = shape.trim_start_matches('*').starts_with("[]");
    let topology = match valued("map=").or_else(|| merge_key.clone()) {
        _ if flags.contains(&"atomic") => Topology::Atomic,
        Some(keys) => Topology::Map(keys.split(',').map(str::to_owned).collect()),
        None if flags.contains(&"set") || flags.contains(&"unique") => Topology::Set,
        None if is_list => Topology::Atomic,
        None => Topology::Granular,
    };
    Field {
        name: name.clone(),
        number,
        shape: read_shape(shape),
        topology,
        default: valued("default="),
        pointer: shape.starts_with('*'),
        inline: flags.contains(&"inline"),
        always: flags.contains(&"always"),
        merge_key,
        set: flags.contains(&"set"),
        retain: flags.contains(&"retain"),
    }
}

fn read_shape(text: &str) -> Shape {
    if let Some(rest) = text.strip_prefix('*') {
        return read_shape(rest);
    }
    if let Some(rest) = text.strip_prefix("[]") {
        return Shape::List(Box::new(read_shape(rest)));
    }
    if let Some(rest) = text.strip_prefix("{}") {
        return Shape::Map(Box::new(read_shape(rest)));
    }
    match text {
        "string" => Shape::String,
        "int32" => Shape::Int32,
        "int64" => Shape::Int64,
        "float64" => Shape::Number,
        "bool" => Shape::Bool,
        "bytes" => Shape::Bytes,
        "time" => Shape::Time,
        "microtime" => Shape::MicroTime,
        "quantity" => Shape::Quantity,
        "intorstring" => Shape::IntOrString,
        "raw" => Shape::Raw,
        message => Shape::Message(message.to_owned()),
    }
}

fn flattened(own: &HashMap<String, Vec<Field>>, fields: &[Field]) -> Vec<Field> {
    let mut out = Vec::new();
    for field in fields {
        match &field.shape {
            Shape::Message(name) if field.inline => out.extend(flattened(own, own.get(name).map_or(&[], Vec::as_slice))),
            _ => out.push(field.clone()),
        }
    }
    out
}

/// A type by its name.
pub fn by_name(name: &str) -> Option<&'static Type> {
    TABLE.get(name)
}

/// Puts fields into the order in which the API server writes them, and maps into that of their keys.
pub fn order(kind: &Kind, object: &mut Value) {
    order_as(&Shape::Message(kind.type_name().to_owned()), object);
}

fn order_as(shape: &Shape, value: &mut Value) {
    match (shape, value) {
        (Shape::Message(name), Value::Object(fields)) => {
            let Some(known) = by_name(name) else { return };
            let mut ordered = Map::with_capacity(fields.len());
            for field in &known.in_json {
                if let Some(mut value) = fields.shift_remove(&field.name) {
                    order_as(&field.shape, &mut value);
                    ordered.insert(field.name.clone(), value);
                }
            }
            ordered.append(fields);
            for name in ["apiVersion", "kind"].into_iter().filter(|name| known.field(name).is_none()) {
                if let Some(value) = ordered.shift_remove(name) {
                    ordered.shift_insert(0, name.into(), value);
                }
            }
            *fields = ordered;
        }
        (Shape::List(inner), Value::Array(items)) => items.iter_mut().for_each(|item| order_as(inner, item)),
        (Shape::Map(_), Value::Object(fields)) => fields.sort_keys(),
        _ => {}
    }
}

/// What reading an object found besides the object.
#[derive(Debug, Default)]
pub struct Findings {
    /// `unknown field "spec.x"` and the like.
    pub warnings: Vec<String>,
}

/// Reads JSON as an object of a type, as Go's decoder does: nothing (null, and empty values that are not written) is left out,
/// unknown fields too. The error is that of `encoding/json`.
pub fn conform(type_name: &str, value: Value, findings: &mut Findings) -> Result<Value, String> {
    let at = Place { go: type_name.to_owned(), dotted: String::new(), path: String::new(), depth: 0 };
    let keep: Vec<(String, Value)> = ["kind", "apiVersion"]
        .iter()
        .filter_map(|name| value.get(*name).map(|value| ((*name).to_owned(), value.clone())))
        .collect();
    let mut out = Map::new();
    out.extend(keep);
    if let Some(Value::Object(fields)) = read(&Shape::Message(type_name.to_owned()), value, &at, findings)? {
        out.extend(fields);
    }
    Ok(Value::Object(out))
}

/// As [`conform`], for a part of an object that stands at `path`.
pub fn conform_part(type_name: &str, path: &str, value: Value, findings: &mut Findings) -> Result<Value, String> {
    let at = Place { go: type_name.to_owned(), dotted: path.to_owned(), path: path.to_owned(), depth: 1 };
    Ok(read(&Shape::Message(type_name.to_owned()), value, &at, findings)?.unwrap_or_else(|| Value::Object(Map::new())))
}

/// Where a value stands.
struct Place {
    /// The Go type around it.
    go: String,
    /// The path as Go's decoder names it, without indices.
    dotted: String,
    /// The path as strict decoding names it, with indices.
    path: String,
    depth: usize,
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn go_type(shape: &Shape) -> String {
    match shape {
        Shape::String => "string".into(),
        Shape::Int32 => "int32".into(),
        Shape::Int64 => "int64".into(),
        Shape::Number => "float64".into(),
        Shape::Bool => "bool".into(),
        Shape::Bytes => "[]uint8".into(),
        Shape::Time => "v1.Time".into(),
        Shape::MicroTime => "v1.MicroTime".into(),
        Shape::Quantity => "resource.Quantity".into(),
        Shape::IntOrString => "intstr.IntOrString".into(),
        Shape::Raw => "runtime.RawExtension".into(),
        Shape::Message(name) => {
            let name = name.rsplit('/').next().unwrap_or(name);
            if name.contains('.') { name.to_owned() } else { format!("v1.{name}") }
        }
        Shape::List(inner) => format!("[]{}", go_type(inner)),
        Shape::Map(inner) => format!("map[string]{}", go_type(inner)),
    }
}

fn mismatch(shape: &Shape, value: &Value, at: &Place) -> String {
    let what = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".into(),
        Value::Number(number) if matches!(shape, Shape::Int32 | Shape::Int64) => format!("number {number}"),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(_) => "array".into(),
        Value::Object(_) => "object".into(),
    };
    if at.dotted.is_empty() {
        return format!("json: cannot unmarshal {what} into Go value of type {}", go_type(shape));
    }
    format!("json: cannot unmarshal {what} into Go struct field {}.{} of type {}", at.go, at.dotted, go_type(shape))
}

fn read(shape: &Shape, value: Value, at: &Place, findings: &mut Findings) -> Result<Option<Value>, String> {
    if at.depth > MAX_DEPTH {
        return Err("json: exceeded max depth".into());
    }
    match (shape, value) {
        (_, Value::Null) => Ok(None),
        (Shape::Raw, value) => Ok(Some(value)),
        (Shape::String | Shape::Time | Shape::MicroTime, Value::String(text)) => Ok(Some(text.into())),
        (Shape::Bytes, Value::String(text)) => match STANDARD.decode(&text) {
            Ok(_) => Ok(Some(text.into())),
            Err(_) => Err(format!("illegal base64 data at input byte {}", first_not_base64(&text))),
        },
        (Shape::Number, Value::Number(number)) => Ok(Some(Value::Number(number))),
        (Shape::Bool, Value::Bool(truth)) => Ok(Some(truth.into())),
        (Shape::Int32, Value::Number(number)) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => {
            Ok(Some(Value::Number(number)))
        }
        (Shape::Int64, Value::Number(number)) if number.is_i64() => Ok(Some(Value::Number(number))),
        (Shape::IntOrString, Value::Number(number)) if number.is_i64() => Ok(Some(Value::Number(number))),
        (Shape::IntOrString, Value::String(text)) => Ok(Some(text.into())),
        (Shape::Quantity, value @ (Value::Number(_) | Value::String(_))) => read_quantity(&value).map(Some),
        (Shape::List(inner), Value::Array(items)) => read_list(inner, items, at, findings).map(Some),
        (Shape::Map(inner), Value::Object(fields)) => read_map(inner, fields, at, findings).map(Some),
        (Shape::Message(name), Value::Object(fields)) => read_message(name, fields, at, findings).map(Some),
        (shape, value) => Err(mismatch(shape, &value, at)),
    }
}

fn first_not_base64(text: &str) -> usize {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    text.bytes().position(|byte| !ok(byte)).unwrap_or(text.len())
}

fn read_quantity(value: &Value) -> Result<Value, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let digits = text.trim_start_matches(['+', '-']);
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let suffix = &digits[end..];
    let known = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|rest| rest.parse::<i32>().is_ok());
    if end == 0 || digits[..end].matches('.').count() > 1 {
        return Err("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".into());
    }
    if !known.contains(&suffix) && !exponent {
        return Err("unable to parse quantity's suffix".into());
    }
    Ok(text.into())
}

fn read_list(inner: &Shape, items: Vec<Value>, at: &Place, findings: &mut Findings) -> Result<Value, String> {
    let mut out = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let at =
            Place { go: at.go.clone(), dotted: at.dotted.clone(), path: format!("{}[{index}]", at.path), depth: at.depth + 1 };
        let empty = if matches!(inner, Shape::Message(_)) { Value::Object(Map::new()) } else { Value::String(String::new()) };
        out.push(read(inner, item, &at, findings)?.unwrap_or(empty));
    }
    Ok(out.into())
}

fn read_map(inner: &Shape, fields: Map<String, Value>, at: &Place, findings: &mut Findings) -> Result<Value, String> {
    let mut out = Map::new();
    for (key, value) in fields {
        let at = Place { go: at.go.clone(), dotted: at.dotted.clone(), path: format!("{}.{key}", at.path), depth: at.depth + 1 };
        let value = read(inner, value, &at, findings)?.unwrap_or_else(|| Value::String(String::new()));
        out.insert(key, value);
    }
    out.sort_keys();
    Ok(out.into())
}

fn read_message(name: &str, mut fields: Map<String, Value>, at: &Place, findings: &mut Findings) -> Result<Value, String> {
    let Some(known) = by_name(name) else { return Ok(Value::Object(fields)) };
    let mut out = Map::with_capacity(fields.len());
    for field in &known.in_json {
        let Some(value) = fields.shift_remove(&field.name) else { continue };
        let at = Place {
            go: known.name.rsplit('.').next().unwrap_or(&known.name).to_owned(),
            dotted: joined(&at.dotted, &field.name),
            path: joined(&at.path, &field.name),
            depth: at.depth + 1,
        };
        if let Some(value) = read(&field.shape, value, &at, findings)?
            && !(leaves_out(field) && is_empty(&value))
        {
            out.insert(field.name.clone(), value);
        }
    }
    let typed = at.depth > 0 && kinds::all().iter().any(|kind| kind.type_name() == known.name);
    for (place, name) in ["kind", "apiVersion"].into_iter().enumerate().filter(|_| typed) {
        if let Some(Value::String(text)) = fields.shift_remove(name) {
            out.shift_insert(place.min(out.len()), name.into(), text.into());
        }
    }
    for unknown in fields.keys() {
        if at.depth > 0 || (unknown != "kind" && unknown != "apiVersion") {
            findings.warnings.push(format!("unknown field \"{}\"", joined(&at.path, unknown)));
        }
    }
    Ok(Value::Object(out))
}

/// Whether Go's encoder leaves the field out when it is empty.
pub(super) fn leaves_out(field: &Field) -> bool {
    !field.pointer && !field.always && !matches!(field.shape, Shape::Message(_))
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kube::kinds;

    #[test]
    fn every_kind_and_every_message_has_a_type() {
        for kind in kinds::all() {
            assert!(by_name(kind.type_name()).is_some(), "{} has no type", kind.kind);
        }
        let ports = by_name("Container").and_then(|container| container.field("ports")).unwrap();
        assert_eq!(ports.topology, Topology::Map(vec!["containerPort".into(), "protocol".into()]));
        assert_eq!(by_name("PodSpec").and_then(|spec| spec.field("tolerations")).unwrap().topology, Topology::Atomic);
        fn message(shape: &Shape) -> Option<&str> {
            match shape {
                Shape::Message(name) => Some(name),
                Shape::List(inner) | Shape::Map(inner) => message(inner),
                _ => None,
            }
        }
        for known in TABLE.values() {
            for name in known.fields.iter().filter_map(|field| message(&field.shape)) {
                assert!(by_name(name).is_some(), "{} names {name}, which is no type", known.name);
            }
        }
    }

    #[test]
    fn reading_finds_unknown_fields_and_leaves_out_nothing_else() {
        let mut findings = Findings::default();
        let pod = json!({"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"imagee": "x", "name": "a", "stdin": false}],
            "automountServiceAccountToken": false, "nodeName": null}, "metadata": {"creationTimestamp": null}});
        let read = conform("Pod", pod, &mut findings).unwrap();
        assert_eq!(findings.warnings, ["unknown field \"spec.containers[0].imagee\""]);
        assert_eq!(
            read.to_string(),
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{},"spec":{"containers":[{"name":"a"}],"automountServiceAccountToken":false}}"#
        );
    }

    #[test]
    fn a_wrong_type_is_told_as_go_tells_it() {
        let read = |kind, value| conform(kind, value, &mut Findings::default()).unwrap_err();
        assert_eq!(
            read("ConfigMap", json!({"data": []})),
            "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"
        );
        assert_eq!(
            read("Deployment", json!({"spec": {"replicas": "two"}})),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        );
    }
}
