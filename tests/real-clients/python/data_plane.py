"""azure-containerregistry: repositories, tags and manifests with their locks, blobs in chunks and ranges, nobody and others."""

import io
import json
import os

from azure.containerregistry import ArtifactManifestOrder, ArtifactTagOrder, ContainerRegistryClient
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.identity import ClientSecretCredential

import emulator
from steps import same, step

HOST = os.environ["HOST"]
APP = "team/app"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def connect(client_id="AZURE_CLIENT_ID", secret="AZURE_CLIENT_SECRET", **options):
    credential = ClientSecretCredential(os.environ["AZURE_TENANT_ID"], os.environ[client_id], os.environ[secret])
    return ContainerRegistryClient(f"https://{HOST}", credential, **options)


def raises(kind, status, ask):
    """What is asked must end in an error of this class; returns it."""
    try:
        ask()
    except kind as error:
        same(getattr(error, "status_code", None), status)
        return error
    raise AssertionError(f"expected {kind.__name__} {status}")


def main():
    client = connect()
    content(client)
    lists(client)
    locks(client)
    reader()
    anonymous()
    refusals()
    deletes(client)
    expiry()


def image(client, text, **more):
    """The manifest of an image of one layer, whose blobs are uploaded."""
    config, size = client.upload_blob(APP, io.BytesIO(b'{"architecture": "arm64", "os": "linux"}'))
    layer, length = client.upload_blob(APP, io.BytesIO(text))
    return {
        "schemaVersion": 2,
        "mediaType": more.pop("media_type", "application/vnd.oci.image.manifest.v1+json"),
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": size},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": length}],
        **more,
    }


def content(client):
    data = os.urandom(9 * 1024 * 1024 + 17)

    with step("a blob of nine megabytes goes up in chunks of four"):
        digest, size = client.upload_blob(APP, io.BytesIO(data))
        same(size, len(data))

    with step("and comes back in ranges of four"):
        with client.download_blob(APP, digest) as stream:
            same(b"".join(stream) == data, True)

    with step("a blob that is not there is not found"):
        raises(ResourceNotFoundError, 404, lambda: client.download_blob(APP, "sha256:" + "0" * 64))

    with step("a blob is deleted, twice without complaint"):
        client.delete_blob(APP, digest)
        client.delete_blob(APP, digest)
        raises(ResourceNotFoundError, 404, lambda: client.download_blob(APP, digest))

    with step("a manifest is set by its tag and got by its digest"):
        manifest = image(client, b"one")
        digest = client.set_manifest(APP, manifest, tag="v1")
        found = client.get_manifest(APP, digest)
        same((found.digest, found.manifest, found.media_type), (digest, manifest, manifest["mediaType"]))

    with step("a manifest of Docker's type keeps it"):
        manifest = image(client, b"two", media_type=DOCKER_MANIFEST)
        manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
        client.set_manifest(APP, manifest, tag="docker", media_type=DOCKER_MANIFEST)
        same(client.get_manifest(APP, "docker").media_type, DOCKER_MANIFEST)

    with step("an index of a manifest without a tag"):
        manifest = image(client, b"three")
        digest = client.set_manifest(APP, manifest)
        size = len(json.dumps(manifest))
        entry = {"mediaType": manifest["mediaType"], "digest": digest, "size": size}
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
        client.set_manifest(APP, index, tag="index", media_type=OCI_INDEX)
        same(client.get_manifest(APP, "index").manifest, index)

    with step("a manifest that names what is not there is refused"):
        manifest = image(client, b"four")
        manifest["layers"][0]["digest"] = "sha256:" + "1" * 64
        error = raises(HttpResponseError, 400, lambda: client.set_manifest(APP, manifest, tag="broken"))
        assert "MANIFEST_BLOB_UNKNOWN" in str(error), error


def lists(client):
    with step("repositories are listed, one a page"):
        for name in ("other/a", "other/b"):
            client.set_manifest(name, io.BytesIO(b'{"schemaVersion": 2, "mediaType": "%s", "manifests": []}' % OCI_INDEX.encode()),
                                tag="v1", media_type=OCI_INDEX)
        same(list(client.list_repository_names(results_per_page=1)), ["other/a", "other/b", APP])

    with step("a repository's properties"):
        found = client.get_repository_properties(APP)
        same((found.name, found.tag_count, found.manifest_count), (APP, 3, 4))
        same((found.can_delete, found.can_read, found.can_list, found.can_write), (True, True, True, True))
        assert found.created_on <= found.last_updated_on, found

    with step("tags in their order, one a page"):
        tags = [tag.name for tag in client.list_tag_properties(APP, results_per_page=1)]
        same(tags, ["docker", "index", "v1"])
        by_time = client.list_tag_properties(APP, order_by=ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING)
        same([tag.name for tag in by_time], ["index", "docker", "v1"])

    with step("manifests in their order, one a page"):
        found = list(client.list_manifest_properties(APP, results_per_page=1, order_by=ArtifactManifestOrder.LAST_UPDATED_ON_ASCENDING))
        same([entry.tags or [] for entry in found], [["v1"], ["docker"], [], ["index"]])
        same((found[0].architecture, found[0].operating_system), ("arm64", "linux"))
        same(found[0].repository_name, APP)

    with step("a manifest's properties, by tag and by digest"):
        tag = client.get_tag_properties(APP, "v1")
        found = client.get_manifest_properties(APP, "v1")
        same((found.digest, found.tags), (tag.digest, ["v1"]))
        same(client.get_manifest_properties(APP, tag.digest).size_in_bytes, found.size_in_bytes)

    with step("what is not there has no properties"):
        raises(ResourceNotFoundError, 404, lambda: client.get_repository_properties("team/nothing"))
        raises(ResourceNotFoundError, 404, lambda: client.get_tag_properties(APP, "nothing"))
        raises(ResourceNotFoundError, 404, lambda: client.get_manifest_properties(APP, "sha256:" + "0" * 64))


def locks(client):
    with step("a tag that may not be written is not set anew"):
        found = client.update_tag_properties(APP, "v1", can_write=False)
        same((found.can_write, found.can_delete), (False, True))
        raises(HttpResponseError, 405, lambda: client.set_manifest(APP, image(client, b"five"), tag="v1"))
        client.update_tag_properties(APP, "v1", can_write=True)

    with step("a manifest that may not be deleted is not"):
        found = client.update_manifest_properties(APP, "docker", can_delete=False)
        same(found.can_delete, False)
        raises(HttpResponseError, 405, lambda: client.delete_manifest(APP, "docker"))
        client.update_manifest_properties(APP, "docker", can_delete=True)

    with step("a repository that may not be deleted is not"):
        properties = client.get_repository_properties("other/b")
        properties.can_delete = False
        same(client.update_repository_properties("other/b", properties).can_delete, False)
        raises(HttpResponseError, 405, lambda: client.delete_repository("other/b"))
        same(client.update_repository_properties("other/b", can_delete=True).can_delete, True)


def reader():
    client = connect("READER", "READER_SECRET")
    with step("a Reader lists and pulls"):
        same(len(list(client.list_tag_properties(APP))), 3)
        same(client.get_manifest(APP, "v1").manifest["schemaVersion"], 2)

    with step("a Reader changes nothing"):
        raises(ClientAuthenticationError, 401, lambda: client.upload_blob(APP, io.BytesIO(b"six")))
        raises(ClientAuthenticationError, 401, lambda: client.update_tag_properties(APP, "v1", can_write=False))
        raises(ClientAuthenticationError, 401, lambda: client.delete_repository(APP))


def anonymous():
    client = ContainerRegistryClient(f"https://{HOST}")
    with step("nobody pulls and lists where that is allowed"):
        same([tag.name for tag in client.list_tag_properties(APP)], ["docker", "index", "v1"])
        layer = client.get_manifest(APP, "v1").manifest["layers"][0]
        same(b"".join(client.download_blob(APP, layer["digest"])), b"one")

    with step("nobody deletes"):
        raises(ClientAuthenticationError, 401, lambda: client.delete_repository(APP))


def refusals():
    with step("a wrong secret is Entra's to refuse"):
        os.environ["WRONG"] = "wrong"
        client = connect("AZURE_CLIENT_ID", "WRONG")
        error = raises(ClientAuthenticationError, None, lambda: client.get_repository_properties(APP))
        assert "AADSTS7000215" in error.message, error.message

    with step("another resource's token is refused"):
        client = connect(audience="https://graph.microsoft.com")
        raises(ClientAuthenticationError, 401, lambda: client.get_repository_properties(APP))

    with step("without the authority nothing is asked"):
        hidden = {name: os.environ.pop(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")}
        client = ContainerRegistryClient(f"https://{HOST}", retry_total=0)
        error = raises(ServiceRequestError, None, lambda: client.get_repository_properties(APP))
        os.environ.update(hidden)
        assert "CERTIFICATE_VERIFY_FAILED" in str(error), error


def deletes(client):
    with step("a tag is deleted, its manifest is not"):
        digest = client.get_tag_properties(APP, "v1").digest
        client.delete_tag(APP, "v1")
        client.delete_tag(APP, "v1")
        same(client.get_manifest_properties(APP, digest).tags or [], [])

    with step("a manifest is deleted by its tag"):
        client.delete_manifest(APP, "docker")
        raises(ResourceNotFoundError, 404, lambda: client.get_tag_properties(APP, "docker"))

    with step("a repository is deleted, twice without complaint"):
        client.delete_repository("other/a")
        client.delete_repository("other/a")
        same(list(client.list_repository_names()), ["other/b", APP])


def expiry():
    with step("Entra's token that has expired is refused, a new one is not"):
        client = connect()
        same(len(list(client.list_tag_properties(APP))), 1)
        emulator.pass_time("4h")
        raises(ClientAuthenticationError, 401, lambda: list(client.list_tag_properties(APP)))
        same(len(list(connect().list_tag_properties(APP))), 1)


if __name__ == "__main__":
    main()
