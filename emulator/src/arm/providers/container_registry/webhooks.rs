//! Webhooks: where they send what, and what they have sent. Delivery is [`crate::acr::notify`].
//! Source: the provider's specification, recorded answers, and Azure Container Registry's webhook reference.

use std::sync::Arc;

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::child::{Change, Child, Reply, is_name};
use super::{ok, sku};
use crate::acr::notify::{self, Webhook};

const ACTIONS: [&str; 5] = ["chart_delete", "chart_push", "delete", "push", "quarantine"];

pub(super) const WEBHOOKS: Child = Child {
    name: |name| is_name(name, ""),
    show,
    changed,
    ..Child::plain("webhooks", "webhooks", [Reply::Done(200), Reply::Done(200), Reply::Done(200)], make)
};

fn make(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    change.room_for("webhooks", sku::limits(change.sku()).webhooks)?;
    let mut properties = change.base();
    if let Some(uri) = change.needed("serviceUri")? {
        let good = Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !good {
            return Err(change.invalid("serviceUri", &json!(uri)));
        }
        properties.insert("serviceUri".into(), json!(uri));
    }
    match &change.given()["customHeaders"] {
        Value::Null => {}
        Value::Object(headers) if headers.values().all(Value::is_string) => {
            properties.insert("customHeaders".into(), json!(headers));
        }
        other => return Err(change.invalid("customHeaders", other)),
    }
    let status = change.one_of("status", &["enabled", "disabled"])?;
    if let Some(status) = status {
        properties.insert("status".into(), json!(status));
    }
    properties.entry("status").or_insert(json!("enabled"));
    if let Some(scope) = change.text("scope")? {
        properties.insert("scope".into(), json!(scope));
    }
    properties.entry("scope").or_insert(json!(""));
    match &change.given()["actions"] {
        Value::Null if change.is_patch() => {}
        given => {
            properties.insert("actions".into(), actions(change, given)?);
        }
    }
    Ok(properties)
}

fn actions(change: &Change<'_>, given: &Value) -> Result<Value, Error> {
    let list = given.as_array().filter(|list| !list.is_empty()).ok_or_else(|| change.invalid("actions", given))?;
    let known =
        |action: &Value| ACTIONS.into_iter().find(|known| action.as_str().is_some_and(|it| it.eq_ignore_ascii_case(known)));
    let mut all = Vec::new();
    for action in list {
        let action = known(action).ok_or_else(|| change.invalid("actions", action))?;
        if !all.contains(&action) {
            all.push(action);
        }
    }
    Ok(json!(all))
}

/// Neither where it goes nor its headers are ever shown: `getCallbackConfig` tells them.
fn show(_: &Change<'_>, resource: &Resource) -> Map<String, Value> {
    let shown = ["status", "scope", "actions"].into_iter();
    shown.filter_map(|key| Some((key.to_owned(), resource.properties.get(key)?.clone()))).collect()
}

/// Tells the data plane which webhooks there are.
fn changed(change: &Change<'_>) {
    let mut hooks = change.registry.webhooks.write();
    let before = std::mem::take(&mut *hooks);
    *hooks = change.siblings("webhooks").iter().map(|resource| Arc::new(hook(resource, &before))).collect();
}

fn hook(resource: &Resource, before: &[Arc<Webhook>]) -> Webhook {
    let text = |key: &str| resource.properties.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let actions = resource.properties.get("actions").and_then(Value::as_array).into_iter().flatten();
    Webhook {
        name: resource.name().to_owned(),
        service_uri: text("serviceUri"),
        headers: resource.properties.get("customHeaders").and_then(Value::as_object).cloned().unwrap_or_default(),
        actions: actions.filter_map(|action| action.as_str().map(str::to_owned)).collect(),
        scope: text("scope"),
        enabled: text("status") == "enabled",
        log: before.iter().find(|hook| hook.name == resource.name()).map(|hook| hook.log.clone()).unwrap_or_default(),
    }
}

fn served(request: &Request<'_>) -> Result<Arc<Webhook>, Error> {
    let change = Change::of(request)?;
    let name = change.child()?.name().to_owned();
    let hooks = change.registry.webhooks.read();
    let found = hooks.iter().find(|hook| hook.name == name).cloned();
    found.ok_or_else(|| super::super::super::error::resource_not_found(&request.target.owner()))
}

pub(super) fn ping(request: &Request<'_>) -> Result<Answer, Error> {
    let hook = served(request)?;
    let event = notify::ping(request.world);
    hook.send(request.world, &event);
    Ok(ok(json!({ "id": event["id"] })))
}

pub(super) fn callback(request: &Request<'_>) -> Result<Answer, Error> {
    let hook = served(request)?;
    Ok(ok(json!({ "serviceUri": hook.service_uri, "customHeaders": hook.headers })))
}

pub(super) fn events(request: &Request<'_>) -> Result<Answer, Error> {
    Ok(ok(json!({ "value": served(request)?.log.events() })))
}
