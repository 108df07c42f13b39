#!/usr/bin/env bash
# workspaces, diagnostic settings, and networks for clusters
. "$(dirname "$0")/lib.sh"

W=(-g group -n workspace)
REGISTRY=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.ContainerRegistry/registries/diagnosticsregistry

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry" az acr create -n diagnosticsregistry -g group --sku basic -o none
  succeeds
step "workspace: create" az monitor log-analytics workspace create "${W[@]}" --retention-time 60 --query "[name, provisioningState, retentionInDays]" -o tsv
  succeeds
  matches '^workspace$'
  matches '^Succeeded$'
  matches '^60$'
step "workspace: its id for queries" az monitor log-analytics workspace show "${W[@]}" --query customerId -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
step "workspace: list" az monitor log-analytics workspace list -g group --query "[].name" -o tsv
  succeeds
  matches '^workspace$'
step "workspace: its keys" az monitor log-analytics workspace get-shared-keys "${W[@]}" --query primarySharedKey -o tsv
  succeeds
  matches '^.{40,}$'
step "workspace: update" az monitor log-analytics workspace update "${W[@]}" --retention-time 90 --query retentionInDays -o tsv
  succeeds
  matches '^90$'
step "workspace: tags" az monitor log-analytics workspace update "${W[@]}" --tags a=b --query tags.a -o tsv
  succeeds
  matches '^b$'
step "workspace: one that is not there" az monitor log-analytics workspace show -g group -n nosuch
  exits 3
  prints "(ResourceNotFound)"

D=(--resource "$REGISTRY" -n send)
step "diagnostics: what there is to send" az monitor diagnostic-settings categories list --resource "$REGISTRY" --query "value[].name" -o tsv
  succeeds
  matches '^ContainerRegistryLoginEvents$'
  matches '^ContainerRegistryRepositoryEvents$'
step "diagnostics: send to the workspace" az monitor diagnostic-settings create "${D[@]}" \
  --workspace "/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.OperationalInsights/workspaces/workspace" \
  --logs '[{"category": "ContainerRegistryLoginEvents", "enabled": true}]' --metrics '[{"category": "AllMetrics", "enabled": true}]' \
  --query "[name, logs[0].category]" -o tsv
  succeeds
  matches '^send$'
  matches '^ContainerRegistryLoginEvents$'
step "diagnostics: show" az monitor diagnostic-settings show "${D[@]}" --query workspaceId -o tsv
  succeeds
  prints "/workspaces/workspace"
step "diagnostics: list" az monitor diagnostic-settings list --resource "$REGISTRY" --query "[].name || value[].name" -o tsv
  succeeds
  matches '^send$'
step "diagnostics: a category that is none" az monitor diagnostic-settings create --resource "$REGISTRY" -n wrong \
  --workspace "/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.OperationalInsights/workspaces/workspace" \
  --logs '[{"category": "NoSuchEvents", "enabled": true}]'
  fails
  prints "NoSuchEvents"
step "diagnostics: the workspace's id for queries" az monitor log-analytics workspace show "${W[@]}" --query customerId -o tsv
  succeeds
CUSTOMER=$output
step "diagnostics: a sign-in" az acr login -n diagnosticsregistry --expose-token --query loginServer -o tsv
  succeeds
step "diagnostics: the sign-in can be asked for" az rest --method post --resource https://api.loganalytics.io \
  --url "https://api.loganalytics.io/v1/workspaces/$CUSTOMER/query" \
  --body '{"query": "ContainerRegistryLoginEvents | where OperationName == \"Login\" | summarize count() by LoginServer, ResultDescription"}' \
  --query "tables[0].rows[0]" -o tsv
  succeeds
  matches '^diagnosticsregistry.azurecr.io$'
  matches '^200$'
step "diagnostics: a query that is none" az rest --method post --resource https://api.loganalytics.io \
  --url "https://api.loganalytics.io/v1/workspaces/$CUSTOMER/query" --body '{"query": "ContainerRegistryLoginEvents | wher x"}'
  fails
  prints "SYN0002"
step "diagnostics: delete" az monitor diagnostic-settings delete "${D[@]}"
  succeeds
  prints_not ERROR
step "diagnostics: it is gone" az monitor diagnostic-settings show "${D[@]}"
  fails
  matches 'NotFound|not found|send'

step "network: create with a subnet" az network vnet create -n net -g group --address-prefixes 10.10.0.0/16 --subnet-name nodes \
  --subnet-prefixes 10.10.0.0/22 --query "newVNet.[name, provisioningState]" -o tsv
  succeeds
  matches '^net$'
  matches '^Succeeded$'
step "network: a second subnet" az network vnet subnet create -n pods -g group --vnet-name net --address-prefixes 10.10.4.0/22 \
  --query "[name, provisioningState]" -o tsv
  succeeds
  matches '^pods$'
step "network: a subnet over another" az network vnet subnet create -n over -g group --vnet-name net --address-prefixes 10.10.0.0/24
  fails
  prints "(NetcfgSubnetRangesOverlap)"
step "network: a subnet outside" az network vnet subnet create -n outside -g group --vnet-name net --address-prefixes 10.99.0.0/24
  fails
  prints "(NetcfgSubnetRangeOutsideVnet)"
step "network: its subnets" az network vnet subnet list -g group --vnet-name net --query "[].name" -o tsv
  succeeds
  matches '^nodes$'
  matches '^pods$'
step "network: show" az network vnet show -n net -g group --query "addressSpace.addressPrefixes" -o tsv
  succeeds
  prints "10.10.0.0/16"
step "network: list" az network vnet list -g group --query "[].name" -o tsv
  succeeds
  matches '^net$'
step "network: the id of the subnet" az network vnet subnet show -n nodes -g group --vnet-name net --query id -o tsv
  succeeds
  prints "/subnets/nodes"
SUBNET=$output
step "network: a cluster in it" az aks create -n cluster -g group --generate-ssh-keys --node-count 1 --network-plugin azure \
  --vnet-subnet-id "$SUBNET" --service-cidr 10.20.0.0/16 --dns-service-ip 10.20.0.10 --query "agentPoolProfiles[0].vnetSubnetId" -o tsv
  succeeds
  prints "$SUBNET"
step "network: a cluster's logs to the workspace" az aks enable-addons -n cluster -g group --addons monitoring \
  --workspace-resource-id "/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.OperationalInsights/workspaces/workspace" \
  --query addonProfiles.omsagent.enabled -o tsv
  succeeds
  matches '^true$'
step "network: a subnet that is not there" az aks create -n other -g group --generate-ssh-keys --vnet-subnet-id "${SUBNET}x"
  fails
  matches 'nodesx|ubnet'
step "network: the cluster goes" az aks delete -n cluster -g group --yes
  succeeds
  prints_not ERROR
step "network: delete a subnet" az network vnet subnet delete -n pods -g group --vnet-name net
  succeeds
  prints_not ERROR
step "network: delete" az network vnet delete -n net -g group
  succeeds
  prints_not ERROR
step "workspace: delete" az monitor log-analytics workspace delete "${W[@]}" --yes --force
  succeeds
  prints_not ERROR
step "workspace: it is gone" az monitor log-analytics workspace list -g group --query "length(@)" -o tsv
  succeeds
  matches '^0$'
