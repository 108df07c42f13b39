//! JSON patches (RFC 6902), with the API server's bounds: so many operations, so much copied.
//! Source: `apiserver/pkg/endpoints/handlers/patch.go` (10,000 operations; what copies add is bounded by the size of a body).
//! That a patch builds nothing deeper than what a body can have is azlet's own bound.

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use super::super::body::LIMIT;
use super::super::error::Error;
use super::rejected;

/// A patch has no more operations.
const OPERATIONS_AT_MOST: usize = 10_000;
/// A value is nested no deeper: what can be read from a body, below a place that can be.
const DEEPEST: usize = 256;

/// Applies a patch; on an error the value is worth nothing.
pub(super) fn apply(new: &mut Value, patch: &Value) -> Result<(), Error> {
    let Patch(operations) =
        serde_json::from_value(patch.clone()).map_err(|error| Error::bad_request(format!("error decoding patch: {error}")))?;
    if operations.len() > OPERATIONS_AT_MOST {
        return Err(Error::too_many_operations(OPERATIONS_AT_MOST, operations.len()));
    }
    let mut copied = 0;
    for (number, operation) in operations.iter().enumerate() {
        let from = match operation {
            PatchOperation::Copy(copy) => Some(&copy.from),
            PatchOperation::Move(moved) => Some(&moved.from),
            _ => None,
        };
        let source = from.and_then(|from| new.pointer(from.as_str()));
        if operation.path().count() + source.map_or(0, height) > DEEPEST {
            return Err(rejected(&format!("operation '/{number}' nests deeper than {DEEPEST} levels")));
        }
        if let (PatchOperation::Copy(_), Some(source)) = (operation, source) {
            copied += source.to_string().len();
            if copied > LIMIT {
                return Err(rejected(&format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {LIMIT}"
                )));
            }
        }
        // The value is a copy: nothing has to be undone.
        json_patch::patch_unsafe(new, std::slice::from_ref(operation)).map_err(|mut error| {
            error.operation = number;
            rejected(&error.to_string())
        })?;
    }
    Ok(())
}

/// How deep a value is nested; counted no further than it may be.
fn height(value: &Value) -> usize {
    let mut open = vec![(value, 1)];
    let mut highest = 0;
    while let Some((value, at)) = open.pop() {
        highest = highest.max(at);
        if highest > DEEPEST {
            break;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, at + 1))),
            Value::Object(members) => open.extend(members.values().map(|member| (member, at + 1))),
            _ => {}
        }
    }
    highest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(current: Value, patch: &Value) -> (u16, String) {
        let mut new = current;
        let error = apply(&mut new, patch).expect_err("a patch that is refused");
        (error.code, format!("{} {}", error.message, error.status()["details"]["causes"][0]["message"]))
    }

    #[test]
    fn a_patch_has_a_limited_number_of_operations() {
        let patch = |count| Value::Array(vec![json!({ "op": "test", "path": "/a", "value": 1 }); count]);
        assert!(apply(&mut json!({ "a": 1 }), &patch(10_000)).is_ok());
        let (code, message) = refused(json!({ "a": 1 }), &patch(10_001));
        assert_eq!(code, 413);
        assert!(message.starts_with("The allowed maximum operations in a JSON patch is 10000, got 10001"), "{message}");
    }

    #[test]
    fn copies_that_double_are_stopped() {
        let doubling = vec![json!({ "op": "copy", "from": "/a", "path": "/a/-" }); 200];
        let (code, message) = refused(json!({ "a": ["0123456789"] }), &doubling.into());
        assert_eq!(code, 422);
        assert!(message.contains("the accumulated size increase of copy is"), "{message}");
    }

    #[test]
    fn copies_and_moves_that_nest_are_stopped() {
        for (start, again) in [
            (
                json!({ "a": {} }),
                json!([{ "op": "copy", "from": "/a", "path": "/b" }, { "op": "move", "from": "/b", "path": "/a/a" }]),
            ),
            (
                json!({ "a": {} }),
                json!([{ "op": "move", "from": "/a", "path": "/b" }, { "op": "add", "path": "/a", "value": {} }, { "op": "move", "from": "/b", "path": "/a/b" }]),
            ),
        ] {
            let steps: Vec<Value> = std::iter::repeat_n(again.as_array().expect("a list").clone(), 1000).flatten().collect();
            let (code, message) = refused(start, &steps.into());
            assert_eq!(code, 422);
            assert!(message.contains("nests deeper than 256 levels") || message.contains("accumulated size"), "{message}");
        }
        let deep = json!([{ "op": "add", "path": "/a".repeat(5000), "value": 1 }]);
        assert_eq!(refused(json!({}), &deep).0, 422);
    }

    #[test]
    fn a_failed_operation_is_named_by_its_number() {
        let patch = json!([{ "op": "add", "path": "/b", "value": 1 }, { "op": "remove", "path": "/nope" }]);
        let (code, message) = refused(json!({}), &patch);
        assert_eq!(code, 422);
        assert!(message.contains("operation '/1' failed at path '/nope'"), "{message}");
    }
}
