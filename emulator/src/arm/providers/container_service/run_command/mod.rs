//! `runCommand` and `commandResults`: kubectl beside the cluster, with the files that were sent along: in a cluster of Entra's in the
//! name of the token that comes with it, in any other as the cluster's administrator. AKS runs any program of its image; azlet runs kubectl's main commands and says so of everything else, with exit code 1.
//! AKS' own pod for it (`aks-command/command-…`) is not shown. Sources: AKS' REST reference, recorded answers, the documentation of
//! `az aks command invoke`; refusals are inferred.

pub(in crate::arm) mod archive;
pub(in crate::arm) mod shell;

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::errors;
use crate::kernel::clock::rfc3339_seconds;
use crate::kernel::ids::HEX;
use crate::kube::direct::Client;

/// Longer logs are cut (the limit that AKS documents).
const LOGS_AT_MOST: usize = 512 * 1024;

/// Runs a command. It is done at once; its result is there when the operation ends.
pub(super) fn run(request: &Request<'_>) -> Result<Answer, Error> {
    let resource = request.resource()?;
    let profile = resource.properties.get("apiServerAccessProfile");
    if profile.is_some_and(|profile| profile["disableRunCommand"] == true) {
        return Err(errors::run_command_disabled());
    }
    if request.world.kube.backend().is_some() {
        return Err(crate::arm::error::not_implemented("run commands in a cluster of the user's own (--kubernetes-backend)"));
    }
    let command = request.body["command"].as_str().filter(|command| !command.trim().is_empty());
    let command = command.ok_or_else(|| errors::invalid_parameter("command"))?;
    let files = archive::files(request.body["context"].as_str().unwrap_or_default()).map_err(|why| errors::bad_context(&why))?;
    let (name, group) = (resource.name(), resource.id.group().unwrap_or_default());
    let cluster = request.world.kube.by_arm_id(&resource.id);
    let cluster =
        cluster.ok_or_else(|| errors::cluster_not_found(name, resource.id.subscription().unwrap_or_default(), group))?;
    let token = if cluster.spec().entra.is_some() {
        let token = request.body["clusterToken"].as_str().filter(|token| !token.is_empty());
        token
            .ok_or_else(|| {
                errors::invalid_value("clusterToken", "a cluster that is integrated with Entra needs the caller's token")
            })?
            .to_owned()
    } else {
        cluster.spec().admin_token.clone()
    };
    let client = Client { world: Arc::clone(request.world), cluster, token };
    let mut output = shell::run(&client, command, &files);
    if output.text.len() > LOGS_AT_MOST {
        let end = (0..=LOGS_AT_MOST).rev().find(|end| output.text.is_char_boundary(*end)).unwrap_or(0);
        output.text.truncate(end);
    }
    let body = json!({
        "exitCode": output.code,
        "startedAt": rfc3339_seconds(request.now),
        "finishedAt": rfc3339_seconds(request.settles_at()),
        "logs": output.text,
    });
    let id = request.world.ids.text(32, HEX);
    request.begin_beside(id.clone(), &resource.id.join(&format!("commandResults/{id}")), "Running", Ok(Some(body)));
    Ok(Answer::empty(Voice::Cluster, StatusCode::ACCEPTED).header("location", place(request, &resource.id.to_string(), &id)))
}

/// Where a result is; AKS writes the type in lower case here.
fn place(request: &Request<'_>, cluster: &str, id: &str) -> String {
    let cluster = cluster.replacen("/managedClusters/", "/managedclusters/", 1);
    format!("{}{cluster}/commandResults/{id}?api-version={}", request.conn.base_url(), request.version)
}

/// The result of a command, or that it still runs.
pub(super) fn result(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster =
        super::guard::cluster(request).ok_or_else(|| super::super::super::error::resource_not_found(&request.target.owner()))?;
    let id = request.target.name();
    let operation = request.world.arm.operation(id).filter(|operation| operation.resource.is_within(&cluster.id));
    let operation = operation.ok_or_else(|| errors::command_not_found(id))?;
    if operation.is_running(request.now) {
        let body = json!({ "id": id, "properties": { "provisioningState": "Running" } });
        let place = place(request, &cluster.id.to_string(), id);
        return Ok(Answer::json(Voice::Cluster, StatusCode::ACCEPTED, body).header("location", place));
    }
    let mut properties = json!({ "provisioningState": operation.ends_as });
    match &operation.result {
        Ok(Some(Value::Object(result))) => {
            for (member, value) in result {
                properties[member] = value.clone();
            }
        }
        Ok(_) => {}
        Err((_, message)) => {
            properties["provisioningState"] = json!("failed");
            properties["reason"] = json!(message);
        }
    }
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, json!({ "id": id, "properties": properties })))
}
