//! Templates: what a description says of values that azlet makes. `{word}` stands for a value; a text that is one placeholder
//! alone becomes the value itself, whatever its type.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::store::Resource;
use crate::kernel::clock::{rfc3339_seconds, rfc3339_ticks};
use crate::kernel::resource_id::ResourceId;

/// Base64 without its two signs: in what keys are written.
const KEY: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What templates speak of.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub request: &'a Request<'a>,
    /// The id of the resource.
    pub id: &'a ResourceId,
    pub location: &'a str,
    /// The resource as it is stored, where there is one.
    pub resource: Option<&'a Resource>,
    /// The resource above it.
    pub parent: Option<&'a Resource>,
    pub state: &'a str,
    /// The name of the operation that begins.
    pub operation: &'a str,
}

impl Scope<'_> {
    /// A template with everything put in.
    pub fn fill(&self, template: &Value) -> Value {
        match template {
            Value::String(text) => self.text(text),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill(item)).collect()),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    /// A template of a text.
    pub fn path(&self, template: &str) -> String {
        match self.text(template) {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    fn text(&self, text: &str) -> Value {
        if let Some(word) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|word| !word.contains('{')) {
            return self.word(word);
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((word, behind)) = after.split_once('}') else {
                filled.push('{');
                rest = after;
                continue;
            };
            match self.word(word) {
                Value::String(value) => filled.push_str(&value),
                Value::Null => {}
                other => filled.push_str(&other.to_string()),
            }
            rest = behind;
        }
        filled.push_str(rest);
        json!(filled)
    }

    /// The value of one placeholder, with `|lower` or, for a GUID without dashes, `|hex` applied.
    fn word(&self, word: &str) -> Value {
        let (word, form) = word.split_once('|').unwrap_or((word, ""));
        match (self.plain(word), form) {
            (Value::String(text), "lower") => json!(text.to_lowercase()),
            (Value::String(text), "hex") => json!(text.replace('-', "")),
            (other, _) => other,
        }
    }

    fn plain(&self, word: &str) -> Value {
        let world = self.request.world;
        let now = self.request.now;
        if let Some(path) = word.strip_prefix("parent.") {
            return self.parent.map_or(Value::Null, |parent| within(parent, path));
        }
        if let Some(path) = word.strip_prefix("self.") {
            return self.resource.map_or(Value::Null, |resource| within(resource, path));
        }
        if let Some(path) = word.strip_prefix("body.") {
            return path.split('.').fold(&self.request.body, |value, name| &value[name]).clone();
        }
        match word.split_once(' ') {
            Some(("embedded", child)) => {
                return self.resource.map_or(Value::Null, |resource| super::render::embedded(self, resource, child));
            }
            Some(("guid", what)) => return json!(world.ids.named(&format!("{what} {}", self.id.key()))),
            Some(("key", what)) => {
                let text = world.ids.named_text(&format!("{what} {}", self.id.key()), 86, KEY);
                return json!(format!("{text}=="));
            }
            _ => {}
        }
        match word {
            "id" => json!(self.id.as_str()),
            "name" => json!(self.id.name()),
            "location" => json!(self.location),
            "state" => json!(self.state),
            "operation" => json!(self.operation),
            "guid" => json!(world.ids.named(self.id.key())),
            "fresh" => json!(world.ids.uuid()),
            "now" => json!(rfc3339_ticks(now)),
            "nextHour" => json!(until(now, 3600)),
            "nextDay" => json!(until(now, 86_400)),
            "nowHttp" => json!(now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
            "tenant" => json!(world.directory.tenant.id),
            "subscription" => json!(self.id.subscription().unwrap_or_default()),
            "group" => json!(self.id.group().unwrap_or_default()),
            "parent" => json!(self.id.parent().map(|parent| parent.as_str().to_owned())),
            "etag" => json!(self.resource.and_then(|resource| super::render::own_etag(self, resource))),
            "caller" => json!(self.request.caller.object_id),
            "version" => json!(self.request.version),
            _ => Value::Null,
        }
    }
}

/// When the next full hour or day begins.
fn until(now: Timestamp, seconds: i64) -> String {
    let next = (now.as_second() / seconds + 1) * seconds;
    Timestamp::from_second(next).map(rfc3339_seconds).unwrap_or_default()
}

/// What a resource says at a path: `location`, `name`, `sku.name`, `properties.loginServer`.
fn within(resource: &Resource, path: &str) -> Value {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let properties;
    let value = match first {
        "id" => return json!(resource.id.as_str()),
        "name" => return json!(resource.name()),
        "location" => return json!(resource.location),
        "tags" => return json!(resource.tags),
        "sku" => resource.sku.as_ref(),
        "identity" => resource.identity.as_ref(),
        "properties" => {
            properties = Value::Object(resource.properties.clone());
            Some(&properties)
        }
        other => resource.members.get(other),
    };
    let names = rest.into_iter().flat_map(|rest| rest.split('.'));
    value.map_or(Value::Null, |value| names.fold(value, |value, name| &value[name]).clone())
}
