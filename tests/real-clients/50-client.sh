#!/usr/bin/env bash
# the thin client beside az: what one does the other sees
. "$(dirname "$0")/lib.sh"

ACR=clientregistry
ACR_ID=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.ContainerRegistry/registries/$ACR

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry" az acr create -n $ACR -g group --sku basic -o none
  succeeds
step "a cluster" az aks create -n cluster -g group --generate-ssh-keys -o none
  succeeds
step "attach" "$AZLET_CLIENT" attach -g group -n cluster --acr $ACR
  succeeds
  prints "can now pull from $ACR.azurecr.io"
step "attach again" "$AZLET_CLIENT" attach -g group -n cluster --acr $ACR_ID
  succeeds
  prints "could already pull"
step "az sees the role" az role assignment list --scope $ACR_ID --query "[?scope=='$ACR_ID'].roleDefinitionName" -o tsv
  succeeds
  matches '^AcrPull$'
step "import" "$AZLET_CLIENT" import --acr $ACR --source docker.io/library/nginx:latest --image nginx:v1 --json
  succeeds
  prints "\"image\": \"$ACR.azurecr.io/nginx:v1\""
manifest $ACR v1 >"$HOME/acr-nginx.yaml"
step "deploy and wait" "$AZLET_CLIENT" deploy -g group -n cluster -f "$HOME/acr-nginx.yaml" --wait 60
  succeeds
  prints "Deployment nginx0-deployment created"
step "deploy again" "$AZLET_CLIENT" deploy -g group -n cluster -f "$HOME/acr-nginx.yaml"
  succeeds
  prints "Deployment nginx0-deployment unchanged"
step "verify" "$AZLET_CLIENT" verify -g group -n cluster --deployment nginx0-deployment
  succeeds
  prints_lines 2 ' 1/1 +Running '
  prints "2 of 2 pods are ready"
step "detach" "$AZLET_CLIENT" detach -g group -n cluster --acr $ACR
  succeeds
  prints "no longer has AcrPull"
step "detach again" "$AZLET_CLIENT" detach -g group -n cluster --acr $ACR
  succeeds
  prints "had no AcrPull"
step "az sees that the role is gone" az role assignment list --scope $ACR_ID --query "[?scope=='$ACR_ID'].roleDefinitionName" -o tsv
  succeeds
  prints_not AcrPull
step "an unknown registry" "$AZLET_CLIENT" attach -g group -n cluster --acr nosuchregistry
  exits 1
  prints "there is no registry nosuchregistry"
