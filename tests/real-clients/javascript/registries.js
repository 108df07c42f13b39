// @azure/arm-containerregistry: registries and what lies in them.

import assert from "node:assert/strict";

import { GROUP } from "./groups.js";
import { all, names, refused, step } from "./steps.js";

export const NAME = "javascriptregistry";
const SOURCE = { registryUri: "docker.io", sourceImage: "library/nginx:latest" };

export async function run({ registries: client }) {
  await life(client.registries);
  await children(client);
}

async function life(registries) {
  const check = { name: NAME, type: "Microsoft.ContainerRegistry/registries" };

  await step("a registry is created", async () => {
    assert.equal((await registries.checkNameAvailability(check)).nameAvailable, true);
    const registry = await registries.beginCreateAndWait(GROUP, NAME, { location: "eastus", sku: { name: "Premium" } });
    assert.deepEqual([registry.name, registry.loginServer], [NAME, `${NAME}.azurecr.io`]);
    assert.equal((await registries.checkNameAvailability(check)).nameAvailable, false);
  });

  await step("the registry is updated", async () => {
    await registries.beginUpdateAndWait(GROUP, NAME, { adminUserEnabled: true, tags: { a: "b" } });
    const registry = await registries.get(GROUP, NAME);
    assert.deepEqual([registry.adminUserEnabled, registry.tags], [true, { a: "b" }]);
  });

  await step("the admin's passwords, and one of them new", async () => {
    const before = await registries.listCredentials(GROUP, NAME);
    const after = await registries.regenerateCredential(GROUP, NAME, { name: "password2" });
    assert.equal(after.username, NAME);
    assert.equal(after.passwords[0].value, before.passwords[0].value);
    assert.notEqual(after.passwords[1].value, before.passwords[1].value);
  });

  await step("an image is imported, but not twice", async () => {
    const parameters = { source: SOURCE, targetTags: ["nginx:v1"], mode: "NoForce" };
    await registries.beginImportImageAndWait(GROUP, NAME, parameters);
    await assert.rejects(registries.beginImportImageAndWait(GROUP, NAME, parameters), /already exists/);
  });

  await step("the registry is listed, in its group and in the subscription", async () => {
    assert.deepEqual(await names(registries.listByResourceGroup(GROUP)), [NAME]);
    assert.deepEqual(await names(registries.list()), [NAME]);
  });

  await step("a name that breaks the rules is refused", () =>
    refused(400, "InvalidRegistryName", registries.beginCreateAndWait(GROUP, "a-b", { location: "eastus", sku: { name: "Basic" } })));

  await step("a registry that is not there is a 404", () =>
    refused(404, "ResourceNotFound", registries.get(GROUP, "nosuchregistry")));
}

async function children({ registries, scopeMaps, tokens, webhooks, replications, cacheRules }) {
  await step("a scope map and a token live from create to delete", async () => {
    const scope = await scopeMaps.beginCreateAndWait(GROUP, NAME, "readers", { actions: ["repositories/nginx/content/read"] });
    const token = await tokens.beginCreateAndWait(GROUP, NAME, "reader", { scopeMapId: scope.id });
    assert.equal(token.status, "enabled");
    const secret = await registries.beginGenerateCredentialsAndWait(GROUP, NAME, { tokenId: token.id });
    assert.equal(secret.passwords.length, 2);
    await tokens.beginDeleteAndWait(GROUP, NAME, "reader");
    await scopeMaps.beginDeleteAndWait(GROUP, NAME, "readers");
    assert.deepEqual(await all(tokens.list(GROUP, NAME)), []);
  });

  await step("a webhook lives from create to delete", async () => {
    const body = { location: "eastus", serviceUri: "https://example.com/hook", actions: ["push"] };
    await webhooks.beginCreateAndWait(GROUP, NAME, "pushes", body);
    assert((await webhooks.ping(GROUP, NAME, "pushes")).id);
    assert.deepEqual(await names(webhooks.list(GROUP, NAME)), ["pushes"]);
    await webhooks.beginDeleteAndWait(GROUP, NAME, "pushes");
    assert.deepEqual(await names(webhooks.list(GROUP, NAME)), []);
  });

  await step("a replication lives from create to delete", async () => {
    await replications.beginCreateAndWait(GROUP, NAME, "westeurope", { location: "westeurope" });
    assert.deepEqual(await names(replications.list(GROUP, NAME)), ["eastus", "westeurope"]);
    await replications.beginDeleteAndWait(GROUP, NAME, "westeurope");
  });

  await step("a cache rule lives from create to delete", async () => {
    const body = { sourceRepository: "docker.io/library/nginx", targetRepository: "mirror/nginx" };
    await cacheRules.beginCreateAndWait(GROUP, NAME, "hubrule", body);
    assert.deepEqual(await names(cacheRules.list(GROUP, NAME)), ["hubrule"]);
    await cacheRules.beginDeleteAndWait(GROUP, NAME, "hubrule");
    assert.deepEqual(await names(cacheRules.list(GROUP, NAME)), []);
  });
}
