#!/usr/bin/env bash
# docker with an engine of its own: sign-in, build, push, pull, mount, image indexes, delete, and what must be refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
needs docker dockerd busybox

R=dockerregistry
L=$R.azurecr.io
ENGINE="$HOME/engine"
export DOCKER_HOST="unix://$ENGINE/socket" DOCKER_BUILDKIT=0
export DOCKER_CONFIG="$HOME/docker"
trap 'finish_step; stop_engine' EXIT

# log_in USER PASSWORD: as a user does it in a script.
log_in() { docker login "$L" --username "$1" --password-stdin <<<"$2"; }
# away IMAGE: no engine can say that it pulled what it still has.
away() { docker image rm --force "$1" >/dev/null; }

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
registry $R

step "an engine that does not know azlet's authority starts" start_engine without_ca
  succeeds
  prints "dockerd runs"
[ "$code" -eq 0 ] || exit 1
step "it does not trust the registry" log_in "$R" "$ADMIN"
  fails
  prints "x509: certificate signed by unknown authority"
step "the engine stops" stop_engine
  succeeds
step "an engine that knows it starts" start_engine
  succeeds
  prints "dockerd runs"
[ "$code" -eq 0 ] || exit 1

context first
context second
step "build an image" docker build --quiet --tag "$L/team/box:v1" "$HOME/context-first"
  succeeds
  matches '^sha256:[0-9a-f]{64}$'
IMAGE=$(tail -n 1 <<<"$output")
step "push, signed in as nobody" docker push "$L/team/box:v1"
  fails
  prints "unauthorized: authentication required"
step "a wrong password" log_in "$R" wrong
  fails
  prints "unauthorized: authentication required"
step "a service principal's wrong secret" log_in "$READER" wrong
  fails
  prints "unauthorized: Invalid clientid or client secret."
step "the admin signs in" log_in "$R" "$ADMIN"
  succeeds
  prints "Login Succeeded"
step "push" docker push "$L/team/box:v1"
  succeeds
  matches '^v1: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
DIGEST=$(sed -n 's/^v1: digest: \(sha256:[0-9a-f]*\) .*/\1/p' <<<"$output")
step "docker pushes its own kind of manifest" media_type $R team/box:v1
  succeeds
  matches '^application/vnd\.docker\.distribution\.manifest\.v2\+json$'
step "push again: nothing is sent twice" docker push "$L/team/box:v1"
  succeeds
  prints "Layer already exists"
  prints_not ": Pushed"
  prints "v1: digest: $DIGEST"
docker tag "$L/team/box:v1" "$L/other/box:v1"
step "push to another repository: its layers are mounted" docker push "$L/other/box:v1"
  succeeds
  prints "Mounted from team/box"
  prints_not ": Pushed"
  prints "v1: digest: $DIGEST"
step "az lists what docker pushed" az acr repository list -n $R -o tsv
  succeeds
  matches '^team/box$'
  matches '^other/box$'
step "az names the digest that docker named" az acr repository show -n $R --image team/box:v1 --query digest -o tsv
  succeeds
  matches "^$DIGEST\$"

away "$IMAGE"
step "pull by tag" docker pull "$L/team/box:v1"
  succeeds
  prints "Digest: $DIGEST"
  prints "Status: Downloaded newer image for $L/team/box:v1"
step "it is the image that was built" docker image inspect --format '{{.Id}}' "$L/team/box:v1"
  succeeds
  matches "^$IMAGE\$"
step "pull again" docker pull "$L/team/box:v1"
  succeeds
  prints "Image is up to date"
away "$IMAGE"
step "pull by digest" docker pull "$L/team/box@$DIGEST"
  succeeds
  prints "Digest: $DIGEST"
step "a tag that is not there" docker pull "$L/team/box:v9"
  fails
  prints 'manifest tagged by "v9" is not found'
step "a repository that is not there" docker pull "$L/none/box:v1"
  fails
  prints "is not found"
docker tag "$L/team/box@$DIGEST" "$L/team/box:v1"
docker tag "$L/team/box:v1" "$L/team/box:v2"
step "push all tags" docker push --all-tags "$L/team/box"
  succeeds
  prints "v1: digest: $DIGEST"
  prints "v2: digest: $DIGEST"
# docker asks for `pull` alone and does not listen to the challenge, and a registry of Azure wants `metadata_read` for a list of tags.
step "docker cannot list tags, and so not pull them all" docker pull --all-tags "$L/team/box"
  fails
  prints "denied: requested access to the resource is denied"

docker build --quiet --tag "$L/multi/box:amd64" "$HOME/context-first" >/dev/null 2>&1
docker build --quiet --tag "$L/multi/box:arm64" "$HOME/context-second" >/dev/null 2>&1
step "an image for one architecture" docker push "$L/multi/box:amd64"
  succeeds
step "an image for another" docker push "$L/multi/box:arm64"
  succeeds
step "a list of both" docker manifest create "$L/multi/box:all" "$L/multi/box:amd64" "$L/multi/box:arm64"
  succeeds
  prints "Created manifest list $L/multi/box:all"
step "which is for which" docker manifest annotate --os linux --arch arm64 "$L/multi/box:all" "$L/multi/box:arm64"
  succeeds
step "push the list" docker manifest push "$L/multi/box:all"
  succeeds
  matches '^sha256:[0-9a-f]{64}$'
LIST=$(grep -oE '^sha256:[0-9a-f]{64}$' <<<"$output")
step "the list as docker reads it" docker manifest inspect "$L/multi/box@$LIST"
  succeeds
  prints "application/vnd.docker.distribution.manifest.list.v2+json"
  prints '"architecture": "arm64"'
  prints '"architecture": "amd64"'
step "pull from the list" docker pull "$L/multi/box:all"
  succeeds
  prints "Digest: $LIST"

step "sign out" docker logout "$L"
  succeeds
  prints "Removing login credentials for $L"
step "signed out, nothing is pulled" docker pull "$L/team/box:v1"
  fails
  prints "unauthorized"
step "a reader signs in" log_in "$READER" "$(secret_of reader)"
  succeeds
  prints "Login Succeeded"
step "a reader pulls" docker pull "$L/team/box:v1"
  succeeds
  prints "Digest: $DIGEST"
docker tag "$L/team/box:v1" "$L/team/box:reader"
step "a reader does not push" docker push "$L/team/box:reader"
  fails
  prints "denied: requested access to the resource is denied"
step "somebody without a role does not sign in" log_in "$NOBODY" "$(secret_of nobody)"
  fails
  prints "unauthorized"

scoped_token $R boxes team/box content/read content/write
step "the token signs in" log_in boxes "$SCOPED"
  succeeds
  prints "Login Succeeded"
step "it pushes to its repository" docker push "$L/team/box:reader"
  succeeds
  prints "reader: digest: $DIGEST"
step "it pulls from no other" docker pull "$L/other/box:v1"
  fails
  matches 'denied|unauthorized'

docker logout "$L" >/dev/null
step "az signs docker in" az acr login -n $R
  succeeds
  prints "Login Succeeded"
step "what docker keeps of it is no password but a token" python3 -c 'if True:
  import base64, json, sys
  kept = json.load(open(sys.argv[1]))["auths"][sys.argv[2]]
  print(base64.b64decode(kept["auth"]).decode(), "and a token of", kept["identitytoken"].count(".") + 1, "parts")
  ' "$DOCKER_CONFIG/config.json" "$L"
  succeeds
  matches '^00000000-0000-0000-0000-000000000000: and a token of 3 parts$'
docker build --quiet --tag "$L/app:v1" "$HOME/context-second" >/dev/null 2>&1
step "then docker pushes" docker push "$L/app:v1"
  succeeds
  matches '^v1: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
step "and pulls" docker pull "$L/app:v1"
  succeeds
  prints "Image is up to date"
docker tag "$L/app:v1" "$L/mounted/app:v1"
step "and mounts" docker push "$L/mounted/app:v1"
  succeeds
  prints "Mounted from app"
step "docker has no word to delete: az has" az acr repository delete -n $R --image team/box:v1 --yes
  succeeds
  prints_not ERROR
step "the image is gone, with all its tags" docker pull "$L/team/box:v2"
  fails
  prints 'manifest tagged by "v2" is not found'
step "in the other repository it is still there" docker pull "$L/other/box:v1"
  succeeds
  prints "Digest: $DIGEST"
step "it can be pushed again" docker push "$L/team/box:v1"
  succeeds
  prints "v1: digest: $DIGEST"
step "a reader is not signed in by az to delete" as reader az login --service-principal -u $READER -p "$(secret_of reader)" --tenant "$AZURE_TENANT_ID" -o none
  succeeds
step "a reader does not delete" as reader az acr repository delete -n $R --image team/box:v1 --yes
  fails
  matches 'UNAUTHORIZED|unauthorized|denied|authentication required'

step "a public image, from Docker Hub" docker pull nginx:1.29
  succeeds
  prints "Pulling from library/nginx"
  prints "docker.io/library/nginx:1.29"
step "one that Docker Hub does not have" docker pull nginx:none
  fails
  prints "manifest for nginx:none not found"
step "a public image of Microsoft's" docker pull mcr.microsoft.com/mcr/hello-world
  succeeds
  prints "Pulling from mcr/hello-world"
docker tag nginx:1.29 "$L/mirror/nginx:1.29"
step "the public image is pushed to the registry" docker push "$L/mirror/nginx:1.29"
  succeeds
  matches '^1\.29: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
docker tag nginx:1.29 mine/nginx:1.29
step "to Docker Hub nothing is pushed" docker push mine/nginx:1.29
  fails
  matches 'denied: requested access|does not implement writing'

pass_time 4h
step "after three hours az's token is of no use" docker push "$L/app:v1"
  fails
  prints "unauthorized: authentication required"
sign_in_as owner
step "az signs docker in again" as owner az acr login -n $R
  succeeds
  prints "Login Succeeded"
step "docker pushes again" docker push "$L/app:v1"
  succeeds
  prints "Layer already exists"
pass_time 24h
step "the day of the other token is over" log_in boxes "$SCOPED"
  fails
  prints "unauthorized: authentication required"
