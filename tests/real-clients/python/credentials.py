"""The credential classes of azure-identity."""

import base64
import json
import os
import urllib.request

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential, EnvironmentCredential
from azure.mgmt.resource.resources import ResourceManagementClient

from steps import same, step

MANAGEMENT = "https://management.azure.com/.default"


def claims(token):
    """What an access token says, unverified."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def run_on_a_machine_with(identity):
    """Tells azlet which identity the machine carries: it has tokens for no other."""
    url = f"{os.environ['AZLET_ENDPOINT']}/_azlet/machine"
    body = json.dumps({"identities": [identity]}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()


def run(azure):
    tenant, client, secret = (os.environ[f"AZURE_{name}"] for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"))

    with step("ClientSecretCredential gets a token for ARM"):
        found = claims(ClientSecretCredential(tenant, client, secret).get_token(MANAGEMENT).token)
        same((found["appid"], found["tid"], found["idtyp"]), (client, tenant, "app"))

    with step("a wrong secret is AADSTS7000215"):
        try:
            ClientSecretCredential(tenant, client, "wrong").get_token(MANAGEMENT)
        except ClientAuthenticationError as error:
            assert "AADSTS7000215" in error.message, error.message
        else:
            raise AssertionError("a token for a wrong secret")

    with step("an unknown tenant is AADSTS90002"):
        try:
            ClientSecretCredential("0a210000-0000-4000-8000-00000000dead", client, secret).get_token(MANAGEMENT)
        except (ClientAuthenticationError, ValueError) as error:
            assert "AADSTS90002" in str(error) or "authority" in str(error).lower(), error
        else:
            raise AssertionError("a token of an unknown tenant")

    for kind in (EnvironmentCredential, DefaultAzureCredential):
        with step(f"{kind.__name__} signs in from the environment"):
            client_of_kind = ResourceManagementClient(kind(), azure.subscription)
            same(list(client_of_kind.resource_groups.list()), [])
