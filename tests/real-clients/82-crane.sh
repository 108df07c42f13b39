#!/usr/bin/env bash
# crane: images pushed, copied, mutated, listed, deleted; sign-in in each way, and who is refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registry.sh"

cd "$HOME" || exit
a_registry craneregistry
mkdir files && head -c 3000000 /dev/urandom >files/data && tar -cf layer.tar -C files data

step "push without signing in" crane append --new_layer layer.tar --new_tag $HOST/team/app:v1
  fails
  prints "UNAUTHORIZED: authentication required"
step "sign in as the admin" given "$ADMIN" crane auth login $HOST -u craneregistry --password-stdin
  succeeds
  prints "logged in"
step "push an image of one layer" crane append --new_layer layer.tar --new_tag $HOST/team/app:v1
  succeeds
  matches "^$HOST/team/app@sha256:[0-9a-f]{64}\$"
DIGEST=${output##*@}
step "without the authority nothing is pulled" without_ca crane digest $HOST/team/app:v1
  fails
  prints "certificate signed by unknown authority"
step "its digest" crane digest $HOST/team/app:v1
  succeeds
  matches "^$DIGEST\$"
step "its manifest" crane manifest $HOST/team/app:v1
  succeeds
  prints '"schemaVersion":2'
step "its configuration" crane config $HOST/team/app:v1
  succeeds
  prints '"rootfs"'
step "it is well-formed" crane validate --remote $HOST/team/app:v1
  succeeds
  prints "PASS: $HOST/team/app:v1"
step "pull it" crane pull $HOST/team/app:v1 image.tar
  succeeds
step "its files" bash -c 'crane export "$1" - | tar -x --to-stdout data | cmp - files/data' bash $HOST/team/app:v1
  succeeds
step "push what was pulled elsewhere" crane push image.tar $HOST/team/web:v1
  succeeds
  matches "^$HOST/team/web@sha256:"
step "copy into another repository: its blobs are mounted" crane copy $HOST/team/app:v1 $HOST/team/other:v1
  succeeds
  prints_lines 2 'mounted blob: sha256:'
step "the copy's digest" crane digest $HOST/team/other:v1
  succeeds
  matches "^$DIGEST\$"
step "tag" crane tag $HOST/team/app:v1 stable
  succeeds
step "label" crane mutate $HOST/team/app:v1 --label a=b --tag $HOST/team/app:labelled
  succeeds
step "the label" crane config $HOST/team/app:labelled
  succeeds
  prints '"Labels":{"a":"b"}'
step "an index of two images" crane index append -m $HOST/team/app:v1 -m $HOST/team/app:labelled -t $HOST/team/app:index
  succeeds
  matches "^$HOST/team/app@sha256:"
step "the index" crane manifest $HOST/team/app:index
  succeeds
  prints "$DIGEST"
step "as a layout with all that it holds" crane pull --format oci $HOST/team/app:index layout
  succeeds
step "and from it" crane push --index layout $HOST/team/app:again
  succeeds
step "tags" crane ls $HOST/team/app
  succeeds
  prints_lines 5 '^(again|index|labelled|stable|v1)$'
step "repositories" crane catalog $HOST
  succeeds
  matches '^team/app$'
  matches '^team/other$'
step "a layer" bash -c 'crane blob "$1@$(crane manifest "$1" | python3 -c "import json, sys; print(json.load(sys.stdin)[\"layers\"][0][\"digest\"])")" | gunzip | tar -t' \
  bash $HOST/team/app:v1
  succeeds
  matches '^data$'
step "delete by digest" crane delete $HOST/team/web@"$(crane digest $HOST/team/web:v1)"
  succeeds
step "it is gone" crane digest $HOST/team/web:v1
  fails
  prints "404"
step "delete by tag, which the registry refuses" crane delete $HOST/team/app:stable
  fails
  prints "UNSUPPORTED: A manifest can only be deleted by digest."
step "what never was" crane manifest $HOST/team/nothing:v1
  fails
  prints 'MANIFEST_UNKNOWN: manifest tagged by "v1" is not found'
step "sign out" crane auth logout $HOST
  succeeds

step "a wrong password" given wrong crane auth login $HOST -u craneregistry --password-stdin
  succeeds
step "is found when it is used" crane ls $HOST/team/app
  fails
  prints "UNAUTHORIZED: authentication required"
step "a Reader" given "$READER_SECRET" crane auth login $HOST -u $READER --password-stdin
  succeeds
step "a Reader pulls" crane manifest $HOST/team/app:v1
  succeeds
head -c 3000 /dev/urandom >files/data && tar -cf other.tar -C files data
step "a Reader does not push" crane append --new_layer other.tar --new_tag $HOST/team/app:v2
  fails
  prints "UNAUTHORIZED"
step "a Reader does not delete" crane delete $HOST/team/app@"$DIGEST"
  fails
  prints "UNAUTHORIZED"
step "a service principal's wrong secret" given wrong crane auth login $HOST -u $READER --password-stdin
  succeeds
step "is said to be wrong" crane ls $HOST/team/app
  fails
  prints "Invalid clientid or client secret."
step "the token for another repository" given "$LIMITED" crane auth login $HOST -u limited --password-stdin
  succeeds
step "lists its own" crane ls $HOST/team/other
  succeeds
  matches '^v1$'
step "lists no other" crane ls $HOST/team/app
  fails
  prints "UNAUTHORIZED"
step "copies from no other" crane copy $HOST/team/app:v1 $HOST/team/other:v2
  fails
  prints "UNAUTHORIZED"
step "does not list the repositories" crane catalog $HOST
  fails
  prints "UNAUTHORIZED"
step "a refresh token" given "$REFRESH" crane auth login $HOST -u $NO_ONE --password-stdin
  succeeds
step "pushes" crane append --new_layer layer.tar --new_tag $HOST/team/app:v3
  succeeds
pass_time 4h
step "and has expired four hours later" crane digest $HOST/team/app:v3
  fails
  prints "UNAUTHORIZED"
