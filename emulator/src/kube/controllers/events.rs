//! Events as client-go's recorder writes them (`tools/record`): an event that was told before gets a higher count instead of a
//! new object, and after ten similar ones within ten minutes they are told as one.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::context::Context;
use super::object::{map_at, name, namespace, number, stamp, text, uid};
use crate::kube::kinds::{self, Kind};

const SIMILAR_LIMIT: usize = 10;
const SIMILAR_WITHIN: SignedDuration = SignedDuration::from_secs(600);

/// Who tells an event, and about which part.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// `kubelet`.
    pub component: &'a str,
    /// The node, of the kubelet.
    pub host: &'a str,
    /// `spec.containers{nginx}`.
    pub field_path: &'a str,
}

/// What has been told about one object.
#[derive(Debug, Default)]
struct Told {
    /// The event's name by its content.
    by_content: HashMap<String, String>,
    similar: HashMap<String, Similar>,
}

#[derive(Debug)]
struct Similar {
    messages: HashSet<String>,
    last: Timestamp,
}

/// Remembers what has been told, by the uid of the object.
#[derive(Debug, Default)]
pub struct Recorder {
    about: HashMap<String, Told>,
    last_name: i128,
}

impl Recorder {
    /// Forgets an object that is gone.
    pub fn forget(&mut self, uid: &str) {
        self.about.remove(uid);
    }

    /// Tells an event. Takes and returns the recorder, since the context that it writes through holds it.
    pub(super) fn told(
        mut self,
        context: &Context,
        kind: &Kind,
        object: &Value,
        (severity, reason, message): (&str, &str, &str),
        source: &Source,
    ) -> Self {
        let now = context.now();
        let told = self.about.entry(uid(object).to_owned()).or_default();
        let group = [source.component, source.host, severity, reason].join("\n");
        let (content, message) = told.aggregated(&group, source.field_path, message, now);
        let known = told.by_content.get(&content).cloned();
        if let Some(event_name) = known
            && again(context, namespace_of(object), &event_name, &message, now)
        {
            return self;
        }
        // The name ends in a number that only grows: the time in nanoseconds.
        self.last_name = (self.last_name + 1).max(now.as_nanosecond());
        let event_name = format!("{}.{:x}", name(object), self.last_name);
        told.by_content.insert(content, event_name.clone());
        let event = new_event(&event_name, kind, object, (severity, reason, &message), source, now);
        let _ = context.create(&kinds::EVENTS, event);
        self
    }
}

impl Told {
    /// The content that tells an event from others, and the message it gets.
    fn aggregated(&mut self, group: &str, field_path: &str, message: &str, now: Timestamp) -> (String, String) {
        let similar = self.similar.entry(group.to_owned()).or_insert_with(|| Similar { messages: HashSet::new(), last: now });
        if now.duration_since(similar.last) > SIMILAR_WITHIN {
            similar.messages.clear();
        }
        similar.last = now;
        if similar.messages.len() < SIMILAR_LIMIT {
            similar.messages.insert(message.to_owned());
        }
        if similar.messages.len() < SIMILAR_LIMIT {
            return ([group, field_path, message].join("\n"), message.to_owned());
        }
        (group.to_owned(), format!("(combined from similar events): {message}"))
    }
}

/// Events about what has no namespace lie in `default`.
fn namespace_of(object: &Value) -> &str {
    match namespace(object) {
        "" => "default",
        namespace => namespace,
    }
}

/// Counts an event once more; false if it is no longer there.
fn again(context: &Context, namespace: &str, event_name: &str, message: &str, now: Timestamp) -> bool {
    let counted = context.cluster.modify_as(context.world, context.manager, &kinds::EVENTS, (namespace, event_name), |event| {
        let count = number(event, "/count").unwrap_or(1) + 1;
        let event = map_at(event, &[]);
        event.insert("count".into(), count.into());
        event.insert("message".into(), message.into());
        event.insert("lastTimestamp".into(), stamp(now));
    });
    counted.is_some()
}

fn new_event(
    event_name: &str,
    kind: &Kind,
    object: &Value,
    (severity, reason, message): (&str, &str, &str),
    source: &Source,
    now: Timestamp,
) -> Value {
    let mut involved = json!({"kind": kind.kind});
    let fields = [
        ("namespace", namespace(object)),
        ("name", name(object)),
        ("uid", uid(object)),
        ("apiVersion", &kind.api_version()),
        ("resourceVersion", text(object, "/metadata/resourceVersion")),
        ("fieldPath", source.field_path),
    ];
    for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        involved[field] = value.into();
    }
    let mut from = json!({"component": source.component});
    if !source.host.is_empty() {
        from["host"] = source.host.into();
    }
    json!({
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": event_name, "namespace": namespace_of(object)},
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "source": from,
        "firstTimestamp": stamp(now),
        "lastTimestamp": stamp(now),
        "count": 1,
        "type": severity,
        "eventTime": null,
        "reportingComponent": source.component,
        "reportingInstance": source.host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenth_similar_event_within_ten_minutes_is_told_as_one() {
        let mut told = Told::default();
        let at = |seconds| Timestamp::from_second(seconds).expect("in range");
        for number in 0..9 {
            let (content, message) = told.aggregated("group", "", &format!("m{number}"), at(number));
            assert_eq!((content, message), (format!("group\n\nm{number}"), format!("m{number}")));
        }
        let tenth = told.aggregated("group", "", "m9", at(9));
        assert_eq!(tenth, ("group".into(), "(combined from similar events): m9".into()));
        let later = told.aggregated("group", "", "m10", at(700));
        assert_eq!(later.1, "m10");
    }
}
