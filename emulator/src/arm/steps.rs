//! The steps that a request takes, each with a type that only the step before it makes. Their order is the order in which Azure's
//! errors win over each other; where only inference tells it, the step says so.

use std::sync::Arc;

use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use serde_json::Value;
use uuid::Uuid;

use super::catalog::Known;
use super::error::{self, Error};
use super::providers::locks;
use super::request::{Query, Target};
use super::store::{Left, Spending};
use super::{Raw, Request, catalog, providers, validate};
use crate::entra::token::{self, TokenFault};
use crate::front::conn::Conn;
use crate::kernel::access::{Plane, Question};
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// The audiences that ARM takes tokens for.
const AUDIENCES: [&str; 4] = [
    "https://management.core.windows.net/",
    "https://management.core.windows.net",
    "https://management.azure.com/",
    "https://management.azure.com",
];

/// A target whose api-version is named, though not yet known to exist.
pub(super) struct Versioned {
    target: Target,
    version: String,
}

pub(super) fn version(target: Target, query: &Query) -> Result<Versioned, Error> {
    catalog::reachable(&target)?;
    let version = query.get("api-version").filter(|version| !version.is_empty()).ok_or_else(error::missing_api_version)?;
    Ok(Versioned { target, version: version.to_owned() })
}

/// A subscription that exists, or none because none is named.
pub(super) struct Subscribed {
    id: Option<Uuid>,
    /// Which tenant to name in a challenge: the subscription's, or none.
    tenant: String,
}

pub(super) fn subscribed(world: &World, versioned: &Versioned) -> Result<Subscribed, Error> {
    let Some(id) = versioned.target.id.subscription() else { return Ok(Subscribed { id: None, tenant: String::new() }) };
    let parsed = Uuid::try_parse(id).ok().filter(|_| id.len() == 36).ok_or_else(|| error::invalid_subscription_id(id))?;
    world.arm.subscription(parsed).ok_or_else(|| error::subscription_not_found(id))?;
    Ok(Subscribed { id: Some(parsed), tenant: world.directory.tenant.id.to_string() })
}

pub(super) fn authenticate(world: &World, raw: &Raw, subscribed: &Subscribed) -> Result<Caller, Error> {
    let tenant = subscribed.tenant.as_str();
    let header = raw.headers.get(AUTHORIZATION).ok_or_else(|| error::authentication_missing(tenant))?;
    let bearer = header.to_str().ok().and_then(|text| text.split_once(' '));
    let shown = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, shown)| shown.trim());
    let claims = token::verify(world, shown.ok_or_else(|| error::token_invalid(tenant))?).map_err(|fault| match fault {
        TokenFault::Expired { expires, now } => error::token_expired(expires, now, tenant),
        TokenFault::WrongIssuer(issuer) if issuer.starts_with("https://sts.windows.net/") => {
            error::token_of_other_tenant(&issuer, &world.directory.tenant.id.to_string())
        }
        _ => error::token_invalid(tenant),
    })?;
    if !AUDIENCES.iter().any(|known| known.eq_ignore_ascii_case(&claims.audience)) {
        return Err(error::token_of_other_audience(&claims.audience, &AUDIENCES, tenant));
    }
    token::caller(world, &claims).ok_or_else(|| error::token_invalid(tenant))
}

/// Counts the request; refuses it if the budget is empty and the world was told to.
pub(super) fn throttle(world: &World, method: &Method, subscribed: &Subscribed, caller: &Caller) -> Result<Left, Error> {
    let spending = match *method {
        Method::GET | Method::HEAD => Spending::Reads,
        Method::DELETE => Spending::Deletes,
        _ => Spending::Writes,
    };
    let holder = (subscribed.id, caller.object_id);
    let spent = world.arm.budgets.spend(holder, spending, world.clock.now(), world.settings.values().throttling);
    spent.map_err(|seconds| {
        let subscription = subscribed.id.map(|id| id.to_string());
        error::throttled(subscription.as_deref(), caller.object_id, spending.singular(), seconds)
    })
}

/// A target whose type and version exist, and whose verb the type has.
pub(super) struct Typed {
    target: Target,
    version: String,
    known: Known,
}

pub(super) fn settle(world: &World, raw: &Raw, versioned: Versioned) -> Result<Typed, Error> {
    let Versioned { target, version } = versioned;
    let group = world.arm.group(&target.id);
    let location = group.as_ref().map_or("global", |group| &group.location);
    let known = Known::settle(&target, &version, location)?;
    if !known.allows(&raw.method, target.is_item()) {
        return Err(error::method_not_supported(raw.method.as_str()));
    }
    // What lies in groups cannot lie beside them (status and text are inferred).
    if known.lies_in_group() && !target.names.is_empty() && target.id.group().is_none() {
        let writes = raw.method == Method::PUT || raw.method == Method::PATCH;
        let absent = || error::resource_not_found(&target.owner());
        return Err(if writes { error::method_not_supported(raw.method.as_str()) } else { absent() });
    }
    Ok(Typed { target, version, known })
}

impl Typed {
    /// Whether the answer is put together from all regions: a list of a subscription's resources of a type.
    pub(super) fn fans_out(&self) -> bool {
        let of_subscription = self.target.id.subscription().is_some() && self.target.id.group().is_none();
        of_subscription && self.known.kind.tracked && !self.target.is_item()
    }
}

/// A request that its caller may make.
pub(super) struct Permitted<'a>(Request<'a>);

pub(super) fn permit<'a>(
    world: &'a Arc<World>,
    conn: &'a Conn,
    raw: &'a Raw,
    typed: Typed,
    caller: Caller,
) -> Result<Permitted<'a>, Error> {
    let Typed { target, version, known } = typed;
    let item = target.is_item();
    let action = match known.action(&raw.method, item) {
        // Registering is an action of the provider that is registered.
        Some(_) if raw.method == Method::POST && known.kind.name.starts_with("subscriptions/providers/") => {
            Some(format!("{}/{}/action", target.name(), target.types.last().map_or("", String::as_str)))
        }
        action => action,
    };
    // Providers are asked about and registered with the right on their subscription.
    let of_provider = known.kind.name.starts_with("subscriptions/providers");
    let scope = match target.id.subscription() {
        Some(subscription) if of_provider => ResourceId::of_subscription(subscription),
        _ => target.owner(),
    };
    let mut only_readable = false;
    if let Some(action) = &action {
        let deletes = raw.method == Method::DELETE;
        let facts = providers::facts(world, known, &target, deletes, raw.body.as_deref().unwrap_or_default());
        let question = Question { plane: Plane::Management, action, scope: &scope, facts: &facts };
        let decision = world.access.answer(&caller, &question);
        if !decision.is_allowed() {
            let list = raw.method == Method::GET && !item && known.lists_what_is_readable();
            only_readable = list && world.access.has_any_role(&caller, &scope);
            if !only_readable {
                return Err(error::not_permitted(&caller, &decision, action, scope.as_str()));
            }
        }
    }
    Ok(Permitted(Request {
        world,
        conn,
        method: &raw.method,
        path: &raw.path,
        query: &raw.query,
        headers: &raw.headers,
        target,
        known,
        version: version.to_ascii_lowercase(),
        caller,
        action: action.unwrap_or_default(),
        only_readable,
        body: Value::Null,
        text: "",
        now: world.clock.now(),
    }))
}

/// A request whose group exists, and whose provider the subscription is registered for.
pub(super) struct Placed<'a>(Request<'a>);

impl<'a> Permitted<'a> {
    /// Missing rights are told before a missing group. That only writes need a registration is inferred.
    pub(super) fn place(self) -> Result<Placed<'a>, Error> {
        let Self(request) = self;
        let makes_the_group = request.known.kind.name == "subscriptions/resourceGroups" && *request.method == Method::PUT;
        if let Some(group) = request.target.id.group()
            && !makes_the_group
            && request.world.arm.group(&request.target.id).is_none()
        {
            return Err(error::group_not_found(group));
        }
        let subscription = request.target.id.subscription().and_then(|id| Uuid::try_parse(id).ok());
        if let Some(subscription) = subscription
            && request.known.provider.needs_registration()
            && request.writes()
        {
            let namespace = &request.known.provider.namespace;
            let state = request.registration(subscription, namespace);
            if !["Registered", "Registering"].contains(&state) {
                return Err(error::missing_registration(namespace));
            }
        }
        Ok(Placed(request))
    }
}

impl<'a> Placed<'a> {
    /// Reads the body. Where this stands between its neighbours is inferred.
    pub(super) fn read(mut self, raw: &'a Raw) -> Result<Self, Error> {
        (self.0.body, self.0.text) = validate::body(&self.0, raw)?;
        Ok(self)
    }

    /// Checks what ARM itself knows about the body, that the group is not going away, and the location: a group that is being deleted
    /// takes no writes, while what is deleted in it, or with it, may be deleted again. That a malformed body is told before the group's
    /// end is inferred.
    pub(super) fn check(self) -> Result<Checked<'a>, Error> {
        let Self(mut request) = self;
        validate::envelope(&mut request)?;
        if request.writes()
            && *request.method != Method::DELETE
            && let Some(group) = request.world.arm.group(&request.target.id)
            && request.world.arm.is_being_deleted(&group.id, request.now)
        {
            return Err(error::group_being_deleted(group.id.name()));
        }
        validate::location(&request)?;
        Ok(Checked(request))
    }
}

/// A request whose body fits its type.
pub(super) struct Checked<'a>(Request<'a>);

impl<'a> Checked<'a> {
    /// Locks stand above rights, and are asked after them.
    pub(super) fn unlock(self) -> Result<Unlocked<'a>, Error> {
        locks::check(&self.0)?;
        Ok(Unlocked(self.0))
    }
}

/// A request that no lock forbids: the only thing that a provider takes.
pub(super) struct Unlocked<'a>(Request<'a>);

impl<'a> Unlocked<'a> {
    /// What the provider gets.
    pub(super) fn request(&self) -> &Request<'a> {
        &self.0
    }
}
