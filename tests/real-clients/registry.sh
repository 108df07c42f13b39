# What the scripts on registries' tools begin with, after lib.sh.

PATH="$TOOLS/bin:$PATH"
# The user whose password is a refresh token.
NO_ONE=00000000-0000-0000-0000-000000000000
READER=0a210000-0000-4000-8000-0000000000a3
READER_SECRET="azlet~reader~secret"

# a_registry NAME [--anonymous]: makes it, and sets HOST, ADMIN (the password of the user NAME), LIMITED (that of the token `limited`,
# which pulls and lists team/other and nothing else) and REFRESH (that of $NO_ONE: the script's principal, for three hours).
a_registry() {
  HOST=$1.azurecr.io
  step "a registry with an admin and a token that reads one repository" python3 "$ROOT/tests/real-clients/registry.py" "$@"
    succeeds
    matches '^REFRESH eyJ'
  ADMIN=$(sed -n 's/^ADMIN //p' <<<"$output")
  LIMITED=$(sed -n 's/^LIMITED //p' <<<"$output")
  REFRESH=$(sed -n 's/^REFRESH //p' <<<"$output")
}
# without_ca COMMAND…: with none of the variables that name the emulator's authority.
without_ca() { env -u SSL_CERT_FILE -u REQUESTS_CA_BUNDLE -u CURL_CA_BUNDLE -u NODE_EXTRA_CA_CERTS "$@"; }
# given TEXT COMMAND…: with this text on its standard input.
given() {
  local text=$1
  shift
  printf '%s\n' "$text" | "$@"
}
