"""An application that signs in by certificate; it is put into the directory through Graph."""

import base64
import datetime
import os

import requests
from azure.identity import CertificateCredential, ClientSecretCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

import credentials
from steps import same, step


def run():
    with step("CertificateCredential signs in as an application that has the certificate"):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = of(key)
        application = register(certificate)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        credential = CertificateCredential(
            os.environ["AZURE_TENANT_ID"],
            application,
            certificate_data=private + certificate.public_bytes(serialization.Encoding.PEM),
        )
        same(credentials.claims(credential.get_token(credentials.MANAGEMENT).token)["appid"], application)


def of(key):
    """A certificate that the key signed itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "python")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    return builder.not_valid_after(now + datetime.timedelta(days=90)).sign(key, hashes.SHA256())


def register(certificate):
    """An application with this certificate, and its service principal; returns the application's id."""
    owner = ClientSecretCredential(*(os.environ[f"AZURE_{name}"] for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")))
    token = owner.get_token("https://graph.microsoft.com/.default").token
    der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    body = {
        "displayName": "python",
        "keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": der, "displayName": "CN=python"}],
    }
    application = ask(token, "applications", body)["appId"]
    ask(token, "servicePrincipals", {"appId": application})
    return application


def ask(token, collection, body):
    url = f"https://graph.microsoft.com/v1.0/{collection}"
    answer = requests.post(url, json=body, headers={"authorization": f"Bearer {token}"}, timeout=20)
    same((answer.status_code, answer.text if answer.status_code != 201 else ""), (201, ""))
    return answer.json()
