#!/usr/bin/env bash
# the registry through az: import, lists, sign-in, health
. "$(dirname "$0")/lib.sh"

ACR=healthregistry
# az asks the resolver for the registry's address, which no proxy variable answers: a hosts file of our own in a mount namespace.
printf '127.0.0.1 localhost\n127.0.0.1 %s.azurecr.io\n' $ACR >"$HOME/hosts"
with_hosts() { unshare --mount bash -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' bash "$HOME/hosts" "$@"; }

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a name in capitals is refused by az" az acr create -n HealthRegistry -g group --sku basic
  fails
  prints "Registry name must use only lowercase"
step "a registry" az acr create -n $ACR -g group --sku basic -o none
  succeeds
step "a name that is taken" az acr check-name -n $ACR
  succeeds
  prints '"nameAvailable": false'
step "nothing is in it" az acr repository list -n $ACR
  succeeds
  matches '^\[\]$'
step "import" az acr import -n $ACR --source docker.io/library/nginx:latest --image nginx:v1
  succeeds
step "import the same again" az acr import -n $ACR --source docker.io/library/nginx:latest --image nginx:v1
  fails
  prints "already exists"
step "import the same by force" az acr import -n $ACR --source docker.io/library/nginx:latest --image nginx:v1 --force
  succeeds
step "import what is not there" az acr import -n $ACR --source docker.io/library/nosuchimage:latest --image x:y
  fails
step "the repositories" az acr repository list -n $ACR -o tsv
  succeeds
  matches '^nginx$'
step "the tags" az acr repository show-tags -n $ACR --repository nginx -o tsv
  succeeds
  matches '^v1$'
step "the tags of what is not there" az acr repository show-tags -n $ACR --repository nosuch
  fails
  prints 'repository "nosuch" is not found'
step "a token to sign in with" az acr login -n $ACR --expose-token
  succeeds
  prints '"accessToken"'
  prints "\"loginServer\": \"$ACR.azurecr.io\""
step "how much of it is used" az acr show-usage -n $ACR
  succeeds
  prints '"currentValue"'
step "health, as far as this machine's tools allow" az acr check-health -n $ACR --yes --ignore-errors
  succeeds
  prints "Azure CLI version"
step "health, with the registry's name resolved" with_hosts az acr check-health -n $ACR --yes --ignore-errors
  succeeds
  prints "DNS lookup to $ACR.azurecr.io at IP 127.0.0.1 : OK"
  prints "Challenge endpoint https://$ACR.azurecr.io/v2/ : OK"
  prints "Fetch refresh token for registry '$ACR.azurecr.io' : OK"
  prints "Fetch access token for registry '$ACR.azurecr.io' : OK"
