#!/bin/sh
# Runs all tests in a clone, a fresh one too: npm test [-- arguments for vitest]
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
if can_apt; then
  # A host to reach servers on: sshd and sudo; certificates; what the tests look at processes and networks with; a disk of
  # its own that can be frozen.
  apt_install openssh-server openssh-client sudo rsync openssl procps iproute2 util-linux mount e2fsprogs
fi
ensure_node_modules
ensure_postgresql
npm run --silent build >&2
node_modules/.bin/vitest run "$@"
