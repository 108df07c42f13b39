#!/usr/bin/env bash
# Azure's management SDK for Go, with its own credentials and pollers
. "$(dirname "$0")/lib.sh"

exec "$TOOLS/go/real-clients"
