//! `/oauth2/exchange` and `/oauth2/token` on the wire.
//! Source: Azure Container Registry's `docs/AAD-OAuth.md`; CNCF Distribution "Token Authentication" and "OAuth2"; RFC 6749. What the
//! real service answers to a request that is none is not known: 400 is inferred.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use futures_util::StreamExt as _;
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
/// Of a body that is too large, as much is read before the answer.
const LARGEST_LISTENED_TO: usize = 16 * 1024 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";
const EXCHANGES_LEFT: &str = "149";
/// Recorded, both: 10,000 calls a minute less this one, and of a Premium registry 20,000 (the limits are documented; that it is the
/// SKU that tells the two apart is inferred).
const TOKENS_LEFT: &str = "166.65";
const TOKENS_LEFT_PREMIUM: &str = "333.316667";

/// Answers `POST /oauth2/exchange`.
pub async fn exchange(call: &Call, body: Body) -> Response {
    let result = match Fields::of_body(call, body).await {
        Ok(form) => by_exchange(call, &form),
        Err(error) => Err(error),
    };
    let who = result.as_ref().ok().and_then(|token| audit::subject(call, token));
    let answer = result.map(|token| json!({ "refresh_token": token }).to_string());
    finish(call, answer, EXCHANGES_LEFT, who)
}

/// Answers `/oauth2/token`: GET with Basic credentials, or POST with a form.
pub async fn token(call: &Call, body: Body) -> Response {
    let result = if call.method == Method::POST {
        Fields::of_body(call, body).await.and_then(|form| by_form(call, &form))
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

/// What a request says, of a form or of a query. Only `scope` may come several times.
struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a form. A body that says that it is something else is not read as one (inferred).
    async fn of_body(call: &Call, body: Body) -> Result<Self, Error> {
        let kind = call.headers.get("content-type").map(|kind| kind.to_str().unwrap_or_default());
        let essence = kind.map(wire::essence);
        match essence {
            None => {}
            Some(kind) if kind.eq_ignore_ascii_case(FORM) => {}
            Some(kind) => return Err(Error::bad_request(format!("the body is of the type '{kind}'; send {FORM}"))),
        }
        match read(body).await {
            Some(body) => Ok(Self(wire::pairs(&body))),
            None => Err(Error::bad_request(format!("the form is larger than {LARGEST_FORM} bytes, or broke off"))),
        }
    }

    /// A field that may be there once (RFC 6749 section 3.2; what the real service says to two is not known). An empty one is as
    /// one that is absent.
    fn one(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut found = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let first = found.next();
        if found.next().is_some() {
            return Err(Error::bad_request(format!("{name} is there more than once; send it once")));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// Scopes come several in one parameter or in several.
    fn scopes(&self) -> Vec<Scope> {
        self.0.iter().filter(|(key, _)| key == "scope").flat_map(|(_, value)| Scope::parse_all(value)).collect()
    }
}

/// Reads a form; `None` if it is too large or breaks off. What is too large is read on for a while all the same, so that a client
/// that sends first and listens then hears the answer.
async fn read(body: Body) -> Option<Vec<u8>> {
    let (mut form, mut size) = (Vec::new(), 0);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.ok()?;
        size += piece.len();
        if size > LARGEST_LISTENED_TO {
            return None;
        }
        if size <= LARGEST_FORM {
            form.extend_from_slice(&piece);
        }
    }
    (size <= LARGEST_FORM).then_some(form)
}

fn by_exchange(call: &Call, form: &Fields) -> Result<String, Error> {
    let request = ExchangeRequest {
        grant_type: form.one("grant_type")?.ok_or_else(|| grant_missing("access_token"))?,
        service: form.one("service")?,
        tenant: form.one("tenant")?,
        access_token: form.one("access_token")?.unwrap_or_default(),
    };
    auth::exchange(&call.world, &call.registry, &request, &call.correlation)
}

fn by_query(call: &Call) -> Result<String, Error> {
    let refused = || Error::no_rights(&call.correlation);
    let query = Fields(call.query.clone());
    query.one("service")?;
    let shown = match call.authorization() {
        None => Shown::Nothing,
        Some(header) => match header.split_once(' ') {
            Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => {
                Shown::Basic(auth::read_basic(encoded).ok_or_else(refused)?)
            }
            _ => return Err(refused()),
        },
    };
    auth::token(&call.world, &call.registry, &shown, &query.scopes(), &call.correlation)
}

fn by_form(call: &Call, form: &Fields) -> Result<String, Error> {
    form.one("service")?;
    let text = |name| form.one(name).map(|value| value.unwrap_or_default().to_owned());
    let shown = match form.one("grant_type")?.ok_or_else(|| grant_missing("refresh_token or password"))? {
        "refresh_token" => Shown::Refresh(text("refresh_token")?),
        "password" => match (text("username")?, text("password")?) {
            (username, password) if username.is_empty() && password.is_empty() => Shown::Nothing,
            (username, password) => Shown::Basic(BasicCredential { username, password }),
        },
        other => {
            return Err(Error::bad_request(format!(
                "azlet does not implement the token grant '{other}'; use refresh_token or password"
            )));
        }
    };
    auth::token(&call.world, &call.registry, &shown, &form.scopes(), &call.correlation)
}

fn grant_missing(known: &str) -> Error {
    Error::bad_request(format!("grant_type is missing; send {known}"))
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
