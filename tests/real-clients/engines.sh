# What the scripts for container engines share, after lib.sh: an image that no registry was asked for, a registry and its callers, and
# homes for the engines below $HOME, so that nothing of the machine's own is read or written.

# needs TOOL…: a script that cannot run has failed, and says why.
needs() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { echo "$tool is missing; .ci/install-tools installs it"; exit 1; }
  done
}

READER=0a210000-0000-4000-8000-0000000000a3
NOBODY=0a210000-0000-4000-8000-0000000000a4
# The password of a service principal of the world that azlet starts with.
secret_of() { printf 'azlet~%s~secret' "$1"; }

# podman, buildah and skopeo keep images and passwords here. vfs needs no privilege and no module of the kernel.
cat >"$HOME/storage.conf" <<STORAGE
[storage]
driver = "vfs"
graphroot = "$HOME/containers/images"
runroot = "$HOME/containers/run"
STORAGE
printf 'unqualified-search-registries = []\n' >"$HOME/registries.conf"
printf '{"default": [{"type": "insecureAcceptAnything"}]}\n' >"$HOME/policy.json"
mkdir -p "$HOME/engine" "$HOME/.config/containers"
cp "$HOME/policy.json" "$HOME/.config/containers/policy.json"
export CONTAINERS_STORAGE_CONF="$HOME/storage.conf" CONTAINERS_REGISTRIES_CONF="$HOME/registries.conf"
# Not in docker's folder: there only some of their verbs look.
unset DOCKER_CONFIG
mkdir -p "$HOME/runtime"
export XDG_RUNTIME_DIR="$HOME/runtime"

# without_ca COMMAND…: as somebody who trusts what the machine trusts, and not azlet's own authority.
without_ca() { env SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/etc/ssl/certs "$@"; }

# context NAME: the folder of an image that holds nothing but busybox and a file with the name in it.
context() {
  mkdir -p "$HOME/context-$1"
  cp "$(command -v busybox)" "$HOME/context-$1/busybox"
  printf '%s\n' "$1" >"$HOME/context-$1/name"
  printf 'FROM scratch\nCOPY busybox /bin/busybox\nCOPY name /name\nCMD ["/bin/busybox", "cat", "/name"]\n' >"$HOME/context-$1/Dockerfile"
}

# registry NAME: a registry with an admin user; its password is in ADMIN.
registry() {
  step "registry $1" az acr create -n "$1" -g group --sku Premium --admin-enabled true --query loginServer -o tsv
    succeeds
    matches "^$1\.azurecr\.io\$"
  step "its admin's password" az acr credential show -n "$1" --query "passwords[0].value" -o tsv
    succeeds
    matches '^.{20,}$'
  ADMIN=$(tail -n 1 <<<"$output")
}

# scoped_token REGISTRY NAME REPOSITORY ACTION…: a token of the registry's own that opens one repository, for a day; its password is in SCOPED.
scoped_token() {
  step "a token for $3 alone" az acr token create -r "$1" -n "$2" --repository "${@:3}" --no-passwords true --query status -o tsv
    succeeds
    matches '^enabled$'
  step "its password, for a day" az acr token credential generate -r "$1" -n "$2" --password1 --expiration-in-days 1 \
    --query "passwords[0].value" -o tsv
    succeeds
    matches '^.{20,}$'
  SCOPED=$(tail -n 1 <<<"$output")
}

# media_type REGISTRY IMAGE: of the manifest as it lies in the registry.
media_type() { az acr manifest show -r "$1" -n "$2" --query mediaType -o tsv; }

# start_engine [COMMAND…]: dockerd, with the proxy and the authority of its environment: it is dockerd that speaks with registries. COMMAND
# is put before it. Says why, and fails, if it does not start with either way of keeping layers.
start_engine() {
  local driver
  for driver in overlay2 vfs; do
    "$@" dockerd --host "unix://$ENGINE/socket" --data-root "$ENGINE/data-$driver" --exec-root "$ENGINE/exec" --pidfile "$ENGINE/pid" \
      --storage-driver "$driver" --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --bridge=none \
      --userland-proxy=false >"$ENGINE/log-$driver" 2>&1 &
    local process=$!
    # Its own pid file says which process it is: COMMAND may be a function.
    for _ in {1..120}; do
      if command docker --host "unix://$ENGINE/socket" version >/dev/null 2>&1; then
        echo "dockerd runs, $driver"
        return 0
      fi
      kill -0 "$process" 2>/dev/null || break
      sleep 0.25
    done
    kill "$process" 2>/dev/null
    wait "$process" 2>/dev/null
    echo "dockerd does not start here with $driver; the end of its log:"
    tail -n 8 "$ENGINE/log-$driver"
  done
  echo "dockerd needs root with the capabilities to mount and to make namespaces; give the machine those, or run this script elsewhere"
  return 1
}

stop_engine() {
  local process
  process=$(cat "$ENGINE/pid" 2>/dev/null) || return 0
  kill "$process" 2>/dev/null || return 0
  for _ in {1..80}; do
    kill -0 "$process" 2>/dev/null || return 0
    sleep 0.25
  done
  kill -9 "$process"
}
