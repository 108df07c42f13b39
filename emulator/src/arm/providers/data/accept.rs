//! What a request's body becomes: each member judged by its rule, defaults and what is computed filled in, the rest dropped.
//! The order in which faults win is the order of the members in the description; that real providers judge so is inferred.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::super::super::error::Error;
use super::fault::{Fault, Faults};
use super::shape::{Kind, Member, When};
use super::template::Scope;

/// What a body is judged with.
pub(super) struct Judge<'a> {
    pub scope: &'a Scope<'a>,
    pub faults: Faults<'a>,
    pub version: &'a str,
}

impl Judge<'_> {
    /// The members of an object, in the order of their rules, then those without a rule if the object is open.
    pub fn object(
        &self,
        rules: &IndexMap<String, Member>,
        open: bool,
        given: &Map<String, Value>,
        old: Option<&Map<String, Value>>,
        path: &str,
    ) -> Result<Map<String, Value>, Error> {
        let mut accepted = Map::new();
        for (name, rule) in rules {
            let before = old.and_then(|old| old.get(name));
            let value = named(given, name).filter(|value| !value.is_null());
            if let Some(value) = self.member(rule, value, before, &below(path, name))? {
                accepted.insert(name.clone(), value);
            }
        }
        if open {
            for (name, value) in given {
                let ruled = rules.keys().any(|known| known.eq_ignore_ascii_case(name));
                if !ruled && !value.is_null() {
                    accepted.insert(name.clone(), value.clone());
                }
            }
        }
        Ok(accepted)
    }

    fn member(&self, rule: &Member, given: Option<&Value>, old: Option<&Value>, path: &str) -> Result<Option<Value>, Error> {
        if rule.is_ours() {
            let kept = old.filter(|_| rule.when == When::Create).cloned();
            return Ok(kept.or_else(|| self.computed(rule)).or_else(|| rule.default.clone()));
        }
        if !rule.known_in(self.version) {
            // An older version neither sees nor changes it.
            return Ok(old.cloned().or_else(|| rule.default.clone()));
        }
        let Some(given) = given else { return self.absent(rule, old, path) };
        let value = self.value(rule, given, old, path)?;
        if rule.immutable && old.is_some_and(|old| !same(old, &value)) {
            return Err(self.faults.raise(Fault::Immutable, path, Some(given), rule));
        }
        Ok(Some(value))
    }

    fn computed(&self, rule: &Member) -> Option<Value> {
        let template = rule.computed.as_ref().filter(|_| rule.when != When::Read)?;
        Some(self.scope.fill(template))
    }

    fn absent(&self, rule: &Member, old: Option<&Value>, path: &str) -> Result<Option<Value>, Error> {
        if let Some(old) = old.filter(|_| rule.sticky || rule.immutable) {
            return Ok(Some(old.clone()));
        }
        if rule.required {
            return Err(self.faults.raise(Fault::Required, path, None, rule));
        }
        if let Some(default) = &rule.default {
            return Ok(Some(self.scope.fill(default)));
        }
        // An object whose members have defaults is there although nobody gave it.
        if rule.kind == Kind::Object && !rule.members.is_empty() {
            let inner = self.object(&rule.members, false, &Map::new(), old.and_then(Value::as_object), path);
            return Ok(inner.ok().filter(|inner| !inner.is_empty()).map(Value::Object));
        }
        Ok(None)
    }

    fn value(&self, rule: &Member, given: &Value, old: Option<&Value>, path: &str) -> Result<Value, Error> {
        let wrong = |fault| Err(self.faults.raise(fault, path, Some(given), rule));
        let fits = match rule.kind {
            Kind::Any | Kind::Identity => true,
            Kind::String => given.is_string(),
            Kind::Integer => given.as_i64().is_some(),
            Kind::Number => given.is_number(),
            Kind::Boolean => given.is_boolean(),
            Kind::Object => given.is_object(),
            Kind::Array => given.is_array(),
        };
        if !fits {
            return wrong(Fault::Type);
        }
        match given {
            Value::String(text) => self.text(rule, text, given, path).map(Value::String),
            Value::Number(number) => match number.as_f64() {
                Some(number) if outside(number, rule) => wrong(Fault::Range),
                _ => Ok(given.clone()),
            },
            Value::Array(items) => {
                if outside(count(items.len()), rule) {
                    return wrong(Fault::Length);
                }
                let Some(item) = &rule.items else { return Ok(given.clone()) };
                let judged = items.iter().enumerate().map(|(at, value)| self.value(item, value, None, &format!("{path}[{at}]")));
                Ok(Value::Array(judged.collect::<Result<_, _>>()?))
            }
            Value::Object(members) if rule.kind == Kind::Object && !(rule.members.is_empty() && rule.open) => {
                let old = old.and_then(Value::as_object);
                Ok(Value::Object(self.object(&rule.members, rule.open, members, old, path)?))
            }
            other => Ok(other.clone()),
        }
    }

    fn text(&self, rule: &Member, text: &str, given: &Value, path: &str) -> Result<String, Error> {
        let wrong = |fault| Err(self.faults.raise(fault, path, Some(given), rule));
        if outside(count(text.chars().count()), rule) {
            return wrong(Fault::Length);
        }
        if !rule.values.is_empty() {
            let Some(known) = rule.values.iter().find(|known| known.eq_ignore_ascii_case(text)) else {
                return wrong(Fault::Value);
            };
            return Ok(if rule.as_written { text.to_owned() } else { known.clone() });
        }
        if !rule.pattern.is_empty() && !super::matches(&rule.pattern, text) {
            return wrong(Fault::Pattern);
        }
        Ok(if rule.lower { text.to_lowercase() } else { text.to_owned() })
    }
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

fn outside(number: f64, rule: &Member) -> bool {
    rule.min.is_some_and(|min| number < min) || rule.max.is_some_and(|max| number > max)
}

/// Whether two values are the same, texts in any case.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

/// A member by its name, in any case, as .NET's services read JSON.
pub(super) fn named<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A change laid over what there was: objects member by member, null takes away, anything else replaces.
pub(super) fn merged(old: &Value, change: &Value) -> Value {
    let (Value::Object(old), Value::Object(change)) = (old, change) else { return change.clone() };
    let mut merged = old.clone();
    for (name, value) in change {
        let key = old.keys().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name).clone();
        if value.is_null() {
            merged.remove(&key);
        } else {
            let before = old.get(&key).cloned().unwrap_or(Value::Null);
            merged.insert(key, self::merged(&before, value));
        }
    }
    Value::Object(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_laid_over_what_there_was() {
        let old = json!({ "a": 1, "b": { "c": 2, "d": 3 }, "e": [1] });
        let change = json!({ "A": 5, "b": { "c": null }, "e": [2, 3] });
        assert_eq!(merged(&old, &change), json!({ "a": 5, "b": { "d": 3 }, "e": [2, 3] }));
    }
}
