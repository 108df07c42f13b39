//! What lies in management groups: children, descendants, entities.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::super::error::Error;
use super::super::super::headers::Answer;
use super::super::super::store::Subscription;
use super::{GROUP_TYPE, READ, Request, group, group_id, ok};
use crate::kernel::access::ManagementGroup;
use crate::kernel::resource_id::ResourceId;

/// The subscriptions that hang on a group itself.
pub(super) fn subscriptions_in(request: &Request<'_>, group: &ManagementGroup) -> Vec<Arc<Subscription>> {
    let hangs_here = |subscription: &Arc<Subscription>| {
        let above = request.access().management_group_above(&ResourceId::of_subscription(subscription.id));
        above.is_some_and(|above| above.name == group.name)
    };
    request.world.arm.subscriptions().into_iter().filter(hangs_here).collect()
}

fn groups_in(request: &Request<'_>, group: &ManagementGroup) -> Vec<Arc<ManagementGroup>> {
    let key = group.id();
    let groups = request.access().management_groups().into_iter();
    groups.filter(|other| other.parent.as_deref() == Some(key.key())).collect()
}

/// The children of a group, and theirs if wanted.
pub(super) fn children(request: &Request<'_>, group: &ManagementGroup, recurse: bool, subscriptions: bool) -> Value {
    let mut rows: Vec<Value> = Vec::new();
    for child in groups_in(request, group) {
        let mut row = json!({
            "id": child.id().as_str(), "type": GROUP_TYPE, "name": child.name, "displayName": child.display_name,
        });
        if recurse {
            row["children"] = children(request, &child, recurse, subscriptions);
        }
        rows.push(row);
    }
    if subscriptions {
        rows.extend(subscriptions_in(request, group).iter().map(|subscription| {
            let id = ResourceId::of_subscription(subscription.id);
            json!({
                "id": id.as_str(), "type": "/subscriptions", "name": subscription.id, "displayName": subscription.display_name,
            })
        }));
    }
    Value::Array(rows)
}

/// Everything below a group, flat.
pub(super) fn descendants(request: &Request<'_>) -> Result<Answer, Error> {
    request.require("Microsoft.Management/managementGroups/descendants/read", &group_id(request))?;
    let mut rows = Vec::new();
    let mut open = vec![group(request)?];
    while let Some(above) = open.pop() {
        let parent = json!({ "id": above.id().as_str() });
        for child in groups_in(request, &above) {
            rows.push(json!({
                "id": child.id().as_str(), "type": GROUP_TYPE, "name": child.name,
                "properties": { "displayName": child.display_name, "parent": parent },
            }));
            open.push(child);
        }
        rows.extend(subscriptions_in(request, &above).iter().map(|subscription| {
            json!({
                "id": ResourceId::of_subscription(subscription.id).as_str(),
                "type": format!("{GROUP_TYPE}/subscriptions"),
                "name": subscription.id,
                "properties": { "displayName": subscription.display_name, "parent": parent },
            })
        }));
    }
    Ok(ok(json!({ "value": rows })))
}

/// Every group and subscription that the caller may see, each with its place.
pub(super) fn all(request: &Request<'_>) -> Answer {
    let access = request.access();
    let tenant = request.world.directory.tenant.id;
    let row = |id: &ResourceId, kind: &str, name: &str, display_name: &str| {
        let above: Vec<_> =
            std::iter::successors(access.management_group_above(id), |it| access.management_group_above(&it.id())).collect();
        let chain: Vec<&str> = above.iter().rev().map(|it| it.name.as_str()).collect();
        json!({
            "id": id.as_str(), "type": kind, "name": name,
            "properties": {
                "tenantId": tenant,
                "displayName": display_name,
                "parent": { "id": above.first().map(|it| it.id().as_str().to_owned()) },
                "parentNameChain": chain,
                "parentDisplayNameChain": above.iter().rev().map(|it| it.display_name.as_str()).collect::<Vec<_>>(),
                "permissions": "view",
                "inheritedPermissions": "view",
            },
        })
    };
    let groups = access.management_groups();
    let groups = groups.iter().filter(|group| request.may(READ, &group.id()));
    let mut rows: Vec<Value> = groups.map(|group| row(&group.id(), GROUP_TYPE, &group.name, &group.display_name)).collect();
    for subscription in request.world.arm.subscriptions() {
        let id = ResourceId::of_subscription(subscription.id);
        if access.has_any_role(&request.caller, &id) {
            rows.push(row(&id, "/subscriptions", &subscription.id.to_string(), &subscription.display_name));
        }
    }
    let count = rows.len();
    ok(json!({ "value": rows, "count": count }))
}
