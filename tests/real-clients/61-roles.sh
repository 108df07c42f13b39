#!/usr/bin/env bash
# roles, assignments and management groups
. "$(dirname "$0")/lib.sh"

S1=$AZURE_SUBSCRIPTION_ID
GROUP=/subscriptions/$S1/resourceGroups/roles
REGISTRY=$GROUP/providers/Microsoft.ContainerRegistry/registries/rolesregistry
ADA=ada@azlet.onmicrosoft.com
ADA_ID=0a210000-0000-4000-8000-0000000000c1
NOBODY=0a210000-0000-4000-8000-0000000000a4
NOBODY_ID=0a210000-0000-4000-8000-0000000000b4

sign_in
step "a group" az group create -n roles -l eastus -o none
  succeeds
step "a registry" az acr create -n rolesregistry -g roles --sku basic -o none
  succeeds

step "definition: by name" az role definition list --name AcrPull --query "[].[roleName, name, roleType]" -o tsv
  succeeds
  matches '^AcrPull	7f951dda-4ed3-4680-a7ca-43fe172d538d	BuiltInRole$'
step "definition: by id" az role definition list --name 8311e382-0749-4cb8-b61a-304f252e45ec --query "[].roleName" -o tsv
  succeeds
  matches '^AcrPush$'
step "definition: no custom ones yet" az role definition list --custom-role-only --query "length(@)" -o tsv
  succeeds
  matches '^0$'
cat >"$HOME/role.json" <<ROLE
{
  "Name": "Registry Watcher",
  "IsCustom": true,
  "Description": "Sees registries.",
  "Actions": ["Microsoft.ContainerRegistry/registries/read", "Microsoft.Resources/subscriptions/resourceGroups/read"],
  "NotActions": [],
  "AssignableScopes": ["/subscriptions/$S1"]
}
ROLE
step "definition: create" az role definition create --role-definition "@$HOME/role.json" --query "[roleName, roleType]" -o tsv
  succeeds
  prints "CustomRole"
step "definition: list the custom ones" az role definition list --custom-role-only --query "[].roleName" -o tsv
  succeeds
  matches '^Registry Watcher$'
sed 's/Sees registries/Sees all registries/' "$HOME/role.json" >"$HOME/role2.json"
step "definition: update" az role definition update --role-definition "@$HOME/role2.json" --query description -o tsv
  succeeds
  matches '^Sees all registries\.$'
step "definition: create one of that name again" az role definition create --role-definition "@$HOME/role.json"
  exits 1
  prints "(RoleDefinitionWithSameNameExists)"
step "definition: delete a built-in one" az role definition delete --name AcrPull
  exits 1
  prints "(RoleDefinitionIsBuiltIn)"

step "assignment: by object id" az role assignment create --role AcrPull --assignee-object-id $NOBODY_ID \
  --assignee-principal-type ServicePrincipal --scope $REGISTRY --query "[principalId, principalType, scope]" -o tsv
  succeeds
  prints "$NOBODY_ID"
  prints "$REGISTRY"
step "assignment: the same again is the same" az role assignment create --role AcrPull --assignee-object-id $NOBODY_ID \
  --assignee-principal-type ServicePrincipal --scope $REGISTRY --query principalId -o tsv
  succeeds
  matches "^$NOBODY_ID$"
step "assignment: by application id" az role assignment create --role Reader --assignee $NOBODY --scope $GROUP --query principalId -o tsv
  succeeds
  matches "^$NOBODY_ID$"
step "assignment: by user name" az role assignment create --role "Registry Watcher" --assignee $ADA --scope /subscriptions/$S1 \
  --query "[principalId, principalType]" -o tsv
  succeeds
  prints "$ADA_ID"
  matches '^User$'
step "assignment: a role by its id" az role assignment create --role 8311e382-0749-4cb8-b61a-304f252e45ec --assignee-object-id $NOBODY_ID \
  --assignee-principal-type ServicePrincipal --scope $REGISTRY --query roleDefinitionId -o tsv
  succeeds
  prints 8311e382-0749-4cb8-b61a-304f252e45ec
step "assignment: with a condition" az role assignment create --role "Container Registry Repository Reader" --assignee-object-id $NOBODY_ID \
  --assignee-principal-type ServicePrincipal --scope $REGISTRY --condition-version 2.0 \
  --condition "((!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})) OR (@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEqualsIgnoreCase 'nginx'))" \
  --query conditionVersion -o tsv
  succeeds
  matches '^2\.0$'
step "assignment: list at the registry" az role assignment list --scope $REGISTRY --query "[?scope=='$REGISTRY'].roleDefinitionName" -o tsv
  succeeds
  prints_lines 1 '^AcrPull$'
  prints_lines 1 '^AcrPush$'
step "assignment: list with what is inherited" az role assignment list --scope $REGISTRY --include-inherited --query "[].roleDefinitionName" -o tsv
  succeeds
  matches '^Owner$'
  matches '^Reader$'
step "assignment: list of one" az role assignment list --assignee $NOBODY --all --query "[].[roleDefinitionName, principalName]" -o tsv
  succeeds
  prints_lines 4 "$NOBODY"
step "assignment: list of one who has none here" az role assignment list --assignee $ADA --scope $REGISTRY --query "length(@)" -o tsv
  succeeds
  matches '^0$'
step "assignment: list of a group" az role assignment list -g roles --query "[].roleDefinitionName" -o tsv
  succeeds
  matches '^Reader$'
step "assignment: a role that is not there" az role assignment create --role NoSuchRole --assignee-object-id $NOBODY_ID \
  --assignee-principal-type ServicePrincipal --scope $GROUP
  fails
  prints "Role 'NoSuchRole' doesn't exist."
step "assignment: somebody who is not there" az role assignment create --role Reader --assignee nobody@azlet.onmicrosoft.com --scope $GROUP
  fails
  prints "Cannot find user or service principal in graph database for 'nobody@azlet.onmicrosoft.com'."
step "assignment: a principal of another kind" az role assignment create --role Reader --assignee-object-id $ADA_ID \
  --assignee-principal-type ServicePrincipal --scope $GROUP
  exits 1
  prints "(UnmatchedPrincipalType)"
step "assignment: at a registry that is not there" az role assignment create --role AcrPull --assignee-object-id $NOBODY_ID \
  --assignee-principal-type ServicePrincipal --scope ${REGISTRY}x
  fails
  prints "(ResourceNotFound)"
step "definition: one in use cannot go" az role definition delete --name "Registry Watcher"
  exits 1
  prints "(RoleDefinitionHasAssignments)"

sign_in_as nobody
step "who was given Reader reads" as nobody az group show -n roles --query name -o tsv
  succeeds
  matches '^roles$'
step "who was given Reader may not write" as nobody az group update -n roles --tags a=b
  exits 1
  prints "(AuthorizationFailed)"
step "who was given Reader may not give roles" as nobody az role assignment create --role Owner --assignee-object-id $NOBODY_ID \
  --assignee-principal-type ServicePrincipal --scope $GROUP
  exits 1
  prints "Microsoft.Authorization/roleAssignments/write"
step "assignment: delete one" az role assignment delete --assignee $NOBODY --role Reader --scope $GROUP
  succeeds
  prints_not ERROR
pass_time 10m
step "who has lost Reader reads no more" as nobody az group show -n roles
  exits 1
  prints "(AuthorizationFailed)"
step "assignment: its id" az role assignment list --assignee $ADA --role "Registry Watcher" --query "[].id" -o tsv
  succeeds
  prints "/providers/Microsoft.Authorization/roleAssignments/"
ID=$output
step "assignment: delete by id" az role assignment delete --ids "$ID"
  succeeds
  prints_not ERROR
step "assignment: delete all at a scope" az role assignment delete --assignee $NOBODY --scope $REGISTRY
  succeeds
  prints_not ERROR
step "assignment: all are gone" az role assignment list --assignee $NOBODY --all --query "length(@)" -o tsv
  succeeds
  matches '^0$'
step "definition: delete" az role definition delete --name "Registry Watcher"
  succeeds
  prints_not ERROR
step "definition: it is gone" az role definition list --custom-role-only --query "length(@)" -o tsv
  succeeds
  matches '^0$'

step "management group: create" az account management-group create -n platform --display-name Platform --query name -o tsv
  succeeds
  matches '^platform$'
step "management group: below it another" az account management-group create -n tests --parent platform --query name -o tsv
  succeeds
  matches '^tests$'
step "management group: put the subscription in it" az account management-group subscription add -n tests -s $S1 --query displayName -o tsv
  succeeds
  matches '^azlet one$'
step "management group: show what is in it" az account management-group show -n tests -e --query "children[].name" -o tsv
  succeeds
  prints "$S1"
step "management group: list" az account management-group list --query "[].name" -o tsv
  succeeds
  matches '^platform$'
step "management group: a role on it" az role assignment create --role Reader --assignee-object-id $NOBODY_ID \
  --assignee-principal-type ServicePrincipal --scope /providers/Microsoft.Management/managementGroups/platform --query scope -o tsv
  succeeds
  matches '/managementGroups/platform$'
pass_time 10m
step "management group: counts below it" as nobody az group show -n roles --query name -o tsv
  succeeds
  matches '^roles$'
step "management group: one with something in it cannot go" az account management-group delete -n platform
  fails
  matches 'BadRequest|Conflict|Management[gG]roup'
step "management group: take the subscription out" az account management-group subscription remove -n tests -s $S1
  succeeds
  prints_not ERROR
step "management group: delete" az account management-group delete -n tests
  succeeds
  prints_not ERROR
