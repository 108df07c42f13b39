//! Deleting a managed cluster: it stays, `Deleting`, until the operation ends, and then goes with its node resource group. What else
//! runs on it is pre-empted. Sources: AKS' REST reference; its documentation of operation errors (`AKSOperationPreempted`).

use axum::http::StatusCode;

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::{Ending, Resource};
use super::{accepted, begin_ending};
use crate::kernel::resource_id::ResourceId;

/// Deletes a cluster and what it brought along.
pub(super) fn delete(request: &Request<'_>) -> Result<Answer, Error> {
    let Some(resource) = request.world.arm.resource(&request.target.id) else {
        return Ok(Answer::empty(Voice::Cluster, StatusCode::NO_CONTENT));
    };
    request.precondition(Voice::Cluster, Some(&request.etag(&resource)))?;
    preempt(request, &resource.id);
    let deleting =
        Resource { changing: "Deleting", settled_at: request.settles_at(), settles_as: "Succeeded", ..(*resource).clone() };
    let resource = request.world.arm.put_resource(deleting);
    let location = resource.location.as_deref().unwrap_or_default();
    Ok(accepted(begin_ending(request, &resource.id, location, "Deleting", Ending::Remove)))
}

/// Ends what runs on a cluster or its pools in favour of its deletion. The message is inferred.
fn preempt(request: &Request<'_>, cluster: &ResourceId) {
    let running = request.world.arm.running(cluster, request.now);
    for operation in running.iter().filter(|operation| operation.ending != Ending::Remove) {
        let message = "The operation has been preempted by a delete operation. See https://aka.ms/aks-operation-preempted for more details.";
        let error = ("AKSOperationPreemptedByDelete".to_owned(), message.to_owned());
        request.world.arm.stop_operation(&operation.name, request.now, "Failed", Some(error));
    }
}
