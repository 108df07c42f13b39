//! Completing what was sent: a member is what was sent, else what it was before, else the service's default. An empty text means the
//! default, and members come out in the order of the calls, which is the order in which AKS writes them.

use serde_json::{Map, Value};

/// Puts members in the order of the calls: what is sent, else what was before, else a default.
pub(super) struct Completion<'a> {
    pub(super) sent: &'a Map<String, Value>,
    pub(super) before: &'a Map<String, Value>,
    pub(super) done: Map<String, Value>,
}

fn is_said(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

impl<'a> Completion<'a> {
    pub(super) fn new(sent: &'a Map<String, Value>, before: &'a Map<String, Value>) -> Self {
        Self { sent, before, done: Map::new() }
    }

    /// What the caller sent.
    pub(super) fn asked(&self, key: &str) -> Option<&'a Value> {
        self.sent.get(key).filter(|value| is_said(value))
    }

    /// What was sent, else what was before.
    pub(super) fn said(&self, key: &str) -> Option<&'a Value> {
        self.asked(key).or_else(|| self.before.get(key).filter(|value| is_said(value)))
    }

    /// The same as text.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.said(key).and_then(Value::as_str)
    }

    /// Whether a text was said, in any case.
    pub(super) fn is(&self, key: &str, text: &str) -> bool {
        self.text(key).is_some_and(|said| said.eq_ignore_ascii_case(text))
    }

    /// A member with a default.
    pub(super) fn or(&mut self, key: &str, default: Value) {
        let value = self.said(key).cloned().unwrap_or(default);
        self.done.insert(key.to_owned(), value);
    }

    /// A member that is left out when nobody said it.
    pub(super) fn if_said(&mut self, key: &str) {
        if let Some(value) = self.said(key) {
            self.done.insert(key.to_owned(), value.clone());
        }
    }

    /// A member that only the service decides.
    pub(super) fn fixed(&mut self, key: &str, value: Value) {
        self.done.insert(key.to_owned(), value);
    }

    /// A member that is not there, whatever was said.
    pub(super) fn never(&mut self, key: &str) {
        self.done.insert(key.to_owned(), Value::Null);
    }

    /// An object whose members have defaults of their own.
    pub(super) fn object(&mut self, key: &str, complete: impl FnOnce(&mut Completion<'_>)) {
        let done = self.inner(key, complete);
        self.fixed(key, done);
    }

    /// The same, if anybody said anything about it.
    pub(super) fn object_if_said(&mut self, key: &str, complete: impl FnOnce(&mut Completion<'_>)) {
        if self.said(key).is_some() {
            self.object(key, complete);
        }
    }

    /// What such an object will be.
    pub(super) fn inner(&self, key: &str, complete: impl FnOnce(&mut Completion<'_>)) -> Value {
        let none = Map::new();
        let sent = self.sent.get(key).and_then(Value::as_object);
        let before = self.before.get(key).and_then(Value::as_object);
        let mut inner = Completion::new(sent.unwrap_or(&none), before.unwrap_or(&none));
        complete(&mut inner);
        Value::Object(inner.finish())
    }

    /// Everything else that was said, behind what has an order.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let said: Vec<&String> = self.before.keys().chain(self.sent.keys()).collect();
        for key in said {
            if !self.done.contains_key(key) {
                self.if_said(key);
            }
        }
        self.done.retain(|_, value| !value.is_null());
        self.done
    }
}
