//! What is done with a registry by POST: credentials, and whether a name is free; and its usage and the old form of its policies.

use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::{self, Error};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::child::invalid;
use super::{bad, body, ok, private_endpoints, properties, registry, sku};
use crate::acr::store::Registry;
use crate::kernel::secret::Secret;

use std::sync::Arc;

fn registry_of(request: &Request<'_>) -> Result<(Arc<Resource>, Arc<Registry>), Error> {
    let resource = request.resource()?;
    let registry = request.world.acr.by_id(&resource.id).ok_or_else(|| error::resource_not_found(&resource.id))?;
    Ok((resource, registry))
}

fn credentials(registry: &Registry) -> Answer {
    let settings = registry.settings.read();
    let [first, second] = settings.admin_passwords.each_ref().map(Secret::reveal);
    ok(json!({
        "username": registry.name,
        "passwords": [{ "name": "password", "value": first }, { "name": "password2", "value": second }],
    }))
}

fn admin_only(resource: &Resource, registry: &Registry) -> Result<(), Error> {
    if registry.settings.read().admin_enabled {
        return Ok(());
    }
    let message = format!(
        "Cannot perform credential operations for {} as admin user is disabled. Kindly enable admin user as per docs: \
         https://docs.microsoft.com/en-us/azure/container-registry/container-registry-authentication#admin-account",
        resource.id
    );
    Err(bad("UnAuthorizedForCredentialOperations", message))
}

pub(super) fn list_credentials(request: &Request<'_>) -> Result<Answer, Error> {
    let (resource, registry) = registry_of(request)?;
    admin_only(&resource, &registry)?;
    Ok(credentials(&registry))
}

pub(super) fn regenerate_credential(request: &Request<'_>) -> Result<Answer, Error> {
    let (resource, registry) = registry_of(request)?;
    admin_only(&resource, &registry)?;
    let name = request.body["name"].as_str().unwrap_or_default();
    let position = ["password", "password2"].iter().position(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
        bad("InvalidPasswordName", format!("The password name '{name}' is invalid. Allowed values are 'password, password2'."))
    })?;
    registry.settings.write().admin_passwords[position] = registry::new_password(request.world).into();
    Ok(credentials(&registry))
}

/// What a registry uses of what its SKU has. Recorded for Premium; the rows of the other SKUs are those that apply to them.
pub(super) fn list_usages(request: &Request<'_>) -> Result<Answer, Error> {
    let (resource, registry) = registry_of(request)?;
    let sku = resource.sku.as_ref().and_then(|sku| sku["name"].as_str()).unwrap_or_default();
    let limits = sku::limits(sku);
    let count = |child: &str| request.world.arm.resources_of_type(&format!("{}/{child}", super::TYPE), &resource.id).len();
    let rules = |key: &str| {
        let rules = resource.properties.get("networkRuleSet").and_then(|rules| rules[key].as_array());
        rules.map_or(0, Vec::len)
    };
    let row = |name: &str, limit: i64, current: usize| json!({ "name": name, "limit": limit, "currentValue": current, "unit": if name == "Size" { "Bytes" } else { "Count" } });
    let most = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
    let size = usize::try_from(registry.size_in_bytes()).unwrap_or(usize::MAX);
    let mut rows = vec![
        row("Size", i64::try_from(limits.size).unwrap_or(i64::MAX), size),
        row("Webhooks", most(limits.webhooks), count("webhooks")),
    ];
    if sku == "Premium" {
        // The one in the registry's own region does not count.
        rows.push(row("Geo-replications", -1, count("replications").saturating_sub(1)));
        rows.push(row("IPRules", most(sku::NETWORK_RULES), rules("ipRules")));
        rows.push(row("VNetRules", most(sku::NETWORK_RULES), rules("virtualNetworkRules")));
        let connections = private_endpoints::all(request.world, &resource).len();
        rows.push(row("PrivateEndpointConnections", most(sku::PRIVATE_ENDPOINTS), connections));
    }
    rows.push(row("ScopeMaps", most(limits.tokens), count("scopeMaps")));
    rows.push(row("Tokens", most(limits.tokens), count("tokens")));
    Ok(ok(json!({ "value": rows })))
}

/// The policies as versions of 2018 and 2019 list and change them.
pub(super) fn policies(request: &Request<'_>) -> Result<Answer, Error> {
    let (resource, _) = registry_of(request)?;
    let mut held = Value::Object(resource.properties.clone());
    if request.known.kind.name.ends_with("/updatePolicies") {
        held["policies"] = properties::policies(request, &request.body, &held["policies"])?;
        let sku = resource.sku.as_ref().and_then(|sku| sku["name"].as_str()).unwrap_or_default();
        sku::check(&held, sku)?;
        let mut changed = Resource::clone(&resource);
        changed.properties.insert("policies".into(), held["policies"].clone());
        changed.system_data = resource.system_data.changed(&request.caller, request.now);
        request.world.arm.put_resource(changed);
    }
    Ok(ok(body::policies(&held["policies"], &request.version)))
}

pub(super) fn check_name(request: &Request<'_>) -> Result<Answer, Error> {
    let body = &request.body;
    let Some(name) = body["name"].as_str() else {
        return Err(bad("InvalidRequestBody", "The body needs the members 'name' and 'type'."));
    };
    if !body["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case(super::TYPE)) {
        let message = format!("The type {} is invalid. Its value should be {}.", body["type"], super::TYPE);
        return Err(bad("InvalidType", message));
    }
    if let Some(fault) = registry::name_fault(name) {
        return Ok(ok(json!({ "nameAvailable": false, "reason": "Invalid", "message": fault })));
    }
    let asks = &body["autoGeneratedDomainNameLabelScope"];
    let scope = registry::label_scope(request, asks)?;
    let group = body["resourceGroupName"].as_str().unwrap_or_default();
    if scope == "ResourceGroupReuse" && group.is_empty() {
        return Err(invalid(request, "resourceGroupName", &body["resourceGroupName"]));
    }
    // A name is taken whatever label it would get: recorded for the creation of a registry.
    let taken = request.world.acr.name_taken(name);
    let mut answer = Map::new();
    if !asks.is_null() && !taken {
        answer.insert("availableLoginServerName".into(), json!(registry::login_server(request, name, scope, group)));
    }
    answer.insert("nameAvailable".into(), json!(!taken));
    if taken {
        answer.insert("reason".into(), json!("AlreadyExists"));
        answer.insert("message".into(), json!(format!("The registry {name} is already in use.")));
    }
    Ok(ok(Value::Object(answer)))
}
