//! Tenants, subscriptions, regions, and whether a resource may have a name.
//! Source: the Subscriptions API's specification (2022-12-01).

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::super::error::{self, Error};
use super::super::super::headers::Answer;
use super::super::super::store::Subscription;
use super::super::super::{Request, catalog, validate};
use super::{list_of, ok};
use crate::kernel::resource_id::ResourceId;

/// Words that a name must not be or hold, and such that it must not begin with.
const RESERVED: [&str; 2] = ["MICROSOFT", "WINDOWS"];
const RESERVED_AT_THE_START: [&str; 2] = ["LOGIN", "XBOX"];

pub(super) fn tenants(request: &Request<'_>) -> Answer {
    let tenant = &request.world.directory.tenant;
    list_of(vec![json!({
        "id": format!("/tenants/{}", tenant.id),
        "tenantId": tenant.id,
        "countryCode": "US",
        "displayName": tenant.display_name,
        "domains": [tenant.domain],
        "tenantCategory": "Home",
        "defaultDomain": tenant.domain,
        "tenantType": "AAD",
    })])
}

/// Only subscriptions where the caller has some right are shown to it.
fn visible(request: &Request<'_>, subscription: &Subscription) -> bool {
    request.access().has_any_role(&request.caller, &ResourceId::of_subscription(subscription.id))
}

fn subscription_body(request: &Request<'_>, subscription: &Subscription) -> Value {
    let mut body = json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": request.world.directory.tenant.id,
        "displayName": subscription.display_name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    });
    if let Some(tags) = &subscription.tags {
        body["tags"] = json!(tags);
    }
    body
}

pub(super) fn list(request: &Request<'_>) -> Answer {
    let all = request.world.arm.subscriptions();
    let shown = all.iter().filter(|subscription| visible(request, subscription));
    let values: Vec<Value> = shown.map(|subscription| subscription_body(request, subscription)).collect();
    let count = values.len();
    ok(json!({ "value": values, "count": { "type": "Total", "value": count } }))
}

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    let found = Uuid::try_parse(request.target.name()).ok().and_then(|id| request.world.arm.subscription(id));
    match found.filter(|subscription| visible(request, subscription)) {
        Some(subscription) => Ok(ok(subscription_body(request, &subscription))),
        None => {
            let (caller, scope) = (&request.caller, request.target.id.as_str());
            let action = "Microsoft.Resources/subscriptions/read";
            Err(error::authorization_failed(&caller.label, caller.object_id, action, scope))
        }
    }
}

pub(super) fn locations(request: &Request<'_>) -> Answer {
    let subscription = request.target.owner();
    let values = catalog::locations().iter().map(|region| {
        let mut metadata = json!({
            "regionType": "Physical",
            "regionCategory": if region.zones { "Recommended" } else { "Other" },
            "geography": region.geography,
            "geographyGroup": region.geography_group,
            "longitude": region.longitude,
            "latitude": region.latitude,
            "physicalLocation": region.physical_location,
            "pairedRegion": [],
        });
        if !region.paired.is_empty() {
            let id = format!("{subscription}/locations/{}", region.paired);
            metadata["pairedRegion"] = json!([{ "name": region.paired, "id": id }]);
        }
        let mut body = json!({
            "id": format!("{subscription}/locations/{}", region.name),
            "name": region.name,
            "type": "Region",
            "displayName": region.display_name,
            "regionalDisplayName": format!("({}) {}", region.geography_group, region.display_name),
            "metadata": metadata,
        });
        if region.zones {
            let zones = (1..=3)
                .map(|zone| json!({ "logicalZone": zone.to_string(), "physicalZone": format!("{}-az{zone}", region.name) }));
            body["availabilityZoneMappings"] = zones.collect();
        }
        body
    });
    list_of(values.collect())
}

/// `checkResourceName`: whether a name is reserved. Source: Azure's error reference ("Reserved resource name").
pub(super) fn check_name(request: &Request<'_>) -> Result<Answer, Error> {
    let text = |key: &str| request.body[key].as_str().filter(|text| !text.is_empty());
    let (Some(name), Some(kind)) = (text("name"), text("type")) else {
        let missing = if text("name").is_none() { "name" } else { "type" };
        return Err(validate::required(missing, request.text, &[]));
    };
    let upper = name.to_uppercase();
    let reserved =
        RESERVED.iter().any(|word| upper.contains(word)) || RESERVED_AT_THE_START.iter().any(|word| upper.starts_with(word));
    if reserved {
        let message = format!("The resource name '{name}' or a part of the name is a trademarked or reserved word.");
        return Err(Error::gateway(StatusCode::BAD_REQUEST, "ReservedResourceName", message));
    }
    Ok(ok(json!({ "name": name, "type": kind, "status": "Allowed" })))
}
