// @azure/arm-containerservice: clusters and their pools.

import assert from "node:assert/strict";

import { GROUP } from "./groups.js";
import { names, refused, step } from "./steps.js";

const NAME = "javascriptcluster";
const BODY = {
  location: "eastus",
  identity: { type: "SystemAssigned" },
  dnsPrefix: "javascript",
  agentPoolProfiles: [{ name: "system", mode: "System", count: 1, vmSize: "Standard_DS2_v2", osType: "Linux" }],
};

export async function run({ clusters: { managedClusters, agentPools } }) {
  await life(managedClusters);
  await pools(agentPools);
  await step("the cluster is deleted", async () => {
    await managedClusters.beginDeleteAndWait(GROUP, NAME);
    assert.deepEqual(await names(managedClusters.list()), []);
  });
}

async function life(clusters) {
  await step("a cluster is created", async () => {
    const cluster = await clusters.beginCreateOrUpdateAndWait(GROUP, NAME, BODY);
    assert.deepEqual([cluster.name, cluster.provisioningState], [NAME, "Succeeded"]);
    assert(cluster.identityProfile.kubeletidentity.objectId);
  });

  await step("its tags are updated", async () => {
    const cluster = await clusters.beginUpdateTagsAndWait(GROUP, NAME, { tags: { a: "b" } });
    assert.deepEqual(cluster.tags, { a: "b" });
  });

  await step("the whole cluster is put again, with a change", async () => {
    const cluster = await clusters.get(GROUP, NAME);
    cluster.autoUpgradeProfile = { upgradeChannel: "stable" };
    const changed = await clusters.beginCreateOrUpdateAndWait(GROUP, NAME, cluster);
    assert.equal(changed.autoUpgradeProfile.upgradeChannel, "stable");
  });

  await step("it is listed, in its group and in the subscription", async () => {
    assert.deepEqual(await names(clusters.listByResourceGroup(GROUP)), [NAME]);
    assert.deepEqual(await names(clusters.list()), [NAME]);
  });

  await step("its credentials are a kubeconfig", async () => {
    const { kubeconfigs } = await clusters.listClusterUserCredentials(GROUP, NAME);
    assert.match(Buffer.from(kubeconfigs[0].value).toString(), new RegExp(`current-context: ${NAME}`));
  });

  await step("it is stopped and started", async () => {
    await clusters.beginStopAndWait(GROUP, NAME);
    assert.equal((await clusters.get(GROUP, NAME)).powerState.code, "Stopped");
    await clusters.beginStartAndWait(GROUP, NAME);
    assert.equal((await clusters.get(GROUP, NAME)).powerState.code, "Running");
  });

  await step("a pool's name in capitals is refused", () => {
    const wrong = { ...BODY, agentPoolProfiles: [{ ...BODY.agentPoolProfiles[0], name: "Pool_1" }] };
    return refused(400, "InvalidParameter", clusters.beginCreateOrUpdateAndWait(GROUP, "other", wrong));
  });

  await step("a cluster that is not there is a 404", () => refused(404, "ResourceNotFound", clusters.get(GROUP, "nosuchcluster")));
}

async function pools(agentPools) {
  await step("a pool is added, scaled, listed and deleted", async () => {
    const body = { count: 1, vmSize: "Standard_DS2_v2", osType: "Linux", mode: "User" };
    const pool = await agentPools.beginCreateOrUpdateAndWait(GROUP, NAME, "work", body);
    assert.deepEqual([pool.name, pool.count], ["work", 1]);
    assert.equal((await agentPools.beginCreateOrUpdateAndWait(GROUP, NAME, "work", { ...body, count: 2 })).count, 2);
    assert.deepEqual(await names(agentPools.list(GROUP, NAME)), ["system", "work"]);
    await agentPools.beginDeleteAndWait(GROUP, NAME, "work");
    assert.deepEqual(await names(agentPools.list(GROUP, NAME)), ["system"]);
  });
}
