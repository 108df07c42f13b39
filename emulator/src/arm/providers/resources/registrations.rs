//! Providers: which there are, what they have, and whether a subscription is registered for them.
//! Source: the Resources API's specification (2024-11-01) and recorded answers; the refusal to unregister is inferred.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::Request;
use super::super::super::catalog::{self, Provider, Type};
use super::super::super::error::{self, Error};
use super::super::super::headers::Answer;
use super::{list_of, ok};

pub(super) fn list(request: &Request<'_>) -> Answer {
    list_of(catalog::providers().iter().map(|provider| body(request, provider, None)).collect())
}

pub(super) fn one(request: &Request<'_>) -> Result<Answer, Error> {
    Ok(ok(body(request, named(request)?, None)))
}

/// Registers the subscription. The answer comes at once and says that it is under way.
pub(super) fn register(request: &Request<'_>) -> Result<Answer, Error> {
    let provider = named(request)?;
    let before = state(request, provider);
    if before == "Registered" {
        return Ok(ok(body(request, provider, None)));
    }
    change(request, provider, true);
    Ok(ok(body(request, provider, Some("Registering"))))
}

/// Ends a registration. What still has resources cannot be left.
pub(super) fn unregister(request: &Request<'_>) -> Result<Answer, Error> {
    let provider = named(request)?;
    if !provider.needs_registration() || ["NotRegistered", "Unregistered"].contains(&state(request, provider)) {
        return Ok(ok(body(request, provider, None)));
    }
    if let Some(kind) = provider.types.iter().find(|kind| has_resources(request, provider, kind)) {
        let message = format!(
            "The subscription cannot be unregistered from the namespace '{}' while it has resources of the type '{}'.",
            provider.namespace, kind.name
        );
        return Err(Error::gateway(StatusCode::CONFLICT, "SubscriptionHasResources", message));
    }
    change(request, provider, false);
    Ok(ok(body(request, provider, Some("Unregistering"))))
}

/// `/subscriptions/{id}/providers/{namespace}/resourceTypes`.
pub(super) fn resource_types(request: &Request<'_>) -> Result<Answer, Error> {
    let provider = named(request)?;
    Ok(list_of(provider.types.iter().map(|kind| type_body(request, provider, kind)).collect()))
}

/// `/providers/{namespace}/operations`: what can be done with each type, as far as azlet knows the type.
pub(in super::super) fn operations(request: &Request<'_>) -> Answer {
    let provider = request.known.provider;
    let rows = provider.types.iter().flat_map(|kind| actions(provider, kind)).map(|(action, kind)| {
        let verb = action.rsplit('/').next().unwrap_or_default().to_owned();
        json!({
            "name": action,
            "isDataAction": false,
            "display": { "provider": provider.namespace, "resource": kind, "operation": verb, "description": action },
        })
    });
    list_of(rows.collect())
}

/// The actions of a type, each with the type.
fn actions(provider: &'static Provider, kind: &'static Type) -> Vec<(String, &'static str)> {
    let known = catalog::Known { provider, kind };
    let item = kind.item_verbs().map(|verb| (verb, true));
    let mut actions: Vec<String> = item
        .chain(kind.collection_verbs().map(|verb| (verb, false)))
        .filter_map(|(verb, item)| known.action(&Method::from_bytes(verb.as_bytes()).ok()?, item))
        .collect();
    actions.sort();
    actions.dedup();
    actions.into_iter().map(|action| (action, kind.name.as_str())).collect()
}

fn named(request: &Request<'_>) -> Result<&'static Provider, Error> {
    let name = request.target.name();
    catalog::provider(name).ok_or_else(|| error::invalid_namespace(name))
}

fn subscription(request: &Request<'_>) -> Option<Uuid> {
    Uuid::try_parse(request.target.id.subscription()?).ok()
}

fn state(request: &Request<'_>, provider: &Provider) -> &'static str {
    match subscription(request) {
        Some(subscription) if provider.needs_registration() => request.registration(subscription, &provider.namespace),
        _ => "Registered",
    }
}

fn change(request: &Request<'_>, provider: &Provider, registered: bool) {
    if let Some(subscription) = subscription(request) {
        request.world.arm.registrations.change(subscription, &provider.namespace, registered, request.settles_at());
    }
}

fn has_resources(request: &Request<'_>, provider: &Provider, kind: &Type) -> bool {
    use super::super::super::store::Window;
    let Some(subscription) = request.target.id.subscription() else { return false };
    let scope = crate::kernel::resource_id::ResourceId::of_subscription(subscription);
    let full_type = format!("{}/{}", provider.namespace, kind.name);
    !request.world.arm.page_of_type(&full_type, &scope, &Window { after: None, size: 1 }, |_| true).items.is_empty()
}

/// A provider, with only the members that `$select` names, if it names any.
fn body(request: &Request<'_>, provider: &'static Provider, state_now: Option<&str>) -> Value {
    let mut body = Map::new();
    let prefix = request.target.id.subscription().map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    body.insert("id".into(), json!(format!("{prefix}/providers/{}", provider.namespace)));
    body.insert("namespace".into(), json!(provider.namespace));
    let types: Vec<Value> = provider.types.iter().map(|kind| type_body(request, provider, kind)).collect();
    body.insert("resourceTypes".into(), json!(types));
    body.insert("registrationState".into(), json!(state_now.unwrap_or_else(|| state(request, provider))));
    let policy = if provider.needs_registration() { "RegistrationRequired" } else { "RegistrationFree" };
    body.insert("registrationPolicy".into(), json!(policy));
    if let Some(select) = request.query.get("$select").filter(|select| !select.trim().is_empty()) {
        let wanted = |key: &str| select.split(',').any(|one| one.trim().eq_ignore_ascii_case(key));
        body.retain(|key, _| wanted(key));
    }
    Value::Object(body)
}

fn type_body(request: &Request<'_>, provider: &'static Provider, kind: &'static Type) -> Value {
    let regions = || catalog::locations().iter().map(|region| region.display_name.as_str()).collect::<Vec<_>>();
    let capabilities = match (kind.tracked, kind.movable) {
        (true, true) => "CrossResourceGroupResourceMove, CrossSubscriptionResourceMove, SupportsTags, SupportsLocation",
        (true, false) => "SupportsTags, SupportsLocation",
        (false, _) => "None",
    };
    let mut body = json!({
        "resourceType": kind.name,
        "locations": if kind.located { regions() } else { Vec::new() },
        "apiVersions": provider.versions(kind),
        "capabilities": capabilities,
    });
    let expand = request.query.get("$expand").unwrap_or_default().to_ascii_lowercase();
    if expand.contains("resourcetypes/aliases") {
        body["aliases"] = json!([]);
    }
    body
}
