//! Credentials: the three `listCluster…Credential`, and the older access profiles.
//!
//! A cluster that is integrated with Entra hands its users a kubeconfig without a secret, which makes kubectl ask `kubelogin` (format
//! `exec`, the usual one since Kubernetes 1.24) or use its former plug-in (`azure`). Static credentials are refused where local accounts
//! are disabled. Sources: AKS' REST reference; its documentation of Entra integration, kubelogin and local accounts.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::super::Request;
use super::super::super::error::{Error, Voice};
use super::super::super::headers::Answer;
use super::super::super::store::Resource;
use super::credentials::{self, Access, Login, Role};
use super::{children, errors, guard};
use crate::kube::spec::Entra;

/// What a cluster's profile says about tokens of Entra's: nothing unless the integration is AKS' own.
pub(super) fn entra(properties: &Map<String, Value>) -> Option<Entra> {
    let profile = properties.get("aadProfile").filter(|profile| profile["managed"] == true)?;
    let groups = profile["adminGroupObjectIDs"].as_array().into_iter().flatten();
    Some(Entra {
        azure_rbac: profile["enableAzureRBAC"] == true,
        administrators: groups.filter_map(|group| Uuid::try_parse(group.as_str()?).ok()).collect(),
    })
}

/// Whether a cluster's profile turns the webhook of workload identity on.
pub(super) fn workload_identity(properties: &Map<String, Value>) -> bool {
    properties.get("securityProfile").is_some_and(|profile| profile["workloadIdentity"]["enabled"] == true)
}

/// The kubeconfig of a role as `list…Credential` answers it.
pub(super) fn list(request: &Request<'_>, role: Role) -> Result<Answer, Error> {
    let cluster = guard::cluster(request).ok_or_else(|| children::absent_cluster(request))?;
    of_namespace(request, &cluster, role, "")
}

/// The same, at home in a namespace.
pub(super) fn of_namespace(request: &Request<'_>, cluster: &Resource, role: Role, namespace: &str) -> Result<Answer, Error> {
    let value = kubeconfig(request, cluster, role, namespace)?;
    let body = json!({ "kubeconfigs": [{ "name": role.name(), "value": value }] });
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
}

/// What hands out the kubeconfig of an access profile.
const LIST_CREDENTIAL: &str = "Microsoft.ContainerService/managedClusters/accessProfiles/listCredential/action";

/// `accessProfiles/{role}`, and the same by POST to its `listCredential`. To read a profile is a right of its own, which readers have; that
/// the kubeconfig is shown to those alone who may list it is inferred.
pub(super) fn profile(request: &Request<'_>) -> Result<Answer, Error> {
    let cluster = guard::cluster(request).ok_or_else(|| children::absent_cluster(request))?;
    let name = request.target.names.get(1).map_or("", String::as_str);
    let role = Role::named(name).ok_or_else(|| errors::child_not_found("access profile", name))?;
    let mut body = json!({
        "id": format!("{}/accessProfiles/{}", cluster.id, role.name()),
        "location": cluster.location,
        "name": role.name(),
        "type": "Microsoft.ContainerService/ManagedClusters/AccessProfiles",
        "properties": {},
    });
    let profile = cluster.id.join(&format!("accessProfiles/{}", role.name()));
    if request.may(LIST_CREDENTIAL, &profile) {
        body["properties"]["kubeConfig"] = json!(kubeconfig(request, &cluster, role, "")?);
    }
    Ok(Answer::json(Voice::Cluster, StatusCode::OK, body))
}

fn kubeconfig(request: &Request<'_>, resource: &Resource, role: Role, namespace: &str) -> Result<String, Error> {
    let of_entra = resource.properties.get("aadProfile").filter(|profile| profile.is_object());
    let by_entra = of_entra.filter(|_| role != Role::Admin);
    if by_entra.is_none() && resource.properties.get("disableLocalAccounts") == Some(&json!(true)) {
        return Err(errors::local_accounts_disabled());
    }
    let (name, group) = (resource.name(), resource.id.group().unwrap_or_default());
    let subscription = resource.id.subscription().unwrap_or_default();
    let running = request.world.kube.by_arm_id(&resource.id);
    let running = running.ok_or_else(|| errors::cluster_not_found(name, subscription, group))?;
    let spec = running.spec();
    let tenant = by_entra
        .and_then(|profile| profile["tenantID"].as_str().map(str::to_owned))
        .unwrap_or_else(|| request.world.directory.tenant.id.to_string());
    let format = request.query.get("format").filter(|format| !format.is_empty());
    let login = match (by_entra, role, format) {
        (Some(_), _, Some(format)) if format.eq_ignore_ascii_case("azure") => Login::Azure { tenant: &tenant },
        (Some(_), _, None) => Login::Exec { tenant: &tenant },
        (Some(_), _, Some(format)) if format.eq_ignore_ascii_case("exec") => Login::Exec { tenant: &tenant },
        (Some(_), _, Some(_)) => return Err(errors::invalid_value("format", "it must be azure or exec")),
        (None, Role::Admin, _) => Login::Token(&spec.admin_token),
        (None, Role::User, _) => Login::Token(&spec.user_token),
        (None, Role::Monitoring, _) => Login::Token(&spec.monitoring_token),
    };
    if let Some(backend) = request.world.kube.backend() {
        return Ok(credentials::of_backend(&backend, role, (name, group), namespace));
    }
    let fqdn = host(request, resource).unwrap_or(&spec.fqdn);
    Ok(credentials::encoded(role, &Access { cluster: name, group, fqdn, ca_pem: &request.world.ca_pem, namespace, login }))
}

/// The private name of a private cluster, unless its public one is asked for.
fn host<'a>(request: &Request<'_>, resource: &'a Resource) -> Option<&'a str> {
    if request.query.get("server-fqdn").is_some_and(|kind| kind.eq_ignore_ascii_case("public")) {
        return None;
    }
    resource.properties.get("privateFQDN").and_then(Value::as_str).filter(|name| !name.is_empty())
}
