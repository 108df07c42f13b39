#!/usr/bin/env bash
# Azure's management SDK for Python, with its own credentials and pollers
. "$(dirname "$0")/lib.sh"

exec "$TOOLS/python/bin/python" -B "$(dirname "$0")/python/main.py"
