import { KEEP_WAL_MS, READ_WAL_MS } from '../core/limits.js';
import { dirname } from 'node:path/posix';
import { parseControlData } from '../core/controldata.js';
import { parseControlFile } from '../core/controlfile.js';
import {
  type Divergence,
  type LastRecords,
  type MasterWal,
  type TargetWal,
  divergedParts,
  hex8,
  judgeDivergence,
  segmentSuffix,
  toRead,
} from '../core/divergence.js';
import { lastKept } from '../core/kept-wal.js';
import { formatLsn, parseLsn } from '../core/lsn.js';
import type { ServerDef } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { parseTimelineHistory } from '../core/timeline.js';
import { INSPECT_WAL_SCRIPT, KEEP_WAL_SCRIPT, LAST_RECORDS_SCRIPT } from '../io/rejoin-scripts.js';
import { parseLines } from '../io/scripts.js';
import type { Tools } from './actor.js';

/** A stopped server's WAL beside the master's history, and what follows from it. */
export interface Inspection {
  readonly divergence: Divergence;
  readonly target: TargetWal;
  readonly last: LastRecords;
  readonly segment_bytes: number | null;
  /** Its pg_waldump; null: not installed there. */
  readonly waldump: string | null;
}

/** WAL that only one server had, kept beside its data directory. */
export interface KeptWal {
  readonly folder: string;
  readonly bytes: number;
  /** Where it parts from the master's; null: that cannot be told. */
  readonly fork: string | null;
  /** Committed transactions in it that the master does not have; null: they cannot be counted. */
  readonly transactions: number | null;
}

/**
 * Keeps the WAL that only a stopped server has, before its data directory is overwritten (a rewind, a copy). Null: it has
 * none. A server whose WAL cannot be judged is taken for diverged, and all its WAL is kept.
 */
export async function keepDivergedWal(
  tools: Tools,
  target: ServerDef,
  master: ServerDef,
): Promise<Outcome<KeptWal | null>> {
  const inspected = await inspectWal(tools, target, master);
  if (!inspected.ok) return inspected;
  return inspected.value.divergence.kind === 'none' ? ok(null) : keepWal(tools, target, master, inspected.value);
}

/** Compares a stopped server's WAL with the master's history. */
export async function inspectWal(tools: Tools, target: ServerDef, master: ServerDef): Promise<Outcome<Inspection>> {
  const { signal } = tools;
  const [controldata, waldump] = await Promise.all([
    tools.plugin_context.findBinary(target, 'pg_controldata'),
    tools.plugin_context.findBinary(target, 'pg_waldump'),
  ]);
  const args = [target.pgdata, controldata.ok ? controldata.value : ''];
  const looked = await tools.hosts.script(target, INSPECT_WAL_SCRIPT, args, { signal });
  if (!looked.ok) return looked;
  const said = parseLines(looked.value.stdout);
  const control = parseControlFile(said.get('control') ?? '');
  if (looked.value.exit_code !== 0 || control === null) {
    return fail('step_failed', `${target.name}: its pg_wal or global/pg_control is not readable in ${target.pgdata}`, {
      server: target.name,
      hint: `copy it anew: \`handyrep clone ${target.name} --reclone\``,
    });
  }
  const past = await pastOf(tools, master);
  if (!past.ok) return past;
  const data = parseControlData(looked.value.stdout);
  const wal: TargetWal = {
    control,
    min_recovery: data.min_recovery,
    timelines: (said.get('timelines') ?? '')
      .split(' ')
      .flatMap((one) => (one === '' ? [] : [Number.parseInt(one, 16)])),
    histories: historiesIn(said),
    backup_label: said.get('backup_label') === 'yes',
  };
  const last = waldump.ok ? await readEnds(tools, target, waldump.value, toRead(wal, past.value)) : ok(new Map());
  if (!last.ok) return last;
  return ok({
    divergence: judgeDivergence(wal, past.value, last.value),
    target: wal,
    last: last.value,
    segment_bytes: data.segment_bytes,
    waldump: waldump.ok ? waldump.value : null,
  });
}

async function pastOf(tools: Tools, master: ServerDef): Promise<Outcome<MasterWal>> {
  const now = await tools.sql.identify(master, { signal: tools.signal });
  if (!now.ok) return now;
  const { timeline, lsn } = now.value;
  const history = await tools.sql.timelineHistory(master, timeline, { signal: tools.signal });
  return history.ok ? ok({ timeline, lsn, history: history.value }) : history;
}

function historiesIn(said: ReadonlyMap<string, string>): TargetWal['histories'] {
  return [...said].flatMap(([key, text]) => {
    const [, timeline] = /^history_([0-9A-F]{8})$/.exec(key) ?? [];
    const parsed =
      timeline === undefined ? null : parseTimelineHistory(Number.parseInt(timeline, 16), text.replaceAll(';', '\n'));
    return parsed === null ? [] : [parsed];
  });
}

async function readEnds(
  tools: Tools,
  target: ServerDef,
  waldump: string,
  from: ReturnType<typeof toRead>,
): Promise<Outcome<LastRecords>> {
  const pairs = from.flatMap(({ timeline, lsn }) => [String(timeline), formatLsn(lsn)]);
  const done = await tools.hosts.long(target, LAST_RECORDS_SCRIPT, [target.pgdata, waldump, ...pairs], {
    timeout: READ_WAL_MS,
    signal: tools.signal,
  });
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout);
  return ok(new Map(from.map(({ timeline }) => [timeline, parseLsn(said.get(`last_${timeline}`) ?? '')])));
}

/** Copies the diverged WAL to a folder beside the data directory, with a summary of what is in it. */
export async function keepWal(
  tools: Tools,
  target: ServerDef,
  master: ServerDef,
  inspected: Inspection,
): Promise<Outcome<KeptWal>> {
  const { divergence, segment_bytes, waldump, last } = inspected;
  const fork = divergence.kind === 'diverged' ? divergence.fork : null;
  const at = new Date(tools.now()).toISOString();
  const folder = `${dirname(target.pgdata)}/handyrep-diverged-${at.replaceAll(/[-:]|\.\d+/g, '')}`;
  const parts = fork === null ? [] : divergedParts(inspected.target, fork);
  const whole = fork === null || segment_bytes === null;
  const furthest = fork === null ? null : lastKept(inspected.target, fork, last);
  const head = [
    `WAL of ${target.name} that the master ${master.name} does not have, kept at ${at}`,
    divergence.why,
    fork === null
      ? 'where it parts from the history of the master cannot be told: all of pg_wal is here'
      : `the two part at ${formatLsn(fork.lsn)} of timeline ${fork.timeline}; the last record here begins at ${furthest === null ? 'an unknown place' : formatLsn(furthest)}`,
    ...(await databaseNames(tools, master)),
  ];
  const done = await tools.hosts.long(
    target,
    KEEP_WAL_SCRIPT,
    [
      ...[target.pgdata, folder],
      whole ? '' : segmentSuffix(fork.lsn, segment_bytes),
      // The last record may go on in the next segment.
      whole || furthest === null
        ? ''
        : segmentSuffix((furthest + BigInt(segment_bytes)) as typeof furthest, segment_bytes),
      whole ? '' : hex8(fork.timeline),
      waldump ?? '',
      head.join('\n'),
      ...parts.flatMap(({ timeline, lsn }) => [String(timeline), formatLsn(lsn)]),
    ],
    { timeout: KEEP_WAL_MS, signal: tools.signal },
  );
  if (!done.ok) return done;
  const said = parseLines(done.value.stdout);
  const kept = said.get('kept');
  if (kept === undefined) return notKept(target, folder, said.get('short'), done.value.stderr);
  const transactions = said.get('transactions') ?? '';
  return ok({
    folder: kept,
    bytes: Number(said.get('kb') ?? 0) * 1024,
    fork: fork === null ? null : `${formatLsn(fork.lsn)} of timeline ${fork.timeline}`,
    transactions: transactions === '' ? null : Number(transactions),
  });
}

function notKept(target: ServerDef, folder: string, short: string | undefined, stderr: string): Outcome<never> {
  const [need, free] = (short ?? '').split(' ').map((kb) => `${Math.ceil(Number(kb) / 1024)} MB`);
  const why =
    short === undefined ? stderr.trim().split('\n').at(-1) : `it needs ${need ?? '?'}, and ${free ?? '?'} are free`;
  return fail('step_failed', `${target.name}: the WAL that only it has cannot be kept in ${folder}: ${why ?? ''}`, {
    server: target.name,
    hint: `make room in ${dirname(target.pgdata)} on ${target.hostname}, writable by the postgres OS user`,
  });
}

/** They travel in an argument. */
const MOST_NAMES = 200;

/** The summary names databases by number, as WAL does; their names are the master's knowledge. */
async function databaseNames(tools: Tools, master: ServerDef): Promise<readonly string[]> {
  const asked = await tools.sql.query(master, 'SELECT oid::text AS oid, datname FROM pg_database ORDER BY oid');
  if (!asked.ok) return [`the names of databases are not known: ${describeFailure(asked.error)}`];
  const names = asked.value.map((row) => `${row['oid'] ?? ''} = ${row['datname'] ?? ''}`);
  const more = names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} more` : '';
  return [`databases: ${names.slice(0, MOST_NAMES).join(', ')}${more}`];
}

/** What was kept, for a report, the log and the history. */
export function describeKept({ folder, fork, transactions }: KeptWal): string {
  const count =
    transactions === null ? 'WAL that cannot be counted in transactions' : `${transactions} committed transaction(s)`;
  return `${count} that the master does not have, ${fork === null ? 'all its WAL' : `WAL from ${fork} on`}, kept in ${folder}`;
}
