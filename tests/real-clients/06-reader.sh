#!/usr/bin/env bash
# a Reader sees, and changes nothing
# as: reader
. "$(dirname "$0")/lib.sh"

sign_in
step "the groups can be listed" az group list -o tsv
  succeeds
step "a group cannot be made" az group create -n group -l eastus
  exits 1
  prints "(AuthorizationFailed)"
  matches 'Microsoft.Resources/subscriptions/resource[gG]roups/write'
