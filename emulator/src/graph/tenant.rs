//! `organization`, `domains`, `directoryRoles`, `directory/deletedItems`, and OpenID Connect's `userinfo`. Source: the Graph v1.0
//! reference of these resources.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{self, What};
use super::call::{Answer, Call};
use super::error::Error;
use super::{directory, objects};
use crate::entra::store::{Deleted, Gone, directory_roles};
use crate::kernel::clock::rfc3339_seconds;

pub(super) fn organization(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    let tenant = &call.world.directory.tenant;
    let shown = json!({
        "id": tenant.id,
        "deletedDateTime": null,
        "businessPhones": [],
        "city": null,
        "country": null,
        "countryLetterCode": "US",
        "defaultUsageLocation": null,
        "displayName": tenant.display_name,
        "onPremisesSyncEnabled": null,
        "preferredLanguage": "en",
        "securityComplianceNotificationMails": [],
        "technicalNotificationMails": [],
        "tenantType": "AAD",
        "assignedPlans": [],
        "provisionedPlans": [],
        "verifiedDomains": [{
            "capabilities": "Email, OfficeCommunicationsOnline", "isDefault": true, "isInitial": true, "name": tenant.domain,
            "type": "Managed",
        }],
    });
    match (&call.method, rest) {
        (&Method::GET, []) => call.list("organization", "Organization", vec![shown]),
        (&Method::GET, [id]) if *id == tenant.id.to_string() => call.one("organization", "Organization", shown),
        (&Method::GET, [id]) => Err(Error::not_found(id)),
        (method, _) => Err(Error::not_implemented(&format!("{method} of organization"))),
    }
}

pub(super) fn domains(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    let domain = &call.world.directory.tenant.domain;
    let shown = json!({
        "id": domain,
        "authenticationType": "Managed",
        "availabilityStatus": null,
        "isAdminManaged": true,
        "isDefault": true,
        "isInitial": true,
        "isRoot": true,
        "isVerified": true,
        "supportedServices": ["Email", "OfficeCommunicationsOnline"],
        "passwordValidityPeriodInDays": 2_147_483_647,
        "passwordNotificationWindowInDays": 14,
        "state": null,
    });
    match (&call.method, rest) {
        (&Method::GET, []) => call.list("domains", "Domain", vec![shown]),
        (&Method::GET, [name]) if name.eq_ignore_ascii_case(domain) => call.one("domains", "Domain", shown),
        (&Method::GET, [name]) => Err(Error::not_found(name)),
        (method, _) => Err(Error::not_implemented(&format!("{method} of domains"))),
    }
}

/// The directory roles, by their own ids or by `roleTemplateId=…`.
pub(super) fn roles(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    let templates = || directory_roles().iter().map(|role| role.template_id);
    let find = |key: &str| {
        let template = key.strip_prefix("roleTemplateId=");
        let is = |id: &Uuid| {
            template.map_or_else(|| directory::role_id(call, *id).to_string() == key, |wanted| wanted == id.to_string())
        };
        templates().find(is).ok_or_else(|| Error::not_found(key))
    };
    match (&call.method, rest) {
        (&Method::GET, []) => {
            call.list("directoryRoles", "DirectoryRole", templates().filter_map(|id| directory::role(call, id)).collect())
        }
        (&Method::GET, [key]) => {
            let found = directory::role(call, find(key)?).ok_or_else(|| Error::not_found(key))?;
            call.one("directoryRoles", "DirectoryRole", found)
        }
        (&Method::GET, [key, "members", rest @ ..]) => {
            let template = find(key)?;
            let all = call.world.directory.principals();
            let holders: Vec<Uuid> =
                all.iter().filter(|it| it.directory_roles.contains(&template)).map(|it| it.object_id).collect();
            directory::principals(call, "directoryObjects", &holders, rest)
        }
        (method, _) => Err(Error::not_implemented(&format!("{method} of directoryRoles"))),
    }
}

fn shown(call: &Call<'_>, id: Uuid, deleted: &Deleted) -> Value {
    let (mut object, kind) = match &deleted.object {
        Gone::Application(application, _) => {
            (objects::application(call.world, application, false), "#microsoft.graph.application")
        }
        Gone::Principal(principal) => (objects::object(call.world, principal), objects::type_name(principal)),
    };
    object["id"] = json!(id);
    object["deletedDateTime"] = json!(rfc3339_seconds(deleted.at));
    objects::put_first(&mut object, "@odata.type", json!(kind));
    object
}

/// `directory/deletedItems`: what can be restored, by type or by id.
pub(super) fn deleted(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    let (bin, now) = (&call.world.directory.deleted, call.world.clock.now());
    let parsed = |key: &str| Uuid::try_parse(key).map_err(|_| Error::not_found(key));
    let what = |deleted: &Deleted| match &deleted.object {
        Gone::Principal(principal) if principal.user().is_some() => What::Users,
        _ => What::Applications,
    };
    match (&call.method, rest) {
        (&Method::GET, [kind]) if kind.starts_with("microsoft.graph.") => {
            let all = bin.all(now).into_iter().map(|(id, deleted)| shown(call, id, &deleted));
            let kind = format!("#{kind}");
            call.list(
                "directoryObjects",
                "DirectoryObject",
                all.filter(|object| object["@odata.type"] == kind.as_str()).collect(),
            )
        }
        (&Method::GET, [key]) => {
            let id = parsed(key)?;
            let deleted = bin.get(id, now).ok_or_else(|| Error::not_found(key))?;
            call.one("directoryObjects", "DirectoryObject", shown(call, id, &deleted))
        }
        (&Method::DELETE, [key]) => {
            let id = parsed(key)?;
            let deleted = bin.get(id, now).ok_or_else(|| Error::not_found(key))?;
            access::may_change(call, what(&deleted), &[])?;
            bin.take(id, now);
            Ok(Answer::nothing())
        }
        (&Method::POST, [key, "restore"]) => {
            let id = parsed(key)?;
            let deleted = bin.get(id, now).ok_or_else(|| Error::not_found(key))?;
            access::may_change(call, what(&deleted), &[])?;
            call.world.directory.restore(id, now).ok_or_else(|| Error::not_found(key))?;
            let mut object = shown(call, id, &deleted);
            object["deletedDateTime"] = Value::Null;
            objects::put_first(&mut object, "@odata.context", json!(call.context("directoryObjects/$entity")));
            Ok(Answer::action(object))
        }
        (method, _) => Err(Error::not_implemented(&format!("{method} of directory/deletedItems"))),
    }
}

/// Who the caller is, in OpenID Connect's words.
pub(super) fn user_info(call: &Call<'_>) -> Result<Answer, Error> {
    let user = call
        .caller
        .user()
        .ok_or_else(|| Error::bad_request("/userinfo request is only valid with delegated authentication flow."))?;
    Ok(Answer::ok(json!({
        "sub": call.world.ids.named_text(&format!("subject {} userinfo", call.caller.object_id), 43, crate::kernel::ids::ALPHANUMERIC),
        "name": call.caller.display_name,
        "family_name": call.caller.members.get("surname"),
        "given_name": call.caller.members.get("givenName"),
        "picture": "https://graph.microsoft.com/v1.0/me/photo/$value",
        "email": user.user_principal_name,
    })))
}
