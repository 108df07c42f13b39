// Azure's management SDK for JavaScript: each client of the slice, from create to delete, with its own pollers and credentials.

import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import { ContainerServiceClient } from "@azure/arm-containerservice";
import { ManagedServiceIdentityClient } from "@azure/arm-msi";
import { ResourceManagementClient } from "@azure/arm-resources";
import { ClientSecretCredential } from "@azure/identity";

import * as clusters from "./clusters.js";
import * as credentials from "./credentials.js";
import * as groups from "./groups.js";
import * as identities from "./identities.js";
import * as registries from "./registries.js";
import * as roles from "./roles.js";

const subscription = process.env.AZURE_SUBSCRIPTION_ID;
const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET } = process.env;
const credential = new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET);

/** The caller's clients. */
const azure = {
  subscription,
  resources: new ResourceManagementClient(credential, subscription),
  registries: new ContainerRegistryManagementClient(credential, subscription),
  clusters: new ContainerServiceClient(credential, subscription),
  identities: new ManagedServiceIdentityClient(credential, subscription),
  authorization: new AuthorizationManagementClient(credential, subscription),
};

await credentials.run(azure);
await groups.run(azure);
await registries.run(azure);
await identities.run(azure);
await roles.run(azure);
await clusters.run(azure);
await groups.end(azure);
