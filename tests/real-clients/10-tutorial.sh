#!/usr/bin/env bash
# the tutorial, from its first command to its last, and what kubectl shows of it; with two kubectls
. "$(dirname "$0")/lib.sh"

MYACR=mycontainerregistry

sign_in
step "create the registry's group" az group create -n myContainerRegistryResourceGroup -l eastus
  succeeds
  prints '"provisioningState": "Succeeded"'
step "create the cluster's group" az group create -n myResourceGroup -l eastus
  succeeds
  prints '"name": "myResourceGroup"'
step "create the registry" az acr create -n $MYACR -g myContainerRegistryResourceGroup --sku basic
  succeeds
  prints "\"loginServer\": \"$MYACR.azurecr.io\""
  prints '"name": "Basic"'
step "create the cluster, attached" az aks create -n myAKSCluster -g myResourceGroup --generate-ssh-keys --attach-acr $MYACR
  succeeds
  prints '"provisioningState": "Succeeded"'
  prints '"kubeletidentity"'
  takes_less_than 15000
step "a second cluster of that name is refused" az aks create -n myAKSCluster -g myResourceGroup --generate-ssh-keys
  fails
  prints "already exists"
step "import the image" az acr import -n $MYACR --source docker.io/library/nginx:latest --image nginx:v1
  succeeds
step "its tag is there" az acr repository show-tags -n $MYACR --repository nginx -o tsv
  succeeds
  matches '^v1$'
step "get the credentials" az aks get-credentials -g myResourceGroup -n myAKSCluster
  succeeds
  prints 'Merged "myAKSCluster" as current context'

manifest $MYACR v1 >"$HOME/acr-nginx.yaml"
cd "$HOME"

for kubectl in kubectl kubectl-pypi; do
  step "$kubectl: apply the manifest" $kubectl apply -f acr-nginx.yaml
    succeeds
    prints "deployment.apps/nginx0-deployment created"
  step "$kubectl: the rollout comes to its end" $kubectl rollout status deployment/nginx0-deployment --timeout=60s
    succeeds
    prints 'deployment "nginx0-deployment" successfully rolled out'
  step "$kubectl: two pods run" $kubectl get pods
    succeeds
    matches '^NAME +READY +STATUS +RESTARTS +AGE$'
    prints_lines 2 '^nginx0-deployment-[4-9bcdf]+-[bcdfghjklmnpqrstvwxz2456789]{5} +1/1 +Running +0 +[0-9]+s *$'
  step "$kubectl: apply again changes nothing" $kubectl apply -f acr-nginx.yaml
    succeeds
    prints "deployment.apps/nginx0-deployment unchanged"
  step "$kubectl: deployments and replica sets" $kubectl get deploy,rs
    succeeds
    matches '^deployment.apps/nginx0-deployment +2/2 +2 +2 '
    matches '^replicaset.apps/nginx0-deployment-[4-9bcdf]+ +2 +2 +2 '
  step "$kubectl: nodes" $kubectl get nodes
    succeeds
    prints_lines 3 '^aks-nodepool1-.* Ready '
  step "$kubectl: namespaces" $kubectl get ns
    succeeds
    matches '^default +Active'
    matches '^kube-system +Active'
  step "$kubectl: events tell of the pull" $kubectl get events
    succeeds
    prints "Successfully assigned default/nginx0-deployment-"
    matches "Pulling image \"$MYACR.azurecr.io/nginx:v1\"|Container image \"$MYACR.azurecr.io/nginx:v1\" already present"
  pod=$($kubectl get pods -o name | head -n 1)
  step "$kubectl: describe a pod" $kubectl describe "$pod"
    succeeds
    prints "Image:          $MYACR.azurecr.io/nginx:v1"
    prints "Successfully assigned default/"
    matches 'Image ID: +.*@sha256:[0-9a-f]{64}'
  step "$kubectl: logs" $kubectl logs deploy/nginx0-deployment
    succeeds
    prints "nginx"
  step "$kubectl: restart" $kubectl rollout restart deployment/nginx0-deployment
    succeeds
    prints "deployment.apps/nginx0-deployment restarted"
  step "$kubectl: the restart comes to its end" $kubectl rollout status deployment/nginx0-deployment --timeout=60s
    succeeds
    prints "successfully rolled out"
  step "$kubectl: scale to three" $kubectl scale deployment/nginx0-deployment --replicas=3
    succeeds
    prints "deployment.apps/nginx0-deployment scaled"
  step "$kubectl: three are rolled out" $kubectl rollout status deployment/nginx0-deployment --timeout=60s
    succeeds
  step "$kubectl: three replicas" $kubectl get deployment nginx0-deployment
    succeeds
    matches '^nginx0-deployment +3/3 +3 +3 '
  step "$kubectl: a pod that is not there" $kubectl get pod nobody
    exits 1
    prints 'Error from server (NotFound): pods "nobody" not found'
  step "$kubectl: delete the deployment" $kubectl delete deployment nginx0-deployment
    succeeds
    matches 'deployment.apps "nginx0-deployment" deleted'
  step "$kubectl: its pods go too" eventually $kubectl get pods -- 'No resources found in default namespace'
    succeeds
done
