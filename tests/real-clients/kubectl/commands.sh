# The command list that every kubectl goes through. Sourced by the scripts of kubectl, after lib.sh; `kubectl_commands MINOR` runs it with
# the kubectl of that minor version (kubectl-MINOR) against the cluster that KUBECONFIG names.
# What a command prints is what kubectl's own source and a real control plane of 1.36 say.

# k ARG…: the kubectl under test.
k() { "$TOOLS/kubectls/kubectl-$MINOR" --cache-dir="$HOME/cache-$MINOR" "$@"; }
# feed TEXT ARG…: the same, with a file on standard input.
feed() { printf '%s\n' "$1" | k "${@:2}"; }
# write NAME: a file of the list, from standard input.
write() { cat >"$HOME/$1"; }

kubectl_files() {
  write web.yaml <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: nginx
        image: nginx:1.29
        ports: [{containerPort: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 80}]
YAML
  sed 's/replicas: 2/replicas: 3/' "$HOME/web.yaml" >"$HOME/web3.yaml"
  write pod.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: single, labels: {run: single}}
spec:
  containers:
  - {name: nginx, image: "nginx:1.29"}
YAML
  write wrong.yaml <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: wrong}
datax: {a: b}
YAML
  write settings.env <<'ENV'
COLOUR=blue
SIZE=7
ENV
  mkdir -p "$HOME/base" "$HOME/more"
  write base/kustomization.yaml <<'YAML'
resources: [settings.yaml]
namePrefix: pre-
configMapGenerator:
- name: generated
  literals: [a=b]
YAML
  write base/settings.yaml <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
YAML
  write more/a.yaml <<'YAML'
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"set": "more"}}, "data": {"k": "1"}}
YAML
  write more/b.yaml <<'YAML'
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "labels": {"set": "more"}}, "data": {"k": "2"}}
YAML
}

s() { step "$MINOR: $1" "${@:2}"; }

kubectl_commands() {
  MINOR=$1
  local full pod node
  NS=work-${MINOR/./-}
  kubectl_files

  # What is there, and who asks.
  s "version" k version
    succeeds
    matches "^Client Version: v$MINOR\."
    matches "^Server Version: v1\."
  s "version -o json" k version -o json
    succeeds
    matches '"minor": "[0-9]+"'
  s "cluster-info" k cluster-info
    succeeds
    prints "is running at"
  s "api-versions" k api-versions
    succeeds
    matches '^apps/v1$'
    matches '^v1$'
  s "api-resources" k api-resources
    succeeds
    matches '^deployments +deploy +apps/v1 +true +Deployment$'
    matches '^nodes +no +v1 +false +Node$'
  s "api-resources of a group" k api-resources --api-group=apps -o name
    succeeds
    matches '^deployments.apps$'
    prints_not configmaps
  s "api-resources -o wide" k api-resources --namespaced=false -o wide
    succeeds
    matches '^nodes .*get.*list.*watch'
  s "get --raw /version" k get --raw /version
    succeeds
    prints '"gitVersion": "v1.'
  s "get --raw /healthz" k get --raw /healthz
    succeeds
    prints ok
  s "get --raw /readyz" k get --raw /readyz
    succeeds
    matches '^ok$'
  s "get --raw /apis" k get --raw /apis
    succeeds
    prints '"APIGroupList"'
  s "a kind that is not there" k get nothings
    exits 1
    prints "error: the server doesn't have a resource type \"nothings\""
  s "config view" k config view --minify
    succeeds
    prints "current-context: "
  s "auth can-i" k auth can-i create pods
    succeeds
    matches '^yes$'
  s "auth can-i --list" k auth can-i --list
    succeeds
    matches '^\*\.\* +\[\] +\[\] +\[\*\]'
  s "auth whoami" k auth whoami
    succeeds
    matches '^ATTRIBUTE +VALUE$'
    prints 'system:authenticated'

  # Namespaces.
  s "create namespace" k create namespace $NS
    succeeds
    prints "namespace/$NS created"
  s "create it again" k create namespace $NS
    exits 1
    prints "Error from server (AlreadyExists): namespaces \"$NS\" already exists"
  s "use it from now on" k config set-context --current --namespace=$NS
    succeeds
    matches '^Context ".*" modified\.$'
  s "its service account comes by itself" k get serviceaccounts
    succeeds
    matches '^default '
  s "its authority too" k get configmap kube-root-ca.crt -o 'jsonpath={.data.ca\.crt}'
    succeeds
    prints "BEGIN CERTIFICATE"
  s "nothing else" k get all
    succeeds
    prints "No resources found in $NS namespace."
  s "label a namespace" k label namespace $NS team=blue
    succeeds
    prints "namespace/$NS labeled"
  s "describe it" k describe namespace $NS
    succeeds
    matches '^Status: +Active$'
    prints "team=blue"

  # Config maps and secrets.
  s "create configmap of literals" k create configmap settings --from-literal=colour=blue --from-literal=size=7
    succeeds
    prints "configmap/settings created"
  s "create configmap of an env file" k create configmap env --from-env-file="$HOME/settings.env"
    succeeds
  s "create configmap of a file" k create configmap file --from-file=page="$HOME/settings.env"
    succeeds
  s "get configmaps" k get configmaps
    succeeds
    matches '^NAME +DATA +AGE$'
    matches '^settings +2 +'
    matches '^env +2 +'
  s "describe configmap" k describe configmap settings
    succeeds
    prints "colour:"
    prints "blue"
  s "jsonpath" k get configmap settings -o 'jsonpath={.data.colour}'
    succeeds
    matches '^blue$'
  s "go-template" k get configmap settings -o 'go-template={{.data.size}}'
    succeeds
    matches '^7$'
  s "custom columns" k get configmap settings -o custom-columns=NAME:.metadata.name,C:.data.colour
    succeeds
    matches '^settings +blue$'
  s "-o name" k get configmap settings -o name
    succeeds
    matches '^configmap/settings$'
  s "-o yaml" k get configmap settings -o yaml
    succeeds
    matches '^kind: ConfigMap$'
    prints_not managedFields
  s "create --dry-run=client" k create configmap none --from-literal=a=b --dry-run=client -o yaml
    succeeds
    prints "name: none"
  s "create --dry-run=server" k create configmap none --from-literal=a=b --dry-run=server
    succeeds
    prints "configmap/none created (server dry run)"
  s "neither made anything" k get configmap none
    exits 1
    prints 'Error from server (NotFound): configmaps "none" not found'
  s "--ignore-not-found" k get configmap none --ignore-not-found
    succeeds
    prints_lines 0 .
  s "patch, merged" k patch configmap settings --type=merge -p '{"data":{"colour":"red","size":null}}'
    succeeds
    prints "configmap/settings patched"
  s "patch that changes nothing" k patch configmap settings --type=merge -p '{"data":{"colour":"red"}}'
    succeeds
    prints "configmap/settings patched (no change)"
  s "patch, JSON" k patch configmap settings --type=json -p '[{"op":"test","path":"/data/colour","value":"red"},{"op":"add","path":"/data/n","value":"1"}]'
    succeeds
    prints patched
  s "patch, JSON, a test that fails" k patch configmap settings --type=json -p '[{"op":"test","path":"/data/colour","value":"green"}]'
    exits 1
    prints "The request is invalid"
  s "patch of nothing" k patch configmap none --type=merge -p '{}'
    exits 1
    prints '(NotFound)'
  s "annotate" k annotate configmap settings note=one
    succeeds
    prints "configmap/settings annotated"
  s "annotate without --overwrite" k annotate configmap settings note=two
    exits 1
    prints "--overwrite is false but found the following declared annotation(s): 'note' already has a value (one)"
  s "annotate, overwritten" k annotate configmap settings note=two --overwrite
    succeeds
  s "take the annotation away" k annotate configmap settings note-
    succeeds
    prints "annotated"
  s "label with a wrong value" k label configmap settings 'x=a b'
    exits 1
    prints "a valid label must be an empty string or consist of alphanumeric characters"
  s "create secret generic" k create secret generic pass --from-literal=password=hunter2
    succeeds
    prints "secret/pass created"
  s "its value is base64" k get secret pass -o 'jsonpath={.data.password}'
    succeeds
    matches '^aHVudGVyMg==$'
  s "describe secret hides it" k describe secret pass
    succeeds
    matches '^password: +7 bytes$'
    prints_not hunter2
  s "create secret docker-registry" k create secret docker-registry regcred --docker-server=a.azurecr.io --docker-username=u --docker-password=p
    succeeds
  s "its type" k get secret regcred
    succeeds
    matches '^regcred +kubernetes.io/dockerconfigjson +1 '
  s "an unknown field is refused" k create -f "$HOME/wrong.yaml"
    exits 1
    prints 'strict decoding error: unknown field "datax"'
  s "or warned of" k create -f "$HOME/wrong.yaml" --validate=warn
    succeeds
    prints 'Warning: unknown field "datax"'
  s "replace" k replace -f "$HOME/wrong.yaml" --validate=ignore
    succeeds
    prints "configmap/wrong replaced"
  s "replace of nothing" feed '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"none"}}' replace -f -
    exits 1
    prints '(NotFound)'
  s "malformed JSON" feed '{"apiVersion":"v1","kind":' create -f -
    exits 1
    prints "error"
  s "a name that is none" k create configmap Not_A_Name
    exits 1
    prints 'ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain must consist of'

  # apply.
  s "apply a folder" k apply -f "$HOME/more"
    succeeds
    prints "configmap/a created"
    prints "configmap/b created"
  s "diff of nothing" k diff -f "$HOME/more"
    succeeds
    prints_lines 0 .
  sed -i 's/"1"/"one"/' "$HOME/more/a.yaml"
  s "diff of a change" k diff -f "$HOME/more"
    exits 1
    matches '^\+ +k: one$'
  s "apply the change" k apply -f "$HOME/more"
    succeeds
    prints "configmap/a configured"
    prints "configmap/b unchanged"
  s "view-last-applied" k apply view-last-applied configmap/a
    succeeds
    prints "k: one"
  rm "$HOME/more/b.yaml"
  s "apply --prune" k apply -f "$HOME/more" --prune -l set=more --prune-allowlist=core/v1/ConfigMap
    succeeds
    prints "configmap/b pruned"
  s "kustomize" k apply -k "$HOME/base"
    succeeds
    prints "configmap/pre-settings created"
    matches '^configmap/pre-generated-[a-z0-9]{10} created$'
  s "delete what a label selects" k delete configmap -l set=more
    succeeds
    matches '^configmap "a" deleted'
  s "delete by kustomization" k delete -k "$HOME/base"
    succeeds
    matches '^configmap "pre-settings" deleted'

  # Deployments.
  s "apply a deployment and a service" k apply -f "$HOME/web.yaml"
    succeeds
    prints "deployment.apps/web created"
    prints "service/web created"
  s "rollout status" k rollout status deployment/web --timeout=60s
    succeeds
    prints 'deployment "web" successfully rolled out'
  s "get deployment" k get deployment web
    succeeds
    matches '^NAME +READY +UP-TO-DATE +AVAILABLE +AGE$'
    matches '^web +2/2 +2 +2 '
  s "get -o wide" k get deployment -o wide
    succeeds
    matches '^NAME .*CONTAINERS +IMAGES +SELECTOR$'
    matches '^web .* nginx +nginx:1.29 +app=web$'
  s "get replicasets" k get rs
    succeeds
    matches '^web-[4-9bcdf]+ +2 +2 +2 '
  s "get pods by label" k get pods -l app=web
    succeeds
    prints_lines 2 '^web-.* 1/1 +Running +0 '
  s "get pods by a set" k get pods -l 'app in (web, other),nothing notin (a)' -o name
    succeeds
    prints_lines 2 '^pod/web-'
  s "get pods by phase" k get pods --field-selector status.phase=Running -o name
    succeeds
    prints_lines 2 '^pod/web-'
  s "an unknown field selector" k get pods --field-selector spec.what=1
    exits 1
    prints "field label not supported: spec.what"
  s "a selector that is none" k get pods -l 'a in ('
    exits 1
    prints 'unable to parse requirement: '
  s "--sort-by" k get pods --sort-by=.metadata.creationTimestamp
    succeeds
    prints_lines 2 '^web-'
  s "--show-labels" k get pods --show-labels
    succeeds
    prints_lines 2 'app=web,pod-template-hash='
  s "-L" k get pods -L app
    succeeds
    prints_lines 2 ' web$'
  s "--chunk-size" k get pods --chunk-size=1 -o name
    succeeds
    prints_lines 2 '^pod/web-'
  s "-A" k get pods -A
    succeeds
    matches "^$NS +web-"
  s "--no-headers" k get pods --no-headers
    succeeds
    prints_lines 2 .
  s "several kinds" k get deployment,service
    succeeds
    matches '^deployment.apps/web '
    matches '^service/web +ClusterIP +10\.0\.'
  s "all" k get all
    succeeds
    prints_lines 2 '^pod/web-'
    matches '^replicaset.apps/web-'
  full=$(k get pods -l app=web -o name | head -n 1)
  pod=${full#pod/}
  s "describe deployment" k describe deployment web
    succeeds
    matches '^Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable$'
    matches 'Scaled up replica set web-.* from 0 to 2'
  s "describe pod" k describe pod "$pod"
    succeeds
    matches '^Status: +Running$'
    matches 'Normal +Scheduled .* default-scheduler +Successfully assigned'
  s "describe service" k describe service web
    succeeds
    matches '^Endpoints: +10\..*:80'
  s "endpoints" k get endpoints web
    succeeds
    matches '^web +10\..*:80,10\..*:80 '
  s "endpoint slices" k get endpointslices -l kubernetes.io/service-name=web
    succeeds
    matches '^web-.* +IPv4 +80 +10\.'
  s "logs" k logs "$pod"
    succeeds
    prints nginx
  s "logs of a deployment, its tail" k logs deployment/web --tail=1
    succeeds
    matches .
  s "logs by label, prefixed" k logs -l app=web --prefix --tail=1
    succeeds
    prints_lines 2 '^\[pod/web-'
  s "logs with times" k logs "$pod" --timestamps --tail=1
    succeeds
    matches '^[0-9]{4}-[0-9]{2}-[0-9]{2}T'
  s "logs of an unknown container" k logs "$pod" -c nothing
    exits 1
    prints "container nothing is not valid for pod $pod"
  s "events" k events
    succeeds
    matches '^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE$'
    prints "Scaled up replica set web-"
  s "events of one object" k events --for "$full"
    succeeds
    prints "Successfully assigned"
  s "get events, sorted" k get events --sort-by=.lastTimestamp
    succeeds
    prints "SuccessfulCreate"
  s "scale" k scale deployment/web --replicas=4
    succeeds
    prints "deployment.apps/web scaled"
  s "scale on a condition that does not hold" k scale deployment/web --replicas=5 --current-replicas=9
    exits 1
    prints "Expected replicas to be 9, was 4"
  s "wait for a condition" k wait deployment/web --for=condition=Available --timeout=60s
    succeeds
    prints "deployment.apps/web condition met"
  s "wait for a value" k wait deployment/web --for='jsonpath={.status.readyReplicas}=4' --timeout=60s
    succeeds
    prints "condition met"
  s "wait for what does not come" k wait deployment/web --for=condition=Never --timeout=1s
    exits 1
    prints "timed out waiting for the condition on deployments/web"
  s "set image" k set image deployment/web nginx=nginx:latest
    succeeds
    prints "deployment.apps/web image updated"
  s "watched to its end" k rollout status deployment/web --watch --timeout=60s
    succeeds
    prints "successfully rolled out"
  s "rollout history" k rollout history deployment/web
    succeeds
    matches '^1 +<none>$'
    matches '^2 +<none>$'
  s "of one revision" k rollout history deployment/web --revision=2
    succeeds
    prints "nginx:latest"
  s "rollout undo" k rollout undo deployment/web
    succeeds
    prints "deployment.apps/web rolled back"
  s "it is the old image" k get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
    succeeds
    matches '^nginx:1.29$'
  s "rollout undo to nothing" k rollout undo deployment/web --to-revision=99
    exits 1
    prints "unable to find specified revision 99 in history"
  s "rollout pause" k rollout pause deployment/web
    succeeds
    prints "deployment.apps/web paused"
  s "pause again" k rollout pause deployment/web
    exits 1
    prints 'deployments.apps "web" is already paused'
  s "set env while it is paused" k set env deployment/web COLOUR=blue
    succeeds
    prints "deployment.apps/web env updated"
  s "list it" k set env deployment/web --list
    succeeds
    prints "COLOUR=blue"
  s "rollout resume" k rollout resume deployment/web
    succeeds
    prints "deployment.apps/web resumed"
  s "set resources" k set resources deployment/web --limits=cpu=200m,memory=128Mi --requests=cpu=100m
    succeeds
    prints "deployment.apps/web resource requirements updated"
  s "set serviceaccount" k set serviceaccount deployment/web default
    succeeds
  s "rollout restart" k rollout restart deployment/web
    succeeds
    prints "deployment.apps/web restarted"
  s "all that rolls out" k rollout status deployment/web --timeout=120s
    succeeds
    prints "successfully rolled out"
  s "a selector cannot change" k patch deployment web --type=merge -p '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}'
    exits 1
    matches 'field is immutable'
  s "apply over what scale changed" k apply -f "$HOME/web3.yaml"
    succeeds
    prints "deployment.apps/web configured"
    prints "service/web unchanged"
  s "three" k wait deployment/web --for='jsonpath={.status.replicas}=3' --timeout=60s
    succeeds
  s "strategic merge patch" k patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","imagePullPolicy":"Always"}]}}}}'
    succeeds
    prints "deployment.apps/web patched"
  s "it kept the rest" k get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].imagePullPolicy}'
    succeeds
    matches '^nginx:1.29 Always$'
  s "explain" k explain deployment.spec.replicas
    succeeds
    matches '^KIND: +Deployment$'
    matches '^FIELD: +replicas <integer>$'
  s "explain a field that is not there" k explain deployment.spec.nothing
    exits 1
    prints 'field "nothing" does not exist'
  s "expose" k expose deployment web --name=public --type=LoadBalancer --port=8080 --target-port=80
    succeeds
    prints "service/public exposed"
  s "its address comes" eventually k get service public -- '^public +LoadBalancer +10\.[0-9.]+ +[0-9]+\.[0-9.]+ +8080:3[0-9]{4}/TCP'
    succeeds
  s "autoscale" k autoscale deployment web --min=2 --max=5
    succeeds
    prints "horizontalpodautoscaler.autoscaling/web autoscaled"
  s "get hpa" k get hpa web
    succeeds
    matches '^web +Deployment/web '

  # Pods.
  s "run" k run hello --image=nginx:1.29
    succeeds
    prints "pod/hello created"
  s "wait for a pod" k wait pod/hello --for=condition=Ready --timeout=60s
    succeeds
    prints "pod/hello condition met"
  s "create a pod from a file" k create -f "$HOME/pod.yaml"
    succeeds
    prints "pod/single created"
  s "label pods" k label pods --all tier=front
    succeeds
    prints "pod/hello labeled"
  s "an image that is not there" k run missing --image=nginx:nothing
    succeeds
  s "it waits for it" eventually k get pod missing -- 'ErrImagePull|ImagePullBackOff'
    succeeds
  s "its log says so" k logs missing
    exits 1
    matches "is waiting to start: (image can't be pulled|trying and failing to pull image)"
  s "delete it at once" k delete pod missing --grace-period=0 --force
    succeeds
    matches 'pod "missing" force deleted'
  s "delete two" k delete pod hello single
    succeeds
    matches '^pod "hello" deleted'
    matches '^pod "single" deleted'
  s "delete what is not there" k delete pod hello
    exits 1
    prints 'Error from server (NotFound): pods "hello" not found'

  # The rest of what can be created.
  s "create job" k create job once --image=mcr.microsoft.com/mcr/hello-world:latest
    succeeds
    prints "job.batch/once created"
  s "it completes" k wait job/once --for=condition=Complete --timeout=60s
    succeeds
    prints "job.batch/once condition met"
  s "get jobs" k get job once
    succeeds
    matches '^once +Complete +1/1 '
  s "create cronjob" k create cronjob daily --image=mcr.microsoft.com/mcr/hello-world:latest --schedule='0 3 * * *'
    succeeds
  s "a job of it" k create job now --from=cronjob/daily
    succeeds
    prints "job.batch/now created"
  s "get cronjobs" k get cronjob daily
    succeeds
    matches '^daily +0 3 \* \* \* +<none> +False +0 +<none> '
  s "create role" k create role reader --verb=get,list --resource=pods
    succeeds
    prints "role.rbac.authorization.k8s.io/reader created"
  s "create rolebinding" k create rolebinding readers --role=reader --serviceaccount=$NS:default
    succeeds
    prints "rolebinding.rbac.authorization.k8s.io/readers created"
  s "can that account list pods" k auth can-i list pods --as=system:serviceaccount:$NS:default
    succeeds
    matches '^yes$'
  s "can it delete them" k auth can-i delete pods --as=system:serviceaccount:$NS:default
    exits 1
    matches '^no'
  s "create clusterrole" k create clusterrole seer-$MINOR --verb=get --resource=nodes
    succeeds
  s "create clusterrolebinding" k create clusterrolebinding seers-$MINOR --clusterrole=seer-$MINOR --user=somebody
    succeeds
  s "auth reconcile" feed '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"reader","namespace":"'$NS'"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["watch"]}]}' auth reconcile -f -
    succeeds
    prints "role.rbac.authorization.k8s.io/reader reconciled"
  s "create serviceaccount" k create serviceaccount robot
    succeeds
    prints "serviceaccount/robot created"
  s "create token" k create token robot
    succeeds
    matches '^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$'
  s "create service" k create service clusterip plain --tcp=80:8080
    succeeds
  s "create ingress" k create ingress front --rule='shop.example/*=web:80'
    succeeds
  s "get ingress" k get ingress front
    succeeds
    matches '^front +<none> +shop.example '
  s "create poddisruptionbudget" k create poddisruptionbudget web --selector=app=web --min-available=1
    succeeds
  s "get it" k get pdb web
    succeeds
    matches '^web +1 +N/A +'
  s "create quota" k create quota few --hard=configmaps=100
    succeeds
  s "create priorityclass" k create priorityclass high-$MINOR --value=1000
    succeeds
  s "get priorityclasses" k get priorityclass high-$MINOR
    succeeds
    matches "^high-$MINOR +1000 +false "

  # Nodes.
  node=$(k get nodes -o name | tail -n 1)
  s "get nodes" k get nodes
    succeeds
    matches '^aks-.* Ready +<none> +.* v1\.'
  s "describe a node" k describe "$node"
    succeeds
    prints "Allocated resources:"
  s "cordon" k cordon "$node"
    succeeds
    prints "$node cordoned"
  s "taint" k taint "${node%/*}" "${node#*/}" a=b:NoSchedule
    succeeds
    prints "$node tainted"
  s "drain" k drain "$node" --ignore-daemonsets --delete-emptydir-data --force --timeout=60s
    succeeds
    prints "$node drained"
  s "untaint" k taint "${node%/*}" "${node#*/}" a-
    succeeds
    prints "$node untainted"
  s "uncordon" k uncordon "$node"
    succeeds
    prints "$node uncordoned"
  s "no metrics or some" k top nodes
    matches 'Metrics API not available|^aks-'

  # The end.
  s "delete a deployment, its pods first" k delete deployment web --cascade=foreground --timeout=60s
    succeeds
    matches 'deployment.apps "web" deleted'
  s "delete by file, what is left" k delete -f "$HOME/web.yaml" --ignore-not-found
    succeeds
    matches 'service "web" deleted'
  s "delete the cluster's own" k delete clusterrole/seer-$MINOR clusterrolebinding/seers-$MINOR priorityclass/high-$MINOR
    succeeds
  s "delete the namespace" k delete namespace $NS --timeout=60s
    succeeds
    matches "^namespace \"$NS\" deleted"
  s "it is gone, with all in it" k get configmaps -n $NS
    succeeds
    prints "No resources found in $NS namespace."
}

# kubectl_against VERSION MINOR…: each kubectl goes through the list against a cluster of VERSION.
kubectl_against() {
  local cluster=c-${1//./-}
  step "a cluster of $1" az aks create -n "$cluster" -g group --generate-ssh-keys --kubernetes-version "$1" --node-count 2 \
    --query currentKubernetesVersion -o tsv
    succeeds
    matches "^$1\."
  step "its credentials" az aks get-credentials -n "$cluster" -g group --file "$HOME/$cluster"
    succeeds
  export KUBECONFIG="$HOME/$cluster"
  for MINOR in "${@:2}"; do
    kubectl_commands "$MINOR"
  done
}
