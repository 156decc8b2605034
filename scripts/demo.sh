#!/bin/sh
# Plays the demo in a clone, a fresh one too: npm run demo [-- --json]
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
ensure_node_modules
ensure_postgresql
if [ ! -x dist/bin/handyrep.js ] || [ -n "$(find src bin plugins package.json -newer dist/bin/handyrep.js -print -quit)" ]; then
  say 'building (npm run build)'
  npm run --silent build >&2
fi
node dist/bin/handyrep.js demo "$@"
