import { formatConninfo, parseConninfo, setValues } from '../src/core/conninfo.js';
import { parseControlData } from '../src/core/controldata.js';
import { type Outcome, fail, ok } from '../src/core/outcome.js';
import { type PluginContext, type RejoinRequest, definePlugin } from '../src/plugin/contract.js';

/**
 * `$1` pgdata, `$2` folder of the programs, `$3` configuration file or empty, `$4` conninfo, `$5` `yes` for restore_command.
 *
 * pg_rewind wants a clean shutdown. After a crash single-user recovery makes one; that refuses to start with standby.signal,
 * which is therefore away for that time and comes back whatever happens. It keeps all WAL, which pg_rewind needs back to the
 * last common checkpoint. pg_rewind takes standby.signal away too (the source has none). While it writes, a lock file of
 * ours keeps everybody from starting what is half of one server and half of another.
 *
 * Status 10: crash recovery failed; 11: pg_rewind cannot work, nothing was overwritten; 12: it failed while it wrote; 13: it
 * found nothing to do.
 */
const REWIND = `
export LC_ALL=C PGPASSWORD="$HANDYREP_SECRET"
[ -n "$PGPASSWORD" ] || unset PGPASSWORD
unset HANDYREP_SECRET
umask 077
real=$(cd "$1" && pwd -P) || exit 11
bin=$2; conf=$3; source=$4
mark=$(dirname "$1")/.handyrep-rewinding-$(basename "$1")
child=
back() {
  : > "$real/standby.signal"; { sync -d "$real/standby.signal" "$real" 2>/dev/null || sync; }
  [ "$(cat "$real/postmaster.pid" 2>/dev/null)" = "$$" ] && rm -f "$real/postmaster.pid"
}
ended() { trap '' TERM INT HUP; back; [ -n "$child" ] && kill -9 "$child" 2>/dev/null; wait; back; rm -f "$mark.log"; exit 143; }
trap ended TERM INT HUP
run() { "$@" & child=$!; wait "$child"; code=$?; child=; return $code; }
state=$("$bin/pg_controldata" -D "$real" | sed -n 's/^Database cluster state: *//p')
case $state in
  'shut down'|'shut down in recovery') ;;
  *)
    # A killed postmaster may still be there as a zombie, and its lock file keeps everybody out.
    pid=$(head -n 1 "$real/postmaster.pid" 2>/dev/null)
    if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$real" ]; then echo "it runs again (pid $pid)" >&2; exit 10; fi
    rm -f "$real/postmaster.pid"
    echo 'handyrep: crash recovery' >&2
    rm -f "$real/standby.signal"
    run "$bin/postgres" --single -D "$real" \${conf:+-c "config_file=$conf"} -c wal_keep_size=2147483647 template1 >"$mark.log" 2>&1
    code=$?
    back
    if [ "$code" -ne 0 ]; then tail -n 3 "$mark.log" >&2; rm -f "$mark.log"; exit 10; fi
    rm -f "$mark.log" ;;
esac
rewind() { run "$bin/pg_rewind" --target-pgdata "$real" --source-server "$source" --no-ensure-shutdown "$@"; }
if [ "$5" = yes ]; then set -- --restore-target-wal \${conf:+--config-file "$conf"}; else set --; fi
rewind --dry-run "$@" || exit 11
echo begun > "$mark" || exit 11
{ sync -d "$mark" "$(dirname "$mark")" 2>/dev/null || sync; }
[ -e "$real/postmaster.pid" ] || echo "$$" > "$real/postmaster.pid"
echo 'handyrep: rewinding' >&2
rewind --progress "$@"; code=$?
back
[ "$code" -eq 0 ] || exit 12
if ! grep -q '^BACKUP METHOD: pg_rewind' "$real/backup_label" 2>/dev/null; then rm -f "$mark"; exit 13; fi
echo whole > "$mark"
{ sync -d "$mark" 2>/dev/null || sync; }
`;

const PROGRESS = /(\d+)\/(\d+) kB \(\d+%\) copied/g;

export default definePlugin({
  kind: 'rejoin_method',
  description: 'pg_rewind: copies from the master only what differs, after crash recovery where that is needed',
  settings: (z) =>
    z.strictObject({
      reclone: z
        .boolean()
        .default(false)
        .describe("true: where pg_rewind cannot work, everything is copied anew by the server's clone_method"),
      restore_target_wal: z
        .boolean()
        .default(false)
        .describe('true: WAL that the old master needs and has removed is fetched by its restore_command'),
      timeout: z.number().positive().default(43_200).describe('seconds, crash recovery included'),
    }),
  run: (settings) => async (context, request) => {
    const done = await rewind(context, request, settings);
    if (done.ok || context.signal.aborted) return done;
    if (!settings.reclone && !request.may_reclone) {
      const hint = [done.error.hint, `or copy it anew: \`handyrep clone ${request.target.name} --reclone\``];
      return { ok: false, error: { ...done.error, hint: hint.filter((one) => one !== undefined).join('; ') } };
    }
    context.log(`${done.error.message}; everything is copied anew`, { server: request.target.name, iserror: true });
    return request.reclone();
  },
  test: async (_settings, context, server) => context.findBinary(server, 'pg_rewind'),
});

interface Settings {
  readonly restore_target_wal: boolean;
  readonly timeout: number;
}

async function rewind(context: PluginContext, request: RejoinRequest, settings: Settings): Promise<Outcome<string>> {
  const { target, master } = request;
  const fit = await whyNot(context, request, settings);
  if (!fit.ok) return fit;
  const conf = target.pgconf === null ? '' : `${target.pgconf}/postgresql.conf`;
  const conninfo = formatConninfo(
    setValues(parseConninfo(request.conninfo) ?? [], { application_name: 'handyrep_rewind' }),
  );
  const args = [target.pgdata, fit.value, conf, conninfo, settings.restore_target_wal ? 'yes' : 'no'];
  const done = await context.hosts.long(target, REWIND, args, {
    timeout: settings.timeout * 1000,
    secret: request.password,
    signal: context.signal,
    onOutput: (text) => {
      const [, bytes, total] = [...text.matchAll(PROGRESS)].at(-1) ?? [];
      if (bytes === undefined || total === undefined) return;
      request.progress({
        server: target.name,
        phase: 'rewinding',
        bytes: Number(bytes) * 1024,
        total: Number(total) * 1024,
      });
    },
  });
  if (!done.ok) return done;
  const { exit_code, stderr } = done.value;
  if (exit_code === 0) return ok(`${target.name}: rewound to ${master.name}`);
  return fail(
    'step_failed',
    `${target.name}: ${WORDS[exit_code] ?? `the rewind ended with ${exit_code}`}: ${lastWords(stderr)}`,
    {
      server: target.name,
    },
  );
}

const WORDS: Readonly<Record<number, string>> = {
  10: 'crash recovery before pg_rewind failed, nothing was overwritten',
  11: 'pg_rewind cannot work, nothing was overwritten',
  12: 'pg_rewind failed while it wrote, the data directory is no good now',
  13: 'pg_rewind found nothing to do, though its WAL has diverged',
};

function lastWords(stderr: string): string {
  const lines = stderr.split(/[\n\r]/).map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('handyrep: ') && !line.endsWith('copied'))
    .slice(-2)
    .join('; ');
}

/** Why pg_rewind cannot work here, asked before anything is touched; else the folder of its programs. */
async function whyNot(
  context: PluginContext,
  { target, master }: RejoinRequest,
  settings: Settings,
): Promise<Outcome<string>> {
  const no = (why: string, hint?: string): Outcome<never> =>
    fail('step_failed', `${target.name}: pg_rewind cannot work: ${why}`, { server: target.name, hint });
  const tool = await context.findBinary(target, 'pg_rewind');
  if (!tool.ok) return tool;
  const folder = tool.value.replace(/\/[^/]*$/, '');
  const { signal } = context;
  const asked = await context.hosts.run(target, ['env', 'LC_ALL=C', `${folder}/pg_controldata`, '-D', target.pgdata], {
    signal,
  });
  if (!asked.ok) return asked;
  const data = parseControlData(asked.value.stdout);
  if (data.wal_log_hints === null || data.checksums === null) {
    return no(`${folder}/pg_controldata did not answer: ${lastWords(asked.value.stderr)}`);
  }
  if (!data.wal_log_hints && !data.checksums) {
    return no(
      'it ran with neither wal_log_hints nor data checksums',
      'set wal_log_hints = on everywhere, for the next time',
    );
  }
  if (data.full_page_writes === false) return no('it ran with full_page_writes = off');
  const source = await context.sql.query(master, `SELECT current_setting('full_page_writes') AS value`, [], { signal });
  if (!source.ok) return source;
  if (source.value[0]?.['value'] !== 'on') {
    return no(`${master.name} has full_page_writes = off`, `set full_page_writes = on on ${master.name} and reload`);
  }
  if (settings.restore_target_wal && target.pgconf !== null) {
    const version = await context.hosts.run(target, [tool.value, '--version'], { signal });
    if (!version.ok) return version;
    if (Number(/\(PostgreSQL\) (\d+)/.exec(version.value.stdout)?.[1] ?? 0) < 15) {
      return no(
        'before version 15 it cannot read restore_command from a configuration outside pgdata',
        'set restore_target_wal: false',
      );
    }
  }
  return ok(folder);
}
