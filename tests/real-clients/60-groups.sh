#!/usr/bin/env bash
# accounts, groups, providers, and resources of any kind
. "$(dirname "$0")/lib.sh"

S1=$AZURE_SUBSCRIPTION_ID
S2=0a210000-0000-4000-8000-000000000002
REGISTRY=/subscriptions/$S1/resourceGroups/first/providers/Microsoft.ContainerRegistry/registries/groupsregistry

sign_in
step "account: which one is set" az account show --query "[id, tenantId, user.type, state]" -o tsv
  succeeds
  prints "$S1"
  prints "servicePrincipal"
step "account: both subscriptions" az account list -o table
  succeeds
  prints_lines 2 ' Enabled '
step "account: asked again" az account list --refresh --query "[].id" -o tsv
  succeeds
  prints "$S2"
step "account: the other one" az account set -s "$S2"
  succeeds
step "account: it is set" az account show --query id -o tsv
  succeeds
  prints "$S2"
step "account: the first one again, by name" az account set -s "azlet one"
  succeeds
step "account: one that is not there" az account set -s 0a210000-0000-4000-8000-00000000dead
  fails
  prints "doesn't exist"
step "account: a token" az account get-access-token --query "[tokenType, tenant, subscription]" -o tsv
  succeeds
  prints "Bearer"
  prints "$S1"
step "account: a token for Graph" az account get-access-token --resource-type ms-graph --query tokenType -o tsv
  succeeds
  prints "Bearer"
step "account: regions" az account list-locations --query "[?name=='eastus'].[displayName, metadata.regionType]" -o tsv
  succeeds
  matches '^East US	Physical$'

step "group: create with tags" az group create -n first -l eastus --tags team=blue stage=test
  succeeds
  prints '"provisioningState": "Succeeded"'
  prints '"team": "blue"'
step "group: create another" az group create -n second -l westeurope --query location -o tsv
  succeeds
  matches '^westeurope$'
step "group: create again, in the same region" az group create -n first -l eastus --tags team=blue stage=test --query name -o tsv
  succeeds
  matches '^first$'
step "group: create again, in another region" az group create -n first -l westus
  exits 1
  prints "(InvalidResourceGroupLocation)"
step "group: a region that is not there" az group create -n third -l atlantis
  exits 1
  prints "(LocationNotAvailableForResourceGroup)"
step "group: a name that ends with a point" az group create -n wrong. -l eastus
  fails
  matches 'InvalidResourceGroup|ResourceGroupName|resource group name'
step "group: show" az group show -n first --query "[name, location, tags.team]" -o tsv
  succeeds
  prints "blue"
step "group: show in capitals" az group show -n FIRST --query name -o tsv
  succeeds
  matches '^first$'
step "group: show what is not there" az group show -n nowhere
  exits 3
  prints "(ResourceGroupNotFound) Resource group 'nowhere' could not be found."
step "group: exists" az group exists -n first
  succeeds
  matches '^true$'
step "group: does not exist" az group exists -n nowhere
  succeeds
  matches '^false$'
step "group: list" az group list -o table
  succeeds
  matches '^first +eastus +Succeeded$'
  matches '^second +westeurope +Succeeded$'
step "group: list by tag" az group list --tag team=blue --query "[].name" -o tsv
  succeeds
  matches '^first$'
  prints_not second
step "group: another tag" az group update -n first --set tags.team=red --query tags -o json
  succeeds
  prints '"team": "red"'
  prints '"stage": "test"'
step "group: only these tags" az group update -n first --tags a=b --query tags -o json
  succeeds
  prints_not stage

step "provider: show" az provider show -n Microsoft.ContainerRegistry --query "[namespace, registrationState]" -o tsv
  succeeds
  prints "Registered"
step "provider: the types of one" az provider show -n Microsoft.ContainerService \
  --query "resourceTypes[?resourceType=='managedClusters'].apiVersions[]" -o tsv
  succeeds
  matches '^2025-10-01$'
step "provider: list" az provider list --query "[].namespace" -o tsv
  succeeds
  matches '^Microsoft.ManagedIdentity$'
step "provider: register" az provider register -n Microsoft.ContainerRegistry --wait
  succeeds
  prints_not ERROR
step "provider: one that is not there" az provider show -n Microsoft.Nothing
  exits 3
  prints "InvalidResourceNamespace"

step "resource: create one of any kind" az resource create -g first -n groupsregistry --resource-type Microsoft.ContainerRegistry/registries \
  --is-full-object --properties '{"location": "eastus", "sku": {"name": "Standard"}, "properties": {}}' --query properties.loginServer -o tsv
  succeeds
  matches '^groupsregistry.azurecr.io$'
step "resource: show by id" az resource show --ids $REGISTRY --query "[name, sku.name]" -o tsv
  succeeds
  prints "Standard"
step "resource: show by name and type" az resource show -g first -n groupsregistry --resource-type Microsoft.ContainerRegistry/registries \
  --query id -o tsv
  succeeds
  prints "$REGISTRY"
step "resource: show what is not there" az resource show -g first -n nosuch --resource-type Microsoft.ContainerRegistry/registries
  exits 3
  prints "(ResourceNotFound)"
step "resource: a type that is not there" az resource show -g first -n x --resource-type Microsoft.ContainerRegistry/nothings
  fails
  prints "nothings"
step "resource: list of a group" az resource list -g first --query "[].name" -o tsv
  succeeds
  matches '^groupsregistry$'
step "resource: list of a type" az resource list --resource-type Microsoft.ContainerRegistry/registries --query "[].type" -o tsv
  succeeds
  matches '^Microsoft.ContainerRegistry/registries$'
step "resource: list of a group that is not there" az resource list -g nowhere
  exits 3
  prints "ResourceGroupNotFound"
step "resource: tag" az resource tag --ids $REGISTRY --tags cost=1 -o none
  succeeds
  prints_not ERROR
step "resource: list by tag" az resource list --tag cost=1 --query "[].name" -o tsv
  succeeds
  matches '^groupsregistry$'
step "resource: tag it one more" az resource tag --ids $REGISTRY --tags more=2 -i --query tags -o json
  succeeds
  prints '"cost": "1"'
  prints '"more": "2"'
step "resource: update" az resource update --ids $REGISTRY --set properties.adminUserEnabled=true --query properties.adminUserEnabled -o tsv
  succeeds
  matches '^true$'
step "resource: an action" az resource invoke-action --ids $REGISTRY --action listCredentials -o json
  succeeds
  prints_not ERROR
step "resource: wait for it" az resource wait --ids $REGISTRY --exists
  succeeds
  prints_not ERROR
step "resource: move to the other group" az resource move --ids $REGISTRY --destination-group second
  succeeds
  prints_not ERROR
step "resource: it is there" az resource list -g second --query "[].name" -o tsv
  succeeds
  matches '^groupsregistry$'
step "resource: it is gone from here" az resource list -g first --query "length(@)" -o tsv
  succeeds
  matches '^0$'
step "resource: delete" az resource delete -g second -n groupsregistry --resource-type Microsoft.ContainerRegistry/registries
  succeeds
  prints_not ERROR
step "rest: any request" az rest --method get --url "/subscriptions/{subscriptionId}/resourcegroups/first?api-version=2021-04-01" --query location -o tsv
  succeeds
  matches '^eastus$'

sign_in_as reader
step "a Reader sees the groups" as reader az group list --query "[].name" -o tsv
  succeeds
  matches '^first$'
step "a Reader deletes nothing" as reader az group delete -n first --yes
  exits 1
  prints "(AuthorizationFailed)"
  matches "resource[gG]roups/delete"
sign_in_as nobody
step "who has no right finds no subscription" as nobody az account list --query "[].name" -o tsv
  succeeds
  prints "N/A(tenant level account)"
step "group: delete" az group delete -n second --yes
  succeeds
  prints_not ERROR
step "group: delete without waiting" az group delete -n first --yes --no-wait
  succeeds
  prints_not ERROR
step "group: wait until it is gone" az group wait -n first --deleted
  succeeds
  prints_not ERROR
step "group: delete what is not there" az group delete -n first --yes
  fails
  prints "ResourceGroupNotFound"
