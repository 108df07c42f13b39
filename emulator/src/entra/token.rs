//! Access tokens: the claims that Entra puts into them, and how a plane verifies one that it is shown.
//!
//! ARM, Graph, the registry and the AKS server application all get version 1 tokens, whichever endpoint issued them; tokens are
//! back-dated by 300 seconds. Source: Microsoft's access token claims reference and tokens quoted in public.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::store::{Kind, Principal};
use crate::kernel::jwt::Unacceptable;
use crate::kernel::principal::Caller;
use crate::world::World;

/// The client id of Azure's command line, which users sign in with.
pub const AZURE_CLI_APP_ID: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

const BACK_DATED: Duration = Duration::from_secs(300);

/// How the principal proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A client secret.
    Secret,
    /// A certificate.
    Certificate,
    /// The platform: a managed identity.
    ManagedIdentity,
    /// A person's password.
    User,
}

impl Proof {
    /// How long a token obtained this way can be used, in seconds.
    pub fn lifetime_seconds(self) -> i64 {
        match self {
            Self::Secret | Self::Certificate => 3599,
            Self::User => 4199,
            Self::ManagedIdentity => 86_400,
        }
    }

    /// The claim `appidacr`.
    fn strength(self) -> &'static str {
        match self {
            Self::User => "0",
            Self::Secret => "1",
            Self::Certificate | Self::ManagedIdentity => "2",
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

/// A signed access token for `audience`.
pub fn issue(world: &World, principal: &Principal, audience: &str, proof: Proof) -> String {
    let now = world.clock.now();
    let issued = now.saturating_sub(BACK_DATED).unwrap_or(now).as_second();
    let mut claims = json!({
        "aud": audience,
        "iss": issuer(world),
        "iat": issued,
        "nbf": issued,
        "exp": now.as_second() + proof.lifetime_seconds(),
        "aio": world.ids.text(36, crate::kernel::ids::ALPHANUMERIC),
        "appidacr": proof.strength(),
        "oid": principal.object_id,
        "tid": world.directory.tenant.id,
        "uti": world.ids.text(22, crate::kernel::ids::ALPHANUMERIC),
        "ver": "1.0",
    });
    describe(&mut claims, world, principal);
    let thumbprint = world.signing_key.thumbprint();
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5t": thumbprint, "kid": thumbprint });
    world.signing_key.sign(&header, &claims)
}

/// Adds what depends on the kind of principal.
fn describe(claims: &mut Value, world: &World, principal: &Principal) {
    match &principal.kind {
        Kind::ServicePrincipal(service_principal) => {
            claims["appid"] = json!(service_principal.app_id);
            claims["idp"] = json!(issuer(world));
            claims["idtyp"] = json!("app");
            claims["sub"] = json!(principal.object_id);
            if let Some(resource) = &service_principal.managed_identity {
                claims["xms_mirid"] = json!(resource.replace("/resourceGroups/", "/resourcegroups/"));
            }
        }
        Kind::User(user) => {
            claims["acr"] = json!("1");
            claims["amr"] = json!(["pwd"]);
            claims["appid"] = json!(AZURE_CLI_APP_ID);
            claims["groups"] = json!(world.directory.groups_of(principal.object_id));
            claims["idtyp"] = json!("user");
            claims["name"] = json!(principal.display_name);
            claims["scp"] = json!("user_impersonation");
            let subject = format!("subject {} {}", principal.object_id, claims["aud"]);
            claims["sub"] = json!(world.ids.named_text(&subject, 43, crate::kernel::ids::ALPHANUMERIC));
            claims["unique_name"] = json!(user.user_principal_name);
            claims["upn"] = json!(user.user_principal_name);
        }
        // A group cannot sign in; without `sub` its token would be refused everywhere.
        Kind::Group => {}
    }
}

/// What a token says, if it is one of ours and its time is now. The audience is for the caller to judge.
pub fn verify(world: &World, token: &str) -> Result<Claims, TokenFault> {
    let claims = world.signing_key.verify(token).map_err(|fault| match fault {
        Unacceptable::Malformed => TokenFault::Malformed,
        Unacceptable::Signature => TokenFault::Signature,
    })?;
    let text = |name: &str| claims[name].as_str().map(str::to_owned);
    let time = |name: &str| claims[name].as_i64().and_then(|at| Timestamp::from_second(at).ok()).ok_or(TokenFault::Malformed);
    let id = |name: &str| claims[name].as_str().and_then(|id| Uuid::try_parse(id).ok()).ok_or(TokenFault::Malformed);
    let found_issuer = text("iss").ok_or(TokenFault::Malformed)?;
    if found_issuer != issuer(world) {
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
        app_id: text("appid"),
        user_principal_name: text("upn"),
        expires,
    })
}

/// The principal that a verified token names, with its groups as they are now; none if it is gone or disabled.
pub fn caller(world: &World, claims: &Claims) -> Option<Caller> {
    world.directory.caller(claims.object_id)
}
