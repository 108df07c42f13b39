// @azure/arm-authorization: assignments and roles of one's own.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { GROUP } from "./groups.js";
import * as identities from "./identities.js";
import * as registries from "./registries.js";
import { all, names, refused, step } from "./steps.js";

export async function run(azure) {
  const group = `/subscriptions/${azure.subscription}/resourceGroups/${GROUP}`;
  const registry = `${group}/providers/Microsoft.ContainerRegistry/registries/${registries.NAME}`;
  const { principalId } = await azure.identities.userAssignedIdentities.get(GROUP, identities.NAME);
  const { roleAssignments, roleDefinitions } = azure.authorization;
  const [role] = await all(roleDefinitions.list(registry, { filter: "roleName eq 'AcrPull'" }));
  await assignments(roleAssignments, registry, { roleDefinitionId: role.id, principalId, principalType: "ServicePrincipal" });
  await definitions(roleDefinitions, group);
  await identities.end(azure);
}

async function assignments(client, scope, body) {
  const name = randomUUID();

  await step("a role is assigned", async () => {
    const made = await client.create(scope, name, body);
    assert.deepEqual([made.name, made.principalId, made.scope], [name, body.principalId, scope]);
  });

  await step("the same under another name is refused", () =>
    refused(409, "RoleAssignmentExists", client.create(scope, randomUUID(), body)));

  await step("a principal of another kind is refused", () =>
    refused(400, "UnmatchedPrincipalType", client.create(scope, randomUUID(), { ...body, principalType: "User" })));

  await step("assignments are listed by principal, and at the scope", async () => {
    assert.deepEqual(await names(client.listForScope(scope, { filter: `principalId eq '${body.principalId}'` })), [name]);
    assert((await names(client.listForScope(scope, { filter: "atScope()" }))).includes(name));
    assert((await names(client.listForSubscription())).includes(name));
  });

  await step("the assignment is deleted", async () => {
    assert.equal((await client.delete(scope, name)).name, name);
    assert.deepEqual(await names(client.listForScope(scope, { filter: `principalId eq '${body.principalId}'` })), []);
  });
}

async function definitions(client, scope) {
  await step("a role of one's own is created, changed, listed and deleted", async () => {
    const name = randomUUID();
    const body = {
      roleName: "JavaScript reader",
      description: "reads registries",
      roleType: "CustomRole",
      assignableScopes: [scope],
      permissions: [{ actions: ["Microsoft.ContainerRegistry/registries/read"] }],
    };
    assert.equal((await client.createOrUpdate(scope, name, body)).roleName, "JavaScript reader");
    assert.equal((await client.createOrUpdate(scope, name, { ...body, description: "changed" })).description, "changed");
    assert.deepEqual(await names(client.list(scope, { filter: "type eq 'CustomRole'" })), [name]);
    await client.delete(scope, name);
    assert.deepEqual(await names(client.list(scope, { filter: "type eq 'CustomRole'" })), []);
  });
}
