//! Label and field selectors (apimachinery's `labels.Parse` and `fields.ParseSelector`).

pub mod labels;

use serde_json::Value;

use labels::Requirement;

use super::error::Error;
use super::kinds::Kind;

/// Which objects of a list are wanted.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldTerm>,
}

/// One term of a field selector.
#[derive(Clone, Debug)]
struct FieldTerm {
    path: Vec<String>,
    /// What Go has where there is nothing.
    zero: &'static str,
    equal: bool,
    wanted: String,
}

impl FieldTerm {
    fn holds(&self, object: &Value) -> bool {
        let found = self.path.iter().fold(object, |value, name| &value[name]);
        let same = match found {
            Value::Null => self.wanted == self.zero,
            Value::String(text) => *text == self.wanted,
            other => {
                let found = other.to_string();
                found == self.wanted
            }
        };
        same == self.equal
    }
}

impl Selector {
    /// Reads both selectors of a request.
    pub fn parse(kind: &Kind, labels: Option<&str>, fields: Option<&str>) -> Result<Self, Error> {
        let labels = labels::parse(labels.unwrap_or("")).map_err(Error::bad_request)?;
        let whole = fields.unwrap_or("");
        let fields = field_terms(whole)
            .into_iter()
            .filter(|term| !term.is_empty())
            .map(|term| field_term(kind, term, whole))
            .collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether everything is wanted.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is wanted.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|requirement| requirement.holds(labels)) && self.fields.iter().all(|term| term.holds(object))
    }
}

const POD_FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];
const NEW_EVENT_FIELDS: &[&str] = &[
    "reason",
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reportingController",
    "type",
];
const EVENT_FIELDS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// The terms between the commas that no backslash makes a part of a value.
fn field_terms(text: &str) -> Vec<&str> {
    let (mut start, mut escaped, mut out) = (0, false, Vec::new());
    for (position, letter) in text.char_indices() {
        if letter == ',' && !escaped {
            out.push(&text[start..position]);
            start = position + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    out.push(&text[start..]);
    out
}

/// A value without its backslashes.
fn unescaped(value: &str) -> Result<String, Error> {
    let mut out = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next @ ('\\' | ',' | '=')) => out.push(next),
                other => {
                    let sequence: String = std::iter::once('\\').chain(other).collect();
                    return Err(Error::bad_request(format!("invalid field selector: invalid escape sequence: {sequence}")));
                }
            },
            ',' | '=' => {
                return Err(Error::bad_request(format!("invalid field selector: unescaped character in value: {letter}")));
            }
            letter => out.push(letter),
        }
    }
    Ok(out)
}

/// Splits a term at its operator: the first of `!=`, `==` and `=` that is met.
fn split_field_term(term: &str) -> Option<(&str, bool, &str)> {
    term.char_indices().find_map(|(at, _)| {
        let rest = &term[at..];
        let (equal, length) = match rest {
            _ if rest.starts_with("!=") => (false, 2),
            _ if rest.starts_with("==") => (true, 2),
            _ if rest.starts_with('=') => (true, 1),
            _ => return None,
        };
        Some((&term[..at], equal, &rest[length..]))
    })
}

/// Fields, and the words for another one.
type Selectable = (&'static [&'static str], fn(&str) -> String);

/// The fields besides name and namespace by which objects of a kind are found, and how another one is refused there.
fn selectable(kind: &Kind) -> Option<Selectable> {
    let plain: fn(&str) -> String = |field| format!("field label not supported: {field}");
    Some(match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => (POD_FIELDS, plain),
        ("", "Event") => (EVENT_FIELDS, plain),
        ("events.k8s.io", "Event") => (NEW_EVENT_FIELDS, plain),
        ("", "Node") => (&["spec.unschedulable"], plain),
        ("", "Namespace") => (&["status.phase"], plain),
        ("", "Secret") => (&["type"], plain),
        ("", "ReplicationController") => (&["status.replicas"], plain),
        ("", "Service") => (&["spec.clusterIP", "spec.type"], plain),
        ("certificates.k8s.io", "CertificateSigningRequest") => (&["spec.signerName"], plain),
        ("batch", "Job") => (&["status.successful"], |field| format!("field label \"{field}\" not supported for Job")),
        ("apps", "StatefulSet") => {
            (&["status.successful"], |field| format!("field label not supported for appsv1.StatefulSet: {field}"))
        }
        _ => return None,
    })
}

fn field_term(kind: &Kind, term: &str, whole: &str) -> Result<FieldTerm, Error> {
    let (path, equal, value) = split_field_term(term)
        .ok_or_else(|| Error::bad_request(format!("invalid selector: '{whole}'; can't understand '{term}'")))?;
    let value = unescaped(value)?;
    if let Some(version) = &kind.custom {
        if path != "metadata.name"
            && !(path == "metadata.namespace" && kind.namespaced)
            && !version.selectable.iter().any(|field| field == path)
        {
            return Err(Error::bad_request(format!("field label not supported: {path}")));
        }
        return Ok(FieldTerm { path: path.split('.').map(str::to_owned).collect(), zero: "", equal, wanted: value });
    }
    let path = if kind.kind == "Pod" && path == "spec.host" { "spec.nodeName" } else { path };
    let own = selectable(kind);
    let common = path == "metadata.name" || (path == "metadata.namespace" && (kind.namespaced || own.is_none()));
    if !common && !own.is_some_and(|(fields, _)| fields.contains(&path)) {
        return Err(Error::bad_request(match own {
            Some((_, refusal)) => refusal(path),
            None => {
                format!("\"{path}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
            }
        }));
    }
    let (path, zero) = match path {
        // Events are found by the component of their source, Jobs by how many of their pods succeeded.
        "source" => ("source.component", ""),
        "status.successful" => ("status.succeeded", "0"),
        "status.replicas" => (path, "0"),
        "spec.unschedulable" | "spec.hostNetwork" => (path, "false"),
        path => (path, ""),
    };
    // Events are kept as those of the core.
    let path = path.replacen("regarding.", "involvedObject.", 1).replacen("reportingController", "reportingComponent", 1);
    Ok(FieldTerm { path: path.split('.').map(str::to_owned).collect(), zero, equal, wanted: value })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kube::kinds;

    #[test]
    fn selectors_choose_by_labels_and_fields() {
        let pod = json!({"metadata": {"name": "a", "labels": {"app": "x", "tier": "web"}}, "status": {"phase": "Running"}});
        let chosen = |labels, fields| Selector::parse(&kinds::PODS, labels, fields).unwrap().matches(&pod);
        assert!(chosen(Some("app=x,tier in (web, api),!gone"), Some("metadata.name=a,status.phase!=Failed")));
        assert!(!chosen(Some("app notin (x)"), None));
        assert!(chosen(Some("app"), Some("")));
        assert!(!chosen(None, Some("status.phase==Failed")));
        let error = Selector::parse(&kinds::PODS, None, Some("spec.nope=1")).unwrap_err();
        assert_eq!(error.message, "field label not supported: spec.nope");
        assert_eq!(Selector::parse(&kinds::PODS, Some("a in (b"), None).unwrap_err().code, 400);
    }
}
