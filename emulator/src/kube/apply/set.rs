//! Sets of fields (structured-merge-diff's `fieldpath.Set`) and their form on the wire, `FieldsV1`: `.` stands for the field itself
//! where fields below it are named too.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::element::Element;

/// Sets nested deeper are no sets of an object's fields.
const DEEPEST: usize = 128;

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set(BTreeMap<Element, Node>);

/// What a set has at a place: the field itself, fields below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Whether the field itself is in the set.
    pub member: bool,
    /// What is in the set below it.
    pub below: Set,
}

impl Node {
    /// Just the field itself.
    pub fn leaf() -> Self {
        Self { member: true, below: Set::default() }
    }

    /// Whether neither the field nor anything below is in the set.
    pub fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }

    fn union(&mut self, other: &Self) {
        self.member |= other.member;
        self.below.union(&other.below);
    }
}

impl Set {
    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What there is at an element.
    pub fn get(&self, element: &Element) -> Option<&Node> {
        self.0.get(element)
    }

    /// Adds what is at an element.
    pub fn put(&mut self, element: Element, node: Node) {
        if !node.is_empty() {
            self.0.entry(element).or_default().union(&node);
        }
    }

    /// The elements and what is at them.
    pub fn iter(&self) -> impl Iterator<Item = (&Element, &Node)> {
        self.0.iter()
    }

    /// Adds all fields of another set.
    pub fn union(&mut self, other: &Self) {
        for (element, node) in &other.0 {
            match self.0.get_mut(element) {
                Some(own) => own.union(node),
                None => {
                    self.0.insert(element.clone(), node.clone());
                }
            }
        }
    }

    /// Takes the fields of another set away, each for itself: what is below a field stays.
    pub fn subtract(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.0.retain(|element, node| {
            if let Some(gone) = other.get(element) {
                node.member &= !gone.member;
                node.below.subtract(&gone.below);
            }
            !node.is_empty()
        });
    }

    /// The fields that are in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let mut out = Self::default();
        for (element, node) in &self.0 {
            if let Some(theirs) = other.get(element) {
                let member = node.member && theirs.member;
                out.put(element.clone(), Node { member, below: node.below.intersection(&theirs.below) });
            }
        }
        out
    }

    /// Takes a field away with all that is below it.
    pub fn cut(&mut self, path: &[&str]) {
        let [name, rest @ ..] = path else { return };
        let element = Element::field(name);
        if rest.is_empty() {
            self.0.remove(&element);
        } else if let Some(node) = self.0.get_mut(&element) {
            node.below.cut(rest);
            if node.is_empty() {
                self.0.remove(&element);
            }
        }
    }

    /// Takes out what is at one field or below it.
    pub fn split(&mut self, name: &str) -> Self {
        Self(self.0.remove_entry(&Element::field(name)).into_iter().collect())
    }

    /// The paths of all fields, as messages write them.
    pub fn paths(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.collect_paths("", &mut out);
        out
    }

    fn collect_paths(&self, prefix: &str, out: &mut Vec<String>) {
        out.extend(self.0.iter().filter(|(_, node)| node.member).map(|(element, _)| format!("{prefix}{element}")));
        for (element, node) in self.0.iter().filter(|(_, node)| !node.below.is_empty()) {
            node.below.collect_paths(&format!("{prefix}{element}"), out);
        }
    }

    /// Reads `FieldsV1`; nothing if it is none.
    pub fn read(fields: &Value) -> Option<Self> {
        Self::read_at(fields.as_object()?, 0)
    }

    fn read_at(fields: &Map<String, Value>, depth: usize) -> Option<Self> {
        if depth > DEEPEST {
            return None;
        }
        let mut out = Self::default();
        for (name, below) in fields.iter().filter(|(name, _)| *name != ".") {
            let below = below.as_object()?;
            let member = below.is_empty() || below.contains_key(".");
            out.put(Element::read(name)?, Node { member, below: Self::read_at(below, depth + 1)? });
        }
        Some(out)
    }

    /// Reads the text of `FieldsV1`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(&serde_json::from_str(text).ok()?)
    }

    /// The text of `FieldsV1`.
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(64 * self.0.len());
        self.write(false, &mut out);
        out
    }

    fn write(&self, member: bool, out: &mut String) {
        out.push('{');
        let mut first = true;
        if member && !self.is_empty() {
            out.push_str(r#"".":{}"#);
            first = false;
        }
        for (element, node) in &self.0 {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            write_quoted(element.as_str(), out);
            out.push(':');
            node.below.write(node.member, out);
        }
        out.push('}');
    }
}

/// Writes a JSON string; most names need no escapes.
fn write_quoted(text: &str, out: &mut String) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}
