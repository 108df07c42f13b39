//! The resource providers: synchronous functions from a permitted request to an answer.

mod authorization;
mod container_registry;
pub(super) mod container_service;
pub(super) mod data;
mod insights;
mod managed_identity;
mod management;
pub(super) mod network;
mod operational_insights;
mod resources;

pub(super) use authorization::locks;

use super::Request;
use super::catalog::OPERATIONS;
use super::error::{self, Error};
use super::headers::Answer;
use super::store::Resource;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

pub(super) use authorization::facts;

/// Hands a request to its provider.
pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    // The identities' provider has a list of its own.
    if request.known.kind.name == OPERATIONS && request.known.provider.namespace != "Microsoft.ManagedIdentity" {
        return Ok(resources::operations(request));
    }
    if request.known.kind.data.is_some() {
        return data::answer(request, hooks(&request.known.provider.namespace));
    }
    match request.known.provider.namespace.as_str() {
        "Microsoft.Resources" => resources::answer(request),
        "Microsoft.Authorization" => authorization::answer(request),
        "Microsoft.Management" => management::answer(request),
        "Microsoft.ManagedIdentity" => managed_identity::answer(request),
        "Microsoft.ContainerService" => container_service::answer(request),
        "Microsoft.ContainerRegistry" => container_registry::answer(request),
        _ => Err(unimplemented(request)),
    }
}

/// What a provider adds to its described types.
fn hooks(namespace: &str) -> &'static dyn data::Hooks {
    match namespace {
        "Microsoft.Insights" => &insights::Insights,
        "Microsoft.Network" => &network::Network,
        "Microsoft.OperationalInsights" => &operational_insights::OperationalInsights,
        _ => &data::Plain,
    }
}

/// What a known type has, and azlet does not.
fn unimplemented(request: &Request<'_>) -> Error {
    error::not_implemented(&format!("{} of {}", request.method, request.known.full_type()))
}

/// Takes a resource away with everything that hangs on it: children, data planes, principals, role assignments.
pub(super) fn remove(world: &World, resource: &Resource) {
    for child in world.arm.resources_below(&resource.id) {
        world.arm.remove_resource(&child.id);
        described_removed(world, &child);
    }
    world.arm.remove_resource(&resource.id);
    match resource.resource_type.to_ascii_lowercase().as_str() {
        "microsoft.containerregistry/registries" => container_registry::removed(world, resource),
        "microsoft.managedidentity/userassignedidentities" => managed_identity::removed(world, resource),
        "microsoft.containerservice/managedclusters" => container_service::removed(world, resource),
        "microsoft.containerservice/managedclusters/managednamespaces" => container_service::namespace_removed(world, resource),
        _ => described_removed(world, resource),
    }
    world.access.remove_assignments_within(&resource.id);
    world.arm.locks.remove_within(&resource.id);
}

/// A resource has another id: what is known elsewhere by its id follows.
fn moved(world: &World, old: &Resource, new: &Resource) {
    if old.resource_type.eq_ignore_ascii_case(container_registry::TYPE) {
        world.acr.moved(&old.id, &new.id);
    }
}

/// A resource of a described type is gone: its provider may have more to take away.
fn described_removed(world: &World, resource: &Resource) {
    hooks(resource.resource_type.split('/').next().unwrap_or_default()).removed(world, resource);
}

/// A resource's properties have changed at the end of an operation: what they stand for changes with them.
pub(super) fn changed(world: &World, resource: &Resource) {
    if resource.resource_type.eq_ignore_ascii_case("Microsoft.ContainerService/managedClusters") {
        container_service::changed(world, resource);
    }
}

/// An operation that ends has a step of its provider's own left to do.
pub(super) fn ended(world: &World, resource: &Resource, step: &str) {
    if resource.resource_type.eq_ignore_ascii_case("Microsoft.ContainerService/managedClusters") {
        container_service::ended(world, resource, step);
    }
}

/// Takes a group away with everything in it. Role assignments go at once; that Azure does it as soon is inferred.
pub(super) fn remove_group(world: &World, id: &ResourceId) {
    world.arm.remove_group(id);
    // Parents come before their children and take them along.
    for resource in world.arm.resources_below(id) {
        if world.arm.resource(&resource.id).is_some() {
            remove(world, &resource);
        }
    }
    world.access.remove_assignments_within(id);
    world.arm.locks.remove_within(id);
}
