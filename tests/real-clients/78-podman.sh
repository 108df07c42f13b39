#!/usr/bin/env bash
# podman and buildah: sign-in, build, push, pull, mount, image indexes, search, delete, and what must be refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
needs podman buildah busybox

R=podmanregistry
L=$R.azurecr.io

# log_in TOOL USER PASSWORD: as a user does it in a script.
log_in() { "$1" login --username "$2" --password-stdin "$L" <<<"$3"; }
away() { podman rmi --all --force; }

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
registry $R
context first
context second

step "buildah builds an image" buildah bud --isolation chroot --tag "$L/team/box:v1" "$HOME/context-first"
  succeeds
  prints "Successfully tagged $L/team/box:v1"
step "podman sees it" podman image inspect --format '{{.Id}}' "$L/team/box:v1"
  succeeds
  matches '^[0-9a-f]{64}$'
IMAGE=$output
step "without azlet's authority nobody signs in" without_ca podman login "$L" --username "$R" --password "$ADMIN"
  exits 125
  matches 'x509: certificate signed by unknown authority'
step "nor is anything pushed" without_ca buildah push "$L/team/box:v1"
  exits 125
  matches 'x509: certificate signed by unknown authority'
step "push, signed in as nobody" podman push "$L/team/box:v1"
  exits 125
  matches 'unauthorized: authentication required'
step "podman: a wrong password" log_in podman "$R" wrong
  exits 125
  prints "invalid username/password"
step "buildah: a wrong password" log_in buildah "$R" wrong
  exits 125
  prints "invalid username/password"
step "a service principal's wrong secret" log_in podman $READER wrong
  exits 125
  prints "invalid username/password"
step "somebody without a role does not sign in" log_in podman $NOBODY "$(secret_of nobody)"
  exits 125
  prints "invalid username/password"
step "the admin signs in" log_in podman "$R" "$ADMIN"
  succeeds
  prints "Login Succeeded!"
step "who is signed in" podman login --get-login "$L"
  succeeds
  matches "^$R\$"

step "podman pushes" podman push --digestfile "$HOME/digest" "$L/team/box:v1"
  succeeds
  prints "Writing manifest to image destination"
DIGEST=$(cat "$HOME/digest")
step "podman pushes an OCI manifest" media_type $R team/box:v1
  succeeds
  matches '^application/vnd\.oci\.image\.manifest\.v1\+json$'
step "az names the digest that podman named" az acr repository show -n $R --image team/box:v1 --query digest -o tsv
  succeeds
  matches "^$DIGEST\$"
step "podman pushes docker's kind of manifest where it is told to" podman push --format v2s2 "$L/team/box:v1" "docker://$L/team/box:v2s2"
  succeeds
step "and that is what is there" media_type $R team/box:v2s2
  succeeds
  matches '^application/vnd\.docker\.distribution\.manifest\.v2\+json$'
step "buildah pushes with a password of its own" env XDG_RUNTIME_DIR="$HOME/elsewhere" buildah push --creds "$R:$ADMIN" "$L/team/box:v1" "docker://$L/other/box:v1"
  succeeds
  prints "Writing manifest to image destination"
step "the tags, as podman lists them" podman search --list-tags "$L/team/box"
  succeeds
  matches "^$L/team/box +v1\$"
  matches "^$L/team/box +v2s2\$"
step "the repositories, as podman finds them" podman search --format '{{.Name}}' "$L/box"
  succeeds
  matches "^$L/other/box\$"
  matches "^$L/team/box\$"
step "az lists what was pushed" az acr repository show-tags -n $R --repository team/box -o tsv
  succeeds
  matches '^v1$'
  matches '^v2s2$'

step "podman forgets it" away
  succeeds
step "podman pulls by tag" podman pull --quiet "$L/team/box:v1"
  succeeds
  matches "^$IMAGE\$"
step "podman pulls by digest" podman pull --quiet "$L/team/box@$DIGEST"
  succeeds
  matches "^$IMAGE\$"
step "what was pulled is what was built" podman image inspect --format '{{.Digest}}' "$L/team/box:v1"
  succeeds
  matches "^$DIGEST\$"
step "buildah pulls" buildah pull --quiet "$L/other/box:v1"
  succeeds
  matches "^$IMAGE\$"
step "podman pulls all tags" podman pull --quiet --all-tags "$L/team/box"
  succeeds
  prints "$IMAGE"
step "they are two" podman images --format '{{.Tag}}' "$L/team/box"
  succeeds
  matches '^v1$'
  matches '^v2s2$'
step "to a third repository the layers are mounted" podman --log-level debug push "$L/team/box:v1" "docker://$L/third/box:v1"
  succeeds
  prints "... mount OK"
  matches 'Skipping blob sha256:[0-9a-f]{64} \(already present\)'
step "a tag that is not there" podman pull "$L/team/box:v9"
  exits 125
  prints 'manifest tagged by "v9" is not found'
step "a repository that is not there" podman pull "$L/none/box:v1"
  exits 125
  prints "is not found"
step "a digest that is not there" podman pull "$L/team/box@sha256:$(printf '0%.0s' {1..64})"
  exits 125
  prints "manifest sha256:0000"

step "buildah builds for two architectures" buildah bud --isolation chroot --platform linux/amd64,linux/arm64 --manifest multi "$HOME/context-second"
  succeeds
step "podman knows the index" podman manifest inspect multi
  succeeds
  prints '"architecture": "arm64"'
  prints '"architecture": "amd64"'
step "podman pushes the index with all that it names" podman manifest push --all multi "docker://$L/multi/box:v1"
  succeeds
step "az sees an index" az acr manifest show -r $R -n multi/box:v1 --query "[mediaType, manifests[].platform.architecture]" -o json
  succeeds
  prints "application/vnd.oci.image.index.v1+json"
  prints '"arm64"'
step "three manifests lie there" az acr manifest list-metadata -r $R -n multi/box --query "length(@)" -o tsv
  succeeds
  matches '^3$'
step "buildah pushes it as docker's list" buildah manifest push --all --format v2s2 multi "docker://$L/multi/box:v2s2"
  succeeds
step "az sees a list" media_type $R multi/box:v2s2
  succeeds
  matches '^application/vnd\.docker\.distribution\.manifest\.list\.v2\+json$'
step "podman reads the index of the registry" podman manifest inspect "$L/multi/box:v1"
  succeeds
  prints '"architecture": "arm64"'
step "podman pulls one of it" podman pull --quiet --arch arm64 "$L/multi/box:v1"
  succeeds
step "the one that was asked for" podman image inspect --format '{{.Architecture}}' "$L/multi/box:v1"
  succeeds
  matches '^arm64$'
step "an architecture that it does not have" podman pull --arch s390x "$L/multi/box:v1"
  exits 125
  matches 'no image found in (image index|manifest list) for architecture s390x'
step "an index made by hand" podman manifest create byhand "docker://$L/team/box:v1"
  succeeds
step "with a second member" podman manifest add --arch arm64 byhand "docker://$L/other/box:v1"
  succeeds
step "is pushed" podman manifest push --all byhand "docker://$L/multi/byhand:v1"
  succeeds
step "and lies there" podman search --list-tags "$L/multi/byhand"
  succeeds
  matches "^$L/multi/byhand +v1\$"

step "podman signs out" podman logout "$L"
  succeeds
  prints "Removed login credentials for $L"
step "signed out, nothing is pulled" podman pull "$L/team/box:v1"
  exits 125
  matches 'unauthorized: authentication required'
step "a reader signs in" log_in buildah $READER "$(secret_of reader)"
  succeeds
  prints "Login Succeeded!"
step "a reader pulls" podman pull --quiet "$L/team/box:v1"
  succeeds
  matches "^$IMAGE\$"
step "a reader does not push" podman push "$L/team/box:v1" "docker://$L/team/box:reader"
  exits 125
  matches 'denied|unauthorized|authentication required'
step "nothing was pushed" podman search --list-tags "$L/team/box"
  succeeds
  prints v1
  prints_not reader

scoped_token $R boxes team/box content/read content/write
step "the token signs in" log_in podman boxes "$SCOPED"
  succeeds
  prints "Login Succeeded!"
step "it pushes to its repository" podman push "$L/team/box:v1" "docker://$L/team/box:scoped"
  succeeds
step "it pulls from no other" podman pull "$L/other/box:v1"
  exits 125
  matches 'denied|unauthorized|authentication required'
step "to push is not to list" podman search --list-tags "$L/team/box"
  fails
  matches 'denied|unauthorized|authentication required'

step "a token of az for another tool" az acr login -n $R --expose-token --query accessToken -o tsv
  succeeds
  matches '^[^.]+\.[^.]+\.[^.]+$'
TOKEN=$(grep -E '^[^.]+\.[^.]+\.[^.]+$' <<<"$output")
step "podman signs in with it" log_in podman 00000000-0000-0000-0000-000000000000 "$TOKEN"
  succeeds
  prints "Login Succeeded!"
step "podman pushes with it" podman push "$L/team/box:v1" "docker://$L/app/box:v1"
  succeeds
step "buildah pulls with it" buildah pull --quiet "$L/app/box:v1"
  succeeds
  matches "^$IMAGE\$"
step "another registry does not take it" az acr create -n ${R}2 -g group --sku Basic -o none
  succeeds
step "as a password there it is wrong" podman login "${R}2.azurecr.io" --username 00000000-0000-0000-0000-000000000000 --password "$TOKEN"
  exits 125
  prints "invalid username/password"
step "podman has no word to delete: az has" az acr repository delete -n $R --repository app/box --yes
  succeeds
  prints_not ERROR
step "it is gone" podman pull "$L/app/box:v1"
  exits 125
  prints "is not found"

step "a public image, from Docker Hub" podman pull --quiet docker.io/library/nginx:1.29
  succeeds
  matches '^[0-9a-f]{64}$'
step "one that Docker Hub does not have" podman pull docker.io/library/nginx:none
  exits 125
  prints "manifest unknown"
step "a public image of Microsoft's" buildah pull --quiet mcr.microsoft.com/mcr/hello-world
  succeeds
  matches '^[0-9a-f]{64}$'

pass_time 4h
step "after three hours az's token is of no use" podman pull "$L/team/box:v1"
  exits 125
  matches 'unauthorized: authentication required'
pass_time 24h
step "the day of the other token is over" log_in podman boxes "$SCOPED"
  exits 125
  prints "invalid username/password"
step "the admin's password is as good as ever" podman pull --quiet --creds "$R:$ADMIN" "$L/team/box:v1"
  succeeds
  matches "^$IMAGE\$"
