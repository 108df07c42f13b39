"""oras for Python. Its `basic` backend shows a user's password with each request, its `token` backend gets a token for the first
scope that it is asked for and shows it from then on: enough to pull and list, too little to push after a look for the blob."""

import os
import pathlib
import types

import oras.client
import oras.decorator
import requests
from oras.logger import logger

import emulator
from steps import same, step

HOST = os.environ["HOST"]
USER = HOST.split(".")[0]
APP = f"{HOST}/team/app:v1"
OTHER = f"{HOST}/team/other:v1"


def client(user=None, password=None, backend="basic"):
    """A client that has signed in without asking a container engine."""
    made = oras.client.OrasClient(hostname=HOST, auth_backend=backend)
    if user:
        made.auth.set_basic_auth(user, password)
    return made


def refused(message, ask):
    """What is asked must end in an error that says this."""
    try:
        ask()
    except (ValueError, requests.RequestException) as error:
        assert message in str(error), error
    else:
        raise AssertionError(f"expected {message}")


def main():
    logger.logger.setLevel("CRITICAL")
    # It tries a refused request five times more, over two minutes: it does so here without the pauses.
    oras.decorator.time = types.SimpleNamespace(sleep=lambda seconds: None)
    pathlib.Path("hello.txt").write_text("hello\n", encoding="ascii")
    pathlib.Path("large.bin").write_bytes(os.urandom(5_000_000))
    pathlib.Path("tree/leaf").mkdir(parents=True)
    pathlib.Path("tree/leaf/file").write_text("leaf", encoding="ascii")
    life(client(USER, os.environ["ADMIN"]))
    others()
    refusals()


def life(admin):
    with step("a file and a folder are pushed"):
        answer = admin.push(target=APP, files=["hello.txt:text/plain", "tree"], manifest_annotations={"a": "b"}, quiet=True)
        same(answer.status_code, 201)

    with step("a blob is pushed in chunks of a megabyte"):
        answer = admin.push(target=OTHER, files=["large.bin"], do_chunked=True, chunk_size=1_000_000, quiet=True)
        same(answer.status_code, 201)

    with step("they come back the same"):
        admin.pull(target=APP, outdir="app")
        same(pathlib.Path("app/hello.txt").read_text(encoding="ascii"), "hello\n")
        same(pathlib.Path("app/tree/leaf/file").read_text(encoding="ascii"), "leaf")
        admin.pull(target=OTHER, outdir="other")
        same(pathlib.Path("other/large.bin").read_bytes(), pathlib.Path("large.bin").read_bytes())

    with step("a manifest says what was pushed"):
        manifest = admin.get_manifest(APP)
        same((manifest["annotations"], len(manifest["layers"])), ({"a": "b"}, 2))

    with step("tags are listed, through pages of one"):
        for tag in ("v2", "v3"):
            admin.push(target=f"{HOST}/team/app:{tag}", files=["hello.txt"], quiet=True)
        same(admin.get_tags(APP), ["v1", "v2", "v3"])
        same(admin.get_tags(APP, N=1), ["v1"])

    with step("a blob is asked for"):
        layer = admin.get_manifest(APP)["layers"][0]
        same(admin.blob_exists(layer, admin.get_container(APP)), True)
        same(admin.get_blob(APP, layer["digest"]).content, b"hello\n")
        same(admin.get_blob(APP, "sha256:" + "0" * 64).status_code, 404)

    with step("an image is deleted by its tag"):
        same(admin.delete_tags(APP, ["v1", "nothing"]), ["v1"])
        refused("Not Found", lambda: admin.get_manifest(APP))


def others():
    with step("a token for the first scope is enough to pull"):
        puller = client("limited", os.environ["LIMITED"], "token")
        same(len(puller.pull(target=OTHER, outdir="limited")), 1)

    with step("and another for the list of tags"):
        same(client("limited", os.environ["LIMITED"], "token").get_tags(OTHER), ["v1"])

    with step("the token for another repository pulls no other"):
        refused("Unauthorized", lambda: client("limited", os.environ["LIMITED"], "token").get_manifest(f"{HOST}/team/app:v2"))

    with step("a Reader pulls and does not push"):
        reader = client(os.environ["READER"], os.environ["READER_SECRET"])
        same(len(reader.pull(target=OTHER, outdir="reader")), 1)
        refused("Issue", lambda: reader.push(target=OTHER, files=["hello.txt"], quiet=True))


def refusals():
    with step("nobody is refused"):
        refused("Cannot respond", lambda: client(backend="token").get_manifest(OTHER))

    with step("a wrong password is refused"):
        refused("Cannot respond", lambda: client(USER, "wrong", "token").get_manifest(OTHER))

    with step("without the authority nothing is asked"):
        bundle = os.environ.pop("REQUESTS_CA_BUNDLE")
        curls = os.environ.pop("CURL_CA_BUNDLE")
        try:
            refused("CERTIFICATE_VERIFY_FAILED", lambda: client(USER, os.environ["ADMIN"]).get_manifest(OTHER))
        finally:
            os.environ.update(REQUESTS_CA_BUNDLE=bundle, CURL_CA_BUNDLE=curls)

    with step("a refresh token is a password for three hours"):
        holder = client(os.environ["NO_ONE"], os.environ["REFRESH"], "token")
        same(holder.get_tags(OTHER), ["v1"])
        emulator.pass_time("4h")
        refused("Unauthorized", lambda: holder.get_tags(OTHER))
        refused("Cannot respond", lambda: client(os.environ["NO_ONE"], os.environ["REFRESH"], "token").get_tags(OTHER))


if __name__ == "__main__":
    main()
