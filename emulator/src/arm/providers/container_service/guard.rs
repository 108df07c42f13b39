//! What AKS refuses while something else runs on a cluster, and while it is stopped.
//!
//! Texts as users have reported them; that starting what runs is refused like stopping what is stopped, the status of both, and that
//! all this is checked before the body, is inferred.

use axum::http::{Method, StatusCode};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::store::{Change, Ending, Resource};
use super::{errors, states};
use crate::kernel::resource_id::ResourceId;

/// What a request does to a cluster, if nothing else may run beside it.
fn doing(request: &Request<'_>) -> Option<&'static str> {
    let kind = request.known.kind.name.as_str();
    Some(match (kind, request.method) {
        ("managedClusters/stop", _) => "stopping",
        ("managedClusters/start", _) => "starting",
        ("managedClusters" | "managedClusters/agentPools" | "managedClusters/managedNamespaces", &Method::PUT)
        | ("managedClusters/agentPools" | "managedClusters/managedNamespaces", &Method::DELETE)
        | (
            "managedClusters/agentPools/upgradeNodeImageVersion"
            | "managedClusters/agentPools/deleteMachines"
            | "managedClusters/rotateClusterCertificates"
            | "managedClusters/rotateServiceAccountSigningKeys"
            | "managedClusters/resetServicePrincipalProfile"
            | "managedClusters/resetAADProfile"
            | "managedClusters/runCommand",
            _,
        ) => "changing",
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
    match (doing, states::is_stopped(&cluster)) {
        ("starting", true) => Ok(()),
        ("starting", false) => Err(errors::power_state(cluster.state(request.now), "Running", doing)),
        ("stopping", true) => Err(errors::power_state(cluster.state(request.now), "Stopped", doing)),
        (_, true) => {
            let id = &cluster.id;
            Err(errors::stopped(id.subscription().unwrap_or_default(), id.group().unwrap_or_default()))
        }
        (_, false) => Ok(()),
    }
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
    Err(if operation.resource.key().contains("/agentpools/") {
        errors::busy(&format!("agentpool operation ({} - {})", operation.resource.name(), operation.running))
    } else {
        errors::busy(&format!("operation ({})", operation.running))
    })
}

/// Why an operation fails that would touch the node resource group of a cluster: somebody has locked it. The text as users have
/// reported it; the code, and that starting the operation succeeds, is inferred.
pub(super) fn locked_nodes(request: &Request<'_>, resource: &ResourceId, ending: &Ending) -> Option<(String, String)> {
    let change = match ending {
        Ending::Nothing => return None,
        Ending::Remove => Change::Delete,
        _ => Change::Write,
    };
    let cluster = request.world.arm.resource_with(resource)?;
    let (subscription, name) = (cluster.id.subscription()?, cluster.properties.get("nodeResourceGroup")?.as_str()?);
    let locked = request.world.arm.locks.forbidding(change, &ResourceId::of_group(subscription, name));
    (!locked.is_empty()).then(|| {
        let message = format!(
            "Resource group '{name}' under subscription: '{subscription}' is locked, please remove lock and retry. Please see \
             http://aka.ms/azure-lock-resources"
        );
        ("ScopeLocked".to_owned(), message)
    })
}

/// No operation to abort (that this is a 409 is documented; the text is inferred).
pub(super) fn nothing_to_abort(name: &str) -> Error {
    let message = format!("There is no operation in progress on {name} that could be aborted.");
    Error::cluster(StatusCode::CONFLICT, "OperationNotAllowed", message)
}
