//! Patches: strategic merge (apimachinery's `strategicpatch`, with the merge keys of the table of types), JSON merge (RFC 7396) and
//! JSON patch (RFC 6902).

mod json;

use serde_json::{Map, Value};

use super::error::{Cause, Error};
use super::types::{self, Field, Shape};

/// A patch by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/strategic-merge-patch+json`
    Strategic,
    /// `application/merge-patch+json`
    Merge,
    /// `application/json-patch+json`
    Json,
    /// `application/apply-patch+yaml`
    Apply,
}

impl PatchType {
    /// Reads a media type.
    pub fn of(media_type: &str) -> Result<Self, Error> {
        match media_type {
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/json-patch+json" => Ok(Self::Json),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ => Err(Error::unsupported_media_type("415: Unsupported Media Type")),
        }
    }
}

/// The object that a patch makes of `current`.
pub fn apply(patch_type: PatchType, type_name: &str, current: &Value, patch: &Value) -> Result<Value, Error> {
    let mut new = current.clone();
    match patch_type {
        PatchType::Json => json::apply(&mut new, patch)?,
        PatchType::Apply => return Err(Error::bad_request("a configuration to apply is no patch of an object")),
        PatchType::Merge | PatchType::Strategic if !patch.is_object() => {
            return Err(Error::bad_request(
                "error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}",
            ));
        }
        PatchType::Merge => json_patch::merge(&mut new, patch),
        PatchType::Strategic => new = merged(&Shape::Message(type_name.to_owned()), Some(current), patch)?.unwrap_or(Value::Null),
    }
    if new.is_object() { Ok(new) } else { Err(rejected("the patch leaves no object")) }
}

fn rejected(why: &str) -> Error {
    let cause = Cause { field: String::new(), reason: "UnexpectedServerResponse", message: why.to_owned() };
    let mut error = Error::invalid_named("", "", "", &[cause]);
    error.message = "the server rejected our request due to an error in our request".into();
    error
}

/// What a patch makes of a value; nothing if it deletes it.
fn merged(shape: &Shape, current: Option<&Value>, patch: &Value) -> Result<Option<Value>, Error> {
    let Value::Object(patch) = patch else { return Ok(Some(patch.clone())) };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("delete") => return Ok(None),
        Some("replace") => {
            let rest =
                patch.iter().filter(|(key, _)| *key != "$patch").map(|(key, value)| (key.clone(), value.clone())).collect();
            return Ok(Some(Value::Object(rest)));
        }
        Some("merge") | None => {}
        Some(other) => {
            return Err(Error::bad_request(format!("invalid value for $patch: {other}; delete, merge and replace would do")));
        }
    }
    let mut out = current.and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(retained) = patch.get("$retainKeys").and_then(Value::as_array) {
        out.retain(|key, _| retained.iter().any(|retained| retained == key.as_str()));
    }
    for (key, value) in patch {
        if key == "$patch" || key == "$retainKeys" || key.starts_with("$setElementOrder/") {
            continue;
        }
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            delete_scalars(&mut out, list, value);
            continue;
        }
        let field = field_of(shape, key);
        let order = patch.get(&format!("$setElementOrder/{key}")).and_then(Value::as_array);
        merge_field(&mut out, key, field, value, order)?;
    }
    for (key, order) in patch.iter().filter_map(|(key, value)| Some((key.strip_prefix("$setElementOrder/")?, value.as_array()?)))
    {
        if !patch.contains_key(key)
            && let (Some(Value::Array(items)), Some(merge_key)) =
                (out.get_mut(key), field_of(shape, key).and_then(|field| field.merge_key.clone()))
        {
            let live = items.clone();
            *items = arranged(std::mem::take(items), &live, order, &merge_key);
        }
    }
    Ok(Some(Value::Object(out)))
}

fn field_of(shape: &Shape, key: &str) -> Option<&'static Field> {
    match shape {
        Shape::Message(name) => types::by_name(name)?.field(key),
        _ => None,
    }
}

fn delete_scalars(out: &mut Map<String, Value>, list: &str, gone: &Value) {
    if let Some(Value::Array(items)) = out.get_mut(list) {
        items.retain(|item| !gone.as_array().is_some_and(|gone| gone.contains(item)));
    }
}

fn merge_field(
    out: &mut Map<String, Value>,
    key: &str,
    field: Option<&Field>,
    patch: &Value,
    order: Option<&Vec<Value>>,
) -> Result<(), Error> {
    let current = out.get(key);
    let new = match (patch, field) {
        (Value::Null, _) => None,
        (Value::Array(items), Some(Field { merge_key: Some(merge_key), shape: Shape::List(inner), .. })) => {
            Some(merge_list(inner, current, items, merge_key, order)?)
        }
        (Value::Array(items), Some(field)) if field.set => {
            let mut all = current.and_then(Value::as_array).cloned().unwrap_or_default();
            all.extend(
                items.iter().filter(|item| !current.and_then(Value::as_array).is_some_and(|all| all.contains(item))).cloned(),
            );
            Some(all.into())
        }
        (Value::Object(_), field) => {
            let shape = field.map_or(Shape::Raw, |field| field.shape.clone());
            merged(&shape, current, patch)?
        }
        (patch, _) => Some(patch.clone()),
    };
    match new {
        Some(new) => out.insert(key.to_owned(), new),
        None => out.shift_remove(key),
    };
    Ok(())
}

fn merge_list(
    inner: &Shape,
    current: Option<&Value>,
    patch: &[Value],
    merge_key: &str,
    order: Option<&Vec<Value>>,
) -> Result<Value, Error> {
    let live = current.and_then(Value::as_array).cloned().unwrap_or_default();
    let directive = |item: &Value| item["$patch"].as_str().map(str::to_owned);
    if patch.iter().any(|item| directive(item).as_deref() == Some("replace")) {
        return Ok(patch.iter().filter(|item| directive(item).as_deref() != Some("replace")).cloned().collect());
    }
    let mut items = live.clone();
    for item in patch {
        let id = &item[merge_key];
        if id.is_null() {
            let message = format!("map: {item} does not contain declared merge key: {merge_key}");
            return Err(Error::bad_request(message));
        }
        let position = items.iter().position(|known| known[merge_key] == *id);
        match (directive(item).as_deref(), position) {
            (Some("delete"), _) => items.retain(|known| known[merge_key] != *id),
            (_, Some(position)) => {
                if let Some(new) = merged(inner, Some(&items[position]), item)? {
                    items[position] = new;
                }
            }
            (_, None) => items.extend(merged(inner, None, item)?),
        }
    }
    Ok(match order {
        Some(order) => arranged(items, &live, order, merge_key),
        None => items,
    }
    .into())
}

/// The items in the order that the patch names; items that it does not name keep their place among the live ones.
fn arranged(items: Vec<Value>, live: &[Value], order: &[Value], merge_key: &str) -> Vec<Value> {
    let rank = |item: &Value| order.iter().position(|named| named[merge_key] == item[merge_key]);
    let place = |item: &Value| live.iter().position(|known| known[merge_key] == item[merge_key]);
    let (mut named, others): (Vec<Value>, Vec<Value>) = items.into_iter().partition(|item| rank(item).is_some());
    named.sort_by_key(rank);
    let mut out = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in named {
        if let Some(here) = place(&item) {
            while let Some(other) = others.next_if(|other| place(other).is_some_and(|there| there < here)) {
                out.push(other);
            }
        }
        out.push(item);
    }
    out.extend(others);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn strategic(current: Value, patch: Value) -> Value {
        apply(PatchType::Strategic, "Deployment", &current, &patch).unwrap()
    }

    fn pod(containers: Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": containers}}}})
    }

    #[test]
    fn containers_merge_by_name() {
        let current = pod(json!([{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]));
        let patch = pod(json!([{"name": "a", "image": "2"}, {"name": "c"}, {"name": "b", "$patch": "delete"}]));
        let expected = pod(json!([{"name": "a", "image": "2", "env": [{"name": "X", "value": "1"}]}, {"name": "c"}]));
        assert_eq!(strategic(current, patch), expected);
    }

    #[test]
    fn the_named_order_is_kept_and_null_deletes() {
        let current = pod(json!([{"name": "a"}, {"name": "side"}, {"name": "b"}]));
        let patch = json!({"spec": {"paused": null, "template": {"spec": {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "b", "image": "x"}]}}}});
        let expected = pod(json!([{"name": "side"}, {"name": "b", "image": "x"}, {"name": "a"}]));
        assert_eq!(strategic(current, patch), expected);
    }

    #[test]
    fn directives_replace_and_retain() {
        let current = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
        let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
        assert_eq!(strategic(current, patch), json!({"spec": {"strategy": {"type": "Recreate"}}}));
        let current = json!({"metadata": {"labels": {"a": "1"}, "finalizers": ["x"]}});
        let patch = json!({"metadata": {"labels": {"$patch": "replace", "b": "2"}, "finalizers": ["y", "x"]}});
        assert_eq!(strategic(current, patch), json!({"metadata": {"labels": {"b": "2"}, "finalizers": ["x", "y"]}}));
    }

    #[test]
    fn broken_patches_are_refused() {
        let refuse = |patch_type, patch| apply(patch_type, "Deployment", &json!({}), &patch).unwrap_err().code;
        assert_eq!(refuse(PatchType::Strategic, pod(json!([{"image": "x"}]))), 400);
        assert_eq!(refuse(PatchType::Strategic, json!([])), 400);
        assert_eq!(refuse(PatchType::Json, json!([{"op": "remove", "path": "/nope"}])), 422);
        assert_eq!(refuse(PatchType::Json, json!({"op": "remove"})), 400);
        assert_eq!(PatchType::of("text/plain").unwrap_err().code, 415);
    }
}
