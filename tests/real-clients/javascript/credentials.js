// The credential classes of @azure/identity.

import assert from "node:assert/strict";

import { ResourceManagementClient } from "@azure/arm-resources";
import { ClientSecretCredential, DefaultAzureCredential, EnvironmentCredential } from "@azure/identity";

import { names, step } from "./steps.js";

const MANAGEMENT = "https://management.azure.com/.default";

export async function run(azure) {
  const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client, AZURE_CLIENT_SECRET: secret } = process.env;

  await step("ClientSecretCredential gets a token for ARM", async () => {
    const { token, expiresOnTimestamp } = await new ClientSecretCredential(tenant, client, secret).getToken(MANAGEMENT);
    const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    assert.deepEqual([claims.appid, claims.tid], [client, tenant]);
    assert(expiresOnTimestamp > 0);
  });

  await step("a wrong secret is AADSTS7000215", async () => {
    await assert.rejects(new ClientSecretCredential(tenant, client, "wrong").getToken(MANAGEMENT), /AADSTS7000215/);
  });

  for (const kind of [EnvironmentCredential, DefaultAzureCredential]) {
    await step(`${kind.name} signs in from the environment`, async () => {
      const resources = new ResourceManagementClient(new kind(), azure.subscription);
      assert.deepEqual(await names(resources.resourceGroups.list()), []);
    });
  }
}
