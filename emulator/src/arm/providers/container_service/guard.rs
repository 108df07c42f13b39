//! What AKS refuses while something else runs on a cluster, and while it is stopped.
//!
//! Texts of the first as users have reported them. Of the second, that of stopping twice was reported; that the others are alike,
//! and the status and code of all of them, is inferred, and so is that both are checked before the body.

use axum::http::{Method, StatusCode};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::store::Resource;
use super::{errors, states};
use crate::kernel::resource_id::ResourceId;

/// What a request does to a cluster, if nothing else may run beside it.
fn doing(request: &Request<'_>) -> Option<&'static str> {
    let kind = request.known.kind.name.as_str();
    Some(match (kind, request.method) {
        ("managedClusters", &Method::PUT) => "updating",
        ("managedClusters/agentPools", &Method::PUT) => "creating or updating agent pools",
        ("managedClusters/agentPools", &Method::DELETE) => "deleting agent pools",
        ("managedClusters/agentPools/upgradeNodeImageVersion", _) => "upgrading node image version",
        ("managedClusters/agentPools/deleteMachines", _) => "deleting machines",
        ("managedClusters/stop", _) => "stopping",
        ("managedClusters/start", _) => "starting",
        ("managedClusters/rotateClusterCertificates", _) => "rotating certificates",
        ("managedClusters/rotateServiceAccountSigningKeys", _) => "rotating service account signing keys",
        ("managedClusters/resetServicePrincipalProfile" | "managedClusters/resetAADProfile", _) => "updating credentials",
        ("managedClusters/runCommand", _) => "running commands",
        ("managedClusters/managedNamespaces", &Method::PUT | &Method::DELETE) => "updating namespaces",
        _ => return None,
    })
}

/// Refuses what cannot be done now.
pub(super) fn check(request: &Request<'_>) -> Result<(), Error> {
    let Some(doing) = doing(request) else { return Ok(()) };
    let Some(cluster) = cluster(request) else { return Ok(()) };
    if request.known.kind.name != "managedClusters/runCommand" {
        idle(request, &cluster)?;
    }
    let wanted_stopped = doing == "starting";
    if states::is_stopped(&cluster) != wanted_stopped {
        let power = if wanted_stopped { "Running" } else { "Stopped" };
        return Err(errors::power_state(cluster.state(request.now), power, doing));
    }
    Ok(())
}

/// The cluster that a request is about.
pub(super) fn cluster(request: &Request<'_>) -> Option<std::sync::Arc<Resource>> {
    let segments: Vec<&str> = request.target.id.segments().collect();
    let position = segments.iter().position(|segment| segment.eq_ignore_ascii_case("managedClusters"))?;
    request.world.arm.resource(&ResourceId::new(&segments.get(..position + 2)?.join("/")))
}

/// One operation at a time on a cluster and its pools.
fn idle(request: &Request<'_>, cluster: &Resource) -> Result<(), Error> {
    let running = request.world.arm.running(&cluster.id, request.now);
    // Commands run beside everything else.
    let Some(operation) = running.iter().rfind(|operation| !operation.resource.key().contains("/commandresults/")) else {
        return Ok(());
    };
    Err(if operation.resource == cluster.id {
        errors::busy(&format!("operation ({})", operation.running))
    } else {
        errors::busy(&format!("agentpool operation ({} - {})", operation.resource.name(), operation.running))
    })
}

/// No operation to abort (that this is a 409 is documented; the text is inferred).
pub(super) fn nothing_to_abort(name: &str) -> Error {
    let message = format!("There is no operation in progress on {name} that could be aborted.");
    Error::cluster(StatusCode::CONFLICT, "OperationNotAllowed", message)
}
