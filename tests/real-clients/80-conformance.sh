#!/usr/bin/env bash
# The OCI distribution specification's own conformance suite, with token authentication: as it is now, and as it was in 2023
. "$(dirname "$0")/lib.sh"

# Each run has repositories of its own. Nothing is switched off; what is left out is what the specification lets a registry leave
# out and Azure's does: a tag alone is not deleted under /v2 (405).
R=conformanceregistry
OPEN=openconformanceregistry
run=0

# current VERSION REGISTRY USER PASSWORD: the suite as it is now, with what it leaves out by default if the version knows it.
current() {
  run=$((run + 1))
  local log=$HOME/current-$run.log code
  OCI_VERSION=$1 OCI_REGISTRY=$2.azurecr.io OCI_TLS=enabled OCI_REPO1=run$run/one OCI_REPO2=run$run/two OCI_USERNAME=$3 OCI_PASSWORD=$4 \
    OCI_CACHE_AUTH=false OCI_API_BLOBS_UPLOAD_CANCEL=true OCI_API_BLOBS_DIGEST_HEADER=true OCI_API_MANIFESTS_DIGEST_HEADER=true \
    OCI_RESULTS_DIR=$HOME/results-$run "$TOOLS/go/conformance-current" >"$log" 2>&1
  code=$?
  sed -n '/^OCI Conformance Result/,/Total/p; /^API conformance/,$p' "$log"
  grep -E '(FAIL|Error)$|^ +- ' "$log" | grep -vE 'status 405' | head -n 40
  echo "left out: $(grep -oE '[a-z -]+: (Skip|Disabled)$' "$log" | sort | uniq -c | tr -s ' \n' ' ')"
  return $code
}

# of_2023 REGISTRY USER PASSWORD: the suite as it was; every workflow.
of_2023() {
  run=$((run + 1))
  OCI_ROOT_URL=https://$1.azurecr.io OCI_NAMESPACE=run$run/one OCI_CROSSMOUNT_NAMESPACE=run$run/two OCI_USERNAME=$2 OCI_PASSWORD=$3 \
    OCI_TEST_PULL=1 OCI_TEST_PUSH=1 OCI_TEST_CONTENT_DISCOVERY=1 OCI_TEST_CONTENT_MANAGEMENT=1 OCI_AUTOMATIC_CROSSMOUNT=$4 \
    OCI_DELETE_MANIFEST_BEFORE_BLOBS=$5 OCI_REPORT_DIR=none "$TOOLS/go/conformance-2023" -ginkgo.no-color
}

shows_counts() { # for whoever reads the log
  printf '                 %s\n' "$(sed -nE 's/^  (Pass|FAIL|Error|Skip|Disabled)\.+: +([0-9]+)$/\1 \2,/p' <<<"$output" | tr '\n' ' ')" \
    "$(grep -E '^left out:' <<<"$output")"
}

passes_all() { # passes_all: nothing failed, and nothing was left out but the deletion of tags
  succeeds
  prints "OCI Conformance Result: Pass"
  matches 'FAIL\.+: +0$'
  matches 'Error\.+: +0$'
  matches '^left out: +[0-9]+ tag-delete: Skip $'
  shows_counts
  for api in "Tag listing" "Blob push" "Blob post only" "Blob post put" "Blob chunked" "Blob streaming" "Blob mount" \
    "Blob anonymous mount" "Blob get" "Blob get range" "Blob head" "Blob delete" "Blob delete atomic" "Manifest put by digest" \
    "Manifest put by tag" "Manifest put with subject" "Manifest get by digest" "Manifest get by tag" "Manifest head by digest" \
    "Manifest head by tag" "Manifest delete" "Manifest delete atomic" "Referrers" "Ping" "Blob upload cancel"; do
    matches "^  $api\.+: +Pass$"
  done
}

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry with an admin user" az acr create -n $R -g group --sku Premium --admin-enabled true -o none
  succeeds
step "its password" az acr credential show -n $R --query "passwords[0].value" -o tsv
  succeeds
  matches '^[^ ]+$'
PASSWORD=$output
step "a registry that anyone may pull from" az acr create -n $OPEN -g group --sku Standard -o none
  succeeds
step "anyone may pull" az acr update -n $OPEN --anonymous-pull-enabled true --query anonymousPullEnabled -o tsv
  succeeds
  matches '^[tT]rue$'

step "version 1.1, the admin user" current 1.1 $R $R "$PASSWORD"
  passes_all
step "the next version, a service principal" current 1.1+dev $R "$AZURE_CLIENT_ID" "$AZURE_CLIENT_SECRET"
  passes_all
  matches '^  Manifest put with tag params\.+: +Pass$'
step "version 1.1, a registry that anyone may pull from" current 1.1 $OPEN "$AZURE_CLIENT_ID" "$AZURE_CLIENT_SECRET"
  passes_all
step "version 1.0" current 1.0 $R $R "$PASSWORD"
  succeeds
  shows_counts
  matches 'FAIL\.+: +0$'
step "without the right password" current 1.1 $R $R wrong
  fails
  matches '^OCI Conformance Result: FAIL'
# Of its 79 steps 4 are the other side of an alternative: a tag named from outside, tags that are there already, a mount that does
# not find its blob, and one without a source where that is not offered.
step "2023, the admin user" of_2023 $R $R "$PASSWORD" 1 0
  succeeds
  prints "75 Passed | 0 Failed | 0 Pending | 4 Skipped"
  grep ' Passed ' <<<"$output" | sed 's/^/                 /'
step "2023, a service principal, manifests deleted before blobs" of_2023 $R "$AZURE_CLIENT_ID" "$AZURE_CLIENT_SECRET" 1 1
  succeeds
  matches '[0-9]+ Passed \| 0 Failed \| 0 Pending \| 4 Skipped'
  grep ' Passed ' <<<"$output" | sed 's/^/                 /'
step "2023, a registry that anyone may pull from" of_2023 $OPEN "$AZURE_CLIENT_ID" "$AZURE_CLIENT_SECRET" 1 0
  succeeds
  prints "75 Passed | 0 Failed | 0 Pending | 4 Skipped"
  grep ' Passed ' <<<"$output" | sed 's/^/                 /'
