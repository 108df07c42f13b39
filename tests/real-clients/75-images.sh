#!/usr/bin/env bash
# a team's own images, offline: loaded from archives, imported by az, pulled by pods and by a plain client
. "$(dirname "$0")/lib.sh"

R=imagesregistry
ME=$HOME/images
mkdir -p "$ME"

# An OCI layout of one image for two platforms, and what `docker save` wrote of old.
python3 - "$ME" <<'PYTHON'
import hashlib, json, os, sys, tarfile, io
root = sys.argv[1]
layout = os.path.join(root, "web")
os.makedirs(os.path.join(layout, "blobs/sha256"))
def blob(kind, data):
    digest = hashlib.sha256(data).hexdigest()
    open(os.path.join(layout, "blobs/sha256", digest), "wb").write(data)
    return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}
def layer(text):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("hello.txt"); entry.size = len(text); archive.addfile(entry, io.BytesIO(text))
    return buffer.getvalue()
OCI = "application/vnd.oci.image."
children = []
for architecture in "amd64", "arm64":
    data = layer(b"hello from " + architecture.encode())
    config = {"architecture": architecture, "os": "linux", "config": {"Cmd": ["sleep", "1d"]},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest()]}}
    manifest = {"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                "config": blob(OCI + "config.v1+json", json.dumps(config).encode()), "layers": [blob(OCI + "layer.v1.tar", data)]}
    children.append({**blob(OCI + "manifest.v1+json", json.dumps(manifest).encode()), "platform": {"architecture": architecture, "os": "linux"}})
index = blob(OCI + "index.v1+json", json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": children}).encode())
open(os.path.join(layout, "oci-layout"), "w").write('{"imageLayoutVersion":"1.0.0"}')
index["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
json.dump({"schemaVersion": 2, "manifests": [index]}, open(os.path.join(layout, "index.json"), "w"))
with tarfile.open(os.path.join(root, "web.tar.gz"), "w:gz") as archive:
    archive.add(layout, arcname=".")
data = layer(b"saved")
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sleep", "1d"]},
                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest()]}}).encode()
name = hashlib.sha256(config).hexdigest() + ".json"
with tarfile.open(os.path.join(root, "saved.tar"), "w") as archive:
    for path, content in (("0/layer.tar", data), (name, config),
                          ("manifest.json", json.dumps([{"Config": name, "RepoTags": ["team/saved:v1"], "Layers": ["0/layer.tar"]}]).encode())):
        entry = tarfile.TarInfo(path); entry.size = len(content); archive.addfile(entry, io.BytesIO(content))
whole = open(os.path.join(root, "web.tar.gz"), "rb").read()
open(os.path.join(root, "broken.tar.gz"), "wb").write(whole[: len(whole) // 2])
PYTHON

step "a folder with a layout is loaded" "$AZLET" images load "$ME/web" --as ghcr.io/team/web
  succeeds
  matches '^ghcr\.io +team/web +v1 +sha256:[0-9a-f]{12} +linux/amd64,linux/arm64 +'
step "an archive is loaded under another name" "$AZLET" images load "$ME/web.tar.gz" --as registry.corp.example/team/web:v2
  succeeds
step "what docker save wrote is loaded by its own name" "$AZLET" images load "$ME/saved.tar"
  succeeds
  matches '^docker\.io +team/saved +v1 '
  prints "note: team/saved:v1"
step "a broken archive is refused" "$AZLET" images load "$ME/broken.tar.gz" --as quay.io/team/web:v1
  exits 1
  prints "broken.tar.gz: the archive cannot be read to its end"
step "a file that is not there" "$AZLET" images load "$ME/none.tar"
  exits 1
  prints "none.tar"
step "they are listed" "$AZLET" images list --output json
  succeeds
  prints_lines 1 '"registry": "ghcr.io"'
  prints_lines 0 '"registry": "quay.io"'
step "by curl, as a client without credentials" curl --silent --show-error https://registry.corp.example/v2/team/web/tags/list
  succeeds
  prints '{"name":"team/web","tags":["v2"]}'
step "Docker Hub's token for everyone" bash -c 'curl --silent --fail "https://auth.docker.io/token?service=registry.docker.io&scope=repository:team/saved:pull" | python3 -c "import json, sys; print(json.load(sys.stdin)[\"token\"])" | xargs -I{} curl --silent --output /dev/null --write-out "%{http_code}" -H "Authorization: Bearer {}" https://registry-1.docker.io/v2/team/saved/manifests/v1'
  succeeds
  matches '^200$'

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry" az acr create -n $R -g group --sku Basic -o none
  succeeds
step "import what was loaded" az acr import -n $R --source ghcr.io/team/web:v1 --image web:v1 --image copies/web:v1
  succeeds
step "its platforms came along" az acr manifest list-metadata -r $R -n web --query 'length(@)' -o tsv
  succeeds
  matches '^3$'
step "import again" az acr import -n $R --source ghcr.io/team/web:v1 --image web:v1
  fails
  prints "Tag web:v1 already exists in target registry."
step "import again by force" az acr import -n $R --source ghcr.io/team/web:v1 --image web:v1 --force
  succeeds
step "import what is not there" az acr import -n $R --source ghcr.io/team/none:v1 --image none:v1
  fails
  prints "requested access to the resource is denied"
step "import from a host that nobody named" az acr import -n $R --source registry.unknown.example/team/web:v1 --image none:v1
  fails
  prints "azlet has no network"
step "a cache rule" az acr cache create -r $R -n web-rule -s ghcr.io/team/web -t cached/web -o none
  succeeds

step "a cluster" az aks create -n cluster -g group --generate-ssh-keys --attach-acr $R -o none
  succeeds
step "its credentials" az aks get-credentials -n cluster -g group
  succeeds
step "a pod of a registry outside of Azure" kubectl run outside --image=registry.corp.example/team/web:v2
  succeeds
step "a pod of the cached image" kubectl run cached --image=$R.azurecr.io/cached/web:v1
  succeeds
step "a pod of an image that is not there" kubectl run absent --image=quay.io/team/none:v1
  succeeds
step "both run, the third says why not" eventually kubectl get pods -- 'outside +1/1 +Running'
  matches 'cached +1/1 +Running'
  matches 'absent +0/1 +(ErrImagePull|ImagePullBackOff)'
step "images are removed" "$AZLET" images rm registry.corp.example/team/web
  succeeds
  prints "removed registry.corp.example/team/web:v2"
step "and their host is unknown again" curl --silent --show-error https://registry.corp.example/v2/
  fails
step "an emulator that begins with images" env -u AZLET_ENDPOINT "$AZLET" exec --images "$ME/saved.tar" --images "$ME/web=quay.io/team/web:v3" -- "$AZLET" images list
  succeeds
  matches '^docker\.io +team/saved +v1 '
  matches '^quay\.io +team/web +v3 '
inner='az login --service-principal -u $AZURE_CLIENT_ID -p $AZURE_CLIENT_SECRET --tenant $AZURE_TENANT_ID -o none
  az group create -n group -l eastus -o none
  az acr create -n innerregistry -g group --sku Basic -o none
  az acr import -n innerregistry --source ghcr.io/team/web:v1 --image web:v1 && az acr manifest list-metadata -r innerregistry -n web --query "length(@)" -o tsv
  az acr import -n innerregistry --source docker.io/team/saved:v1 --image saved:v1'
step "another emulator imports from this one over the network, from the host that it may ask" \
  "$AZLET" exec --allow-upstream ghcr.io -- bash -c "$inner"
  fails
  matches '^3$'
  prints 'authentication required'
