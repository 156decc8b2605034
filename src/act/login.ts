import { TRY_LOGIN_MS } from '../core/limits.js';
import { formatConninfo, getValue, setValues } from '../core/conninfo.js';
import type { ServerDef } from '../core/model.js';
import { describeFailure } from '../core/outcome.js';
import { parseLines } from '../io/scripts.js';
import type { Tools } from './actor.js';
import { conninfoFor } from './replica.js';

/** `$1` conninfo, `$2` bin_dir or empty: one replication login with psql, as the postgres OS user would make it. */
const TRY_LOGIN_SCRIPT = `
psql=
for dir in "$2" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
  if [ -n "$dir" ] && [ -x "$dir/psql" ]; then psql="$dir/psql"; fi
done
[ -n "$psql" ] || psql=$(command -v psql) || { echo login=untried; exit 0; }
if [ -n "$HANDYREP_SECRET" ]; then PGPASSWORD=$HANDYREP_SECRET; export PGPASSWORD; fi
said=$("$psql" -XAtqw -d "$1" -c IDENTIFY_SYSTEM 2>&1 >/dev/null) && { echo login=yes; exit 0; }
echo login=no
printf '%s\n' "$said" | tail -n 1 | sed 's/^/detail=/'
`;

const SECONDS = '3';

/**
 * Tries from the host of `from`, as its postgres OS user, whether it could follow `to`: with the very connection string that
 * it will get. Null: it can, or there is no psql to try it with; else why not.
 */
export async function whyNoReplicationLogin(tools: Tools, from: ServerDef, to: ServerDef): Promise<string | null> {
  const whole = await conninfoFor(tools, from, to, null);
  const secret = getValue(whole, 'password');
  const shown = setValues(whole, {
    password: null,
    dbname: 'replication',
    replication: 'true',
    connect_timeout: SECONDS,
  });
  const done = await tools.hosts.long(from, TRY_LOGIN_SCRIPT, [formatConninfo(shown), from.bin_dir ?? ''], {
    secret,
    timeout: tools.settings.ssh_timeout + TRY_LOGIN_MS,
    signal: tools.signal,
  });
  // A host that cannot be asked is a finding of its own.
  if (!done.ok) return done.error.code === 'ssh_connect' ? null : describeFailure(done.error);
  const said = parseLines(done.value.stdout);
  return said.get('login') === 'no' ? (said.get('detail') ?? 'psql says nothing') : null;
}
