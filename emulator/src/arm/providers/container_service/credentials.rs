//! The kubeconfigs that AKS hands out.
//!
//! Form as AKS writes it: one cluster, one user `clusterUser_{group}_{cluster}` or `clusterAdmin_{group}_{cluster}`, one context of
//! the cluster's name, to which the command line appends `-admin` by itself. Authentication is by token alone: the certificates
//! that AKS puts beside it are left out (azlet's own simplification; every client sends the token).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kube::backend::Backend;

/// Whose credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A user's.
    User,
    /// The administrator's.
    Admin,
    /// That of who reads metrics.
    Monitoring,
}

impl Role {
    /// Its name, as answers and access profiles have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "clusterUser",
            Self::Admin => "clusterAdmin",
            Self::Monitoring => "clusterMonitoringUser",
        }
    }

    /// The role of a name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::User, Self::Admin, Self::Monitoring].into_iter().find(|role| role.name().eq_ignore_ascii_case(name))
    }
}

/// What a kubeconfig is made of.
pub(super) struct Access<'a> {
    pub(super) cluster: &'a str,
    pub(super) group: &'a str,
    pub(super) fqdn: &'a str,
    pub(super) ca_pem: &'a str,
    /// The namespace that commands are about unless they name one; empty for the usual one.
    pub(super) namespace: &'a str,
    pub(super) login: Login<'a>,
}

/// How the user of a kubeconfig proves who it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Login<'a> {
    /// By a token of the cluster's own.
    Token(&'a str),
    /// By asking `kubelogin` for a token of Entra's.
    Exec { tenant: &'a str },
    /// By the plug-in that kubectl had until 1.26.
    Azure { tenant: &'a str },
}

/// The application that AKS' API servers are in every tenant.
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";
/// The public client that people sign in with.
const CLIENT: &str = "80faf920-1908-4b52-b5ef-a8e7bedfc67a";

impl Login<'_> {
    /// The members of the kubeconfig's `user`.
    fn yaml(self) -> String {
        match self {
            Self::Token(token) => format!("    token: {token}\n"),
            Self::Exec { tenant } => {
                let arguments = [
                    "get-token",
                    "--environment",
                    "AzurePublicCloud",
                    "--server-id",
                    SERVER,
                    "--client-id",
                    CLIENT,
                    "--tenant-id",
                    tenant,
                    "--login",
                    "devicecode",
                ];
                let arguments: String = arguments.iter().map(|argument| format!("      - {argument}\n")).collect();
                format!(
                    "    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      args:\n{arguments}      command: kubelogin\n      \
                     env: null\n      installHint: |2\n\n        kubelogin is not installed which is required to connect to AAD enabled \
                     cluster.\n\n        To learn more, please go to https://aka.ms/aks/kubelogin\n      provideClusterInfo: false\n"
                )
            }
            Self::Azure { tenant } => format!(
                "    auth-provider:\n      config:\n        apiserver-id: {SERVER}\n        client-id: {CLIENT}\n        config-mode: '1'\n        \
                 environment: AzurePublicCloud\n        tenant-id: {tenant}\n      name: azure\n"
            ),
        }
    }
}

/// A kubeconfig as answers carry it.
pub(super) fn encoded(role: Role, access: &Access<'_>) -> String {
    STANDARD.encode(kubeconfig(role, access))
}

/// The kubeconfig of a user's own cluster, under the names that AKS would give.
pub(super) fn of_backend(backend: &Backend, role: Role, (cluster, group): (&str, &str), namespace: &str) -> String {
    let user = format!("{}_{group}_{cluster}", role.name());
    STANDARD.encode(backend.kubeconfig(cluster, &user, namespace))
}

fn kubeconfig(role: Role, access: &Access<'_>) -> String {
    let Access { cluster, group, fqdn, ca_pem, namespace, login } = access;
    let home = if namespace.is_empty() { String::new() } else { format!("    namespace: {namespace}\n") };
    let login = login.yaml();
    let user = format!("{}_{group}_{cluster}", role.name());
    let authority = STANDARD.encode(ca_pem);
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: https://{fqdn}:443\n  name: \
         {cluster}\ncontexts:\n- context:\n    cluster: {cluster}\n{home}    user: {user}\n  name: {cluster}\ncurrent-context: {cluster}\nkind: \
         Config\npreferences: {{}}\nusers:\n- name: {user}\n  user:\n{login}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_kubeconfig_is_yaml_with_one_of_each() {
        let access =
            |login| Access { cluster: "c", group: "g", fqdn: "c.hcp.westus2.azmk8s.io", ca_pem: "pem", namespace: "", login };
        let read = |login| -> Value {
            let text = STANDARD.decode(encoded(Role::User, &access(login))).expect("base64");
            serde_saphyr::from_slice(&text).expect("YAML")
        };
        assert_eq!(read(Login::Exec { tenant: "x" })["users"][0]["user"]["exec"]["command"], "kubelogin");
        assert_eq!(read(Login::Azure { tenant: "x" })["users"][0]["user"]["auth-provider"]["name"], "azure");
        let config = read(Login::Token("t"));
        assert_eq!(config["users"][0]["name"], "clusterUser_g_c");
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://c.hcp.westus2.azmk8s.io:443");
        assert_eq!(config["current-context"], config["contexts"][0]["name"]);
    }
}
