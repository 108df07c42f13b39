//! Whether a value is as its schema says, in the words of kube-openapi's validators and with the kinds of faults that
//! `apiextensions-apiserver/pkg/apiserver/validation` makes of them. Which alternative of `oneOf` and `anyOf` is told as the
//! nearest is inferred: the one with the fewest faults.

use jiff::Timestamp;
use serde_json::Value;

use super::schema::{Schema, sorted};
use crate::kube::error::Cause;

/// Deeper values are not looked into; requests cannot be so deep.
const DEEPEST: usize = 128;

/// What is wrong with a value at a path.
pub fn faults(schema: &Schema, value: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    judge(schema, value, path, 0, &mut causes);
    causes
}

fn judge(schema: &Schema, value: &Value, path: &str, depth: usize, causes: &mut Vec<Cause>) {
    if depth > DEEPEST || (value.is_null() && schema.nullable) {
        return;
    }
    if !fits_type(schema, value) {
        let wanted = if schema.int_or_string { "integer,string" } else { &schema.type_name };
        causes.push(wrong_type(path, wanted, type_of(value)));
        return;
    }
    alternatives(schema, value, path, depth, causes);
    if let Some(values) = schema.values.as_ref().filter(|values| !values.contains(value)) {
        let supported: Vec<String> = values.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
        let supported: Vec<&str> = supported.iter().map(String::as_str).collect();
        causes.push(Cause::not_supported(path, value, &supported));
    }
    match value {
        Value::String(text) => string(schema, text, path, causes),
        Value::Number(_) => number(schema, value, path, causes),
        Value::Array(items) => array(schema, items, path, depth, causes),
        Value::Object(_) => object(schema, value, path, depth, causes),
        _ => {}
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if is_whole(number) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_whole(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn fits_type(schema: &Schema, value: &Value) -> bool {
    let found = type_of(value);
    if schema.int_or_string {
        return matches!(found, "integer" | "string");
    }
    match schema.type_name.as_str() {
        "" => true,
        "number" => matches!(found, "integer" | "number"),
        wanted => wanted == found,
    }
}

fn wrong_type(path: &str, wanted: &str, found: &str) -> Cause {
    let message = format!("Invalid value: \"{found}\": {} must be of type {wanted}: \"{found}\"", in_body(path));
    Cause { field: or_nil(path), reason: "FieldValueTypeInvalid", message }
}

fn in_body(path: &str) -> String {
    if path.is_empty() { "in body".into() } else { format!("{path} in body") }
}

fn or_nil(path: &str) -> String {
    if path.is_empty() { "<nil>".into() } else { path.into() }
}

fn invalid(path: &str, value: &Value, what: &str) -> Cause {
    Cause::invalid(or_nil(path), value, &format!("{} {what}", in_body(path)))
}

fn alternatives(schema: &Schema, value: &Value, path: &str, depth: usize, causes: &mut Vec<Cause>) {
    let told = |what: String| Cause::invalid("<nil>", &"".into(), &format!("\"{path}\" {what}"));
    let outcomes = |schemas: &[Schema]| -> Vec<Vec<Cause>> {
        schemas
            .iter()
            .map(|schema| {
                let mut found = Vec::new();
                judge(schema, value, path, depth + 1, &mut found);
                found
            })
            .collect()
    };
    let nearest = |outcomes: Vec<Vec<Cause>>| outcomes.into_iter().min_by_key(Vec::len).unwrap_or_default();
    let any = outcomes(&schema.any_of);
    if !any.is_empty() && any.iter().all(|found| !found.is_empty()) {
        causes.push(told("must validate at least one schema (anyOf)".into()));
        causes.extend(nearest(any));
    }
    let one = outcomes(&schema.one_of);
    let holding = one.iter().filter(|found| found.is_empty()).count();
    if !one.is_empty() && holding == 0 {
        causes.push(told("must validate one and only one schema (oneOf). Found none valid".into()));
        causes.extend(nearest(one));
    } else if holding > 1 {
        causes.push(told(format!("must validate one and only one schema (oneOf). Found {holding} valid alternatives")));
    }
    let all = outcomes(&schema.all_of);
    let failed = all.iter().filter(|found| !found.is_empty()).count();
    if failed > 0 {
        let none = if failed == all.len() { ". None validated" } else { "" };
        causes.extend(all.into_iter().flatten());
        causes.push(told(format!("must validate all the schemas (allOf){none}")));
    }
    if schema.not.as_deref().is_some_and(|not| outcomes(std::slice::from_ref(not)).iter().all(Vec::is_empty)) {
        causes.push(told("must not validate the schema (not)".into()));
    }
}

fn bound(schema: &Schema, name: &str) -> Option<f64> {
    schema.bounds.get(name).copied()
}

fn count_bound(schema: &Schema, name: &str) -> Option<usize> {
    bound(schema, name).and_then(|number| format!("{number:.0}").parse().ok())
}

fn string(schema: &Schema, text: &str, path: &str, causes: &mut Vec<Cause>) {
    let (length, value) = (text.chars().count(), Value::from(text));
    if let Some(max) = count_bound(schema, "maxLength").filter(|max| length > *max) {
        let message = format!("Too long: may not be more than {max} bytes");
        causes.push(Cause { field: or_nil(path), reason: "FieldValueTooLong", message });
    }
    if let Some(min) = count_bound(schema, "minLength").filter(|min| length < *min) {
        causes.push(invalid(path, &value, &format!("should be at least {min} chars long")));
    }
    if let Some((words, _)) = schema.pattern.as_ref().filter(|(_, pattern)| !pattern.is_match(text)) {
        causes.push(invalid(path, &value, &format!("should match '{words}'")));
    }
    if !is_format(&schema.format, text) {
        let quoted = Value::from(text);
        let message = format!("Invalid value: {quoted}: {} must be of type {}: {quoted}", in_body(path), schema.format);
        causes.push(Cause { field: or_nil(path), reason: "FieldValueTypeInvalid", message });
    }
}

/// Whether a text has a format; formats that are not known say nothing.
fn is_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => text.parse::<Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
        "uuid" => uuid::Uuid::try_parse(text).is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "ip" => text.parse::<std::net::IpAddr>().is_ok(),
        "cidr" => text.split_once('/').is_some_and(|(address, bits)| {
            let most = address.parse::<std::net::IpAddr>().map(|address| if address.is_ipv4() { 32 } else { 128 });
            most.is_ok_and(|most| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
        }),
        "byte" => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).is_ok(),
        _ => true,
    }
}

fn number(schema: &Schema, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let number = value.as_f64().unwrap_or(0.0);
    let range = match schema.format.as_str() {
        "int32" => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
        _ => None,
    };
    if range.is_some_and(|(least, most)| number < least || number > most) {
        let what = format!("Checked value must be of type integer with format {} in body", schema.format);
        causes.push(Cause::invalid(or_nil(path), value, &what));
    }
    if let Some(max) = bound(schema, "maximum") {
        if schema.exclusive_maximum && number >= max {
            causes.push(invalid(path, value, &format!("should be less than {max}")));
        } else if number > max {
            causes.push(invalid(path, value, &format!("should be less than or equal to {max}")));
        }
    }
    if let Some(min) = bound(schema, "minimum") {
        if schema.exclusive_minimum && number <= min {
            causes.push(invalid(path, value, &format!("should be greater than {min}")));
        } else if number < min {
            causes.push(invalid(path, value, &format!("should be greater than or equal to {min}")));
        }
    }
    if let Some(factor) = bound(schema, "multipleOf").filter(|factor| *factor > 0.0 && (number / factor).fract() != 0.0) {
        causes.push(invalid(path, value, &format!("should be a multiple of {factor}")));
    }
}

fn too_many(path: &str, count: usize, most: usize) -> Cause {
    let message = format!("Too many: {count}: must have at most {most} items");
    Cause { field: or_nil(path), reason: "FieldValueTooMany", message }
}

fn array(schema: &Schema, items: &[Value], path: &str, depth: usize, causes: &mut Vec<Cause>) {
    if let Some(max) = count_bound(schema, "maxItems").filter(|max| items.len() > *max) {
        causes.push(too_many(path, items.len(), max));
    }
    if let Some(min) = count_bound(schema, "minItems").filter(|min| items.len() < *min) {
        causes.push(invalid(path, &items.len().into(), &format!("should have at least {min} items")));
    }
    for (index, item) in items.iter().enumerate() {
        let at = format!("{path}[{index}]");
        if let Some(schema) = schema.items.as_deref() {
            judge(schema, item, &at, depth + 1, causes);
        }
        repeated(schema, &items[..index], item, &at, causes);
    }
}

/// An item of a set or of a map that stood before (`schema/listtype`).
fn repeated(schema: &Schema, before: &[Value], item: &Value, at: &str, causes: &mut Vec<Cause>) {
    match schema.list_type.as_deref() {
        Some("set") if before.contains(item) => causes.push(Cause::duplicate(at, item)),
        Some("map") => {
            let keys = |item: &Value| -> serde_json::Map<String, Value> {
                schema.list_map_keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone()))).collect()
            };
            let own = keys(item);
            if before.iter().any(|other| keys(other) == own) {
                causes.push(Cause::duplicate(at, &Value::Object(own)));
            }
        }
        _ => {}
    }
}

fn object(schema: &Schema, value: &Value, path: &str, depth: usize, causes: &mut Vec<Cause>) {
    let Some(fields) = value.as_object() else { return };
    if let Some(max) = count_bound(schema, "maxProperties").filter(|max| fields.len() > *max) {
        causes.push(too_many(path, fields.len(), max));
    }
    if let Some(min) = count_bound(schema, "minProperties").filter(|min| fields.len() < *min) {
        causes.push(invalid(path, &fields.len().into(), &format!("should have at least {min} properties")));
    }
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema.required.iter().filter(|name| !fields.contains_key(*name)) {
        causes.push(Cause::required(join(name), ""));
    }
    for (name, value) in sorted(fields) {
        if let Some(schema) = schema.field(name) {
            judge(schema, value, &join(name), depth + 1, causes);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_breaks_a_schema_is_told_as_the_api_server_tells_it() {
        let schema = Schema::read(&json!({"type": "object", "required": ["n"], "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 3},
            "s": {"type": "string", "pattern": "^a+$", "maxLength": 3, "minLength": 2},
            "e": {"type": "string", "enum": ["x", "y"]},
            "l": {"type": "array", "maxItems": 1, "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "p": {"x-kubernetes-int-or-string": true},
            "t": {"type": "string", "format": "date-time"},
            "o": {"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        }}));
        let value = json!({"s": "bbbb", "e": "z", "l": ["q", "q"], "p": true, "t": "soon", "o": {}});
        let told: Vec<String> = faults(&schema, &value, "spec").iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "spec.n: Required value",
                "spec.e: Unsupported value: \"z\": supported values: \"x\", \"y\"",
                "spec.l: Too many: 2: must have at most 1 items",
                "spec.l[1]: Duplicate value: \"q\"",
                "<nil>: Invalid value: \"\": \"spec.o\" must validate one and only one schema (oneOf). Found none valid",
                "spec.o.a: Required value",
                "spec.p: Invalid value: \"boolean\": spec.p in body must be of type integer,string: \"boolean\"",
                "spec.s: Too long: may not be more than 3 bytes",
                "spec.s: Invalid value: \"bbbb\": spec.s in body should match '^a+$'",
                "spec.t: Invalid value: \"soon\": spec.t in body must be of type date-time: \"soon\"",
            ]
        );
        let told: Vec<String> = faults(&schema, &json!({"n": 9}), "").iter().map(ToString::to_string).collect();
        assert_eq!(told, ["n: Invalid value: 9: n in body should be less than or equal to 3"]);
    }
}
