import { TRY_LOGIN_MS } from '../core/limits.js';
import { type Conninfo, formatConninfo, getValue, setValues } from '../core/conninfo.js';
import type { ServerDef } from '../core/model.js';
import { describeFailure } from '../core/outcome.js';
import { parseLines } from '../io/scripts.js';
import type { Tools } from './actor.js';
import { conninfoFor } from './replica.js';

/** `$1` conninfo, `$2` bin_dir or empty, `$3` what is asked: one login with psql, as the postgres OS user would make it. */
const TRY_LOGIN_SCRIPT = `
psql=
for dir in "$2" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
  if [ -n "$dir" ] && [ -x "$dir/psql" ]; then psql="$dir/psql"; fi
done
[ -n "$psql" ] || psql=$(command -v psql) || { echo login=untried; exit 0; }
if [ -n "$HANDYREP_SECRET" ]; then PGPASSWORD=$HANDYREP_SECRET; export PGPASSWORD; fi
said=$("$psql" -XAtqw -d "$1" -c "$3" 2>&1 >/dev/null) && { echo login=yes; exit 0; }
echo login=no
printf '%s\n' "$said" | tail -n 1 | sed 's/^/detail=/'
`;

const SECONDS = '3';

/** How pg_rewind, on the host of an old master, logs in to the new one: as our role, without a password. */
export function rewindConninfo(
  { handyrep_user, handyrep_db, connect_timeout }: Tools['settings'],
  master: ServerDef,
): Conninfo {
  return [
    ['host', master.hostname],
    ['port', String(master.port)],
    ['user', handyrep_user],
    ['dbname', handyrep_db],
    ['connect_timeout', String(Math.max(2, Math.ceil(connect_timeout / 1000)))],
  ];
}

/**
 * Tries from the host of `from`, as its postgres OS user, whether it could follow `to`: with the very connection string that
 * it will get. Null: it can, or there is no psql to try it with; else why not.
 */
export async function whyNoReplicationLogin(tools: Tools, from: ServerDef, to: ServerDef): Promise<string | null> {
  const whole = await conninfoFor(tools, from, to, null);
  const shown = setValues(whole, {
    password: null,
    dbname: 'replication',
    replication: 'true',
    connect_timeout: SECONDS,
  });
  return tryLogin(tools, from, { conninfo: shown, secret: getValue(whole, 'password'), ask: 'IDENTIFY_SYSTEM' });
}

/** As {@link whyNoReplicationLogin}, for the login of pg_rewind, which brings an old master back. */
export async function whyNoRewindLogin(tools: Tools, from: ServerDef, to: ServerDef): Promise<string | null> {
  const conninfo = setValues(rewindConninfo(tools.settings, to), { connect_timeout: SECONDS });
  return tryLogin(tools, from, { conninfo, secret: tools.settings.handyrep_pass, ask: 'SELECT 1' });
}

interface Attempt {
  readonly conninfo: Conninfo;
  readonly secret: string | null;
  readonly ask: string;
}

async function tryLogin(tools: Tools, from: ServerDef, { conninfo, secret, ask }: Attempt): Promise<string | null> {
  const args = [formatConninfo(conninfo), from.bin_dir ?? '', ask];
  const done = await tools.hosts.long(from, TRY_LOGIN_SCRIPT, args, {
    secret,
    timeout: tools.settings.ssh_timeout + TRY_LOGIN_MS,
    signal: tools.signal,
  });
  // A host that cannot be asked is a finding of its own.
  if (!done.ok) return done.error.code === 'ssh_connect' ? null : describeFailure(done.error);
  const said = parseLines(done.value.stdout);
  return said.get('login') === 'no' ? (said.get('detail') ?? 'psql says nothing') : null;
}
