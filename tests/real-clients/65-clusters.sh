#!/usr/bin/env bash
# clusters: create, update, scale, upgrade, stop, start, credentials, commands, refusals
. "$(dirname "$0")/lib.sh"

C=(-n cluster -g group)

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "versions of a region" az aks get-versions -l eastus --query "values[?isDefault].version" -o tsv
  succeeds
  matches '^1\.[0-9]+$'
step "the newest patch of the default version" az aks get-versions -l eastus --query "values[?isDefault].patchVersions | [0] | keys(@) | [0]" -o tsv
  succeeds
  matches '^1\.[0-9]+\.[0-9]+$'
step "create: with many options" az aks create "${C[@]}" --generate-ssh-keys --node-count 2 --node-vm-size Standard_DS2_v2 --tier standard \
  --tags team=blue --dns-name-prefix mine --network-plugin azure --enable-oidc-issuer --enable-workload-identity \
  --node-resource-group nodes --nodepool-name base --query "[provisioningState, sku.tier, nodeResourceGroup, networkProfile.networkPlugin]" -o tsv
  succeeds
  matches '^Succeeded$'
  matches '^Standard$'
  matches '^nodes$'
  matches '^azure$'
step "create: a version that is not served" az aks create -n old -g group --generate-ssh-keys --kubernetes-version 1.99.0
  exits 1
  matches 'K8sVersionNotSupported|not supported'
step "create: machines that are too small for the system" az aks create -n small -g group --generate-ssh-keys --node-vm-size Standard_B1s
  exits 1
  prints "(SystemPoolSkuTooLow)"
step "create: a name that is none" az aks create -n -wrong- -g group --generate-ssh-keys
  fails
  matches 'name|expected one argument'
step "create: a group that is not there" az aks create -n cluster -g nowhere --generate-ssh-keys
  fails
  prints "ResourceGroupNotFound"
step "show" az aks show "${C[@]}" --query "[name, powerState.code, fqdn, agentPoolProfiles[0].count]" -o tsv
  succeeds
  matches '^cluster$'
  matches '^Running$'
  matches '^mine-.*\.hcp\.eastus\.azmk8s\.io$'
step "show: the address of its tokens" az aks show "${C[@]}" --query oidcIssuerProfile.issuerUrl -o tsv
  succeeds
  matches '^https://eastus\.oic\.prod-aks\.azure\.com/'
step "show what is not there" az aks show -n nosuch -g group
  exits 3
  prints "(ResourceNotFound)"
step "list" az aks list -o table
  succeeds
  matches '^cluster +eastus +group '
step "list of a group" az aks list -g group --query "[].name" -o tsv
  succeeds
  matches '^cluster$'
step "the group of its nodes" az group show -n nodes --query managedBy -o tsv
  succeeds
  prints "/managedClusters/cluster"

step "update: tags" az aks update "${C[@]}" --tags a=b --query tags.a -o tsv
  succeeds
  matches '^b$'
step "update: upgrades by themselves" az aks update "${C[@]}" --auto-upgrade-channel patch --query autoUpgradeProfile.upgradeChannel -o tsv
  succeeds
  matches '^patch$'
step "update: who may reach it" az aks update "${C[@]}" --api-server-authorized-ip-ranges 20.30.40.0/24 \
  --query "apiServerAccessProfile.authorizedIpRanges" -o tsv
  succeeds
  prints "20.30.40.0/24"
step "update: anybody again" az aks update "${C[@]}" --api-server-authorized-ip-ranges "" --query "apiServerAccessProfile.authorizedIpRanges" -o tsv
  succeeds
  prints_not "20.30.40.0"
step "update: the tier" az aks update "${C[@]}" --tier free --query sku.tier -o tsv
  succeeds
  matches '^Free$'
step "update: the pool grows by itself" az aks update "${C[@]}" --enable-cluster-autoscaler --min-count 1 --max-count 3 \
  --query "agentPoolProfiles[0].[enableAutoScaling, minCount, maxCount]" -o tsv
  succeeds
  matches '^true$'
step "scale: not while it grows by itself" az aks scale "${C[@]}" --node-count 3
  fails
  matches 'autoscaler|auto'
step "update: no more" az aks update "${C[@]}" --disable-cluster-autoscaler --query "agentPoolProfiles[0].enableAutoScaling" -o tsv
  succeeds
  prints_not true
step "scale" az aks scale "${C[@]}" --node-count 1 --query "agentPoolProfiles[0].count" -o tsv
  succeeds
  matches '^1$'
step "update: nothing to do" az aks update "${C[@]}"
  fails
  matches 'Please specify|reconcile|no argument'

step "which version it is" az aks show "${C[@]}" --query currentKubernetesVersion -o tsv
  succeeds
  matches '^1\.[0-9]+\.[0-9]+$'
OLDER=$output
step "what it can be upgraded to" az aks get-upgrades "${C[@]}" --query "controlPlaneProfile.upgrades[].kubernetesVersion" -o tsv
  succeeds
  matches '^1\.[0-9]+\.[0-9]+$'
NEWER=$(head -n 1 <<<"$output")
step "upgrade" az aks upgrade "${C[@]}" --kubernetes-version "$NEWER" --yes --query currentKubernetesVersion -o tsv
  succeeds
  prints "$NEWER"
step "upgrade: back is no way" az aks upgrade "${C[@]}" --kubernetes-version "$OLDER" --yes
  exits 1
  prints "$OLDER"
step "node images" az aks upgrade "${C[@]}" --node-image-only --yes --query provisioningState -o tsv
  succeeds
  prints_not ERROR

step "credentials" az aks get-credentials "${C[@]}"
  succeeds
  prints 'Merged "cluster" as current context'
step "they work" kubectl get nodes -o name
  succeeds
  matches '^node/aks-base-'
step "credentials: the admin's, in a file" az aks get-credentials "${C[@]}" --admin --file "$HOME/admin"
  succeeds
  prints 'Merged "cluster-admin" as current context'
step "the admin's work" kubectl --kubeconfig "$HOME/admin" get ns -o name
  succeeds
  matches '^namespace/kube-system$'
step "a command" az aks command invoke "${C[@]}" --command "kubectl get nodes -o name" --query "[exitCode, logs]" -o tsv
  succeeds
  prints "node/aks-base-"
step "update: no accounts of its own" az aks update "${C[@]}" --enable-aad --disable-local-accounts --query disableLocalAccounts -o tsv
  succeeds
  matches '^true$'
step "credentials: then there are no admin's" az aks get-credentials "${C[@]}" --admin --file "$HOME/admin2"
  fails
  matches 'disabled|local account'
step "update: with accounts of its own" az aks update "${C[@]}" --enable-local-accounts --query disableLocalAccounts -o tsv
  succeeds
  matches '^false$'

step "maintenance: a window" az aks maintenanceconfiguration add -g group --cluster-name cluster -n default --weekday Monday --start-hour 1 \
  --query "timeInWeek[0].day" -o tsv
  succeeds
  matches '^Monday$'
step "maintenance: list" az aks maintenanceconfiguration list -g group --cluster-name cluster --query "[].name" -o tsv
  succeeds
  matches '^default$'
step "maintenance: show" az aks maintenanceconfiguration show -g group --cluster-name cluster -n default --query name -o tsv
  succeeds
  matches '^default$'
step "maintenance: delete" az aks maintenanceconfiguration delete -g group --cluster-name cluster -n default
  succeeds
  prints_not ERROR
step "addons: enable one" az aks enable-addons "${C[@]}" --addons azure-policy --query addonProfiles.azurepolicy.enabled -o tsv
  succeeds
  matches '^true$'
step "addons: disable it" az aks disable-addons "${C[@]}" --addons azure-policy --query addonProfiles.azurepolicy.enabled -o tsv
  succeeds
  matches '^false$'
step "certificates: new ones" az aks rotate-certs "${C[@]}" --yes
  succeeds
  prints_not ERROR

step "stop" az aks stop "${C[@]}"
  succeeds
  prints_not ERROR
step "it is stopped" az aks show "${C[@]}" --query powerState.code -o tsv
  succeeds
  matches '^Stopped$'
step "a stopped one is not scaled" az aks scale "${C[@]}" --node-count 2
  fails
  matches 'stopped|Stopped|OperationNotAllowed'
step "start" az aks start "${C[@]}"
  succeeds
  prints_not ERROR
step "it runs" az aks show "${C[@]}" --query powerState.code -o tsv
  succeeds
  matches '^Running$'

sign_in_as reader
step "a Reader sees it" as reader az aks show "${C[@]}" --query name -o tsv
  succeeds
  matches '^cluster$'
step "a Reader gets no credentials" as reader az aks get-credentials "${C[@]}" --file "$HOME/reader"
  exits 1
  prints "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"
step "a Reader does not stop it" as reader az aks stop "${C[@]}"
  exits 1
  prints "(AuthorizationFailed)"
step "delete" az aks delete "${C[@]}" --yes
  succeeds
  prints_not ERROR
step "it is gone" az aks list --query "length(@)" -o tsv
  succeeds
  matches '^0$'
step "its nodes' group too" az group exists -n nodes
  succeeds
  matches '^false$'
step "delete what is not there: nothing to do" az aks delete "${C[@]}" --yes
  succeeds
  prints_not ERROR
