#!/usr/bin/env bash
# kubectl 1.30 to 1.33, each against a cluster of its version, over one list of commands
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/kubectl/commands.sh"

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
for version in 1.30 1.31 1.32 1.33; do kubectl_against "$version" "$version"; done
