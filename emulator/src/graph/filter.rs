//! `$filter` of Graph, as far as its clients use it: `f eq 'v'`, `startswith(f,'v')`, `f/any(x:x eq 'v')`, joined by `and` or `or`
//! without parentheses. Strings compare without regard to case (inferred).

use serde_json::Value;

/// A parsed filter: alternatives of conditions that must all hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    alternatives: Vec<Vec<Condition>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Equals(String, String),
    StartsWith(String, String),
    Any(String, String),
}

impl Filter {
    /// Parses a filter; the error is Graph's message.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let alternatives = split(text, " or ")
            .into_iter()
            .map(|alternative| split(alternative, " and ").into_iter().map(condition).collect::<Option<Vec<_>>>())
            .collect::<Option<Vec<_>>>();
        alternatives.map(|alternatives| Self { alternatives }).ok_or_else(|| format!("Invalid filter clause: {text}"))
    }

    /// Whether an object passes.
    pub(super) fn accepts(&self, object: &Value) -> bool {
        self.alternatives.iter().any(|conditions| conditions.iter().all(|condition| condition.holds(object)))
    }
}

impl Condition {
    fn holds(&self, object: &Value) -> bool {
        let text = |name: &String| object.get(name).and_then(Value::as_str);
        match self {
            Self::Equals(name, value) => text(name).is_some_and(|found| found.eq_ignore_ascii_case(value)),
            Self::StartsWith(name, value) => {
                text(name).is_some_and(|found| found.to_lowercase().starts_with(&value.to_lowercase()))
            }
            Self::Any(name, value) => object
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .any(|found| found.as_str().is_some_and(|found| found.eq_ignore_ascii_case(value))),
        }
    }
}

/// Splits at a word that stands outside quotes.
fn split<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (position, character) in text.char_indices() {
        if character == '\'' {
            quoted = !quoted;
        }
        if !quoted && position >= start && text[position..].starts_with(word) {
            parts.push(&text[start..position]);
            start = position + word.len();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn condition(text: &str) -> Option<Condition> {
    let text = text.trim();
    if let Some(arguments) = text.strip_prefix("startswith(").and_then(|rest| rest.strip_suffix(')')) {
        let (name, value) = arguments.split_once(',')?;
        return Some(Condition::StartsWith(name.trim().to_owned(), quoted(value)?));
    }
    if let Some((name, rest)) = text.split_once("/any(") {
        let (variable, comparison) = rest.strip_suffix(')')?.split_once(':')?;
        let (left, value) = comparison.split_once(" eq ")?;
        return (left.trim() == variable.trim()).then(|| Some(Condition::Any(name.to_owned(), quoted(value)?)))?;
    }
    let (name, value) = text.split_once(" eq ")?;
    Some(Condition::Equals(name.trim().to_owned(), quoted(value)?))
}

/// The value of a quoted string; a doubled quote stands for one.
fn quoted(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.replace("''", "").contains('\'')).then(|| inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_filters_of_clients_are_understood() {
        let object = json!({ "displayName": "Bob's app", "appId": "a1", "servicePrincipalNames": ["a1", "api://x"] });
        for (text, expected) in [
            ("displayName eq 'bob''s APP'", true),
            ("startswith(displayName,'Bob')", true),
            ("servicePrincipalNames/any(c:c eq 'api://x')", true),
            ("servicePrincipalNames/any(c:c eq 'api://y')", false),
            ("appId eq 'no' or appId eq 'a1'", true),
            ("appId eq 'a1' and displayName eq 'x and y'", false),
        ] {
            assert_eq!(Filter::parse(text).map(|filter| filter.accepts(&object)), Ok(expected), "{text}");
        }
        for text in ["", "appId", "appId eq a1", "appId eq 'a'b'", "x/any(c:d eq 'v')", "startswith(displayName)"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
