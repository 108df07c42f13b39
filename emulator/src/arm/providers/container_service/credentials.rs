//! The kubeconfigs that AKS hands out.
//!
//! Form as AKS writes it: one cluster, one user `clusterUser_{group}_{cluster}` or `clusterAdmin_{group}_{cluster}`, one context of
//! the cluster's name, to which the command line appends `-admin` by itself. Authentication is by token alone: the certificates
//! that AKS puts beside it are left out (azlet's own simplification; every client sends the token).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Whose credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A user's.
    User,
    /// The administrator's.
    Admin,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::User => "clusterUser",
            Self::Admin => "clusterAdmin",
        }
    }
}

/// What a kubeconfig is made of.
pub(super) struct Access<'a> {
    pub(super) cluster: &'a str,
    pub(super) group: &'a str,
    pub(super) fqdn: &'a str,
    pub(super) ca_pem: &'a str,
    pub(super) token: &'a str,
}

/// The answer of `listClusterUserCredential` and `listClusterAdminCredential`.
pub(super) fn answer(role: Role, access: &Access<'_>) -> Value {
    json!({ "kubeconfigs": [{ "name": role.name(), "value": STANDARD.encode(kubeconfig(role, access)) }] })
}

fn kubeconfig(role: Role, access: &Access<'_>) -> String {
    let Access { cluster, group, fqdn, ca_pem, token } = access;
    let user = format!("{}_{group}_{cluster}", role.name());
    let authority = STANDARD.encode(ca_pem);
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: https://{fqdn}:443\n  name: \
         {cluster}\ncontexts:\n- context:\n    cluster: {cluster}\n    user: {user}\n  name: {cluster}\ncurrent-context: {cluster}\nkind: \
         Config\npreferences: {{}}\nusers:\n- name: {user}\n  user:\n    token: {token}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_is_yaml_with_one_of_each() {
        let access = Access { cluster: "c", group: "g", fqdn: "c.hcp.westus2.azmk8s.io", ca_pem: "pem", token: "t" };
        let answer = answer(Role::User, &access);
        let text = STANDARD.decode(answer["kubeconfigs"][0]["value"].as_str().expect("text")).expect("base64");
        let config: Value = serde_saphyr::from_slice(&text).expect("YAML");
        assert_eq!(config["users"][0]["name"], "clusterUser_g_c");
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://c.hcp.westus2.azmk8s.io:443");
        assert_eq!(config["current-context"], config["contexts"][0]["name"]);
    }
}
