// @azure/arm-resources: groups, resources in general, providers.

import assert from "node:assert/strict";

import { all, names, refused, step } from "./steps.js";

export const GROUP = "javascript";

export async function run({ resources: { resourceGroups, providers } }) {
  await step("a group is created", async () => {
    const group = await resourceGroups.createOrUpdate(GROUP, { location: "eastus", tags: { made: "by javascript" } });
    assert.deepEqual([group.name, group.location, group.properties.provisioningState], [GROUP, "eastus", "Succeeded"]);
  });

  await step("a group is there, and another is not", async () => {
    assert.equal((await resourceGroups.checkExistence(GROUP)).body, true);
    assert.equal((await resourceGroups.checkExistence("nosuchgroup")).body, false);
  });

  await step("a group gets other tags, and is found by them", async () => {
    const group = await resourceGroups.update(GROUP, { tags: { made: "by patch" } });
    assert.deepEqual(group.tags, { made: "by patch" });
    const filter = "tagName eq 'made' and tagValue eq 'by patch'";
    assert.deepEqual(await names(resourceGroups.list({ filter })), [GROUP]);
  });

  await step("a group that is not there is a 404", () =>
    refused(404, "ResourceGroupNotFound", resourceGroups.get("nosuchgroup")));

  await step("a provider tells its types", async () => {
    const provider = await providers.get("Microsoft.ContainerService");
    assert.equal(provider.registrationState, "Registered");
    assert(provider.resourceTypes.some((type) => type.resourceType === "managedClusters"));
  });
}

export async function end({ resources }) {
  await step("the group is deleted with everything in it", async () => {
    await resources.resourceGroups.beginDeleteAndWait(GROUP);
    assert.deepEqual(await all(resources.resources.list()), []);
  });
}
