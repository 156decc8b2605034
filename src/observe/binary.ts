import type { ServerDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import type { HostPort } from '../plugin/contract.js';

/** `$1` program, `$2` bin_dir or empty, `$3` pgdata, `$4` the major version where that says none: the newest installed is wrong when the data are of an older one. */
const FIND = `
version=$(cat "$3/PG_VERSION" 2>/dev/null || echo "$4")
for dir in "$2" "/usr/lib/postgresql/$version/bin" "/usr/pgsql-$version/bin"; do
  if [ -n "$dir" ] && [ -x "$dir/$1" ]; then echo "$dir/$1"; exit 0; fi
done
command -v "$1"
`;

/** The full path of a PostgreSQL program on a server: bin_dir, else by the version of its data directory, else PATH. */
export async function findBinary(
  hosts: HostPort,
  server: ServerDef,
  program: string,
  major?: number,
): Promise<Outcome<string>> {
  const done = await hosts.script(server, FIND, [program, server.bin_dir ?? '', server.pgdata, String(major ?? '')]);
  if (!done.ok) return done;
  const path = done.value.stdout.trim();
  if (path !== '') return ok(path);
  return fail('command_missing', `${server.name}: ${program} was not found on ${server.hostname}`, {
    server: server.name,
    hint: 'set bin_dir for this server',
  });
}
