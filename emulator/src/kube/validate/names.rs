//! The forms of names, labels and keys (apimachinery's `util/validation`), and selectors of labels.

use serde_json::Value;

use super::text;
use crate::kube::error::Cause;

pub(super) const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
    and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with \
    an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
pub(super) const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
    character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
    '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
    and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

pub(super) fn is_alphanumeric_with(text: &str, inner: fn(char) -> bool, edge: fn(char) -> bool) -> bool {
    text.chars().all(|c| edge(c) || inner(c)) && text.starts_with(edge) && text.ends_with(edge)
}

pub(super) fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// An RFC 1123 label.
pub fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_alphanumeric_with(text, |c| c == '-', lower)
}

/// An RFC 1123 subdomain.
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|part| is_alphanumeric_with(part, |c| c == '-', lower))
}

/// Why a text is no RFC 1123 subdomain, if it is none.
pub fn subdomain_fault(text: &str) -> Option<String> {
    if text.len() > 253 { Some(too_long(253)) } else { (!is_subdomain(text)).then(|| SUBDOMAIN.into()) }
}

/// Why a text is no DNS-1035 label, if it is none.
pub fn label_1035_fault(text: &str) -> Option<String> {
    if text.len() > 63 {
        return Some(too_long(63));
    }
    (!(is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase()))).then(|| LABEL_1035.into())
}

pub(super) fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

/// Why a text is no label, if it is none.
pub(super) fn label_fault(text: &str) -> Option<String> {
    if text.len() > 63 { Some(too_long(63)) } else { (!is_label(text)).then(|| LABEL.into()) }
}

pub(super) fn key_fault(key: &str) -> Option<String> {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let word = |c: char| c.is_ascii_alphanumeric();
    if let Some(prefix) = prefix.filter(|prefix| !is_subdomain(prefix)) {
        let why = if prefix.is_empty() { "must be non-empty" } else { SUBDOMAIN };
        return Some(format!("prefix part {why}"));
    }
    if name.is_empty() {
        return Some("name part must be non-empty".into());
    }
    if name.len() > 63 {
        return Some(format!("name part {}", too_long(63)));
    }
    (!is_alphanumeric_with(name, |c| matches!(c, '-' | '_' | '.'), word)).then(|| QUALIFIED.into())
}

pub(super) fn labels(field: &str, labels: &Value, causes: &mut Vec<Cause>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(fault) = key_fault(key) {
            causes.push(Cause::invalid(field, &key.as_str().into(), &fault));
        }
        let word = text(value);
        if word.len() > 63 {
            causes.push(Cause::invalid(field, value, &too_long(63)));
        } else if !word.is_empty() && !is_alphanumeric_with(word, |c| matches!(c, '-' | '_' | '.'), |c| c.is_ascii_alphanumeric())
        {
            causes.push(Cause::invalid(field, value, LABEL_VALUE));
        }
    }
}

/// Whether labels are selected by a label selector.
pub fn selected(selector: &Value, labels: &Value) -> bool {
    let by_label = selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value);
    let by_expression = selector["matchExpressions"].as_array().into_iter().flatten().all(|expression| {
        let found = &labels[text(&expression["key"])];
        let listed = expression["values"].as_array().is_some_and(|values| values.contains(found));
        match text(&expression["operator"]) {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => !found.is_null(),
            "DoesNotExist" => found.is_null(),
            _ => false,
        }
    });
    by_label && by_expression
}

/// What is said of a name with a wildcard that is none.
pub(super) fn wildcard_fault() -> String {
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case \
     alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is \
     '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        .into()
}

/// Whether nothing is selected by: no labels and no expressions.
pub(super) fn is_empty_selector(selector: &Value) -> bool {
    selector["matchLabels"].as_object().is_none_or(serde_json::Map::is_empty)
        && selector["matchExpressions"].as_array().is_none_or(Vec::is_empty)
}

/// What is wrong with a label selector.
pub(super) fn selector(at: &str, selector: &Value, causes: &mut Vec<Cause>) {
    labels(&format!("{at}.matchLabels"), &selector["matchLabels"], causes);
    for (index, expression) in super::list(&selector["matchExpressions"]) {
        let place = format!("{at}.matchExpressions[{index}]");
        let some = expression["values"].as_array().is_some_and(|values| !values.is_empty());
        match text(&expression["operator"]) {
            "In" | "NotIn" if !some => {
                causes.push(Cause::required(format!("{place}.values"), "must be specified when `operator` is 'In' or 'NotIn'"));
            }
            "Exists" | "DoesNotExist" if some => {
                causes.push(Cause::forbidden(
                    format!("{place}.values"),
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                ));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => {
                causes.push(Cause::invalid(format!("{place}.operator"), &expression["operator"], "not a valid selector operator"))
            }
        }
        if let Some(fault) = key_fault(text(&expression["key"])) {
            causes.push(Cause::invalid(format!("{place}.key"), &expression["key"], &fault));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_have_forms() {
        assert!(is_subdomain("a.b-c") && !is_subdomain("a..b") && !is_subdomain("-a") && !is_label("a.b") && !is_label(""));
        assert_eq!(key_fault("example.com/name"), None);
        assert!(key_fault("a b").is_some() && key_fault("/x").is_some());
    }
}
