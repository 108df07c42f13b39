#!/usr/bin/env bash
# people sign in by device code and by browser; programs as managed identities and with tokens of a cluster
. "$(dirname "$0")/lib.sh"

# The browser asks Entra through azlet, and the command line's own listener directly.
export SSL_CERT_FILE=$REQUESTS_CA_BUNDLE NO_PROXY=localhost,127.0.0.1
BROWSE=("$TOOLS/venv/bin/python" "$(dirname "$0")/browser.py")
USER_NAME=ada@azlet.onmicrosoft.com

# by_device: az asks for a code, and someone types it into the page.
by_device() {
  az login --use-device-code --query "[0].user.name" -o tsv 2>"$HOME/device" &
  local login=$! code=""
  for _ in $(seq 100); do
    code=$(sed -n 's/.*enter the code \([A-Z0-9]*\) .*/\1/p' "$HOME/device")
    [ -n "$code" ] && break
    sleep 0.2
  done
  "${BROWSE[@]}" https://microsoft.com/devicelogin "otc=$code" "username=$USER_NAME" "password=azlet~user~password"
  wait $login
}

# by_browser: az opens its page in what BROWSER names.
by_browser() {
  printf '#!/bin/sh\nexec %s %s "$1"\n' "${BROWSE[@]}" >"$HOME/browser"
  chmod +x "$HOME/browser"
  # In the background, as a desktop's browser: az listens only after it has opened it.
  BROWSER="$HOME/browser %s &" timeout 60 az login --query "[0].user.name" -o tsv
}

# machine JSON: which managed identities the machine carries.
machine() {
  curl --silent --show-error --fail --noproxy '*' -H 'content-type: application/json' -d "$1" "$AZLET_ENDPOINT/_azlet/machine"
}

step "a person signs in by device code" by_device
  succeeds
  prints "You have signed in on your device."
  matches "^$USER_NAME$"
step "and is known to Graph" az ad signed-in-user show --query userPrincipalName -o tsv
  succeeds
  matches "^$USER_NAME$"
step "a person signs in by browser" as browser by_browser
  succeeds
  matches "^$USER_NAME$"
step "and reads what is there" as browser az group list --query "length(@)" -o tsv
  succeeds
  matches '^0$'

step "a group" az group create -n g -l westus2 -o none
  succeeds
step "an identity" az identity create -n worker -g g --query clientId -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
CLIENT=$output
IDENTITY=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker
step "an identity that nothing carries cannot sign in" as machine az login --identity --client-id "$CLIENT" --allow-no-subscriptions
  fails
  prints "Identity not found"
step "a machine carries it" machine "{\"identities\": [\"$IDENTITY\"]}"
  succeeds
step "the identity signs in" as machine az login --identity --client-id "$CLIENT" --allow-no-subscriptions --query "[0].user.type" -o tsv
  succeeds
  matches '^servicePrincipal$'
step "by its resource id too" as machine az login --identity --resource-id "$IDENTITY" --allow-no-subscriptions --query "[0].user.type" -o tsv
  succeeds
  matches '^servicePrincipal$'

step "a cluster with an issuer" az aks create -n c -g g --node-count 1 --enable-oidc-issuer --enable-workload-identity \
  --generate-ssh-keys --query oidcIssuerProfile.issuerUrl -o tsv
  succeeds
  matches '^https://westus2.oic.prod-aks.azure.com/'
ISSUER=$(tail -n 1 <<<"$output")
step "its document" "$TOOLS/venv/bin/python" -c "import requests; print(requests.get('$ISSUER.well-known/openid-configuration').json()['issuer'])"
  succeeds
  matches "^$ISSUER$"
step "the identity trusts it" az identity federated-credential create -n pods --identity-name worker -g g --issuer "$ISSUER" \
  --subject system:serviceaccount:default:default --audiences api://AzureADTokenExchange --query name -o tsv
  succeeds
  matches '^pods$'
step "credentials of the cluster" az aks get-credentials -n c -g g --admin
  succeeds
step "a token of a service account" kubectl create token default --audience api://AzureADTokenExchange
  succeeds
  matches '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$'
TOKEN=$output
step "a pod's token signs in as the identity" as pod az login --service-principal -u "$CLIENT" --tenant "$AZURE_TENANT_ID" \
  --federated-token "$TOKEN" --allow-no-subscriptions --query "[0].user.name" -o tsv
  succeeds
  matches "^$CLIENT$"
step "a token for another audience" kubectl create token default --audience api://other
  succeeds
OTHER=$output
step "does not" as stranger az login --service-principal -u "$CLIENT" --tenant "$AZURE_TENANT_ID" --federated-token "$OTHER" --allow-no-subscriptions
  fails
  prints "AADSTS700212"
