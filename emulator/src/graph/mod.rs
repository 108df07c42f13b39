//! Microsoft Graph over the directory: applications, service principals, users, groups, what they own and belong to, and the tenant.
//!
//! Source: the Graph v1.0 reference; shapes and headers as recorded from it. Everything else answers a 4xx that says so.

mod access;
mod applications;
mod body;
mod call;
mod credentials;
mod directory;
mod error;
mod federated;
pub mod filter;
mod groups;
mod objects;
pub mod path;
mod permission_grants;
pub mod query;
mod relations;
mod service_principals;
mod tenant;
mod users;

use std::sync::Arc;

use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use axum::{Extension, Router};

use crate::entra::store::Principal;
use crate::entra::token;
use crate::world::World;

use call::{Answer, Call};
use error::Error;

/// A body may be this large.
const BODY_AT_MOST: usize = 4 * 1024 * 1024;

/// Every route of the plane: paths have no case, which a table of routes cannot say.
pub fn router() -> Router {
    Router::new().fallback(serve)
}

async fn serve(Extension(world): Extension<Arc<World>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let outcome = match axum::body::to_bytes(body, BODY_AT_MOST).await {
        Ok(body) => answer(&world, &parts, body.to_vec()),
        Err(_) => Err(Error::bad_request("The request is too large.")),
    };
    match outcome {
        Ok(answer) => answer.respond(&world),
        Err(error) => error.answer(&world, &parts.headers),
    }
}

fn answer(world: &World, parts: &axum::http::request::Parts, body: Vec<u8>) -> Result<Answer, Error> {
    let caller = caller(world, &parts.headers)?;
    let raw = parts.uri.path();
    let (version, segments) = match path::parse(raw) {
        Some(path) => (path.version, path.segments),
        None if raw.eq_ignore_ascii_case("/oidc/userinfo") => ("v1.0", vec!["oidc".to_owned(), "userinfo".to_owned()]),
        None => return Err(Error::bad_request("Invalid version.")),
    };
    let call = Call {
        world,
        method: parts.method.clone(),
        version,
        path: raw.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body,
        caller,
    };
    // One write at a time, from its checks to its last change.
    let _alone = (call.method != Method::GET).then(|| world.directory.writing.lock());
    let known = segments.iter().map(|segment| known_word(segment)).collect::<Vec<_>>();
    route(&call, &known)
}

/// The words of Graph's paths, in their own spelling: case does not count, and an action may be written with its namespace.
fn known_word(segment: &str) -> &str {
    const WORDS: [&str; 36] = [
        "applications",
        "servicePrincipals",
        "users",
        "groups",
        "me",
        "organization",
        "domains",
        "directoryRoles",
        "directoryObjects",
        "directory",
        "deletedItems",
        "oauth2PermissionGrants",
        "oidc",
        "userinfo",
        "owners",
        "members",
        "transitiveMembers",
        "memberOf",
        "transitiveMemberOf",
        "ownedObjects",
        "addPassword",
        "removePassword",
        "federatedIdentityCredentials",
        "checkMemberGroups",
        "checkMemberObjects",
        "getMemberGroups",
        "getMemberObjects",
        "getByIds",
        "restore",
        "revokeSignInSessions",
        "changePassword",
        "manager",
        "appRoleAssignments",
        "appRoleAssignedTo",
        "$ref",
        "$count",
    ];
    let bare = segment.strip_prefix("microsoft.graph.").unwrap_or(segment);
    WORDS.into_iter().find(|word| word.eq_ignore_ascii_case(bare)).unwrap_or(segment)
}

fn route(call: &Call<'_>, segments: &[&str]) -> Result<Answer, Error> {
    let collection_goes_on =
        |rest: &[&str]| rest.first().is_some_and(|next| matches!(*next, "owners" | "members" | "addPassword"));
    match segments {
        [set @ ("applications" | "servicePrincipals" | "users" | "groups"), rest @ ..] if collection_goes_on(rest) => {
            Err(Error::collection_is_last(set))
        }
        ["applications", rest @ ..] => applications::answer(call, rest),
        ["servicePrincipals", rest @ ..] => service_principals::answer(call, rest),
        ["users", rest @ ..] => users::answer(call, rest),
        ["me", rest @ ..] => users::me(call, rest),
        ["groups", rest @ ..] => groups::answer(call, rest),
        ["directoryObjects", rest @ ..] => directory::answer(call, rest),
        ["directory", "deletedItems", rest @ ..] => tenant::deleted(call, rest),
        ["directoryRoles", rest @ ..] => tenant::roles(call, rest),
        ["organization", rest @ ..] => tenant::organization(call, rest),
        ["domains", rest @ ..] => tenant::domains(call, rest),
        ["oauth2PermissionGrants", rest @ ..] => permission_grants::answer(call, rest),
        ["oidc", "userinfo"] => tenant::user_info(call),
        [segment, ..] => Err(Error::not_implemented(&format!("{} /{segment}", call.method))),
        [] => Err(Error::no_segment("")),
    }
}

/// The caller, proven by a token for Graph.
fn caller(world: &World, headers: &HeaderMap) -> Result<Arc<Principal>, Error> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let shown = shown.filter(|token| !token.is_empty()).ok_or_else(|| Error::unauthorized("Access token is empty."))?;
    let claims = token::verify(world, shown).map_err(|fault| {
        Error::unauthorized(match fault {
            token::TokenFault::Malformed if shown.contains('.') => {
                "CompactToken parsing failed with error code: 80049217".to_owned()
            }
            token::TokenFault::Malformed => "IDX14100: JWT is not well formed, there are no dots (.).".to_owned(),
            token::TokenFault::Expired { .. } => "Lifetime validation failed, the token is expired.".to_owned(),
            other => format!("Access token validation failure. {other}."),
        })
    })?;
    let audience = claims.audience.trim_end_matches('/');
    if !matches!(audience, "https://graph.microsoft.com" | "00000003-0000-0000-c000-000000000000") {
        return Err(Error::unauthorized("Access token validation failure. Invalid audience."));
    }
    let principal = world.directory.principal(claims.object_id).filter(|principal| principal.enabled);
    principal.ok_or_else(|| Error::unauthorized("Access token validation failure."))
}
