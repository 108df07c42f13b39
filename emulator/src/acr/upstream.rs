//! Registries outside of Azure, as far as they take part: by which names they are known, where they let clients sign in, and how each
//! says no (`fixtures/upstreams.json`). What they hold is the seed's and what `azlet images load` adds: nothing is asked of a network.
//! Source: CNCF Distribution "Token Authentication"; answers of these registries as users and clients' texts report them
//! (`docker.io`: error bodies in reports about `az acr import`; `ghcr.io`: a refused anonymous token; `quay.io`: containerd's text).
//! A registry that is not in the file answers as CNCF Distribution does, without signing in (inferred).

pub mod samples;
pub mod serve;
pub mod sign_in;

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::scope::Scope;

/// What is known about a registry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// The host that images are named by.
    pub host: String,
    /// Other hosts of the same registry.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The host that answers in the network, if it is not the one that images are named by.
    server: Option<String>,
    /// Whether it is made of the same software as Azure's registries.
    #[serde(default)]
    pub acr: bool,
    /// Where a client gets a token; without this, nobody needs one.
    pub sign_in: Option<SignIn>,
    /// How it treats a repository that it does not hold.
    pub absent: Absent,
    /// Whether a challenge says what was wrong with a token.
    #[serde(default)]
    tells_fault: bool,
    #[serde(default)]
    unauthorized: Value,
    #[serde(default)]
    denied: Value,
    unknown_manifest: Value,
    absent_pull: Option<String>,
}

/// Where a registry's tokens come from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// The URL.
    pub realm: String,
    /// The name of the service that tokens are for.
    pub service: String,
    /// Who issues them.
    pub issuer: String,
}

/// How a registry treats a repository that it does not hold. Those of which some are private do not tell the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Absent {
    /// The token opens nothing, and the resource answers 401.
    Scope,
    /// The token itself is refused.
    Token,
    /// The manifest is unknown.
    Unknown,
}

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../fixtures/upstreams.json")).expect("fixtures/upstreams.json: a test reads it")
});

/// What is known about the registry of a host, by whichever of its names.
pub fn profile(host: &str) -> &'static Profile {
    let named = |profile: &&Profile| profile.host == host || profile.aliases.iter().any(|alias| alias == host);
    let other = || PROFILES.last().expect("the last one stands for every other host");
    PROFILES.iter().find(named).unwrap_or_else(other)
}

/// The host that images are named by: `docker.io` for `registry-1.docker.io`; in lower case, without the port of HTTPS.
pub fn canonical(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    let profile = profile(host);
    if profile.is_known() { profile.host.clone() } else { host.to_owned() }
}

/// Whether a host is one of those that are served even while they hold nothing.
pub fn is_known(host: &str) -> bool {
    profile(host).is_known()
}

impl Profile {
    fn is_known(&self) -> bool {
        self.host != "*"
    }

    /// The host to ask in a network for what is named by `host`.
    pub fn server<'a>(&'a self, host: &'a str) -> &'a str {
        self.server.as_deref().unwrap_or(host)
    }

    /// The body of a 401 to a request that needs this.
    pub fn unauthorized(&self, needs: &[Scope]) -> Value {
        let entries = needs.iter().flat_map(|scope| {
            let entry = |action| json!({ "Type": scope.kind, "Class": "", "Name": scope.name, "Action": action });
            scope.actions.iter().map(entry)
        });
        let detail = if needs.is_empty() { Value::Null } else { entries.collect() };
        let mut entry = self.unauthorized.clone();
        if entry["detail"] == "{needs}" {
            entry["detail"] = detail;
        }
        errors(entry)
    }

    /// The body of a 403 of the token endpoint.
    pub fn denied(&self) -> Value {
        errors(self.denied.clone())
    }

    /// The body of a 404 to a manifest that is not there.
    pub fn unknown_manifest(&self, repository: &str, reference: &str) -> Value {
        errors(filled(&self.unknown_manifest, &[("repository", repository), ("reference", reference)]))
    }

    /// What a node says behind `failed to resolve reference "…": ` about a repository that is not there; `None` where it is told as
    /// an image that is not found.
    pub fn absent_pull(&self, repository: &str, reference: &str) -> Option<String> {
        let scope = super::pull::query_escaped(&format!("repository:{repository}:pull"));
        let text = self.absent_pull.as_deref()?;
        Some(fill(text, &[("repository", repository), ("reference", reference), ("scope", &scope)]))
    }

    /// The challenge of a 401, where there is something to sign in to.
    pub fn challenge(&self, needs: &[Scope], fault: Option<&str>) -> Option<String> {
        let SignIn { realm, service, .. } = self.sign_in.as_ref()?;
        let scopes: Vec<String> = needs.iter().map(ToString::to_string).collect();
        let scope = if scopes.is_empty() { String::new() } else { format!(",scope=\"{}\"", scopes.join(" ")) };
        let fault = fault.filter(|_| self.tells_fault).map(|fault| format!(",error=\"{fault}\"")).unwrap_or_default();
        Some(format!("Bearer realm=\"{realm}\",service=\"{service}\"{scope}{fault}"))
    }
}

fn errors(entry: Value) -> Value {
    json!({ "errors": [entry] })
}

fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn filled(template: &Value, values: &[(&str, &str)]) -> Value {
    match template {
        Value::String(text) => Value::String(fill(text, values)),
        Value::Array(list) => list.iter().map(|item| filled(item, values)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), filled(value, values))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_known_by_each_of_its_names() {
        for host in ["docker.io", "registry-1.docker.io", "index.docker.io", "Docker.IO:443"] {
            assert_eq!(canonical(host), "docker.io", "{host}");
        }
        assert_eq!(canonical("Registry.Example:5000"), "registry.example:5000");
        assert!(is_known("ghcr.io") && !is_known("registry.example") && !is_known("*") && !is_known("auth.docker.io"));
        assert_eq!(profile("docker.io").server("docker.io"), "registry-1.docker.io");
    }

    #[test]
    fn each_has_its_own_words() {
        let needs = [Scope::repository("nats", &["pull"])];
        assert_eq!(
            profile("docker.io").unauthorized(&needs).to_string(),
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Class":"","Name":"nats","Action":"pull"}]}]}"#
        );
        assert_eq!(
            profile("quay.io").challenge(&[], None).as_deref(),
            Some("Bearer realm=\"https://quay.io/v2/auth\",service=\"quay.io\"")
        );
        assert!(profile("mcr.microsoft.com").challenge(&[], None).is_none());
        let text = profile("ghcr.io").absent_pull("a/b", "v1").expect("it refuses the token");
        assert!(text.contains("scope=repository%3Aa%2Fb%3Apull&service=ghcr.io: 403"), "{text}");
    }
}
