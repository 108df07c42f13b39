//! The browser flow: the page where someone signs in, and the way back to the application with a code or an id token.
//!
//! Nothing is sent anywhere before the address has been recognised as one of the application's; until then errors are pages.
//! Sources: RFC 6749, RFC 7636, OpenID Connect Core, OAuth 2.0 Multiple Response Types and Form Post Response Mode; Microsoft's page
//! on the authorization code flow.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use uuid::Uuid;

use super::client::{self, Client};
use super::discovery::tenant;
use super::error::{Error, Trace};
use super::grants::{Form, Version, form};
use super::redirect::{self, Address};
use super::scope::{self, Wanted};
use super::store::{Code, Principal};
use super::{consent, pages, token, user_grants, user_tokens};
use crate::kernel::ids::ALPHANUMERIC;
use crate::world::World;

/// What a browser's session is kept in.
const COOKIE: &str = "ESTSAUTHPERSISTENT";

/// How an answer goes back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Query,
    Fragment,
    FormPost,
}

/// A request whose application and address are trusted.
struct Trusted {
    client: Client,
    address: Address,
    mode: Mode,
    form: Form,
    version: Version,
}

pub(super) async fn show_v2(
    world: Extension<Arc<World>>,
    tenant: Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(&world, &tenant, &headers, form(query.unwrap_or_default().as_bytes()), Version::Two)
}

pub(super) async fn show_v1(
    world: Extension<Arc<World>>,
    tenant: Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(&world, &tenant, &headers, form(query.unwrap_or_default().as_bytes()), Version::One)
}

pub(super) async fn post_v2(world: Extension<Arc<World>>, tenant: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&world, &tenant, &headers, form(&body), Version::Two)
}

pub(super) async fn post_v1(world: Extension<Arc<World>>, tenant: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&world, &tenant, &headers, form(&body), Version::One)
}

fn answer(world: &World, name: &str, headers: &HeaderMap, form: Form, version: Version) -> Response {
    let trace = Trace::new(world, headers);
    let trusted = match trusted(world, name, form, version) {
        Ok(trusted) => trusted,
        Err(error) => return pages::problem(&error.description(&trace)),
    };
    match proceed(world, name, headers, &trusted) {
        Ok(response) => response,
        Err(error) => {
            let (description, uri) = (error.description(&trace), error.uri().unwrap_or_default());
            let mut fields = vec![("error", error.name()), ("error_description", &description), ("error_uri", &uri)];
            let state = said(&trusted.form, "state").unwrap_or_default();
            if !state.is_empty() {
                fields.push(("state", state));
            }
            respond(&trusted, &fields)
        }
    }
}

fn said<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// Tenant, application and address: what must be right before anything may be sent anywhere.
fn trusted(world: &World, name: &str, form: Form, version: Version) -> Result<Trusted, Error> {
    tenant(world, name, "invalid_request")?;
    let client_id = said(&form, "client_id").ok_or_else(|| Error::parameter_missing("client_id"))?;
    let client = client::by_id(world, client_id)?;
    let address = redirect::settle(&client, said(&form, "redirect_uri"))?;
    let kind = said(&form, "response_type").unwrap_or_default();
    let mode = match said(&form, "response_mode") {
        Some("query") => Mode::Query,
        Some("fragment") => Mode::Fragment,
        Some("form_post") => Mode::FormPost,
        Some(other) => return Err(Error::response_mode(other)),
        None if kind.contains("token") => Mode::Fragment,
        None => Mode::Query,
    };
    Ok(Trusted { client, address, mode, form, version })
}

/// What is asked for, and by which answer.
fn asked(world: &World, trusted: &Trusted) -> Result<(Vec<String>, Wanted), Error> {
    let form = &trusted.form;
    let kind = said(form, "response_type").ok_or_else(|| Error::parameter_missing("response_type"))?;
    let kinds: Vec<String> = kind.split_whitespace().map(str::to_owned).collect();
    for part in &kinds {
        match part.as_str() {
            "code" => {}
            "id_token" | "token" if redirect::implicit(&trusted.client, part) => {}
            "id_token" | "token" => return Err(Error::response_type_disabled(part)),
            _ => return Err(Error::response_type_unknown(kind)),
        }
    }
    if trusted.mode == Mode::Query && kinds.iter().any(|part| part != "code") {
        return Err(Error::response_mode("query"));
    }
    if kinds.iter().any(|part| part == "id_token") && said(form, "nonce").is_none() {
        return Err(Error::parameter_missing("nonce"));
    }
    Ok((kinds, scope::of_user(world, form, trusted.version)?))
}

fn proceed(world: &World, tenant: &str, headers: &HeaderMap, trusted: &Trusted) -> Result<Response, Error> {
    let form = &trusted.form;
    let (kinds, wanted) = asked(world, trusted)?;
    if form.contains_key("decline") {
        return Err(Error::user_declined());
    }
    if let (Some(name), Some(password)) = (said(form, "username"), said(form, "password")) {
        return match signed_in(world, name, password, &wanted, trusted.version) {
            Ok(user) => {
                let mut response = granted(world, trusted, &kinds, &wanted, &user)?;
                let cookie =
                    format!("{COOKIE}={}; path=/; secure; HttpOnly; SameSite=None", user_tokens::session(world, user.object_id));
                if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                    response.headers_mut().insert(header::SET_COOKIE, cookie);
                }
                Ok(response)
            }
            Err(error) => Ok(page(world, tenant, trusted, Some(&error.description(&Trace::new(world, headers))))),
        };
    }
    let session = session_of(world, headers);
    match (said(form, "prompt"), session) {
        (Some("none"), None) => Err(Error::nobody_signed_in()),
        (Some("login" | "select_account" | "consent"), _) | (_, None) => Ok(page(world, tenant, trusted, None)),
        (_, Some(user)) => granted(world, trusted, &kinds, &wanted, &user),
    }
}

fn signed_in(world: &World, name: &str, password: &str, wanted: &Wanted, version: Version) -> Result<Arc<Principal>, Error> {
    let principal = user_grants::check_password(world, name, password)?;
    user_grants::check_user(world, &principal, &wanted.resource.app_id.to_string(), version == Version::One)?;
    Ok(principal)
}

fn session_of(world: &World, headers: &HeaderMap) -> Option<Arc<Principal>> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let shown = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    let user = user_tokens::read_session(world, shown)?;
    world.directory.principal(user).filter(|principal| principal.enabled && principal.user().is_some())
}

/// The page where someone signs in; what the application asked goes along in hidden fields.
fn page(world: &World, tenant: &str, trusted: &Trusted, problem: Option<&str>) -> Response {
    let mut fields: Vec<pages::Field<'_>> = trusted
        .form
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "username" | "password" | "prompt" | "decline"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields.sort_unstable();
    let path = if trusted.version == Version::Two { "oauth2/v2.0/authorize" } else { "oauth2/authorize" };
    let hint = said(&trusted.form, "login_hint").unwrap_or_default();
    let forms = pages::sign_in_forms(world, &format!("/{tenant}/{path}"), &fields, hint);
    let note = problem.map(|text| format!("<p>{}</p>\n", pages::escaped(text))).unwrap_or_default();
    let name = pages::escaped(&trusted.client.principal.display_name);
    let status = if problem.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    pages::page(status, "Sign in", &format!("<p>to continue to {name}</p>\n{note}{forms}"))
}

/// Makes what was asked for and sends it to the application.
fn granted(world: &World, trusted: &Trusted, kinds: &[String], wanted: &Wanted, user: &Principal) -> Result<Response, Error> {
    let form = &trusted.form;
    // Whoever signs in on this page for this application consents to what it asks for.
    consent::record(world, &trusted.client, wanted, user.object_id);
    let (info, session) = (user_tokens::client_info(world, user), world.ids.uuid().to_string());
    let mut fields: Vec<(&str, String)> = Vec::new();
    for kind in kinds {
        match kind.as_str() {
            "code" => fields.push(("code", code(world, trusted, user.object_id))),
            "id_token" => {
                let nonce = said(form, "nonce");
                fields.push(("id_token", user_tokens::id_token(world, &trusted.client.id, user, wanted.email, nonce)));
            }
            _ => {
                let scopes = wanted.permissions.join(" ");
                let ask = token::Ask {
                    client_id: &trusted.client.id,
                    scopes: &scopes,
                    ..token::Ask::new(user, &wanted.audience, token::Proof::User)
                };
                fields.push(("access_token", token::issue_for(world, &ask)));
                fields.push(("token_type", "Bearer".into()));
                fields.push(("expires_in", ask.lifetime_seconds().to_string()));
            }
        }
    }
    if said(form, "client_info") == Some("1") {
        fields.push(("client_info", info));
    }
    if let Some(state) = said(form, "state") {
        fields.push(("state", state.to_owned()));
    }
    fields.push(("session_state", session));
    let fields: Vec<pages::Field<'_>> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(respond(trusted, &fields))
}

fn code(world: &World, trusted: &Trusted, user: Uuid) -> String {
    let form = &trusted.form;
    let text = format!("1.A{}", world.ids.text(86, ALPHANUMERIC));
    let method = said(form, "code_challenge_method").unwrap_or("plain").to_owned();
    let scope = match trusted.version {
        Version::Two => said(form, "scope").unwrap_or_default().to_owned(),
        Version::One => {
            format!("{}/.default openid offline_access", said(form, "resource").unwrap_or("https://graph.microsoft.com"))
        }
    };
    let code = Code {
        client_id: trusted.client.id.clone(),
        user,
        scope,
        redirect_uri: said(form, "redirect_uri").unwrap_or_default().to_owned(),
        challenge: said(form, "code_challenge").map(|challenge| (challenge.to_owned(), method)),
        nonce: said(form, "nonce").map(str::to_owned),
        confidential: trusted.address.confidential,
        made: world.clock.now(),
        redeemed: false,
    };
    world.directory.sign_ins.put_code(text.clone(), code);
    text
}

/// Sends fields to the application in the way that it wants.
fn respond(trusted: &Trusted, fields: &[pages::Field<'_>]) -> Response {
    let uri = &trusted.address.uri;
    if trusted.mode == Mode::FormPost {
        return pages::post_to(uri, fields);
    }
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let separator = match trusted.mode {
        Mode::Fragment => '#',
        _ if uri.contains('?') => '&',
        _ => '?',
    };
    let location = HeaderValue::from_str(&format!("{uri}{separator}{encoded}"));
    match location {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => pages::problem("The address of the application cannot be written into a header."),
    }
}

/// Ends a browser's session; goes back to the application only where it has an address for that.
pub(super) async fn log_out(world: Extension<Arc<World>>, RawQuery(query): RawQuery) -> Response {
    let form = form(query.unwrap_or_default().as_bytes());
    let known =
        |uri: &&str| world.directory.applications().iter().any(|it| redirect::registered(it).any(|(known, _)| known == *uri));
    let back = said(&form, "post_logout_redirect_uri").filter(known).and_then(|uri| HeaderValue::from_str(uri).ok());
    let mut response = match back {
        Some(uri) => (StatusCode::FOUND, [(header::LOCATION, uri)]).into_response(),
        None => {
            pages::page(StatusCode::OK, "You signed out of your account", "<p>It's a good idea to close all browser windows.</p>")
        }
    };
    let ended = HeaderValue::from_static("ESTSAUTHPERSISTENT=; path=/; secure; HttpOnly; Max-Age=0");
    response.headers_mut().insert(header::SET_COOKIE, ended);
    response
}
