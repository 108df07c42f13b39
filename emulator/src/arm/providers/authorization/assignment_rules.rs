//! What a role assignment must be: its name, its scope, its role, its principal, its condition.

use std::sync::Arc;

use uuid::Uuid;

use super::super::super::catalog;
use super::super::super::error::{self, Error};
use super::{Request, WITH_DATA_ACTIONS, bad, bare};
use crate::kernel::access::{RoleDefinition, RoleKind};
use crate::kernel::condition::{Condition, Fault, VERSION};
use crate::kernel::principal::PrincipalKind;
use crate::kernel::resource_id::ResourceId;

/// The directory role of those who administer all of it.
const GLOBAL_ADMINISTRATOR: Uuid = Uuid::from_u128(0x62e90394_69f5_4237_9190_012177145e10);
/// A description may have so many bytes.
const DESCRIPTION_AT_MOST: usize = 2048;

/// The name: a GUID, for PUT and DELETE alike.
pub(super) fn name(request: &Request<'_>) -> Result<Uuid, Error> {
    let text = request.target.name();
    Uuid::try_parse(text).map_err(|_| {
        bad(
            "InvalidRoleAssignmentId",
            format!("The role assignment ID '{text}' is not valid. The role assignment ID must be a GUID."),
        )
    })
}

/// A resource of a type that is served here must exist to be a scope, and a management group too (inferred); others are taken on
/// trust.
pub(super) fn scope_exists(request: &Request<'_>, scope: &ResourceId) -> Result<(), Error> {
    if scope.is_management_group() {
        return match request.access().management_group(scope.name()) {
            Some(_) => Ok(()),
            None => Err(super::super::management::not_found(scope)),
        };
    }
    let served = scope.key().contains("/providers/")
        && scope.resource_type().is_some_and(|full| {
            let (namespace, kind) = full.split_once('/').unwrap_or((&full, ""));
            catalog::provider(namespace)
                .is_some_and(|provider| provider.types.iter().any(|known| known.tracked && known.name.eq_ignore_ascii_case(kind)))
        });
    if served && request.world.arm.resource(scope).is_none() {
        return Err(error::resource_not_found(scope));
    }
    Ok(())
}

/// The role that a definition's id names, in its long or short form; a bare GUID is malformed. A custom role that cannot be
/// assigned at the scope is not there (inferred from how the refusal is told).
pub(super) fn role(request: &Request<'_>, scope: &ResourceId, definition: Option<&str>) -> Result<Arc<RoleDefinition>, Error> {
    let definition = definition.ok_or_else(error::bad_request_format)?;
    let id = ResourceId::new(definition);
    let qualified = definition.starts_with('/')
        && id.resource_type().is_some_and(|kind| kind.eq_ignore_ascii_case("Microsoft.Authorization/roleDefinitions"));
    let role = Uuid::try_parse(id.name()).ok().filter(|_| qualified).ok_or_else(error::bad_request_format)?;
    let assignable = |role: &Arc<RoleDefinition>| {
        let within = |assignable: &String| request.access().is_within(scope, &ResourceId::new(assignable));
        role.kind == RoleKind::BuiltIn || role.assignable_scopes.iter().any(within)
    };
    let found = request.access().role(role).filter(assignable).ok_or_else(|| {
        bad("RoleDefinitionDoesNotExist", format!("The specified role definition with ID '{}' does not exist.", bare(role)))
    })?;
    if !found.has_data_actions() {
        return Ok(found);
    }
    if request.version.as_str() < WITH_DATA_ACTIONS {
        return Err(bad(
            "UnsupportedApiVersionForRoleDefinitionHasDataActions",
            format!(
                "Assignments to roles with DataActions and NotDataActions are not supported on API version '{}'. The minimum required API \
                 version for this operations is '{WITH_DATA_ACTIONS}'.",
                request.version
            ),
        ));
    }
    if found.kind == RoleKind::Custom && scope.is_management_group() {
        // The documentation forbids it; code and text are inferred.
        let message = format!(
            "The role definition with ID '{}' has DataActions and cannot be assigned at the management group scope '{scope}'.",
            bare(role)
        );
        return Err(bad("RoleDefinitionWithDataActionsNotAssignable", message));
    }
    Ok(found)
}

/// The principal: it must be in the directory, unless its kind is named, which also says that it may not be there yet.
pub(super) fn principal(request: &Request<'_>, id: Option<&str>, kind: Option<&str>) -> Result<(Uuid, PrincipalKind), Error> {
    let text = id.ok_or_else(error::bad_request_format)?;
    let id = Uuid::try_parse(text).map_err(|_| {
        bad("InvalidPrincipalId", format!("The Principal ID '{text}' is not valid. Principal ID must be a GUID."))
    })?;
    let given = match kind.filter(|kind| !kind.is_empty()) {
        None => None,
        Some(kind) => Some(PrincipalKind::parse(kind).ok_or_else(error::bad_request_format)?),
    };
    match (replicated(request, id), given) {
        (Some(known), Some(given)) if known != given => Err(bad(
            "UnmatchedPrincipalType",
            format!(
                "The PrincipalId '{}' has type '{}' , which is different from specified PrinciaplType '{}'.",
                bare(id),
                known.as_str(),
                given.as_str()
            ),
        )),
        (Some(known), _) => Ok((id, known)),
        (None, Some(given)) => Ok((id, given)),
        (None, None) => Err(bad(
            "PrincipalNotFound",
            format!(
                "Principal {} does not exist in the directory {}. Check that you have the correct principal ID. If you are creating this \
                 principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set \
                 the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See \
                 https://aka.ms/docs-principaltype",
                bare(id),
                request.world.directory.tenant.id
            ),
        )),
    }
}

/// The kind of a principal that the directory's replica knows by now.
fn replicated(request: &Request<'_>, id: Uuid) -> Option<PrincipalKind> {
    let principal = request.world.directory.principal(id)?;
    let delay = request.world.settings.values().directory_replication_delay;
    let known_from = principal.created.saturating_add(delay).unwrap_or(principal.created);
    (known_from <= request.now).then(|| principal.principal_kind())
}

/// The condition, read and held against the role. What is wrong with it is told in one sentence, whatever it is (documented; the
/// code is inferred), except for an attribute that does not exist.
pub(super) fn condition(
    text: Option<&str>,
    version: Option<&str>,
    role: &RoleDefinition,
) -> Result<Option<Arc<Condition>>, Error> {
    const CODE: &str = "InvalidRoleAssignmentCondition";
    let invalid = || bad(CODE, "The given role assignment condition is invalid.");
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return match version {
            None | Some("" | VERSION) => Ok(None),
            Some(_) => Err(invalid()),
        };
    };
    if version.is_some_and(|version| !version.is_empty() && version != VERSION) {
        return Err(invalid());
    }
    let read = Condition::parse(text).and_then(|condition| condition.fits(role).map(|()| condition));
    match read {
        Ok(condition) => Ok(Some(Arc::new(condition))),
        Err(Fault::UnknownAttribute { source_name, name }) => {
            Err(bad(CODE, format!("{source_name} attribute {name} is not valid.")))
        }
        Err(_) => Err(invalid()),
    }
}

/// The description, which has a limit (documented; code and text are inferred).
pub(super) fn description(text: Option<&str>) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.len() > DESCRIPTION_AT_MOST => {
            let message = format!("The role assignment description exceeds the maximum length of '{DESCRIPTION_AT_MOST}'.");
            Err(bad("RoleAssignmentDescriptionTooLong", message))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// Whether the caller administers the whole directory.
pub(super) fn is_global_administrator(request: &Request<'_>) -> bool {
    let principal = request.world.directory.principal(request.caller.object_id);
    principal.is_some_and(|principal| principal.directory_roles.contains(&GLOBAL_ADMINISTRATOR))
}
