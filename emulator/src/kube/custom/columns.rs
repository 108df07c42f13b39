//! Tables of custom resources (`apiextensions-apiserver/pkg/registry/customresource/tableconvertor`): the name, then the columns that
//! the definition gives, or the age.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Column;
use crate::kube::kubectl::jsonpath;
use crate::kube::table::age;

/// The description that each standard column has in the API server's tables, in words of our own.
const NAME: &str = "The name, unique among the objects of this kind in its namespace.";
const CREATED: &str = "When the server made the object, in the terms of the server's clock.";

/// The definitions of the columns.
pub fn column_definitions(columns: &[Column]) -> Value {
    let mut out = vec![json!({"name": "Name", "type": "string", "format": "name", "description": NAME, "priority": 0})];
    for column in columns {
        let description = if column.description.is_empty() {
            format!("Custom resource definition column (in JSONPath format): {}", column.path)
        } else {
            column.description.clone()
        };
        out.push(json!({"name": column.name, "type": column.type_name, "format": column.format, "description": description,
            "priority": column.priority}));
    }
    if columns.is_empty() {
        out.push(json!({"name": "Age", "type": "date", "format": "", "description": CREATED, "priority": 0}));
    }
    out.into()
}

/// The cells of one object.
pub fn cells(columns: &[Column], object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![object["metadata"]["name"].clone()];
    if columns.is_empty() {
        cells.push(age(&object["metadata"]["creationTimestamp"], now).into());
    }
    cells.extend(columns.iter().map(|column| cell(column, object, now)));
    cells
}

fn cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    let Ok(found) = jsonpath::find(&column.path, object) else { return Value::Null };
    let Some(first) = found.first() else { return Value::Null };
    match (column.type_name.as_str(), first) {
        ("integer", value @ Value::Number(_)) if value.is_i64() || value.is_u64() => (*value).clone(),
        ("integer", Value::Number(number)) => {
            number.as_f64().map_or(Value::Null, |number| json!(format!("{number:.0}").parse::<i64>().ok()))
        }
        ("number", value @ Value::Number(_)) | ("boolean", value @ Value::Bool(_)) => (*value).clone(),
        ("date", Value::String(text)) => age(&text.as_str().into(), now).into(),
        ("string", _) => jsonpath::render(&format!("{{{}}}", column.path), object).map_or(Value::Null, Value::from),
        _ => Value::Null,
    }
}
