//! The registry's own tokens: the refresh token that an exchange gives, and the access token that opens resources. They are
//! signed with the world's key but are no Entra tokens: issuer, audience and `grant_type` tell them apart.
//! Source: tokens of the real registry, decoded (header, claims and their order, lifetimes).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::rights::Rights;
use super::scope::{AccessClaims, Right, Scope};
use super::store::Registry;
use crate::kernel::jwt;
use crate::world::World;

/// Who issues.
const ISSUER: &str = "Azure Container Registry";
/// How far before now a token's life begins.
const BACKDATED: SignedDuration = SignedDuration::from_secs(900);
/// The subject of tokens for nobody in particular.
pub const ANONYMOUS: &str = "acr_anon_pull";
/// As many verified tokens are remembered at most, and none that is larger than a usual one by far.
const REMEMBERED_AT_MOST: usize = 4096;
const LARGEST_REMEMBERED: usize = 4096;
/// What a refresh token of a registry with repository permissions carries besides: clients tell such registries by it (Azure's
/// `acr` program does). That its value is the caller's object id is inferred.
const REPOSITORY_PERMISSIONS: &str = "aad_identity";

/// The life of each kind of token, from `iat` to `exp`.
#[derive(Clone, Copy)]
enum Life {
    Refresh = 11_700,
    Access = 4_500,
    Anonymous = 1_200,
}

/// What a refresh token says.
#[derive(Clone, Debug)]
pub struct RefreshClaims {
    /// The user principal name of a person, the object id of anything else.
    pub subject: String,
    /// The application.
    pub app_id: Option<String>,
    /// What it permits, as computed when it was issued.
    pub rights: Rights,
}

/// Whom an access token is issued to.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a> {
    /// The subject.
    pub subject: &'a str,
    /// The application, if one is known.
    pub app_id: Option<&'a str>,
    /// The end of the token that this one is made from, which it inherits.
    pub expires: Option<Timestamp>,
    /// What is held on the whole registry besides.
    pub roles: &'a [Right],
}

/// Why a token of ours is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTaken;

/// Issues a refresh token.
pub fn issue_refresh(world: &World, registry: &Registry, claims: &RefreshClaims, tenant: &str, object_id: Uuid) -> String {
    let mut payload = common(world, registry, &claims.subject, Life::Refresh, "1.0", None);
    payload.insert("grant_type".into(), "refresh_token".into());
    payload.insert("appid".into(), claims.app_id.clone().into());
    payload.insert("tenant".into(), tenant.into());
    payload.insert("permissions".into(), claims.rights.to_claim());
    payload.insert("roles".into(), json!([]));
    if claims.rights.one_by_one() {
        payload.insert(REPOSITORY_PERMISSIONS.into(), object_id.to_string().into());
    }
    sign(world, payload)
}

/// Issues an access token.
pub fn issue_access(world: &World, registry: &Registry, bearer: Bearer<'_>, access: &[Scope]) -> String {
    let anonymous = bearer.subject == ANONYMOUS;
    let about_metadata = access.iter().flat_map(|scope| &scope.actions).any(|action| action.starts_with("metadata_"));
    let version = if about_metadata { "2.0" } else { "1.0" };
    let life = if anonymous { Life::Anonymous } else { Life::Access };
    let mut payload = common(world, registry, bearer.subject, life, version, bearer.expires);
    payload.insert("access".into(), access.iter().map(Scope::to_claim).collect());
    payload.insert("roles".into(), bearer.roles.iter().map(|role| role.as_str()).collect());
    payload.insert("grant_type".into(), "access_token".into());
    if let Some(app_id) = bearer.app_id {
        payload.insert("appid".into(), app_id.into());
    }
    sign(world, payload)
}

fn common(
    world: &World,
    registry: &Registry,
    subject: &str,
    life: Life,
    version: &str,
    expires: Option<Timestamp>,
) -> Map<String, Value> {
    let begin = world.clock.now().saturating_sub(BACKDATED).unwrap_or(Timestamp::MIN).as_second();
    let end = expires.map_or(begin + life as i64, Timestamp::as_second);
    let mut payload = Map::new();
    payload.insert("jti".into(), world.ids.uuid().to_string().into());
    payload.insert("sub".into(), subject.into());
    payload.insert("nbf".into(), begin.into());
    payload.insert("exp".into(), end.into());
    payload.insert("iat".into(), begin.into());
    payload.insert("iss".into(), ISSUER.into());
    payload.insert("aud".into(), registry.login_server.clone().into());
    payload.insert("version".into(), version.into());
    payload.insert("rid".into(), registry.registry_id.simple().to_string().into());
    payload
}

fn sign(world: &World, payload: Map<String, Value>) -> String {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key_id(world) });
    world.signing_key.sign(&header, &Value::Object(payload))
}

/// A key id as libtrust writes it: 240 bits of a hash of the key in base32, in twelve groups of four.
fn key_id(world: &World) -> String {
    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest(&SHA256, world.signing_key.modulus().as_bytes());
    let bits = hash.as_ref().iter().take(30).flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let letters: Vec<u8> =
        bits.chunks(5).map(|five| BASE32[usize::from(five.iter().fold(0, |value, bit| value << 1 | bit))]).collect();
    let groups: Vec<String> = letters.chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
    groups.join(":")
}

/// Reads a refresh token of this registry.
pub fn read_refresh(world: &World, registry: &Registry, token: &str) -> Result<RefreshClaims, NotTaken> {
    let claims = verify(world, token)?;
    let is_ours = claims["iss"] == ISSUER && claims["grant_type"] == "refresh_token" && claims["rid"] == rid(registry);
    let valid = valid_at(world.clock.now(), time(&claims, "nbf")?, time(&claims, "exp")?);
    if !is_ours || claims["aud"] != registry.login_server.as_str() || !valid {
        return Err(NotTaken);
    }
    let rights = Rights::from_claim(&claims["permissions"], claims.get(REPOSITORY_PERMISSIONS).is_some(), world.clock.now())
        .ok_or(NotTaken)?;
    Ok(RefreshClaims {
        subject: claims["sub"].as_str().unwrap_or_default().to_owned(),
        app_id: claims["appid"].as_str().map(str::to_owned),
        rights,
    })
}

/// Reads an access token of this registry. The signature is verified once per token; time and audience are judged each time.
pub fn read_access(world: &World, registry: &Registry, token: &str) -> Result<Arc<AccessClaims>, NotTaken> {
    let remembered = world.acr.verified.get(token).map(|entry| entry.clone());
    let claims = match remembered {
        Some(claims) => claims,
        None => {
            let claims = Arc::new(verify_access(world, token)?);
            if world.acr.verified.len() >= REMEMBERED_AT_MOST {
                world.acr.verified.clear();
            }
            if token.len() <= LARGEST_REMEMBERED {
                world.acr.verified.insert(token.to_owned(), claims.clone());
            }
            claims
        }
    };
    let for_this_registry = claims.audience == registry.login_server && claims.registry_id == rid(registry);
    if for_this_registry && valid_at(world.clock.now(), claims.not_before, claims.expires) { Ok(claims) } else { Err(NotTaken) }
}

/// The claims of a token that was signed with the world's key, under the name that it has for registries: Entra signs with the same
/// key under another.
fn verify(world: &World, token: &str) -> Result<Arc<Value>, NotTaken> {
    let header = jwt::parse(token).map_err(|_| NotTaken)?.header;
    if header["kid"] != key_id(world) {
        return Err(NotTaken);
    }
    world.signing_key.verify(token).map_err(|_| NotTaken)
}

fn verify_access(world: &World, token: &str) -> Result<AccessClaims, NotTaken> {
    let claims = verify(world, token)?;
    if claims["iss"] != ISSUER || claims["grant_type"] != "access_token" {
        return Err(NotTaken);
    }
    let text = |key: &str| claims[key].as_str().map(str::to_owned);
    Ok(AccessClaims {
        audience: text("aud").ok_or(NotTaken)?,
        registry_id: text("rid").ok_or(NotTaken)?,
        subject: text("sub").ok_or(NotTaken)?,
        app_id: text("appid"),
        not_before: time(&claims, "nbf")?,
        expires: time(&claims, "exp")?,
        access: claims["access"].as_array().ok_or(NotTaken)?.iter().filter_map(Scope::from_claim).collect(),
        roles: claims["roles"].as_array().into_iter().flatten().filter_map(|role| Right::parse(role.as_str()?)).collect(),
    })
}

/// The registry's id as its tokens carry it: a registry of the same name under another ARM id does not take them.
fn rid(registry: &Registry) -> String {
    registry.registry_id.simple().to_string()
}

fn time(claims: &Value, key: &str) -> Result<Timestamp, NotTaken> {
    claims[key].as_i64().and_then(|second| Timestamp::from_second(second).ok()).ok_or(NotTaken)
}

fn valid_at(now: Timestamp, not_before: Timestamp, expires: Timestamp) -> bool {
    not_before <= now && now < expires
}
