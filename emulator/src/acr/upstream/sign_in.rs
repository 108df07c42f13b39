//! The token endpoints of registries outside of Azure: everyone is given a token for what everyone may pull. Accounts of these
//! registries are not emulated: whoever shows a user name and a password is given the same.
//! Source: CNCF Distribution "Token Authentication"; the members of Docker Hub's answer and of its token, decoded.

use axum::http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Absent, Profile};
use crate::acr::scope::Scope;
use crate::acr::store::Registry;
use crate::acr::wire::{self, Answer};
use crate::kernel::clock::rfc3339_seconds;
use crate::world::World;

/// How long a token lives.
const LIFE: SignedDuration = SignedDuration::from_secs(300);

/// The registry whose token endpoint this is.
pub fn of(host: &str, path: &str) -> Option<&'static Profile> {
    let url = format!("https://{host}{path}");
    super::PROFILES.iter().find(|profile| profile.sign_in.as_ref().is_some_and(|sign_in| sign_in.realm == url))
}

/// Answers with a token for the parts of what is asked that the registry holds.
pub fn answer(world: &World, profile: &Profile, method: &Method, query: &[u8], form: &[u8]) -> Answer {
    let given = match *method {
        Method::GET | Method::HEAD => wire::pairs(query),
        Method::POST => wire::pairs(form),
        _ => return Answer::empty(StatusCode::METHOD_NOT_ALLOWED).with("allow", "GET, POST"),
    };
    let asked: Vec<Scope> =
        given.iter().filter(|(key, _)| key == "scope").flat_map(|(_, value)| Scope::parse_all(value)).collect();
    let registry = world.acr.public_registry(&profile.host);
    let holds = |scope: &Scope| registry.as_ref().is_some_and(|registry| holds(registry, &scope.name));
    if profile.absent == Absent::Token && asked.iter().any(|scope| !holds(scope)) {
        return Answer::json(StatusCode::FORBIDDEN, &profile.denied());
    }
    let access: Vec<Value> = asked
        .iter()
        .map(|scope| {
            let pulls = holds(scope) && scope.actions.iter().any(|action| action == "pull" || action == "*");
            json!({ "type": scope.kind, "name": scope.name, "actions": if pulls { vec!["pull"] } else { Vec::new() } })
        })
        .collect();
    let now = world.clock.now();
    let token = issue(world, profile, access, now);
    let body = json!({ "token": token, "access_token": token, "expires_in": LIFE.as_secs(), "issued_at": rfc3339_seconds(now) });
    Answer::json(StatusCode::OK, &body)
}

/// Whether a registry holds a repository.
pub(super) fn holds(registry: &Registry, repository: &str) -> bool {
    registry.repositories.read().get(repository).is_some_and(|held| !held.manifests.is_empty())
}

fn issue(world: &World, profile: &Profile, access: Vec<Value>, now: Timestamp) -> String {
    let (issuer, service) = profile.sign_in.as_ref().map_or(("", ""), |it| (it.issuer.as_str(), it.service.as_str()));
    let second = now.as_second();
    let claims = json!({
        "access": access, "aud": service, "exp": second + LIFE.as_secs(), "iat": second, "iss": issuer,
        "jti": world.ids.uuid(), "nbf": second, "sub": "",
    });
    world.signing_key.sign(&json!({ "alg": "RS256", "typ": "JWT" }), &claims)
}

/// Whether a token is one of this registry's, and what it opens.
pub(super) fn opens(world: &World, profile: &Profile, token: &str, repository: Option<&str>) -> Option<bool> {
    let sign_in = profile.sign_in.as_ref()?;
    let claims = world.signing_key.verify(token).ok()?;
    let time = |key: &str| claims[key].as_i64().and_then(|second| Timestamp::from_second(second).ok());
    let now = world.clock.now();
    let good = claims["iss"] == sign_in.issuer.as_str() && claims["aud"] == sign_in.service.as_str();
    if !good || time("nbf")? > now || time("exp")? <= now {
        return None;
    }
    let opened = |repository: &str| {
        let mut scopes = claims["access"].as_array().into_iter().flatten();
        scopes.any(|scope| scope["name"] == repository && scope["actions"].as_array().is_some_and(|it| !it.is_empty()))
    };
    Some(repository.is_none_or(opened))
}
