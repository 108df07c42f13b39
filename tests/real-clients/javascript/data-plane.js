// @azure/container-registry: repositories, tags and manifests with their locks, blobs in chunks, nobody and others.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";

import { ContainerRegistryClient, ContainerRegistryContentClient, KnownManifestMediaType } from "@azure/container-registry";
import { ClientSecretCredential } from "@azure/identity";

import { all, step } from "./steps.js";

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, READER, READER_SECRET, AZLET_ENDPOINT } = process.env;
const ENDPOINT = `https://${process.env.HOST}`;
const APP = "team/app";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const NOTHING = `sha256:${"0".repeat(64)}`;

const sign = (id, secret) => new ClientSecretCredential(AZURE_TENANT_ID, id, secret);
const owner = () => sign(AZURE_CLIENT_ID, AZURE_CLIENT_SECRET);
const client = new ContainerRegistryClient(ENDPOINT, owner());
const content = new ContainerRegistryContentClient(ENDPOINT, APP, owner());

/** What is asked must end in an answer of this status, whose body says this. */
const answers = (status, message, ask) =>
  assert.rejects(ask, (error) => {
    assert.equal(error.statusCode, status, error.message);
    assert.match(`${error.message} ${error.response?.bodyAsText}`, message);
    return true;
  });

/** The manifest of an image of one layer, whose blobs are uploaded. */
async function image(text) {
  const config = await content.uploadBlob(Buffer.from('{"architecture": "amd64", "os": "linux"}'));
  const layer = await content.uploadBlob(Buffer.from(text));
  return {
    schemaVersion: 2,
    mediaType: KnownManifestMediaType.OciImageManifest,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config.digest, size: config.sizeInBytes },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer.digest, size: layer.sizeInBytes }],
  };
}

async function blobs() {
  const data = randomBytes(9 * 1024 * 1024 + 17);
  let digest;

  await step("a stream of nine megabytes goes up in chunks and comes back", async () => {
    const uploaded = await content.uploadBlob(Readable.from([data.subarray(0, 5000), data.subarray(5000)]));
    assert.equal(uploaded.sizeInBytes, data.length);
    digest = uploaded.digest;
    const found = await buffer((await content.downloadBlob(digest)).content);
    assert(found.equals(data));
  });

  await step("a blob that is deleted is not found", async () => {
    await content.deleteBlob(digest);
    await answers(404, /BLOB_UNKNOWN/, content.downloadBlob(digest));
  });
}

async function manifests() {
  await step("a manifest is set by its tag and got by its digest", async () => {
    const manifest = await image("one");
    const { digest } = await content.setManifest(manifest, { tag: "v1" });
    const found = await content.getManifest(digest);
    assert.deepEqual([found.digest, found.manifest, found.mediaType], [digest, manifest, manifest.mediaType]);
    assert.equal((await content.getManifest("v1")).digest, digest);
  });

  await step("an index of it, and a manifest of Docker's type", async () => {
    const { digest, content: bytes } = await content.getManifest("v1");
    const entry = { mediaType: KnownManifestMediaType.OciImageManifest, digest, size: bytes.length };
    await content.setManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] }, { tag: "index", mediaType: OCI_INDEX });
    const docker = { ...(await image("two")), mediaType: KnownManifestMediaType.DockerManifest };
    await content.setManifest(docker, { tag: "docker", mediaType: KnownManifestMediaType.DockerManifest });
    assert.equal((await content.getManifest("docker")).mediaType, KnownManifestMediaType.DockerManifest);
  });

  await step("a manifest that names what is not there is refused", async () => {
    const manifest = await image("three");
    manifest.layers[0].digest = NOTHING;
    await answers(400, /MANIFEST_BLOB_UNKNOWN/, content.setManifest(manifest, { tag: "broken" }));
  });

  await step("a manifest that is not there is not found", () => answers(404, /MANIFEST_UNKNOWN/, content.getManifest("nothing")));
}

async function lists() {
  await step("repositories are listed, one a page", async () => {
    const other = new ContainerRegistryContentClient(ENDPOINT, "other", owner());
    await other.setManifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }, { tag: "v1", mediaType: OCI_INDEX });
    const pages = await all(client.listRepositoryNames().byPage({ maxPageSize: 1 }));
    assert.deepEqual(pages.map((page) => [...page]), [["other"], [APP]]);
  });

  await step("a repository's properties", async () => {
    const found = await client.getRepository(APP).getProperties();
    assert.deepEqual([found.name, found.tagCount, found.manifestCount], [APP, 3, 3]);
    assert(found.createdOn <= found.lastUpdatedOn);
  });

  await step("manifests in their order, one a page", async () => {
    const pages = client.getRepository(APP).listManifestProperties({ order: "LastUpdatedOnAscending" }).byPage({ maxPageSize: 1 });
    const found = (await all(pages)).flat();
    assert.deepEqual(found.map((entry) => entry.tags), [["v1"], ["index"], ["docker"]]);
    assert.deepEqual([found[0].architecture, found[0].operatingSystem], ["amd64", "linux"]);
  });

  await step("tags, and a tag's manifest", async () => {
    const artifact = client.getArtifact(APP, "v1");
    assert.deepEqual((await all(artifact.listTagProperties())).map((tag) => tag.name), ["docker", "index", "v1"]);
    const { digest } = await artifact.getTagProperties("v1");
    assert.equal((await artifact.getManifestProperties()).digest, digest);
  });

  await step("what is not there has no properties", async () => {
    await answers(404, /NAME_UNKNOWN/, client.getRepository("nothing").getProperties());
    await answers(404, /TAG_UNKNOWN/, client.getArtifact(APP, "v1").getTagProperties("nothing"));
  });
}

async function locks() {
  await step("a tag that may not be written is not set anew", async () => {
    const artifact = client.getArtifact(APP, "v1");
    assert.equal((await artifact.updateTagProperties("v1", { canWrite: false })).canWrite, false);
    await answers(405, /REGISTRY_DISALLOWED_OPERATION/, content.setManifest(await image("four"), { tag: "v1" }));
    await artifact.updateTagProperties("v1", { canWrite: true });
  });

  await step("a manifest that may not be deleted is not", async () => {
    const artifact = client.getArtifact(APP, "docker");
    assert.equal((await artifact.updateManifestProperties({ canDelete: false })).canDelete, false);
    await answers(405, /REGISTRY_DISALLOWED_OPERATION/, artifact.delete());
    await artifact.updateManifestProperties({ canDelete: true });
  });

  await step("a repository that may not be deleted is not", async () => {
    const repository = client.getRepository("other");
    assert.equal((await repository.updateProperties({ canDelete: false })).canDelete, false);
    await answers(405, /REGISTRY_DISALLOWED_OPERATION/, client.deleteRepository("other"));
    assert.equal((await repository.updateProperties({ canDelete: true })).canDelete, true);
  });
}

async function others() {
  await step("a Reader lists and pulls, and changes nothing", async () => {
    const reader = sign(READER, READER_SECRET);
    const found = await all(new ContainerRegistryClient(ENDPOINT, reader).getArtifact(APP, "v1").listTagProperties());
    assert.equal(found.length, 3);
    const mine = new ContainerRegistryContentClient(ENDPOINT, APP, reader);
    assert.equal((await mine.getManifest("v1")).manifest.schemaVersion, 2);
    await answers(401, /UNAUTHORIZED/, mine.uploadBlob(Buffer.from("five")));
    await answers(401, /UNAUTHORIZED/, new ContainerRegistryClient(ENDPOINT, reader).deleteRepository(APP));
  });

  await step("nobody lists and pulls where that is allowed, and deletes nothing", async () => {
    const nobody = new ContainerRegistryClient(ENDPOINT);
    assert.equal((await all(nobody.getArtifact(APP, "v1").listTagProperties())).length, 3);
    const pulled = new ContainerRegistryContentClient(ENDPOINT, APP);
    const { manifest } = await pulled.getManifest("v1");
    assert.equal(String(await buffer((await pulled.downloadBlob(manifest.layers[0].digest)).content)), "one");
    await answers(401, /UNAUTHORIZED/, nobody.deleteRepository(APP));
  });

  await step("a wrong secret is Entra's to refuse", () => {
    const wrong = new ContainerRegistryClient(ENDPOINT, sign(AZURE_CLIENT_ID, "wrong"));
    return assert.rejects(wrong.getRepository(APP).getProperties(), /AADSTS7000215/);
  });

  await step("another resource's token is refused", () => {
    const wrong = new ContainerRegistryClient(ENDPOINT, owner(), { audience: "https://graph.microsoft.com" });
    return answers(401, /^/, wrong.getRepository(APP).getProperties());
  });
}

async function deletes() {
  await step("a tag is deleted, its manifest is not", async () => {
    const artifact = client.getArtifact(APP, "v1");
    const { digest } = await artifact.getManifestProperties();
    await artifact.deleteTag("v1");
    assert.deepEqual((await client.getArtifact(APP, digest).getManifestProperties()).tags, []);
  });

  await step("a manifest is deleted by its tag, and by its digest", async () => {
    await client.getArtifact(APP, "docker").delete();
    await content.deleteManifest((await content.getManifest("index")).digest);
    assert.deepEqual(await all(client.getRepository(APP).listManifestProperties()).then((found) => found.length), 1);
  });

  await step("a repository is deleted", async () => {
    await client.deleteRepository("other");
    assert.deepEqual(await all(client.listRepositoryNames()), [APP]);
  });
}

async function expiry() {
  await step("Entra's token that has expired is refused, a new one is not", async () => {
    const held = owner();
    const before = new ContainerRegistryClient(ENDPOINT, held);
    await before.getRepository(APP).getProperties();
    const body = JSON.stringify({ advance: "4h" });
    const moved = await fetch(`${AZLET_ENDPOINT}/_azlet/clock`, { method: "POST", body, headers: { "content-type": "application/json" } });
    assert.equal(moved.status, 200);
    await answers(401, /^/, new ContainerRegistryClient(ENDPOINT, held).getRepository(APP).getProperties());
    await new ContainerRegistryClient(ENDPOINT, owner()).getRepository(APP).getProperties();
  });
}

await blobs();
await manifests();
await lists();
await locks();
await others();
await deletes();
await expiry();
