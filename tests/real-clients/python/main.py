"""Azure's management SDK for Python: each client of the slice, from create to delete, with its own pollers and credentials."""

import os

from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.resource.resources import ResourceManagementClient

import certificates
import clusters
import credentials
import groups
import identities
import logs
import registries
import roles


class Azure:
    """One caller's clients."""

    def __init__(self, credential, subscription):
        self.credential = credential
        self.subscription = subscription
        self.resources = ResourceManagementClient(credential, subscription)
        self.registries = ContainerRegistryManagementClient(credential, subscription)
        self.clusters = ContainerServiceClient(credential, subscription)
        self.identities = ManagedServiceIdentityClient(credential, subscription)
        self.authorization = AuthorizationManagementClient(credential, subscription)


def main():
    environment = os.environ
    tenant = environment["AZURE_TENANT_ID"]
    subscription = environment["AZURE_SUBSCRIPTION_ID"]
    secret = ClientSecretCredential(tenant, environment["AZURE_CLIENT_ID"], environment["AZURE_CLIENT_SECRET"])
    azure = Azure(secret, subscription)
    credentials.run(azure)
    certificates.run()
    groups.run(azure)
    registries.run(azure)
    logs.run(azure)
    identities.run(azure)
    clusters.run(azure)
    roles.run(azure)
    groups.end(azure)


if __name__ == "__main__":
    main()
