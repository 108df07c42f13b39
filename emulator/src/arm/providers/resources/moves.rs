//! `moveResources` and `validateMoveResources`: taking resources into another group or subscription. Which types can be moved is the
//! catalog's to say. Everything moves when the operation begins.
//! Source: the ARM resource provider contract (what is refused, and as what), the Resources API's specification (a validation ends
//! in 204, or in 409 with the reasons), a recorded move, and reported refusals; inferred codes and texts say so.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::{Change, Resource};
use super::super::super::{Request, catalog};
use super::super::{locks, moved};
use crate::kernel::resource_id::ResourceId;

/// So many resources can be moved at once.
const AT_MOST: usize = 800;

/// What may be written to by who moves something there.
const WRITE_GROUP: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";

/// What is to be moved where.
struct Move {
    resources: Vec<ResourceId>,
    target: ResourceId,
}

/// `moveResources`: 202, and 204 at the end.
pub(super) fn go(request: &Request<'_>) -> Result<Answer, Error> {
    let plan = asked(request)?;
    if let Some(kind) = plan.resources.iter().find_map(immovable) {
        return Err(not_supported(&kind));
    }
    if let Some(taken) = plan.resources.iter().map(|id| plan.new_id(id)).find(|id| request.world.arm.resource(id).is_some()) {
        // Inferred.
        let message = format!("The resource '{taken}' already exists in the target resource group.");
        return Err(Error::gateway(StatusCode::CONFLICT, "ResourceAlreadyExists", message));
    }
    let group = request.target.owner();
    let operation = begin(request, "MOVE", &group, Ok(Some(Value::Null)));
    for id in &plan.resources {
        plan.carry_out(request, id);
    }
    Ok(operation)
}

/// `validateMoveResources`: 202, and at the end 204 or the reasons why not.
pub(super) fn validate(request: &Request<'_>) -> Result<Answer, Error> {
    let plan = asked(request)?;
    let details: Vec<Value> = plan
        .resources
        .iter()
        .filter_map(|id| Some((id, immovable(id)?)))
        .map(|(id, kind)| {
            let error = not_supported(&kind);
            json!({ "code": error.code, "target": id.as_str(), "message": error.message })
        })
        .collect();
    let result = if details.is_empty() { Ok(Some(Value::Null)) } else { Err(refusal(request, &details)) };
    Ok(begin(request, "VALIDATEMOVE", &request.target.owner(), result))
}

/// The body of a validation that failed.
fn refusal(request: &Request<'_>, details: &[Value]) -> Value {
    let message = format!(
        "The resource batch move request has '{}' validation errors. Diagnostic information: timestamp '{}', tracking Id '{}', request \
         correlation Id '{}'.",
        details.len(),
        request.now.strftime("%Y%m%dT%H%M%SZ"),
        request.world.ids.uuid(),
        request.world.ids.uuid(),
    );
    json!({ "error": { "code": "ResourceMoveValidationFailed", "message": message, "details": details } })
}

/// Begins the operation that a client polls.
fn begin(request: &Request<'_>, what: &str, group: &ResourceId, result: Result<Option<Value>, Value>) -> Answer {
    let suffix = request.world.ids.text(32, b"0123456789ABCDEF");
    let location = request.world.arm.group(group).map(|group| group.location.clone()).unwrap_or_default();
    let job = json!({ "jobId": format!("{what}RESOURCESJOB-{suffix}-{}", location.to_uppercase()), "jobLocation": location });
    let token = URL_SAFE_NO_PAD.encode(job.to_string());
    match result {
        Ok(body) => drop(request.begin(token.clone(), group, "Accepted", Ok(body))),
        Err(body) => {
            request.begin(token.clone(), group, "Accepted", Ok(None));
            request.world.arm.conclude(&token, "Failed", Ok(Some(body)));
        }
    }
    let subscription = group.subscription().unwrap_or_default();
    let url = request.poll_url(&format!("/subscriptions/{subscription}/operationresults/{token}"), &request.version);
    Answer::empty(Voice::Gateway, StatusCode::ACCEPTED).header("location", url)
}

/// The type of a resource, if it cannot be moved.
fn immovable(id: &ResourceId) -> Option<String> {
    let kind = id.resource_type().unwrap_or_default();
    let movable = catalog::known(&kind).is_some_and(|known| known.kind.movable);
    (!movable).then_some(kind)
}

fn not_supported(kind: &str) -> Error {
    let message = format!("Resource move is not supported for resource types '{kind}'.");
    Error::gateway(StatusCode::BAD_REQUEST, "ResourceMoveNotSupported", message)
}

/// Reads what is asked for and checks what does not depend on the types. The codes and texts of these refusals are inferred.
fn asked(request: &Request<'_>) -> Result<Move, Error> {
    let bad = |code, message: String| Err(Error::gateway(StatusCode::BAD_REQUEST, code, message));
    let source = request.target.owner();
    let given: Option<Vec<&str>> = request.body["resources"].as_array().map(|all| all.iter().filter_map(Value::as_str).collect());
    let given = given.unwrap_or_default();
    if given.is_empty() {
        return bad("InvalidMoveResources", "The request names no resources to move in 'resources'.".into());
    }
    if given.len() > AT_MOST {
        let message = format!("The request names {} resources to move; at most {AT_MOST} can be moved at once.", given.len());
        return bad("TooManyMoveResources", message);
    }
    let written = request.body["targetResourceGroup"].as_str().unwrap_or_default();
    let target = ResourceId::new(written);
    if target.group_id().is_none_or(|group| group != target) {
        return bad(
            "InvalidTargetResourceGroup",
            format!("The target resource group '{written}' is not the id of a resource group."),
        );
    }
    if target == source {
        return bad("InvalidTargetResourceGroup", format!("The resources are in the resource group '{written}' already."));
    }
    let resources: Vec<ResourceId> = given.into_iter().map(ResourceId::new).collect();
    if let Some(foreign) = resources.iter().find(|id| id.parent().is_none_or(|parent| parent != source)) {
        let message = format!(
            "The resource '{foreign}' cannot be moved: it must lie directly in the resource group '{source}' that the request is sent \
             to."
        );
        return bad("InvalidMoveResources", message);
    }
    if !request.may(WRITE_GROUP, &target) {
        let (caller, main) = (&request.caller, (request.action.as_str(), source.as_str()));
        let linked = [target.as_str().to_owned()];
        return Err(error::linked_authorization_failed(&caller.label, caller.object_id, main, (WRITE_GROUP, &linked)));
    }
    if request.world.arm.group(&target).is_none() {
        return bad("ResourceGroupNotFound", format!("Resource group '{}' could not be found.", target.name()));
    }
    for scope in std::iter::once(&target).chain(&resources) {
        locks::refuse(request, Change::Write, scope)?;
    }
    match resources.iter().find(|id| request.world.arm.resource(id).is_none()) {
        Some(absent) => Err(error::resource_not_found(absent)),
        None => Ok(Move { resources, target }),
    }
}

impl Move {
    /// The id that a resource, or what belongs to it, has after the move.
    fn new_id(&self, old: &ResourceId) -> ResourceId {
        let below = old.as_str().split('/').skip(5).collect::<Vec<_>>().join("/");
        ResourceId::new(&format!("{}/{below}", self.target))
    }

    /// Moves a resource with what belongs to it. Role assignments and locks stay behind, with nothing at their scope any more.
    fn carry_out(&self, request: &Request<'_>, id: &ResourceId) {
        let arm = &request.world.arm;
        let whole = arm.resource(id).into_iter().chain(arm.resources_below(id));
        for old in whole {
            let system_data = old.system_data.changed(&request.caller, request.now);
            let new = Resource { id: self.new_id(&old.id), system_data, ..(*old).clone() };
            arm.remove_resource(&old.id);
            moved(request.world, &old, &arm.put_resource(new));
        }
    }
}
