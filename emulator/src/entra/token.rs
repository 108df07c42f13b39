//! Access tokens: the claims that Entra puts into them, and how a plane verifies one that it is shown.
//!
//! ARM, Graph, the registry and the AKS server application all get version 1 tokens, whichever endpoint issued them; tokens are
//! back-dated by 300 seconds. Source: Microsoft's access token claims reference and tokens quoted in public.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::resources::{self, GRAPH};
use super::store::{Kind, Principal};
use crate::kernel::ids::ALPHANUMERIC;
use crate::kernel::jwt::Unacceptable;
use crate::kernel::principal::Caller;
use crate::world::World;

/// The client id of Azure's command line, which users sign in with.
pub const AZURE_CLI_APP_ID: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

const BACK_DATED: Duration = Duration::from_secs(300);

/// What `wids` says of every member of a tenant, and of every application.
const EVERY_MEMBER: &str = "b79fbf4d-3ef9-4689-8143-76b194e85509";
const EVERY_APPLICATION: &str = "0997a1d0-0d1d-4acb-b408-d5ca73121e90";

/// More groups than this do not fit into a token.
const GROUPS_AT_MOST: usize = 200;

/// How the principal proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A client secret.
    Secret,
    /// A certificate.
    Certificate,
    /// A token of another issuer that is trusted.
    Federated,
    /// The platform: a managed identity.
    ManagedIdentity,
    /// A person, through an application that proves nothing of itself.
    User,
}

impl Proof {
    /// How long a token obtained this way can be used, in seconds.
    pub fn lifetime_seconds(self) -> i64 {
        match self {
            Self::Secret | Self::Certificate | Self::Federated => 3599,
            Self::User => 4199,
            Self::ManagedIdentity => 86_400,
        }
    }

    /// The claim `appidacr`.
    fn strength(self) -> &'static str {
        match self {
            Self::User => "0",
            Self::Secret => "1",
            Self::Certificate | Self::Federated | Self::ManagedIdentity => "2",
        }
    }
}

/// What a token is issued for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who it is about.
    pub principal: &'a Principal,
    /// The audience, as it was asked for.
    pub audience: &'a str,
    /// How the application proved itself.
    pub proof: Proof,
    /// The application that a user uses.
    pub client_id: &'a str,
    /// What that application may do in the user's name.
    pub scopes: &'a str,
    /// Whether the client handles challenges in the middle of a token's life, which then is long.
    pub continuous: bool,
    /// The machine that a user-assigned identity is used from.
    pub machine: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// For a principal that asks for itself.
    pub fn new(principal: &'a Principal, audience: &'a str, proof: Proof) -> Self {
        Self { principal, audience, proof, client_id: AZURE_CLI_APP_ID, scopes: "", continuous: false, machine: None }
    }

    /// How long the token can be used, in seconds.
    pub fn lifetime_seconds(&self) -> i64 {
        let managed = self.principal.service_principal().is_some_and(|it| it.managed_identity.is_some());
        match self.principal.kind {
            Kind::User(_) if self.continuous => 86_399,
            Kind::User(_) => Proof::User.lifetime_seconds(),
            _ if managed => Proof::ManagedIdentity.lifetime_seconds(),
            _ => self.proof.lifetime_seconds(),
        }
    }
}

/// What a verified token says.
#[derive(Clone, Debug)]
pub struct Claims {
    /// For which resource it was issued.
    pub audience: String,
    /// The principal's object id.
    pub object_id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The application that asked for it.
    pub app_id: Option<String>,
    /// The user's name, of a user.
    pub user_principal_name: Option<String>,
    /// When it stops being valid.
    pub expires: Timestamp,
}

/// Why a token was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not a token, or one that lacks a claim: a missing claim is a refusal.
    #[error("the token is malformed")]
    Malformed,
    /// Not signed by Entra.
    #[error("the token's signature is not Entra's")]
    Signature,
    /// Another tenant's, or not an Entra token at all.
    #[error("the token's issuer is {0:?}")]
    WrongIssuer(String),
    /// Used before its time.
    #[error("the token is not valid before {not_before}")]
    NotYetValid {
        /// When it begins to be valid.
        not_before: Timestamp,
    },
    /// Used after its time.
    #[error("the token expired at {expires}")]
    Expired {
        /// When it stopped being valid.
        expires: Timestamp,
        /// When it was shown.
        now: Timestamp,
    },
}

/// The issuer of version 1 tokens of the tenant.
pub fn issuer(world: &World) -> String {
    format!("https://sts.windows.net/{}/", world.directory.tenant.id)
}

/// The issuer of version 2 tokens of the tenant.
pub fn issuer_v2(world: &World) -> String {
    format!("https://login.microsoftonline.com/{}/v2.0", world.directory.tenant.id)
}

/// A signed access token for `audience`.
pub fn issue(world: &World, principal: &Principal, audience: &str, proof: Proof) -> String {
    issue_for(world, &Ask::new(principal, audience, proof))
}

/// A signed access token.
pub fn issue_for(world: &World, ask: &Ask<'_>) -> String {
    let resource = resources::resolve(world, ask.audience).ok();
    let version = resource.as_ref().map_or(1, |resource| resource.version);
    let now = world.clock.now();
    let issued = now.saturating_sub(BACK_DATED).unwrap_or(now).as_second();
    let audience = resource.as_ref().filter(|resource| resource.version == 2).map(|resource| resource.app_id.to_string());
    let mut claims = json!({
        "aud": audience.as_deref().unwrap_or(ask.audience),
        "iss": if version == 2 { issuer_v2(world) } else { issuer(world) },
        "iat": issued,
        "nbf": issued,
        "exp": now.as_second() + ask.lifetime_seconds(),
        "aio": world.ids.text(36, ALPHANUMERIC),
        "oid": ask.principal.object_id,
        "rh": opaque_handle(world, ask.principal.object_id),
        "tid": world.directory.tenant.id,
        "uti": world.ids.text(22, ALPHANUMERIC),
        "ver": if version == 2 { "2.0" } else { "1.0" },
    });
    claims[if version == 2 { "azpacr" } else { "appidacr" }] = json!(ask.proof.strength());
    describe(&mut claims, world, ask, version);
    let thumbprint = world.signing_key.thumbprint();
    let mut header = json!({ "typ": "JWT", "alg": "RS256", "kid": thumbprint });
    if version == 1 {
        header = json!({ "typ": "JWT", "alg": "RS256", "x5t": thumbprint, "kid": thumbprint });
    }
    world.signing_key.sign(&header, &claims)
}

/// The claim `rh`, which means nothing to anyone but Entra.
pub(super) fn opaque_handle(world: &World, object_id: Uuid) -> String {
    format!("1.A{}.", world.ids.named_text(&format!("handle {object_id}"), 44, ALPHANUMERIC))
}

/// The claim `sub` of a user: another one for each application, so that applications cannot compare notes.
pub(super) fn pairwise(world: &World, user: Uuid, application: &str) -> String {
    world.ids.named_text(&format!("subject {user} {application}"), 43, ALPHANUMERIC)
}

/// Adds what depends on the kind of principal.
fn describe(claims: &mut Value, world: &World, ask: &Ask<'_>, version: u8) {
    let principal = ask.principal;
    let graph = ask.audience.trim_end_matches('/') == GRAPH;
    let client = if version == 2 { "azp" } else { "appid" };
    match &principal.kind {
        Kind::ServicePrincipal(service_principal) => {
            claims[client] = json!(service_principal.app_id);
            claims["idtyp"] = json!("app");
            claims["sub"] = json!(principal.object_id);
            if version == 1 {
                claims["idp"] = json!(issuer(world));
            }
            if let Some(resource) = &service_principal.managed_identity {
                claims["xms_mirid"] = json!(resource.replace("/resourceGroups/", "/resourcegroups/"));
            }
            if let Some(machine) = ask.machine {
                claims["xms_az_rid"] = json!(machine.replace("/resourceGroups/", "/resourcegroups/"));
            }
            if graph {
                claims["app_displayname"] = json!(principal.display_name);
                claims["tenant_region_scope"] = json!("NA");
                claims["wids"] = wids(principal, EVERY_APPLICATION);
            }
        }
        Kind::User(user) => {
            claims[client] = json!(ask.client_id);
            claims["idtyp"] = json!("user");
            claims["name"] = json!(principal.display_name);
            claims["scp"] = json!(ask.scopes);
            let audience = claims["aud"].as_str().unwrap_or_default().to_owned();
            claims["sub"] = json!(pairwise(world, principal.object_id, &audience));
            if version == 2 {
                claims["preferred_username"] = json!(user.user_principal_name);
            } else {
                describe_user_v1(claims, world, principal, &user.user_principal_name);
            }
            if ask.continuous {
                claims["xms_cc"] = json!(["CP1"]);
            }
        }
        // A group cannot sign in; without `sub` its token would be refused everywhere.
        Kind::Group => {}
    }
}

fn describe_user_v1(claims: &mut Value, world: &World, principal: &Principal, name: &str) {
    claims["acr"] = json!("1");
    claims["amr"] = json!(["pwd"]);
    for (claim, member) in [("given_name", "givenName"), ("family_name", "surname")] {
        if let Some(text) = principal.members.get(member).filter(|text| text.is_string()) {
            claims[claim] = text.clone();
        }
    }
    let groups = world.directory.groups_of(principal.object_id);
    if groups.len() > GROUPS_AT_MOST {
        let (tenant, user) = (world.directory.tenant.id, principal.object_id);
        claims["_claim_names"] = json!({ "groups": "src1" });
        let endpoint = format!("https://graph.windows.net/{tenant}/users/{user}/getMemberObjects");
        claims["_claim_sources"] = json!({ "src1": { "endpoint": endpoint } });
    } else {
        claims["groups"] = json!(groups);
    }
    claims["unique_name"] = json!(name);
    claims["upn"] = json!(name);
    claims["wids"] = wids(principal, EVERY_MEMBER);
}

/// The directory roles of a principal, and the one that everyone has.
fn wids(principal: &Principal, everyone: &str) -> Value {
    let mut roles: Vec<String> = principal.directory_roles.iter().map(Uuid::to_string).collect();
    roles.push(everyone.to_owned());
    json!(roles)
}

/// What a version 1 token says, if it is one of ours and its time is now. The audience is for the caller to judge.
pub fn verify(world: &World, token: &str) -> Result<Claims, TokenFault> {
    verify_of(world, token, &[issuer(world)])
}

/// As [`verify`], of either version.
pub(super) fn verify_any(world: &World, token: &str) -> Result<Claims, TokenFault> {
    verify_of(world, token, &[issuer(world), issuer_v2(world)])
}

fn verify_of(world: &World, token: &str, issuers: &[String]) -> Result<Claims, TokenFault> {
    let claims = world.signing_key.verify(token).map_err(|fault| match fault {
        Unacceptable::Malformed => TokenFault::Malformed,
        Unacceptable::Signature => TokenFault::Signature,
    })?;
    let text = |name: &str| claims[name].as_str().map(str::to_owned);
    let time = |name: &str| claims[name].as_i64().and_then(|at| Timestamp::from_second(at).ok()).ok_or(TokenFault::Malformed);
    let id = |name: &str| claims[name].as_str().and_then(|id| Uuid::try_parse(id).ok()).ok_or(TokenFault::Malformed);
    let found_issuer = text("iss").ok_or(TokenFault::Malformed)?;
    if !issuers.contains(&found_issuer) {
        return Err(TokenFault::WrongIssuer(found_issuer));
    }
    text("sub").ok_or(TokenFault::Malformed)?;
    let (not_before, expires, now) = (time("nbf")?, time("exp")?, world.clock.now());
    if now < not_before {
        return Err(TokenFault::NotYetValid { not_before });
    }
    if now >= expires {
        return Err(TokenFault::Expired { expires, now });
    }
    Ok(Claims {
        audience: text("aud").ok_or(TokenFault::Malformed)?,
        object_id: id("oid")?,
        tenant_id: id("tid")?,
        app_id: text("appid").or_else(|| text("azp")),
        user_principal_name: text("upn"),
        expires,
    })
}

/// The principal that a verified token names, with its groups as they are now; none if it is gone or disabled.
pub fn caller(world: &World, claims: &Claims) -> Option<Caller> {
    world.directory.caller(claims.object_id)
}
