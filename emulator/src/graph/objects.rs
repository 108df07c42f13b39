//! Directory objects in Graph's shapes: what their types have (`fixtures/graph/`), filled in with what the directory knows.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::entra::store::{Application, Credentials, KeyCredential, Kind, PasswordCredential, Principal, first_party};
use crate::kernel::clock::{rfc3339_seconds, rfc3339_ticks};
use crate::world::World;

fn read(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("the files of fixtures/graph hold objects: a test reads them")
}

/// The members of a type with their defaults, in Graph's order.
pub(super) static APPLICATION: LazyLock<Map<String, Value>> =
    LazyLock::new(|| read(include_str!("../../../fixtures/graph/application.json")));
pub(super) static SERVICE_PRINCIPAL: LazyLock<Map<String, Value>> =
    LazyLock::new(|| read(include_str!("../../../fixtures/graph/service-principal.json")));
pub(super) static GROUP: LazyLock<Map<String, Value>> =
    LazyLock::new(|| read(include_str!("../../../fixtures/graph/group.json")));
pub(super) static USER: LazyLock<Map<String, Value>> = LazyLock::new(|| read(include_str!("../../../fixtures/graph/user.json")));
/// Members of a user that are shown only when they are selected.
pub(super) static USER_ON_DEMAND: LazyLock<Map<String, Value>> =
    LazyLock::new(|| read(include_str!("../../../fixtures/graph/user-on-demand.json")));
static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// What a type shows only on demand.
pub(super) fn hidden(resource: &str) -> &'static Map<String, Value> {
    if resource == "User" { &USER_ON_DEMAND } else { &NONE }
}

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

/// A type's defaults with what was set on an object.
fn filled(defaults: &Map<String, Value>, members: &Map<String, Value>, known: Value) -> Map<String, Value> {
    let mut object = defaults.clone();
    for (name, value) in members {
        object.insert(name.clone(), value.clone());
    }
    if let Value::Object(known) = known {
        object.extend(known);
    }
    object
}

/// A principal with all its members, those on demand too.
pub(super) fn object(world: &World, principal: &Principal) -> Value {
    let created = rfc3339_seconds(principal.created);
    match &principal.kind {
        Kind::User(user) => {
            let mut defaults = USER.clone();
            defaults.extend(USER_ON_DEMAND.clone());
            let known = json!({
                "displayName": principal.display_name,
                "userPrincipalName": user.user_principal_name,
                "id": principal.object_id,
                "accountEnabled": principal.enabled,
                "createdDateTime": created,
                "securityIdentifier": security_identifier(principal.object_id),
            });
            let mut object = filled(&defaults, &principal.members, known);
            // A password is never shown.
            object.insert("passwordProfile".into(), Value::Null);
            Value::Object(object)
        }
        Kind::Group => {
            let known = json!({
                "id": principal.object_id,
                "createdDateTime": created,
                "renewedDateTime": created,
                "displayName": principal.display_name,
                "securityIdentifier": security_identifier(principal.object_id),
            });
            Value::Object(filled(&GROUP, &principal.members, known))
        }
        Kind::ServicePrincipal(_) => service_principal(world, principal),
    }
}

/// A security identifier is the object id in another spelling: four numbers of 32 bits.
fn security_identifier(id: Uuid) -> String {
    let bytes = id.to_bytes_le();
    let number = |part: &[u8]| u32::from_le_bytes([part[0], part[1], part[2], part[3]]).to_string();
    format!("S-1-12-1-{}", bytes.chunks_exact(4).map(number).collect::<Vec<_>>().join("-"))
}

fn service_principal(world: &World, principal: &Principal) -> Value {
    let Kind::ServicePrincipal(it) = &principal.kind else { return Value::Null };
    let application = world.directory.application_by_app_id(it.app_id);
    let mut known = json!({
        "id": principal.object_id,
        "accountEnabled": principal.enabled,
        "appId": it.app_id,
        "createdDateTime": rfc3339_seconds(principal.created),
        "displayName": principal.display_name,
        "servicePrincipalNames": [it.app_id],
        "keyCredentials": keys(&it.credentials),
        "passwordCredentials": passwords(&it.credentials),
    });
    if let Some(resource) = &it.managed_identity {
        let explicit = resource.to_ascii_lowercase().contains("/userassignedidentities/");
        let name = STANDARD.encode(digest(&aws_lc_rs::digest::SHA256, it.app_id.as_bytes()));
        known["alternativeNames"] = json!([format!("isExplicit={}", if explicit { "True" } else { "False" }), resource]);
        known["servicePrincipalType"] = json!("ManagedIdentity");
        known["servicePrincipalNames"] = json!([it.app_id, format!("https://identity.azure.net/{name}")]);
        known["info"] = Value::Null;
        return Value::Object(filled(&SERVICE_PRINCIPAL, &principal.members, known));
    }
    let microsoft = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";
    known["appDisplayName"] = json!(principal.display_name);
    known["appOwnerOrganizationId"] = json!(world.directory.tenant.id);
    known["signInAudience"] = json!("AzureADMyOrg");
    if let Some(first) = first_party(it.app_id) {
        known["appOwnerOrganizationId"] = json!(microsoft);
        known["signInAudience"] = json!("AzureADMultipleOrgs");
        known["servicePrincipalNames"] = json!(names(it.app_id, first.identifier_uris.clone()));
        let delegated = first.delegated.iter().map(|(id, value)| {
            json!({ "adminConsentDescription": value, "adminConsentDisplayName": value, "id": id, "isEnabled": true, "type": "User",
                "userConsentDescription": value, "userConsentDisplayName": value, "value": value })
        });
        known["oauth2PermissionScopes"] = delegated.collect();
    }
    if let Some(application) = application {
        known["appDisplayName"] = json!(application.display_name);
        known["servicePrincipalNames"] = json!(names(it.app_id, application.identifier_uris()));
        known["signInAudience"] = application.members.get("signInAudience").cloned().unwrap_or_else(|| json!("AzureADMyOrg"));
        for (own, member, below) in [
            ("appRoles", "appRoles", ""),
            ("info", "info", ""),
            ("oauth2PermissionScopes", "api", "oauth2PermissionScopes"),
            ("homepage", "web", "homePageUrl"),
            ("logoutUrl", "web", "logoutUrl"),
            ("appDescription", "description", ""),
        ] {
            let value = application.members.get(member).map(|value| if below.is_empty() { value } else { &value[below] });
            if let Some(value) = value.filter(|value| !value.is_null()) {
                known[own] = value.clone();
            }
        }
        let replies: Vec<String> = ["web/redirectUris", "spa/redirectUris", "publicClient/redirectUris"]
            .iter()
            .flat_map(|list| application.texts(list))
            .collect();
        known["replyUrls"] = json!(replies);
    }
    Value::Object(filled(&SERVICE_PRINCIPAL, &principal.members, known))
}

fn names(app_id: Uuid, uris: Vec<String>) -> Vec<String> {
    std::iter::once(app_id.to_string()).chain(uris).collect()
}

/// An application; its time of creation is told to the tick only when it is made.
pub(super) fn application(world: &World, application: &Application, made: bool) -> Value {
    let created = if made { rfc3339_ticks(application.created) } else { rfc3339_seconds(application.created) };
    let known = json!({
        "id": application.object_id,
        "appId": application.app_id,
        "createdDateTime": created,
        "displayName": application.display_name,
        "publisherDomain": world.directory.tenant.domain,
        "keyCredentials": keys(&application.credentials),
        "passwordCredentials": passwords(&application.credentials),
    });
    Value::Object(filled(&APPLICATION, &application.members, known))
}

/// A time as Graph writes it: with a fraction only if there is one.
pub(super) fn time(at: Timestamp) -> String {
    if at.subsec_nanosecond() == 0 { rfc3339_seconds(at) } else { rfc3339_ticks(at) }
}

fn passwords(credentials: &Credentials) -> Value {
    credentials.passwords.iter().map(|password| password_credential(password, false)).collect()
}

/// A client secret; the secret itself is shown only by the answer that makes it.
pub(super) fn password_credential(password: &PasswordCredential, made: bool) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": password.display_name,
        "endDateTime": time(password.end),
        "hint": password.secret.hint(),
        "keyId": password.key_id,
        "secretText": made.then(|| password.secret.reveal()),
        "startDateTime": time(password.start),
    })
}

fn keys(credentials: &Credentials) -> Value {
    credentials.keys.iter().map(key_credential).collect()
}

fn key_credential(key: &KeyCredential) -> Value {
    let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, &key.certificate);
    json!({
        "customKeyIdentifier": thumbprint.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<String>(),
        "displayName": key.display_name,
        "endDateTime": time(key.end),
        "key": null,
        "keyId": key.key_id,
        "startDateTime": time(key.start),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_can_be_read() {
        for (members, first) in [
            (&APPLICATION, "id"),
            (&SERVICE_PRINCIPAL, "id"),
            (&GROUP, "id"),
            (&USER, "businessPhones"),
            (&USER_ON_DEMAND, "accountEnabled"),
        ] {
            assert_eq!(members.keys().next().map(String::as_str), Some(first));
        }
    }

    #[test]
    fn a_security_identifier_is_the_object_id() {
        let id = Uuid::try_parse("01020304-0506-0708-090a-0b0c0d0e0f10").expect("a GUID");
        assert_eq!(security_identifier(id), "S-1-12-1-16909060-117966086-202050057-269422093");
    }
}
