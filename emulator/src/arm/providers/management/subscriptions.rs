//! Subscriptions in management groups: where they hang, and moving them.
//! Source: Azure's documentation of management groups ("Moving management groups and subscriptions": write at the target and at the
//! present parent, unless that is the root, and the right to give roles on the subscription).

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Subscription;
use super::entities::subscriptions_in;
use super::{GROUP_TYPE, Request, group, group_id, not_found, ok};
use crate::kernel::access::ManagementGroup;
use crate::kernel::resource_id::ResourceId;

const READ: &str = "Microsoft.Management/managementGroups/subscriptions/read";
const WRITE: &str = "Microsoft.Management/managementGroups/subscriptions/write";
const DELETE: &str = "Microsoft.Management/managementGroups/subscriptions/delete";
const GIVE_ROLES: &str = "Microsoft.Authorization/roleAssignments/write";

pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    request.require(READ, &group_id(request))?;
    let group = group(request)?;
    let rows: Vec<Value> = subscriptions_in(request, &group).iter().map(|it| body(request, &group, it)).collect();
    Ok(ok(json!({ "value": rows })))
}

fn body(request: &Request<'_>, group: &ManagementGroup, subscription: &Subscription) -> Value {
    json!({
        "id": group.id().join(&format!("subscriptions/{}", subscription.id)).as_str(),
        "type": format!("{GROUP_TYPE}/subscriptions"),
        "name": subscription.id,
        "properties": {
            "tenant": request.world.directory.tenant.id,
            "displayName": subscription.display_name,
            "parent": { "id": group.id().as_str() },
            "state": "Active",
        },
    })
}

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    let action = match *request.method {
        Method::PUT => WRITE,
        Method::DELETE => DELETE,
        _ => READ,
    };
    request.require(action, &group_id(request))?;
    let group = group(request)?;
    let name = request.target.name();
    let id = Uuid::try_parse(name).map_err(|_| error::invalid_subscription_id(name))?;
    let subscription = request.world.arm.subscription(id).ok_or_else(|| error::subscription_not_found(name))?;
    match *request.method {
        Method::PUT => place(request, &group, &subscription),
        Method::DELETE => take_out(request, &group, &subscription),
        _ if here(request, &group, &subscription) => Ok(ok(body(request, &group, &subscription))),
        _ => Err(not_found(&request.target.id)),
    }
}

fn here(request: &Request<'_>, group: &ManagementGroup, subscription: &Subscription) -> bool {
    let above = request.access().management_group_above(&ResourceId::of_subscription(subscription.id));
    above.is_some_and(|above| above.name == group.name)
}

fn place(request: &Request<'_>, group: &Arc<ManagementGroup>, subscription: &Subscription) -> Result<Answer, Error> {
    let access = request.access();
    let id = ResourceId::of_subscription(subscription.id);
    request.require(GIVE_ROLES, &id)?;
    let root = access.root_management_group().map(|root| root.name.clone());
    let before = access.management_group_above(&id).filter(|before| before.name != group.name);
    if let Some(before) = before.filter(|before| Some(&before.name) != root.as_ref()) {
        request.require(DELETE, &before.id())?;
    }
    access.place_subscription(&id, group);
    Ok(ok(body(request, group, subscription)))
}

/// A subscription that leaves its group hangs on the root.
fn take_out(request: &Request<'_>, group: &ManagementGroup, subscription: &Subscription) -> Result<Answer, Error> {
    if !here(request, group, subscription) {
        return Ok(Answer::empty(Voice::Provider, StatusCode::NO_CONTENT));
    }
    let id = ResourceId::of_subscription(subscription.id);
    request.require(GIVE_ROLES, &id)?;
    if let Some(root) = request.access().root_management_group() {
        request.access().place_subscription(&id, &root);
    }
    Ok(Answer::empty(Voice::Provider, StatusCode::OK))
}
