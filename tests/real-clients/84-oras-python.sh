#!/usr/bin/env bash
# oras for Python: artifacts pushed whole and in chunks, pulled, listed, deleted; who is refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registry.sh"

a_registry oraspyregistry
export HOST ADMIN LIMITED REFRESH NO_ONE READER READER_SECRET
finish_step
cd "$HOME" || exit
exec "$TOOLS/python/bin/python" -B "$ROOT/tests/real-clients/python/oras_client.py"
