"""azure-mgmt-authorization: assignments and roles of one's own."""

import uuid

import groups
import identities
import registries
from steps import refused, same, step


def run(azure):
    client = azure.authorization
    group = f"/subscriptions/{azure.subscription}/resourceGroups/{groups.GROUP}"
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/{registries.NAME}"
    principal = azure.identities.user_assigned_identities.get(groups.GROUP, identities.NAME).principal_id
    role = next(client.role_definitions.list(registry, filter="roleName eq 'AcrPull'"))
    assignments(client.role_assignments, registry, role.id, principal)
    definitions(client.role_definitions, group)
    identities.end(azure)


def assignments(client, scope, role, principal):
    name = str(uuid.uuid4())
    body = {"role_definition_id": role, "principal_id": principal, "principal_type": "ServicePrincipal"}

    with step("a role is assigned"):
        made = client.create(scope, name, body)
        same((made.name, made.principal_id, made.scope), (name, principal, scope))

    with step("the same under another name is refused"), refused(409, "RoleAssignmentExists"):
        client.create(scope, str(uuid.uuid4()), body)

    with step("another under the same name is refused"), refused(400, "RoleAssignmentUpdateNotPermitted"):
        other = role.replace(role.split("/")[-1], "acdd72a7-3385-48ef-bd42-f606fba81ae7")
        client.create(scope, name, {**body, "role_definition_id": other})

    with step("nobody of that id is refused"), refused(400, "PrincipalNotFound"):
        client.create(scope, str(uuid.uuid4()), {"role_definition_id": role, "principal_id": str(uuid.uuid4())})

    with step("assignments are listed by principal, and at the scope"):
        same([found.name for found in client.list_for_scope(scope, filter=f"principalId eq '{principal}'")], [name])
        assert name in [found.name for found in client.list_for_scope(scope, filter="atScope()")]
        assert name in [found.name for found in client.list_for_subscription()]

    with step("the assignment is deleted"):
        same(client.delete(scope, name).name, name)
        same(list(client.list_for_scope(scope, filter=f"principalId eq '{principal}'")), [])


def definitions(client, scope):
    name = str(uuid.uuid4())
    body = {
        "role_name": "Python reader",
        "description": "reads registries",
        "role_type": "CustomRole",
        "assignable_scopes": [scope],
        "permissions": [{"actions": ["Microsoft.ContainerRegistry/registries/read"]}],
    }
    with step("a role of one's own is created, changed, listed and deleted"):
        same(client.create_or_update(scope, name, body).role_name, "Python reader")
        same(client.create_or_update(scope, name, {**body, "description": "changed"}).description, "changed")
        same([role.name for role in client.list(scope, filter="type eq 'CustomRole'")], [name])
        client.delete(scope, name)
        same(list(client.list(scope, filter="type eq 'CustomRole'")), [])

    with step("a role for a subscription that is not one's own is refused"), refused(403, "LinkedAuthorizationFailed"):
        elsewhere = "/subscriptions/0a210000-0000-4000-8000-00000000dead"
        client.create_or_update(scope, name, {**body, "assignable_scopes": [scope, elsewhere]})
