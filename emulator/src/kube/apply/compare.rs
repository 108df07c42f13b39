//! What differs between two objects, and what fields an object has (structured-merge-diff's `typed.Compare` and `ToFieldSet`).

use serde_json::Value;

use super::element::Element;
use super::schema::{Manner, Schema};
use super::set::{Node, Set};

/// Metadata that nobody owns.
const NOBODYS: &[&str] = &[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
];

/// What differs.
#[derive(Debug, Default)]
pub struct Difference {
    /// Fields that are new or have another value.
    pub touched: Set,
    /// Fields that are gone.
    pub removed: Set,
}

/// The same at one place.
#[derive(Default)]
struct Place {
    touched: Node,
    removed: Node,
}

/// Compares two objects; what only the server sets is left out.
pub fn objects(schema: Schema<'_>, old: &Value, new: &Value) -> Difference {
    let mut place = Place::default();
    for name in names(old, new) {
        if matches!(name, "apiVersion" | "kind") {
            continue;
        }
        let child = schema.child(name);
        let (before, after) = (old.get(name).or(child.zero), new.get(name).or(child.zero));
        let found =
            if name == "metadata" { fields(child.schema, before, after, NOBODYS) } else { differ(child.schema, before, after) };
        place.put(Element::field(name), found);
    }
    Difference { touched: place.touched.below, removed: place.removed.below }
}

/// The names of the members of both, the old ones' first.
fn names<'a>(old: &'a Value, new: &'a Value) -> impl Iterator<Item = &'a str> {
    let keys = |value: &'a Value| value.as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str));
    keys(old).chain(keys(new).filter(|name| old.get(*name).is_none()))
}

impl Place {
    fn put(&mut self, element: Element, found: Self) {
        self.touched.below.put(element.clone(), found.touched);
        self.removed.below.put(element, found.removed);
    }

    fn leaf(old: Option<&Value>, new: Option<&Value>) -> Self {
        let mut place = Self::default();
        place.removed.member = new.is_none();
        place.touched.member = new.is_some() && old != new;
        place
    }

    /// What is new or gone as a whole is so itself too.
    fn around(mut self, old: Option<&Value>, new: Option<&Value>) -> Self {
        self.touched.member = old.is_none();
        self.removed.member = new.is_none();
        self
    }
}

fn is_hollow(value: Option<&Value>) -> bool {
    value.is_none_or(|value| match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    })
}

fn differ(schema: Schema<'_>, old: Option<&Value>, new: Option<&Value>) -> Place {
    let Some(shown) = new.filter(|value| !value.is_null()).or(old).or(new) else { return Place::default() };
    if old.is_some() && old == new {
        return Place::default();
    }
    let manner = schema.manner(shown);
    let fits = |value: Option<&Value>| {
        value.is_none_or(|value| value.is_null() || (value.is_object() == (manner == Manner::Fields) && !is_scalar(value)))
    };
    if manner == Manner::Leaf || !fits(old) || !fits(new) {
        return Place::leaf(old, new);
    }
    if is_hollow(old) && is_hollow(new) {
        return if old.is_some() && new.is_some() { Place::default() } else { Place::leaf(old, new) };
    }
    match manner {
        Manner::Fields => fields(schema, old, new, &[]),
        manner => items(schema, &manner, old, new),
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

fn fields(schema: Schema<'_>, old: Option<&Value>, new: Option<&Value>, except: &[&str]) -> Place {
    let mut place = Place::default();
    let (before, after) = (old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null));
    for name in names(before, after).filter(|name| !except.contains(name)) {
        let child = schema.child(name);
        let of = |around: Option<&'_ Value>| around.map(|_| child.zero);
        let was = before.get(name).or(of(old).flatten());
        let is = after.get(name).or(of(new).flatten());
        place.put(Element::field(name), differ(child.schema, was, is));
    }
    place.around(old, new)
}

fn items(schema: Schema<'_>, manner: &Manner<'_>, old: Option<&Value>, new: Option<&Value>) -> Place {
    let (before, after) = (elements(schema, manner, old), elements(schema, manner, new));
    let mut place = Place::default();
    for (element, was) in &before {
        let is = after.iter().find(|(other, _)| other == element).map(|(_, item)| *item);
        place.put(element.clone(), differ(schema.item(), Some(was), is));
    }
    for (element, is) in after {
        if !before.iter().any(|(other, _)| *other == element) {
            place.put(element, differ(schema.item(), None, Some(is)));
        }
    }
    place.around(old, new)
}

/// The items of a list with their names; what has none, and what has one that was there before, is left out.
pub fn elements<'a>(schema: Schema<'_>, manner: &Manner<'_>, list: Option<&'a Value>) -> Vec<(Element, &'a Value)> {
    let mut out: Vec<(Element, &Value)> = Vec::new();
    for item in list.and_then(Value::as_array).into_iter().flatten() {
        if let Some(element) = element_of(schema, manner, item)
            && !out.iter().any(|(known, _)| *known == element)
        {
            out.push((element, item));
        }
    }
    out
}

/// The name of a list's item; nothing if it leaves out all of the fields that would name it.
pub fn element_of(schema: Schema<'_>, manner: &Manner<'_>, item: &Value) -> Option<Element> {
    let Manner::Keyed(keys) = manner else { return Some(Element::value(item)) };
    let own = |key: &str| item.get(key).filter(|value| !value.is_null());
    let named: Vec<(&str, Value)> =
        keys.iter().filter_map(|key| Some((*key, own(key).cloned().or_else(|| schema.key_default(key))?))).collect();
    keys.iter().any(|key| own(key).is_some()).then(|| Element::keyed(named))
}

/// The fields that an object has; an empty map is a field, a map with something in it is what is in it.
pub fn fields_of(schema: Schema<'_>, object: &Value) -> Set {
    let mut out = Set::default();
    for (name, value) in object.as_object().into_iter().flatten() {
        if !matches!(name.as_str(), "apiVersion" | "kind") {
            out.put(Element::field(name), node_of(schema.child(name).schema, value));
        }
    }
    for name in NOBODYS {
        out.cut(&["metadata", name]);
    }
    out
}

fn node_of(schema: Schema<'_>, value: &Value) -> Node {
    match (schema.manner(value), value) {
        (Manner::Fields, Value::Object(fields)) => {
            let mut node = Node::default();
            for (name, value) in fields {
                let child = schema.child(name);
                let mut below = node_of(child.schema, value);
                let hollow = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                below.member |= hollow || !child.declared;
                node.below.put(Element::field(name), below);
            }
            node
        }
        (manner @ (Manner::Keyed(_) | Manner::Set), Value::Array(_)) => {
            let mut node = Node::default();
            for (element, item) in elements(schema, &manner, Some(value)) {
                let below = node_of(schema.item(), item).below;
                node.below.put(element, Node { member: true, below });
            }
            node
        }
        (Manner::Fields | Manner::Keyed(_) | Manner::Set, Value::Null) => Node::default(),
        _ => Node::leaf(),
    }
}
