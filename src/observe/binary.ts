import type { ServerDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { parseLines } from '../io/scripts.js';
import type { HostPort } from '../plugin/contract.js';

/** `$1` bin_dir or empty, `$2` pgdata, `$3` the major version where that says none, then programs: the newest installed is wrong when the data are of an older one. */
const FIND = `
bin_dir=$1; version=$(cat "$2/PG_VERSION" 2>/dev/null || echo "$3"); shift 3
find_program() {
  for dir in "$bin_dir" "/usr/lib/postgresql/$version/bin" "/usr/pgsql-$version/bin"; do
    if [ -n "$dir" ] && [ -x "$dir/$1" ]; then echo "$dir/$1"; return; fi
  done
  command -v "$1"
}
for program; do echo "$program=$(find_program "$program")"; done
`;

/** The full path of a PostgreSQL program on a server: bin_dir, else by the version of its data directory, else PATH. */
export async function findBinary(
  hosts: HostPort,
  server: ServerDef,
  program: string,
  major?: number,
): Promise<Outcome<string>> {
  const found = await findBinaries(hosts, server, [program], { major });
  if (!found.ok) return found;
  const path = found.value[program];
  if (path !== undefined) return ok(path);
  return fail('command_missing', `${server.name}: ${program} was not found on ${server.hostname}`, {
    server: server.name,
    hint: 'set bin_dir for this server',
  });
}

/** The same for several programs at once; one that is not there is left out. */
export async function findBinaries(
  hosts: HostPort,
  server: ServerDef,
  programs: readonly string[],
  { major, signal }: { readonly major?: number | undefined; readonly signal?: AbortSignal } = {},
): Promise<Outcome<Readonly<Record<string, string>>>> {
  const args = [server.bin_dir ?? '', server.pgdata, String(major ?? ''), ...programs];
  const done = await hosts.script(server, FIND, args, signal === undefined ? {} : { signal });
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout);
  const found = programs.flatMap((program) => {
    const path = said.get(program)?.trim() ?? '';
    return path === '' ? [] : [[program, path] as const];
  });
  return ok(Object.fromEntries(found));
}
