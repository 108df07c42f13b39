//! Directory objects in Graph's shapes, as its v1.0 reference lists them.

use serde_json::{Map, Value, json};

use crate::entra::store::{Kind, Principal};
use crate::kernel::clock::rfc3339_seconds;
use crate::world::World;

/// `@odata.type` of an object.
pub(super) fn type_name(principal: &Principal) -> &'static str {
    match principal.kind {
        Kind::ServicePrincipal(_) => "#microsoft.graph.servicePrincipal",
        Kind::User(_) => "#microsoft.graph.user",
        Kind::Group => "#microsoft.graph.group",
    }
}

/// Puts a member before all others.
pub(super) fn put_first(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        let mut first = Map::new();
        first.insert(name.to_owned(), value);
        first.append(members);
        *members = first;
    }
}

/// An object with the members that a plain GET shows.
pub(super) fn object(world: &World, principal: &Principal) -> Value {
    let created = rfc3339_seconds(principal.created);
    match &principal.kind {
        Kind::User(user) => json!({
            "businessPhones": [],
            "displayName": principal.display_name,
            "givenName": null,
            "jobTitle": null,
            "mail": null,
            "mobilePhone": null,
            "officeLocation": null,
            "preferredLanguage": null,
            "surname": null,
            "userPrincipalName": user.user_principal_name,
            "id": principal.object_id,
        }),
        Kind::Group => json!({
            "id": principal.object_id,
            "deletedDateTime": null,
            "createdDateTime": created,
            "description": null,
            "displayName": principal.display_name,
            "groupTypes": [],
            "mail": null,
            "mailEnabled": false,
            "securityEnabled": true,
        }),
        Kind::ServicePrincipal(service_principal) => {
            let managed = service_principal.managed_identity.as_deref();
            let explicit = managed.is_some_and(|id| id.to_ascii_lowercase().contains("/userassignedidentities/"));
            let alternative_names = managed
                .map(|id| vec![format!("isExplicit={}", if explicit { "True" } else { "False" }), id.to_owned()])
                .unwrap_or_default();
            json!({
                "id": principal.object_id,
                "deletedDateTime": null,
                "accountEnabled": principal.enabled,
                "alternativeNames": alternative_names,
                "appDisplayName": if managed.is_some() { Value::Null } else { json!(principal.display_name) },
                "appId": service_principal.app_id,
                "appOwnerOrganizationId": if managed.is_some() { Value::Null } else { json!(world.directory.tenant.id) },
                "appRoleAssignmentRequired": false,
                "createdDateTime": created,
                "displayName": principal.display_name,
                "servicePrincipalNames": [service_principal.app_id],
                "servicePrincipalType": if managed.is_some() { "ManagedIdentity" } else { "Application" },
                "signInAudience": if managed.is_some() { Value::Null } else { json!("AzureADMyOrg") },
                "tags": [],
                "keyCredentials": [],
                "passwordCredentials": [],
            })
        }
    }
}
