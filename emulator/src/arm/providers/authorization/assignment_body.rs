//! How a role assignment is shown, by api-version.

use serde_json::{Map, Value, json};

use super::{definition_id, object_id};
use crate::kernel::access::RoleAssignment;
use crate::kernel::clock::rfc3339_ticks;
use crate::kernel::condition::VERSION;

/// The first version that knows conditions and descriptions.
const WITH_CONDITIONS: &str = "2020-03-01-preview";
/// The first version that tells what kind of principal it is.
const WITH_PRINCIPAL_TYPE: &str = "2018-01-01-preview";

pub(super) fn body(assignment: &RoleAssignment, version: &str, with_creator: bool) -> Value {
    let mut properties = Map::new();
    let mut put = |key: &str, value: Value| properties.insert(key.to_owned(), value);
    put("roleDefinitionId", json!(definition_id(&assignment.scope, assignment.role)));
    put("principalId", json!(assignment.principal_id));
    if version >= WITH_PRINCIPAL_TYPE {
        put("principalType", json!(assignment.principal_kind.as_str()));
    }
    put("scope", json!(assignment.scope.as_str()));
    let condition = assignment.condition.as_ref();
    if version >= WITH_CONDITIONS {
        put("condition", json!(condition.map(|condition| condition.text())));
        put("conditionVersion", json!(condition.map(|_| VERSION)));
    }
    put("createdOn", json!(rfc3339_ticks(assignment.created_on)));
    put("updatedOn", json!(rfc3339_ticks(assignment.updated_on)));
    put("createdBy", if with_creator { json!(assignment.created_by) } else { Value::Null });
    put("updatedBy", json!(assignment.updated_by));
    if version >= WITH_CONDITIONS {
        put("delegatedManagedIdentityResourceId", json!(assignment.delegated_identity));
        put("description", json!(assignment.description));
    }
    json!({
        "properties": properties,
        "id": object_id(&assignment.scope, "roleAssignments", assignment.name),
        "type": "Microsoft.Authorization/roleAssignments",
        "name": assignment.name,
    })
}
