#!/usr/bin/env bash
# registries, the rest of `az acr`: what is left of connected registries, tasks and their runs, soft delete, and what is not emulated and says so
. "$(dirname "$0")/lib.sh"

R=restregistry

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry" az acr create -n $R -g group --sku Premium -o none
  succeeds
step "data endpoints" az acr update -n $R --data-endpoint-enabled true -o none
  succeeds

step "a connected registry" az acr connected-registry create -r $R -n edge1 --repository a -m ReadOnly --yes -o none
  succeeds
step "it is shown" az acr connected-registry show -r $R -n edge1 --query "[name, mode, connectionState]" -o tsv
  succeeds
  matches '^edge1$'
  matches '^Offline$'
step "what it signs in with" az acr connected-registry get-settings -r $R -n edge1 --parent-protocol https --generate-password 1 --yes
  succeeds
  prints "ACR_REGISTRY_CONNECTION_STRING"
step "another repository for it" az acr connected-registry permissions update -r $R -n edge1 --add b
  succeeds
step "its repositories" az acr connected-registry permissions show -r $R -n edge1 --query actions -o tsv
  succeeds
  prints "repositories/b/content/read"
step "its clients: none" az acr connected-registry list-client-tokens -r $R -n edge1 --query "length(@)" -o tsv
  succeeds
  matches '^0$'

step "a token" az acr token create -r $R -n reader1 --repository a content/read -o none
  succeeds
step "a token is shown" az acr token show -r $R -n reader1 --query "[status, length(credentials.passwords)]" -o tsv
  succeeds
  matches '^enabled$'
  matches '^2$'
step "a webhook" az acr webhook create -r $R -n hook1 --uri http://127.0.0.1:9 --actions push -o none
  succeeds
step "a webhook is shown" az acr webhook show -r $R -n hook1 --query "[status, scope]" -o tsv
  succeeds
  matches '^enabled$'
step "a replication" az acr replication create -r $R -l westus -o none
  succeeds
step "a replication is shown" az acr replication show -r $R -n westus --query "[location, provisioningState]" -o tsv
  succeeds
  matches '^westus$'
step "private link resources" az acr private-link-resource list -n $R --query "[].groupId" -o tsv
  succeeds
  matches '^registry$'
step "an absent private endpoint" az acr private-endpoint-connection show -r $R -n none1
  fails
  prints "ResourceNotFound"

step "a task" az acr task create -r $R -n build1 -c https://github.com/example/repo.git -f Dockerfile --image app:v1 \
  --commit-trigger-enabled false --base-image-trigger-enabled false -o none
  succeeds
step "its timer" az acr task timer add -r $R -n build1 --timer-name nightly --schedule "0 1 * * *" -o none
  succeeds
step "its timer, later" az acr task timer update -r $R -n build1 --timer-name nightly --schedule "0 2 * * *" \
  --query "trigger.timerTriggers[0].schedule" -o tsv
  succeeds
  matches '^0 2 \* \* \*$'
step "its timers" az acr task timer list -r $R -n build1 --query "[].name" -o tsv
  succeeds
  matches '^nightly$'
step "its credential" az acr task credential add -r $R -n build1 --login-server other.example.com -u user -p secret -o none
  succeeds
step "its credential, changed" az acr task credential update -r $R -n build1 --login-server other.example.com -u user -p other
  succeeds
  prints "other.example.com"
step "its credentials" az acr task credential list -r $R -n build1
  succeeds
  prints "other.example.com"
  prints_not "secret"
step "its credential, removed" az acr task credential remove -r $R -n build1 --login-server other.example.com
  succeeds
step "its identity" az acr task identity assign -r $R -n build1 --query identity.type -o tsv
  succeeds
  matches '^SystemAssigned$'
step "its identity is shown" az acr task identity show -r $R -n build1 --query principalId -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
step "all its identities, removed" az acr task identity remove -r $R -n build1 --identities "[all]"
  succeeds
step "a run" az acr task run -r $R -n build1 --no-wait
  succeeds
step "a run is kept" az acr task update-run -r $R --run-id cf1 --no-archive false --query isArchiveEnabled -o tsv
  succeeds
  matches '^true$'
step "a run that is over is cancelled" az acr task cancel-run -r $R --run-id cf1
  succeeds
step "runs of tasks: none" az acr taskrun list -r $R --query "length(@)" -o tsv
  succeeds
  matches '^0$'
step "an absent run of a task" az acr taskrun show -r $R -n none1
  fails
  prints "ResourceNotFound"
step "a command is not run" az acr run -r $R --cmd '$Registry/app:v1' /dev/null
  fails
  prints "Could not get logs"
step "why it was not run" az acr task show-run -r $R --run-id cf2 --query "[status, runErrorMessage]" -o tsv
  succeeds
  prints "azlet does not build images and runs no containers"
step "nothing was deleted" az acr repository list-deleted -n $R
  succeeds
  prints "[]"

S=softregistry
step "a registry that keeps what is deleted" az acr create -n $S -g group --sku Standard -o none
  succeeds
step "it keeps it for two days" az acr config soft-delete update -r $S --status enabled --days 2 --yes --query retentionDays -o tsv
  succeeds
  matches '^2$'
step "an image" az acr import -n $S --source docker.io/library/nginx:latest -t app:v1
  succeeds
digest=$(az acr manifest list-metadata -r $S -n app --query "[?tags[0]=='v1'].digest | [0]" -o tsv 2>/dev/null </dev/null)
step "it is deleted" az acr repository delete -n $S --repository app --yes
  succeeds
step "the repository is listed as deleted" az acr repository list-deleted -n $S --query "[].repository" -o tsv
  succeeds
  matches '^app$'
step "its manifests are listed, with the day of their end" az acr manifest list-deleted -r $S -n app
  succeeds
  prints "$digest"
  prints "deletedAt"
step "its tag is listed" az acr manifest list-deleted-tags -r $S -n app:v1 --query "[].[tag, digest]" -o tsv
  succeeds
  prints "$digest"
step "it is restored" az acr manifest restore -r $S -n app:v1 --yes
  succeeds
  prints "$digest"
step "it is there again" az acr manifest show-metadata -r $S -n app:v1 --query digest -o tsv
  succeeds
  matches "^$digest\$"
step "a tag that was never deleted is not restored" az acr manifest restore -r $S -n app:none --yes
  fails
  prints "No deleted manifests found for tag: none"
