#!/usr/bin/env bash
# registries at depth: configuration, network rules, identities, keys, connected registries, credential sets, tasks, agent pools
. "$(dirname "$0")/lib.sh"

R=depthregistry
ID=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.ContainerRegistry/registries/$R

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry" az acr create -n $R -g group --sku Premium -o none
  succeeds
step "a name with a label, free" az acr check-name -n labelledregistry --dnl-scope TenantReuse --query availableLoginServerName -o tsv
  succeeds
  matches '^labelledregistry-[a-z0-9]{16}\.azurecr\.io$'
step "a registry with a label" az acr create -n labelledregistry -g group --sku Basic --dnl-scope TenantReuse --query loginServer -o tsv
  succeeds
  matches '^labelledregistry-[a-z0-9]{16}\.azurecr\.io$'
step "it is found by its name" az acr repository list -n labelledregistry
  succeeds
  prints "[]"

step "retention" az acr config retention update -r $R --status enabled --days 30 --type UntaggedManifests --query days -o tsv
  succeeds
  matches '^30$'
step "retention is shown" az acr config retention show -r $R --query status -o tsv
  succeeds
  matches '^enabled$'
step "soft delete" az acr config soft-delete update -r $R --status enabled --days 14 --yes --query retentionDays -o tsv
  succeeds
  matches '^14$'
step "soft delete off" az acr config soft-delete update -r $R --status disabled --yes --query status -o tsv
  succeeds
  matches '^disabled$'
step "content trust is off" az acr config content-trust show -r $R --query status -o tsv
  succeeds
  matches '^disabled$'
step "no ARM tokens" az acr config authentication-as-arm update -r $R --status disabled --query status -o tsv
  succeeds
  matches '^disabled$'

step "network rule: add" az acr network-rule add -n $R --ip-address 203.0.113.0/24 --query "networkRuleSet.ipRules[0].ipAddressOrRange" -o tsv
  succeeds
  matches '^203.0.113.0/24$'
step "network rule: deny the rest" az acr update -n $R --default-action Deny --query networkRuleSet.defaultAction -o tsv
  succeeds
  matches '^Deny$'
step "network rule: this machine is refused" az acr repository list -n $R
  fails
  prints "configured firewall rules"
step "network rule: let it in" az acr network-rule add -n $R --ip-address 127.0.0.1 -o none
  succeeds
step "network rule: it is let in" az acr repository list -n $R
  succeeds
  prints "[]"
step "network rule: remove" az acr network-rule remove -n $R --ip-address 203.0.113.0/24 --query "length(networkRuleSet.ipRules)" -o tsv
  succeeds
  matches '^1$'
step "network rule: list" az acr network-rule list -n $R
  succeeds
  prints 127.0.0.1
step "network rule: an address that is none" az acr network-rule add -n $R --ip-address 300.0.0.1
  fails
  prints 300.0.0.1

step "identity: an identity" az identity create -n id1 -g group -o none
  succeeds
step "identity: assign both kinds" az acr identity assign -n $R --identities [system] \
  /subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1 --query "identity.type" -o tsv
  succeeds
  matches 'ystemAssigned, ?[uU]serAssigned'
step "identity: remove one" az acr identity remove -n $R --identities [system] --query "identity.type" -o tsv
  succeeds
  matches '^[uU]serAssigned$'
step "identity: show" az acr identity show -n $R
  succeeds
  prints userAssignedIdentities/id1
step "a key of one's own" az acr create -n keyedregistry -g group --sku Premium --identity id1 --key-encryption-key https://v.vault.azure.net/keys/k \
  --query "encryption.keyVaultProperties.keyRotationEnabled" -o tsv
  succeeds
  matches '^[tT]rue$'
step "the key is shown" az acr encryption show -n keyedregistry --query status -o tsv
  succeeds
  matches '^enabled$'
step "another key" az acr encryption rotate-key -n keyedregistry --key-encryption-key https://v.vault.azure.net/keys/k2/0123456789abcdef0123456789abcdef \
  --query "encryption.keyVaultProperties.keyRotationEnabled" -o tsv
  succeeds
  matches '^[fF]alse$'

step "endpoints" az acr show-endpoints -n $R
  succeeds
  prints "blob.core.windows.net"
step "regional endpoints" az acr update -n $R --regional-endpoints Enabled --query "regionalEndpointHostNames[0]" -o tsv
  succeeds
  matches "^$R.eastus.geo.azurecr.io\$"
step "connected registry: create, with data endpoints" az acr connected-registry create -r $R -n edge1 --repository a b -m ReadOnly --yes \
  --query "[mode, connectionState]" -o tsv
  succeeds
  matches '^ReadOnly$'
  matches '^Offline$'
step "connected registry: below it" az acr connected-registry create -r $R -n edge2 --repository a -m ReadOnly --parent edge1 --query name -o tsv
  succeeds
  matches '^edge2$'
step "connected registry: list" az acr connected-registry list -r $R --query "[].name" -o tsv
  succeeds
  matches '^edge2$'
step "connected registry: its permissions" az acr connected-registry permissions show -r $R -n edge1 --query "actions" -o tsv
  succeeds
  prints repositories/a/content/read
step "connected registry: update" az acr connected-registry update -r $R -n edge2 --log-level Debug --query "logging.logLevel" -o tsv
  succeeds
  matches '^Debug$'
step "connected registry: deactivate" az acr connected-registry deactivate -r $R -n edge2 --yes
  succeeds
  prints_not ERROR
step "connected registry: delete" az acr connected-registry delete -r $R -n edge2 --yes --cleanup
  succeeds
  prints_not ERROR
step "endpoints with data endpoints" az acr show-endpoints -n $R --query "dataEndpoints[0].endpoint" -o tsv
  succeeds
  matches "^$R.eastus.data.azurecr.io\$"

step "credential set: create" az acr credential-set create -r $R -n dockerhub -l docker.io -u https://v.vault.azure.net/secrets/u -p https://v.vault.azure.net/secrets/p \
  --query "authCredentials[0].credentialHealth.status" -o tsv
  succeeds
  matches '^Unhealthy$'
step "credential set: update" az acr credential-set update -r $R -n dockerhub -u https://v.vault.azure.net/secrets/u2 \
  --query "authCredentials[0].usernameSecretIdentifier" -o tsv
  succeeds
  prints secrets/u2
step "cache rule with it" az acr cache create -r $R -n nginx-rule -s docker.io/library/nginx -t mirror/nginx -c dockerhub --query credentialSetResourceId -o tsv
  succeeds
  prints credentialSets/dockerhub
step "cache rule without it" az acr cache update -r $R -n nginx-rule --remove-cred-set --query credentialSetResourceId -o tsv
  succeeds
  prints_not dockerhub
step "credential set: delete" az acr credential-set delete -r $R -n dockerhub --yes
  succeeds
  prints_not ERROR

step "task: create" az acr task create -r $R -n build1 -c https://github.com/example/repo.git -f Dockerfile --image app:v1 --commit-trigger-enabled false \
  --base-image-trigger-enabled false --query "[status, step.type]" -o tsv
  succeeds
  matches '^Enabled$'
step "task: a timer" az acr task timer add -r $R -n build1 --timer-name nightly --schedule "0 1 * * *" --query "trigger.timerTriggers[0].name" -o tsv
  succeeds
  matches '^nightly$'
step "task: a credential" az acr task credential add -r $R -n build1 --login-server other.example.com -u user -p secret
  succeeds
  prints other.example.com
  prints_not secret
step "task: update" az acr task update -r $R -n build1 --status Disabled --query status -o tsv
  succeeds
  matches '^Disabled$'
step "task: update again" az acr task update -r $R -n build1 --status Enabled --query status -o tsv
  succeeds
  matches '^Enabled$'
step "task: run" az acr task run -r $R -n build1 --no-wait
  succeeds
  prints "Queued a run with ID: cf1"
step "task: the run has failed, and says why" az acr task show-run -r $R --run-id cf1 --query "[status, runErrorMessage]" -o tsv
  succeeds
  matches '^Failed$'
  prints "azlet does not build images"
step "task: its log" az acr task logs -r $R --run-id cf1
  fails
  prints "Could not get logs for ID: cf1"
step "task: runs" az acr task list-runs -r $R -n build1 --query "[].runId" -o tsv
  succeeds
  matches '^cf1$'
step "task: list" az acr task list -r $R --query "[].name" -o tsv
  succeeds
  matches '^build1$'
step "task: delete" az acr task delete -r $R -n build1 --yes
  succeeds
  prints_not ERROR
step "agent pool: create" az acr agentpool create -r $R -n pool1 --tier S1 --query "[count, tier]" -o tsv
  succeeds
  matches '^S1$'
step "agent pool: scale" az acr agentpool update -r $R -n pool1 -c 3 --query count -o tsv
  succeeds
  matches '^3$'
step "agent pool: its queue" az acr agentpool show -r $R -n pool1 --queue-count --query count -o tsv
  succeeds
  matches '^0$'
step "agent pool: delete" az acr agentpool delete -r $R -n pool1 --yes
  succeeds
  prints_not ERROR
step "credentials, admin off" az acr credential show -n $R
  fails
  prints "admin"
step "credentials" az acr update -n $R --admin-enabled true -o none
  succeeds
step "credentials: renew" az acr credential renew -n $R --password-name password2 --query username -o tsv
  succeeds
  matches "^$R\$"
step "the registry is deleted" az acr delete -n $R -g group --yes
  succeeds
  prints_not ERROR
step "it is gone" az resource show --ids $ID
  fails
  prints ResourceNotFound
