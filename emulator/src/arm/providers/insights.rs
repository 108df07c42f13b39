//! Microsoft.Insights: diagnostic settings, and which categories resources have (`fixtures/logs/categories.json`).
//! Source: Azure Monitor's documentation of diagnostic settings and supported log categories, shapes as recorded, error texts that
//! users have reported; inferred ones say so. Only workspaces receive anything: other destinations are kept and
//! shown, and so are data collection rules, by which nothing is collected.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::StatusCode;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Request;
use super::super::error::{self, Error, Voice};
use super::super::headers::Answer;
use super::super::store::Resource;
use super::data::{Hooks, Write};
use crate::kernel::resource_id::ResourceId;
use crate::logs::store::Sink;
use crate::world::World;

/// The hooks of the provider.
pub(super) struct Insights;

const SETTING: &str = "Microsoft.Insights/diagnosticSettings";
/// A resource has so many settings at most.
const SETTINGS_AT_MOST: usize = 5;
/// The destinations, of which one is needed.
const SINKS: [&str; 5] =
    ["workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "serviceBusRuleId", "marketplacePartnerId"];
/// What is asked of who lets events be delivered into a workspace.
const SHARED_KEYS: &str = "Microsoft.OperationalInsights/workspaces/sharedKeys/action";

/// The categories of a type of resources.
#[derive(Debug, Deserialize)]
struct Categories {
    /// With the groups that they belong to.
    logs: IndexMap<String, Vec<String>>,
    metrics: Vec<String>,
}

static CATEGORIES: LazyLock<IndexMap<String, Categories>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../fixtures/logs/categories.json"))
        .expect("categories.json holds categories: a test reads it")
});

fn bad(message: String) -> Error {
    Error::of(Voice::Bare, StatusCode::BAD_REQUEST, "BadRequest", message)
}

/// The categories of what a request is about.
fn categories(on: &ResourceId) -> Result<&'static Categories, Error> {
    let kind = on.resource_type().unwrap_or_default();
    let known = CATEGORIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&kind)).map(|(_, categories)| categories);
    known.ok_or_else(|| {
        let message = format!("The resource type '{}' does not support diagnostic settings.", kind.to_lowercase());
        Error::of(Voice::Bare, StatusCode::BAD_REQUEST, "ResourceTypeNotSupported", message)
    })
}

impl Hooks for Insights {
    fn before_write(&self, request: &Request<'_>, write: &mut Write) -> Result<(), Error> {
        match write.resource.resource_type.as_str() {
            SETTING => {}
            "Microsoft.Insights/dataCollectionRuleAssociations" => return association(request, &write.resource),
            _ => return Ok(()),
        }
        let on = &request.target.scope;
        let known = categories(on)?;
        let properties = &write.resource.properties;
        if !SINKS.iter().any(|sink| properties.get(*sink).is_some_and(Value::is_string)) {
            return Err(bad("At least one data sink needs to be specified.".into()));
        }
        for entry in entries(&write.resource, "logs") {
            known_log(known, entry)?;
        }
        for entry in entries(&write.resource, "metrics") {
            known_metric(known, entry)?;
        }
        workspace(request, &write.resource)?;
        let others = request.world.arm.resources_of_type(SETTING, on);
        let others: Vec<_> = others
            .iter()
            .filter(|other| other.id != write.resource.id && other.id.parent().is_some_and(|parent| parent == *on))
            .collect();
        if others.len() >= SETTINGS_AT_MOST {
            let message = format!(
                "The resource already has {SETTINGS_AT_MOST} diagnostic settings, which is the limit: delete one of them first."
            );
            return Err(Error::of(Voice::Bare, StatusCode::CONFLICT, "Conflict", message));
        }
        others.iter().try_for_each(|other| apart(known, &write.resource, other))
    }

    fn after_write(&self, request: &Request<'_>, resource: &Resource) {
        if resource.resource_type != SETTING {
            return;
        }
        let on = &request.target.scope;
        let workspace = resource.properties.get("workspaceId").and_then(Value::as_str);
        let (Some(workspace), Ok(known)) = (workspace, categories(on)) else {
            request.world.logs.unwatch(&resource.id);
            return;
        };
        let dedicated = resource.properties.get("logAnalyticsDestinationType").and_then(Value::as_str) == Some("Dedicated");
        let sink = Sink {
            resource: on.clone(),
            workspace: ResourceId::new(workspace),
            categories: enabled(known, resource, "logs"),
            dedicated,
        };
        request.world.logs.watch(&resource.id, sink);
    }

    fn removed(&self, world: &World, resource: &Resource) {
        world.logs.unwatch(&resource.id);
    }

    fn answer(&self, request: &Request<'_>) -> Option<Result<Answer, Error>> {
        (request.known.kind.name == "diagnosticSettingsCategories").then(|| category_list(request))
    }
}

/// What an association names must exist (the code and text are inferred).
fn association(request: &Request<'_>, association: &Resource) -> Result<(), Error> {
    let named = ["dataCollectionRuleId", "dataCollectionEndpointId"].into_iter();
    let mut ids = named.filter_map(|member| association.properties.get(member)?.as_str());
    match ids.find(|id| request.world.arm.resource(&ResourceId::new(id)).is_none()) {
        None if association.properties.keys().any(|member| member.starts_with("dataCollection")) => Ok(()),
        None => {
            let message = "The association needs 'dataCollectionRuleId' or 'dataCollectionEndpointId'.";
            Err(Error::provider(StatusCode::BAD_REQUEST, "InvalidPayload", message))
        }
        Some(id) => {
            let message = format!("The data collection rule or endpoint '{id}' was not found.");
            Err(Error::provider(StatusCode::BAD_REQUEST, "InvalidAssociation", message))
        }
    }
}

fn entries<'a>(setting: &'a Resource, member: &str) -> impl Iterator<Item = &'a Value> {
    setting.properties.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn known_log(known: &Categories, entry: &Value) -> Result<(), Error> {
    match (entry["category"].as_str(), entry["categoryGroup"].as_str()) {
        (Some(_), Some(_)) => Err(bad("A log can have either a category or a category group specified, but not both.".into())),
        (None, None) => Err(bad("A log must have a category or a category group.".into())),
        (Some(category), None) if !known.logs.keys().any(|other| other.eq_ignore_ascii_case(category)) => {
            let all: Vec<&str> = known.logs.keys().map(String::as_str).collect();
            Err(bad(format!("Category '{category}' is not supported, supported ones are: '{}'.", all.join(", "))))
        }
        (None, Some(group)) if !known.logs.values().flatten().any(|other| other.eq_ignore_ascii_case(group)) => {
            Err(bad(format!("Category group '{group}' is not supported.")))
        }
        _ => Ok(()),
    }
}

fn known_metric(known: &Categories, entry: &Value) -> Result<(), Error> {
    let category = entry["category"].as_str().unwrap_or_default();
    if known.metrics.iter().any(|other| other.eq_ignore_ascii_case(category)) {
        return Ok(());
    }
    Err(bad(format!("Metric category '{category}' is not supported.")))
}

/// The categories that a setting delivers, groups taken apart.
fn enabled(known: &Categories, setting: &Resource, member: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for entry in entries(setting, member).filter(|entry| entry["enabled"] == true) {
        let named = |text: &Value, other: &str| text.as_str().is_some_and(|text| text.eq_ignore_ascii_case(other));
        let logs = known.logs.iter().filter(|(category, groups)| {
            named(&entry["category"], category) || groups.iter().any(|group| named(&entry["categoryGroup"], group))
        });
        if member == "logs" {
            all.extend(logs.map(|(category, _)| category.clone()));
        } else {
            all.extend(known.metrics.iter().filter(|metric| named(&entry["category"], metric)).cloned());
        }
    }
    all
}

/// The workspace must exist, and the caller must be allowed to deliver into it.
fn workspace(request: &Request<'_>, setting: &Resource) -> Result<(), Error> {
    let Some(id) = setting.properties.get("workspaceId").and_then(Value::as_str) else { return Ok(()) };
    let workspace = ResourceId::new(id);
    let is_workspace = workspace.resource_type().is_some_and(|kind| kind.eq_ignore_ascii_case(crate::logs::WORKSPACE));
    if !is_workspace {
        return Err(bad(format!("The workspace id '{id}' is invalid: it must be the resource id of a Log Analytics workspace.")));
    }
    if request.world.arm.resource(&workspace).is_none() {
        // The code and text are inferred.
        let message = format!("The workspace '{id}' could not be found.");
        return Err(Error::of(Voice::Bare, StatusCode::NOT_FOUND, "ResourceNotFound", message));
    }
    if request.may(SHARED_KEYS, &workspace) {
        return Ok(());
    }
    let caller = &request.caller;
    let main = (request.action.as_str(), request.target.id.as_str());
    Err(error::linked_authorization_failed(&caller.label, caller.object_id, main, (SHARED_KEYS, &[id.to_owned()])))
}

/// Two settings of a resource cannot deliver the same category to the same destination.
fn apart(known: &Categories, setting: &Resource, other: &Resource) -> Result<(), Error> {
    let same_sink = SINKS.iter().find_map(|sink| {
        let own = setting.properties.get(*sink)?.as_str()?;
        let others = other.properties.get(*sink)?.as_str()?;
        own.eq_ignore_ascii_case(others).then_some(own)
    });
    let Some(sink) = same_sink else { return Ok(()) };
    for member in ["logs", "metrics"] {
        let others = enabled(known, other, member);
        if let Some(category) = enabled(known, setting, member).into_iter().find(|category| others.contains(category)) {
            let message = format!(
                "Data sink '{sink}' is already used in diagnostic setting '{}' for category '{category}'. Data sinks can't be reused in \
                 different settings on the same category for the same resource.",
                other.name()
            );
            return Err(Error::of(Voice::Bare, StatusCode::CONFLICT, "Conflict", message));
        }
    }
    Ok(())
}

/// `diagnosticSettingsCategories`, and one of them.
fn category_list(request: &Request<'_>) -> Result<Answer, Error> {
    let on = &request.target.scope;
    if request.world.arm.resource(on).is_none() {
        return Err(error::resource_not_found(on));
    }
    let known = categories(on)?;
    let row = |name: &str, kind: &str, groups: Option<&[String]>| {
        let mut properties = json!({ "categoryType": kind });
        if let Some(groups) = groups {
            properties["categoryGroups"] = json!(groups);
        }
        json!({
            "id": format!("{}/providers/microsoft.insights/diagnosticSettingsCategories/{name}", on.key()),
            "type": "Microsoft.Insights/diagnosticSettingsCategories",
            "name": name,
            "location": null,
            "kind": null,
            "tags": null,
            "properties": properties,
            "identity": null,
        })
    };
    let metrics = known.metrics.iter().map(|name| row(name, "Metrics", None));
    let logs = known.logs.iter().map(|(name, groups)| row(name, "Logs", Some(groups)));
    let all: Vec<Value> = metrics.chain(logs).collect();
    if !request.target.is_item() {
        return Ok(Answer::json(Voice::Bare, StatusCode::OK, json!({ "value": all })));
    }
    let name = request.target.name();
    let found = all.into_iter().find(|row| row["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)));
    found.map(|row| Answer::json(Voice::Bare, StatusCode::OK, row)).ok_or_else(|| {
        let message = format!("The diagnostic category '{name}' doesn't exist.");
        Error::of(Voice::Bare, StatusCode::NOT_FOUND, "ResourceNotFound", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_belongs_to_all_logs() {
        for (kind, categories) in CATEGORIES.iter() {
            assert!(!categories.logs.is_empty(), "{kind}");
            for (category, groups) in &categories.logs {
                assert!(groups.iter().any(|group| group == "allLogs"), "{kind}: {category}");
            }
        }
    }
}
