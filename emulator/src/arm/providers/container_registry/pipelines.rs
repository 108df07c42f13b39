//! Pipelines that carry images through storage accounts, and their runs. azlet has no storage accounts: pipelines are kept as
//! they are ordered, and a run has failed and says so.
//! Source: the provider's specification (2019-12-01-preview and later); the errors are inferred.

use serde_json::{Map, Value, json};

use super::super::super::error::Error;
use super::child::{Change, Child, Reply, invalid};
use crate::kernel::clock::rfc3339_ticks_offset;

const BEGUN: [Reply; 3] = [Reply::Begun, Reply::Never, Reply::Begun];

pub(super) const EXPORTS: Child = Child {
    identity: true,
    ..Child::plain("exportPipelines", "exportpipelines", BEGUN, |change| pipeline(change, "target", EXPORT))
};

pub(super) const IMPORTS: Child = Child {
    identity: true,
    ..Child::plain("importPipelines", "importpipelines", BEGUN, |change| pipeline(change, "source", IMPORT))
};

pub(super) const RUNS: Child = Child::plain("pipelineRuns", "pipelineruns", BEGUN, run);

const EXPORT: &[&str] = &["OverwriteBlobs", "ContinueOnErrors"];
const IMPORT: &[&str] = &["OverwriteTags", "DeleteSourceBlobOnSuccess", "ContinueOnErrors"];

fn pipeline(change: &Change<'_>, end: &str, known: &[&str]) -> Result<Map<String, Value>, Error> {
    change.premium("transfer pipeline", "PipelineNotSupported")?;
    let kind = &change.request.body["identity"]["type"];
    if kind.as_str().is_none_or(|kind| kind.eq_ignore_ascii_case("None")) {
        return Err(invalid(change.request, "identity.type", kind));
    }
    let given = &change.given()[end];
    for key in ["uri", "keyVaultUri"] {
        if !given[key].as_str().is_some_and(|uri| uri.starts_with("https://")) {
            return Err(change.invalid(&format!("{end}.{key}"), &given[key]));
        }
    }
    let mut properties = Map::new();
    let mut kept = given.clone();
    if kept["type"].is_null() {
        kept["type"] = json!("AzureStorageBlobContainer");
    }
    properties.insert(end.into(), kept);
    match &change.given()["options"] {
        Value::Null => {}
        Value::Array(options) => {
            let unknown = |option: &&Value| !option.as_str().is_some_and(|option| known.contains(&option));
            if let Some(option) = options.iter().find(unknown) {
                return Err(change.invalid("options", option));
            }
            properties.insert("options".into(), json!(options));
        }
        other => return Err(change.invalid("options", other)),
    }
    if end == "source" {
        let trigger = Some(change.given()["trigger"].clone()).filter(Value::is_object);
        let trigger = trigger.unwrap_or_else(|| json!({ "sourceTrigger": { "status": "Enabled" } }));
        properties.insert("trigger".into(), trigger);
    }
    Ok(properties)
}

fn run(change: &Change<'_>) -> Result<Map<String, Value>, Error> {
    change.premium("transfer pipeline", "PipelineNotSupported")?;
    let given = &change.given()["request"];
    let id = given["pipelineResourceId"].as_str().unwrap_or_default();
    if !change.has("exportPipelines", id) && !change.has("importPipelines", id) {
        return Err(change.invalid("request.pipelineResourceId", &given["pipelineResourceId"]));
    }
    let now = rfc3339_ticks_offset(change.request.now);
    let mut properties = Map::new();
    properties.insert("request".into(), given.clone());
    properties.insert(
        "response".into(),
        json!({
            "status": "Failed",
            "progress": { "percentage": "0" },
            "startTime": now,
            "finishTime": now,
            "pipelineRunErrorMessage": "azlet has no storage accounts: nothing was transferred.",
        }),
    );
    if let Some(tag) = change.text("forceUpdateTag")? {
        properties.insert("forceUpdateTag".into(), json!(tag));
    }
    Ok(properties)
}
