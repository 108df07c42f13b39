//! A user's own cluster (kind, k3s, kwok) in the place of the simulated ones: its credentials are what clusters hand out, and azlet's own
//! API servers are off.

use serde_json::{Map, Value, json};

/// What clients need to reach a cluster: an entry of a kubeconfig each.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    cluster: Value,
    user: Value,
}

/// Members that name files, and those that hold their content instead.
const FILES: [(&str, &str); 4] = [
    ("certificate-authority", "certificate-authority-data"),
    ("client-certificate", "client-certificate-data"),
    ("client-key", "client-key-data"),
    ("tokenFile", "token"),
];

impl Backend {
    /// Reads the current context of a kubeconfig. Files that it names are read with `file` and carried along, so that what is handed out
    /// is whole.
    pub fn read(text: &[u8], file: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Self, String> {
        let config = super::body::parse_yaml(text).map_err(|why| format!("it is no YAML: {why}"))?;
        let current = config["current-context"].as_str().unwrap_or_default();
        let context = named(&config, "contexts", current, "context")?;
        let text = |field: &str| context[field].as_str().unwrap_or_default();
        let mut cluster = named(&config, "clusters", text("cluster"), "cluster")?;
        let mut user = named(&config, "users", text("user"), "user")?;
        if cluster["server"].as_str().is_none_or(str::is_empty) {
            return Err(format!("its cluster {:?} has no server", text("cluster")));
        }
        carry(&mut cluster, &file)?;
        carry(&mut user, &file)?;
        Ok(Self { cluster: Value::Object(cluster), user: Value::Object(user) })
    }

    /// The address of its API server.
    pub fn server(&self) -> &str {
        self.cluster["server"].as_str().unwrap_or_default()
    }

    /// A kubeconfig with AKS' names for cluster, user and context. JSON is YAML.
    pub fn kubeconfig(&self, cluster: &str, user: &str, namespace: &str) -> String {
        let mut context = json!({ "cluster": cluster, "user": user });
        if !namespace.is_empty() {
            context["namespace"] = json!(namespace);
        }
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": cluster, "cluster": self.cluster }],
            "contexts": [{ "name": cluster, "context": context }],
            "current-context": cluster,
            "preferences": {},
            "users": [{ "name": user, "user": self.user }],
        });
        format!("{config:#}\n")
    }
}

fn named(config: &Value, list: &str, name: &str, member: &str) -> Result<Map<String, Value>, String> {
    let entries = config[list].as_array().into_iter().flatten();
    let mut found = entries.filter(|entry| entry["name"] == name).map(|entry| &entry[member]);
    let found = found.next().ok_or_else(|| format!("its {list} have no entry {name:?}"))?;
    // An entry without members is written as null, too.
    Ok(found.as_object().cloned().unwrap_or_default())
}

fn carry(entry: &mut Map<String, Value>, file: &impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<(), String> {
    use base64::Engine as _;
    for (names, holds) in FILES {
        let Some(path) = entry.shift_remove(names).and_then(|path| path.as_str().map(str::to_owned)) else { continue };
        // What is held goes before what is named, except for tokens.
        if entry.contains_key(holds) && holds != "token" {
            continue;
        }
        let content = file(&path)?;
        let value = if holds == "token" {
            String::from_utf8_lossy(&content).trim().to_owned()
        } else {
            base64::engine::general_purpose::STANDARD.encode(&content)
        };
        entry.insert(holds.to_owned(), json!(value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: kind\ncontexts:\n- name: kind\n  context: {cluster: k, user: u}\nclusters:\n- \
                          name: k\n  cluster: {server: 'https://127.0.0.1:6443', certificate-authority: ca.crt}\nusers:\n- name: u\n  user: {tokenFile: t}\n";

    #[test]
    fn what_the_kubeconfig_names_is_carried_along() {
        let file = |path: &str| Ok(format!("content of {path}\n").into_bytes());
        let backend = Backend::read(CONFIG.as_bytes(), file).expect("a kubeconfig");
        assert_eq!(backend.server(), "https://127.0.0.1:6443");
        let config: Value = serde_json::from_str(&backend.kubeconfig("c", "clusterUser_g_c", "")).expect("JSON");
        assert_eq!(config["users"][0], json!({ "name": "clusterUser_g_c", "user": { "token": "content of t" } }));
        assert_eq!(config["clusters"][0]["cluster"]["certificate-authority-data"], "Y29udGVudCBvZiBjYS5jcnQK");
    }

    #[test]
    fn what_is_no_kubeconfig_is_told() {
        let none = |_: &str| Err("no file".to_owned());
        for (text, why) in [
            (": {", "no YAML"),
            ("{}", "contexts have no entry"),
            ("{current-context: a, contexts: [{name: a, context: {cluster: x}}]}", "clusters have no entry \"x\""),
            (CONFIG, "no file"),
        ] {
            let refused = Backend::read(text.as_bytes(), none).expect_err(text);
            assert!(refused.contains(why), "{refused}");
        }
    }
}
