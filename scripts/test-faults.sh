#!/bin/sh
# Plays every scenario of test/faults: npm run test:faults [-- arguments for vitest]
# With HANDYREP_FAULT_RESULTS=FOLDER each result is kept there; npm run docs:faults makes docs/fault-scenarios.md of them.
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
if can_apt; then
  apt_install_test_programs
fi
ensure_node_modules
ensure_postgresql
npm run --silent build >&2
node_modules/.bin/vitest run --config vitest.faults.config.ts "$@"
