//! What AKS' webhook `azure-wi-webhook` adds to pods that are labelled for workload identity: where the token of their service account lies,
//! and as which application of Entra's they ask with it. Source: the documentation of Microsoft Entra Workload ID: its labels, annotations,
//! variables and volume; the words of its refusal are inferred. The sidecar for software that only knows the metadata service is not built.

use serde_json::{Value, json};

const PREFIX: &str = "azure.workload.identity";
const VOLUME: &str = "azure-identity-token";
const FOLDER: &str = "/var/run/secrets/azure/tokens";
const AUTHORITY: &str = "https://login.microsoftonline.com/";
/// How long tokens live without a wish, in seconds; wishes are between an hour and a day.
const LIVES: i64 = 3600;
const LIVES_AT_MOST: i64 = 86_400;

/// Whether a pod wants it.
pub(super) fn is_wanted(pod: &Value) -> bool {
    pod["metadata"]["labels"][format!("{PREFIX}/use")] == "true"
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][format!("{PREFIX}/{name}")].as_str()
}

/// Changes a pod of this service account, or says why it cannot be.
pub(super) fn mutate(pod: &mut Value, account: &Value, tenant: &str) -> Result<(), String> {
    let wished =
        annotation(pod, "service-account-token-expiration").or_else(|| annotation(account, "service-account-token-expiration"));
    let seconds = match wished.map(|text| (text, text.parse::<i64>())) {
        None => LIVES,
        Some((_, Ok(seconds))) if (LIVES..=LIVES_AT_MOST).contains(&seconds) => seconds,
        Some((text, _)) => {
            return Err(format!(
                "service account token expiration {text:?} is no number of seconds from {LIVES} to {LIVES_AT_MOST}"
            ));
        }
    };
    let variables = [
        ("AZURE_CLIENT_ID", annotation(account, "client-id").unwrap_or_default().to_owned()),
        ("AZURE_TENANT_ID", annotation(account, "tenant-id").unwrap_or(tenant).to_owned()),
        ("AZURE_FEDERATED_TOKEN_FILE", format!("{FOLDER}/{VOLUME}")),
        ("AZURE_AUTHORITY_HOST", AUTHORITY.to_owned()),
    ];
    let skipped: Vec<String> =
        annotation(pod, "skip-containers").unwrap_or_default().split(';').map(|name| name.trim().to_owned()).collect();
    for list in ["initContainers", "containers"] {
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        let chosen = containers.filter(|it| it.is_object() && !skipped.iter().any(|name| it["name"] == name.as_str()));
        for container in chosen {
            for (name, value) in &variables {
                add(container, "env", "name", json!({ "name": name, "value": value }));
            }
            let mount = json!({ "name": VOLUME, "readOnly": true, "mountPath": FOLDER });
            add(container, "volumeMounts", "mountPath", mount);
        }
    }
    let token = json!({ "audience": "api://AzureADTokenExchange", "expirationSeconds": seconds, "path": VOLUME });
    let sources = json!([{ "serviceAccountToken": token }]);
    let volume = json!({ "name": VOLUME, "projected": { "sources": sources, "defaultMode": 420 } });
    add(&mut pod["spec"], "volumes", "name", volume);
    Ok(())
}

/// Adds an entry to a list, unless there is one with the same key.
fn add(object: &mut Value, list: &str, key: &str, entry: Value) {
    match object.get_mut(list).and_then(Value::as_array_mut) {
        Some(entries) if entries.iter().any(|known| known[key] == entry[key]) => {}
        Some(entries) => entries.push(entry),
        None => object[list] = json!([entry]),
    }
}
