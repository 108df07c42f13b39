//! Azure Kubernetes Service: managed clusters, their agent pools, credentials and versions.
//!
//! A cluster brings its own things along: an identity of its control plane, the node resource group `MC_…`, in it the user-assigned
//! identity as which its nodes pull images, and a Kubernetes API server. Source: AKS' REST reference and documentation.

mod access;
mod addons;
mod agent_pools;
mod body;
mod children;
mod clusters;
mod completion;
mod credentials;
mod deletion;
mod errors;
mod facts;
mod guard;
mod history;
mod identities;
mod lifecycle;
mod lockdown;
mod machines;
mod maintenance;
mod mesh;
mod namespaces;
mod network;
mod pool;
mod private_link;
mod profiles;
pub(in crate::arm) mod ranges;
mod reference;
mod rows;
mod rules;
pub(in crate::arm) mod run_command;
mod schema;
mod shown;
mod snapshots;
mod states;
mod validate;
mod versions;

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::super::error::{self, Error, Voice};
use super::super::headers::Answer;
use super::super::store::{Ending, Resource};
use super::super::{Request, operation};
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

pub(in crate::arm) use clusters::removed;

/// The version that AKS writes into the URLs of its operations.
const OPERATION_VERSION: &str = "2016-03-30";

/// Answers what is asked of any type of the namespace.
pub(in crate::arm) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    let item = request.target.is_item();
    guard::check(request)?;
    match (request.known.kind.name.as_str(), request.method) {
        ("managedClusters", &Method::PUT) => clusters::put(request),
        ("managedClusters", &Method::PATCH) => clusters::patch_tags(request),
        ("managedClusters", &Method::DELETE) => deletion::delete(request),
        ("managedClusters", _) if item => clusters::get(request),
        ("managedClusters", _) => clusters::list(request),
        ("managedClusters/listClusterUserCredential", _) => access::list(request, credentials::Role::User),
        ("managedClusters/listClusterAdminCredential", _) => access::list(request, credentials::Role::Admin),
        ("managedClusters/start", _) => lifecycle::start(request),
        ("managedClusters/stop", _) => lifecycle::stop(request),
        ("managedClusters/abort" | "managedClusters/agentPools/abort", _) => lifecycle::abort(request),
        ("managedClusters/rotateClusterCertificates", _) => lifecycle::rotate_certificates(request),
        ("managedClusters/rotateServiceAccountSigningKeys", _) => lifecycle::rotate_signing_keys(request),
        ("managedClusters/resetServicePrincipalProfile", _) => lifecycle::reset_service_principal(request),
        ("managedClusters/resetAADProfile", _) => lifecycle::reset_aad(request),
        ("managedClusters/operations" | "managedClusters/agentPools/operations", _) => history::get(request),
        ("managedClusters/agentPools/upgradeNodeImageVersion", _) => lifecycle::upgrade_node_image(request),
        ("managedClusters/listClusterMonitoringUserCredential", _) => access::list(request, credentials::Role::Monitoring),
        ("managedClusters/accessProfiles" | "managedClusters/accessProfiles/listCredential", _) => access::profile(request),
        ("managedClusters/maintenanceConfigurations", _) => children::answer(request, &maintenance::MAINTENANCE),
        ("managedClusters/trustedAccessRoleBindings", _) => children::answer(request, &children::TRUSTED_ACCESS),
        ("managedClusters/managedNamespaces", _) => namespaces::answer(request),
        ("managedClusters/managedNamespaces/listCredential", _) => namespaces::credential(request),
        ("managedClusters/agentPools/machines", _) => machines::get(request),
        ("managedClusters/agentPools/deleteMachines", _) => machines::delete(request),
        ("managedClusters/meshUpgradeProfiles", _) => mesh::upgrades(request),
        ("locations/meshRevisionProfiles", _) => mesh::revisions(request),
        ("snapshots" | "managedclustersnapshots", _) => snapshots::answer(request),
        ("managedClusters/runCommand", _) => run_command::run(request),
        ("managedClusters/commandResults", _) => run_command::result(request),
        ("managedClusters/upgradeProfiles", _) if item => clusters::upgrade_profile(request),
        ("managedClusters/agentPools", &Method::PUT) => agent_pools::put(request),
        ("managedClusters/agentPools", &Method::DELETE) => agent_pools::delete(request),
        ("managedClusters/agentPools", _) if item => agent_pools::get(request),
        ("managedClusters/agentPools", _) => agent_pools::list(request),
        ("managedClusters/agentPools/upgradeProfiles", _) if item => agent_pools::upgrade_profile(request),
        ("locations/kubernetesVersions", _) => Ok(Answer::json(Voice::Cluster, StatusCode::OK, versions::offered())),
        ("locations/operations", _) => operation::cluster_status(request),
        ("locations/operationresults", _) => operation::cluster_result(request),
        ("operations", _) => Ok(reference::operations(request)),
        (other, _) => reference::of_location(request)
            .or_else(|| reference::of_cluster(request))
            .unwrap_or_else(|| Err(error::not_implemented(&format!("Microsoft.ContainerService/{other}")))),
    }
}

/// A managed namespace was taken away.
pub(in crate::arm) fn namespace_removed(world: &World, resource: &Resource) {
    namespaces::removed(world, resource);
}

/// The properties of a cluster have changed at the end of an operation.
pub(in crate::arm) fn changed(world: &World, resource: &Resource) {
    clusters::reconcile(world, resource);
}

/// A step at the end of an operation on a cluster.
pub(in crate::arm) fn ended(world: &World, resource: &Resource, step: &str) {
    lifecycle::ended(world, resource, step);
}

/// Where an operation that begins now can be followed: of a write, its state; of anything else, its result too.
struct Begun {
    status: String,
    result: String,
}

fn begin(request: &Request<'_>, resource: &ResourceId, location: &str, running: &'static str) -> Begun {
    begin_ending(request, resource, location, running, Ending::Nothing)
}

fn begin_ending(request: &Request<'_>, resource: &ResourceId, location: &str, running: &'static str, ending: Ending) -> Begun {
    let name = request.world.ids.uuid().to_string();
    let operation = match guard::locked_nodes(request, resource, &ending) {
        Some(error) => request.begin(name, resource, running, Err(error)),
        None => request.begin_ending(name, resource, running, ending),
    };
    let subscription = request.target.id.subscription().unwrap_or_default();
    let place = format!("/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/{location}");
    Begun {
        status: request.poll_url(&format!("{place}/operations/{}", operation.name), OPERATION_VERSION),
        result: request.poll_url(&format!("{place}/operationresults/{}", operation.name), OPERATION_VERSION),
    }
}

/// The answer to a PUT: the body as it is while the operation runs.
fn written(begun: Begun, status: StatusCode, body: serde_json::Value) -> Answer {
    Answer::json(Voice::Cluster, status, body).header("azure-asyncoperation", begun.status)
}

/// The answer to what has no body to show: a deletion.
fn accepted(begun: Begun) -> Answer {
    Answer::empty(Voice::Cluster, StatusCode::ACCEPTED)
        .header("azure-asyncoperation", begun.status)
        .header("location", begun.result)
}

/// A list in one page.
fn page(items: Vec<serde_json::Value>) -> Answer {
    Answer::json(Voice::Cluster, StatusCode::OK, json!({ "value": items }))
}
