//! What all principals have in common: lists of them, their groups, `getByIds`. Source: the Graph v1.0 reference of directory objects.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Answer, Call};
use super::error::Error;
use super::objects;
use crate::entra::store::{Principal, directory_role};
use crate::kernel::principal::PrincipalKind;

/// All objects of a kind.
pub(super) fn all(call: &Call<'_>, kind: PrincipalKind) -> Vec<Value> {
    let all = call.world.directory.principals();
    all.iter().filter(|it| it.principal_kind() == kind).map(|it| objects::object(call.world, it)).collect()
}

/// An object with its type, as lists of mixed objects show it.
fn typed(call: &Call<'_>, principal: &Principal) -> Value {
    let mut object = objects::object(call.world, principal);
    if let Value::Object(members) = &mut object {
        members.retain(|name, _| !objects::hidden(if principal.user().is_some() { "User" } else { "" }).contains_key(name));
    }
    objects::put_first(&mut object, "@odata.type", json!(objects::type_name(principal)));
    object
}

/// A list of objects by their ids; a further segment counts them or keeps one type.
pub(super) fn principals(call: &Call<'_>, set: &str, ids: &[Uuid], rest: &[&str]) -> Result<Answer, Error> {
    let found = ids.iter().filter_map(|id| call.world.directory.principal(*id)).map(|principal| typed(call, &principal));
    match rest {
        [] => call.list(set, "DirectoryObject", found.collect()),
        ["$count"] => call.count("DirectoryObject", &found.collect::<Vec<_>>()),
        [cast] if cast.starts_with("microsoft.graph.") => {
            let kind = format!("#{cast}");
            call.list(set, "DirectoryObject", found.filter(|object| object["@odata.type"] == kind.as_str()).collect())
        }
        [segment, ..] => Err(Error::not_implemented(&format!("{set}/{segment}"))),
    }
}

/// What every principal can be asked.
pub(super) fn of_principal(call: &Call<'_>, principal: &Principal, rest: &[&str]) -> Result<Answer, Error> {
    let directory = &call.world.directory;
    let id = principal.object_id;
    match (&call.method, rest) {
        (&Method::GET, ["memberOf", rest @ ..]) => member_of(call, principal, directory.direct_groups_of(id), rest),
        (&Method::GET, ["transitiveMemberOf", rest @ ..]) => member_of(call, principal, directory.groups_of(id), rest),
        (&Method::GET, ["ownedObjects", rest @ ..]) => owned(call, id, rest),
        (&Method::POST, ["checkMemberGroups"]) => {
            let asked = ids(call, "groupIds", 20)?;
            let groups: Vec<String> = directory.groups_of(id).iter().map(Uuid::to_string).collect();
            texts(call, asked.into_iter().filter(|group| groups.iter().any(|it| it.eq_ignore_ascii_case(group))).collect())
        }
        (&Method::POST, ["checkMemberObjects"]) => {
            let asked = ids(call, "ids", 20)?;
            let groups: Vec<String> = directory.groups_of(id).iter().map(Uuid::to_string).collect();
            texts(call, asked.into_iter().filter(|group| groups.iter().any(|it| it.eq_ignore_ascii_case(group))).collect())
        }
        (&Method::POST, ["getMemberGroups"]) => {
            let secured = call.object()?.get("securityEnabledOnly").and_then(Value::as_bool).unwrap_or_default();
            let counts = |group: &Uuid| {
                let group = directory.principal(*group);
                !secured || group.is_none_or(|it| it.members.get("securityEnabled") != Some(&Value::Bool(false)))
            };
            texts(call, directory.groups_of(id).iter().filter(|group| counts(group)).map(Uuid::to_string).collect())
        }
        (&Method::POST, ["getMemberObjects"]) => {
            let roles = principal.directory_roles.iter().map(|role| role_id(call, *role).to_string());
            texts(call, directory.groups_of(id).iter().map(Uuid::to_string).chain(roles).collect())
        }
        (method, [segment, ..]) => Err(Error::not_implemented(&format!("{method} …/{segment}"))),
        (method, []) => Err(Error::not_implemented(&format!("{method} of an object"))),
    }
}

/// Groups, and for what holds them the directory roles.
fn member_of(call: &Call<'_>, principal: &Principal, groups: Vec<Uuid>, rest: &[&str]) -> Result<Answer, Error> {
    if !rest.is_empty() || principal.directory_roles.is_empty() {
        return principals(call, "directoryObjects", &groups, rest);
    }
    let groups = groups.iter().filter_map(|id| call.world.directory.principal(*id)).map(|group| typed(call, &group));
    let roles = principal.directory_roles.iter().filter_map(|id| role(call, *id)).map(|mut role| {
        objects::put_first(&mut role, "@odata.type", json!("#microsoft.graph.directoryRole"));
        role
    });
    call.list("directoryObjects", "DirectoryObject", groups.chain(roles).collect())
}

/// The id of a directory role in this tenant.
pub(super) fn role_id(call: &Call<'_>, template: Uuid) -> Uuid {
    call.world.ids.named(&format!("directory role {template}"))
}

/// A directory role.
pub(super) fn role(call: &Call<'_>, template: Uuid) -> Option<Value> {
    let role = directory_role(&template.to_string())?;
    Some(json!({
        "id": role_id(call, template),
        "deletedDateTime": null,
        "description": role.description,
        "displayName": role.display_name,
        "roleTemplateId": template,
    }))
}

fn owned(call: &Call<'_>, owner: Uuid, rest: &[&str]) -> Result<Answer, Error> {
    let directory = &call.world.directory;
    let mut found = Vec::new();
    for id in directory.owners.to(owner) {
        if let Some(application) = directory.application(id) {
            let mut shown = objects::application(call.world, &application, false);
            objects::put_first(&mut shown, "@odata.type", json!("#microsoft.graph.application"));
            found.push(shown);
        } else if let Some(principal) = directory.principal(id) {
            found.push(typed(call, &principal));
        }
    }
    if let [cast] = rest {
        let kind = format!("#{cast}");
        found.retain(|object| object["@odata.type"] == kind.as_str());
    }
    call.list("directoryObjects", "DirectoryObject", found)
}

fn texts(call: &Call<'_>, texts: Vec<String>) -> Result<Answer, Error> {
    Ok(Answer::action(json!({ "@odata.context": call.context("Collection(Edm.String)"), "value": texts })))
}

fn ids(call: &Call<'_>, name: &str, at_most: usize) -> Result<Vec<String>, Error> {
    let body = call.object()?;
    let Some(Value::Array(given)) = body.get(name) else {
        return Err(Error::bad_request(format!("The parameter '{name}' in request payload is missing or is not a collection.")));
    };
    if given.len() > at_most {
        return Err(Error::refused(format!(
            "Too many {name} in the request: {} are given, at most {at_most} are allowed.",
            given.len()
        )));
    }
    Ok(given.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect())
}

/// `directoryObjects/…`.
pub(super) fn answer(call: &Call<'_>, rest: &[&str]) -> Result<Answer, Error> {
    match (&call.method, rest) {
        (&Method::POST, ["getByIds"]) => by_ids(call),
        (method, [key, rest @ ..]) => {
            let directory = &call.world.directory;
            let id = Uuid::try_parse(key).map_err(|_| Error::not_found(key))?;
            if let (Some(application), &Method::GET, []) = (directory.application(id), method, rest) {
                let mut shown = objects::application(call.world, &application, false);
                objects::put_first(&mut shown, "@odata.type", json!("#microsoft.graph.application"));
                return call.one("directoryObjects", "DirectoryObject", shown);
            }
            let principal = directory.principal(id).ok_or_else(|| Error::not_found(key))?;
            match (method, rest) {
                (&Method::GET, []) => call.one("directoryObjects", "DirectoryObject", typed(call, &principal)),
                _ => of_principal(call, &principal, rest),
            }
        }
        (_, []) => Err(Error::not_implemented("directoryObjects as a list")),
    }
}

/// The objects of the given ids and types; those that do not exist are left out silently.
fn by_ids(call: &Call<'_>) -> Result<Answer, Error> {
    let asked = ids(call, "ids", 1000)?;
    let body = call.object()?;
    let types: Option<Vec<String>> = body
        .get("types")
        .and_then(Value::as_array)
        .filter(|types| !types.is_empty())
        .map(|types| types.iter().filter_map(|name| name.as_str().map(|name| format!("#microsoft.graph.{name}"))).collect());
    let wanted = |kind: &str| {
        let every =
            |name: &String| name.eq_ignore_ascii_case(kind) || name.eq_ignore_ascii_case("#microsoft.graph.directoryObject");
        types.as_ref().is_none_or(|types| types.iter().any(every))
    };
    let directory = &call.world.directory;
    let mut found = Vec::new();
    for id in asked.iter().filter_map(|id| Uuid::try_parse(id).ok()) {
        if let Some(principal) = directory.principal(id).filter(|it| wanted(objects::type_name(it))) {
            found.push(typed(call, &principal));
        } else if let Some(application) = directory.application(id).filter(|_| wanted("#microsoft.graph.application")) {
            let mut shown = objects::application(call.world, &application, false);
            objects::put_first(&mut shown, "@odata.type", json!("#microsoft.graph.application"));
            found.push(shown);
        }
    }
    Ok(Answer::action(json!({ "@odata.context": call.context("directoryObjects"), "value": found })))
}
