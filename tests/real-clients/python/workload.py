"""Workload identity: a token of another issuer, exchanged for one of Entra by azure-identity."""

import json
import os
import tempfile
import time
import urllib.request

import jwt
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import WorkloadIdentityCredential
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

import credentials
import groups
from steps import same, step

ISSUER = "https://oidc.example.com/python/"
SUBJECT = "system:serviceaccount:default:python"
AUDIENCE = "api://AzureADTokenExchange"


def run(client, identity):
    """The identity trusts the issuer and subject, and nobody else's."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    publish(key)

    with step("WorkloadIdentityCredential signs in as an identity that trusts the token"):
        body = {"issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE]}
        client.create_or_update(groups.GROUP, identity.name, "python", body)
        token = credential(identity, sign(key, SUBJECT)).get_token(credentials.MANAGEMENT).token
        same(credentials.claims(token)["oid"], identity.principal_id)

    with step("a token for another subject is AADSTS700213"):
        try:
            credential(identity, sign(key, "system:serviceaccount:default:other")).get_token(credentials.MANAGEMENT)
        except ClientAuthenticationError as error:
            assert "AADSTS700213" in error.message, error.message
        else:
            raise AssertionError("a token for a subject that is not trusted")


def publish(key):
    """Tells azlet the issuer's keys, which Entra would fetch from the issuer."""
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    body = {"issuer": ISSUER, "jwks": {"keys": [{**public, "kid": "python", "use": "sig"}]}}
    request = urllib.request.Request(
        f"{os.environ['AZLET_ENDPOINT']}/_azlet/issuers",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()


def sign(key, subject):
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": subject, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 600}
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "python"})


def credential(identity, token):
    """What a pod has: the file that Kubernetes keeps its token in."""
    with tempfile.NamedTemporaryFile("w", suffix=".jwt", delete=False) as file:
        file.write(token)
    return WorkloadIdentityCredential(
        tenant_id=os.environ["AZURE_TENANT_ID"], client_id=identity.client_id, token_file_path=file.name
    )
