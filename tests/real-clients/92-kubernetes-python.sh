#!/usr/bin/env bash
# the kubernetes client for Python: workloads, patches, watches, logs, rights and refusals
. "$(dirname "$0")/lib.sh"

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a cluster" az aks create -n python -g group --generate-ssh-keys --query provisioningState -o tsv
  succeeds
  matches '^Succeeded$'
step "its credentials" az aks get-credentials -n python -g group --file "$HOME/kubeconfig"
  succeeds
finish_step
export KUBECONFIG="$HOME/kubeconfig"
exec "$TOOLS/python/bin/python" -B "$(dirname "$0")/python/kubernetes_client.py"
