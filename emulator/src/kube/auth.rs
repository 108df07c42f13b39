//! Who asks (`Authorization: Bearer`) and whether they may. Both tokens of a cluster's kubeconfigs are administrators, as in a
//! cluster with local accounts; who brings no token is `system:anonymous`, who may read only versions and health
//! (`system:public-info-viewer`).

use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::error::Error;
use super::store::Cluster;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
}

/// What is asked, in the words of authorization.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// `list`.
    pub verb: &'a str,
    /// The group, empty for the core.
    pub group: &'a str,
    /// `pods`, `pods/log`.
    pub resource: &'a str,
    /// The namespace, empty for none or all.
    pub namespace: &'a str,
    /// The object, empty for all.
    pub name: &'a str,
}

impl User {
    /// Who brings no token.
    pub fn anonymous() -> Self {
        Self { name: "system:anonymous".into(), groups: vec!["system:unauthenticated".into()] }
    }

    fn administrator(name: &str) -> Self {
        Self { name: name.into(), groups: vec!["system:masters".into(), "system:authenticated".into()] }
    }

    /// Whether the user may do everything.
    pub fn is_administrator(&self) -> bool {
        self.groups.iter().any(|group| group == "system:masters")
    }

    /// As reviews write users.
    pub fn to_json(&self) -> Value {
        json!({"username": self.name, "groups": self.groups})
    }

    /// Lets the user pass or refuses as RBAC does.
    pub fn authorize(&self, asked: Attributes<'_>) -> Result<(), Error> {
        if self.is_administrator() {
            return Ok(());
        }
        let Attributes { verb, group, resource, namespace, name } = asked;
        let qualified = if group.is_empty() { resource.to_owned() } else { qualify(resource, group) };
        let subject = if name.is_empty() { qualified } else { format!("{qualified} \"{name}\"") };
        let place =
            if namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace \"{namespace}\"") };
        let user = &self.name;
        let message = format!(
            "{subject} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" {place}"
        );
        let plural = resource.split('/').next().unwrap_or(resource);
        Err(Error::forbidden(group, plural, name, message))
    }

    /// Lets the user read a path that is no resource, or refuses.
    pub fn authorize_path(&self, verb: &str, path: &str) -> Result<(), Error> {
        if self.is_administrator() || matches!(path, "/version" | "/version/" | "/healthz" | "/livez" | "/readyz") {
            return Ok(());
        }
        let message = format!("forbidden: User \"{}\" cannot {verb} path \"{path}\"", self.name);
        Err(Error::forbidden("", "", "", message))
    }
}

fn qualify(resource: &str, group: &str) -> String {
    match resource.split_once('/') {
        Some((plural, sub)) => format!("{plural}.{group}/{sub}"),
        None => format!("{resource}.{group}"),
    }
}

/// Who the request's token stands for.
pub fn authenticate(cluster: &Cluster, headers: &HeaderMap) -> Result<User, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(User::anonymous()) };
    let value = value.to_str().unwrap_or("");
    let Some(token) =
        value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim())
    else {
        return Err(Error::unauthorized());
    };
    let spec = cluster.spec();
    if !token.is_empty() && token == spec.admin_token {
        return Ok(User::administrator("masteradmin"));
    }
    if !token.is_empty() && token == spec.user_token {
        return Ok(User::administrator("masterclient"));
    }
    if !token.is_empty() && token == spec.monitoring_token {
        return Ok(User { name: "clusterMonitoringUser".into(), groups: vec!["system:authenticated".into()] });
    }
    Err(Error::unauthorized())
}
