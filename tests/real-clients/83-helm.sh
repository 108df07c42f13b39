#!/usr/bin/env bash
# helm 3: a chart packaged, pushed, pulled and shown; sign-in in each way, and who is refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registry.sh"

cd "$HOME" && mkdir pulled reader || exit
a_registry helmregistry

step "a chart" helm create web
  succeeds
  prints "Creating web"
step "package it" helm package web --version 0.1.0
  succeeds
  prints "web-0.1.0.tgz"
step "and a later version" helm package web --version 0.2.0+build.1
  succeeds
step "push without signing in" helm push web-0.1.0.tgz oci://$HOST/charts
  fails
  prints "unauthorized"
step "sign in with a wrong password" given wrong helm registry login $HOST -u helmregistry --password-stdin
  fails
  prints "unauthorized"
step "sign in without the authority" given "$ADMIN" without_ca helm registry login $HOST -u helmregistry --password-stdin
  fails
  prints "certificate signed by unknown authority"
step "sign in as the admin" given "$ADMIN" helm registry login $HOST -u helmregistry --password-stdin
  succeeds
  prints "Login Succeeded"
step "push" helm push web-0.1.0.tgz oci://$HOST/charts
  succeeds
  prints "Pushed: $HOST/charts/web:0.1.0"
  matches 'Digest: sha256:[0-9a-f]{64}'
DIGEST=$(sed -n 's/^Digest: //p' <<<"$output")
step "push the later one, whose tag has an underscore for the plus" helm push web-0.2.0+build.1.tgz oci://$HOST/charts
  succeeds
  prints "Pushed: $HOST/charts/web:0.2.0"
step "its tags, for another tool" oras repo tags $HOST/charts/web --username helmregistry --password "$ADMIN"
  succeeds
  matches '^0.1.0$'
  matches '^0.2.0_build.1$'
step "pull a version" helm pull oci://$HOST/charts/web --version 0.1.0 --destination pulled
  succeeds
  prints "Digest: $DIGEST"
step "it is what was pushed" cmp web-0.1.0.tgz pulled/web-0.1.0.tgz
  succeeds
step "pull the latest of a range, unpacked" helm pull oci://$HOST/charts/web --version '>=0.1.0' --untar --untardir unpacked
  succeeds
  prints "0.2.0"
step "what was unpacked" grep version: unpacked/web/Chart.yaml
  succeeds
  prints "0.2.0+build.1"
step "show the chart" helm show chart oci://$HOST/charts/web --version 0.1.0
  succeeds
  prints "name: web"
  prints "version: 0.1.0"
step "show its values" helm show values oci://$HOST/charts/web
  succeeds
  prints "replicaCount: 1"
step "render it" helm template release oci://$HOST/charts/web --version 0.1.0 --set replicaCount=3
  succeeds
  prints "replicas: 3"
step "pull a version that is not there" helm pull oci://$HOST/charts/web --version 9.9.9
  fails
  prints "not found"
step "pull a chart that is not there" helm pull oci://$HOST/charts/nothing --version 0.1.0
  fails
  prints "not found"
step "delete it, which helm leaves to others" oras manifest delete --force $HOST/charts/web:0.1.0 --username helmregistry --password "$ADMIN"
  succeeds
step "it is gone" helm show chart oci://$HOST/charts/web --version 0.1.0
  fails
  prints "not found"
step "sign out" helm registry logout $HOST
  succeeds
  prints "Removing login credentials"
step "signed out, nothing is pulled" helm pull oci://$HOST/charts/web
  fails
  prints "unauthorized"

step "sign in as a Reader" given "$READER_SECRET" helm registry login $HOST -u $READER --password-stdin
  succeeds
step "a Reader pulls" helm pull oci://$HOST/charts/web --destination reader
  succeeds
step "a Reader does not push" helm push web-0.1.0.tgz oci://$HOST/charts
  fails
  prints "unauthorized"
step "sign in with the token for another repository" given "$LIMITED" helm registry login $HOST -u limited --password-stdin
  succeeds
step "it pulls no chart" helm pull oci://$HOST/charts/web --version 0.2.0+build.1
  fails
  prints "unauthorized"
step "sign in with a refresh token" given "$REFRESH" helm registry login $HOST -u $NO_ONE --password-stdin
  succeeds
step "push with a refresh token" helm push web-0.1.0.tgz oci://$HOST/more
  succeeds
pass_time 4h
step "four hours later it has expired" helm pull oci://$HOST/more/web --version 0.1.0
  fails
  prints "unauthorized"
