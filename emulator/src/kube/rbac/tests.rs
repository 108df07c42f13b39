//! The index against a slow reader of all bindings: what Kubernetes' documentation says of roles, written down once more without an index.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Asked, Index, Rule, Subject};
use crate::kube::auth::Attributes;
use crate::kube::kinds;

const NAMESPACES: [&str; 3] = ["", "a", "b"];
const NAMES: [&str; 3] = ["x", "y", "z"];

/// A role or binding and where it is; none of them when it was deleted again.
#[derive(Clone, Debug)]
struct Step {
    namespace: &'static str,
    name: &'static str,
    is_binding: bool,
    object: Option<Value>,
}

fn words(from: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(from), 0..3)
}

fn rule() -> impl Strategy<Value = Value> {
    let verbs = words(&["get", "list", "*"]);
    let groups = words(&["", "apps", "*"]);
    let resources = words(&["pods", "pods/log", "*/log", "*", "deployments"]);
    let names = words(&["one"]);
    let urls = words(&["/x", "/x/*", "*"]);
    (verbs, groups, resources, names, urls).prop_map(|(verbs, groups, resources, names, urls)| {
        // A rule is about resources or about paths: validation refuses both in one.
        if resources.is_empty() {
            json!({ "verbs": verbs, "apiGroups": [], "resources": [], "resourceNames": [], "nonResourceURLs": urls })
        } else {
            json!({ "verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names, "nonResourceURLs": [] })
        }
    })
}

fn subject() -> impl Strategy<Value = Value> {
    (
        proptest::sample::select(&["User", "Group", "ServiceAccount"][..]),
        proptest::sample::select(&NAMES[..]),
        proptest::sample::select(&NAMESPACES[..]),
    )
        .prop_map(|(kind, name, namespace)| json!({ "kind": kind, "name": name, "namespace": namespace }))
}

fn step() -> impl Strategy<Value = Step> {
    let role = proptest::collection::vec(rule(), 0..3).prop_map(|rules| json!({ "rules": rules }));
    let reference = (proptest::sample::select(&["Role", "ClusterRole"][..]), proptest::sample::select(&NAMES[..]));
    let binding = (reference, proptest::collection::vec(subject(), 0..3))
        .prop_map(|((kind, name), subjects)| json!({ "roleRef": { "kind": kind, "name": name }, "subjects": subjects }));
    let object = prop_oneof![role.prop_map(|it| (false, it)), binding.prop_map(|it| (true, it))];
    let place = (proptest::sample::select(&NAMESPACES[..]), proptest::sample::select(&NAMES[..]));
    (place, object, any::<u8>()).prop_map(|((namespace, name), (is_binding, object), fate)| Step {
        namespace,
        name,
        is_binding,
        object: (fate > 40).then_some(object),
    })
}

/// Whether the objects that are there allow it, reading all of them.
fn slowly(steps: &[Step], who: Subject<'_>, place: &str, asked: &Asked<'_>) -> bool {
    // The last of each place is what is there.
    let is_last = |index: usize, step: &Step| {
        !steps[index + 1..]
            .iter()
            .any(|later| later.namespace == step.namespace && later.name == step.name && later.is_binding == step.is_binding)
    };
    let there: Vec<&Step> =
        steps.iter().enumerate().filter(|(index, step)| is_last(*index, step)).map(|(_, step)| step).collect();
    there.iter().filter(|step| step.is_binding && (step.namespace.is_empty() || step.namespace == place)).any(|step| {
        let Some(binding) = &step.object else { return false };
        let named = binding["subjects"].as_array().into_iter().flatten().any(|subject| {
            let name = subject["name"].as_str().unwrap_or("");
            match subject["kind"].as_str() {
                Some("User") => who.name == name,
                Some("Group") => who.groups.iter().any(|group| group == name),
                _ => {
                    let home = subject["namespace"].as_str().filter(|home| !home.is_empty()).unwrap_or(step.namespace);
                    who.name == format!("system:serviceaccount:{home}:{name}")
                }
            }
        });
        let home = if binding["roleRef"]["kind"] == "ClusterRole" { "" } else { step.namespace };
        let role = there.iter().find(|it| !it.is_binding && it.namespace == home && binding["roleRef"]["name"] == it.name);
        let rules = role.and_then(|role| role.object.as_ref()).map(|role| role["rules"].clone()).unwrap_or_default();
        named && rules.as_array().into_iter().flatten().any(|rule| plainly(rule, asked))
    })
}

fn plainly(rule: &Value, asked: &Asked<'_>) -> bool {
    let has = |field: &str, wanted: &[&str]| {
        rule[field].as_array().into_iter().flatten().any(|one| wanted.iter().any(|wanted| one == wanted))
    };
    match asked {
        Asked::Path { verb, path } => {
            let urls = rule["nonResourceURLs"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let mut urls = urls.map(|url| (url.trim_end_matches('*'), url.ends_with('*')));
            has("verbs", &["*", verb]) && urls.any(|(url, open)| url == *path || open && path.starts_with(url))
        }
        Asked::Resource(asked) => {
            let below = asked.resource.split_once('/').map(|(_, below)| format!("*/{below}"));
            let mut resources = vec!["*", asked.resource];
            resources.extend(below.as_deref());
            has("verbs", &["*", asked.verb])
                && has("apiGroups", &["*", asked.group])
                && has("resources", &resources)
                && (rule["resourceNames"].as_array().is_none_or(Vec::is_empty) || has("resourceNames", &[asked.name]))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_says_what_all_bindings_say(
        steps in proptest::collection::vec(step(), 0..24),
        name in proptest::sample::select(&["x", "y", "system:serviceaccount:a:x"][..]),
        groups in words(&NAMES),
        place in proptest::sample::select(&NAMESPACES[..]),
        resource in proptest::sample::select(&["pods", "pods/log", "deployments"][..]),
        object in proptest::sample::select(&["", "one", "two"][..]),
        path in proptest::option::of(proptest::sample::select(&["/x", "/x/y", "/z"][..])),
    ) {
        let mut index = Index::default();
        for step in &steps {
            let kind = match (step.is_binding, step.namespace.is_empty()) {
                (true, true) => *kinds::CLUSTER_ROLE_BINDINGS,
                (true, false) => *kinds::ROLE_BINDINGS,
                (false, true) => *kinds::CLUSTER_ROLES,
                (false, false) => *kinds::ROLES,
            };
            index.note(kind.index, (step.namespace.into(), step.name.into()), step.object.as_ref());
        }
        let groups: Vec<String> = groups.into_iter().map(str::to_owned).collect();
        let who = Subject { name, groups: &groups };
        let asked = match path {
            Some(path) => Asked::Path { verb: "get", path },
            None => Asked::Resource(Attributes { verb: "get", group: "", resource, namespace: place, name: object }),
        };
        // A path is in no namespace.
        let place = if path.is_some() { "" } else { place };
        prop_assert_eq!(index.review(who, place, &asked).allowed, slowly(&steps, who, place, &asked));
    }

    #[test]
    fn who_holds_rules_lacks_nothing_of_them(rules in proptest::collection::vec(rule(), 0..4), other in rule()) {
        let rules: Vec<Rule> = rules.iter().map(Rule::read).collect();
        prop_assert_eq!(Rule::uncovered(&rules, &rules), Vec::new());
        prop_assert_eq!(Rule::uncovered(&Rule::full_authority(), &rules), Vec::new());
        // What is not covered is refused to who holds the rest, part by part.
        let other = Rule::read(&other);
        for part in Rule::uncovered(&rules, std::slice::from_ref(&other)) {
            let name = part.resource_names.first().map_or("", String::as_str);
            if let (Some(verb), Some(group), Some(resource)) = (part.verbs.first(), part.api_groups.first(), part.resources.first()) {
                let plain = ![verb, group, resource].iter().any(|word| word.contains('*'));
                let asked = Asked::Resource(Attributes { verb, group, resource, namespace: "", name });
                prop_assert!(!plain || !rules.iter().any(|rule| rule.allows(&asked)), "{part:?}");
            }
        }
    }
}
