#!/usr/bin/env bash
# what the front refuses: unknown hosts, no trust, no token
. "$(dirname "$0")/lib.sh"

ask() { curl --silent --show-error --max-time 20 "$@"; }

step "an unknown host" ask -i https://example.com/
  fails
  prints "403"
step "the refusal names the hosts that are served" ask -i http://example.com/
  prints "management.azure.com"
  prints "azurecr.io"
step "without our authority TLS fails" env -u CURL_CA_BUNDLE -u SSL_CERT_FILE curl --silent --show-error https://management.azure.com/
  exits 60
  prints "certificate"
step "ARM without a token" ask -w ' %{http_code}' "https://management.azure.com/subscriptions?api-version=2022-12-01"
  succeeds
  prints "AuthenticationFailed"
  matches ' 401$'
step "an address that Azure does not have" ask -w ' %{http_code}' "https://management.azure.com/nowhere?api-version=2022-12-01"
  succeeds
  matches ' (401|404)$'
step "a wrong secret" az login --service-principal -u "$AZURE_CLIENT_ID" -p wrong --tenant "$AZURE_TENANT_ID"
  fails
  prints "AADSTS7000215"
