//! What a request about role assignments tells the conditions of the roles that would allow it: a write what it asks for, a
//! deletion what it takes away.
//! Source: Azure RBAC's documentation ("Delegate Azure role assignment management using conditions"). That a principal type that
//! is not named is missing, even if it could be looked up, is what users have reported.

use serde_json::Value as Json;
use uuid::Uuid;

use super::super::super::catalog::Known;
use super::super::super::request::Target;
use crate::kernel::condition::{Fact, PRINCIPAL_ID, PRINCIPAL_TYPE, ROLE_DEFINITION_ID, Value};
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// The facts about a request, before its body has been judged.
pub(in super::super::super) fn facts(world: &World, known: Known, target: &Target, deletes: bool, body: &[u8]) -> Vec<Fact> {
    if known.full_type() != "Microsoft.Authorization/roleAssignments" || !target.is_item() {
        return Vec::new();
    }
    if deletes { of_stored(world, target) } else { of_body(body) }
}

fn of_stored(world: &World, target: &Target) -> Vec<Fact> {
    let stored = Uuid::try_parse(target.name()).ok().and_then(|name| world.access.assignment(name));
    let Some(stored) = stored else { return Vec::new() };
    vec![
        Fact::resource(ROLE_DEFINITION_ID, Value::Guid(stored.role)),
        Fact::resource(PRINCIPAL_ID, Value::Guid(stored.principal_id)),
        Fact::resource(PRINCIPAL_TYPE, Value::Text(stored.principal_kind.as_str().into())),
    ]
}

fn of_body(body: &[u8]) -> Vec<Fact> {
    let Ok(body) = serde_json::from_slice::<Json>(body) else { return Vec::new() };
    let text = |key: &str| body["properties"][key].as_str().filter(|text| !text.is_empty());
    let guid = |text: &str| Uuid::try_parse(ResourceId::new(text).name()).ok().map(Value::Guid);
    let role = text("roleDefinitionId").and_then(guid).map(|role| Fact::request(ROLE_DEFINITION_ID, role));
    let principal = text("principalId").and_then(guid).map(|id| Fact::request(PRINCIPAL_ID, id));
    let kind = text("principalType").map(|kind| Fact::request(PRINCIPAL_TYPE, Value::Text(kind.into())));
    [role, principal, kind].into_iter().flatten().collect()
}
