#!/usr/bin/env bash
# locks and what they keep from happening; tags
. "$(dirname "$0")/lib.sh"

S=/subscriptions/$AZURE_SUBSCRIPTION_ID
REGISTRY=$S/resourceGroups/locked/providers/Microsoft.ContainerRegistry/registries/lockedregistry

sign_in
step "a group" az group create -n locked -l eastus -o none
  succeeds
step "a registry" az acr create -n lockedregistry -g locked --sku basic -o none
  succeeds
step "lock: a group against deletion" az lock create -n keep -g locked --lock-type CanNotDelete --notes "kept" --query "[name, level, notes]" -o tsv
  succeeds
  matches '^CanNotDelete$'
  matches '^kept$'
step "lock: the group is not deleted" az group delete -n locked --yes
  exits 1
  prints "(ScopeLocked)"
step "lock: nor is what is in it" az acr delete -n lockedregistry --yes
  fails
  prints "(ScopeLocked)"
step "lock: but it is changed" az acr update -n lockedregistry --tags a=b --query tags.a -o tsv
  succeeds
  matches '^b$'
step "lock: list of the group" az lock list -g locked --query "[].name" -o tsv
  succeeds
  matches '^keep$'
step "lock: show" az lock show -n keep -g locked --query level -o tsv
  succeeds
  matches '^CanNotDelete$'
step "lock: other notes" az lock update -n keep -g locked --notes "still kept" --query notes -o tsv
  succeeds
  matches '^still kept$'
step "lock: a resource against changes" az lock create -n freeze --lock-type ReadOnly --resource lockedregistry -g locked \
  --resource-type Microsoft.ContainerRegistry/registries --query level -o tsv
  succeeds
  matches '^ReadOnly$'
step "lock: it is not changed" az acr update -n lockedregistry --tags c=d
  fails
  prints "(ScopeLocked)"
step "lock: it is read" az acr show -n lockedregistry --query tags.a -o tsv
  succeeds
  matches '^b$'
step "lock: its passwords are not, as that is a write" az acr credential show -n lockedregistry
  fails
  prints "lockedregistry"
step "lock: list of all" az lock list --query "[].name" -o tsv
  succeeds
  matches '^freeze$'
  matches '^keep$'
step "lock: one that is not there" az lock show -n nosuch -g locked
  fails
  matches 'NotFound|not found|could not be found'
step "lock: a level that is none" az lock create -n wrong -g locked --lock-type Forever
  exits 2
  prints "Forever"
sign_in_as contributor
step "lock: a Contributor makes none" as contributor az lock create -n mine -g locked --lock-type CanNotDelete
  exits 1
  prints "Microsoft.Authorization/locks/write"
step "lock: a Contributor takes none away" as contributor az lock delete -n keep -g locked
  exits 1
  prints "(AuthorizationFailed)"
step "lock: delete by id" az lock delete --ids "$REGISTRY/providers/Microsoft.Authorization/locks/freeze"
  succeeds
  prints_not ERROR
step "lock: it is changed again" az acr update -n lockedregistry --tags c=d --query tags.c -o tsv
  succeeds
  matches '^d$'
step "lock: the whole subscription" az lock create -n all --lock-type CanNotDelete --query level -o tsv
  succeeds
  matches '^CanNotDelete$'
step "lock: delete the group's" az lock delete -n keep -g locked
  succeeds
  prints_not ERROR
step "lock: the subscription's holds" az group delete -n locked --yes
  exits 1
  prints "(ScopeLocked)"
step "lock: delete the subscription's" az lock delete -n all
  succeeds
  prints_not ERROR

step "tags: set on a resource" az tag create --resource-id $REGISTRY --tags team=blue stage=test --query properties.tags -o json
  succeeds
  prints '"team": "blue"'
step "tags: of the resource" az tag list --resource-id $REGISTRY --query properties.tags.stage -o tsv
  succeeds
  matches '^test$'
step "tags: the resource shows them" az acr show -n lockedregistry --query tags -o json
  succeeds
  prints '"stage": "test"'
  prints_not '"c"'
step "tags: merge" az tag update --resource-id $REGISTRY --operation Merge --tags team=red more=1 --query properties.tags -o json
  succeeds
  prints '"team": "red"'
  prints '"stage": "test"'
step "tags: take one away" az tag update --resource-id $REGISTRY --operation Delete --tags more=1 --query properties.tags -o json
  succeeds
  prints_not more
step "tags: replace" az tag update --resource-id $REGISTRY --operation Replace --tags only=this --query properties.tags -o json
  succeeds
  prints '"only": "this"'
  prints_not stage
step "tags: on the group" az tag create --resource-id $S/resourceGroups/locked --tags cost=none --query properties.tags.cost -o tsv
  succeeds
  matches '^none$'
step "tags: on the subscription" az tag create --resource-id $S --tags owner=me --query properties.tags.owner -o tsv
  succeeds
  matches '^me$'
step "tags: names of the subscription" az tag create -n environment --query tagName -o tsv
  succeeds
  matches '^environment$'
step "tags: a value of the name" az tag add-value -n environment --value test --query tagValue -o tsv
  succeeds
  matches '^test$'
step "tags: the names that there are" az tag list --query "[].tagName" -o tsv
  succeeds
  matches '^environment$'
step "tags: the value goes" az tag remove-value -n environment --value test
  succeeds
  prints_not ERROR
step "tags: the name goes" az tag delete -n environment --yes
  succeeds
  prints_not ERROR
step "tags: all of the resource" az tag delete --resource-id $REGISTRY --yes
  succeeds
  prints_not ERROR
step "tags: none are left" az acr show -n lockedregistry --query tags -o json
  succeeds
  matches '^(\{\}|)$'
step "tags: on what is not there" az tag create --resource-id ${REGISTRY}x --tags a=b
  fails
  prints "(ResourceNotFound)"
step "delete the group" az group delete -n locked --yes
  succeeds
  prints_not ERROR
