//! Microsoft.Resources: tenants, subscriptions, regions, providers, groups, and lists of resources of every type.
//! Source: the Resources API's specification (subscriptions 2022-12-01, resources 2024-11-01).

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::super::catalog::{self, Provider};
use super::super::error::{self, Error, Voice};
use super::super::filter::{Filter, Subject};
use super::super::headers::Answer;
use super::super::store::{Ending, Group, Resource, Subscription};
use super::super::{Request, operation};
use super::unimplemented;
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::resource_id::ResourceId;

pub(super) fn answer(request: &Request<'_>) -> Result<Answer, Error> {
    let item = request.target.is_item();
    match (request.known.kind.name.as_str(), item) {
        ("tenants", _) => Ok(list(vec![tenant(request)])),
        ("subscriptions", false) => Ok(subscriptions(request)),
        ("subscriptions", true) => subscription(request),
        ("subscriptions/locations", _) => Ok(locations(request)),
        ("providers" | "subscriptions/providers", false) => {
            Ok(list(catalog::providers().iter().map(|provider| provider_body(request, provider)).collect()))
        }
        ("providers" | "subscriptions/providers", true)
        | ("subscriptions/providers/register" | "subscriptions/providers/unregister", _) => provider(request),
        ("subscriptions/resources" | "subscriptions/resourceGroups/resources", _) => resources(request),
        ("subscriptions/tagNames", _) => Ok(list(Vec::new())),
        ("subscriptions/operationresults", _) => operation::gateway_result(request),
        ("subscriptions/resourceGroups", false) => groups(request),
        ("subscriptions/resourceGroups", true) => group(request),
        ("tags", true) => tags(request),
        _ => Err(unimplemented(request)),
    }
}

fn ok(body: Value) -> Answer {
    Answer::json(Voice::Gateway, StatusCode::OK, body)
}

fn list(values: Vec<Value>) -> Answer {
    ok(json!({ "value": values }))
}

fn tenant(request: &Request<'_>) -> Value {
    let tenant = &request.world.directory.tenant;
    json!({
        "id": format!("/tenants/{}", tenant.id),
        "tenantId": tenant.id,
        "countryCode": "US",
        "displayName": tenant.display_name,
        "domains": [tenant.domain],
        "tenantCategory": "Home",
        "defaultDomain": tenant.domain,
        "tenantType": "AAD",
    })
}

/// Only subscriptions where the caller has some right are shown to it.
fn visible(request: &Request<'_>, subscription: &Subscription) -> bool {
    request.access().has_any_role(&request.caller, &ResourceId::of_subscription(subscription.id))
}

fn subscription_body(request: &Request<'_>, subscription: &Subscription) -> Value {
    json!({
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
    })
}

fn subscriptions(request: &Request<'_>) -> Answer {
    let all = request.world.arm.subscriptions();
    let shown = all.iter().filter(|subscription| visible(request, subscription));
    let values: Vec<Value> = shown.map(|subscription| subscription_body(request, subscription)).collect();
    let count = values.len();
    ok(json!({ "value": values, "count": { "type": "Total", "value": count } }))
}

fn subscription(request: &Request<'_>) -> Result<Answer, Error> {
    let all = request.world.arm.subscriptions();
    let id = request.target.name();
    let found = all.iter().find(|subscription| subscription.id.to_string().eq_ignore_ascii_case(id));
    match found.filter(|subscription| visible(request, subscription)) {
        Some(subscription) => Ok(ok(subscription_body(request, subscription))),
        None => {
            let (caller, scope) = (&request.caller, request.target.id.as_str());
            let action = "Microsoft.Resources/subscriptions/read";
            Err(error::authorization_failed(&caller.label, caller.object_id, action, scope))
        }
    }
}

fn locations(request: &Request<'_>) -> Answer {
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
    list(values.collect())
}

fn provider(request: &Request<'_>) -> Result<Answer, Error> {
    let name = request.target.name();
    match catalog::provider(name) {
        Some(provider) => Ok(ok(provider_body(request, provider))),
        None => Err(error::invalid_namespace(name)),
    }
}

/// A provider; all are registered from the start, and stay so.
fn provider_body(request: &Request<'_>, provider: &'static Provider) -> Value {
    let regions: Vec<&str> = catalog::locations().iter().map(|region| region.display_name.as_str()).collect();
    let types: Vec<Value> = provider
        .types
        .iter()
        .map(|kind| {
            let versions = provider.versions(kind);
            let capabilities = if kind.tracked {
                "CrossResourceGroupResourceMove, CrossSubscriptionResourceMove, SupportsTags, SupportsLocation"
            } else {
                "None"
            };
            json!({
                "resourceType": kind.name,
                "locations": if kind.located { json!(regions) } else { json!([]) },
                "apiVersions": versions,
                "capabilities": capabilities,
            })
        })
        .collect();
    let mut body = Map::new();
    if let Some(subscription) = request.target.id.subscription() {
        body.insert("id".into(), json!(format!("/subscriptions/{subscription}/providers/{}", provider.namespace)));
    } else {
        body.insert("id".into(), json!(format!("/providers/{}", provider.namespace)));
    }
    body.insert("namespace".into(), json!(provider.namespace));
    body.insert("resourceTypes".into(), json!(types));
    body.insert("registrationState".into(), json!("Registered"));
    body.insert("registrationPolicy".into(), json!("RegistrationRequired"));
    Value::Object(body)
}

fn resources(request: &Request<'_>) -> Result<Answer, Error> {
    let scope = request.target.owner();
    let filter = match request.query.filter() {
        Some(text) => Some(Filter::of_resources(text).ok_or_else(|| error::invalid_filter(text))?),
        None => None,
    };
    let expand = request.query.get("$expand").unwrap_or_default().to_ascii_lowercase();
    let wanted = |resource: &Resource| {
        resource.location.is_some() && filter.as_ref().is_none_or(|filter| filter.accepts(&subject(resource)))
    };
    let window = request.window(&scope)?;
    let arm = &request.world.arm;
    // A list of one type is a range of its own, so that what else there is does not matter.
    let page = match filter.as_ref().and_then(Filter::only_type) {
        Some(kind) => arm.page_of_type(kind, &scope, &window, wanted),
        None => arm.page_below(&scope, &window, wanted),
    };
    Ok(ok(request.paged(page, |resource| resource_row(request, resource, &expand))))
}

/// A resource, as filters ask about it.
fn subject(resource: &Resource) -> Subject<'_> {
    Subject {
        kind: &resource.resource_type,
        name: resource.name(),
        location: resource.location.as_deref().unwrap_or_default(),
        group: resource.id.group().unwrap_or_default(),
        principal_id: resource.identity.as_ref().and_then(|identity| identity["principalId"].as_str()).unwrap_or_default(),
        tags: resource.tags.as_ref(),
    }
}

fn resource_row(request: &Request<'_>, resource: &Resource, expand: &str) -> Value {
    let mut row = Map::new();
    row.insert("id".into(), json!(resource.id.as_str()));
    row.insert("name".into(), json!(resource.name()));
    row.insert("type".into(), json!(resource.resource_type));
    for (key, value) in [("sku", &resource.sku), ("identity", &resource.identity)] {
        if let Some(value) = value {
            row.insert(key.into(), value.clone());
        }
    }
    row.insert("location".into(), json!(resource.location));
    if let Some(tags) = &resource.tags {
        row.insert("tags".into(), json!(tags));
    }
    let data = &resource.system_data;
    for (key, value) in [
        ("createdTime", rfc3339_ticks(data.created_at)),
        ("changedTime", rfc3339_ticks(data.modified_at)),
        ("provisioningState", resource.state(request.now).to_owned()),
    ] {
        if expand.contains(&key.to_ascii_lowercase()) {
            row.insert(key.into(), json!(value));
        }
    }
    Value::Object(row)
}

fn groups(request: &Request<'_>) -> Result<Answer, Error> {
    let filter = match request.query.filter() {
        Some(text) => Some(Filter::of_groups(text).ok_or_else(|| error::invalid_filter(text))?),
        None => None,
    };
    let scope = request.target.owner();
    let wanted = |group: &Group| {
        let subject = Subject { tags: group.tags.as_ref(), ..Subject::default() };
        filter.as_ref().is_none_or(|filter| filter.accepts(&subject))
    };
    let page = request.world.arm.page_of_groups(&scope, &request.window(&scope)?, wanted);
    Ok(ok(request.paged(page, |group| group_body(request, group))))
}

fn group_body(request: &Request<'_>, group: &Group) -> Value {
    let mut body = Map::new();
    body.insert("id".into(), json!(group.id.as_str()));
    body.insert("name".into(), json!(group.id.name()));
    // Versions before 2018-09-01 (inferred from answers of 2018-05-01 without it and later ones with it) have no type.
    if request.version.as_str() >= "2018-09-01" {
        body.insert("type".into(), json!("Microsoft.Resources/resourceGroups"));
    }
    body.insert("location".into(), json!(group.location));
    if let Some(managed_by) = &group.managed_by {
        body.insert("managedBy".into(), json!(managed_by));
    }
    if let Some(tags) = &group.tags {
        body.insert("tags".into(), json!(tags));
    }
    let deleting = request.world.arm.is_being_deleted(&group.id, request.now);
    body.insert("properties".into(), json!({ "provisioningState": if deleting { "Deleting" } else { "Succeeded" } }));
    Value::Object(body)
}

fn group(request: &Request<'_>) -> Result<Answer, Error> {
    let id = ResourceId::of_group(request.target.id.subscription().unwrap_or_default(), request.target.name());
    let existing = request.world.arm.group(&id);
    match *request.method {
        Method::PUT => put_group(request, id),
        Method::HEAD => Ok(Answer::empty(Voice::Gateway, StatusCode::NO_CONTENT)),
        Method::DELETE => Ok(delete_group(request, &id)),
        Method::PATCH => {
            let old = existing.ok_or_else(|| error::group_not_found(id.name()))?;
            let tags = request.body.get("tags").map_or(old.tags.clone(), |tags| tags.as_object().cloned());
            let managed_by = request.body.get("managedBy").and_then(Value::as_str).map(str::to_owned);
            let group = Group { tags, managed_by: managed_by.or_else(|| old.managed_by.clone()), ..(*old).clone() };
            Ok(ok(group_body(request, &request.world.arm.put_group(group))))
        }
        _ => {
            let group = existing.ok_or_else(|| error::group_not_found(id.name()))?;
            Ok(ok(group_body(request, &group)))
        }
    }
}

fn put_group(request: &Request<'_>, id: ResourceId) -> Result<Answer, Error> {
    group_name(id.name())?;
    let existing = request.world.arm.group(&id);
    let text = |key: &str| request.body.get(key).and_then(Value::as_str);
    let group = Group {
        location: catalog::normal_location(text("location").unwrap_or_default()),
        tags: request.body.get("tags").and_then(Value::as_object).cloned(),
        managed_by: text("managedBy").map(str::to_owned),
        created: existing.as_ref().map_or(request.now, |group| group.created),
        id,
    };
    let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let group = request.world.arm.put_group(group);
    Ok(Answer::json(Voice::Gateway, status, group_body(request, &group)))
}

/// Letters and digits of any script, and a few signs. The texts for length and full stop are inferred.
fn group_name(name: &str) -> Result<(), Error> {
    let bad = |message| Err(Error::gateway(StatusCode::BAD_REQUEST, "InvalidResourceGroup", message));
    let allowed = |character: &char| character.is_alphanumeric() || "-.()_".contains(*character);
    let invalid: String = name.chars().filter(|character| !allowed(character)).collect();
    if !invalid.is_empty() {
        return bad(format!(
            "The provided resource group name '{name}' has these invalid characters: '{invalid}'. The name can only be a letter, digit, \
             '-', '.', '(', ')' or '_'."
        ));
    }
    if name.chars().count() > 90 {
        return bad(format!("The provided resource group name '{name}' exceeds the maximum length of '90'."));
    }
    if name.ends_with('.') {
        return bad(format!("The provided resource group name '{name}' must not end with a period."));
    }
    Ok(())
}

fn delete_group(request: &Request<'_>, id: &ResourceId) -> Answer {
    use base64::Engine as _;
    let location = request.world.arm.group(id).map(|group| group.location.clone()).unwrap_or_default();
    let name = id.name().to_uppercase().replace('-', ":2D");
    let suffix = request.world.ids.text(8, b"0123456789ABCDEF");
    let job = json!({
        "jobId": format!("RESOURCEGROUPDELETIONJOB-{name}-{suffix}-{}", location.to_uppercase()),
        "jobLocation": location,
    });
    let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(job.to_string());
    request.begin_ending(token.clone(), id, "Deleting", Ending::RemoveGroup);
    let subscription = id.subscription().unwrap_or_default();
    let url = request.poll_url(&format!("/subscriptions/{subscription}/operationresults/{token}"), &request.version);
    Answer::empty(Voice::Gateway, StatusCode::ACCEPTED).header("location", url)
}

/// `{scope}/providers/Microsoft.Resources/tags/default`: the tags of a group or a resource.
fn tags(request: &Request<'_>) -> Result<Answer, Error> {
    if !request.target.name().eq_ignore_ascii_case("default") {
        return Err(error::not_routed(request.target.id.as_str()));
    }
    let scope = &request.target.scope;
    let arm = &request.world.arm;
    let is_group = scope.resource_type().is_some_and(|kind| kind == "Microsoft.Resources/subscriptions/resourceGroups");
    let group = arm.group(scope).filter(|_| is_group);
    let resource = arm.resource(scope);
    let old = match (&group, &resource) {
        (Some(group), _) => group.tags.clone(),
        (None, Some(resource)) => resource.tags.clone(),
        (None, None) if scope.resource_type().is_some_and(|kind| kind.contains("providers") || scope.group().is_some()) => {
            return Err(error::resource_not_found(scope));
        }
        (None, None) => return Err(error::not_implemented(&format!("tags at the scope {scope}"))),
    };
    let given = request.body["properties"]["tags"].as_object().cloned();
    let mut tags = old.unwrap_or_default();
    match *request.method {
        Method::PUT => tags = given.unwrap_or_default(),
        Method::DELETE => tags.clear(),
        Method::PATCH => match request.body["operation"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
            "replace" => tags = given.unwrap_or_default(),
            "merge" => tags.extend(given.unwrap_or_default()),
            "delete" => {
                for (key, _) in given.unwrap_or_default() {
                    tags.shift_remove(&key);
                }
            }
            other => {
                return Err(error::invalid_content(&format!(
                    "Error converting value \"{other}\" to type 'TagsPatchOperation'. Path 'operation', line 1, position 1."
                )));
            }
        },
        _ => {}
    }
    if *request.method != Method::GET {
        if let Some(group) = &group {
            arm.put_group(Group { tags: Some(tags.clone()), ..(**group).clone() });
        } else if let Some(resource) = &resource {
            arm.put_resource(Resource { tags: Some(tags.clone()), ..(**resource).clone() });
        }
        if *request.method == Method::DELETE {
            return Ok(Answer::empty(Voice::Gateway, StatusCode::OK));
        }
    }
    Ok(ok(json!({
        "id": format!("{}/providers/Microsoft.Resources/tags/default", scope.as_str().trim_end_matches('/')),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": { "tags": tags },
    })))
}
