#!/usr/bin/env bash
# a Contributor may build a cluster, but not attach a registry (az tries for nearly two minutes before it says so)
# as: contributor
. "$(dirname "$0")/lib.sh"

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry" az acr create -n contributorregistry -g group --sku basic -o none
  succeeds
step "a cluster" az aks create -n cluster -g group --generate-ssh-keys -o none
  succeeds
step "what Azure says to it" az role assignment create --role AcrPull --assignee-object-id 0a210000-0000-4000-8000-0000000000b4 \
  --assignee-principal-type ServicePrincipal \
  --scope "/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.ContainerRegistry/registries/contributorregistry"
  exits 1
  prints "(AuthorizationFailed) The client '$AZURE_CLIENT_ID' with object id '0a210000-0000-4000-8000-0000000000b2' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope"
step "attaching is refused" az aks update -n cluster -g group --attach-acr contributorregistry
  exits 1
  prints "Could not create a role assignment for ACR. Are you an Owner on this subscription?"
