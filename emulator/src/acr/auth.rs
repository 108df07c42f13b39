//! Who asks, and whether they may: the exchange of an Entra token for a refresh token, the token endpoint, and the check that
//! every resource makes. A handler needs a [`Granted`], and only [`authorize`] makes one.
//! Source: Azure Container Registry's `docs/AAD-OAuth.md`, CNCF Distribution "Token Authentication", and recorded answers.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::error::{AUTHENTICATION_REQUIRED, Error};
use super::pull::BasicCredential;
use super::rights::Rights;
use super::scope::{AccessClaims, Right, Scope};
use super::store::{AddressRange, Registry};
use super::token_users::TokenUser;
use super::tokens::{self, ANONYMOUS, Bearer, RefreshClaims};
use crate::entra;
use crate::world::World;

/// The user name that goes with a refresh token as password.
const TOKEN_USER: Uuid = Uuid::nil();
/// The audiences of the registry service itself: its identifier URI and its application id.
const OWN_AUDIENCES: [&str; 2] = ["https://containerregistry.azure.net", "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26"];
/// ARM's audiences, taken while the registry's policy `azureADAuthenticationAsArmPolicy` is enabled.
const ARM_AUDIENCES: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];

/// What a credential stands for.
#[derive(Clone, Debug)]
enum Holder {
    /// Rights on the whole registry.
    Rights(RefreshClaims),
    /// What an access token lists.
    Token(Arc<AccessClaims>),
    /// A token of the registry's own, limited to its scope map.
    User(Arc<TokenUser>),
    /// Nobody in particular, where anyone may read.
    Anyone,
}

impl Holder {
    fn of(registry: &Registry, mut claims: RefreshClaims) -> Self {
        // Whoever may pull may see the names; with repository permissions that is a right of its own.
        if !registry.settings.read().abac && claims.rights.contains(&Right::Read) {
            claims.rights.push(Right::CatalogList);
        }
        Self::Rights(claims)
    }

    fn covers(&self, kind: &str, name: &str, action: &str) -> bool {
        match self {
            Self::Rights(claims) => {
                let asked = Scope { kind: kind.into(), name: name.into(), actions: vec![action.into()] };
                asked.granted_by(&|right| claims.rights.holds(right, &asked)).is_some()
            }
            Self::Token(claims) => {
                claims.access.iter().any(|scope| scope.covers(kind, name, action))
                    || (claims.subject == ANONYMOUS && may_anyone(kind, name, action))
            }
            Self::User(user) => user.allows(kind, name, action),
            Self::Anyone => may_anyone(kind, name, action),
        }
    }

    /// The rights that hold on the whole registry and that no scope asks for.
    fn roles(&self) -> Vec<Right> {
        match self {
            Self::Rights(claims) => Right::QUARANTINE.into_iter().filter(|right| claims.rights.contains(right)).collect(),
            Self::Token(claims) => claims.roles.clone(),
            Self::User(_) | Self::Anyone => Vec::new(),
        }
    }

    /// Whose calls count as one: everyone without a name is nobody in particular.
    fn caller(&self) -> &str {
        match self {
            Self::Rights(claims) => &claims.subject,
            Self::Token(claims) => &claims.subject,
            Self::User(user) => &user.name,
            Self::Anyone => ANONYMOUS,
        }
    }

    /// The part of what is asked that is granted.
    fn grant(&self, asked: &[Scope]) -> Vec<Scope> {
        match self {
            Self::Rights(claims) => {
                asked.iter().filter_map(|scope| scope.granted_by(&|right| claims.rights.holds(right, scope))).collect()
            }
            Self::Token(_) => asked
                .iter()
                .filter_map(|scope| {
                    let held = scope.actions.iter().filter(|action| self.covers(&scope.kind, &scope.name, action));
                    let actions: Vec<String> = held.cloned().collect();
                    (!actions.is_empty()).then(|| Scope { actions, ..scope.clone() })
                })
                .collect(),
            Self::User(user) => asked.iter().filter_map(|scope| user.grant(scope)).collect(),
            Self::Anyone => vec![Scope::repository("*", &["pull"])],
        }
    }
}

/// What an anonymous token opens besides pulling: the lists too, as recorded.
fn may_anyone(kind: &str, name: &str, action: &str) -> bool {
    match kind {
        "repository" => matches!(action, "pull" | "metadata_read"),
        "registry" => name == "catalog" && action == "*",
        _ => false,
    }
}

/// Proof that a caller may do what it asked for on a registry.
#[derive(Clone, Debug)]
pub struct Granted {
    registry: Arc<Registry>,
    holder: Holder,
}

impl Granted {
    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whose calls count as one.
    pub fn caller(&self) -> &str {
        self.holder.caller()
    }

    /// Whether a right is held on the whole registry that no scope asks for.
    pub(super) fn holds(&self, right: Right) -> bool {
        self.holder.roles().contains(&right)
    }

    /// Whether the caller may also pull from another repository: what a mount asks.
    pub fn may_pull(&self, repository: &str) -> bool {
        self.holder.covers("repository", repository, "pull")
    }
}

/// Decides whether a request with this `Authorization` header may do all that it `needs`; if not, answers with a challenge for
/// `asks`, which may be more.
pub fn authorize(
    world: &World,
    registry: &Arc<Registry>,
    authorization: Option<&str>,
    needs: &[Scope],
    asks: &[Scope],
) -> Result<Granted, Error> {
    let challenge = |fault| Error::challenge(&registry.login_server, asks, fault);
    let holder = match authorization.map(|header| header.split_once(' ').unwrap_or((header, ""))) {
        _ if registry.public => Holder::Anyone,
        None => return Err(challenge(None)),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            tokens::read_access(world, registry, token.trim()).map(Holder::Token).map_err(|_| challenge(Some("invalid_token")))?
        }
        // Basic credentials open resources directly too (inferred from scripts that users publish).
        Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => {
            let credential = read_basic(encoded).ok_or_else(|| challenge(None))?;
            authenticate(world, registry, &credential).map_err(|_| challenge(None))?
        }
        Some(_) => return Err(challenge(Some("invalid_token"))),
    };
    let covered = |scope: &Scope| scope.actions.iter().all(|action| holder.covers(&scope.kind, &scope.name, action));
    match needs.iter().all(covered) {
        true => Ok(Granted { registry: registry.clone(), holder }),
        false if registry.public => Err(Error::unsupported("azlet does not implement writing to a public registry")),
        false => Err(challenge(Some("insufficient_scope"))),
    }
}

/// Whether it is the user name that goes with a token as password.
pub fn is_token_user(name: &str) -> bool {
    Uuid::try_parse(name) == Ok(TOKEN_USER)
}

/// Reads the value of a `Basic` header.
pub fn read_basic(encoded: &str) -> Option<BasicCredential> {
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some(BasicCredential { username: username.to_owned(), password: password.to_owned() })
}

/// What `POST /oauth2/exchange` is given.
#[derive(Clone, Copy, Default)]
pub struct ExchangeRequest<'a> {
    /// `access_token`; the deprecated `access_token_refresh_token` is taken alike.
    pub grant_type: &'a str,
    /// The login server.
    pub service: Option<&'a str>,
    /// The tenant, by id or domain.
    pub tenant: Option<&'a str>,
    /// Entra's token.
    pub access_token: &'a str,
}

/// Gives a refresh token of the registry for a token of Entra. What it permits is computed here and stays so for its life. A
/// caller without any right is refused with a body, a token that cannot be taken without one.
pub fn exchange(world: &World, registry: &Registry, request: &ExchangeRequest<'_>, correlation: &str) -> Result<String, Error> {
    if !matches!(request.grant_type, "access_token" | "access_token_refresh_token") {
        let message = format!("azlet does not implement the exchange grant '{}'; use access_token", request.grant_type);
        return Err(Error::bad_request(message));
    }
    let tenant = &world.directory.tenant;
    let other_tenant =
        |asked: &str| !asked.eq_ignore_ascii_case(&tenant.id.to_string()) && !asked.eq_ignore_ascii_case(&tenant.domain);
    let other_service = |asked: &str| !asked.eq_ignore_ascii_case(&registry.login_server);
    if request.tenant.is_some_and(other_tenant) || request.service.is_some_and(other_service) {
        return Err(Error::refused_silently());
    }
    let claims = entra::token::verify(world, request.access_token).map_err(|_| Error::refused_silently())?;
    if claims.tenant_id != tenant.id || !takes_audience(registry, &claims.audience) {
        return Err(Error::refused_silently());
    }
    let caller = entra::token::caller(world, &claims).ok_or_else(Error::refused_silently)?;
    let rights = Rights::of(world, registry, &caller);
    if rights.is_empty() {
        return Err(Error::no_rights(correlation));
    }
    let object_id = claims.object_id;
    let subject = claims.user_principal_name.unwrap_or_else(|| object_id.to_string());
    let claims = RefreshClaims { subject, app_id: claims.app_id, rights };
    Ok(tokens::issue_refresh(world, registry, &claims, &tenant.id.to_string(), object_id))
}

fn takes_audience(registry: &Registry, audience: &str) -> bool {
    let audience = audience.trim_end_matches('/');
    let among = |known: &[&str]| known.iter().any(|it| it.eq_ignore_ascii_case(audience));
    among(&OWN_AUDIENCES) || (among(&ARM_AUDIENCES) && registry.settings.read().authentication_as_arm)
}

/// What the token endpoint is shown.
#[derive(Clone)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// A refresh token.
    Refresh(String),
    /// A user name and a password.
    Basic(BasicCredential),
}

/// Gives an access token for what is asked, as far as the caller's rights go: a lesser token is no error, the resource will
/// refuse it.
pub fn token(world: &World, registry: &Registry, shown: &Shown, asked: &[Scope], correlation: &str) -> Result<String, Error> {
    let holder = match shown {
        Shown::Refresh(token) => {
            let claims = tokens::read_refresh(world, registry, token).map_err(|_| Error::refused_silently())?;
            Holder::of(registry, claims)
        }
        Shown::Basic(credential) => match authenticate(world, registry, credential) {
            Err(error) if error.entries.iter().any(|entry| entry.message == AUTHENTICATION_REQUIRED) => {
                return Err(Error::no_rights(correlation));
            }
            other => other?,
        },
        Shown::Nothing if registry.settings.read().anonymous_pull => Holder::Anyone,
        Shown::Nothing => return Err(Error::no_rights(correlation)),
    };
    let access = holder.grant(asked);
    let roles = &holder.roles()[..];
    let bearer = match &holder {
        Holder::Rights(claims) => Bearer { subject: &claims.subject, app_id: claims.app_id.as_deref(), expires: None, roles },
        Holder::Token(claims) => {
            Bearer { subject: &claims.subject, app_id: claims.app_id.as_deref(), expires: Some(claims.expires), roles }
        }
        Holder::User(user) => Bearer { subject: &user.name, app_id: None, expires: None, roles },
        Holder::Anyone => Bearer { subject: ANONYMOUS, app_id: None, expires: None, roles },
    };
    Ok(tokens::issue_access(world, registry, bearer, &access))
}

fn authenticate(world: &World, registry: &Registry, credential: &BasicCredential) -> Result<Holder, Error> {
    let BasicCredential { username, password } = credential;
    let generic = || Error::unauthorized(AUTHENTICATION_REQUIRED);
    if username.is_empty() {
        let anyone = password.is_empty() && registry.settings.read().anonymous_pull;
        return if anyone { Ok(Holder::Anyone) } else { Err(generic()) };
    }
    if username.eq_ignore_ascii_case(&registry.name) {
        return admin(registry, password).ok_or_else(generic);
    }
    let user = registry.token_users.read().get(&username.to_ascii_lowercase()).cloned();
    if let Some(user) = user {
        return if user.signs_in(password, world.clock.now()) { Ok(Holder::User(user)) } else { Err(generic()) };
    }
    let Ok(id) = Uuid::try_parse(username) else {
        return Err(Error::unauthorized("aad access token with sp failed client id must be guid"));
    };
    if id == TOKEN_USER {
        return match tokens::read_refresh(world, registry, password) {
            Ok(claims) => Ok(Holder::of(registry, claims)),
            Err(_) => tokens::read_access(world, registry, password).map(Holder::Token).map_err(|_| generic()),
        };
    }
    service_principal(world, registry, id, password)
}

/// The admin user may do everything, whatever gives others their rights.
fn admin(registry: &Registry, password: &str) -> Option<Holder> {
    let signed_in = {
        let settings = registry.settings.read();
        settings.admin_enabled && settings.admin_passwords.iter().any(|known| known.is(password))
    };
    signed_in.then(|| {
        let mut rights = Rights::whole(&Right::ALL);
        rights.push(Right::CatalogList);
        Holder::Rights(RefreshClaims { subject: registry.name.clone(), app_id: None, rights })
    })
}

fn service_principal(world: &World, registry: &Registry, app_id: Uuid, secret: &str) -> Result<Holder, Error> {
    let principal =
        world.directory.by_app_id(app_id).ok_or_else(|| Error::unauthorized("Application not registered with AAD."))?;
    let known = world.directory.knows_secret(app_id, secret, world.clock.now());
    let caller = world.directory.caller(principal.object_id).filter(|_| known);
    let caller = caller.ok_or_else(|| Error::unauthorized("Invalid clientid or client secret."))?;
    let rights = Rights::of(world, registry, &caller);
    if rights.is_empty() {
        return Err(Error::unauthorized(AUTHENTICATION_REQUIRED));
    }
    let subject = principal.object_id.to_string();
    Ok(Holder::of(registry, RefreshClaims { subject, app_id: Some(app_id.to_string()), rights }))
}

/// Refuses a client that may not reach the registry at all. What counts is the address at the other end of the connection: for
/// who talks to azlet from the same machine 127.0.0.1, which a rule can name.
pub fn firewall(registry: &Registry, address: IpAddr) -> Result<(), Error> {
    let settings = registry.settings.read();
    let among = |ranges: &Vec<AddressRange>| ranges.iter().any(|range| range.holds(address));
    let open = settings.public_network_access && settings.allowed.as_ref().is_none_or(among);
    if open { Ok(()) } else { Err(Error::firewall(address)) }
}
