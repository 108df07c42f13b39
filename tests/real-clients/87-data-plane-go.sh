#!/usr/bin/env bash
# Azure's SDK for Go on what lies in a registry
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registry.sh"

a_registry godata --anonymous
export HOST READER READER_SECRET
step "the repositories: none" "$TOOLS/go/real-clients" repositories
  succeeds
  prints "[] <nil>"
step "without the authority nothing is asked" without_ca "$TOOLS/go/real-clients" repositories
  fails
  prints "certificate signed by unknown authority"
finish_step
exec "$TOOLS/go/real-clients" data-plane
