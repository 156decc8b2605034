import type { ServerDef } from '../core/model.js';
import type { HostLook, ServerObservation } from '../core/observation.js';
import { LOW_FREE } from '../core/preflight.js';
import { describeSkew } from '../core/skew.js';
import { type Outcome, describeFailure, ok } from '../core/outcome.js';
import { type SlotInput, type SlotView, judgeSlots, viewSlot } from '../core/slot-rules.js';
import { formatSize } from '../core/duration.js';
import type { HostPort, SqlPort } from '../plugin/contract.js';
import { lookAtHost, lookAtPort } from './host.js';
import { type SlotsFound, readSlots } from './slots.js';

export interface ThoroughOptions {
  readonly sql: SqlPort;
  readonly hosts: HostPort;
  readonly master: ServerDef | null;
  readonly test_ssh_command: string;
  /** Whom the slots of a server can be for, and who should have one there. */
  slots_for(server: string): Pick<SlotInput, 'known' | 'expected'>;
  /** Milliseconds for one remote look. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** What a thorough look at one server found wrong, in words; empty when nothing. */
export type Issues = readonly string[];

/** What a thorough look at one server came to. */
export interface Thorough {
  readonly issues: Issues;
  readonly slots: readonly SlotView[];
}

/** Looks at everything that a poll leaves out: ssh, process, disk, clock, a write on the master, slots, the witness view. */
export async function lookThoroughly(
  options: ThoroughOptions,
  def: ServerDef,
  seen: ServerObservation,
): Promise<Thorough> {
  const [host, clock, slots] = await Promise.all([
    remote(options, def),
    seen.facts === null ? [] : clockSkew(options, def),
    seen.facts === null ? null : readSlots(options.sql, def, options.signal),
  ]);
  const found = judgeFound(options, def, { slots, free_bytes: host.free_bytes });
  return { slots: found.slots, issues: [...host.issues, ...clock, ...found.issues] };
}

interface Found {
  readonly slots: Outcome<SlotsFound> | null;
  readonly free_bytes: number | null;
}

function judgeFound(options: ThoroughOptions, def: ServerDef, { slots, free_bytes }: Found): Thorough {
  if (slots === null) return { issues: [], slots: [] };
  if (!slots.ok) {
    return { issues: [`its replication slots cannot be read: ${describeFailure(slots.error)}`], slots: [] };
  }
  const input = { server: def.name, ...slots.value, free_bytes, ...options.slots_for(def.name) };
  return { issues: judgeSlots(input), slots: input.slots.map((slot) => viewSlot(input, slot)) };
}

interface Remote {
  readonly issues: Issues;
  /** Where its data directory is; null where that is not known. */
  readonly free_bytes: number | null;
}

async function remote(options: ThoroughOptions, def: ServerDef): Promise<Remote> {
  const { hosts, test_ssh_command, timeout, signal } = options;
  const test = await hosts.script(def, test_ssh_command, [], { as: 'login', timeout, signal });
  if (!test.ok) return { issues: [`remote commands fail: ${describeFailure(test.error)}`], free_bytes: null };
  if (test.value.exit_code !== 0) {
    const issue = `test_ssh_command ended with ${test.value.exit_code}: ${test.value.stderr.trim()}`;
    return { issues: [issue], free_bytes: null };
  }
  const [host, witness] = await Promise.all([lookAtHost(hosts, def, { timeout, signal }), witnessView(options, def)]);
  const free_bytes = host.kind === 'looked' ? host.free_bytes : null;
  return { issues: [...hostIssues(host), ...witness], free_bytes };
}

function hostIssues(host: HostLook): Issues {
  if (host.kind === 'no_answer') return [`its host cannot be asked: ${host.detail}`];
  const issues: string[] = [];
  if (host.postmaster.kind === 'unknown') issues.push(`its data directory cannot be judged: ${host.postmaster.detail}`);
  if (host.postmaster.kind === 'not_running') issues.push('no postmaster of its data directory runs: is pgdata right?');
  if (host.free_bytes !== null && host.free_bytes < LOW_FREE) {
    issues.push(`only ${formatSize(host.free_bytes)} are free where its data directory is`);
  }
  return issues;
}

/** A replica's own way to the master: what a failover would ask it. */
async function witnessView(options: ThoroughOptions, def: ServerDef): Promise<Issues> {
  const { hosts, master, timeout, signal } = options;
  if (master === null || def.role === 'master') return [];
  const look = await lookAtPort(hosts, def, master, { timeout, signal });
  switch (look.port) {
    case 'reaches':
      return [];
    case 'cannot_reach':
      return [`it cannot reach the master from its host: ${look.detail}`];
    case 'unresolved':
      return [`${master.hostname} does not resolve on its host, so it is no witness`];
    case 'cannot_look':
      return [`it cannot try the master's port from its host: ${look.detail}`];
  }
}

async function clockSkew({ sql, signal }: ThoroughOptions, def: ServerDef): Promise<Issues> {
  const skew = await readSkew(sql, def, signal);
  if (!skew.ok) return [`its clock cannot be read: ${describeFailure(skew.error)}`];
  const wrong = describeSkew(skew.value);
  return wrong === null ? [] : [wrong];
}

/** How much a server's clock is ahead of this host's, milliseconds; what the question itself took is not counted. */
export async function readSkew(sql: SqlPort, def: ServerDef, signal: AbortSignal): Promise<Outcome<number>> {
  const text = 'SELECT round(extract(epoch FROM clock_timestamp()) * 1000) AS now';
  const before = Date.now();
  const rows = await sql.query(def, text, [], { signal });
  const after = Date.now();
  if (!rows.ok) return rows;
  const theirs = Number(rows.value[0]?.['now'] ?? Number.NaN);
  return ok(theirs < before ? theirs - before : Math.max(0, theirs - after));
}
