//! The discovery documents and keys of clusters' issuers (`https://{region}.oic.prod-aks.azure.com/{tenant}/{id}/`), as anyone can
//! fetch them. Sources: OpenID Connect Discovery 1.0; AKS' page on the OIDC issuer.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use crate::front::conn::Conn;
use crate::world::World;

/// The issuer that a request is about, if some cluster has it.
fn issuer(world: &World, conn: &Conn, tenant: &str, id: &str) -> Option<String> {
    let issuer = format!("https://{}/{tenant}/{id}/", conn.authority);
    world.is_issuer_of_a_cluster(&issuer).then_some(issuer)
}

fn absent() -> Response {
    (StatusCode::NOT_FOUND, "no cluster has this issuer\n").into_response()
}

pub(super) async fn configuration(
    Extension(world): Extension<Arc<World>>,
    Extension(conn): Extension<Conn>,
    Path((tenant, id)): Path<(String, String)>,
) -> Response {
    let Some(issuer) = issuer(&world, &conn, &tenant, &id) else { return absent() };
    let body = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    Json(body).into_response()
}

pub(super) async fn keys(
    Extension(world): Extension<Arc<World>>,
    Extension(conn): Extension<Conn>,
    Path((tenant, id)): Path<(String, String)>,
) -> Response {
    if issuer(&world, &conn, &tenant, &id).is_none() {
        return absent();
    }
    let key = &world.workload_key;
    let shown = json!({ "use": "sig", "kty": "RSA", "kid": key.thumbprint(), "alg": "RS256", "n": key.modulus(), "e": "AQAB" });
    Json(json!({ "keys": [shown] })).into_response()
}
