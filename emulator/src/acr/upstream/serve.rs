//! The wire of registries outside of Azure: everyone may read what they hold, nobody may write.
//! Source: OCI Distribution Specification 1.1; CNCF Distribution "Token Authentication".
//!
//! Blobs come from the registry itself, where these registries send clients on to a storage host of theirs.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::{Absent, Profile, profile, sign_in};
use crate::acr::error::Error;
use crate::acr::route::Route;
use crate::acr::scope::Scope;
use crate::acr::wire::{Answer, Call};
use crate::acr::{auth, catalog, serve, tags};

/// Answers a request to a registry that everyone may read.
pub fn answer(call: &Call, route: Option<&Route>) -> Response {
    let profile = profile(&call.registry.login_server);
    let answer = match route {
        None => Answer::not_routed(),
        Some(_) if !matches!(call.method, Method::GET | Method::HEAD) => {
            Error::unsupported("azlet does not implement writing to a registry outside of Azure").into()
        }
        Some(route) => resource(call, profile, route),
    };
    let mut response = answer.into_response(&call.method);
    stamp(response.headers_mut());
    response
}

fn stamp(headers: &mut HeaderMap) {
    for (name, value) in [("docker-distribution-api-version", "registry/2.0"), ("strict-transport-security", "max-age=31536000")]
    {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

fn resource(call: &Call, profile: &Profile, route: &Route) -> Answer {
    let (needs, repository) = match route {
        Route::Base => (Vec::new(), None),
        Route::Catalog => (vec![Scope::catalog()], None),
        Route::Tags(name) | Route::Manifest(name, _) | Route::Referrers(name, _) | Route::Blob(name, _) => {
            (vec![Scope::repository(name, &["pull"])], Some(name.as_str()))
        }
        _ => return Answer::not_routed(),
    };
    if let Err(refusal) = admit(call, profile, &needs, repository) {
        return *refusal;
    }
    let granted = match auth::authorize(&call.world, &call.registry, None, &needs, &needs) {
        Ok(granted) => granted,
        Err(error) => return error.into(),
    };
    let result = match route {
        Route::Base => Ok(Answer::bare_json(StatusCode::OK, "{}")),
        Route::Catalog => serve::page(call).map(|page| serve::listed(catalog::list(&granted, &page, &call.raw_path))),
        Route::Tags(name) => {
            serve::page(call).and_then(|page| tags::list(&granted, name, &page, &call.raw_path)).map(serve::listed)
        }
        Route::Manifest(name, reference) => serve::get_manifest(call, &granted, name, reference),
        Route::Referrers(name, digest) => serve::get_referrers(call, &granted, name, digest),
        Route::Blob(name, digest) => serve::get_blob(call, &granted, name, digest),
        _ => Err(Error::operation_unknown()),
    };
    result.unwrap_or_else(|error| match (route, error.code()) {
        (Route::Manifest(name, reference), Some("MANIFEST_UNKNOWN")) => {
            Answer::json(StatusCode::NOT_FOUND, &profile.unknown_manifest(name, reference))
        }
        _ => error.into(),
    })
}

/// Asks for the token that a registry wants, where it wants one.
fn admit(call: &Call, profile: &Profile, needs: &[Scope], repository: Option<&str>) -> Result<(), Box<Answer>> {
    let refuse = |fault| {
        let challenge = profile.challenge(needs, fault);
        let answer = Answer::json(StatusCode::UNAUTHORIZED, &profile.unauthorized(needs));
        Box::new(answer.with_some("www-authenticate", challenge.as_deref()))
    };
    if profile.sign_in.is_some() {
        let (scheme, token) = call.header("authorization").and_then(|header| header.split_once(' ')).unwrap_or_default();
        let opens = scheme.eq_ignore_ascii_case("bearer").then(|| sign_in::opens(&call.world, profile, token.trim(), repository));
        match opens {
            None => return Err(refuse(None)),
            Some(None) => return Err(refuse(Some("invalid_token"))),
            Some(Some(false)) => return Err(refuse(Some("insufficient_scope"))),
            // The names of all repositories are nobody's to see where some are private.
            Some(Some(true)) if needs.first().is_some_and(|need| need.kind == "registry") => {
                return Err(refuse(Some("insufficient_scope")));
            }
            Some(Some(true)) => {}
        }
    }
    match repository.filter(|name| !sign_in::holds(&call.registry, name)) {
        Some(_) if profile.absent != Absent::Unknown => Err(refuse(Some("insufficient_scope"))),
        Some(name) if call.raw_path.ends_with("/tags/list") => {
            let entry =
                json!({ "code": "NAME_UNKNOWN", "message": "repository name not known to registry", "detail": { "name": name } });
            Err(Box::new(Answer::json(StatusCode::NOT_FOUND, &json!({ "errors": [entry] }))))
        }
        _ => Ok(()),
    }
}
