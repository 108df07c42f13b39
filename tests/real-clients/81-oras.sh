#!/usr/bin/env bash
# oras (Go): artifacts with referrers, blobs and manifests, copies; sign-in in each way, and who is refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registry.sh"

cd "$HOME" || exit
a_registry orasregistry
echo "hello" >hello.txt
head -c 9000000 /dev/urandom >large.bin
echo '{"passed": true}' >report.json

step "push without signing in" oras push $HOST/team/app:v1 hello.txt
  fails
  prints "unauthorized"
step "sign in with a wrong password" given wrong oras login $HOST -u orasregistry --password-stdin
  fails
  prints "unauthorized: authentication required, visit https://aka.ms/acr/authorization"
step "sign in without the authority" given "$ADMIN" without_ca oras login $HOST -u orasregistry --password-stdin
  fails
  prints "certificate signed by unknown authority"
step "sign in as the admin" given "$ADMIN" oras login $HOST -u orasregistry --password-stdin
  succeeds
  prints "Login Succeeded"
step "push two files under two tags" oras push $HOST/team/app:v1,latest --artifact-type application/vnd.example.app \
  --annotation a=b hello.txt:text/plain large.bin
  succeeds
  prints "ArtifactType: application/vnd.example.app"
  matches 'Digest: sha256:[0-9a-f]{64}'
DIGEST=$(sed -n 's/^Digest: //p' <<<"$output")
step "push the same again" oras push $HOST/team/app:v1 --artifact-type application/vnd.example.app --annotation a=b \
  --annotation org.opencontainers.image.created=2026-01-01T00:00:00Z hello.txt:text/plain large.bin
  succeeds
  prints "Exists"
step "resolve a tag" oras resolve $HOST/team/app:latest
  succeeds
  matches "^$DIGEST\$"
step "pull by digest" oras pull $HOST/team/app@"$DIGEST" -o pulled
  succeeds
  prints "Digest: $DIGEST"
step "what was pulled" cmp large.bin pulled/large.bin
  succeeds
step "tags" oras repo tags $HOST/team/app
  succeeds
  prints_lines 2 '^(latest|v1)$'
step "tag once more" oras tag $HOST/team/app:latest stable
  succeeds
  prints "Tagged"
step "repositories below a name" oras repo ls $HOST/team
  succeeds
  matches '^app$'
step "a manifest" oras manifest fetch $HOST/team/app:stable
  succeeds
  prints '"artifactType":"application/vnd.example.app"'
step "a manifest's descriptor" oras manifest fetch --descriptor $HOST/team/app:stable
  succeeds
  prints "$DIGEST"

step "attach a report" oras attach $HOST/team/app:stable --artifact-type application/vnd.example.report report.json
  succeeds
  prints "Attached to [registry] $HOST/team/app@$DIGEST"
step "attach a signature to the report's subject" oras attach $HOST/team/app:stable --artifact-type application/vnd.example.signature \
  --annotation signed=yes
  succeeds
step "what refers to it" oras discover $HOST/team/app:stable --format json
  succeeds
  prints '"artifactType": "application/vnd.example.report"'
  prints '"artifactType": "application/vnd.example.signature"'
step "what of one type refers to it" oras discover $HOST/team/app:stable --format json --artifact-type application/vnd.example.report
  succeeds
  prints '"artifactType": "application/vnd.example.report"'
  prints_not "signature"
step "copy it with all that refers to it" oras cp -r $HOST/team/app:stable $HOST/team/copy:v1
  succeeds
  prints "Copied"
  prints "Digest: $DIGEST"
step "what refers to the copy" oras discover $HOST/team/copy:v1 --format json
  succeeds
  prints_lines 2 '"artifactType": "application/vnd.example.(report|signature)"'
step "into a layout on disk" oras cp -r $HOST/team/app:stable --to-oci-layout layout:v1
  succeeds
step "and back, into another repository" oras cp -r --from-oci-layout layout:v1 $HOST/team/other:v1
  succeeds
  prints "Digest: $DIGEST"

step "push a blob" oras blob push $HOST/team/app hello.txt
  succeeds
  matches 'Digest: sha256:[0-9a-f]{64}'
BLOB=$(sed -n 's/^Digest: //p' <<<"$output")
step "fetch a blob" oras blob fetch $HOST/team/app@"$BLOB" --output -
  succeeds
  matches '^hello$'
step "push a blob of another digest than said" oras blob push $HOST/team/app@sha256:$(printf '0%.0s' {1..64}) hello.txt
  fails
step "delete a blob" oras blob delete --force $HOST/team/copy@"$BLOB"
  succeeds
  prints "Deleted"
step "a blob that is gone" oras blob fetch $HOST/team/copy@"$BLOB" --output -
  fails
  prints "not found"
step "delete a manifest" oras manifest delete --force $HOST/team/app:v1
  succeeds
  prints "Deleted"
step "its tag is gone, the other's manifest is not" oras repo tags $HOST/team/app
  succeeds
  prints stable
  prints_not v1
step "pull what is gone" oras pull $HOST/team/app:v1 -o gone
  fails
  prints "not found"
step "pull what never was" oras pull $HOST/team/nothing:v1 -o gone
  fails
  prints "not found"
step "a name that is none" oras push $HOST/Team/App:v1 hello.txt
  fails
step "sign out" oras logout $HOST
  succeeds
step "signed out, nothing is pulled" oras pull $HOST/team/app:stable -o gone
  fails
  prints "unauthorized"

step "sign in as a Reader" given "$READER_SECRET" oras login $HOST -u $READER --password-stdin
  succeeds
step "a Reader pulls" oras pull $HOST/team/app:stable -o reader
  succeeds
  prints "Digest: $DIGEST"
step "a Reader does not push" oras push $HOST/team/app:v2 hello.txt
  fails
  prints "unauthorized"
step "a Reader does not delete" oras manifest delete --force $HOST/team/app:stable
  fails
  prints "unauthorized"
step "sign in with the token for another repository" given "$LIMITED" oras login $HOST -u limited --password-stdin
  succeeds
step "its own repository is pulled" oras pull $HOST/team/other:v1 -o limited
  succeeds
  prints "Digest: $DIGEST"
step "the other is not" oras pull $HOST/team/app:stable -o limited
  fails
  prints "unauthorized"
step "its own repository is not pushed to" oras push $HOST/team/other:v2 hello.txt
  fails
  prints "unauthorized"
step "sign in with a refresh token" given "$REFRESH" oras login $HOST -u $NO_ONE --password-stdin
  succeeds
step "push with a refresh token" oras push $HOST/team/app:v3 hello.txt
  succeeds
pass_time 4h
step "four hours later it has expired" oras pull $HOST/team/app:v3 -o later
  fails
  prints "401"
