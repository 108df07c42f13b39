#!/usr/bin/env bash
# what lies in a registry: scope maps, tokens, webhooks, replications, cache rules, credential sets, repositories
. "$(dirname "$0")/lib.sh"

R=childrenregistry
ID=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/group/providers/Microsoft.ContainerRegistry/registries/$R

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a registry" az acr create -n $R -g group --sku Premium -o none
  succeeds
step "an image" az acr import -n $R --source docker.io/library/nginx:latest --image nginx:v1
  succeeds
step "a second tag" az acr import -n $R --source docker.io/library/nginx:latest --image nginx:v2
  succeeds
step "a second repository, from the registry itself" az acr import -n $R --source $R.azurecr.io/nginx:v1 --image team/web:v1
  succeeds

step "scope map: the service's own" az acr scope-map list -r $R --query "[].name" -o tsv
  succeeds
  matches '^_repositories_pull$'
  matches '^_repositories_admin$'
step "scope map: create" az acr scope-map create -r $R -n readers --repository nginx content/read metadata/read --description "reads nginx" \
  --query "actions" -o tsv
  succeeds
  matches '^repositories/nginx/content/read$'
step "scope map: more" az acr scope-map update -r $R -n readers --add-repository team/web content/read --query "actions" -o tsv
  succeeds
  matches '^repositories/team/web/content/read$'
  matches '^repositories/nginx/metadata/read$'
step "scope map: less" az acr scope-map update -r $R -n readers --remove-repository nginx metadata/read --query "actions" -o tsv
  succeeds
  prints_not metadata
step "scope map: show" az acr scope-map show -r $R -n readers --query description -o tsv
  succeeds
  matches '^reads nginx$'
step "scope map: an action that is none" az acr scope-map create -r $R -n wrong --repository nginx content/steal
  fails
  matches 'steal'
step "token: create" az acr token create -r $R -n reader --scope-map readers --query "credentials.passwords[0].value" -o tsv
  succeeds
  matches '^.{20,}$'
PASSWORD=$(tail -n 1 <<<"$output")
step "token: pulling is not listing tags" az acr repository show-tags -n $R --repository nginx -u reader -p "$PASSWORD"
  fails
  prints "authentication required"
step "token: create with repositories" az acr token create -r $R -n direct --repository nginx content/read metadata/read --no-passwords true \
  --query status -o tsv
  succeeds
  matches '^enabled$'
step "token: a password" az acr token credential generate -r $R -n direct --password1 --expiration-in-days 30 --query "passwords[0].value" -o tsv
  succeeds
  matches '^.{20,}$'
PASSWORD=$(tail -n 1 <<<"$output")
step "token: it opens the repository" az acr repository show-tags -n $R --repository nginx -u direct -p "$PASSWORD" -o tsv
  succeeds
  matches '^v1$'
step "token: it opens no other" az acr repository show-tags -n $R --repository team/web -u direct -p "$PASSWORD" -o tsv
  fails
  matches 'UNAUTHORIZED|unauthorized|DENIED|denied|authentication required'
step "token: list" az acr token list -r $R --query "[].name" -o tsv
  succeeds
  matches '^direct$'
  matches '^reader$'
step "token: disable" az acr token update -r $R -n direct --status disabled --query status -o tsv
  succeeds
  matches '^disabled$'
step "token: opens nothing while disabled" az acr repository show-tags -n $R --repository nginx -u direct -p "$PASSWORD"
  fails
  prints "Response code: 401"
step "token: without its password" az acr token credential delete -r $R -n direct --password1
  succeeds
  prints_not ERROR
step "token: delete" az acr token delete -r $R -n reader --yes
  succeeds
  prints_not ERROR
step "scope map: delete" az acr scope-map delete -r $R -n readers --yes
  succeeds
  prints_not ERROR

step "webhook: create" az acr webhook create -r $R -n pushes --uri https://example.com/hook --actions push delete --headers "Authorization=Basic x" \
  --scope nginx:* --query "[name, status]" -o tsv
  succeeds
  matches '^enabled$'
step "webhook: its settings" az acr webhook get-config -r $R -n pushes --query serviceUri -o tsv
  succeeds
  matches '^https://example.com/hook$'
step "webhook: ping" az acr webhook ping -r $R -n pushes --query id -o tsv
  succeeds
  matches '^[0-9a-f-]{36}$'
step "webhook: what was sent" az acr webhook list-events -r $R -n pushes --query "[].eventRequestMessage.content.action" -o tsv
  succeeds
  matches '^ping$'
step "webhook: update" az acr webhook update -r $R -n pushes --status disabled --query status -o tsv
  succeeds
  matches '^disabled$'
step "webhook: list" az acr webhook list -r $R --query "[].name" -o tsv
  succeeds
  matches '^pushes$'
step "webhook: an address that is none" az acr webhook create -r $R -n wrong --uri example --actions push
  fails
  matches '[uU]ri'
step "webhook: delete" az acr webhook delete -r $R -n pushes
  succeeds
  prints_not ERROR

step "replication: create" az acr replication create -r $R -l westeurope --query "[name, provisioningState]" -o tsv
  succeeds
  matches '^westeurope$'
  matches '^Succeeded$'
step "replication: list" az acr replication list -r $R --query "[].location" -o tsv
  succeeds
  matches '^westeurope$'
step "replication: update" az acr replication update -r $R -n westeurope --tags a=b --query tags.a -o tsv
  succeeds
  matches '^b$'
step "replication: where it is already" az acr replication create -r $R -l eastus
  fails
  matches 'eastus|location'
step "replication: delete" az acr replication delete -r $R -n westeurope
  succeeds
  prints_not ERROR

step "cache: create" az acr cache create -r $R -n hubrule -s docker.io/library/nginx -t mirror/nginx --query "[sourceRepository, targetRepository]" -o tsv
  succeeds
  matches '^mirror/nginx$'
step "cache: list" az acr cache list -r $R --query "[].name" -o tsv
  succeeds
  matches '^hubrule$'
step "cache: show" az acr cache show -r $R -n hubrule --query provisioningState -o tsv
  succeeds
  matches '^Succeeded$'
step "cache: a second rule for the same target" az acr cache create -r $R -n hubrule2 -s docker.io/library/other -t mirror/nginx
  fails
  matches 'mirror/nginx|[tT]arget|exist|onflict'
step "cache: delete" az acr cache delete -r $R -n hubrule --yes
  succeeds
  prints_not ERROR

step "repository: list" az acr repository list -n $R -o tsv
  succeeds
  matches '^team/web$'
step "repository: show" az acr repository show -n $R --repository nginx --query "[tagCount, manifestCount]" -o tsv
  succeeds
  matches '^2$'
step "repository: show an image" az acr repository show -n $R --image nginx:v1 --query digest -o tsv
  succeeds
  matches '^sha256:[0-9a-f]{64}$'
step "repository: its manifests" az acr manifest list-metadata -r $R -n nginx --query "[].tags[]" -o tsv
  succeeds
  matches '^v1$'
step "repository: a manifest" az acr manifest show -r $R -n nginx:v1 --query mediaType -o tsv
  succeeds
  prints "application/vnd."
step "repository: lock a tag" az acr repository update -n $R --image nginx:v1 --write-enabled false --query changeableAttributes.writeEnabled -o tsv
  succeeds
  matches '^false$'
step "repository: a locked tag is not taken away" az acr repository untag -n $R --image nginx:v1
  fails
  prints "disallowed"
step "repository: unlock it" az acr repository update -n $R --image nginx:v1 --write-enabled true --query changeableAttributes.writeEnabled -o tsv
  succeeds
  matches '^true$'
step "repository: untag" az acr repository untag -n $R --image nginx:v2
  succeeds
  prints_not ERROR
step "repository: one tag is left" az acr repository show-tags -n $R --repository nginx -o tsv
  succeeds
  prints_not v2
step "repository: delete" az acr repository delete -n $R --repository team/web --yes
  succeeds
  prints_not ERROR
step "repository: it is gone" az acr repository show -n $R --repository team/web
  fails
  prints "team/web"
step "private endpoints: none" az acr private-endpoint-connection list -r $R --query "length(@)" -o tsv
  succeeds
  matches '^0$'
step "the children are in the registry's id" az acr scope-map show -r $R -n _repositories_pull --query id -o tsv
  succeeds
  prints "$ID/scopeMaps/_repositories_pull"
