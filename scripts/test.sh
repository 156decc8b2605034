#!/bin/sh
# Runs all tests in a clone, a fresh one too: npm test [-- arguments for vitest]
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
if can_apt; then
  # Servers, and a host to reach them on: sshd and sudo; what the tests look at processes and networks with.
  apt_install postgresql postgresql-client openssh-server openssh-client sudo rsync procps iproute2 util-linux
fi
ensure_node_modules
ensure_postgresql
npm run --silent build >&2
node_modules/.bin/vitest run "$@"
