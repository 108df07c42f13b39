"""azure-mgmt-msi: user-assigned identities and their federated credentials."""

from azure.identity import ManagedIdentityCredential
from azure.mgmt.resource.resources import ResourceManagementClient

import credentials
import groups
import workload
from steps import refused, same, step

NAME = "pythonidentity"


def run(azure):
    identities = azure.identities.user_assigned_identities

    with step("an identity is created"):
        identity = identities.create_or_update(groups.GROUP, NAME, {"location": "eastus"})
        same((identity.name, identity.location), (NAME, "eastus"))
        assert identity.principal_id and identity.client_id and identity.tenant_id

    with step("created again it is the same"):
        again = identities.create_or_update(groups.GROUP, NAME, {"location": "eastus", "tags": {"a": "b"}})
        same((again.principal_id, again.client_id), (identity.principal_id, identity.client_id))

    with step("its tags are updated"):
        same(identities.update(groups.GROUP, NAME, {"tags": {"c": "d"}}).tags, {"c": "d"})

    with step("it is listed, in its group and in the subscription"):
        same([found.name for found in identities.list_by_resource_group(groups.GROUP)], [NAME])
        same([found.name for found in identities.list_by_subscription()], [NAME])

    with step("ManagedIdentityCredential signs in as the identity, which has no right yet"), refused(403, "AuthorizationFailed"):
        credentials.run_on_a_machine_with(identity.id)
        credential = ManagedIdentityCredential(client_id=identity.client_id)
        same(credentials.claims(credential.get_token(credentials.MANAGEMENT).token)["oid"], identity.principal_id)
        ResourceManagementClient(credential, azure.subscription).resource_groups.get(groups.GROUP)

    with step("an identity that is not there is a 404"), refused(404, "ResourceNotFound"):
        identities.get(groups.GROUP, "nobody")

    federated(azure.identities.federated_identity_credentials)
    workload.run(azure.identities.federated_identity_credentials, identity)


def federated(client):
    body = {
        "issuer": "https://oidc.example.com/",
        "subject": "system:serviceaccount:default:reader",
        "audiences": ["api://AzureADTokenExchange"],
    }
    with step("a federated credential is created, listed and deleted"):
        made = client.create_or_update(groups.GROUP, NAME, "workload", body)
        same((made.name, made.subject), ("workload", body["subject"]))
        same([found.name for found in client.list(groups.GROUP, NAME)], ["workload"])
        client.delete(groups.GROUP, NAME, "workload")
        same(list(client.list(groups.GROUP, NAME)), [])


def end(azure):
    with step("the identity is deleted"):
        azure.identities.user_assigned_identities.delete(groups.GROUP, NAME)
        same(list(azure.identities.user_assigned_identities.list_by_resource_group(groups.GROUP)), [])
