// @azure/arm-msi: user-assigned identities and their federated credentials.

import assert from "node:assert/strict";

import { ResourceManagementClient } from "@azure/arm-resources";
import { ManagedIdentityCredential } from "@azure/identity";

import { GROUP } from "./groups.js";
import { names, refused, step } from "./steps.js";

export const NAME = "javascriptidentity";

export async function run({ subscription, identities: { userAssignedIdentities: identities, federatedIdentityCredentials: federated } }) {
  let made;
  await step("an identity is created", async () => {
    made = await identities.createOrUpdate(GROUP, NAME, { location: "eastus" });
    assert(made.principalId && made.clientId && made.tenantId);
  });

  await step("created again it is the same", async () => {
    const again = await identities.createOrUpdate(GROUP, NAME, { location: "eastus" });
    assert.equal(again.principalId, made.principalId);
  });

  await step("its tags are updated", async () => {
    assert.deepEqual((await identities.update(GROUP, NAME, { tags: { a: "b" } })).tags, { a: "b" });
  });

  await step("it is listed, in its group and in the subscription", async () => {
    assert.deepEqual(await names(identities.listByResourceGroup(GROUP)), [NAME]);
    assert.deepEqual(await names(identities.listBySubscription()), [NAME]);
  });

  await step("ManagedIdentityCredential signs in as the identity, which has no right yet", async () => {
    // A machine has tokens for the identities that it carries alone.
    const chosen = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ identities: [made.id] }) };
    assert.equal((await fetch(`${process.env.AZLET_ENDPOINT}/_azlet/machine`, chosen)).status, 204);
    const credential = new ManagedIdentityCredential({ clientId: made.clientId });
    const { token } = await credential.getToken("https://management.azure.com/.default");
    assert.equal(JSON.parse(Buffer.from(token.split(".")[1], "base64url")).oid, made.principalId);
    const resources = new ResourceManagementClient(credential, subscription);
    await refused(403, "AuthorizationFailed", resources.resourceGroups.get(GROUP));
  });

  await step("an identity that is not there is a 404", () => refused(404, "ResourceNotFound", identities.get(GROUP, "nobody")));

  await step("a federated credential lives from create to delete", async () => {
    const body = {
      issuer: "https://oidc.example.com/",
      subject: "system:serviceaccount:default:reader",
      audiences: ["api://AzureADTokenExchange"],
    };
    await federated.createOrUpdate(GROUP, NAME, "workload", body);
    assert.deepEqual(await names(federated.list(GROUP, NAME)), ["workload"]);
    await federated.delete(GROUP, NAME, "workload");
    assert.deepEqual(await names(federated.list(GROUP, NAME)), []);
  });
}

export async function end({ identities: { userAssignedIdentities: identities } }) {
  await step("the identity is deleted", async () => {
    await identities.delete(GROUP, NAME);
    assert.deepEqual(await names(identities.listByResourceGroup(GROUP)), []);
  });
}
