#!/usr/bin/env bash
# node pools: add, scale, update, upgrade, stop, start, machines, refusals
. "$(dirname "$0")/lib.sh"

P=(-g group --cluster-name cluster)

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a cluster" az aks create -n cluster -g group --generate-ssh-keys --node-count 1 -o none
  succeeds
step "list: the first pool" az aks nodepool list "${P[@]}" --query "[].[name, mode]" -o tsv
  succeeds
  matches '^nodepool1	System$'
step "add: a pool for work" az aks nodepool add "${P[@]}" -n work --node-count 1 --labels tier=web --node-taints only=web:NoSchedule \
  --tags team=blue --max-pods 50 --query "[name, mode, count, nodeLabels.tier, maxPods]" -o tsv
  succeeds
  matches '^work$'
  matches '^User$'
  matches '^web$'
  matches '^50$'
step "add: the same again" az aks nodepool add "${P[@]}" -n work
  fails
  prints "already exists"
step "add: a name in capitals" az aks nodepool add "${P[@]}" -n Work2 --node-count 1
  fails
  matches 'name|Name'
step "add: a name of 13 letters" az aks nodepool add "${P[@]}" -n abcdefghijklm --node-count 1
  fails
  matches '12|name'
step "add: machines that are too small for the system" az aks nodepool add "${P[@]}" -n small --mode System --node-vm-size Standard_B1s
  exits 1
  prints "(SystemPoolSkuTooLow)"
step "add: a version above the cluster's" az aks nodepool add "${P[@]}" -n newer --kubernetes-version 1.99.0
  exits 1
  matches '1\.99\.0'
step "add: a spot pool" az aks nodepool add "${P[@]}" -n spot --priority Spot --eviction-policy Delete --spot-max-price -1 --node-count 1 \
  --query "[scaleSetPriority, nodeTaints[0]]" -o tsv
  succeeds
  matches '^Spot$'
step "add: a spot pool for the system" az aks nodepool add "${P[@]}" -n spot2 --priority Spot --mode System --node-count 1
  fails
  matches '[sS]pot|System'
step "show" az aks nodepool show "${P[@]}" -n work --query "[provisioningState, powerState.code, osType]" -o tsv
  succeeds
  matches '^Succeeded$'
  matches '^Running$'
step "show what is not there" az aks nodepool show "${P[@]}" -n nosuch
  exits 3
  matches 'NotFound'
step "list" az aks nodepool list "${P[@]}" -o table
  succeeds
  matches '^work +Linux '
step "scale" az aks nodepool scale "${P[@]}" -n work --node-count 3 --query count -o tsv
  succeeds
  matches '^3$'
step "scale to as many as there are" az aks nodepool scale "${P[@]}" -n work --node-count 3
  fails
  prints "same"
step "scale the system's pool to nothing" az aks nodepool scale "${P[@]}" -n nodepool1 --node-count 0
  fails
  matches 'InvalidParameter|System|system'
step "the nodes of the cluster" az aks get-credentials -n cluster -g group
  succeeds
  prints 'Merged "cluster"'
step "three of them are the pool's" kubectl get nodes -l agentpool=work -o name
  succeeds
  prints_lines 3 '^node/aks-work-'
step "update: it grows by itself" az aks nodepool update "${P[@]}" -n work --enable-cluster-autoscaler --min-count 1 --max-count 4 \
  --query "[enableAutoScaling, minCount, maxCount]" -o tsv
  succeeds
  matches '^true$'
  matches '^4$'
step "update: other bounds" az aks nodepool update "${P[@]}" -n work --update-cluster-autoscaler --min-count 2 --max-count 5 --query maxCount -o tsv
  succeeds
  matches '^5$'
step "update: bounds the wrong way round" az aks nodepool update "${P[@]}" -n work --update-cluster-autoscaler --min-count 5 --max-count 2
  fails
  matches 'min-count|minCount|less than'
step "scale: not while it grows by itself" az aks nodepool scale "${P[@]}" -n work --node-count 4
  fails
  matches 'autoscaler|auto'
step "update: no more" az aks nodepool update "${P[@]}" -n work --disable-cluster-autoscaler --query enableAutoScaling -o tsv
  succeeds
  prints_not true
step "update: labels and taints" az aks nodepool update "${P[@]}" -n work --labels tier=api --node-taints "" --query nodeLabels.tier -o tsv
  succeeds
  matches '^api$'
step "what it can be upgraded to" az aks nodepool get-upgrades "${P[@]}" --nodepool-name work --query "[kubernetesVersion, osType]" -o tsv
  succeeds
  matches '^Linux$'
step "upgrade: a new image" az aks nodepool upgrade "${P[@]}" -n work --node-image-only --query provisioningState -o tsv
  succeeds
  prints_not ERROR
step "machines" az aks machine list -g group --cluster-name cluster --nodepool-name work --query "length(@)" -o tsv
  succeeds
  matches '^3$'
step "stop" az aks nodepool stop "${P[@]}" --nodepool-name work
  succeeds
  prints_not ERROR
step "it is stopped" az aks nodepool show "${P[@]}" -n work --query powerState.code -o tsv
  succeeds
  matches '^Stopped$'
step "start" az aks nodepool start "${P[@]}" --nodepool-name work
  succeeds
  prints_not ERROR
step "it runs" az aks nodepool show "${P[@]}" -n work --query powerState.code -o tsv
  succeeds
  matches '^Running$'
step "its id" az aks nodepool show "${P[@]}" -n work --query id -o tsv
  succeeds
  prints "/agentPools/work"
POOL=$output
step "snapshot: of the pool" az aks nodepool snapshot create -n shot -g group --nodepool-id "$POOL" --query "[name, snapshotType]" -o tsv
  succeeds
  matches '^NodePool$'
step "snapshot: list" az aks nodepool snapshot list -g group --query "[].name" -o tsv
  succeeds
  matches '^shot$'
step "snapshot: delete" az aks nodepool snapshot delete -n shot -g group --yes
  succeeds
  prints_not ERROR
step "update: the work pool for the system" az aks nodepool update "${P[@]}" -n work --mode System --query mode -o tsv
  succeeds
  matches '^System$'
step "delete the first pool" az aks nodepool delete "${P[@]}" -n nodepool1
  succeeds
  prints_not ERROR
step "the last pool for the system stays" az aks nodepool delete "${P[@]}" -n work
  fails
  matches 'System|system|last'
step "delete the spot pool" az aks nodepool delete "${P[@]}" -n spot
  succeeds
  prints_not ERROR
step "delete what is not there" az aks nodepool delete "${P[@]}" -n spot
  fails
  matches "doesn'?t exist"
step "one pool is left" az aks nodepool list "${P[@]}" --query "[].name" -o tsv
  succeeds
  matches '^work$'
  prints_not spot
