#!/usr/bin/env bash
# the directory: applications, service principals, users, groups
. "$(dirname "$0")/lib.sh"

DOMAIN=azlet.onmicrosoft.com

sign_in
step "sp: show by application id" az ad sp show --id "$AZURE_CLIENT_ID" --query "[displayName, appId, servicePrincipalType]" -o tsv
  succeeds
  prints "azlet-owner"
  prints "$AZURE_CLIENT_ID"
step "sp: list by name" az ad sp list --display-name azlet- --query "[].displayName" -o tsv
  succeeds
  matches '^azlet-reader$'
step "sp: one that is not there" az ad sp show --id 0a210000-0000-4000-8000-00000000dead
  exits 3
  prints "0a210000-0000-4000-8000-00000000dead"

step "app: create" az ad app create --display-name shop --query appId -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
APP=$output
step "app: show" az ad app show --id "$APP" --query "[displayName, signInAudience]" -o tsv
  succeeds
  prints "shop"
step "app: list by name" az ad app list --display-name sho --query "[].appId" -o tsv
  succeeds
  matches "^$APP$"
step "app: update" az ad app update --id "$APP" --identifier-uris "api://$APP"
  succeeds
  prints_not ERROR
step "app: its identifier" az ad app show --id "$APP" --query "identifierUris[0]" -o tsv
  succeeds
  matches "^api://$APP$"
step "app: a secret" az ad app credential reset --id "$APP" --display-name first --append --query "[appId, tenant]" -o tsv
  succeeds
  prints "$AZURE_TENANT_ID"
step "app: its secrets" az ad app credential list --id "$APP" --query "[].displayName" -o tsv
  succeeds
  matches '^first$'
step "app: the key of the secret" az ad app credential list --id "$APP" --query "[0].keyId" -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
step "app: delete the secret" az ad app credential delete --id "$APP" --key-id "$output"
  succeeds
  prints_not ERROR
step "app: no secrets" az ad app credential list --id "$APP" --query "length(@)" -o tsv
  succeeds
  matches '^0$'
cat >"$HOME/federated.json" <<'JSON'
{"name": "cluster", "issuer": "https://oidc.example.com/", "subject": "system:serviceaccount:default:shop", "audiences": ["api://AzureADTokenExchange"]}
JSON
step "app: a federated credential" az ad app federated-credential create --id "$APP" --parameters "@$HOME/federated.json" --query name -o tsv
  succeeds
  matches '^cluster$'
step "app: its federated credentials" az ad app federated-credential list --id "$APP" --query "[].subject" -o tsv
  succeeds
  matches '^system:serviceaccount:default:shop$'
step "app: show the federated credential" az ad app federated-credential show --id "$APP" --federated-credential-id cluster --query issuer -o tsv
  succeeds
  matches '^https://oidc.example.com/$'
step "app: delete the federated credential" az ad app federated-credential delete --id "$APP" --federated-credential-id cluster
  succeeds
  prints_not ERROR

step "sp: create for the app" az ad sp create --id "$APP" --query appId -o tsv
  succeeds
  matches "^$APP$"
step "sp: a second one for it" az ad sp create --id "$APP"
  fails
  matches 'already in use|already exists'
step "sp: a new secret" az ad sp credential reset --id "$APP" --query password -o tsv
  succeeds
  matches '^.{30,}$'
SECRET=$(tail -n 1 <<<"$output")
step "sp: sign in with it" as shop az login --service-principal -u "$APP" -p "$SECRET" --tenant "$AZURE_TENANT_ID" --allow-no-subscriptions
  succeeds
  prints "N/A(tenant level account)"
step "sp: delete" az ad sp delete --id "$APP"
  succeeds
  prints_not ERROR
step "sp: cannot sign in any more" az login --service-principal -u "$APP" -p "$SECRET" --tenant "$AZURE_TENANT_ID"
  fails
  prints "AADSTS"
step "app: delete" az ad app delete --id "$APP"
  succeeds
  prints_not ERROR
step "app: it is gone" az ad app show --id "$APP"
  exits 3
  prints "does not exist"

step "a group to give a role on" az group create -n directory -l eastus -o none
  succeeds
step "a registry to give a role on" az acr create -n directoryregistry -g directory --sku basic --query id -o tsv
  succeeds
  prints "/registries/directoryregistry"
REGISTRY=$output
step "sp: create-for-rbac" az ad sp create-for-rbac -n puller --role AcrPull --scopes "$REGISTRY"
  succeeds
  prints '"displayName": "puller"'
  prints '"password"'
PULLER=$(sed -n 's/.*"appId": "\(.*\)".*/\1/p' <<<"$output")
PASSWORD=$(sed -n 's/.*"password": "\(.*\)".*/\1/p' <<<"$output")
step "sp: the role is there" az role assignment list --assignee "$PULLER" --scope "$REGISTRY" --query "[].roleDefinitionName" -o tsv
  succeeds
  matches '^AcrPull$'
step "sp: sign in as it" as puller az login --service-principal -u "$PULLER" -p "$PASSWORD" --tenant "$AZURE_TENANT_ID" --allow-no-subscriptions
  succeeds
  prints "servicePrincipal"
step "sp: to pull is not to see the resource" as puller az acr show -n directoryregistry -g directory
  exits 1
  prints "Microsoft.ContainerRegistry/registries/read"
step "sp: create-for-rbac again under the same name" az ad sp create-for-rbac -n puller --query appId -o tsv
  succeeds
  prints "$PULLER"

step "sp: create-for-rbac with a certificate" az ad sp create-for-rbac -n certified --create-cert
  succeeds
  prints '"fileWithCertAndPrivateKey"'
CERTIFIED=$(sed -n 's/.*"appId": "\(.*\)".*/\1/p' <<<"$output")
FILE=$(sed -n 's/.*"fileWithCertAndPrivateKey": "\(.*\)".*/\1/p' <<<"$output")
step "sp: sign in with the certificate" as certified az login --service-principal -u "$CERTIFIED" --certificate "$FILE" \
  --tenant "$AZURE_TENANT_ID" --allow-no-subscriptions
  succeeds
  prints "servicePrincipal"

step "user: create" az ad user create --display-name Grace --user-principal-name grace@$DOMAIN --password 'Enough-Of-9-Words' --query id -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
GRACE=$(tail -n 1 <<<"$output")
step "user: show" az ad user show --id grace@$DOMAIN --query "[displayName, id]" -o tsv
  succeeds
  prints "$GRACE"
step "user: list by name" az ad user list --upn grace@$DOMAIN --query "[].displayName" -o tsv
  succeeds
  matches '^Grace$'
step "user: another name" az ad user update --id grace@$DOMAIN --display-name "Grace H"
  succeeds
  prints_not ERROR
step "user: the name is taken" az ad user create --display-name Grace --user-principal-name grace@$DOMAIN --password 'Enough-Of-9-Words'
  fails
  prints "Another object with the same value for property userPrincipalName already exists"
step "user: one that is not there" az ad user show --id nobody@$DOMAIN
  exits 3
  prints "does not exist"

step "group: create" az ad group create --display-name pullers --mail-nickname pullers --query id -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
PULLERS=$output
step "group: show by name" az ad group show --group pullers --query "[id, securityEnabled]" -o tsv
  succeeds
  prints "$PULLERS"
step "group: list by name" az ad group list --display-name pull --query "[].displayName" -o tsv
  succeeds
  matches '^pullers$'
step "group: add a member" az ad group member add --group pullers --member-id "$GRACE"
  succeeds
  prints_not ERROR
step "group: add the same again" az ad group member add --group pullers --member-id "$GRACE"
  fails
  prints "One or more added object references already exist"
step "group: its members" az ad group member list --group pullers --query "[].displayName" -o tsv
  succeeds
  matches '^Grace H$'
step "group: is she a member" az ad group member check --group pullers --member-id "$GRACE" --query value -o tsv
  succeeds
  matches '^true$'
step "user: her groups" az ad user get-member-groups --id grace@$DOMAIN --query "[].displayName" -o tsv
  succeeds
  matches '^pullers$'
step "group: an owner" az ad group owner add --group pullers --owner-object-id "$GRACE"
  succeeds
  prints_not ERROR
step "group: its owners" az ad group owner list --group pullers --query "[].id" -o tsv
  succeeds
  prints "$GRACE"
step "group: a role to its members" az role assignment create --role AcrPull --assignee-object-id "$PULLERS" \
  --assignee-principal-type Group --scope "$REGISTRY" --query principalType -o tsv
  succeeds
  matches '^Group$'
step "group: the role counts for its member" az role assignment list --assignee grace@$DOMAIN --include-groups --all --query "[].roleDefinitionName" -o tsv
  succeeds
  matches '^AcrPull$'
step "group: take the member out" az ad group member remove --group pullers --member-id "$GRACE"
  succeeds
  prints_not ERROR
step "group: no members" az ad group member list --group pullers --query "length(@)" -o tsv
  succeeds
  matches '^0$'
step "group: delete" az ad group delete --group pullers
  succeeds
  prints_not ERROR
step "user: delete" az ad user delete --id grace@$DOMAIN
  succeeds
  prints_not ERROR
step "user: she is gone" az ad user list --upn grace@$DOMAIN --query "length(@)" -o tsv
  succeeds
  matches '^0$'

step "who I am, as a service principal" az ad signed-in-user show
  fails
  prints "/me request is only valid with delegated authentication flow"
step "a user signs in by password" as ada az login -u ada@$DOMAIN -p azlet~user~password
  succeeds
  prints '"type": "user"'
step "who I am, as a user" as ada az ad signed-in-user show --query userPrincipalName -o tsv
  succeeds
  matches "^ada@$DOMAIN$"
step "a user works" as ada az group show -n directory --query name -o tsv
  succeeds
  matches '^directory$'
