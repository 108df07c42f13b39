//! AKS' errors, by name. They have no `error` wrapper. Texts as users have reported them; inferred ones say so.

use axum::http::StatusCode;

use crate::arm::error::Error;

const BAD: StatusCode = StatusCode::BAD_REQUEST;

/// A parameter that breaks a rule of its own.
pub(super) fn invalid_parameter(name: &str) -> Error {
    let message =
        format!("The value of parameter {name} is invalid. Please see https://aka.ms/aks-naming-rules for more details.");
    Error::cluster(BAD, "InvalidParameter", message).target(name)
}

/// A parameter that breaks a rule of its own, with what it breaks.
pub(super) fn invalid_value(name: &str, details: &str) -> Error {
    let details = details.trim_end_matches('.');
    let message = format!(
        "The value of parameter {name} is invalid. Error details: {details}. Please see https://aka.ms/aks-naming-rules for more details."
    );
    Error::cluster(BAD, "InvalidParameter", message).target(name)
}

/// A parameter that has to be there.
pub(super) fn missing_parameter(name: &str) -> Error {
    Error::cluster(BAD, "InvalidParameter", format!("Required parameter {name} is missing (null).")).target(name)
}

/// A cluster's name that breaks the naming rules; AKS puts a full stop behind the details' own.
pub(super) fn invalid_name(details: &str) -> Error {
    let message = format!(
        "The value of parameter name is invalid. Error details: {details}. Please see https://aka.ms/aks-naming-rules for more details."
    );
    Error::cluster(BAD, "InvalidParameter", message).target("name")
}

/// A version that AKS does not have.
pub(super) fn version_not_supported(cluster: &str, version: &str) -> Error {
    let message = format!(
        "Managed cluster {cluster} is on version {version} which is not supported in this region. Please use [az aks get-versions] command \
         to get the supported version list in this region. For more information, please check https://aka.ms/supported-version-list"
    );
    Error::cluster(BAD, "K8sVersionNotSupported", message)
}

/// A pool's version that AKS does not have.
pub(super) fn pool_version_not_supported(version: &str) -> Error {
    let message = format!(
        "Version {version} is not supported in this region. Please use [az aks get-versions] command to get the supported version list in \
         this region. For more information, please check https://aka.ms/supported-version-list"
    );
    Error::cluster(BAD, "AgentPoolK8sVersionNotSupported", message)
}

/// A pool that would run ahead of its cluster; versions are shown resolved.
pub(super) fn pool_version_above_cluster(pool: &str, cluster: &str) -> Error {
    let message = format!(
        "Node pool version {pool} and control plane version {cluster} are incompatible. Minor version of node pool version {} is bigger \
         than control plane version {}. For more information, please check https://aka.ms/version-skew-policy",
        minor(pool),
        minor(cluster)
    );
    Error::cluster(BAD, "NodePoolMcVersionIncompatible", message)
}

/// A pool that would lag too far behind its cluster.
pub(super) fn pool_version_too_old(pool: &str, cluster: &str, most: u32) -> Error {
    let message = format!(
        "Node pool version {pool} and control plane version {cluster} are incompatible. Minor version of node pool cannot be more than \
         {most} versions less than control plane's version. Minor version of node pool is {} and control plane is {}. For more \
         information, please check https://aka.ms/version-skew-policy",
        minor(pool),
        minor(cluster)
    );
    Error::cluster(BAD, "NodePoolMcVersionIncompatible", message)
}

fn minor(version: &str) -> &str {
    version.split('.').nth(1).unwrap_or_default()
}

/// A cluster that may not become another version (text inferred).
pub(super) fn upgrade_not_allowed(from: &str, to: &str) -> Error {
    let message = format!(
        "Upgrading Kubernetes version {from} to {to} is not allowed. Available upgrades are shown by [az aks get-upgrades]. See \
         https://aka.ms/aks-supported-k8s-ver for version details."
    );
    Error::cluster(BAD, "OperationNotAllowed", message)
}

/// A cluster without a system pool.
pub(super) fn no_system_pool() -> Error {
    Error::cluster(BAD, "MustDefineAtLeastOneSystemPool", "Must define at least one system pool.")
}

/// The last system pool cannot be deleted.
pub(super) fn last_system_pool() -> Error {
    Error::cluster(BAD, "OperationNotAllowed", "There has to be at least one system agent pool.")
}

/// The last pool cannot be deleted.
pub(super) fn last_pool() -> Error {
    Error::cluster(BAD, "OperationNotAllowed", "There has to be at least one agent pool.")
}

/// A size that system pools may not have (text inferred).
pub(super) fn size_not_for_system_pools(size: &str) -> Error {
    let message =
        format!("The VM SKU chosen for this cluster `{size}` does not have enough CPU/memory to run as a system node pool.");
    Error::cluster(BAD, "SystemPoolSkuTooLow", message).target("agentPoolProfile.vmSize")
}

/// A count that the pool may not have.
pub(super) fn count_out_of_range(count: i64, least: i64) -> Error {
    let details = format!(
        "agentPoolProfile.count was {count}. It must be greater or equal to minCount:{least} and less than or equal to maxCount:1000. If \
         allowedMinCount was expected to be 0 but is 1: 1) The nodepool is a VMAS pool. 2) api Version is less than 2020-03-01. 3) The node \
         is a system pool."
    );
    invalid_value("agentPoolProfile.count", &details)
}

/// A property that cannot change.
pub(super) fn change_not_allowed(property: &str) -> Error {
    Error::cluster(BAD, "PropertyChangeNotAllowed", format!("Changing property '{property}' is not allowed.")).target(property)
}

/// A service principal that the tenant does not have.
pub(super) fn service_principal_not_found(client_id: &str, tenant: impl std::fmt::Display) -> Error {
    let message = format!(
        "Service principal clientID: {client_id} not found in Active Directory tenant {tenant}, Please see https://aka.ms/aks-sp-help for \
         more details."
    );
    Error::cluster(BAD, "ServicePrincipalNotFound", message)
}

/// A secret that Entra refuses, with what it answered, which AKS repeats.
pub(super) fn service_principal_invalid(tenant: impl std::fmt::Display, refusal: &serde_json::Value) -> Error {
    let message = format!(
        "The credentials in ServicePrincipalProfile were invalid. Please see https://aka.ms/aks-sp-help for more details. (Details: adal: \
         Refresh request failed. Status Code = '401'. Response body: {refusal} Endpoint \
         https://login.microsoftonline.com/{tenant}/oauth2/token?api-version=1.0)"
    );
    Error::cluster(BAD, "BadRequest", message)
}

/// A kubelet identity that the control plane's identity may not hand to nodes (text inferred from AKS' page on it).
pub(super) fn kubelet_identity_permission(control_plane: &str, kubelet: &str) -> Error {
    let message = format!(
        "The cluster user assigned identity must be given permission to assign kubelet identity {kubelet}. Check access result not allowed \
         for action Microsoft.ManagedIdentity/userAssignedIdentities/assign/action. Control plane identity: {control_plane}."
    );
    Error::cluster(BAD, "CustomKubeletIdentityMissingPermissionError", message)
}

/// An own kubelet identity needs a user-assigned control plane identity.
pub(super) fn kubelet_identity_needs_user_assigned() -> Error {
    let message = "Custom kubelet identity is only supported with a user assigned control plane identity: set identity.type to UserAssigned.";
    Error::cluster(BAD, "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster", message)
}

/// An identity that does not exist (text inferred).
pub(super) fn identity_not_found(id: &str) -> Error {
    Error::cluster(BAD, "ResourceNotFound", format!("The user assigned identity '{id}' was not found.")).target("identity")
}

/// An absent cluster, as AKS itself says it.
pub(super) fn cluster_not_found(name: &str, subscription: &str, group: &str) -> Error {
    let message =
        format!("Could not find managed cluster resource: {name} in subscription: {subscription}, resourceGroup: {group}.");
    Error::cluster(StatusCode::NOT_FOUND, "NotFound", message)
}

/// An absent pool (text inferred).
pub(super) fn pool_not_found(name: &str) -> Error {
    Error::cluster(StatusCode::NOT_FOUND, "NotFound", format!("Could not find the agent pool: {name}."))
}

/// The administrator's credential of a cluster without local accounts.
pub(super) fn local_accounts_disabled() -> Error {
    let message = "Getting static credential is not allowed because this cluster is set to disable local accounts.";
    Error::cluster(BAD, "BadRequest", message)
}

/// A body that AKS cannot read.
pub(super) fn unmarshal(why: &str) -> Error {
    Error::cluster(BAD, "UnmarshalError", format!("UnmarshalEntity encountered error: json: {why}."))
}

/// Something else runs on the cluster, `operation (Updating)` or `agentpool operation (np - Creating)`.
pub(super) fn busy(what: &str) -> Error {
    let message = format!(
        "Operation is not allowed: Another {what} is in progress, please wait for it to finish before starting a new operation. See \
         https://aka.ms/aks-pending-operation for more details"
    );
    Error::cluster(StatusCode::CONFLICT, "OperationNotAllowed", message)
}

/// Anything but a start of a stopped cluster.
pub(super) fn stopped(subscription: &str, group: &str) -> Error {
    let message = format!(
        "An error has occurred in subscription {subscription}, resourceGroup: {group} request: Managed Cluster is in stopped state, no \
         operations except for start are allowed."
    );
    Error::cluster(BAD, "OperationNotAllowed", message)
}

/// A cluster that has already the power state that it would get.
pub(super) fn power_state(state: &str, power: &str, doing: &str) -> Error {
    let message =
        format!("managed cluster is in Provisioning State({state}) and Power State({power}), {doing} cannot be performed");
    Error::cluster(BAD, "OperationNotAllowed", message)
}

/// A cluster that has identities instead of a service principal (text inferred).
pub(super) fn no_service_principal() -> Error {
    let message = "Resetting the service principal profile is not allowed: the cluster uses managed identities.";
    Error::cluster(BAD, "OperationNotAllowed", message)
}

/// A cluster that is not integrated with Entra (text inferred).
pub(super) fn no_aad_profile() -> Error {
    Error::cluster(BAD, "BadRequest", "Resetting the AAD profile is not allowed: the cluster is not AAD enabled.")
}

/// A cluster whose integration with Entra is AKS' own (text inferred).
pub(super) fn managed_aad_profile() -> Error {
    Error::cluster(BAD, "BadRequest", "Resetting the AAD profile is not allowed: the cluster uses AKS-managed AAD.")
}

/// An operation that was not on this object (text inferred).
pub(super) fn operation_not_found(name: &str) -> Error {
    Error::cluster(StatusCode::NOT_FOUND, "NotFound", format!("Could not find the operation: {name}."))
}

/// A cluster whose run command is switched off (text inferred).
pub(super) fn run_command_disabled() -> Error {
    Error::cluster(
        BAD,
        "BadRequest",
        "Run command is disabled for this cluster: apiServerAccessProfile.disableRunCommand is true.",
    )
}

/// Files of a command that cannot be read (text inferred).
pub(super) fn bad_context(why: &str) -> Error {
    Error::cluster(BAD, "InvalidParameter", format!("The value of parameter context is invalid: {why}.")).target("context")
}

/// A command that was never run here (text inferred).
pub(super) fn command_not_found(id: &str) -> Error {
    Error::cluster(StatusCode::NOT_FOUND, "NotFound", format!("Could not find the result of the command: {id}."))
}

/// Something below a cluster that does not exist (text inferred).
pub(super) fn child_not_found(noun: &str, name: &str) -> Error {
    Error::cluster(StatusCode::NOT_FOUND, "NotFound", format!("Could not find the {noun}: {name}."))
}

/// What a snapshot is to be made of (text inferred).
pub(super) fn source_not_found(id: &str) -> Error {
    let message = format!("The source resource '{id}' of the snapshot was not found.");
    Error::cluster(BAD, "InvalidParameter", message).target("properties.creationData.sourceResourceId")
}

/// A namespace that is there and is not to be adopted (text inferred).
pub(super) fn namespace_exists(name: &str) -> Error {
    let message =
        format!("The namespace {name} exists in the cluster already, and the adoption policy does not allow to adopt it.");
    Error::cluster(StatusCode::CONFLICT, "Conflict", message)
}
