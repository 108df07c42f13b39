#!/usr/bin/env bash
# Azure's SDK for Python on what lies in a registry
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registry.sh"

a_registry pythondata --anonymous
export HOST READER READER_SECRET
finish_step
exec "$TOOLS/python/bin/python" -B "$ROOT/tests/real-clients/python/data_plane.py"
