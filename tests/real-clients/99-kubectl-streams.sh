#!/usr/bin/env bash
# exec, cp, attach, run -it, port-forward and top, with two kubectls
. "$(dirname "$0")/lib.sh"

sign_in
step "a group" az group create -n group -l eastus -o none
  succeeds
step "a cluster" az aks create -n cluster -g group --generate-ssh-keys -o none
  succeeds
step "its credentials" az aks get-credentials -n cluster -g group
  succeeds
  prints 'Merged "cluster" as current context'
step "a configuration" kubectl create configmap colours --from-literal=sky=blue
  succeeds
  prints "configmap/colours created"
cat >"$HOME/pod.yaml" <<'POD'
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  containers:
    - name: web
      image: docker.io/library/nginx:latest
      ports: [{containerPort: 80, name: http}]
      env: [{name: SKY, valueFrom: {configMapKeyRef: {name: colours, key: sky}}}]
      resources: {requests: {cpu: 100m, memory: 64Mi}}
      volumeMounts: [{name: colours, mountPath: /etc/colours}, {name: scratch, mountPath: /scratch}]
  volumes: [{name: colours, configMap: {name: colours}}, {name: scratch, emptyDir: {}}]
POD
step "a pod" kubectl apply -f "$HOME/pod.yaml"
  succeeds
step "it is ready" kubectl wait --for=condition=Ready pod/web --timeout=60s
  succeeds
step "a service" kubectl expose pod web --port=8080 --target-port=80
  succeeds

# forwarded KUBECTL TARGET PORT: what answers on a forwarded port.
forwarded() {
  local log="$HOME/forward.log" port
  "$1" port-forward "$2" ":$3" >"$log" 2>&1 &
  local child=$!
  for _ in $(seq 100); do
    port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$log" | head -n 1)
    [ -n "$port" ] && break
    sleep 0.1
  done
  curl --silent --show-error --noproxy '*' --max-time 10 "http://127.0.0.1:$port/"
  curl --silent --show-error --noproxy '*' --max-time 10 "http://127.0.0.1:$port/none"
  sleep 0.2
  kill "$child"
  wait "$child" 2>/dev/null
  cat "$log"
}
# said KUBECTL TEXT WORDS…: a command that reads TEXT.
said() { local kubectl=$1 text=$2; shift 2; printf '%s' "$text" | "$kubectl" "$@"; }

for kubectl in kubectl kubectl-pypi; do
  step "$kubectl: exec" $kubectl exec web -- echo hello world
    succeeds
    matches '^hello world$'
  step "$kubectl: exec sees the environment and the volume" $kubectl exec web -- sh -c 'echo $SKY; cat /etc/colours/sky; echo; hostname'
    succeeds
    prints_lines 2 '^blue$'
    matches '^web$'
  step "$kubectl: exec has the exit code" $kubectl exec web -- sh -c 'exit 7'
    exits 7
    prints "command terminated with exit code 7"
  step "$kubectl: exec of what is not there" $kubectl exec web -- nosuch
    fails
    prints 'exec: "nosuch": executable file not found in $PATH: unknown'
  step "$kubectl: exec in a container that is not there" $kubectl exec web -c other -- ls
    fails
    matches 'container (other )?(is )?not (valid|found)'
  step "$kubectl: exec reads its input" said $kubectl "typed" exec -i web -- cat
    succeeds
    matches '^typed$'
  step "$kubectl: a shell reads its script" said $kubectl $'cd /scratch\npwd\nexit 3\n' exec -i web -- sh
    exits 3
    matches '^/scratch$'
  mkdir -p "$HOME/in/deep"
  echo "from here" >"$HOME/in/file"
  head -c 300000 /dev/urandom >"$HOME/in/deep/large"
  step "$kubectl: cp a folder into a container" $kubectl cp "$HOME/in" "web:/scratch/$kubectl"
    succeeds
    prints_not error
  step "$kubectl: it is there" $kubectl exec web -- cat "/scratch/$kubectl/file"
    succeeds
    matches '^from here$'
  step "$kubectl: cp it out again" $kubectl cp "web:/scratch/$kubectl" "$HOME/out-$kubectl"
    succeeds
  step "$kubectl: it is the same" diff -r "$HOME/in" "$HOME/out-$kubectl"
    succeeds
  step "$kubectl: cp what is not there" $kubectl cp web:/nope "$HOME/nope"
    prints "No such file or directory"
  step "$kubectl: port-forward to a pod" forwarded $kubectl pod/web 80
    succeeds
    prints "Welcome to nginx!"
    prints "404 Not Found"
  step "$kubectl: port-forward to a service" forwarded $kubectl service/web 8080
    succeeds
    prints "Welcome to nginx!"
  step "$kubectl: port-forward to a closed port" forwarded $kubectl pod/web 9999
    prints "connection refused"
  step "$kubectl: top of nodes" $kubectl top nodes
    succeeds
    matches '^NAME +CPU'
    matches '^aks-.* +[0-9]+m +[0-9]+% +[0-9]+Mi +[0-9]+%'
  step "$kubectl: top of pods" $kubectl top pods
    succeeds
    matches '^web +50m +32Mi'
  step "$kubectl: a proxied request" $kubectl get --raw /api/v1/namespaces/default/services/web:8080/proxy/
    succeeds
    prints "Welcome to nginx!"
  step "$kubectl: run and read what it says" $kubectl run once-$kubectl --rm -i --restart=Never --image=docker.io/library/nginx:latest --command -- echo said once
    succeeds
    matches 'said once'
  step "$kubectl: run a shell" said $kubectl $'echo $((6*7))\nexit 5\n' run shell-$kubectl --rm -i --restart=Never --image=docker.io/library/nginx:latest --command -- sh
    exits 5
    matches '^42$'
done
