//! One rule of a role: which verbs on which resources or paths (`apis/rbac/v1/evaluation_helpers.go`), and whether rules cover others
//! (`component-helpers/auth/rbac/validation/policy_comparator.go`).

use serde_json::{Value, json};

use crate::kube::auth::Attributes;

/// What is asked of a rule.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// A verb on a resource.
    Resource(Attributes<'a>),
    /// A verb on a path that is no resource.
    Path {
        /// `get`.
        verb: &'a str,
        /// `/healthz`.
        path: &'a str,
    },
}

/// A rule of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The verbs, or `*`.
    pub verbs: Vec<String>,
    /// The API groups, or `*`.
    pub api_groups: Vec<String>,
    /// The resources, `pods`, `pods/log`, `*/scale` or `*`.
    pub resources: Vec<String>,
    /// The names of the objects; none are all.
    pub resource_names: Vec<String>,
    /// Paths that are no resources; `*` at the end stands for anything.
    pub non_resource_urls: Vec<String>,
}

fn texts(rule: &Value, field: &str) -> Vec<String> {
    rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == wanted)
}

impl Rule {
    /// Reads a rule.
    pub fn read(rule: &Value) -> Self {
        Self {
            verbs: texts(rule, "verbs"),
            api_groups: texts(rule, "apiGroups"),
            resources: texts(rule, "resources"),
            resource_names: texts(rule, "resourceNames"),
            non_resource_urls: texts(rule, "nonResourceURLs"),
        }
    }

    /// The rules of a role.
    pub fn read_all(role: &Value) -> Vec<Self> {
        role["rules"].as_array().into_iter().flatten().map(Self::read).collect()
    }

    /// The rule that allows everything, on resources and then on paths.
    pub fn full_authority() -> [Self; 2] {
        let all = || vec!["*".to_owned()];
        [
            Self { verbs: all(), api_groups: all(), resources: all(), ..Self::default() },
            Self { verbs: all(), non_resource_urls: all(), ..Self::default() },
        ]
    }

    /// Whether it allows what is asked.
    pub fn allows(&self, asked: &Asked<'_>) -> bool {
        match asked {
            Asked::Path { verb, path } => self.has_verb(verb) && self.has_path(path),
            Asked::Resource(asked) => {
                self.has_verb(asked.verb)
                    && (has(&self.api_groups, "*") || has(&self.api_groups, asked.group))
                    && self.has_resource(asked.resource)
                    && (self.resource_names.is_empty() || has(&self.resource_names, asked.name))
            }
        }
    }

    fn has_verb(&self, verb: &str) -> bool {
        has(&self.verbs, "*") || has(&self.verbs, verb)
    }

    fn has_path(&self, path: &str) -> bool {
        self.non_resource_urls.iter().any(|url| match url.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => url == path,
        })
    }

    fn has_resource(&self, resource: &str) -> bool {
        let below = resource.split_once('/').map(|(_, below)| below);
        self.resources
            .iter()
            .any(|known| known == "*" || known == resource || below.is_some_and(|below| known.strip_prefix("*/") == Some(below)))
    }

    /// Whether this rule alone covers another that [`Rule::broken_down`] made.
    fn covers(&self, other: &Self) -> bool {
        let all_of = |mine: &[String], theirs: &[String]| has(mine, "*") || theirs.iter().all(|one| has(mine, one));
        let resource = |wanted: &String| {
            let below = wanted.split_once('/').map(|(_, below)| format!("*/{below}"));
            has(&self.resources, wanted) || below.is_some_and(|below| has(&self.resources, &below))
        };
        let resources = has(&self.resources, "*") || other.resources.iter().all(resource);
        let names = self.resource_names.is_empty()
            || !other.resource_names.is_empty() && other.resource_names.iter().all(|name| has(&self.resource_names, name));
        let paths = other.non_resource_urls.iter().all(|url| self.has_path(url));
        all_of(&self.verbs, &other.verbs) && all_of(&self.api_groups, &other.api_groups) && resources && names && paths
    }

    /// One rule for each combination of group, resource, name and verb, and for each of path and verb.
    fn broken_down(&self) -> Vec<Self> {
        let one = |text: &String| vec![text.clone()];
        let names: Vec<Vec<String>> =
            if self.resource_names.is_empty() { vec![Vec::new()] } else { self.resource_names.iter().map(one).collect() };
        let mut parts = Vec::new();
        for group in &self.api_groups {
            for resource in &self.resources {
                for verb in &self.verbs {
                    parts.extend(names.iter().map(|names| Self {
                        verbs: one(verb),
                        api_groups: one(group),
                        resources: one(resource),
                        resource_names: names.clone(),
                        non_resource_urls: Vec::new(),
                    }));
                }
            }
        }
        for url in &self.non_resource_urls {
            parts.extend(self.verbs.iter().map(|verb| Self { verbs: one(verb), non_resource_urls: one(url), ..Self::default() }));
        }
        parts
    }

    /// The parts of `wanted` that none of `held` covers.
    pub fn uncovered(held: &[Self], wanted: &[Self]) -> Vec<Self> {
        let parts = wanted.iter().flat_map(Self::broken_down);
        parts.filter(|part| !held.iter().any(|rule| rule.covers(part))).collect()
    }

    /// As an object of the API.
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "verbs": self.verbs });
        for (field, list) in [
            ("apiGroups", &self.api_groups),
            ("resources", &self.resources),
            ("resourceNames", &self.resource_names),
            ("nonResourceURLs", &self.non_resource_urls),
        ] {
            if !list.is_empty() {
                object[field] = json!(list);
            }
        }
        object
    }
}
