#!/usr/bin/env bash
# user-assigned identities, their federated credentials, and what uses them
. "$(dirname "$0")/lib.sh"

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "create" az identity create -n first -g group --tags a=b --query "[name, location, tenantId, tags.a]" -o tsv
  succeeds
  matches '^first$'
  matches "^$AZURE_TENANT_ID$"
step "create in another region" az identity create -n second -g group -l westeurope --query location -o tsv
  succeeds
  matches '^westeurope$'
step "create again: the same principal" az identity create -n first -g group --query principalId -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
PRINCIPAL=$output
step "show" az identity show -n first -g group --query principalId -o tsv
  succeeds
  matches "^$PRINCIPAL$"
step "show what is not there" az identity show -n nosuch -g group
  exits 3
  prints "(ResourceNotFound)"
step "create: a name that is too short" az identity create -n ab -g group
  fails
  matches 'name|Name'
step "create: a group that is not there" az identity create -n first -g nowhere
  exits 1
  prints "location"
step "list of a group" az identity list -g group --query "[].name" -o tsv
  succeeds
  matches '^first$'
  matches '^second$'
step "list" az identity list --query "length(@)" -o tsv
  succeeds
  matches '^2$'
step "it is a service principal of the directory" az ad sp show --id "$PRINCIPAL" --query "[displayName, servicePrincipalType]" -o tsv
  succeeds
  matches '^first$'
  matches '^ManagedIdentity$'
step "a role for it" az role assignment create --role Reader --assignee-object-id "$PRINCIPAL" --assignee-principal-type ServicePrincipal \
  --scope "/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group" --query principalId -o tsv
  succeeds
  matches "^$PRINCIPAL$"

step "a cluster with the identity" az aks create -n cluster -g group --generate-ssh-keys --enable-oidc-issuer --enable-workload-identity \
  --node-count 1 --assign-identity "$(az identity show -n first -g group --query id -o tsv)" --query identity.type -o tsv
  succeeds
  matches '^UserAssigned$'
step "the cluster's issuer" az aks show -n cluster -g group --query oidcIssuerProfile.issuerUrl -o tsv
  succeeds
  matches '^https://'
ISSUER=$output
F=(-n workload --identity-name second -g group)
step "federated: create" az identity federated-credential create "${F[@]}" --issuer "$ISSUER" \
  --subject system:serviceaccount:default:workload --audiences api://AzureADTokenExchange --query subject -o tsv
  succeeds
  matches '^system:serviceaccount:default:workload$'
step "federated: the same issuer and subject again" az identity federated-credential create -n other --identity-name second -g group \
  --issuer "$ISSUER" --subject system:serviceaccount:default:workload --audiences api://AzureADTokenExchange
  fails
  matches 'issuer|Issuer|subject'
step "federated: an issuer that is no address" az identity federated-credential create -n wrong --identity-name second -g group \
  --issuer nowhere --subject a --audiences api://AzureADTokenExchange
  fails
  matches 'issuer|Issuer'
step "federated: show" az identity federated-credential show "${F[@]}" --query issuer -o tsv
  succeeds
  matches "^$ISSUER$"
step "federated: list" az identity federated-credential list --identity-name second -g group --query "[].name" -o tsv
  succeeds
  matches '^workload$'
step "federated: another subject" az identity federated-credential update "${F[@]}" --issuer "$ISSUER" \
  --subject system:serviceaccount:default:other --audiences api://AzureADTokenExchange --query subject -o tsv
  succeeds
  matches '^system:serviceaccount:default:other$'
step "federated: delete" az identity federated-credential delete "${F[@]}" --yes
  succeeds
  prints_not ERROR
step "federated: none" az identity federated-credential list --identity-name second -g group --query "length(@)" -o tsv
  succeeds
  matches '^0$'

sign_in_as reader
step "a Reader sees them" as reader az identity list -g group --query "[].name" -o tsv
  succeeds
  matches '^first$'
step "a Reader makes none" as reader az identity create -n third -g group
  exits 1
  prints "Microsoft.ManagedIdentity/userAssignedIdentities/write"
step "delete" az identity delete -n second -g group
  succeeds
  prints_not ERROR
step "it is gone" az identity show -n second -g group
  exits 3
  prints "(ResourceNotFound)"
step "whose principal the caller vouches for gets a role" az role assignment create --role Reader --assignee-object-id 0a210000-0000-4000-8000-00000000dead \
  --assignee-principal-type ServicePrincipal --scope "/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group" \
  --query principalId -o tsv
  succeeds
  prints 0a210000-0000-4000-8000-00000000dead
