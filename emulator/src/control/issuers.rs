//! `POST /_azlet/issuers`: makes an issuer of tokens known by its keys, as Entra would read them from its discovery document; what
//! federated credentials can then trust. `DELETE` makes it unreachable.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

use super::problem;
use crate::entra::store::IssuerKey;
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewIssuer {
    issuer: String,
    #[serde(default)]
    jwks: KeySet,
}

#[derive(Default, Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

/// A key of a JSON Web Key Set; members that azlet does not need are ignored.
#[derive(Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

const FORM: &str = r#"{"issuer": "https://…", "jwks": {"keys": [{"kty": "RSA", "kid": "…", "n": "…", "e": "AQAB"}]}}"#;

pub(super) async fn put(Extension(world): Extension<Arc<World>>, body: Result<Json<NewIssuer>, JsonRejection>) -> Response {
    let Json(NewIssuer { issuer, jwks }) = match body {
        Ok(body) => body,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, format!("{rejection}; send {FORM}")),
    };
    let keys: Vec<IssuerKey> = jwks.keys.iter().filter_map(key).collect();
    let body = json!({ "issuer": issuer, "keys": keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>() });
    world.directory.federation.put_issuer(&issuer, keys);
    (StatusCode::CREATED, Json(body)).into_response()
}

pub(super) async fn delete(Extension(world): Extension<Arc<World>>, body: Result<Json<NewIssuer>, JsonRejection>) -> Response {
    match body {
        Ok(Json(NewIssuer { issuer, .. })) => {
            world.directory.federation.remove_issuer(&issuer);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(rejection) => problem(StatusCode::BAD_REQUEST, format!("{rejection}; send {{\"issuer\": \"https://…\"}}")),
    }
}

fn key(key: &Key) -> Option<IssuerKey> {
    let number = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| !bytes.is_empty());
    let rsa = key.kty == "RSA";
    rsa.then(|| Some(IssuerKey { kid: key.kid.clone(), modulus: number(&key.n)?, exponent: number(&key.e)? }))?
}
