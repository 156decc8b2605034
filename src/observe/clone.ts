import type { DirectoryState, OutsideLook, SourceFacts, TargetLook } from '../core/clone.js';
import { parseControlFile } from '../core/controlfile.js';
import type { Tablespace } from '../core/copy.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { LOOK_AT_TARGET_SCRIPT, SIZE_OF_TARGET_SCRIPT } from '../io/clone-scripts.js';
import { parseLines } from '../io/scripts.js';
import type { HostPort, SqlPort, SqlRow } from '../plugin/contract.js';
import type { LookOptions } from './host.js';

/** Asks the host of a server that is to be made anew what is there. `outside`: the directories that will be filled besides. */
export async function lookAtTarget(
  hosts: HostPort,
  target: ServerDef,
  wanted: { readonly major: number; readonly outside: readonly string[] },
  options: LookOptions,
): Promise<Outcome<TargetLook>> {
  const args = [target.pgdata, target.pgconf ?? '', target.bin_dir ?? '', String(wanted.major), ...wanted.outside];
  const done = await hosts.script(target, LOOK_AT_TARGET_SCRIPT, args, options);
  if (!done.ok) return done;
  const found = parseLines(done.value.stdout);
  const state = found.get('directory');
  if (found.has('unknown') || !isDirectoryState(state)) {
    const why = found.get('unknown') ?? (done.value.stderr.trim() || 'the look at its host said nothing');
    return fail('step_failed', `${target.name}: ${why}`, {
      server: target.name,
      hint: `is pgdata right? Log in on ${target.hostname} and look at ${target.pgdata}`,
    });
  }
  return ok(parseLook(state, found, wanted.outside));
}

const DIRECTORY_STATES: ReadonlySet<string> = new Set<DirectoryState>([
  'missing',
  'empty',
  'prepared',
  'data',
  'other',
]);
const OUTSIDE_STATES: ReadonlySet<string> = new Set<OutsideLook['state']>([
  'missing',
  'empty',
  'own',
  'used',
  'unwritable',
]);

function isDirectoryState(text: string | undefined): text is DirectoryState {
  return text !== undefined && DIRECTORY_STATES.has(text);
}

function isOutsideState(text: string | undefined): text is OutsideLook['state'] {
  return text !== undefined && OUTSIDE_STATES.has(text);
}

function parseLook(
  directory: DirectoryState,
  found: ReadonlyMap<string, string>,
  outside: readonly string[],
): TargetLook {
  const control = parseControlFile(found.get('control') ?? '');
  const recovering = control?.state === 'in archive recovery' || control?.state === 'shut down in recovery';
  return {
    directory,
    names: (found.get('names') ?? '').trim(),
    standby: recovering && found.get('standby_signal') === 'yes',
    postmaster: whole(found.get('postmaster')),
    orphans: (found.get('orphans') ?? '').trim(),
    system_identifier: control?.system_identifier ?? null,
    fingerprint: (found.get('control') ?? '').slice(0, 16),
    writable: found.get('writable') === 'yes',
    has_conf: found.get('has_conf') === 'yes',
    major: whole(/\(PostgreSQL\) (\d+)/.exec(found.get('version') ?? '')?.[1]),
    program: found.get('program') ?? '',
    free_bytes: kilobytes(found.get('free_kb')),
    waldir: found.get('waldir') ?? null,
    outside: outside.map((location, index): OutsideLook => {
      const state = found.get(`outside_${index}`);
      const free_bytes = kilobytes(found.get(`outside_kb_${index}`));
      // What cannot be told counts as somebody else's.
      return { location, state: isOutsideState(state) ? state : 'used', free_bytes };
    }),
  };
}

function whole(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function kilobytes(text: string | undefined): number | null {
  const kb = whole(text);
  return kb === null ? null : kb * 1024;
}

/** Bytes that the data directory holds, which is what emptying it frees; null when that takes too long to count. */
export async function sizeOfTarget(hosts: HostPort, target: ServerDef, options: LookOptions): Promise<number | null> {
  const done = await hosts.script(target, SIZE_OF_TARGET_SCRIPT, [target.pgdata], options);
  return done.ok ? kilobytes(parseLines(done.value.stdout).get('used_kb')) : null;
}

/**
 * What a copy of a server needs to know of it, with pg_monitor only. Of the WAL that is there no more than max_wal_size
 * counts: a copy brings what is written meanwhile, not what slots keep.
 */
const SOURCE_SQL = `
SELECT pg_is_in_recovery() AS in_recovery,
       (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
       current_setting('server_version_num')::int / 10000 AS major,
       current_setting('port') AS port,
       (SELECT sum(pg_tablespace_size(oid))::bigint FROM pg_tablespace WHERE spcname IN ('pg_default', 'pg_global')) AS data_bytes,
       (SELECT least(sum(size), pg_size_bytes(current_setting('max_wal_size')))::bigint FROM pg_ls_waldir()) AS wal_bytes,
       current_setting('max_wal_senders')::int
         - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender') AS free_senders,
       (SELECT json_agg(json_build_array(oid::text, pg_tablespace_location(oid), pg_tablespace_size(oid)) ORDER BY oid)
          FROM pg_tablespace WHERE pg_tablespace_location(oid) LIKE '/%') AS tablespaces`;

export async function lookAtSource(
  sql: SqlPort,
  source: ServerDef,
  options: LookOptions,
): Promise<Outcome<SourceFacts>> {
  const answer = await sql.query(source, SOURCE_SQL, [], options);
  if (!answer.ok) return answer;
  const [row] = answer.value;
  const facts = row === undefined ? null : parseSource(row);
  return facts === null
    ? fail('sql_query', `${source.name}: what it says of itself cannot be read`, { server: source.name })
    : ok(facts);
}

function parseSource(row: SqlRow): SourceFacts | null {
  const [major, port, data_bytes, wal_bytes, free_senders] = [
    ...['major', 'port', 'data_bytes', 'wal_bytes', 'free_senders'].map((name) => Number(row[name] ?? Number.NaN)),
  ];
  const system_identifier = row['system_identifier'] ?? null;
  if (system_identifier === null || major === undefined || port === undefined) return null;
  return {
    in_recovery: row['in_recovery'] === 't',
    system_identifier,
    major,
    port,
    data_bytes: data_bytes ?? 0,
    wal_bytes: wal_bytes ?? 0,
    free_senders: free_senders ?? 0,
    tablespaces: (JSON.parse(row['tablespaces'] ?? '[]') as [string, string, number][]).map(
      ([oid, location, bytes]): Tablespace => ({ oid, location, bytes }),
    ),
  };
}

/** Replication slots that the master can still make. */
export async function freeSlots(sql: SqlPort, master: ServerDef, options: LookOptions): Promise<Outcome<number>> {
  const text = `SELECT current_setting('max_replication_slots')::int - count(*) AS free FROM pg_replication_slots`;
  const answer = await sql.query(master, text, [], options);
  return answer.ok ? ok(Number(answer.value[0]?.['free'] ?? 0)) : answer;
}
