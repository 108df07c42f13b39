//! Microsoft.OperationalInsights: what workspaces do beyond their description. A deleted workspace can be had back by making it
//! again within 14 days, with its data and its id, unless it was deleted with `force`. A query may be asked through ARM too.
//! Source: Azure Monitor's documentation ("Delete and recover a Log Analytics workspace"), the provider's specification.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::Request;
use super::super::error::{Error, Voice};
use super::super::headers::Answer;
use super::super::store::Resource;
use super::data::{Hooks, Write};
use crate::logs;

/// The hooks of the provider.
pub(super) struct OperationalInsights;

impl Hooks for OperationalInsights {
    fn before_write(&self, request: &Request<'_>, write: &mut Write) -> Result<(), Error> {
        if write.resource.resource_type != logs::WORKSPACE {
            return Ok(());
        }
        if write.old.is_none() {
            let purges = request.world.logs.purges(&write.resource.id);
            let id = request.world.ids.named(&format!("workspace {} {purges}", write.resource.id.key()));
            write.resource.properties.insert("customerId".into(), json!(id));
        }
        retention(&write.resource)
    }

    fn before_delete(&self, request: &Request<'_>, resource: &Resource) -> Result<(), Error> {
        let force = request.query.get("force").is_some_and(|force| force.eq_ignore_ascii_case("true"));
        if force && resource.resource_type == logs::WORKSPACE {
            request.world.logs.purge(&resource.id);
        }
        Ok(())
    }

    fn answer(&self, request: &Request<'_>) -> Option<Result<Answer, Error>> {
        match request.known.kind.name.as_str() {
            "workspaces/query" | "workspaces/api" => Some(query(request)),
            _ => None,
        }
    }
}

/// What a SKU lets be kept: 7 days for the free one, 30 to 730 for the paid ones.
fn retention(workspace: &Resource) -> Result<(), Error> {
    let sku = workspace.properties.get("sku").and_then(|sku| sku["name"].as_str()).unwrap_or_default();
    let days = workspace.properties.get("retentionInDays").and_then(Value::as_i64).unwrap_or(30);
    let allowed = if sku == "Free" { 7..=7 } else { 30..=730 };
    if allowed.contains(&days) {
        return Ok(());
    }
    let message = format!(
        "'RetentionInDays' property doesn't match the SKU limits: the SKU '{sku}' allows {} to {} days, and not {days}.",
        allowed.start(),
        allowed.end()
    );
    Err(Error::provider(StatusCode::BAD_REQUEST, "InvalidParameter", message))
}

/// `…/workspaces/{name}/api/query` and `…/query`: the query service behind ARM's own pipeline.
fn query(request: &Request<'_>) -> Result<Answer, Error> {
    let is_query = request.known.kind.name == "workspaces/query" || request.target.name().eq_ignore_ascii_case("query");
    if !is_query {
        return Err(super::unimplemented(request));
    }
    let mut id = request.target.owner();
    if request.target.is_item() {
        id = id.parent().unwrap_or(id);
    }
    let workspace = request.world.arm.resource(&id).ok_or_else(|| super::super::error::resource_not_found(&id))?;
    let asked = logs::Question::from_body(&request.body)
        .and_then(|question| logs::answer(request.world, &request.caller, &workspace, &question));
    Ok(match asked {
        Ok(body) => Answer::json(Voice::Provider, StatusCode::OK, body),
        Err(error) => Answer::json(Voice::Provider, error.status, error.body(request.world)),
    })
}
