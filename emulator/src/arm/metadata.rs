//! What is answered to anyone: the cloud's endpoints, by which clients that are told only ARM's address find the rest.
//! Source: Azure CLI's `cloud register`, which reads `/metadata/endpoints` as one object since 2022-09-01 and as a list before.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Raw;
use super::error::Voice;
use super::headers::Answer;
use crate::front::conn::Conn;
use crate::world::World;

/// The answer, if this is what is asked for.
pub(super) fn answer(world: &World, conn: &Conn, raw: &Raw) -> Option<Answer> {
    let segments: Vec<&str> = raw.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let [first, second] = segments[..] else { return None };
    if raw.method != Method::GET || !first.eq_ignore_ascii_case("metadata") || !second.eq_ignore_ascii_case("endpoints") {
        return None;
    }
    let cloud = cloud(world, conn);
    let one = raw.query.get("api-version").is_some_and(|version| version >= "2022-09-01");
    let body = if one { cloud } else { json!([cloud]) };
    Some(Answer::json(Voice::Gateway, StatusCode::OK, body))
}

fn cloud(world: &World, conn: &Conn) -> Value {
    let tenant = world.directory.tenant.id.to_string();
    let (name, arm, login, graph, tenant) = if conn.host() == "management.azure.com" {
        let public = ("https://management.azure.com", "https://login.microsoftonline.com", "https://graph.microsoft.com");
        ("AzureCloud", public.0.to_owned(), public.1.to_owned(), public.2.to_owned(), "common")
    } else {
        let base = conn.base_url();
        ("azlet", base.clone(), base.clone(), base, tenant.as_str())
    };
    json!({
        "portal": "https://portal.azure.com",
        "authentication": {
            "loginEndpoint": login,
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": tenant,
            "identityProvider": "AAD",
        },
        "media": "https://rest.media.azure.net",
        "graphAudience": graph,
        "graph": graph,
        "name": name,
        "suffixes": {
            "acrLoginServer": "azurecr.io",
            "sqlServerHostname": "database.windows.net",
            "keyVaultDns": "vault.azure.net",
            "storage": "core.windows.net",
            "storageSyncEndpointSuffix": "afs.azure.net",
        },
        "batch": "https://batch.core.windows.net/",
        "resourceManager": arm,
        "vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/main/arm-compute/quickstart-templates/aliases.json",
        "activeDirectoryDataLake": "https://datalake.azure.net/",
        "sqlManagement": "https://management.core.windows.net:8443/",
        "microsoftGraphResourceId": graph,
        "gallery": "https://gallery.azure.com/",
    })
}
