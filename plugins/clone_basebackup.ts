import { basebackupPosition, mappedLocation } from '../src/core/copy.js';
import { type Outcome, fail, ok } from '../src/core/outcome.js';
import { type CloneRequest, type PluginContext, definePlugin } from '../src/plugin/contract.js';
import { copySettings } from './clone/settings.js';

/**
 * `$1` pg_basebackup, `$2` pgdata, `$3` WAL directory or empty, `$4` major version, `$5` tablespace directories (one a line),
 * `$6` yes to verify, `$7…` the arguments. What it fills must be empty, so that all it removes after a failure is its own.
 * pg_basebackup's lines of progress are cut to their numbers: a day of them is long.
 */
const SCRIPT = `
tool=$1; pgdata=$2; waldir=$3; major=$4; dirs=$5; verify=$6; shift 6
each_dir() { printf '%s\\n' "$dirs" | while IFS= read -r dir; do [ -z "$dir" ] || "$@" "$dir"; done; }
filled() { [ -z "$(ls -A "$1" 2>/dev/null)" ] || echo "$1"; }
for dir in "$pgdata" "$waldir" "$(each_dir filled | head -n 1)"; do
  if [ -n "$dir" ] && [ -n "$(filled "$dir")" ]; then echo "$dir is not empty" >&2; exit 90; fi
done
remove_contents() { if [ -d "$1/." ]; then find "$1/." -mindepth 1 -delete; fi; }
clean() {
  trap '' TERM INT HUP
  remove_contents "$pgdata"; each_dir remove_contents
  if [ -n "$waldir" ]; then remove_contents "$waldir"; [ ! -d "$pgdata" ] || ln -s "$waldir" "$pgdata/pg_wal"; fi
}
trap 'clean; exit 143' TERM INT HUP
PGPASSWORD=$HANDYREP_SECRET; export PGPASSWORD; unset HANDYREP_SECRET
[ -n "$PGPASSWORD" ] || unset PGPASSWORD
flush() {
  printf '%s\\n' "$pgdata" "$waldir" "$dirs" | while IFS= read -r dir; do [ ! -d "$dir" ] || sync -f "$dir" || exit 1; done
}
# So that the disk works while the copy goes on, until SIGUSR1 says that it is whole. A failed write is told to one flush only.
flush_meanwhile() {
  told=''; trap 'told=yes' USR1
  while [ -z "$told" ]; do sleep 0.3 >/dev/null 2>&1 & wait $!; flush || return 94; done
}
# syncfs() tells of a failed write since Linux 5.8 only.
knows_syncfs() {
  [ "$(uname -s)" = Linux ] && sync -f "$(dirname "$pgdata")" 2>/dev/null &&
    uname -r | awk -F. '{ exit !($1 > 5 || ($1 == 5 && $2 + 0 >= 8)) }'
}
flusher=''
if knows_syncfs; then set -- "$@" --no-sync; flush_meanwhile & flusher=$!; fi
status=$(
  { "$tool" "$@" 2>&1 >/dev/null; echo "handyrep-exit $?"; } | while IFS= read -r line; do
    case $line in
      'handyrep-exit '*) echo "\${line#handyrep-exit }" ;;
      *' kB '*) printf '%s\\n' "\${line%% kB *}" >&2 ;;
      *) printf '%s\\n' "$line" >&2 ;;
    esac
  done
)
unset PGPASSWORD
# Whoever starts it before it is made a replica must not get a second master.
if [ "$status" = 0 ]; then : > "$pgdata/standby.signal" || status=93; fi
if [ -n "$flusher" ]; then
  kill -s USR1 "$flusher"; wait "$flusher"; flushed=$?
  if [ "$status" = 0 ] && { [ "$flushed" = 94 ] || ! flush; }; then status=94; fi
fi
if [ "$status" = 0 ] && [ "$verify" = yes ]; then
  verifier=$(dirname "$tool")/pg_verifybackup
  if [ -x "$verifier" ] && [ -f "$pgdata/backup_manifest" ]; then
    echo handyrep-verifying >&2
    if "$verifier" --quiet "$pgdata" >&2; then echo verified=yes; else status=91; fi
  else echo verified=no; fi
fi
[ "$status" = 0 ] || clean
exit "\${status:-92}"
`;

/** Exit codes of the script's own, before what was said last. */
const WHY: Readonly<Record<number, string>> = {
  91: 'the copy is damaged: ',
  93: 'standby.signal could not be written: ',
  94: 'the copy could not be written out to the disk: ',
};

export default definePlugin({
  kind: 'clone_method',
  description: 'pg_basebackup, run on the server that is made; WAL is streamed meanwhile',
  settings: (z) => {
    const common = copySettings(z);
    return z.strictObject({
      checkpoint: common.checkpoint,
      max_rate: z
        .string()
        .regex(/^\d+[kM]?$/)
        .nullable()
        .default(null)
        .describe('the most to read from the source a second: kilobytes, or with k or M behind; absent: no limit'),
      waldir: common.waldir,
      tablespace_mapping: common.tablespace_mapping,
      verify: z
        .boolean()
        .default(false)
        .describe('true reads the whole copy again and checks it with pg_verifybackup, where that is installed'),
      timeout: common.timeout,
      arguments: z.array(z.string()).default([]).describe('more arguments for pg_basebackup'),
    });
  },
  run: (settings) => async (context, request) => {
    const { target, source, progress } = request;
    const tool = await findTool(context, request);
    if (!tool.ok) return tool;
    const ready = await request.prepare('empty');
    if (!ready.ok) return ready;
    const mapped = request.tablespaces.map(({ location }) => ({
      location,
      to: mappedLocation(location, settings.tablespace_mapping),
    }));
    const waldir = settings.waldir ?? request.waldir;
    const escape = (path: string): string => path.replaceAll(/[\\=]/g, '\\$&');
    const argv = [
      ...['-D', target.pgdata, '-d', request.conninfo, '-X', 'stream', '-c', settings.checkpoint],
      ...['--progress', '--verbose', '--no-password'],
      ...(settings.max_rate === null ? [] : [`--max-rate=${settings.max_rate}`]),
      ...(waldir === null ? [] : [`--waldir=${waldir}`]),
      ...mapped.flatMap(({ location, to }) => (location === to ? [] : ['-T', `${escape(location)}=${escape(to)}`])),
      ...settings.arguments,
    ];
    const folders = mapped.map(({ to }) => to).join('\n');
    const verify = settings.verify ? 'yes' : 'no';
    const args = [tool.value, target.pgdata, waldir ?? '', String(request.major), folders, verify, ...argv];
    progress({ server: target.name, phase: 'checkpoint', bytes: 0, total: request.bytes });
    const done = await context.hosts.long(target, SCRIPT, args, {
      timeout: settings.timeout * 1000,
      secret: request.password,
      signal: context.signal,
      onOutput: reader(request),
    });
    if (!done.ok) return done;
    const { exit_code, stdout, stderr } = done.value;
    if (exit_code === 0) {
      const verified = settings.verify ? (stdout.includes('verified=yes') ? ', verified' : ', not verified') : '';
      return ok(`copied from ${source.name} by pg_basebackup${verified}`);
    }
    const why = `${WHY[exit_code] ?? ''}${lastWords(stderr)}`;
    return fail('step_failed', `${target.name}: pg_basebackup ended with ${exit_code}: ${why}`, {
      server: target.name,
      cause: String(exit_code),
      hint: `see the log of ${source.name}: pg_hba.conf must let ${target.hostname} in for replication; and the disk of ${target.hostname}`,
    });
  },
  test: async (_settings, context, server) => context.findBinary(server, 'pg_basebackup'),
});

/** pg_basebackup of an older version than the server's does not know what that sends. */
async function findTool(context: PluginContext, { target, source, major }: CloneRequest): Promise<Outcome<string>> {
  const tool = await context.findBinary(target, 'pg_basebackup', major);
  if (!tool.ok) return tool;
  const asked = await context.hosts.run(target, [tool.value, '--version'], { signal: context.signal });
  if (!asked.ok) return asked;
  const version = /\) (\d+)/.exec(asked.value.stdout)?.[1];
  if (version !== undefined && Number(version) >= major) return tool;
  const found = version ?? `unknown (${asked.value.stderr.trim()})`;
  return fail('unsafe', `${target.name}: ${tool.value} is of version ${found}, and ${source.name} is ${major}`, {
    server: target.name,
    hint: `install PostgreSQL ${major} on ${target.hostname}, or correct bin_dir`,
  });
}

function reader({ target, progress, walIsStreamed, bytes }: CloneRequest): (text: string) => void {
  let rest = '';
  return (text) => {
    // The last line may be cut in two: it is read again with what follows.
    const all = rest + text;
    rest = all.slice(all.lastIndexOf('\n') + 1).slice(-200);
    const whole = all.slice(0, all.length - rest.length);
    const seen = basebackupPosition(whole);
    if (seen !== null) {
      walIsStreamed();
      progress({ server: target.name, phase: 'copying', bytes: seen.bytes, total: seen.total ?? bytes });
    }
    if (whole.includes('handyrep-verifying')) {
      progress({ server: target.name, phase: 'verifying', bytes: 0, total: null });
    }
  };
}

/** What it said last, its progress left out. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/^\s*\d+(\/\d+)?$/.test(line));
  const errors = lines.filter((line) => /error|fatal/i.test(line));
  return (errors.length > 0 ? errors : lines).slice(-2).join('; ').trim();
}
