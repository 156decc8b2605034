#!/bin/sh
# Runs all tests in a clone, a fresh one too: npm test [-- arguments for vitest]
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
if can_apt; then
  apt_install_test_programs
fi
ensure_node_modules
ensure_postgresql
npm run --silent build >&2
node_modules/.bin/vitest run "$@"
