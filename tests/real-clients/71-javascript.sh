#!/usr/bin/env bash
# Azure's management SDK for JavaScript, with its own credentials and pollers
. "$(dirname "$0")/lib.sh"

# Modules are looked for beside the file that imports them.
cp "$(dirname "$0")"/javascript/*.js "$(dirname "$0")"/javascript/package.json "$HOME"
ln -s "$TOOLS/javascript/node_modules" "$HOME/node_modules"
exec node "$HOME/main.js"
