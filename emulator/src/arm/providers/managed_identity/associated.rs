//! What carries an identity: `listAssociatedResources`, and `identities/default`, the system-assigned identity of any resource; and
//! the provider's list of operations. Source: the provider's specifications (2022-01-31-preview, 2023-01-31).

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::super::Request;
use super::super::super::error::{self, Error, Voice};
use super::super::super::headers::Answer;

/// A page of associated resources has so many at most.
const PAGE: usize = 100;

/// The resources that an identity is assigned to, whoever may see them.
pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let identity = request.resource()?;
    let subscriptions = request.world.arm.subscriptions();
    let mut all: Vec<Value> = request
        .world
        .carriers(&identity.id)
        .iter()
        .map(|resource| {
            let subscription = resource.id.subscription().unwrap_or_default();
            let name = subscriptions.iter().find(|it| it.id.to_string() == subscription).map(|it| it.display_name.as_str());
            json!({
                "id": resource.id.as_str(),
                "name": resource.name(),
                "type": resource.resource_type.to_lowercase(),
                "resourceGroup": resource.id.group().unwrap_or_default().to_lowercase(),
                "subscriptionId": subscription,
                "subscriptionDisplayName": name,
            })
        })
        .collect();
    let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_lowercase();
    if let Some(order) = request.query.get("$orderby") {
        let (member, direction) = order.trim().split_once(' ').unwrap_or((order.trim(), "asc"));
        all.sort_by_key(|row| text(row, member));
        if direction.trim().eq_ignore_ascii_case("desc") {
            all.reverse();
        }
    }
    let number = |key: &str| request.query.get(key).and_then(|number| number.parse::<usize>().ok());
    let total = all.len();
    let shown: Vec<Value> =
        all.into_iter().skip(number("$skip").unwrap_or(0)).take(number("$top").unwrap_or(PAGE).min(PAGE)).collect();
    Ok(Answer::json(Voice::Provider, StatusCode::OK, json!({ "totalCount": total, "value": shown })))
}

/// The system-assigned identity of a resource.
pub(super) fn system_assigned(request: &Request<'_>) -> Result<Answer, Error> {
    let absent = || error::resource_not_found(&request.target.id);
    if !request.target.name().eq_ignore_ascii_case("default") {
        return Err(absent());
    }
    let scope = &request.target.scope;
    let resource = request.world.arm.resource(scope).ok_or_else(|| error::resource_not_found(scope))?;
    let principal_id = resource.identity.as_ref().and_then(|identity| identity["principalId"].as_str()).ok_or_else(absent)?;
    let principal = uuid::Uuid::try_parse(principal_id).ok().and_then(|id| request.world.directory.principal(id));
    let client_id = principal.and_then(|principal| principal.app_id()).ok_or_else(absent)?;
    let tenant = request.world.directory.tenant.id;
    let location = resource.location.clone().unwrap_or_default();
    let secret = super::secret_url(scope, &location, tenant, principal_id, &client_id.to_string());
    let body = json!({
        "id": format!("{}/providers/Microsoft.ManagedIdentity/identities/default", scope.as_str()),
        "name": "default",
        "type": "Microsoft.ManagedIdentity/identities",
        "location": location,
        "tags": resource.tags.clone().unwrap_or_default(),
        "properties": { "tenantId": tenant, "principalId": principal_id, "clientId": client_id, "clientSecretUrl": secret },
    });
    Ok(Answer::json(Voice::Provider, StatusCode::OK, body))
}

/// What can be done: action, resource, name and description.
const OPERATIONS: &str = include_str!("../../../../../fixtures/managed-identity/operations.json");

/// The provider's operations.
pub(super) fn operations() -> Value {
    serde_json::from_str(OPERATIONS).expect("fixtures/managed-identity/operations.json is JSON: a test reads it")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_operations_can_be_read() {
        assert!(super::operations()["value"].as_array().is_some_and(|all| all.len() > 5));
    }
}
