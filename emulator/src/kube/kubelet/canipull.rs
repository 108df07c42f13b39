//! The check that `az aks check-acr` runs on a node (image `aks/canipull`), really made: the registry's name, where it stands,
//! a token of the kubelet's identity, and its exchange at the registry.
//! Source: Azure/aks-canipull (lines and exit codes). What it prints for a cluster with a service principal, and for a name that
//! does not resolve, is inference.

use serde_json::Value;

use crate::acr::pull::exchange_as;
use crate::entra::store::Kind;
use crate::kernel::clock::rfc3339_seconds;
use crate::kube::controllers::context::Context;
use crate::kube::controllers::object::*;

const DNS_FAILED: i32 = 52;
const IDENTITY_FAILED: i32 = 10;
const PULL_REFUSED: i32 = 60;

/// Runs the check for the registry that the container's arguments name: what it writes, and its exit code.
pub fn run(context: &Context, spec: &Value) -> (String, i32) {
    let registry = items(spec, "/args").iter().filter_map(Value::as_str).find(|argument| !argument.starts_with('-'));
    let mut report = Report { now: rfc3339_seconds(context.now()), text: String::new() };
    let Some(registry) = registry else {
        report.text.push_str("No ACR name provided. Usage: canipull [-v0..-v9] <acr.azurecr.io>\n");
        return (report.text, 1);
    };
    let code = match check(context, registry, &mut report) {
        Ok(()) => {
            report.text.push_str(&format!("\nYour cluster can pull images from {registry}!\n"));
            0
        }
        Err(code) => code,
    };
    (report.text, code)
}

struct Report {
    now: String,
    text: String,
}

impl Report {
    fn say(&mut self, line: &str) {
        self.text.push_str(&format!("[{}] {line}\n", self.now));
    }
}

fn check(context: &Context, registry: &str, report: &mut Report) -> Result<(), i32> {
    let spec = context.cluster.spec();
    let Some(found) = context.world.acr.by_login_server(registry) else {
        report.say(&format!("Checking host name resolution ({registry}): FAILED"));
        report.say(&format!("Failed to resolve host name {registry}: lookup {registry}: no such host"));
        return Err(DNS_FAILED);
    };
    report.say(&format!("Checking host name resolution ({registry}): SUCCEEDED"));
    let location = found.location.to_ascii_lowercase().replace(' ', "");
    report
        .say(&format!("Canonical name for ACR ({registry}): {}.{location}.cloudapp.azure.com.", found.name.to_ascii_lowercase()));
    report.say(&format!("ACR location: {location}"));
    report.say("Loading azure.json file from /etc/kubernetes/azure.json");
    if !location.eq_ignore_ascii_case(&spec.location) {
        report.say("Checking ACR location matches cluster location: FAILED");
        report.say(&format!(
            "ACR location '{location}' does not match your cluster location '{}'. This may result in slow image pulls and extra cost.",
            spec.location
        ));
    }
    let Some(identity) = &spec.kubelet_identity else {
        report.say("Checking managed identity...");
        report.say("Validating managed identity existance: FAILED");
        report.say("The cluster has no kubelet identity");
        return Err(IDENTITY_FAILED);
    };
    check_identity(context, identity.object_id, identity.client_id, report)?;
    match exchange_as(context.world, identity.object_id, registry) {
        Ok(_) => {
            report.say("Validating image pull permission: SUCCEEDED");
            Ok(())
        }
        Err(refused) => {
            report.say("Validating image pull permission: FAILED");
            report.say(&format!(
                "ACR {registry} rejected token exchange: ACR token exchange endpoint returned error status: {}. body: {}",
                refused.status, refused.body
            ));
            Err(PULL_REFUSED)
        }
    }
}

fn check_identity(context: &Context, object_id: uuid::Uuid, client_id: uuid::Uuid, report: &mut Report) -> Result<(), i32> {
    let principal = context.world.directory.principal(object_id).filter(|principal| principal.enabled);
    let managed = principal.as_ref().is_none_or(|principal| match &principal.kind {
        Kind::ServicePrincipal(service_principal) => service_principal.managed_identity.is_some(),
        _ => false,
    });
    let subject = if managed {
        report.say("Checking managed identity...");
        report.say("Cluster cloud name: AzurePublicCloud");
        report.say(&format!("Kubelet managed identity client ID: {client_id}"));
        "managed identity existance"
    } else {
        report.say("The cluster uses service principal.");
        "service principal credential"
    };
    let verdict = if principal.is_some() { "SUCCEEDED" } else { "FAILED" };
    report.say(&format!("Validating {subject}: {verdict}"));
    if principal.is_some() { Ok(()) } else { Err(IDENTITY_FAILED) }
}
