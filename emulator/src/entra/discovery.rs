//! Discovery documents and keys. Sources: OpenID Connect Discovery 1.0; the documents that login.microsoftonline.com serves.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::{Error, Trace};
use crate::world::World;

const HOST: &str = "https://login.microsoftonline.com";
const CACHED: [(header::HeaderName, &str); 2] =
    [(header::CACHE_CONTROL, "max-age=86400, private"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];

/// How a tenant can be named in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TenantName {
    /// The tenant, by id or domain.
    Ours,
    /// `organizations`: any work tenant.
    Organizations,
    /// `common` or `consumers`: any account.
    Common(String),
}

/// Which tenant a path names; an error if it is none that exists here.
pub(super) fn tenant(world: &World, name: &str, error: &'static str) -> Result<TenantName, Error> {
    let tenant = &world.directory.tenant;
    match name.to_ascii_lowercase().as_str() {
        "organizations" => Ok(TenantName::Organizations),
        word @ ("common" | "consumers") => Ok(TenantName::Common(word.to_owned())),
        known if known == tenant.id.to_string() || known == tenant.domain.to_ascii_lowercase() => Ok(TenantName::Ours),
        // An id and a domain can be asked for; anything else is neither.
        other if Uuid::try_parse(other).is_ok() || is_domain(other) => Err(Error::tenant_not_found(name, error)),
        _ => Err(Error::tenant_malformed(name)),
    }
}

/// Whether a text has the form of a domain name.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|it| it.is_ascii_alphanumeric() || it == '-');
    text.contains('.') && text.split('.').all(label)
}

/// The segment that stands for the tenant in URLs, and what stands for it in the issuer.
fn segments(world: &World, tenant: &TenantName) -> (String, String) {
    match tenant {
        TenantName::Ours => (world.directory.tenant.id.to_string(), world.directory.tenant.id.to_string()),
        TenantName::Organizations => ("organizations".into(), "{tenantid}".into()),
        TenantName::Common(word) => (word.clone(), "{tenantid}".into()),
    }
}

pub(super) async fn configuration_v2(
    Extension(world): Extension<Arc<World>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    match tenant(&world, &name, "invalid_tenant") {
        Ok(tenant) => (CACHED, Json(document_v2(&world, &tenant))).into_response(),
        Err(error) => error.answer(&Trace::new(&world, &headers)),
    }
}

fn document_v2(world: &World, tenant: &TenantName) -> Value {
    let (segment, issuer) = segments(world, tenant);
    json!({
        "token_endpoint": format!("{HOST}/{segment}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{HOST}/{segment}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{HOST}/{issuer}/v2.0"),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": format!("{HOST}/{segment}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{HOST}/{segment}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{HOST}/{segment}/oauth2/v2.0/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host", "aud", "exp",
            "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"
        ],
        "kerberos_endpoint": format!("{HOST}/{segment}/kerberos"),
        "tenant_region_scope": if *tenant == TenantName::Ours { json!("NA") } else { Value::Null },
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

pub(super) async fn configuration_v1(
    Extension(world): Extension<Arc<World>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    match tenant(&world, &name, "invalid_tenant") {
        Ok(tenant) => (CACHED, Json(document_v1(&world, &tenant))).into_response(),
        Err(error) => error.answer(&Trace::new(&world, &headers)),
    }
}

fn document_v1(world: &World, tenant: &TenantName) -> Value {
    let (segment, issuer) = segments(world, tenant);
    json!({
        "token_endpoint": format!("{HOST}/{segment}/oauth2/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{HOST}/common/discovery/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "token id_token", "token"],
        "scopes_supported": ["openid"],
        "issuer": format!("https://sts.windows.net/{issuer}/"),
        "microsoft_multi_refresh_token": true,
        "check_session_iframe": format!("{HOST}/{segment}/oauth2/checksession"),
        "authorization_endpoint": format!("{HOST}/{segment}/oauth2/authorize"),
        "device_authorization_endpoint": format!("{HOST}/{segment}/oauth2/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{HOST}/{segment}/oauth2/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host", "aud", "exp",
            "iat", "auth_time", "acr", "amr", "nonce", "email", "given_name", "family_name", "nickname"
        ],
        "userinfo_endpoint": format!("{HOST}/{segment}/openid/userinfo"),
        "tenant_region_scope": if *tenant == TenantName::Ours { json!("NA") } else { Value::Null },
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

/// The one key; every tenant's and version's list shows the same.
pub(super) async fn keys(Extension(world): Extension<Arc<World>>, Path(_tenant): Path<String>) -> Response {
    let thumbprint = world.signing_key.thumbprint();
    let key = json!({
        "kty": "RSA",
        "use": "sig",
        "kid": thumbprint,
        "x5t": thumbprint,
        "n": world.signing_key.modulus(),
        "e": "AQAB",
        "issuer": format!("{HOST}/{}/v2.0", world.directory.tenant.id),
        "cloud_instance_name": "microsoftonline.com",
    });
    (CACHED, Json(json!({ "keys": [key] }))).into_response()
}

#[derive(Deserialize)]
pub(super) struct InstanceQuery {
    authorization_endpoint: Option<String>,
}

/// The hosts that stand for the public cloud.
const ALIASES: [&str; 4] = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"];

pub(super) async fn instance(
    Extension(world): Extension<Arc<World>>,
    Query(query): Query<InstanceQuery>,
    headers: HeaderMap,
) -> Response {
    let endpoint = query.authorization_endpoint.unwrap_or_default();
    let host = endpoint.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if !ALIASES.contains(&host.to_ascii_lowercase().as_str()) {
        return Error::unknown_instance().answer(&Trace::new(&world, &headers));
    }
    let segment = endpoint.split('/').nth(3).unwrap_or("common");
    let body = json!({
        "tenant_discovery_endpoint": format!("{HOST}/{segment}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": "login.microsoftonline.com",
            "preferred_cache": "login.windows.net",
            "aliases": ALIASES,
        }],
    });
    (CACHED, Json(body)).into_response()
}

/// Whether a name belongs to a managed tenant: told by its domain alone, so that it never tells whether the user exists.
pub(super) async fn user_realm(Extension(world): Extension<Arc<World>>, Path(user): Path<String>) -> Response {
    let domain = user.rsplit_once('@').map_or("", |(_, domain)| domain);
    let managed = domain.eq_ignore_ascii_case(&world.directory.tenant.domain);
    let body = Json(json!({
        "ver": "1.0",
        "account_type": if managed { "Managed" } else { "Unknown" },
        "domain_name": domain,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }));
    ([(header::CONTENT_DISPOSITION, "inline; filename=userrealm.json")], body).into_response()
}
