//! The roles and bindings of a cluster, read once when they change and found by whom they name: the cost of a request follows from the
//! bindings of who asks, never from those there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Asked, Rule};
use crate::kube::kinds;

/// A place: namespace (empty for the cluster) and name.
type Place = (String, String);

/// Who a binding names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    User(String),
    Group(String),
}

/// Who is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user's name.
    pub name: &'a str,
    /// The user's groups.
    pub groups: &'a [String],
}

#[derive(Debug)]
struct Binding {
    /// Where its role is; the namespace is empty for a role of the cluster.
    role: Place,
    /// Who is bound, and in which words reasons tell so.
    parties: Vec<(Party, String)>,
}

/// What roles say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// Whether they allow it.
    pub allowed: bool,
    /// Why, or which roles are absent.
    pub reason: String,
}

/// All roles and bindings of a cluster.
#[derive(Debug, Default)]
pub struct Index {
    roles: BTreeMap<Place, Arc<[Rule]>>,
    bindings: BTreeMap<Place, Binding>,
    bound: BTreeMap<Party, BTreeSet<Place>>,
    aggregates: BTreeSet<String>,
}

impl Index {
    /// Notes that an object is there now, or no more.
    pub fn note(&mut self, kind: usize, place: Place, object: Option<&Value>) {
        if kind == kinds::ROLES.index || kind == kinds::CLUSTER_ROLES.index {
            self.note_role(place, object);
        } else if kind == kinds::ROLE_BINDINGS.index || kind == kinds::CLUSTER_ROLE_BINDINGS.index {
            self.note_binding(place, object);
        }
    }

    fn note_role(&mut self, place: Place, object: Option<&Value>) {
        if place.0.is_empty() {
            match object.filter(|role| role["aggregationRule"].is_object()) {
                Some(_) => self.aggregates.insert(place.1.clone()),
                None => self.aggregates.remove(&place.1),
            };
        }
        match object {
            Some(role) => self.roles.insert(place, Rule::read_all(role).into()),
            None => self.roles.remove(&place),
        };
    }

    fn note_binding(&mut self, place: Place, object: Option<&Value>) {
        if let Some(before) = self.bindings.remove(&place) {
            for (party, _) in before.parties {
                if let Some(places) = self.bound.get_mut(&party) {
                    places.remove(&place);
                    if places.is_empty() {
                        self.bound.remove(&party);
                    }
                }
            }
        }
        let Some(object) = object else { return };
        let binding = Binding::read(object, &place.0);
        for (party, _) in &binding.parties {
            self.bound.entry(party.clone()).or_default().insert(place.clone());
        }
        self.bindings.insert(place, binding);
    }

    /// The roles of the cluster that are made of others.
    pub fn aggregates(&self) -> impl Iterator<Item = &str> {
        self.aggregates.iter().map(String::as_str)
    }

    /// The rules of a role; of the cluster's without a namespace.
    pub fn rules(&self, namespace: &str, name: &str) -> Option<Arc<[Rule]>> {
        self.roles.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// The bindings that name someone: those of the cluster, then those of the namespace, each by name.
    fn bindings_of(&self, subject: Subject<'_>, namespace: &str) -> Vec<(&Place, &Binding, &str)> {
        let user = std::iter::once(Party::User(subject.name.to_owned()));
        let parties: Vec<Party> = user.chain(subject.groups.iter().cloned().map(Party::Group)).collect();
        let mut places: BTreeSet<&Place> = BTreeSet::new();
        for bound in parties.iter().filter_map(|party| self.bound.get(party)) {
            for home in [""].into_iter().chain((!namespace.is_empty()).then_some(namespace)) {
                let start = (home.to_owned(), String::new());
                places.extend(bound.range(start..).take_while(|place| place.0 == home));
            }
        }
        let found = places.into_iter().filter_map(|place| {
            let binding = self.bindings.get(place)?;
            let (_, told) = binding.parties.iter().find(|(party, _)| parties.contains(party))?;
            Some((place, binding, told.as_str()))
        });
        found.collect()
    }

    /// Whether roles allow what is asked, in a namespace or in none.
    pub fn review(&self, subject: Subject<'_>, namespace: &str, asked: &Asked<'_>) -> Reviewed {
        let mut absent = Vec::new();
        for (place, binding, told) in self.bindings_of(subject, namespace) {
            match self.roles.get(&binding.role) {
                Some(rules) if rules.iter().any(|rule| rule.allows(asked)) => {
                    return Reviewed { allowed: true, reason: binding.reason(place, told) };
                }
                Some(_) => {}
                None => absent.push(binding.absent_role()),
            }
        }
        let reason = aggregate(&absent).map(|faults| format!("RBAC: {faults}")).unwrap_or_default();
        Reviewed { allowed: false, reason }
    }

    /// All rules that hold for someone in a namespace, and what could not be found out.
    pub fn rules_for(&self, subject: Subject<'_>, namespace: &str) -> (Vec<Rule>, Option<String>) {
        let (mut rules, mut absent) = (Vec::new(), Vec::new());
        for (_, binding, _) in self.bindings_of(subject, namespace) {
            match self.roles.get(&binding.role) {
                Some(found) => rules.extend(found.iter().cloned()),
                None => absent.push(binding.absent_role()),
            }
        }
        (rules, aggregate(&absent))
    }
}

/// Faults as `NewAggregate` writes them: one bare, several in brackets, each once.
fn aggregate(faults: &[String]) -> Option<String> {
    let mut distinct: Vec<&str> = Vec::new();
    for fault in faults {
        if !distinct.contains(&fault.as_str()) {
            distinct.push(fault);
        }
    }
    match distinct.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        many => Some(format!("[{}]", many.join(", "))),
    }
}

impl Binding {
    fn read(object: &Value, namespace: &str) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of_cluster = object["roleRef"]["kind"] == "ClusterRole";
        let role = (if of_cluster { String::new() } else { namespace.to_owned() }, text(&object["roleRef"]["name"]));
        let subjects = object["subjects"].as_array().into_iter().flatten();
        let parties = subjects.filter_map(|subject| {
            let name = text(&subject["name"]);
            let kind = subject["kind"].as_str()?;
            let (party, named) = match kind {
                "User" => (Party::User(name.clone()), name),
                "Group" => (Party::Group(name.clone()), name),
                "ServiceAccount" => {
                    let own = subject["namespace"].as_str().filter(|own| !own.is_empty()).unwrap_or(namespace);
                    (Party::User(format!("system:serviceaccount:{own}:{name}")), format!("{name}/{own}"))
                }
                _ => return None,
            };
            Some((party, format!("{kind} {named:?}")))
        });
        Self { role, parties: parties.collect() }
    }

    fn reason(&self, place: &Place, told: &str) -> String {
        let role = if self.role.0.is_empty() { "ClusterRole" } else { "Role" };
        let (namespace, name) = place;
        let binding = if namespace.is_empty() {
            format!("ClusterRoleBinding {name:?}")
        } else {
            format!("RoleBinding {:?}", format!("{name}/{namespace}"))
        };
        format!("RBAC: allowed by {binding} of {role} {:?} to {told}", self.role.1)
    }

    fn absent_role(&self) -> String {
        let plural = if self.role.0.is_empty() { "clusterrole" } else { "role" };
        format!("{plural}.rbac.authorization.k8s.io {:?} not found", self.role.1)
    }
}
