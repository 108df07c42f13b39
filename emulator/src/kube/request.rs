//! What a request asks for: the target in its path, the options in its query, the form of the answer it accepts
//! (`apiserver/pkg/endpoints/request/requestinfo.go`, `handlers/negotiation`).

use http::{HeaderMap, Method, header};

use super::error::Error;
use super::kinds::{Kind, Served};

/// What a path names.
#[derive(Clone, Debug)]
pub struct Target {
    /// The kind.
    pub kind: &'static Kind,
    /// The namespace; nothing for all of them or none.
    pub namespace: Option<String>,
    /// The object; nothing for the collection.
    pub name: Option<String>,
    /// What lies below the object.
    pub subresource: Option<String>,
}

impl Target {
    /// Reads the segments behind the group and version.
    pub fn parse(served: &Served, group: &str, version: &str, rest: &[String]) -> Option<Self> {
        let find = |plural: &str| served.by_path(group, version, plural);
        let words: Vec<&str> = rest.iter().map(String::as_str).collect();
        let (kind, namespace, rest) = match words.as_slice() {
            ["namespaces", namespace, plural, rest @ ..]
                if find("namespaces").is_none_or(|kind| kind.subresource(plural).is_none()) =>
            {
                (find(plural).filter(|kind| kind.namespaced)?, Some((*namespace).to_owned()), rest)
            }
            [plural, rest @ ..] => (find(plural)?, None, rest),
            [] => return None,
        };
        let (name, subresource) = match rest {
            [] => (None, None),
            [name] => (Some(*name), None),
            [name, sub] => (Some(*name), Some(*sub)),
            _ => return None,
        };
        if subresource.is_some_and(|sub| kind.subresource(sub).is_none()) {
            return None;
        }
        if kind.namespaced && namespace.is_none() && name.is_some() {
            return None;
        }
        Some(Self { kind, namespace, name: name.map(str::to_owned), subresource: subresource.map(str::to_owned) })
    }

    /// The verb that a method means here.
    pub fn verb(&self, method: &Method, watch: bool) -> Option<&'static str> {
        Some(match (method.as_str(), self.name.is_some()) {
            ("GET" | "HEAD", true) => "get",
            ("GET" | "HEAD", false) if watch => "watch",
            ("GET" | "HEAD", false) => "list",
            ("POST", _) => "create",
            ("PUT", true) => "update",
            ("PATCH", true) => "patch",
            ("DELETE", true) => "delete",
            ("DELETE", false) => "deletecollection",
            _ => return None,
        })
    }
}

impl Target {
    /// The namespace that access is judged in: a namespace itself is its own.
    pub fn place_in_access(&self) -> &str {
        let own = self.kind.group.is_empty() && self.kind.plural == "namespaces";
        self.namespace.as_deref().or_else(|| self.name.as_deref().filter(|_| own)).unwrap_or("")
    }
}

/// The options of a request.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string.
    pub fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// An option that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of an option that may stand several times.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_owned();
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// A switch: `true`, `1`, or there without a value.
    pub fn flag(&self, name: &str) -> bool {
        self.0.iter().find(|(known, _)| known == name).is_some_and(|(_, value)| !matches!(value.as_str(), "false" | "0"))
    }

    /// The one name that a field selector narrows a list, a watch or a deletion of many to.
    pub fn only_name(&self, verb: &str) -> Option<&str> {
        let selector = self.get("fieldSelector").filter(|_| matches!(verb, "list" | "watch" | "deletecollection"))?;
        let terms = selector.split(',').filter_map(|term| term.strip_prefix("metadata.name="));
        terms.map(|name| name.trim_start_matches('=')).find(|name| !name.is_empty())
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Error> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| Error::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")))
            })
            .transpose()
    }

    /// Whether nothing may be stored: `dryRun=All`.
    pub fn dry_run(&self) -> Result<bool, Error> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => Err(Error::bad_request(format!("Invalid value for dryRun: \"{other}\": supported values: \"All\""))),
        }
    }
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The object itself.
    Plain,
    /// A table.
    Table,
    /// Metadata only.
    Metadata,
}

/// The first form of `Accept` that the server can give.
pub fn negotiate(headers: &HeaderMap) -> Result<Form, Error> {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).filter(|text| !text.trim().is_empty())
    else {
        return Ok(Form::Plain);
    };
    for entry in accept.split(',') {
        let mut parts = entry.split(';').map(str::trim);
        let media = parts.next().unwrap_or("").to_ascii_lowercase();
        if !matches!(media.as_str(), "application/json" | "application/*" | "*/*") {
            continue;
        }
        let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let parameter = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        match (parameter("as"), parameter("g"), parameter("v")) {
            (None, _, _) => return Ok(Form::Plain),
            (Some("Table"), Some("meta.k8s.io"), Some("v1")) => return Ok(Form::Table),
            (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("meta.k8s.io"), Some("v1")) => {
                return Ok(Form::Metadata);
            }
            _ => {}
        }
    }
    Err(Error::not_acceptable())
}

/// Whether the client prefers aggregated discovery.
pub fn wants_aggregated(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| {
        let first = accept
            .split(',')
            .find(|entry| !entry.contains("as=APIGroupDiscoveryList") || entry.contains("v=v2;") || entry.ends_with("v=v2"));
        first.is_some_and(|entry| entry.contains("as=APIGroupDiscoveryList"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plural, namespace, name, subresource.
    type Parts = (String, Option<String>, Option<String>, Option<String>);

    fn target(path: &str) -> Option<Parts> {
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        let found = Target::parse(&Served::default(), "", "v1", &segments)?;
        Some((found.kind.plural.clone(), found.namespace, found.name, found.subresource))
    }

    #[test]
    fn paths_name_their_targets() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(target("pods"), Some(("pods".into(), None, None, None)));
        assert_eq!(target("namespaces/a/pods/b/log"), Some(("pods".into(), some("a"), some("b"), some("log"))));
        assert_eq!(target("namespaces/a"), Some(("namespaces".into(), None, some("a"), None)));
        assert_eq!(target("namespaces/a/status"), Some(("namespaces".into(), None, some("a"), some("status"))));
        assert_eq!(target("namespaces/a/nodes"), None);
        assert_eq!(target("pods/x"), None);
        assert_eq!(target("namespaces/a/pods/b/nope"), None);
    }

    #[test]
    fn the_first_form_that_can_be_given_is_given() {
        let form = |accept: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            negotiate(&headers).map_err(|error| error.code)
        };
        assert_eq!(form("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"), Ok(Form::Table));
        assert_eq!(form("application/vnd.kubernetes.protobuf,application/json"), Ok(Form::Plain));
        assert_eq!(form("text/html"), Err(406));
    }
}
