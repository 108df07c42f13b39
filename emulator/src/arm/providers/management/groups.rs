//! Management groups: list, GET, PUT, PATCH, DELETE.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::entities::{children, subscriptions_in};
use super::{DELETE, GROUP_TYPE, READ, Request, WRITE, as_parent, bad, group, group_id, not_found, ok};
use crate::kernel::access::hierarchy::DEPTH_AT_MOST;
use crate::kernel::access::{ManagementGroup, RoleAssignment};
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::resource_id::ResourceId;

const NAME_AT_MOST: usize = 90;
/// Who makes a group owns it.
const OWNER: Uuid = Uuid::from_u128(0x8e3af657_a8ff_443c_a75c_2fe8c4bcb635);

/// Those that the caller may read.
pub(super) fn list(request: &Request<'_>) -> Answer {
    let groups = request.access().management_groups();
    let shown = groups.iter().filter(|group| request.may(READ, &group.id()));
    let rows: Vec<Value> = shown
        .map(|group| {
            let properties = json!({
                "tenantId": request.world.directory.tenant.id,
                "displayName": group.display_name,
            });
            head(group, properties)
        })
        .collect();
    ok(json!({ "value": rows }))
}

fn head(group: &ManagementGroup, properties: Value) -> Value {
    json!({ "id": group.id().as_str(), "type": GROUP_TYPE, "name": group.name, "properties": properties })
}

/// A group with its parent, and with what `$expand` asks for.
fn body(request: &Request<'_>, group: &ManagementGroup) -> Value {
    let parent = request.access().management_group_above(&group.id());
    let mut details = Map::new();
    details.insert("version".into(), json!(group.version));
    details.insert("updatedTime".into(), json!(rfc3339_ticks(group.updated_on)));
    details.insert("updatedBy".into(), json!(group.updated_by));
    details.insert("parent".into(), parent.as_deref().map_or(Value::Null, as_parent));
    let expand = request.query.get("$expand").unwrap_or_default().to_ascii_lowercase();
    let expands = |what: &str| expand.split(',').any(|part| part.trim() == what);
    if expands("path") || expands("ancestors") {
        let mut above: Vec<_> = std::iter::successors(parent, |it| request.access().management_group_above(&it.id())).collect();
        if expands("ancestors") {
            details.insert("managementGroupAncestors".into(), json!(above.iter().map(|it| &it.name).collect::<Vec<_>>()));
            details.insert("managementGroupAncestorsChain".into(), named(&above));
        }
        above.reverse();
        details.insert("path".into(), named(&above));
    }
    let mut properties = Map::new();
    properties.insert("tenantId".into(), json!(request.world.directory.tenant.id));
    properties.insert("displayName".into(), json!(group.display_name));
    properties.insert("details".into(), Value::Object(details));
    if expands("children") {
        let recurse = request.query.get("$recurse").is_some_and(|recurse| recurse.eq_ignore_ascii_case("true"));
        let filter = request.query.filter().unwrap_or_default().to_ascii_lowercase();
        let with_subscriptions = filter.split_whitespace().collect::<Vec<_>>().join(" ") != "children.childtype ne subscription";
        properties.insert("children".into(), children(request, group, recurse, with_subscriptions));
    }
    head(group, Value::Object(properties))
}

fn named(groups: &[std::sync::Arc<ManagementGroup>]) -> Value {
    groups.iter().map(|group| json!({ "name": group.name, "displayName": group.display_name })).collect()
}

pub(super) fn get(request: &Request<'_>) -> Result<Answer, Error> {
    request.require(READ, &group_id(request))?;
    Ok(ok(body(request, &*group(request)?)))
}

/// What a body says about a group: its name for people, its parent.
struct Wanted {
    display_name: Option<String>,
    parent: Option<ResourceId>,
}

fn wanted(request: &Request<'_>) -> Result<Wanted, Error> {
    let malformed = || error::invalid_content("Unexpected value of a management group's properties.");
    let body = &request.body;
    let text = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(malformed()),
    };
    if !body.is_null() && !body.is_object() {
        return Err(malformed());
    }
    // PUT has the members of the resource, PATCH two of its own.
    let display_name = text(&body["properties"]["displayName"])?.or(text(&body["displayName"])?);
    let parent = text(&body["properties"]["details"]["parent"]["id"])?.or(text(&body["parentGroupId"])?);
    Ok(Wanted { display_name, parent: parent.map(|parent| ResourceId::new(&parent)) })
}

/// The parent that is asked for: a group that exists.
fn parent(request: &Request<'_>, wanted: &Wanted) -> Result<Option<std::sync::Arc<ManagementGroup>>, Error> {
    let Some(id) = &wanted.parent else { return Ok(None) };
    let found = id.is_management_group().then(|| request.access().management_group(id.name())).flatten();
    found.map(Some).ok_or_else(|| not_found(id))
}

pub(super) fn put(request: &Request<'_>) -> Result<Answer, Error> {
    let wanted = wanted(request)?;
    let name = request.target.name();
    let access = request.access();
    match access.management_group(name) {
        Some(existing) => change(request, &existing, &wanted),
        None => {
            well_named(name)?;
            let root = access.root_management_group();
            let above = parent(request, &wanted)?.or(root.clone()).ok_or_else(|| not_found(&group_id(request)))?;
            // Everyone may make groups below the root, by default.
            if root.is_none_or(|root| root.name != above.name) {
                request.require(WRITE, &above.id())?;
            }
            not_too_deep(request, &above, 1)?;
            let made = access.put_management_group(ManagementGroup {
                name: name.to_owned(),
                display_name: wanted.display_name.unwrap_or_else(|| name.to_owned()),
                parent: Some(above.id().key().to_owned()),
                version: 1,
                updated_on: request.now,
                updated_by: Some(request.caller.object_id),
            });
            own(request, &made);
            Ok(ok(body(request, &made)))
        }
    }
}

fn own(request: &Request<'_>, group: &ManagementGroup) {
    let caller = &request.caller;
    let to = (caller.object_id, caller.kind);
    let name = request.world.ids.uuid();
    let made = RoleAssignment::new(name, group.id(), OWNER, to, (caller.object_id, request.now));
    // A new group has no assignments that this could collide with.
    let _ = request.access().put_assignment(made);
}

pub(super) fn patch(request: &Request<'_>) -> Result<Answer, Error> {
    request.require(WRITE, &group_id(request))?;
    let group = group(request)?;
    change(request, &group, &wanted(request)?)
}

fn change(request: &Request<'_>, group: &ManagementGroup, wanted: &Wanted) -> Result<Answer, Error> {
    request.require(WRITE, &group.id())?;
    let access = request.access();
    let moved = parent(request, wanted)?.filter(|above| group.parent.as_deref() != Some(above.id().key()));
    if let Some(above) = &moved {
        if group.parent.is_none() {
            return Err(bad("The tenant root group cannot be moved."));
        }
        if access.is_within(&above.id(), &group.id()) {
            return Err(bad(format!("The management group '{}' cannot be moved below itself.", group.name)));
        }
        let before = access.management_group_above(&group.id());
        let root = access.root_management_group().map(|root| root.name.clone());
        for place in before.iter().chain([above]).filter(|place| Some(&place.name) != root.as_ref()) {
            request.require(WRITE, &place.id())?;
        }
        not_too_deep(request, above, height(request, group))?;
    }
    let changed = access.put_management_group(ManagementGroup {
        display_name: wanted.display_name.clone().unwrap_or_else(|| group.display_name.clone()),
        parent: moved.map(|above| above.id().key().to_owned()).or_else(|| group.parent.clone()),
        version: group.version + 1,
        updated_on: request.now,
        updated_by: Some(request.caller.object_id),
        name: group.name.clone(),
    });
    Ok(ok(body(request, &changed)))
}

/// Up to 90 letters, digits, `-`, `_`, `(`, `)` and `.`, not ending with a period.
fn well_named(name: &str) -> Result<(), Error> {
    let good = |character: char| character.is_ascii_alphanumeric() || "-_().".contains(character);
    if name.len() <= NAME_AT_MOST && name.chars().all(good) && !name.ends_with('.') {
        return Ok(());
    }
    Err(bad(format!(
        "The management group name '{name}' is not valid: it has at most {NAME_AT_MOST} letters, digits and '-', '_', '(', ')', '.', and \
         does not end with a period."
    )))
}

/// How many levels a group and what lies below it take.
fn height(request: &Request<'_>, group: &ManagementGroup) -> usize {
    let key = group.id();
    let groups = request.access().management_groups();
    let below = groups.iter().filter(|other| other.parent.as_deref() == Some(key.key()));
    1 + below.map(|other| height(request, other)).max().unwrap_or(0)
}

fn not_too_deep(request: &Request<'_>, above: &ManagementGroup, height: usize) -> Result<(), Error> {
    let access = request.access();
    let ancestors =
        std::iter::successors(access.management_group_above(&above.id()), |it| access.management_group_above(&it.id()));
    if ancestors.count() + height <= DEPTH_AT_MOST {
        return Ok(());
    }
    Err(bad(format!("The hierarchy of management groups has at most {DEPTH_AT_MOST} levels below the root.")))
}

/// An empty group is deleted; what is assigned at it goes too.
pub(super) fn delete(request: &Request<'_>) -> Result<Answer, Error> {
    request.require(DELETE, &group_id(request))?;
    let access = request.access();
    let Ok(group) = group(request) else { return Ok(Answer::empty(Voice::Provider, StatusCode::NO_CONTENT)) };
    if group.parent.is_none() {
        return Err(bad("The tenant root group cannot be deleted."));
    }
    let id = group.id();
    let holds_groups = access.management_groups().iter().any(|other| other.parent.as_deref() == Some(id.key()));
    if holds_groups || !subscriptions_in(request, &group).is_empty() {
        return Err(bad(format!(
            "The management group '{}' cannot be deleted: it has child groups or subscriptions.",
            group.name
        )));
    }
    access.remove_management_group(&group);
    let poll = format!(
        "{}/providers/Microsoft.Management/operationResults/delete/managementGroups/{}?api-version={}",
        request.conn.base_url(),
        group.name,
        request.version
    );
    let accepted = json!({ "id": id.as_str(), "type": GROUP_TYPE, "name": group.name, "status": "NotStarted" });
    let answer = Answer::json(Voice::Provider, StatusCode::ACCEPTED, accepted);
    Ok(answer.header("location", poll.clone()).header("azure-asyncoperation", poll))
}

/// The end of a deletion: it has been done at once.
pub(super) fn deleted(request: &Request<'_>) -> Answer {
    let name = request.target.name();
    let id = crate::kernel::access::hierarchy::id_of(name);
    ok(json!({ "id": id.as_str(), "type": GROUP_TYPE, "name": name, "status": "Succeeded" }))
}

pub(super) fn check_name(request: &Request<'_>) -> Result<Answer, Error> {
    let name = request.body["name"].as_str().ok_or_else(|| error::invalid_content("The name is missing."))?;
    if let Err(fault) = well_named(name) {
        return Ok(ok(json!({ "nameAvailable": false, "reason": "Invalid", "message": fault.message })));
    }
    if request.access().management_group(name).is_some() {
        let message = "The group with the specified name already exists";
        return Ok(ok(json!({ "nameAvailable": false, "reason": "AlreadyExists", "message": message })));
    }
    Ok(ok(json!({ "nameAvailable": true })))
}
