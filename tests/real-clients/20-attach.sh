#!/usr/bin/env bash
# attach and detach in all their forms, and what they do to the pods
. "$(dirname "$0")/lib.sh"

S1=$AZURE_SUBSCRIPTION_ID
S2=0a210000-0000-4000-8000-000000000002
ACR=attachregistry
ACR_ID=/subscriptions/$S1/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/$ACR
OTHER_ID=/subscriptions/$S2/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/otherregistry
assignments() { az role assignment list --scope "$1" --query "[?scope=='$1'].roleDefinitionName" -o tsv; }

sign_in
step "a group for registries" az group create -n registries -l eastus -o none
  succeeds
step "a group for clusters" az group create -n clusters -l eastus -o none
  succeeds
step "a registry" az acr create -n $ACR -g registries --sku basic -o none
  succeeds
step "an image in it" az acr import -n $ACR --source docker.io/library/nginx:latest --image nginx:v1
  succeeds
step "a cluster, not attached" az aks create -n c1 -g clusters --generate-ssh-keys -o none
  succeeds
step "nobody has a role on the registry" assignments $ACR_ID
  succeeds
  prints_not AcrPull

step "its credentials" az aks get-credentials -g clusters -n c1
  succeeds
manifest $ACR v1 >"$HOME/acr-nginx.yaml"
step "deploy without the role" kubectl apply -f "$HOME/acr-nginx.yaml"
  succeeds
step "the pull fails" eventually kubectl get pods -- ErrImagePull
  succeeds
step "and is tried again later" eventually kubectl get pods -- ImagePullBackOff
  succeeds
step "the events say why" kubectl get events
  succeeds
  prints "Failed to pull image \"$ACR.azurecr.io/nginx:v1\": failed to pull and unpack image"
  prints "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://$ACR.azurecr.io/oauth2/token?scope=repository%3Anginx%3Apull&service=$ACR.azurecr.io: 401 Unauthorized"
  prints "Error: ImagePullBackOff"
step "check-acr says that it cannot pull, and why" az aks check-acr -n c1 -g clusters --acr $ACR.azurecr.io
  succeeds
  prints "Validating image pull permission: FAILED"
  prints_not "Your cluster can pull images"

step "attach by name" az aks update -n c1 -g clusters --attach-acr $ACR -o none
  succeeds
step "the role is there" assignments $ACR_ID
  succeeds
  matches '^AcrPull$'
step "attach again" az aks update -n c1 -g clusters --attach-acr $ACR -o none
  succeeds
pass_time 5m
step "the pods recover" kubectl rollout status deployment/nginx0-deployment --timeout=60s
  succeeds
  prints "successfully rolled out"
step "check-acr says that it can pull" az aks check-acr -n c1 -g clusters --acr $ACR.azurecr.io
  succeeds
  prints "Your cluster can pull images from $ACR.azurecr.io!"
step "detach by name" az aks update -n c1 -g clusters --detach-acr $ACR -o none
  succeeds
step "the role is gone" assignments $ACR_ID
  succeeds
  prints_not AcrPull
step "detach again: nothing to do" az aks update -n c1 -g clusters --detach-acr $ACR -o none
  succeeds
step "attach by resource id" az aks update -n c1 -g clusters --attach-acr $ACR_ID -o none
  succeeds
step "the role is there again" assignments $ACR_ID
  succeeds
  matches '^AcrPull$'
step "detach by resource id" az aks update -n c1 -g clusters --detach-acr $ACR_ID -o none
  succeeds
step "the role is gone again" assignments $ACR_ID
  succeeds
  prints_not AcrPull

step "a tag that is not there" kubectl run missing --image=$ACR.azurecr.io/nginx:nowhere
  succeeds
step "an unknown registry" az aks update -n c1 -g clusters --attach-acr nosuchregistry
  exits 1
  prints "The resource with name 'nosuchregistry' and type 'Microsoft.ContainerRegistry/registries' could not be found in subscription"
step "a registry in an unknown subscription" az aks update -n c1 -g clusters \
  --attach-acr /subscriptions/0a210000-0000-4000-8000-00000000dead/resourceGroups/x/providers/Microsoft.ContainerRegistry/registries/x
  exits 1
  prints "0a210000-0000-4000-8000-00000000dead"
step "an unknown registry by id" az aks update -n c1 -g clusters --attach-acr ${ACR_ID}x
  fails
  prints "ResourceNotFound"

step "create attached by resource id" az aks create -n c2 -g clusters --generate-ssh-keys --attach-acr $ACR_ID -o none
  succeeds
step "its role is there" assignments $ACR_ID
  succeeds
  prints_lines 1 '^AcrPull$'

step "a group in the other subscription" az group create -n registries -l eastus --subscription $S2 -o none
  succeeds
step "a registry in the other subscription" az acr create -n otherregistry -g registries --sku basic --subscription $S2 -o none
  succeeds
step "create attached across subscriptions" az aks create -n c3 -g clusters --generate-ssh-keys --attach-acr $OTHER_ID -o none
  succeeds
step "the role is there, in the other subscription" az role assignment list --scope $OTHER_ID --subscription $S2 \
  --query "[?scope=='$OTHER_ID'].roleDefinitionName" -o tsv
  succeeds
  matches '^AcrPull$'
step "detach across subscriptions" az aks update -n c3 -g clusters --detach-acr $OTHER_ID -o none
  succeeds
