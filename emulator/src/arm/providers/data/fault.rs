//! What can be wrong with a request for a described type, and how the type's provider says it.
//! The usual codes and texts are inferred; a description overrides them with its provider's own.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::super::error::{self, Error};
use super::shape::{self, Member, Shape};
use crate::kernel::resource_id::ResourceId;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The name.
    Name,
    /// A member that must be given is not.
    Required,
    /// A member of another type.
    Type,
    /// A value that is not one of those allowed.
    Value,
    /// Too short or too long.
    Length,
    /// Too small or too great.
    Range,
    /// A text that does not match its pattern.
    Pattern,
    /// A member that cannot be changed.
    Immutable,
    /// There is no such resource.
    Absent,
    /// Another write runs on it.
    Busy,
}

impl Fault {
    /// Its name in descriptions, and the usual status, code and text.
    fn usual(self) -> (&'static str, u16, &'static str, &'static str) {
        match self {
            Self::Name => (
                "name",
                400,
                "InvalidResourceName",
                "The resource name '{value}' is invalid. It must have {min} to {max} characters and match '{pattern}'.",
            ),
            Self::Required => {
                ("required", 400, "InvalidRequestContent", "The property '{member}' is required and was not given.")
            }
            Self::Type => (
                "type",
                400,
                "InvalidRequestContent",
                "The value '{value}' of the property '{member}' has the wrong type; it must be of type '{type}'.",
            ),
            Self::Value => (
                "value",
                400,
                "InvalidParameter",
                "The value '{value}' of the property '{member}' is invalid. Allowed values are '{allowed}'.",
            ),
            Self::Length => (
                "length",
                400,
                "InvalidParameter",
                "The length of the property '{member}' is invalid: it must be between {min} and {max}.",
            ),
            Self::Range => (
                "range",
                400,
                "InvalidParameter",
                "The value '{value}' of the property '{member}' is out of range: it must be between {min} and {max}.",
            ),
            Self::Pattern => (
                "pattern",
                400,
                "InvalidParameter",
                "The value '{value}' of the property '{member}' is invalid: it must match '{pattern}'.",
            ),
            Self::Immutable => ("immutable", 409, "PropertyChangeNotAllowed", "Changing property '{member}' is not allowed."),
            Self::Busy => ("busy", 409, "Conflict", "Another operation on '{id}' is in progress: '{operation}'."),
            Self::Absent => ("absent", 404, "ResourceNotFound", "The resource '{id}' was not found."),
        }
    }
}

/// Raises the faults of one type.
#[derive(Clone, Copy)]
pub(super) struct Faults<'a> {
    /// The description.
    pub shape: &'static Shape,
    /// The resource's name.
    pub name: &'a str,
}

impl Faults<'_> {
    /// The error of a fault of a member.
    pub fn raise(&self, fault: Fault, path: &str, value: Option<&Value>, rule: &Member) -> Error {
        let value = match value {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let bound = |bound: Option<f64>, none: &str| bound.map_or_else(|| none.to_owned(), |bound| bound.to_string());
        let leaf = path.rsplit('.').next().unwrap_or(path);
        self.say(
            fault,
            &[
                ("member", path),
                ("leaf", leaf),
                ("value", &value),
                ("allowed", &rule.values.join(", ")),
                ("min", &bound(rule.min, "0")),
                ("max", &bound(rule.max, "unlimited")),
                ("pattern", &rule.pattern),
                ("type", &format!("{:?}", rule.kind)),
            ],
        )
    }

    /// The error of a name.
    pub fn raise_name(&self) -> Error {
        let rule = &self.shape.name;
        let pattern = if rule.only.is_empty() { rule.pattern.clone() } else { rule.only.join("|") };
        let (min, max) = (rule.min.to_string(), rule.max.to_string());
        self.say(Fault::Name, &[("value", self.name), ("min", &min), ("max", &max), ("pattern", &pattern)])
    }

    /// The error of an absent resource, if the provider has one of its own.
    pub fn raise_absent(&self, id: &ResourceId) -> Error {
        if self.shape.faults.contains_key("absent") {
            return self.say(Fault::Absent, &[("id", id.as_str())]);
        }
        error::resource_not_found(id)
    }

    /// The error of a write while another one runs.
    pub fn raise_busy(&self, id: &ResourceId, operation: &str) -> Error {
        self.say(Fault::Busy, &[("id", id.as_str()), ("operation", operation)])
    }

    /// The error of an `If-Match` that names another etag, if the provider has one of its own.
    pub fn raise_etag(&self, id: &ResourceId, wanted: &str, current: &str) -> Option<Error> {
        let own = self.shape.faults.get("etag")?;
        let fill = |text: &str| text.replace("{wanted}", wanted).replace("{current}", current).replace("{id}", id.as_str());
        let detail = |it: &shape::Fault| json!({ "code": it.code, "message": fill(&it.message) });
        let details = own.details.iter().map(detail).collect();
        let error = Error::provider(StatusCode::PRECONDITION_FAILED, own.code.as_str(), fill(&own.message));
        Some(Error { voice: self.shape.voice.voice(), details: Some(Box::new(Value::Array(details))), ..error })
    }

    fn say(&self, fault: Fault, words: &[(&str, &str)]) -> Error {
        let (key, status, code, text) = fault.usual();
        let own = self.shape.faults.get(key);
        let mut message = own.map_or(text, |own| own.message.as_str()).replace("{name}", self.name);
        for (word, value) in words {
            message = message.replace(&format!("{{{word}}}"), value);
        }
        let status = own.and_then(|own| own.status).unwrap_or(status);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let code = own.map_or(code, |own| own.code.as_str());
        let details = self.shape.details.then(|| Box::new(Value::Array(Vec::new())));
        Error { voice: self.shape.voice.voice(), details, ..Error::provider(status, code, message) }
    }
}
