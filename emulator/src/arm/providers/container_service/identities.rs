//! The identities of a cluster: of its control plane, as which it manages its nodes, and of its kubelets, as which they pull
//! images. They are two, and a role given to the first does nothing for the second.
//! Source: AKS' documentation, "Use a managed identity" and "Bring your own kubelet identity"; of a service principal's secret its
//! troubleshooting page on expired secrets and messages that users have reported.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::Request;
use super::super::super::error::{self, Error};
use super::super::super::store::Resource;
use super::super::managed_identity::{self, Identity};
use super::errors;
use crate::entra;
use crate::kernel::access::Plane;
use crate::kernel::principal::{Caller, PrincipalKind};
use crate::kernel::resource_id::ResourceId;
use crate::kube::spec::KubeletIdentity;

/// What may assign an identity to a resource.
const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";

/// Who the control plane is.
pub(super) enum ControlPlane {
    /// An identity that lives and dies with the cluster.
    SystemAssigned { principal_id: Uuid },
    /// Identities that the caller made.
    UserAssigned(Vec<(ResourceId, KubeletIdentity)>),
    /// An application of the caller's; it is its kubelets' identity too.
    ServicePrincipal(KubeletIdentity),
}

impl ControlPlane {
    /// The `identity` of the cluster's body.
    pub(super) fn body(&self, tenant: Uuid) -> Option<Value> {
        match self {
            Self::SystemAssigned { principal_id } => {
                Some(json!({ "type": "SystemAssigned", "principalId": principal_id, "tenantId": tenant }))
            }
            Self::UserAssigned(identities) => {
                let each = identities.iter().map(|(id, identity)| {
                    let body = json!({ "clientId": identity.client_id, "principalId": identity.object_id });
                    (id.as_str().to_owned(), body)
                });
                Some(json!({ "type": "UserAssigned", "userAssignedIdentities": each.collect::<Map<_, _>>() }))
            }
            Self::ServicePrincipal(_) => None,
        }
    }
}

/// Settles who the control plane is: as asked, else as it was.
pub(super) fn control_plane(request: &Request<'_>, id: &ResourceId, before: Option<&Resource>) -> Result<ControlPlane, Error> {
    let asked = request.body.get("identity").filter(|identity| identity.is_object());
    let earlier = before.and_then(|before| before.identity.as_ref());
    let kind = asked.or(earlier).and_then(|identity| identity["type"].as_str()).unwrap_or("None");
    match kind.to_ascii_lowercase().as_str() {
        "systemassigned" if own_kubelet(request, before).is_some() => Err(errors::kubelet_identity_needs_user_assigned()),
        "systemassigned" => {
            let existing = earlier.and_then(|identity| Uuid::try_parse(identity["principalId"].as_str()?).ok());
            let principal_id =
                existing.unwrap_or_else(|| managed_identity::make_principal(request.world, id.name(), id).principal_id);
            Ok(ControlPlane::SystemAssigned { principal_id })
        }
        "userassigned" => user_assigned(request, asked.or(earlier), earlier),
        _ => service_principal(request, before),
    }
}

fn user_assigned(request: &Request<'_>, asked: Option<&Value>, earlier: Option<&Value>) -> Result<ControlPlane, Error> {
    let ids = |identity: Option<&Value>| -> Vec<ResourceId> {
        let map = identity.and_then(|identity| identity["userAssignedIdentities"].as_object());
        map.into_iter().flatten().map(|(id, _)| ResourceId::new(id)).collect()
    };
    let (wanted, had) = (ids(asked), ids(earlier));
    if wanted.is_empty() {
        return Err(errors::invalid_parameter("identity.userAssignedIdentities"));
    }
    assignable(request, wanted.iter().filter(|id| !had.contains(id)))?;
    let identities = wanted.into_iter().map(|id| {
        let identity = find(request, &id).ok_or_else(|| errors::identity_not_found(id.as_str()))?;
        Ok((id, identity))
    });
    Ok(ControlPlane::UserAssigned(identities.collect::<Result<_, Error>>()?))
}

fn service_principal(request: &Request<'_>, before: Option<&Resource>) -> Result<ControlPlane, Error> {
    let said = |properties: Option<&Value>| properties?.get("clientId")?.as_str().map(str::to_owned);
    let asked = said(request.body.pointer("/properties/servicePrincipalProfile"));
    let client_id = asked
        .or_else(|| said(before?.properties.get("servicePrincipalProfile")))
        .ok_or_else(|| errors::invalid_parameter("servicePrincipalProfile.clientId"))?;
    let identity = application(request, &client_id)?;
    let secret = request.body.pointer("/properties/servicePrincipalProfile/secret").and_then(Value::as_str);
    check_secret(request, identity.client_id, secret, before.is_none())?;
    Ok(ControlPlane::ServicePrincipal(identity))
}

/// The application that a cluster shall act as.
pub(super) fn application(request: &Request<'_>, client_id: &str) -> Result<KubeletIdentity, Error> {
    let directory = &request.world.directory;
    Uuid::try_parse(client_id)
        .ok()
        .and_then(|app_id| directory.by_app_id(app_id))
        .and_then(|principal| Some(KubeletIdentity { object_id: principal.object_id, client_id: principal.app_id()? }))
        .ok_or_else(|| errors::service_principal_not_found(client_id, directory.tenant.id))
}

/// AKS tries the secret that it is given. A new cluster needs one (inferred); an application of which the directory has no secret at all
/// is one whose secrets were never told here, and is believed.
pub(super) fn check_secret(request: &Request<'_>, app_id: Uuid, secret: Option<&str>, needed: bool) -> Result<(), Error> {
    let directory = &request.world.directory;
    if directory.credentials(app_id).passwords.is_empty() {
        return Ok(());
    }
    match secret.filter(|secret| !secret.is_empty()) {
        Some(secret) => entra::try_secret(request.world, app_id, secret)
            .map_err(|refusal| errors::service_principal_invalid(directory.tenant.id, &refusal)),
        None if needed => Err(errors::missing_parameter("servicePrincipalProfile.secret")),
        None => Ok(()),
    }
}

/// A user-assigned identity by its resource id.
fn find(request: &Request<'_>, id: &ResourceId) -> Option<KubeletIdentity> {
    let resource = request.world.arm.resource(id)?;
    let Identity { principal_id, client_id } = Identity::of(&resource)?;
    Some(KubeletIdentity { object_id: principal_id, client_id })
}

/// Whether the caller may assign identities to a resource: a linked right, checked beside the write itself.
fn assignable<'a>(request: &Request<'_>, ids: impl Iterator<Item = &'a ResourceId>) -> Result<(), Error> {
    let refused: Vec<String> = ids.filter(|id| !request.may(ASSIGN, id)).map(|id| id.as_str().to_owned()).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let Caller { label, object_id, .. } = &request.caller;
    let action = (request.action.as_str(), request.target.id.as_str());
    Err(error::linked_authorization_failed(label, object_id, action, (ASSIGN, &refused)))
}

/// Who the kubelets are, and the `identityProfile` that says it.
pub(super) struct Kubelet {
    pub(super) identity: KubeletIdentity,
    /// None with a service principal: AKS does not repeat it there.
    pub(super) profile: Option<Value>,
}

/// Settles who the kubelets are: an identity of the caller's, the one that they had, or a new one in the node resource group.
pub(super) fn kubelet(
    request: &Request<'_>,
    control_plane: &ControlPlane,
    cluster: &ResourceId,
    node_group: &ResourceId,
    location: &str,
    before: Option<&Resource>,
) -> Result<Kubelet, Error> {
    if let ControlPlane::ServicePrincipal(identity) = control_plane {
        return Ok(Kubelet { identity: identity.clone(), profile: None });
    }
    let id = match own_kubelet(request, before).or_else(|| earlier_kubelet(before)) {
        Some(id) => id,
        None => {
            let id = node_group
                .join(&format!("providers/Microsoft.ManagedIdentity/userAssignedIdentities/{}-agentpool", cluster.name()));
            let id = ResourceId::new(&id.as_str().replace("/resourceGroups/", "/resourcegroups/"));
            managed_identity::create(request.world, &request.caller, id.clone(), location, None);
            id
        }
    };
    let identity = find(request, &id).ok_or_else(|| errors::identity_not_found(id.as_str()))?;
    let profile = json!({ "kubeletidentity": {
        "resourceId": id.as_str(),
        "clientId": identity.client_id,
        "objectId": identity.object_id,
    }});
    Ok(Kubelet { identity, profile: Some(profile) })
}

/// The resource id in an `identityProfile`.
fn kubelet_id(profile: Option<&Value>) -> Option<ResourceId> {
    profile?.pointer("/kubeletidentity/resourceId")?.as_str().filter(|id| !id.is_empty()).map(ResourceId::new)
}

fn earlier_kubelet(before: Option<&Resource>) -> Option<ResourceId> {
    kubelet_id(before?.properties.get("identityProfile"))
}

/// An identity of the caller's that the kubelets shall be and were not before.
fn own_kubelet(request: &Request<'_>, before: Option<&Resource>) -> Option<ResourceId> {
    kubelet_id(request.body.pointer("/properties/identityProfile"))
        .filter(|asked| earlier_kubelet(before).as_ref() != Some(asked))
}

/// Whether an identity of the caller's, if one is asked for, may be the kubelets': it must exist, the caller must be allowed to
/// assign it, and the control plane, which hands it to the nodes, must be allowed to as well (Managed Identity Operator).
pub(super) fn check_own_kubelet(
    request: &Request<'_>,
    control_plane: &ControlPlane,
    before: Option<&Resource>,
) -> Result<(), Error> {
    let Some(id) = own_kubelet(request, before) else { return Ok(()) };
    let ControlPlane::UserAssigned(identities) = control_plane else {
        return Err(errors::kubelet_identity_needs_user_assigned());
    };
    assignable(request, std::iter::once(&id))?;
    find(request, &id).ok_or_else(|| errors::identity_not_found(id.as_str()))?;
    let may = |object_id: Uuid| {
        let label = object_id.to_string();
        let caller = Caller { object_id, label, kind: PrincipalKind::ServicePrincipal, groups: Vec::new() };
        request.access().decide(&caller, Plane::Management, ASSIGN, &id).is_allowed()
    };
    if identities.iter().any(|(_, identity)| may(identity.object_id)) {
        return Ok(());
    }
    let (control_plane, _) = &identities[0];
    Err(errors::kubelet_identity_permission(control_plane.as_str(), id.as_str()))
}
