//! The tokens of a person: access token, refresh token, id token, `client_info`. Sources: Microsoft's references of id tokens and
//! access tokens; answers recorded from the service.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Client;
use super::grants::Version;
use super::scope::Wanted;
use super::store::Principal;
use super::token::{self, Ask, Proof};
use crate::kernel::ids::ALPHANUMERIC;
use crate::world::World;

/// A refresh token lives so long without use.
pub(super) const REFRESH_TOKEN_LIVES: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Refresh tokens and sessions are signed like access tokens, for audiences that no service accepts.
const REFRESH_AUDIENCE: &str = "azlet:refresh";
const SESSION_AUDIENCE: &str = "azlet:session";

/// What the tokens are made of.
pub(super) struct Tokens<'a> {
    pub(super) client: &'a Client,
    pub(super) proof: Proof,
    pub(super) principal: &'a Principal,
    pub(super) wanted: &'a Wanted,
    /// What the application may do in the user's name.
    pub(super) permissions: Vec<String>,
    pub(super) nonce: Option<&'a str>,
    pub(super) continuous: bool,
}

/// The body of the token endpoint's answer.
pub(super) fn body(world: &World, tokens: &Tokens<'_>, version: Version) -> Value {
    let Tokens { client, principal, wanted, .. } = tokens;
    let scopes = tokens.permissions.join(" ");
    let ask = Ask {
        client_id: &client.id,
        scopes: &scopes,
        continuous: tokens.continuous,
        ..Ask::new(principal, &wanted.audience, tokens.proof)
    };
    let lifetime = ask.lifetime_seconds();
    let mut body = json!({ "token_type": "Bearer", "scope": granted(tokens) });
    match version {
        Version::Two => {
            body["expires_in"] = json!(lifetime);
            body["ext_expires_in"] = json!(lifetime);
            if tokens.continuous {
                body["refresh_in"] = json!(lifetime / 2);
            }
        }
        Version::One => {
            let now = world.clock.now().as_second();
            body["scope"] = json!(scopes);
            body["expires_in"] = json!(lifetime.to_string());
            body["ext_expires_in"] = json!(lifetime.to_string());
            body["expires_on"] = json!((now + lifetime).to_string());
            body["not_before"] = json!((now - 300).to_string());
            body["resource"] = json!(wanted.audience);
        }
    }
    body["access_token"] = json!(token::issue_for(world, &ask));
    if wanted.offline {
        body["refresh_token"] = json!(refresh_token(world, tokens));
        if client.family {
            body["foci"] = json!("1");
        }
    }
    if wanted.openid {
        body["id_token"] = json!(id_token(world, &client.id, principal, wanted.email, tokens.nonce));
    }
    body["client_info"] = json!(client_info(world, principal));
    body
}

/// The scopes that were granted, then what was asked for as a whole.
fn granted(tokens: &Tokens<'_>) -> String {
    let wanted = tokens.wanted;
    let prefix = |permission: &String| {
        let bare = wanted.asked.iter().any(|asked| asked == permission);
        if bare { permission.clone() } else { format!("{}/{permission}", wanted.audience) }
    };
    let mut scopes: Vec<String> = tokens.permissions.iter().map(prefix).collect();
    scopes.extend(wanted.asked.iter().filter(|asked| asked.ends_with("/.default")).cloned());
    if wanted.asked.is_empty() {
        scopes = ["openid", "profile", "email"].map(str::to_owned).to_vec();
    }
    scopes.join(" ")
}

/// Who signed in, for the application that asked.
pub(super) fn id_token(world: &World, client_id: &str, principal: &Principal, email: bool, nonce: Option<&str>) -> String {
    let issued = world.clock.now().as_second() - 300;
    let tenant = world.directory.tenant.id;
    let mut claims = json!({
        "aud": client_id,
        "iss": token::issuer_v2(world),
        "iat": issued,
        "nbf": issued,
        "exp": issued + 3900,
        "aio": world.ids.text(36, ALPHANUMERIC),
        "name": principal.display_name,
        "oid": principal.object_id,
        "preferred_username": principal.label(),
        "puid": world.ids.named_text(&format!("puid {}", principal.object_id), 16, b"0123456789ABCDEF"),
        "rh": token::opaque_handle(world, principal.object_id),
        "sub": token::pairwise(world, principal.object_id, client_id),
        "tid": tenant,
        "uti": world.ids.text(22, ALPHANUMERIC),
        "ver": "2.0",
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if let Some(mail) = principal.members.get("mail").filter(|mail| email && mail.is_string()) {
        claims["email"] = mail.clone();
    }
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": world.signing_key.thumbprint() });
    world.signing_key.sign(&header, &claims)
}

/// Which account it is, in the form in which the libraries keep it.
pub(super) fn client_info(world: &World, principal: &Principal) -> String {
    let info = json!({ "uid": principal.object_id, "utid": world.directory.tenant.id });
    URL_SAFE_NO_PAD.encode(info.to_string())
}

/// What a refresh token says.
pub(super) struct RefreshToken {
    pub(super) user: Uuid,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) family: bool,
    pub(super) confidential: bool,
    pub(super) issued: Timestamp,
}

fn refresh_token(world: &World, tokens: &Tokens<'_>) -> String {
    let scope = if tokens.wanted.asked.is_empty() { "openid".to_owned() } else { tokens.wanted.asked.join(" ") };
    let claims = json!({
        "aud": REFRESH_AUDIENCE,
        "oid": tokens.principal.object_id,
        "client": tokens.client.id,
        "scope": scope,
        "family": tokens.client.family,
        "confidential": tokens.proof != Proof::User,
        "iat": world.clock.now().as_second(),
    });
    sealed(world, &claims)
}

/// Opaque to clients, and kept by nobody: the token itself says everything, signed.
fn sealed(world: &World, claims: &Value) -> String {
    format!("1.A{}", URL_SAFE_NO_PAD.encode(world.signing_key.sign(&json!({ "alg": "RS256" }), claims)))
}

fn unsealed(world: &World, text: &str, audience: &str) -> Option<Arc<Value>> {
    let token = String::from_utf8(URL_SAFE_NO_PAD.decode(text.strip_prefix("1.A")?).ok()?).ok()?;
    world.signing_key.verify(&token).ok().filter(|claims| claims["aud"] == audience)
}

/// Reads a refresh token; nothing if it is none of ours.
pub(super) fn read_refresh_token(world: &World, text: &str) -> Option<RefreshToken> {
    let claims = unsealed(world, text, REFRESH_AUDIENCE)?;
    Some(RefreshToken {
        user: Uuid::try_parse(claims["oid"].as_str()?).ok()?,
        client_id: claims["client"].as_str()?.to_owned(),
        scope: claims["scope"].as_str()?.to_owned(),
        family: claims["family"].as_bool()?,
        confidential: claims["confidential"].as_bool()?,
        issued: Timestamp::from_second(claims["iat"].as_i64()?).ok()?,
    })
}

/// What a browser keeps to be signed in without asking again.
pub(super) fn session(world: &World, user: Uuid) -> String {
    sealed(world, &json!({ "aud": SESSION_AUDIENCE, "oid": user, "iat": world.clock.now().as_second() }))
}

/// Whose session it is, if it is one of the last day.
pub(super) fn read_session(world: &World, text: &str) -> Option<Uuid> {
    let claims = unsealed(world, text, SESSION_AUDIENCE)?;
    let begun = Timestamp::from_second(claims["iat"].as_i64()?).ok()?;
    let fresh = world.clock.now().duration_since(begun) < SignedDuration::from_hours(24);
    Uuid::try_parse(claims["oid"].as_str()?).ok().filter(|_| fresh)
}
