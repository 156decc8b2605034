import { mappedLocation, rsyncPosition, tablespaceMapLine } from '../src/core/copy.js';
import { type Outcome, fail, ok } from '../src/core/outcome.js';
import { type CloneRequest, type HeldSession, type PluginContext, definePlugin } from '../src/plugin/contract.js';
import { copySettings } from './clone/settings.js';

/** `$1` prefix of the source (`user@host:` or empty), `$2` remote shell, `$3` the source's data directory: may it be read? */
const PROBE = `
command -v rsync >/dev/null || { echo "rsync is not installed here" >&2; exit 127; }
rsync -e "$2" --protect-args --list-only "$1$3/global/pg_control"
`;

/** What a copy leaves out ("Backing Up The Data Directory"), and what is put in place at the end, or is not the source's. */
const LEFT_OUT = [
  ...['pg_wal', 'postmaster.pid', 'postmaster.opts', 'backup_label', 'tablespace_map', 'backup_manifest'],
  ...['standby.signal', 'recovery.signal', 'global/pg_control', 'global/pg_control.handyrep', 'pg_tblspc/*'],
  ...['pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'].map(
    (folder) => `${folder}/*`,
  ),
].map((path) => `--exclude=/${path}`);

/**
 * `$1` pgdata, `$2` prefix of the source, `$3` remote shell, `$4` the source's data directory, `$5` WAL directory or empty,
 * `$6` major version, `$7` tablespaces, a line each: oid, place on the source, place here, with tabs between; `$8…` the
 * arguments of rsync. pg_control comes last, under another name: nothing can be started before backup_label is there too.
 */
const COPY = `
pgdata=$1; prefix=$2; shell=$3; from=$4; waldir=$5; major=$6; tablespaces=$7; shift 7
tab=$(printf '\\t')
each_tablespace() {
  printf '%s\\n' "$tablespaces" | while IFS=$tab read -r oid there here; do
    [ -z "$oid" ] || "$@" "$oid" "$there" "$here" || exit 1
  done
}
remove_contents() { if [ -d "$1/." ]; then find "$1/." -mindepth 1 -delete; fi; }
remove_tablespace() { rm -rf "$3"/PG_"$major"_*; }
clean() {
  trap '' TERM INT HUP
  remove_contents "$pgdata"; each_tablespace remove_tablespace
  if [ -n "$waldir" ]; then remove_contents "$waldir"; ln -s "$waldir" "$pgdata/pg_wal"; fi
}
if [ -n "$waldir" ] && [ -n "$(ls -A "$waldir" 2>/dev/null)" ] &&
  [ "$(readlink -f "$pgdata/pg_wal")" != "$(readlink -f "$waldir")" ]; then
  echo "$waldir is not empty" >&2; exit 90
fi
trap 'clean; exit 143' TERM INT HUP
pull() {
  rsync -a --protect-args -e "$shell" --exclude='pgsql_tmp*' --exclude='pg_internal.init*' "$@" >&2
  code=$?
  # 24: files that vanished meanwhile, which WAL makes good.
  [ "$code" = 24 ] || return "$code"
}
copy_tablespace() {
  oid=$1; there=$2; here=$3; shift 3
  mkdir -p "$here" && chmod 700 "$here" && ln -s "$here" "$pgdata/pg_tblspc/$oid" || return 1
  pull --delete "$@" --include="/PG_\${major}_*" --exclude='/*' "$prefix$there/" "$here/"
}
copy_all() {
  mkdir -p "$pgdata" && chmod 700 "$pgdata" || return 1
  # What is left out would stay as it was: WAL of another history first of all.
  if [ -L "$pgdata/pg_wal" ]; then remove_contents "$pgdata/pg_wal"; rm -f "$pgdata/pg_wal"; else rm -rf "$pgdata/pg_wal"; fi
  for folder in pg_replslot pg_dynshmem pg_notify pg_serial pg_snapshots pg_stat_tmp pg_subtrans; do
    remove_contents "$pgdata/$folder"
  done
  for link in "$pgdata"/pg_tblspc/*; do
    [ -L "$link" ] || continue
    printf '%s\\n' "$tablespaces" | grep -q -F "$tab$(readlink "$link")" || rm -rf "$(readlink -f "$link")/PG_\${major}"_*
    rm -f "$link"
  done
  pull --delete ${LEFT_OUT.map((one) => `'${one}'`).join(' ')} "$@" "$prefix$from/" "$pgdata/" || return 1
  if [ -n "$waldir" ]; then
    mkdir -p "$waldir" && chmod 700 "$waldir" && remove_contents "$waldir" && ln -s "$waldir" "$pgdata/pg_wal" || return 1
  else mkdir "$pgdata/pg_wal" && chmod 700 "$pgdata/pg_wal" || return 1; fi
  mkdir -p "$pgdata/pg_wal/archive_status" && chmod 700 "$pgdata/pg_wal/archive_status" || return 1
  printf '%s\\n' "$tablespaces" | while IFS=$tab read -r oid there here; do
    [ -z "$oid" ] || copy_tablespace "$oid" "$there" "$here" "$@" || exit 1
  done || return 1
  pull "$prefix$from/global/pg_control" "$pgdata/global/pg_control.handyrep"
}
copy_all "$@" && exit 0
clean
exit 1
`;

/** `$1` pgdata, `$2` backup_label, `$3` tablespace_map or empty: makes the copy one that can be started. */
const FINISH = `
umask 077
# Whoever starts it before it is made a replica must not get a second master.
: > "$1/standby.signal" && printf '%s' "$2" > "$1/backup_label" || exit 1
if [ -n "$3" ]; then printf '%s' "$3" > "$1/tablespace_map" || exit 1; fi
for folder in "$1" "$1"/pg_tblspc/*; do
  if [ -d "$folder" ]; then sync -f "$folder/." 2>/dev/null || sync; fi
done
mv -f "$1/global/pg_control.handyrep" "$1/global/pg_control" && { sync -f "$1" 2>/dev/null || sync; }
`;

export default definePlugin({
  kind: 'clone_method',
  description: 'rsync, run on the server that is made; over an old data directory it sends the differences only',
  settings: (z) => {
    const common = copySettings(z);
    return z.strictObject({
      ssh: z
        .string()
        .min(1)
        .default('ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15')
        .describe('how the postgres OS user of the target reaches the source; -p and its ssh_port are added'),
      ssh_user: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe('who it logs in as there; absent: postgres_os_user'),
      checkpoint: common.checkpoint,
      waldir: common.waldir,
      tablespace_mapping: common.tablespace_mapping,
      timeout: common.timeout,
      arguments: z
        .array(z.string())
        .default(['--checksum'])
        .describe(
          'more arguments for rsync; without --checksum a file of the same size and time is taken for the same',
        ),
    });
  },
  run: (settings) => async (context, request) => {
    const { target, source, major } = request;
    const here = target.connection === 'local' && source.connection === 'local';
    const user = settings.ssh_user ?? context.postgres_os_user;
    const prefix = here ? '' : `${user}@${source.hostname}:`;
    const shell = `${settings.ssh} -p ${source.ssh_port}`;
    const probed = await probe(context, request, prefix, shell);
    if (!probed.ok) return probed;
    const begun = await beginBackup(context, request, settings.checkpoint === 'fast', settings.timeout * 1000);
    if (!begun.ok) return begun;
    const session = begun.value;
    try {
      const ready = await request.prepare('reuse');
      if (!ready.ok) return ready;
      const tablespaces = request.tablespaces.map(({ oid, location }) => ({
        oid,
        location,
        to: mappedLocation(location, settings.tablespace_mapping),
      }));
      const lines = tablespaces.map(({ oid, location, to }) => [oid, location, to].join('\t')).join('\n');
      const waldir = settings.waldir ?? request.waldir ?? '';
      const more = ['--info=progress2', ...settings.arguments];
      const args = [target.pgdata, prefix, shell, source.pgdata, waldir, String(major), lines, ...more];
      request.progress({ server: target.name, phase: 'copying', bytes: 0, total: request.bytes });
      const copied = await context.hosts.long(target, COPY, args, {
        timeout: settings.timeout * 1000,
        signal: context.signal,
        onOutput: reader(request),
      });
      if (!copied.ok) return copied;
      if (copied.value.exit_code !== 0) return copyFailed(request, copied.value);
      const map = tablespaces.map(({ oid, to }) => tablespaceMapLine(oid, to)).join('');
      return await endBackup(context, request, session, map);
    } finally {
      await session.close();
    }
  },
  test: async (_settings, context, server) => {
    const found = await context.hosts.run(server, ['rsync', '--version']);
    return found.ok ? ok(found.value.stdout.split('\n')[0] ?? 'rsync') : found;
  },
});

async function probe(
  context: PluginContext,
  { target, source }: CloneRequest,
  prefix: string,
  shell: string,
): Promise<Outcome<void>> {
  const seen = await context.hosts.script(target, PROBE, [prefix, shell, source.pgdata], { signal: context.signal });
  if (!seen.ok) return seen;
  if (seen.value.exit_code === 0) return ok(undefined);
  const { postgres_os_user: user } = context;
  return fail('step_failed', `${target.name}: rsync cannot read from ${source.name}: ${lastWords(seen.value.stderr)}`, {
    server: target.name,
    cause: String(seen.value.exit_code),
    hint: `on ${target.hostname}, ${user} must reach ${source.hostname} by ssh without a password, and rsync be installed on both`,
  });
}

/** A backup is on for as long as its session lives; one that is killed ends it ("Making a Base Backup Using the Low Level API"). */
async function beginBackup(
  context: PluginContext,
  { source, target, major }: CloneRequest,
  fast: boolean,
  timeout: number,
): Promise<Outcome<HeldSession>> {
  const text = major >= 15 ? 'SELECT pg_backup_start($1, $2)' : 'SELECT pg_start_backup($1, $2, false)';
  const attempt = async (user: 'handyrep' | 'superuser'): Promise<Outcome<HeldSession>> => {
    const session = await context.sql.hold(source, { user, timeout, signal: context.signal });
    if (!session.ok) return session;
    const begun = await session.value.query(text, [`handyrep clone of ${target.name}`, fast]);
    if (begun.ok) return session;
    await session.value.close();
    return begun;
  };
  const first = await attempt('handyrep');
  if (first.ok || first.error.cause !== '42501') return first;
  const second = await attempt('superuser');
  if (second.ok) return second;
  const hint = 'run `handyrep init` as superuser again: it grants EXECUTE on the functions of a backup';
  return { ok: false, error: { ...first.error, hint } };
}

async function endBackup(
  context: PluginContext,
  { source, target, major }: CloneRequest,
  session: HeldSession,
  map: string,
): Promise<Outcome<string>> {
  const call = major >= 15 ? 'pg_backup_stop(false)' : 'pg_stop_backup(false, false)';
  const ended = await session.query(`SELECT labelfile FROM ${call}`);
  if (!ended.ok) return ended;
  const label = ended.value[0]?.['labelfile'] ?? '';
  const finish = [target.pgdata, label, map];
  // Writing out a whole copy may take long, and what was begun is removed when it does not end.
  const done = await context.hosts.long(target, FINISH, finish, { timeout: 3_600_000, signal: context.signal });
  if (!done.ok) return done;
  if (done.value.exit_code === 0 && label !== '') return ok(`copied from ${source.name} by rsync`);
  return fail('step_failed', `${target.name}: the copy could not be finished: ${lastWords(done.value.stderr)}`, {
    server: target.name,
    hint: `look at the disk of ${target.hostname}`,
  });
}

function reader({ target, progress, bytes }: CloneRequest): (text: string) => void {
  // Each rsync counts from 0 again: the data directory's first, then one a tablespace.
  let before = 0;
  let last = 0;
  return (text) => {
    const seen = rsyncPosition(text);
    if (seen === null) return;
    if (seen < last) before += last;
    last = seen;
    progress({ server: target.name, phase: 'copying', bytes: before + seen, total: Math.max(bytes, before + seen) });
  };
}

function copyFailed({ target, source }: CloneRequest, result: { readonly stderr: string }): Outcome<never> {
  return fail('step_failed', `${target.name}: rsync from ${source.name} failed: ${lastWords(result.stderr)}`, {
    server: target.name,
    hint: `look at the disk of ${target.hostname} and the network between the two`,
  });
}

function lastWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]/).filter((line) => line.trim() !== '' && !/^\s*[\d,.]+\s+\d+%/.test(line));
  return lines.slice(-2).join('; ').trim();
}
