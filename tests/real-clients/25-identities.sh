#!/usr/bin/env bash
# clusters with a kubelet identity of their own, and with a service principal
. "$(dirname "$0")/lib.sh"

ACR=identityregistry
ACR_ID=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.ContainerRegistry/registries/$ACR
IDENTITIES=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.ManagedIdentity/userAssignedIdentities
holders() { az role assignment list --scope $ACR_ID --query "[?scope=='$ACR_ID'].principalId" -o tsv; }

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry" az acr create -n $ACR -g group --sku basic -o none
  succeeds
step "an image in it" az acr import -n $ACR --source docker.io/library/nginx:latest --image nginx:v1
  succeeds
step "the cluster's identity" az identity create -n control -g group -o none
  succeeds
step "the kubelet's identity" az identity create -n kubelet -g group --query principalId -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
KUBELET=$output
step "a cluster with both, attached" az aks create -n own -g group --generate-ssh-keys --attach-acr $ACR \
  --assign-identity $IDENTITIES/control --assign-kubelet-identity $IDENTITIES/kubelet \
  --query identityProfile.kubeletidentity.objectId -o tsv
  succeeds
  prints "$KUBELET"
step "the kubelet's identity has the role" holders
  succeeds
  prints "$KUBELET"
step "the cluster's credentials" az aks get-credentials -g group -n own
  succeeds
manifest $ACR v1 >"$HOME/acr-nginx.yaml"
step "deploy" kubectl apply -f "$HOME/acr-nginx.yaml"
  succeeds
step "its pods run" kubectl rollout status deployment/nginx0-deployment --timeout=60s
  succeeds

step "a cluster with a service principal, attached" az aks create -n principal -g group --generate-ssh-keys --attach-acr $ACR \
  --service-principal "$AZURE_CLIENT_ID" --client-secret "$AZURE_CLIENT_SECRET" --query servicePrincipalProfile.clientId -o tsv
  succeeds
  prints "$AZURE_CLIENT_ID"
step "the service principal has the role" holders
  succeeds
  prints_lines 2 '^[0-9a-f-]{36}$'
step "the credentials of that cluster" az aks get-credentials -g group -n principal
  succeeds
step "deploy there" kubectl apply -f "$HOME/acr-nginx.yaml"
  succeeds
step "the pods run there too" kubectl rollout status deployment/nginx0-deployment --timeout=60s
  succeeds
