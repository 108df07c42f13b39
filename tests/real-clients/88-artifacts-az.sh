#!/usr/bin/env bash
# `az acr` on artifacts that other tools have pushed: sign-in for them, manifests and who refers to them, tokens, import, untag, delete
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registry.sh"

R=artifactregistry
cd "$HOME" || exit
a_registry $R
echo '{"passed": true}' >report.json
sign_in
step "what another tool signs in with" az acr login -n $R --expose-token --query accessToken -o tsv
  succeeds
  matches '^eyJ'
TOKEN=$(grep '^eyJ' <<<"$output")
step "it signs in" given "$TOKEN" oras login $HOST -u $NO_ONE --password-stdin
  succeeds
step "it pushes" oras push $HOST/team/app:v1,v2 --artifact-type application/vnd.example.app report.json
  succeeds
  matches '^Digest: sha256:'
DIGEST=$(sed -n 's/^Digest: //p' <<<"$output")
step "it attaches a report" oras attach $HOST/team/app:v1 --artifact-type application/vnd.example.report report.json
  succeeds

step "manifests: who refers to one" az acr manifest list-referrers -r $R -n team/app:v1 --query "manifests[].artifactType" -o tsv
  succeeds
  matches '^application/vnd.example.report$'
step "manifests: no referrer of another type" az acr manifest list-referrers -r $R -n team/app:v1 --artifact-type application/vnd.example.other -o json
  succeeds
  prints_not "vnd.example.report"
step "manifests: metadata of one" az acr manifest show-metadata -r $R -n team/app:v1 -o json
  succeeds
  prints "\"digest\": \"$DIGEST\""
step "manifests: metadata of all, newest first" az acr manifest list-metadata -r $R -n team/app --orderby time_desc --query "[1].digest" -o tsv
  succeeds
  matches "^$DIGEST\$"
step "manifests: locked by its digest" az acr manifest update-metadata -r $R -n team/app@"$DIGEST" --delete-enabled false \
  --query changeableAttributes.deleteEnabled -o tsv
  succeeds
  matches '^false$'
step "manifests: the lock holds for az" az acr manifest delete -r $R -n team/app@"$DIGEST" --yes
  fails
  prints "disallowed"
step "manifests: the lock holds for the other tool" oras manifest delete --force $HOST/team/app@"$DIGEST"
  fails
  prints "disallowed"
step "manifests: unlocked" az acr manifest update-metadata -r $R -n team/app@"$DIGEST" --delete-enabled true -o none
  succeeds

step "import from the registry itself, by digest" az acr import -n $R --source $HOST/team/app@"$DIGEST" --image team/other:v1
  succeeds
step "the import has the same digest" oras resolve $HOST/team/other:v1
  succeeds
  matches "^$DIGEST\$"
step "a token for another repository shows none of this one's tags" az acr repository show-tags -n $R --repository team/app -u limited -p "$LIMITED"
  fails
  prints "authentication required"
step "its own it shows" az acr repository show-tags -n $R --repository team/other -u limited -p "$LIMITED" -o tsv
  succeeds
  matches '^v1$'
step "its own it does not delete" az acr repository delete -n $R --repository team/other --yes -u limited -p "$LIMITED"
  fails
  prints "authentication required"

step "untag" az acr repository untag -n $R --image team/app:v2
  succeeds
step "the tag is gone for the other tool" oras resolve $HOST/team/app:v2
  fails
  prints "not found"
step "the manifest is deleted with its last tag" az acr repository delete -n $R --image team/app:v1 --yes
  succeeds
step "it is gone for the other tool" oras resolve $HOST/team/app@"$DIGEST"
  fails
  prints "not found"
sign_in_as reader
step "a Reader is exposed a token too" as reader az acr login -n $R --expose-token --query accessToken -o tsv
  succeeds
  matches '^eyJ'
TOKEN=$(grep '^eyJ' <<<"$output")
step "with which nothing is pushed" oras push $HOST/team/app:v3 -u $NO_ONE -p "$TOKEN" report.json
  fails
  prints "unauthorized"
pass_time 4h
step "four hours later the token has expired" oras resolve $HOST/team/other:v1 -u $NO_ONE -p "$TOKEN"
  fails
  prints "unauthorized"
