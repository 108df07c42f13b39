#!/usr/bin/env bash
# Azure's SDK for JavaScript on what lies in a registry
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registry.sh"

a_registry javascriptdata --anonymous
export HOST READER READER_SECRET
finish_step
cp "$ROOT"/tests/real-clients/javascript/{data-plane,steps}.js "$ROOT/tests/real-clients/javascript/package.json" "$HOME"
ln -s "$TOOLS/javascript/node_modules" "$HOME/node_modules"
step "without the authority nothing is asked" without_ca node --input-type=module -e '
  import { ContainerRegistryClient } from "'"$HOME"'/node_modules/@azure/container-registry/dist/esm/index.js";
  const options = { retryOptions: { maxRetries: 0 } };
  await new ContainerRegistryClient(`https://${process.env.HOST}`, options).getRepository("a").getProperties();'
  fails
  matches 'SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE'
finish_step
exec node "$HOME/data-plane.js"
