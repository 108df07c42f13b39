//! `metadata.managedFields`: who owns which fields (apimachinery's `managedfields/internal`: `managers.go`, `capmanagers.go`).
//!
//! In a stored object `fieldsV1` is the text of the set instead of the set: an object has as many owned fields as it has fields, and
//! most of the time nobody looks at them. `wire.rs` shows the text as what it is.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::set::Set;
use crate::kernel::clock::rfc3339_seconds;

/// How many entries of updates an object has at most; the oldest become one.
const MOST_UPDATERS: usize = 10;
/// The name of what the oldest become.
const OLD_UPDATES: &str = "ancient-changes";

/// Who changes an object, and by which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer<'a> {
    /// The name: `fieldManager`, or the client's own.
    pub manager: &'a str,
    /// The subresource; empty for the object itself.
    pub subresource: &'a str,
}

/// What one manager owns.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub manager: String,
    /// Whether by applying.
    pub applied: bool,
    /// In which version it named the fields.
    pub api_version: String,
    /// Through which subresource.
    pub subresource: String,
    /// When it last took something.
    pub time: Option<String>,
    /// The fields as text, until they matter.
    unread: Option<String>,
    set: Set,
}

impl Entry {
    /// An entry without fields.
    pub fn new(writer: Writer<'_>, applied: bool, api_version: &str) -> Self {
        Self {
            manager: writer.manager.into(),
            applied,
            api_version: api_version.into(),
            subresource: writer.subresource.into(),
            time: None,
            unread: None,
            set: Set::default(),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str().unwrap_or("").to_owned();
        let applied = match value["operation"].as_str()? {
            "Apply" => true,
            "Update" => false,
            _ => return None,
        };
        if value["fieldsType"] != "FieldsV1" || text("apiVersion").is_empty() {
            return None;
        }
        let (unread, set) = match &value["fieldsV1"] {
            Value::String(text) => (Some(text.clone()), Set::default()),
            Value::Null => (None, Set::default()),
            fields => (None, Set::read(fields)?),
        };
        Some(Self {
            manager: text("manager"),
            applied,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: value["time"].as_str().map(str::to_owned),
            unread,
            set,
        })
    }

    /// The fields.
    pub fn set(&mut self) -> &mut Set {
        if let Some(text) = self.unread.take() {
            self.set = Set::parse(&text).unwrap_or_default();
        }
        &mut self.set
    }

    /// Whether the entry may own something of a set: told without reading if it has nothing at the same beginnings.
    pub fn may_touch(&self, set: &Set) -> bool {
        match &self.unread {
            Some(text) => set.iter().any(|(element, _)| text.contains(&Value::from(element.as_str()).to_string())),
            None => set.iter().any(|(element, _)| self.set.get(element).is_some()),
        }
    }

    /// Whether it stands for a writer: appliers are the same in each version.
    pub fn is_of(&self, writer: Writer<'_>, applied: bool, api_version: &str) -> bool {
        let version = applied || self.api_version == api_version;
        self.manager == writer.manager && self.subresource == writer.subresource && self.applied == applied && version
    }

    fn is_empty(&self) -> bool {
        self.unread.is_none() && self.set.is_empty()
    }

    /// As conflicts name it.
    pub fn described(&self) -> String {
        let mut out = Value::from(self.manager.as_str()).to_string();
        if !self.subresource.is_empty() {
            out.push_str(&format!(" with subresource {}", Value::from(self.subresource.as_str())));
        }
        if !self.applied {
            out.push_str(&format!(" using {}", self.api_version));
        }
        out
    }

    fn written(self) -> Value {
        let mut out = Map::new();
        if !self.manager.is_empty() {
            out.insert("manager".into(), self.manager.into());
        }
        out.insert("operation".into(), if self.applied { "Apply" } else { "Update" }.into());
        out.insert("apiVersion".into(), self.api_version.into());
        if let Some(time) = self.time {
            out.insert("time".into(), time.into());
        }
        out.insert("fieldsType".into(), "FieldsV1".into());
        let text = self.unread.unwrap_or_else(|| self.set.text());
        out.insert("fieldsV1".into(), text.into());
        if !self.subresource.is_empty() {
            out.insert("subresource".into(), self.subresource.into());
        }
        out.into()
    }
}

/// All that is owned of an object.
#[derive(Clone, Debug, Default)]
pub struct Managers(pub Vec<Entry>);

impl Managers {
    /// The managers of an object; nothing if they cannot be read.
    pub fn of(object: &Value) -> Option<Self> {
        match &object["metadata"]["managedFields"] {
            Value::Array(entries) => entries.iter().map(Entry::read).collect::<Option<_>>().map(Self),
            _ => Some(Self::default()),
        }
    }

    /// The managers that a change begins with: those that the client sends, or else those that the object has.
    /// A list of one empty entry forgets all.
    pub fn before(old: &Value, new: &Value, subresource: bool) -> Self {
        let live = || Self::of(old).unwrap_or_default();
        match &new["metadata"]["managedFields"] {
            sent @ Value::Array(entries) if !subresource && *sent != old["metadata"]["managedFields"] => {
                if matches!(entries.as_slice(), [Value::Object(entry)] if entry.is_empty()) {
                    return Self::default();
                }
                let sound = |fields: &Value| fields.as_str().is_none_or(|text| Set::parse(text).is_some());
                let sent = Self::of(new).filter(|_| entries.iter().all(|entry| sound(&entry["fieldsV1"])));
                sent.filter(|managers| !managers.0.is_empty()).unwrap_or_else(live)
            }
            _ => live(),
        }
    }

    /// The entry of a writer, made if there is none.
    pub fn entry(&mut self, writer: Writer<'_>, applied: bool, api_version: &str) -> &mut Entry {
        let known = self.0.iter().position(|entry| entry.is_of(writer, applied, api_version));
        let position = known.unwrap_or_else(|| {
            self.0.push(Entry::new(writer, applied, api_version));
            self.0.len() - 1
        });
        &mut self.0[position]
    }

    /// Forgets who owns nothing.
    pub fn drop_empty(&mut self) {
        self.0.retain(|entry| !entry.is_empty());
    }

    /// Makes one entry of the oldest updates if there are too many.
    pub fn cap(&mut self) {
        let mut updaters: Vec<Entry> = Vec::new();
        self.0.retain(|entry| {
            if !entry.applied {
                updaters.push(entry.clone());
            }
            entry.applied
        });
        updaters.sort_by(|left, right| (&left.time, &left.manager).cmp(&(&right.time, &right.manager)));
        let mut left = updaters.len();
        let mut firsts: Vec<Entry> = Vec::new();
        let mut kept = Vec::new();
        for mut entry in updaters {
            let bucket = firsts.iter_mut().find(|first| first.api_version == entry.api_version);
            match bucket {
                _ if left <= MOST_UPDATERS => kept.push(entry),
                Some(bucket) => {
                    bucket.set().union(entry.set());
                    bucket.manager = OLD_UPDATES.into();
                    bucket.subresource.clear();
                    bucket.time = entry.time;
                    left -= 1;
                }
                None => firsts.push(entry),
            }
        }
        self.0.extend(firsts);
        self.0.extend(kept);
    }

    /// Writes them into an object: appliers first, then by time and name.
    pub fn write(mut self, object: &mut Value) {
        self.0.sort_by(|left, right| {
            let key = |entry: &Entry| {
                (!entry.applied, entry.time.clone(), entry.manager.clone(), entry.api_version.clone(), entry.subresource.clone())
            };
            key(left).cmp(&key(right))
        });
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        if self.0.is_empty() {
            metadata.shift_remove("managedFields");
        } else {
            metadata.insert("managedFields".into(), self.0.into_iter().map(Entry::written).collect());
        }
    }
}

/// A time as entries have it.
pub fn stamp(now: Timestamp) -> String {
    rfc3339_seconds(now)
}

/// An object without its managers.
pub fn forget(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
}
