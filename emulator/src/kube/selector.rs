//! Label and field selectors (apimachinery's `labels.Parse` and `fields.ParseSelector`).

use serde_json::Value;

use super::error::Error;
use super::kinds::{self, Kind};

/// Which objects of a list are wanted.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(Vec<String>, bool, String)>,
}

/// One term of a label selector.
#[derive(Clone, Debug, PartialEq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// Reads both selectors of a request.
    pub fn parse(kind: &Kind, labels: Option<&str>, fields: Option<&str>) -> Result<Self, Error> {
        let labels = match labels.map(str::trim) {
            Some(text) if !text.is_empty() => {
                split_terms(text).into_iter().map(|term| requirement(term, text)).collect::<Result<_, _>>()?
            }
            _ => Vec::new(),
        };
        let fields = match fields.map(str::trim) {
            Some(text) if !text.is_empty() => text
                .split(',')
                .filter(|term| !term.is_empty())
                .map(|term| field_term(kind, term, text))
                .collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        Ok(Self { labels, fields })
    }

    /// Whether an object is wanted.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|requirement| requirement.holds(labels))
            && self.fields.iter().all(|(path, equal, wanted)| {
                let found = path.iter().fold(object, |value, name| &value[name]);
                let found =
                    found.as_str().map_or_else(|| if found.is_null() { String::new() } else { found.to_string() }, str::to_owned);
                (found == *wanted) == *equal
            })
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let value = |key: &str| labels[key].as_str();
        match self {
            Self::In(key, values) => value(key).is_some_and(|found| values.iter().any(|value| value == found)),
            Self::NotIn(key, values) => !value(key).is_some_and(|found| values.iter().any(|value| value == found)),
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
        }
    }
}

/// The terms between the commas that stand outside of parentheses.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut terms) = (0_i32, 0, Vec::new());
    for (position, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                terms.push(text[start..position].trim());
                start = position + 1;
            }
            _ => {}
        }
    }
    terms.push(text[start..].trim());
    terms
}

fn requirement(term: &str, whole: &str) -> Result<Requirement, Error> {
    let broken =
        || Error::bad_request(format!("unable to parse requirement: found '{term}' in '{whole}', expected: a label selector"));
    let key = |text: &str| {
        let text = text.trim();
        let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        if text.is_empty() || !text.chars().all(ok) { Err(broken()) } else { Ok(text.to_owned()) }
    };
    if let Some(rest) = term.strip_prefix('!') {
        return Ok(Requirement::Absent(key(rest)?));
    }
    if let Some((left, right)) = term.split_once("!=") {
        return Ok(Requirement::NotIn(key(left)?, vec![right.trim().to_owned()]));
    }
    if let Some((left, right)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return Ok(Requirement::In(key(left)?, vec![right.trim().to_owned()]));
    }
    if let Some((left, values)) = term.split_once('(') {
        let values = values.strip_suffix(')').ok_or_else(broken)?.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = left.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(name), Some("in"), None) => Ok(Requirement::In(key(name)?, values)),
            (Some(name), Some("notin"), None) => Ok(Requirement::NotIn(key(name)?, values)),
            _ => Err(broken()),
        };
    }
    Ok(Requirement::Exists(key(term)?))
}

const POD_FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
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

fn field_term(kind: &Kind, term: &str, whole: &str) -> Result<(Vec<String>, bool, String), Error> {
    let (path, equal, value) = term
        .split_once("!=")
        .map(|(path, value)| (path, false, value))
        .or_else(|| term.split_once("==").map(|(path, value)| (path, true, value)))
        .or_else(|| term.split_once('=').map(|(path, value)| (path, true, value)))
        .ok_or_else(|| Error::bad_request(format!("invalid selector: '{whole}'; can't understand '{term}'")))?;
    let own: &[&str] = match kind.kind.as_str() {
        "Pod" => POD_FIELDS,
        "Event" => EVENT_FIELDS,
        "Node" => &["spec.unschedulable"],
        "Namespace" => &["status.phase"],
        "Secret" => &["type"],
        "ReplicaSet" => &["status.replicas"],
        "Service" => &["spec.clusterIP", "spec.type"],
        _ => &[],
    };
    if !["metadata.name", "metadata.namespace"].contains(&path) && !own.contains(&path) {
        let generic = kind.group.is_empty() && !own.is_empty() && kind.index != kinds::SECRETS.index;
        return Err(Error::bad_request(if generic || kind.group.is_empty() {
            format!("field label not supported: {path}")
        } else {
            format!("\"{path}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
        }));
    }
    Ok((path.split('.').map(str::to_owned).collect(), equal, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
