//! What a request addresses: its path, parsed once, and its query.
//!
//! Segments are compared in any case, doubled and trailing slashes are ignored, percent-encoding is undone; a slash hidden in a
//! segment is refused as ARM does. Source: the ARM resource provider contract ("Addendum: API URL format").

use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::error::{self, Error};
use crate::kernel::resource_id::ResourceId;

/// The namespace of ARM's own types.
pub const RESOURCES: &str = "Microsoft.Resources";

/// What a path addresses: `names` has as many entries as `types` when it is one object, one fewer when it is a collection or an
/// action.
#[derive(Clone, Debug)]
pub struct Target {
    /// The path as a resource id, with every segment decoded.
    pub id: ResourceId,
    /// What the first type stands in: the root, a subscription, a group, or a resource for an extension.
    pub scope: ResourceId,
    /// The namespace as written.
    pub namespace: String,
    /// The types as written.
    pub types: Vec<String>,
    /// The names as written.
    pub names: Vec<String>,
}

impl Target {
    /// Parses a raw path.
    pub fn parse(method: &Method, path: &str) -> Result<Self, Error> {
        let mut segments = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let decoded = percent_decode_str(segment).decode_utf8_lossy().into_owned();
            if decoded.contains('/') {
                return Err(error::method_not_supported(method.as_str()));
            }
            segments.push(decoded);
        }
        let id = ResourceId::new(&segments.join("/"));
        match segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers")) {
            Some(position) if segments.len() > position + 1 => Self::below_provider(id, &segments, position, path),
            _ => Self::of_arm(id, &segments, path),
        }
    }

    /// `…/providers/{namespace}/{type}/{name}…`, and the provider itself.
    fn below_provider(id: ResourceId, segments: &[String], position: usize, path: &str) -> Result<Self, Error> {
        let (scope, rest) = (&segments[..position], &segments[position + 1..]);
        let in_subscription = scope.len() == 2 && scope[0].eq_ignore_ascii_case("subscriptions");
        let registration =
            rest.len() == 2 && ["register", "unregister", "resourceTypes"].iter().any(|verb| rest[1].eq_ignore_ascii_case(verb));
        if rest.len() == 1 || registration {
            let (mut types, mut names) = (vec!["providers".to_owned()], vec![rest[0].clone()]);
            if in_subscription {
                types.insert(0, "subscriptions".into());
                names.insert(0, scope[1].clone());
            } else if !scope.is_empty() || registration {
                return Err(error::not_routed(path));
            }
            types.extend(rest.get(1).cloned());
            return Ok(Self { id, scope: ResourceId::root(), namespace: RESOURCES.into(), types, names });
        }
        let below_subscription = scope.first().is_some_and(|first| first.eq_ignore_ascii_case("subscriptions"));
        let in_group = below_subscription && scope.len() == 4 && scope[2].eq_ignore_ascii_case("resourcegroups");
        let extends = scope.iter().any(|segment| segment.eq_ignore_ascii_case("providers"));
        if below_subscription && !(in_subscription || in_group || extends) {
            // A group's name that is empty, or an id: ARM looks for one of its own types.
            return Self::of_arm(id, segments, path);
        }
        if !(scope.is_empty() || below_subscription || extends) {
            return Err(error::missing_subscription());
        }
        Ok(Self {
            scope: ResourceId::new(&scope.join("/")),
            id,
            namespace: rest[0].clone(),
            types: rest[1..].iter().step_by(2).cloned().collect(),
            names: rest[2..].iter().step_by(2).cloned().collect(),
        })
    }

    /// ARM's own objects: types and names in turn from the start of the path.
    fn of_arm(id: ResourceId, segments: &[String], path: &str) -> Result<Self, Error> {
        let Some(first) = segments.first() else { return Err(error::not_routed(path)) };
        let known = ["subscriptions", "tenants", "providers"].iter().any(|known| first.eq_ignore_ascii_case(known));
        if !known {
            return Err(error::missing_subscription());
        }
        Ok(Self {
            id,
            scope: ResourceId::root(),
            namespace: RESOURCES.into(),
            types: segments.iter().step_by(2).cloned().collect(),
            names: segments.iter().skip(1).step_by(2).cloned().collect(),
        })
    }

    /// Whether this is one of ARM's own routes, as opposed to a type below `providers`.
    pub fn is_routed(&self) -> bool {
        let first = self.types.first().map_or("", String::as_str);
        self.namespace == RESOURCES && ["subscriptions", "tenants", "providers"].iter().any(|own| first.eq_ignore_ascii_case(own))
    }

    /// What stands behind the namespace: types and names in turn, as written.
    pub fn rest(&self) -> String {
        let behind =
            self.id.key().rfind("/providers/").map_or("", |position| &self.id.as_str()[position + "/providers/".len()..]);
        behind.split_once('/').map_or("", |(_, rest)| rest).to_owned()
    }

    /// Whether this is one object, as opposed to a collection or an action.
    pub fn is_item(&self) -> bool {
        self.types.len() == self.names.len()
    }

    /// The type path without the namespace, as written.
    pub fn type_path(&self) -> String {
        self.types.join("/")
    }

    /// The last name, or nothing.
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// The object that a collection or an action belongs to; the object itself for an item.
    pub fn owner(&self) -> ResourceId {
        if self.is_item() {
            return self.id.clone();
        }
        if self.types.len() > 1 {
            let segments: Vec<&str> = self.id.segments().collect();
            return ResourceId::new(&segments[..segments.len() - 1].join("/"));
        }
        self.scope.clone()
    }
}

/// A query string, decoded. Keys are compared in any case.
#[derive(Clone, Debug, Default)]
pub struct Query {
    raw: String,
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Parses a raw query.
    pub fn parse(raw: &str) -> Self {
        Self { pairs: form_urlencoded::parse(raw.as_bytes()).into_owned().collect(), raw: raw.to_owned() }
    }

    /// A value by its key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    /// The query as it was written, with one key set to another value.
    pub fn with(&self, key: &str, value: &str) -> String {
        let is_other = |pair: &&str| {
            let mut parsed = form_urlencoded::parse(pair.as_bytes());
            parsed.next().is_some_and(|(known, _)| !known.eq_ignore_ascii_case(key))
        };
        let mut query: String = self.raw.split('&').filter(is_other).flat_map(|pair| [pair, "&"]).collect();
        query.extend(form_urlencoded::byte_serialize(key.as_bytes()));
        query.push('=');
        query.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        query
    }

    /// The `$filter`, unless it is empty.
    pub fn filter(&self) -> Option<&str> {
        self.get("$filter").map(str::trim).filter(|filter| !filter.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Result<Target, Error> {
        Target::parse(&Method::GET, path)
    }

    #[test]
    fn paths_are_parsed_once() {
        for (path, namespace, types, names, owner) in [
            ("/subscriptions", RESOURCES, "subscriptions", "", "/"),
            (
                "/subscriptions/s/resourcegroups/g/",
                RESOURCES,
                "subscriptions/resourcegroups",
                "s g",
                "/subscriptions/s/resourcegroups/g",
            ),
            ("/subscriptions/s/providers/N.S", RESOURCES, "subscriptions/providers", "s N.S", "/subscriptions/s/providers/N.S"),
            (
                "/subscriptions/s/providers/N.S/register",
                RESOURCES,
                "subscriptions/providers/register",
                "s N.S",
                "/subscriptions/s/providers/N.S",
            ),
            ("/providers/N.S/roles", "N.S", "roles", "", "/"),
            (
                "/subscriptions/s//resourceGroups/g/providers/N.S//r/x%20y",
                "N.S",
                "r",
                "x y",
                "/subscriptions/s/resourceGroups/g/providers/N.S/r/x y",
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/N.S/r/x/go",
                "N.S",
                "r/go",
                "x",
                "/subscriptions/s/resourceGroups/g/providers/N.S/r/x",
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/N.S/r/x/providers/A.B/ra",
                "A.B",
                "ra",
                "",
                "/subscriptions/s/resourceGroups/g/providers/N.S/r/x",
            ),
        ] {
            let target = parse(path).expect(path);
            assert_eq!((target.namespace.as_str(), target.type_path().as_str()), (namespace, types), "{path}");
            assert_eq!(target.names.join(" "), names, "{path}");
            assert_eq!(target.owner().as_str(), owner, "{path}");
        }
    }

    #[test]
    fn what_is_not_routed_is_refused() {
        assert_eq!(parse("/global/providers/N.S/r").expect_err("no subscription").code, "MissingSubscription");
        assert_eq!(parse("/subscriptions/s/resourceGroups/a%2Fb").expect_err("slash").status, 405);
        assert_eq!(parse("/").expect_err("nothing").status, 404);
    }

    #[test]
    fn a_query_is_decoded_and_its_keys_have_no_case() {
        let query = Query::parse("Api-Version=1&$filter=roleName%20eq+%27x%27&empty");
        assert_eq!(query.get("api-version"), Some("1"));
        assert_eq!(query.filter(), Some("roleName eq 'x'"));
        assert_eq!(query.get("empty"), Some(""));
        let next = query.with("$skiptoken", "a/b");
        assert_eq!(next, "Api-Version=1&$filter=roleName%20eq+%27x%27&empty&%24skiptoken=a%2Fb");
        assert_eq!(Query::parse(&next).with("$skipToken", "c"), next.replace("%24skiptoken=a%2Fb", "%24skipToken=c"));
    }
}
