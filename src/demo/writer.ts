import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { closeClient, destroyClient, openClient, runSql, type Row, type SqlTarget } from './sql.js';

const TABLE = 'handyrep_demo_writes';
/** How many numbers belong to one writer. */
const ID_RANGE = 1_000_000_000;

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface WriterOptions {
  /** Where the servers are; the one that accepts writes is found, as libpq's `target_session_attrs=read-write` does. */
  readonly hosts: readonly HostAndPort[];
  readonly user: string;
  readonly database?: string;
  readonly password?: string | undefined;
  /** Milliseconds between two writes; default 5. */
  readonly interval_ms?: number;
  /** Milliseconds for one connection or one write; default 1000. */
  readonly timeout_ms?: number;
  /** The lowest number of a row; writers that write at the same time need ranges of their own. Default 1. */
  readonly first_id?: number;
  /** Told of every acknowledgement, at once. */
  readonly onAck?: (ack: Ack) => void;
}

/** A write that a server said is committed. */
export interface Ack {
  readonly id: number;
  /** Milliseconds since the epoch, when the acknowledgement arrived. */
  readonly at: number;
  readonly host: string;
  readonly port: number;
}

/** A time without any acknowledged write. Milliseconds. */
export interface Gap {
  readonly ms: number;
  readonly from: number;
  readonly to: number;
}

export interface WriterReport {
  readonly acknowledged: number;
  /** The longest outage, an unfinished one at the end included. */
  readonly longest_gap: Gap;
  /** Connections and writes that failed, with the last reason. */
  readonly errors: number;
  readonly last_error: string | null;
}

/** Commits a row every few milliseconds and remembers what was acknowledged, to measure outage and loss. */
export interface Writer {
  readonly acks: readonly Ack[];
  report(): WriterReport;
  /** Ends the writing; the report of the whole. May be called again. */
  stop(): Promise<WriterReport>;
}

interface Run {
  readonly options: Required<Omit<WriterOptions, 'password'>> & { readonly password: string | undefined };
  readonly highest: number;
  readonly acks: Ack[];
  readonly begun: number;
  ended: number | null;
  next: number;
  errors: number;
  last_error: string | null;
}

/** Makes the table where it is missing, and begins to write; ready when the first write is acknowledged. */
export async function startWriter(options: WriterOptions, deadline_ms = 15_000): Promise<Writer> {
  const first = options.first_id ?? 1;
  const defaults = { database: 'postgres', interval_ms: 5, timeout_ms: 1000, first_id: first, onAck: () => undefined };
  const run: Run = {
    options: { ...defaults, password: undefined, ...options },
    highest: first + ID_RANGE - 1,
    acks: [],
    begun: now(),
    ended: null,
    next: first,
    errors: 0,
    last_error: null,
  };
  const loop = writeOn(run);
  const stop = async () => {
    run.ended ??= now();
    await loop;
    return report(run);
  };
  while (run.acks.length === 0) {
    if (now() - run.begun > deadline_ms) {
      await stop();
      throw new Error(
        `no server accepted a write within ${deadline_ms.toString()} ms: ${run.last_error ?? 'no answer'}`,
      );
    }
    await sleep(5);
  }
  return { acks: run.acks, report: () => report(run), stop };
}

/** Acknowledged writes that the rows of a server do not hold: lost commits. */
export function lostWrites(acks: readonly Ack[], rows: readonly Row[]): number[] {
  const kept = new Set(rows.map((row) => Number(row['id'])));
  return acks.map((ack) => ack.id).filter((id) => !kept.has(id));
}

/** The statement that gives the rows for {@link lostWrites}. */
export const WRITTEN_IDS = `SELECT id FROM ${TABLE}`;

async function writeOn(run: Run): Promise<void> {
  for (let turn = 0; run.ended === null; turn++) {
    const where = run.options.hosts[turn % run.options.hosts.length];
    if (where === undefined) return;
    const client = await connectWritable(run, targetOf(run, where));
    if (client !== null) await writeTo(run, client, where);
    else await sleep(2);
  }
}

function targetOf(run: Run, where: HostAndPort): SqlTarget {
  const { user, database, password, timeout_ms } = run.options;
  return { ...where, user, database, password, timeout: timeout_ms };
}

async function connectWritable(run: Run, target: SqlTarget): Promise<pg.Client | null> {
  const client = openClient(target);
  try {
    await client.connect();
    const answer = await client.query<Row>('SHOW transaction_read_only');
    if (answer.rows[0]?.['transaction_read_only'] === 'off') {
      // No unique index, which would hide a row that is there twice.
      await client.query(`CREATE TABLE IF NOT EXISTS ${TABLE} (id bigint NOT NULL, written timestamptz DEFAULT now())`);
      if (run.acks.length === 0) await continueIds(run, target);
      return client;
    }
    closeClient(client, target.timeout);
  } catch (error) {
    note(run, error);
    destroyClient(client);
  }
  return null;
}

/** Another writer may have been here before. */
async function continueIds(run: Run, target: SqlTarget): Promise<void> {
  const range = [run.options.first_id, run.highest];
  const [row] = await runSql(target, `SELECT max(id) AS last FROM ${TABLE} WHERE id BETWEEN $1 AND $2`, range);
  run.next = Math.max(run.next, Number(row?.['last'] ?? 0) + 1);
}

async function writeTo(run: Run, client: pg.Client, { host, port }: HostAndPort): Promise<void> {
  try {
    while (run.ended === null) {
      // A write without an answer is neither acknowledged nor lost: its number is never used again.
      const id = run.next++;
      await client.query(`INSERT INTO ${TABLE} (id) VALUES ($1)`, [id]);
      const ack = { id, at: now(), host, port };
      run.acks.push(ack);
      run.options.onAck(ack);
      await sleep(run.options.interval_ms);
    }
    closeClient(client, run.options.timeout_ms);
  } catch (error) {
    note(run, error);
    destroyClient(client);
  }
}

function note(run: Run, error: unknown): void {
  run.errors++;
  run.last_error = error instanceof Error ? error.message : String(error);
}

function report(run: Run): WriterReport {
  const times = [...run.acks.map((ack) => ack.at), run.ended ?? now()];
  let from = times[0] ?? run.begun;
  let longest: Gap = { ms: 0, from, to: from };
  for (const at of times) {
    if (at - from > longest.ms) longest = { ms: at - from, from, to: at };
    from = at;
  }
  return { acknowledged: run.acks.length, longest_gap: longest, errors: run.errors, last_error: run.last_error };
}

/** Wall-clock milliseconds that never go backwards. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
