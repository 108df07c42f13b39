//! Which host belongs to which plane: `fixtures/hosts.json`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::acr;
use crate::world::World;

/// A plane, as hosts are assigned to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Plane {
    /// Azure Resource Manager.
    Arm,
    /// Entra ID.
    Entra,
    /// Microsoft Graph.
    Graph,
    /// Registries, ACR's and those outside of Azure.
    Registry,
    /// The storage behind registries; served only while blobs are redirected to it.
    Storage,
    /// Kubernetes API servers.
    Kubernetes,
    /// The instance metadata service.
    Imds,
    /// Queries of logs.
    Logs,
    /// Answers 404 to everything: hosts that clients ask for something they can do without.
    Absent,
    /// The emulator's own control API.
    Control,
}

#[derive(Debug, Deserialize)]
struct Rule {
    host: String,
    plane: Plane,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../fixtures/hosts.json"))
        .expect("fixtures/hosts.json is a list of hosts: a test reads it")
});

/// The plane that serves `host`, which may be written in any case and without a port.
pub(super) fn plane(host: &str) -> Option<Plane> {
    let host = host.to_ascii_lowercase();
    if matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]" | "::1") {
        return Some(Plane::Control);
    }
    RULES.iter().find(|rule| covers(&rule.host, &host)).map(|rule| rule.plane)
}

/// As [`plane`], with the hosts of registries whose images were loaded into a world, and without the storage of registries unless
/// blobs are redirected to it.
pub(super) fn plane_in(world: &World, host: &str) -> Option<Plane> {
    let known = plane(host).filter(|plane| *plane != Plane::Storage || acr::storage::serves(world, host));
    known.or_else(|| world.acr.is_upstream(&host.to_ascii_lowercase()).then_some(Plane::Registry))
}

/// `*.x` stands for any name below `x`.
fn covers(rule: &str, host: &str) -> bool {
    match rule.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => rule == host,
    }
}

/// The hosts that are served, for people.
pub(super) fn served() -> String {
    let plain = RULES.iter().filter(|rule| rule.plane != Plane::Storage);
    plain.map(|rule| rule.host.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_belong_to_planes() {
        for (host, expected) in [
            ("management.azure.com", Some(Plane::Arm)),
            ("MyRegistry.azurecr.io", Some(Plane::Registry)),
            ("aks-1234.hcp.westus2.azmk8s.io", Some(Plane::Kubernetes)),
            ("eastusmanaged1.blob.core.windows.net", Some(Plane::Storage)),
            ("azcliprod.blob.core.windows.net", Some(Plane::Absent)),
            ("azurecr.io", None),
            (".azurecr.io", None),
            ("management.azure.com.evil.example", None),
            ("example.com", None),
        ] {
            assert_eq!(plane(host), expected, "{host}");
        }
    }
}
