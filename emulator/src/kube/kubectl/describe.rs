//! `kubectl describe`: the form that kubectl has for kinds it does not know specially, every member with its name in words, and the
//! object's events behind it.

use serde_json::{Value, json};

use super::print::{columns, sorted};
use super::{Failure, Output, Session};
use crate::kube::kinds::{self, Kind};
use crate::kube::table::age;

impl Session<'_> {
    pub(super) fn describe(&self) -> Result<Output, Failure> {
        let mut described = Vec::new();
        for (kind, mut names) in self.objects(&self.args.words)? {
            if names.is_empty() {
                let place = if self.args.flag("all-namespaces") { None } else { Some(self.namespace()) };
                let list = self.good(self.client.get(&self.path(kind, place, ""), "application/json"))?;
                let items = list["items"].as_array().into_iter().flatten();
                names.extend(items.filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned)));
            }
            for name in names {
                let object = self.read(kind, self.namespace(), &name)?;
                described.push(self.describe_one(kind, &object));
            }
        }
        if described.is_empty() {
            return Ok(Output::ok(format!("No resources found in {} namespace.", self.namespace())));
        }
        Ok(Output::ok(described.join("\n\n")))
    }

    fn describe_one(&self, kind: &Kind, object: &Value) -> String {
        let metadata = &object["metadata"];
        let mut lines = vec![
            vec!["Name:".to_owned(), metadata["name"].as_str().unwrap_or_default().to_owned()],
            vec!["Namespace:".to_owned(), metadata["namespace"].as_str().unwrap_or_default().to_owned()],
        ];
        for (title, member) in [("Labels:", "labels"), ("Annotations:", "annotations")] {
            let pairs = metadata[member].as_object().into_iter().flatten();
            let mut pairs: Vec<String> =
                pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
            pairs.sort();
            let mut pairs = pairs.into_iter();
            lines.push(vec![title.to_owned(), pairs.next().unwrap_or_else(|| "<none>".into())]);
            lines.extend(pairs.map(|pair| vec![String::new(), pair]));
        }
        lines.push(vec!["API Version:".to_owned(), kind.api_version()]);
        lines.push(vec!["Kind:".to_owned(), kind.kind.clone()]);
        let mut text = columns(&lines);
        let mut rest = sorted(object);
        for member in ["apiVersion", "kind"] {
            rest.as_object_mut().map(|members| members.shift_remove(member));
        }
        if let Some(metadata) = rest["metadata"].as_object_mut() {
            for member in ["name", "namespace", "labels", "annotations", "managedFields"] {
                metadata.shift_remove(member);
            }
        }
        write(&rest, 0, &mut text);
        text.push_str(&self.events(object));
        text
    }

    fn events(&self, object: &Value) -> String {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("fieldSelector", &format!("involvedObject.uid={uid}"))
            .finish();
        let path = format!("{}?{query}", self.path(&kinds::EVENTS, Some(namespace), ""));
        let events = self.client.get(&path, "application/json").json();
        let now = self.client.world.clock.now();
        let mut lines = vec![
            ["  Type", "Reason", "Age", "From", "Message"].map(str::to_owned).to_vec(),
            ["  ----", "------", "----", "----", "-------"].map(str::to_owned).to_vec(),
        ];
        for event in events["items"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            lines.push(vec![
                format!("  {}", text(&event["type"])),
                text(&event["reason"]),
                age(&event["lastTimestamp"], now),
                text(&event["source"]["component"]),
                text(&event["message"]),
            ]);
        }
        if lines.len() == 2 { "Events:  <none>\n".into() } else { format!("Events:\n{}", columns(&lines)) }
    }
}

/// `hostIP` is `Host IP`.
fn words(member: &str) -> String {
    let mut text = String::new();
    let mut before = ' ';
    for letter in member.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            text.push(' ');
        }
        if text.is_empty() {
            text.extend(letter.to_uppercase());
        } else {
            text.push(letter);
        }
        before = letter;
    }
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let Some(members) = value.as_object() else { return };
    for (key, value) in members {
        let title = words(key);
        match value {
            Value::Object(_) => {
                text.push_str(&format!("{indent}{title}:\n"));
                write(value, depth + 1, text);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                text.push_str(&format!("{indent}{title}:\n"));
                for item in items {
                    write(item, depth + 1, text);
                }
            }
            Value::Array(items) => {
                text.push_str(&format!("{indent}{title}:\n"));
                for item in items {
                    text.push_str(&format!("{indent}  {}\n", plain(item)));
                }
            }
            other => text.push_str(&format!("{indent}{title}:  {}\n", plain(other))),
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".into(),
        other => json!(other).to_string(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn members_are_told_in_words() {
        assert_eq!(["hostIP", "restartPolicy", "name"].map(super::words), ["Host IP", "Restart Policy", "Name"]);
    }
}
