//! `/oauth2/exchange` and `/oauth2/token` on the wire.
//! Source: Azure Container Registry's `docs/AAD-OAuth.md`; CNCF Distribution "Token Authentication" and "OAuth2".

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::audit::{self, Subject};
use super::auth::{self, ExchangeRequest, Shown};
use super::error::Error;
use super::identity_token;
use super::pull::BasicCredential;
use super::scope::Scope;
use super::wire::{self, Answer, Call};

/// A form is never larger than this; tokens are some kilobytes.
const LARGEST_FORM: usize = 256 * 1024;
const EXCHANGES_LEFT: &str = "149";
/// Recorded, both: 10,000 calls a minute less this one, and of a Premium registry 20,000 (the limits are documented; that it is the
/// SKU that tells the two apart is inferred).
const TOKENS_LEFT: &str = "166.65";
const TOKENS_LEFT_PREMIUM: &str = "333.316667";

/// Answers `POST /oauth2/exchange`.
pub async fn exchange(call: &Call, body: Body) -> Response {
    let result = match wire::small_body(body, LARGEST_FORM).await {
        Some(body) => {
            let form = wire::pairs(&body);
            let field = |name| wire::first(&form, name).filter(|value| !value.is_empty());
            let request = ExchangeRequest {
                grant_type: field("grant_type").unwrap_or_default(),
                service: field("service"),
                tenant: field("tenant"),
                access_token: field("access_token").unwrap_or_default(),
            };
            auth::exchange(&call.world, &call.registry, &request, &call.correlation)
        }
        None => Err(too_large()),
    };
    let who = result.as_ref().ok().and_then(|token| audit::subject(call, token));
    let answer = result.map(|token| json!({ "refresh_token": token }).to_string());
    finish(call, answer, EXCHANGES_LEFT, who)
}

/// Answers `/oauth2/token`: GET with Basic credentials, or POST with a form.
pub async fn token(call: &Call, body: Body) -> Response {
    let result = if call.method == Method::POST {
        match wire::small_body(body, LARGEST_FORM).await {
            Some(body) => by_form(call, &wire::pairs(&body)),
            None => Err(too_large()),
        }
    } else {
        by_query(call)
    };
    let who = result.as_ref().ok().and_then(|token| audit::subject(call, token));
    let answer = result.map(|token| match identity_token::given_back(call) {
        Some(refresh) => json!({ "access_token": token, "refresh_token": refresh }).to_string(),
        None => json!({ "access_token": token }).to_string(),
    });
    let left = if call.registry.settings.read().premium { TOKENS_LEFT_PREMIUM } else { TOKENS_LEFT };
    finish(call, answer, left, who)
}

fn too_large() -> Error {
    Error::bad_request(format!("the form is larger than {LARGEST_FORM} bytes, or broke off"))
}

/// Scopes come several in one parameter or in several.
fn scopes(pairs: &[(String, String)]) -> Vec<Scope> {
    pairs.iter().filter(|(key, _)| key == "scope").flat_map(|(_, value)| Scope::parse_all(value)).collect()
}

fn by_query(call: &Call) -> Result<String, Error> {
    let shown = match call.header("authorization").and_then(|header| header.split_once(' ')) {
        Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => {
            Shown::Basic(auth::read_basic(encoded).ok_or_else(|| Error::no_rights(&call.correlation))?)
        }
        Some(_) => return Err(Error::no_rights(&call.correlation)),
        None => Shown::Nothing,
    };
    auth::token(&call.world, &call.registry, &shown, &scopes(&call.query), &call.correlation)
}

fn by_form(call: &Call, form: &[(String, String)]) -> Result<String, Error> {
    let field = |name| wire::first(form, name).unwrap_or_default().to_owned();
    let shown = match field("grant_type").as_str() {
        "refresh_token" => Shown::Refresh(field("refresh_token")),
        "password" if field("username").is_empty() && field("password").is_empty() => Shown::Nothing,
        "password" => Shown::Basic(BasicCredential { username: field("username"), password: field("password") }),
        other => {
            return Err(Error::bad_request(format!(
                "azlet does not implement the token grant '{other}'; use refresh_token or password"
            )));
        }
    };
    auth::token(&call.world, &call.registry, &shown, &scopes(form), &call.correlation)
}

fn finish(call: &Call, result: Result<String, Error>, calls_left: &'static str, who: Option<Subject>) -> Response {
    let good = result.is_ok();
    let answer = result.map_or_else(Answer::from, |json| Answer::bare_json(StatusCode::OK, json));
    let mut response = answer.into_response(&call.method);
    wire::stamp_sign_in(response.headers_mut(), &call.correlation, good.then_some(calls_left));
    if let Some(who) = who {
        response.extensions_mut().insert(who);
    }
    response
}
