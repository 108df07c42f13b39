#!/usr/bin/env bash
# skopeo and umoci: sign-in, layouts, copies of every form within and between registries, sync, inspect, lists, delete, and what must be refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
needs skopeo umoci podman busybox

A=skopeoregistry
B=otherregistry
LA=$A.azurecr.io
LB=$B.azurecr.io
FROM="$HOME/layout"
OCI=application/vnd.oci.image
DOCKER=application/vnd.docker.distribution

# log_in USER PASSWORD [REGISTRY]: as a user does it in a script.
log_in() { skopeo login --username "$1" --password-stdin "${3:-$LA}" <<<"$2"; }
# The type that the registry has for a manifest: umoci's do not name theirs.
kind() { az acr manifest list-metadata -r $A -n "${1%:*}" --query "[?tags && contains(tags, '${1#*:}')].mediaType" -o tsv; }
digest_of() { skopeo inspect --format '{{.Digest}}' "docker://$1"; }
# What remains of a folder that was pulled, file by file.
blobs_of() { find "$1" -type f -path '*sha256*' -printf '%f\n' | sort; }

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
registry $B
ADMIN_B=$ADMIN
registry $A

step "umoci makes a layout" umoci init --layout "$FROM"
  succeeds
step "and an image in it" umoci new --image "$FROM:v1"
  succeeds
step "with busybox in it" umoci insert --image "$FROM:v1" "$(command -v busybox)" /bin/busybox
  succeeds
step "that says what it is for" umoci config --image "$FROM:v1" --architecture amd64 --os linux --config.cmd /bin/busybox --config.label made.by=umoci
  succeeds
step "a second image" umoci config --image "$FROM:v1" --tag arm --architecture arm64
  succeeds
step "the layout's own names" umoci list --layout "$FROM"
  succeeds
  matches '^v1$'
  matches '^arm$'

step "without azlet's authority nobody signs in" without_ca skopeo login --username $A --password "$ADMIN" $LA
  fails
  prints "x509: certificate signed by unknown authority"
step "nor lists anything" without_ca skopeo list-tags --creds "$A:$ADMIN" "docker://$LA/team/box"
  fails
  prints "x509: certificate signed by unknown authority"
step "signed in as nobody, nothing is copied" skopeo copy "oci:$FROM:v1" "docker://$LA/team/box:v1"
  fails
  prints "unauthorized: authentication required"
step "a wrong password" log_in $A wrong
  fails
  prints "invalid username/password"
step "a service principal's wrong secret" log_in $READER wrong
  fails
  prints "invalid username/password"
step "somebody without a role" log_in $NOBODY "$(secret_of nobody)"
  fails
  prints "invalid username/password"
step "another registry's password" log_in $A "$ADMIN" $LB
  fails
  prints "invalid username/password"
step "the admin signs in" log_in $A "$ADMIN"
  succeeds
  prints "Login Succeeded!"

step "copy from the layout" skopeo copy --digestfile "$HOME/digest" "oci:$FROM:v1" "docker://$LA/team/box:v1"
  succeeds
  prints "Writing manifest to image destination"
DIGEST=$(cat "$HOME/digest")
step "the digest is the layout's" grep -c "$DIGEST" "$FROM/index.json"
  succeeds
step "inspect" skopeo inspect "docker://$LA/team/box:v1"
  succeeds
  prints "\"Name\": \"$LA/team/box\""
  prints "\"Digest\": \"$DIGEST\""
  prints '"made.by": "umoci"'
  prints '"Architecture": "amd64"'
step "inspect by digest" skopeo inspect --format '{{.Digest}}' "docker://$LA/team/box@$DIGEST"
  succeeds
  matches "^$DIGEST\$"
step "the raw manifest has that digest" bash -c 'skopeo inspect --raw "docker://$1" | sha256sum' bash "$LA/team/box:v1"
  succeeds
  prints "${DIGEST#sha256:}"
step "the configuration" skopeo inspect --config "docker://$LA/team/box:v1"
  succeeds
  prints '"/bin/busybox"'
step "it is an OCI manifest" kind team/box:v1
  succeeds
  matches "^$OCI.manifest.v1\+json\$"
step "as docker's" skopeo copy --format v2s2 "oci:$FROM:v1" "docker://$LA/team/box:docker"
  succeeds
step "it is docker's" kind team/box:docker
  succeeds
  matches "^$DOCKER.manifest.v2\+json\$"
step "and back, within the registry" skopeo copy --format oci "docker://$LA/team/box:docker" "docker://$LA/team/box:oci"
  succeeds
step "it is an OCI manifest again" kind team/box:oci
  succeeds
  matches "^$OCI.manifest.v1\+json\$"
step "a manifest of the first schema is refused" skopeo copy --format v2s1 "oci:$FROM:v1" "docker://$LA/team/box:old"
  fails
step "its tags" skopeo list-tags "docker://$LA/team/box"
  succeeds
  prints "\"Repository\": \"$LA/team/box\""
  prints '"docker"'
  prints '"oci"'
  prints '"v1"'
  prints_not '"old"'
step "to another repository, the layers are mounted" skopeo --debug copy "docker://$LA/team/box:v1" "docker://$LA/mounted/box:v1"
  succeeds
  prints "... mount OK"
  matches 'Skipping blob sha256:[0-9a-f]{64} \(already present\)'
step "the digest stays" digest_of $LA/mounted/box:v1
  succeeds
  matches "^$DIGEST\$"

step "the second architecture" skopeo copy "oci:$FROM:arm" "docker://$LA/multi/box:arm64"
  succeeds
step "beside the first" skopeo copy "oci:$FROM:v1" "docker://$LA/multi/box:amd64"
  succeeds
step "an index of both" podman manifest create multi "docker://$LA/multi/box:amd64"
  succeeds
step "with the second" podman manifest add --arch arm64 multi "docker://$LA/multi/box:arm64"
  succeeds
step "is pushed" podman manifest push --all multi "docker://$LA/multi/box:v1"
  succeeds
step "from an index one is chosen" skopeo --override-arch amd64 inspect --format '{{.Architecture}}' "docker://$LA/multi/box:v1"
  succeeds
  matches '^amd64$'
step "or the other" skopeo --override-arch arm64 inspect --format '{{.Architecture}}' "docker://$LA/multi/box:v1"
  succeeds
  matches '^arm64$'

step "the admin of the other registry signs in" log_in $B "$ADMIN_B" $LB
  succeeds
  prints "Login Succeeded!"
step "from registry to registry" skopeo copy "docker://$LA/team/box:v1" "docker://$LB/copied/box:v1"
  succeeds
step "the digest is the same there" digest_of $LB/copied/box:v1
  succeeds
  matches "^$DIGEST\$"
step "an index with all that it names" skopeo copy --all "docker://$LA/multi/box:v1" "docker://$LB/copied/multi:v1"
  succeeds
  prints "Copying 2 of 2 images in list"
step "both registries have the same index" cmp <(skopeo inspect --raw "docker://$LA/multi/box:v1") <(skopeo inspect --raw "docker://$LB/copied/multi:v1")
  exits 0
step "with keys for each" env XDG_RUNTIME_DIR="$HOME/elsewhere" skopeo copy --src-creds "$A:$ADMIN" --dest-creds "$B:$ADMIN_B" \
  "docker://$LA/team/box@$DIGEST" "docker://$LB/copied/box:again"
  succeeds
step "with the keys of the wrong one" env XDG_RUNTIME_DIR="$HOME/elsewhere" skopeo copy --src-creds "$A:$ADMIN" --dest-creds "$A:$ADMIN" \
  "docker://$LA/team/box:v1" "docker://$LB/copied/box:never"
  fails
  prints "invalid username/password"
step "sync: a repository, to the other registry" skopeo sync --src docker --dest docker "$LA/team/box" "$LB/synced"
  succeeds
  prints "Synced 3 images from 1 sources"
step "sync: all its tags are there" skopeo list-tags "docker://$LB/synced/box"
  succeeds
  prints '"docker"'
  prints '"oci"'
  prints '"v1"'
step "sync: with the digest that it had" digest_of $LB/synced/box:v1
  succeeds
  matches "^$DIGEST\$"
step "sync: into a folder" skopeo sync --src docker --dest dir "$LA/team/box:v1" "$HOME/folder"
  succeeds
  prints "Synced 1 images from 1 sources"
step "sync: from the folder" skopeo sync --src dir --dest docker "$HOME/folder" "$LB/back"
  succeeds
step "sync: it is the same still" digest_of $LB/back/box:v1
  succeeds
  matches "^$DIGEST\$"
cat >"$HOME/sync.yaml" <<YAML
$LA:
  images:
    team/box: [v1]
  images-by-tag-regex:
    multi/box: ^a
YAML
step "sync: what a file says" skopeo sync --src yaml --dest docker "$HOME/sync.yaml" "$LB/listed"
  succeeds
  prints "Synced 3 images from 2 sources"
step "sync: by pattern" skopeo list-tags "docker://$LB/listed/box"
  succeeds
  prints '"arm64"'
  prints '"v1"'
  prints_not '"docker"'

step "copy into a layout" skopeo copy "docker://$LB/copied/box:v1" "oci:$HOME/back:v1"
  succeeds
step "each of its blobs is one of the first layout" comm -13 <(blobs_of "$FROM") <(blobs_of "$HOME/back")
  succeeds
  matches '^$'
step "umoci unpacks it" umoci unpack --image "$HOME/back:v1" "$HOME/bundle"
  succeeds
step "what was put in comes out" cmp "$(command -v busybox)" "$HOME/bundle/rootfs/bin/busybox"
  exits 0
step "into an archive for docker" skopeo copy "docker://$LA/team/box:docker" "docker-archive:$HOME/box.tar:box:v1"
  succeeds
step "from the archive" skopeo copy "docker-archive:$HOME/box.tar" "docker://$LA/archived/box:v1"
  succeeds

step "a public image, from Docker Hub, for all its architectures" skopeo copy --all --preserve-digests docker://docker.io/library/nginx:1.29 "docker://$LA/mirror/nginx:1.29"
  succeeds
  matches 'Copying [0-9]+ of [0-9]+ images in list'
step "it is the same index" cmp <(skopeo inspect --raw docker://docker.io/library/nginx:1.29) <(skopeo inspect --raw "docker://$LA/mirror/nginx:1.29")
  exits 0
step "its tags at Docker Hub" skopeo list-tags docker://docker.io/library/nginx
  succeeds
  prints '"latest"'
step "to Docker Hub nothing is copied" skopeo copy "oci:$FROM:v1" docker://docker.io/library/nginx:mine
  fails
  matches 'denied|unauthorized|does not implement writing'

step "delete by tag: the manifest goes, and its tags" skopeo delete "docker://$LA/team/box:docker"
  succeeds
step "the others stay" skopeo list-tags "docker://$LA/team/box"
  succeeds
  prints '"v1"'
  prints_not '"docker"'
step "delete what is not there" skopeo delete "docker://$LA/team/box:docker"
  fails
  prints "Image may not exist"
step "delete by digest" skopeo delete "docker://$LA/mounted/box@$DIGEST"
  succeeds
step "in its first repository the image is whole" skopeo copy "docker://$LA/team/box:v1" "dir:$HOME/whole"
  succeeds
step "the other repository has no tags now" skopeo list-tags "docker://$LA/mounted/box"
  succeeds
  prints '"Tags": []'
step "az does not see it either" az acr repository list -n $A -o tsv
  succeeds
  prints team/box
  prints_not mounted/box
step "az locks the image" az acr repository update -n $A --image team/box:v1 --delete-enabled false --write-enabled false -o none
  succeeds
step "a locked image is not deleted" skopeo delete "docker://$LA/team/box:v1"
  fails
  prints "405"
step "a locked tag is not moved" skopeo copy "oci:$FROM:arm" "docker://$LA/team/box:v1"
  fails
  prints "The operation is disallowed on this registry, repository or image."

step "a reader signs in" log_in $READER "$(secret_of reader)"
  succeeds
  prints "Login Succeeded!"
step "a reader lists" skopeo list-tags "docker://$LA/team/box"
  succeeds
  prints '"v1"'
step "a reader copies out" skopeo copy "docker://$LA/team/box:v1" "dir:$HOME/read"
  succeeds
step "a reader does not copy in" skopeo copy "oci:$FROM:arm" "docker://$LA/team/box:reader"
  fails
  matches 'denied|unauthorized|authentication required'
step "a reader does not delete" skopeo delete "docker://$LA/team/box:oci"
  fails
  matches 'denied|unauthorized|authentication required'
step "nothing has changed" skopeo list-tags "docker://$LA/team/box"
  succeeds
  prints '"oci"'
  prints_not '"reader"'
scoped_token $A pusher team/box content/read content/write
step "a token that may not delete signs in" log_in pusher "$SCOPED"
  succeeds
  prints "Login Succeeded!"
step "it copies in" skopeo copy "oci:$FROM:arm" "docker://$LA/team/box:arm"
  succeeds
step "it does not delete" skopeo delete "docker://$LA/team/box:arm"
  fails
  matches 'denied|unauthorized|authentication required'
step "it does not see its neighbour" skopeo inspect "docker://$LA/multi/box:v1"
  fails
  matches 'denied|unauthorized|authentication required'

step "a token of az" az acr login -n $A --expose-token --query accessToken -o tsv
  succeeds
TOKEN=$(grep -E '^[^.]+\.[^.]+\.[^.]+$' <<<"$output")
step "skopeo signs in with it" log_in 00000000-0000-0000-0000-000000000000 "$TOKEN"
  succeeds
  prints "Login Succeeded!"
step "it copies" skopeo copy "oci:$FROM:arm" "docker://$LA/team/box:az"
  succeeds
# What docker keeps of `az acr login`, read by skopeo: it shows the token in a form, where docker does.
printf '{"auths": {"%s": {"auth": "%s", "identitytoken": "%s"}}}\n' "$LA" "$(printf '00000000-0000-0000-0000-000000000000:' | base64 -w0)" "$TOKEN" >"$HOME/identity.json"
step "it reads what docker keeps of az" skopeo copy --authfile "$HOME/identity.json" "oci:$FROM:arm" "docker://$LA/team/box:identity"
  succeeds
step "and deletes with it" skopeo delete --authfile "$HOME/identity.json" "docker://$LA/archived/box:v1"
  succeeds

pass_time 4h
step "after three hours the token is of no use" skopeo list-tags "docker://$LA/team/box"
  fails
  prints "unauthorized: authentication required"
step "nor as docker keeps it" skopeo list-tags --authfile "$HOME/identity.json" "docker://$LA/team/box"
  fails
  matches 'unauthorized|401'
pass_time 24h
step "the day of the other token is over" log_in pusher "$SCOPED"
  fails
  prints "invalid username/password"
step "sign out" skopeo logout $LA
  succeeds
  prints "Removed login credentials for $LA"
