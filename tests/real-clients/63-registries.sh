#!/usr/bin/env bash
# registries: create, update, policies, credentials, networks, refusals
. "$(dirname "$0")/lib.sh"

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "check-name: free" az acr check-name -n freshregistry --query nameAvailable -o tsv
  succeeds
  matches '^true$'
step "create: Basic" az acr create -n freshregistry -g group --sku Basic --query "[loginServer, sku.name, provisioningState]" -o tsv
  succeeds
  prints "freshregistry.azurecr.io"
  prints "Succeeded"
step "create: Standard, in another region, with tags and an admin" az acr create -n standardregistry -g group --sku Standard -l westeurope \
  --admin-enabled true --tags team=blue --query "[location, adminUserEnabled, tags.team]" -o tsv
  succeeds
  matches '^westeurope$'
  matches '^true$'
  matches '^blue$'
step "create: Premium, closed to the public" az acr create -n premiumregistry -g group --sku Premium --public-network-enabled false \
  --query "[sku.tier, publicNetworkAccess]" -o tsv
  succeeds
  matches '^Disabled$'
step "create: closed, but Basic" az acr create -n closedregistry -g group --sku Basic --public-network-enabled false
  exits 1
  prints "not supported for the SKU Basic"
step "create: a name that is taken" az acr create -n freshregistry -g group --sku Basic -l westus
  fails
  matches 'InvalidResourceLocation|AlreadyInUse|already'
step "create: a group that is not there" az acr create -n otherregistry -g nowhere --sku Basic
  fails
  prints "ResourceGroupNotFound"
step "create: a name that is too short" az acr create -n abc -g group --sku Basic
  fails
  matches '5|InvalidResourceName|between'
step "check-name: taken" az acr check-name -n freshregistry --query reason -o tsv
  succeeds
  matches '^AlreadyExists$'
step "check-name: not a name" az acr check-name -n abc
  succeeds
  prints '"nameAvailable": false'

step "show" az acr show -n freshregistry --query "[name, type]" -o tsv
  succeeds
  prints "Microsoft.ContainerRegistry/registries"
step "show with its group" az acr show -n freshregistry -g group --query name -o tsv
  succeeds
  matches '^freshregistry$'
step "show what is not there" az acr show -n nosuchregistry
  fails
  prints "The resource with name 'nosuchregistry' and type 'Microsoft.ContainerRegistry/registries' could not be found"
step "list" az acr list -o table
  succeeds
  matches '^freshregistry +group +eastus +Basic +freshregistry.azurecr.io'
  prints_lines 3 'azurecr.io'
step "list of a group" az acr list -g group --query "[].name" -o tsv
  succeeds
  prints_lines 3 registry
step "endpoints" az acr show-endpoints -n premiumregistry --query loginServer -o tsv
  succeeds
  matches '^premiumregistry.azurecr.io$'

step "update: another SKU" az acr update -n freshregistry --sku Standard --query sku.name -o tsv
  succeeds
  matches '^Standard$'
step "update: tags" az acr update -n freshregistry --tags a=b --query tags.a -o tsv
  succeeds
  matches '^b$'
step "update: pull without signing in" az acr update -n freshregistry --anonymous-pull-enabled true --query anonymousPullEnabled -o tsv
  succeeds
  matches '^true$'
step "update: a data endpoint is for Premium" az acr update -n freshregistry --data-endpoint-enabled true
  exits 1
  prints "not supported for the SKU Standard"
step "update: a data endpoint" az acr update -n premiumregistry --data-endpoint-enabled true --query "dataEndpointHostNames[0]" -o tsv
  succeeds
  prints "premiumregistry.eastus.data.azurecr.io"
step "update: closed to all but the listed" az acr update -n premiumregistry --public-network-enabled true --default-action Deny \
  --query networkRuleSet.defaultAction -o tsv
  succeeds
  matches '^Deny$'
step "network rule: add" az acr network-rule add -n premiumregistry --ip-address 203.0.113.0/24 --query "networkRuleSet.ipRules[].ipAddressOrRange" -o tsv
  succeeds
  prints "203.0.113.0/24"
step "network rule: list" az acr network-rule list -n premiumregistry --query "ipRules[].ipAddressOrRange" -o tsv
  succeeds
  prints "203.0.113.0/24"
step "network rule: remove" az acr network-rule remove -n premiumregistry --ip-address 203.0.113.0/24 --query "length(networkRuleSet.ipRules)" -o tsv
  succeeds
  matches '^0$'
step "network rule: only Premium has them" az acr network-rule add -n freshregistry --ip-address 203.0.113.0/24
  fails
  matches 'Premium|premium'

step "credential: no admin, no password" az acr credential show -n freshregistry
  fails
  prints "az acr update -n freshregistry --admin-enabled true"
step "update: an admin" az acr update -n freshregistry --admin-enabled true --query adminUserEnabled -o tsv
  succeeds
  matches '^true$'
step "credential: show" az acr credential show -n freshregistry --query "[username, length(passwords)]" -o tsv
  succeeds
  matches '^freshregistry$'
step "credential: the first password" az acr credential show -n freshregistry --query "passwords[0].value" -o tsv
  succeeds
  matches '^.{20,}$'
PASSWORD=$output
step "credential: it opens the registry" az acr repository list -n freshregistry -u freshregistry -p "$PASSWORD"
  succeeds
  matches '^\[\]$'
step "credential: renew" az acr credential renew -n freshregistry --password-name password --query "passwords[0].value" -o tsv
  succeeds
  prints_not "$PASSWORD"
step "credential: the old one opens nothing" az acr repository list -n freshregistry -u freshregistry -p "$PASSWORD"
  fails
  prints "401"

step "policy: content trust" az acr config content-trust update -r premiumregistry --status disabled --yes --query status -o tsv
  succeeds
  matches '^disabled$'
step "policy: content trust is off" az acr config content-trust show -r premiumregistry --query status -o tsv
  succeeds
  matches '^disabled$'
step "policy: retention" az acr config retention update -r premiumregistry --status enabled --days 30 --type UntaggedManifests --query days -o tsv
  succeeds
  matches '^30$'
step "policy: retention is on" az acr config retention show -r premiumregistry --query "[status, days]" -o tsv
  succeeds
  matches '^enabled$'
step "policy: retention of 400 days" az acr config retention update -r premiumregistry --status enabled --days 400 --type UntaggedManifests
  fails
  matches '365'
step "policy: soft delete" az acr config soft-delete update -r premiumregistry --status enabled --days 7 --query retentionDays -o tsv
  succeeds
  matches '^7$'
step "policy: soft delete is on" az acr config soft-delete show -r premiumregistry --query status -o tsv
  succeeds
  matches '^enabled$'
step "policy: tokens of ARM" az acr config authentication-as-arm update -r premiumregistry --status disabled --query status -o tsv
  succeeds
  matches '^disabled$'
step "policy: tokens of ARM are off" az acr config authentication-as-arm show -r premiumregistry --query status -o tsv
  succeeds
  matches '^disabled$'

step "identity: the system's" az acr identity assign -n standardregistry --identities '[system]' --query identity.type -o tsv
  succeeds
  matches '^[sS]ystemAssigned$'
step "identity: show" az acr identity show -n standardregistry --query principalId -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
step "identity: one's own" az identity create -n own -g group --query id -o tsv
  succeeds
  prints "/userAssignedIdentities/own"
OWN=$output
step "identity: both" az acr identity assign -n standardregistry --identities "$OWN" --query identity.type -o tsv
  succeeds
  matches '^[sS]ystemAssigned, ?[uU]serAssigned$'
step "identity: without the system's" az acr identity remove -n standardregistry --identities '[system]' --query identity.type -o tsv
  succeeds
  matches '^[uU]serAssigned$'
step "encryption: with the service's key" az acr encryption show -n premiumregistry --query status -o tsv
  succeeds
  matches '^disabled$'
step "usage" az acr show-usage -n premiumregistry --query "value[?name=='Webhooks'].limit" -o tsv
  succeeds
  matches '^500$'

sign_in_as reader
step "a Reader sees the registry" as reader az acr show -n freshregistry --query name -o tsv
  succeeds
  matches '^freshregistry$'
step "a Reader sees no passwords" as reader az acr credential show -n freshregistry
  fails
  prints "Microsoft.ContainerRegistry/registries/listCredentials/action"
step "a Reader changes nothing" as reader az acr update -n freshregistry --admin-enabled false
  fails
  prints "(AuthorizationFailed)"
step "delete" az acr delete -n freshregistry --yes
  succeeds
  prints_not ERROR
step "it is gone" az acr show -n freshregistry
  fails
  prints "could not be found"
step "delete what is not there" az acr delete -n freshregistry --yes
  fails
  prints "could not be found"
