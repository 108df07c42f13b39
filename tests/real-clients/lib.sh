# What every script of this suite begins with: `. "$(dirname "$0")/lib.sh"`.
#
# A script is a list of steps. A step runs one command of a real tool; the lines below it say what its exit code and its output
# must be. A step passes when it has at least one such line and all of them hold. A failed step does not end the script.
#
#   step "create the group" az group create -n g -l eastus
#     succeeds
#     prints '"provisioningState": "Succeeded"'

set -u
output=""
code=0
step_title=""
step_command=()
step_checks=0
step_problems=()

# step TITLE COMMAND…: runs the command; what it prints (both streams) and its exit code are there for the checks.
step() {
  finish_step
  step_title=$1
  shift
  step_command=("$@")
  step_checks=0
  step_problems=()
  local begun=${EPOCHREALTIME/./}
  output=$("$@" 2>&1 </dev/null)
  code=$?
  step_time=$(((${EPOCHREALTIME/./} - begun) / 1000))
}

# finish_step: counts the step before; called by the next one and at the end.
finish_step() {
  [ -n "$step_title" ] || return 0
  [ "$step_checks" -gt 0 ] || step_problems+=("it checks nothing")
  if [ "${#step_problems[@]}" -eq 0 ]; then
    printf 'ok    %6d ms  %s\n' "$step_time" "$step_title"
    echo pass >>"$RESULTS"
  else
    printf 'FAIL  %6d ms  %s\n        $' "$step_time" "$step_title"
    printf ' %q' "${step_command[@]}"
    printf '\n'
    printf '        %s\n' "${step_problems[@]}"
    printf '        exit code %s, output:\n' "$code"
    tail -n 40 <<<"$output" | sed 's/^/        | /'
    echo fail >>"$RESULTS"
  fi
  step_title=""
}
trap finish_step EXIT

check() { # check PROBLEM TEST…: notes the problem if the test fails
  local problem=$1
  shift
  step_checks=$((step_checks + 1))
  "$@" || step_problems+=("$problem")
}

succeeds() { exits 0; }
exits() { check "it should exit $1" test "$code" -eq "$1"; }
fails() { check "it should fail" test "$code" -ne 0; }
prints() { check "it should print: $1" grep -qF -e "$1" <<<"$output"; }
prints_not() { check "it should not print: $1" not grep -qF -e "$1" <<<"$output"; }
matches() { check "a line should match: $1" grep -qE -e "$1" <<<"$output"; }
prints_lines() { # prints_lines N PATTERN: exactly N lines match
  check "$1 lines should match: $2" test "$(grep -cE -e "$2" <<<"$output")" -eq "$1"
}
takes_less_than() { check "it should take less than $1 ms" test "$step_time" -lt "$1"; }
not() { ! "$@"; }

# sign_in: as the principal whose credentials are in the environment.
sign_in() {
  step "sign in" az login --service-principal -u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID"
    succeeds
    prints "$AZURE_SUBSCRIPTION_ID"
}

# sign_in_as NAME: a second caller beside the first, in a profile of its own; `as NAME az …` runs a command as that one.
sign_in_as() {
  local secret="azlet~$1~secret" id
  case $1 in
    owner) id=0a210000-0000-4000-8000-0000000000a1 ;;
    contributor) id=0a210000-0000-4000-8000-0000000000a2 ;;
    reader) id=0a210000-0000-4000-8000-0000000000a3 ;;
    nobody) id=0a210000-0000-4000-8000-0000000000a4 ;;
  esac
  step "sign in as $1" as "$1" az login --service-principal -u "$id" -p "$secret" --tenant "$AZURE_TENANT_ID" \
    --allow-no-subscriptions
    succeeds
    prints "$AZURE_TENANT_ID"
}
as() { # as NAME COMMAND…
  local name=$1
  shift
  AZURE_CONFIG_DIR="$HOME/azure-$name" "$@"
}

# pass_time DURATION: the emulated time goes forward.
pass_time() {
  step "let $1 of emulated time pass" curl --silent --show-error --fail --noproxy '*' -H 'content-type: application/json' \
    -d "{\"advance\": \"$1\"}" "$AZLET_ENDPOINT/_azlet/clock"
    succeeds
}

# eventually COMMAND… -- PATTERN: repeats a command, with emulated time passing, until its output matches; for use in a step.
eventually() {
  local command=() out=""
  while [ "$1" != -- ]; do command+=("$1"); shift; done
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    out=$("${command[@]}" 2>&1)
    if grep -qE -e "$2" <<<"$out"; then
      printf '%s\n' "$out"
      return 0
    fi
    curl --silent --noproxy '*' -H 'content-type: application/json' -d '{"advance": "1s"}' "$AZLET_ENDPOINT/_azlet/clock" >/dev/null
  done
  printf '%s\n' "$out"
  return 1
}

# manifest REGISTRY TAG: the tutorial's manifest for a registry.
manifest() { sed "s/<acr-name>/$1/; s/nginx:v1/nginx:$2/" "$ROOT/fixtures/tutorial/acr-nginx.yaml"; }
