#!/usr/bin/env bash
# kubectl 1.34 to 1.37, against clusters of the newest versions that AKS has, over one list of commands
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/kubectl/commands.sh"

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
kubectl_against 1.34 1.34 1.37
kubectl_against 1.35 1.35 1.36
