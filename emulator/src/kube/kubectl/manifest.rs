//! The objects in the files that `-f` names: YAML with several documents, JSON, lists; a folder means what lies in it.

use serde_json::Value;

use super::{Failure, Output, Session};
use crate::kube::body::parse_yaml;
use crate::kube::kinds::Kind;

/// An object of a file.
pub(super) struct Manifest {
    pub(super) kind: &'static Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) object: Value,
}

impl Session<'_> {
    /// What the files hold, in their order.
    pub(super) fn manifests(&self) -> Result<Vec<Manifest>, Failure> {
        let mut found = Vec::new();
        for path in self.args.values("filename") {
            for (name, text) in self.files_at(path)? {
                for document in documents(text) {
                    let value = parse_yaml(document.as_bytes())
                        .map_err(|why| Output::failed(format!("error: error parsing {name}: {why}")))?;
                    self.collect(name, value, &mut found)?;
                }
            }
        }
        if found.is_empty() {
            return Err(Output::failed("error: no objects passed to apply"));
        }
        Ok(found)
    }

    fn files_at(&self, path: &str) -> Result<Vec<(&str, &str)>, Failure> {
        if path == "-" || path.contains("://") {
            return Err(Output::failed(format!("error: azlet's run command reads only attached files, not \"{path}\"")));
        }
        let plain = path.trim_start_matches("./").trim_end_matches('/');
        if let Some((name, text)) = self.files.get_key_value(plain) {
            return Ok(vec![(name, text)]);
        }
        let is_manifest = |name: &str| [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending));
        let inside = |name: &str| {
            if plain == "." || plain.is_empty() { !name.contains('/') } else { below(name, plain, self.args.flag("recursive")) }
        };
        let all = self.files.iter().filter(|(name, _)| is_manifest(name) && inside(name));
        let all: Vec<(&str, &str)> = all.map(|(name, text)| (name.as_str(), text.as_str())).collect();
        if all.is_empty() {
            return Err(Output::failed(format!("error: the path \"{path}\" does not exist")));
        }
        Ok(all)
    }

    fn collect(&self, file: &str, object: Value, found: &mut Vec<Manifest>) -> Result<(), Failure> {
        if object["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && object["items"].is_array() {
            for item in object["items"].as_array().into_iter().flatten() {
                self.collect(file, item.clone(), found)?;
            }
            return Ok(());
        }
        let text = |member: &str| object[member].as_str().unwrap_or_default().to_owned();
        let (kind, version) = (text("kind"), text("apiVersion"));
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let given = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let Some(known) = self.client.cluster.served().by_api_version(&version, &kind) else {
            return Err(Output::failed(format!(
                "error: resource mapping not found for name: \"{name}\" namespace: \"{given}\" from \"{file}\": no matches for kind \
                 \"{kind}\" in version \"{version}\"\nensure CRDs are installed first"
            )));
        };
        if let Some(flag) = self.args.value("namespace").filter(|flag| known.namespaced && !given.is_empty() && *flag != given) {
            return Err(Output::failed(format!(
                "error: the namespace from the provided object \"{given}\" does not match the namespace \"{flag}\". You must pass \
                 '--namespace={given}' to perform this operation."
            )));
        }
        let namespace = if given.is_empty() { self.namespace() } else { given }.to_owned();
        found.push(Manifest { kind: known, namespace, name, object });
        Ok(())
    }
}

fn below(name: &str, folder: &str, deep: bool) -> bool {
    name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| deep || !rest.contains('/'))
}

/// The documents of a YAML text that are not empty.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line.trim_end() == "---" {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    let says_something = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    documents.retain(|document| document.lines().any(says_something));
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart() {
        assert_eq!(documents("# c\n---\na: 1\n---\n\n---\nb: 2"), ["a: 1\n", "b: 2\n"]);
        assert!(below("d/a.yaml", "d", false) && !below("d/e/a.yaml", "d", false) && below("d/e/a.yaml", "d", true));
    }
}
