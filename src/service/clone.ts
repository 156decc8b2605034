import { CLONE_LOCK_MS } from '../core/limits.js';
import { type ClonePlan, type CloneEnd, cloneServer } from '../act/clone.js';
import type { Rebuild } from '../core/model.js';
import type { Failure, Outcome } from '../core/outcome.js';
import { ERROR_EXIT, EXIT, type ExitCode } from '../core/codes.js';
import type { CopyProgress } from '../plugin/contract.js';
import { type Report, failed } from '../report/report.js';
import { underLock, unlockedTools } from './locked.js';
import type { Reach } from './open.js';
import { planClones } from './clone-plan.js';
import { type RebuildEnd, beginRebuild, endRebuild } from './rebuild.js';

export interface CloneOptions {
  /** The server to copy from; default: the master. */
  readonly from?: string;
  /** Stop a replica that runs, and replace a data directory that holds data. */
  readonly reclone?: boolean;
  /** Replace even the data directory of another cluster. */
  readonly force?: boolean;
  /** Gets how far each copy is. */
  readonly progress?: (seen: CopyProgress) => void;
}

/** How the clone of one server ended. */
export interface ClonedServer {
  readonly server: string;
  readonly source: string | null;
  readonly result: 'SUCCESS' | 'FAIL';
  readonly details: string;
  readonly exit_code: ExitCode;
  readonly hint?: string | undefined;
  /** Copied. */
  readonly bytes: number;
  readonly seconds: number;
}

/** Answer of `clone`. */
export type CloneReport = Report & { readonly servers: readonly ClonedServer[] };

/**
 * Makes servers anew as replicas, all at once. The lock is taken to begin and to end, and not meanwhile: checks go on, and the
 * record in the saved state keeps everybody else away from these servers.
 */
export async function clone(
  reach: Reach,
  lock_wait: number,
  names: readonly string[],
  options: CloneOptions,
): Promise<CloneReport | Report> {
  const wanted = [...new Set(names)];
  if (wanted.length === 0) return failed({ code: 'usage', message: 'no server is named', hint: 'name one or more' });
  const began = performance.now();
  const command = `clone ${wanted.join(' ')}`;
  const begun = await underLock(reach, { command, lock_wait }, async (session) => {
    const plans = await planClones(session, wanted, options);
    const started: Started[] = [];
    // One after the other: each is a write of the state.
    for (const { name, plan } of plans) started.push({ name, plan, rebuild: await begin(session, plan) });
    const tools = await unlockedTools(reach, session.state.current());
    return tools.ok ? { ok: true, value: { started, tools: tools.value } } : tools;
  });
  if (!begun.ok) return failed(begun.error);
  const { started, tools } = begun.value;
  const inTurn = turns();
  const servers = await Promise.all(
    started.map(async ({ name, plan, rebuild }): Promise<ClonedServer> => {
      if (!plan.ok) return refusedServer(name, null, plan.error);
      const source = plan.value.source.name;
      if (!rebuild.ok) return refusedServer(name, source, rebuild.error);
      let bytes = 0;
      const progress = (seen: CopyProgress): void => {
        if (seen.phase === 'copying') ({ bytes } = seen);
        options.progress?.(seen);
      };
      const end = await cloneServer(tools, { ...plan.value, progress });
      progress({ server: name, phase: 'done', bytes, total: bytes });
      const ended = rebuildEnd(plan.value, end, reach.signal.aborted);
      // Ctrl-C ends the copy, not the word about it.
      const quiet = { ...reach, signal: new AbortController().signal };
      const told = await inTurn(() =>
        underLock(quiet, { command: `${command} (end)`, lock_wait: CLONE_LOCK_MS }, (session) =>
          endRebuild(session, rebuild.value, ended),
        ),
      );
      const seconds = Math.round((performance.now() - began) / 100) / 10;
      const failure = told.ok ? null : worded(end, told.error);
      return { ...viewOf(name, source, told.ok ? told.value : '', failure), bytes, seconds };
    }),
  );
  return reportOf(servers);
}

interface Started {
  readonly name: string;
  readonly plan: Outcome<ClonePlan>;
  readonly rebuild: Outcome<Rebuild>;
}

async function begin(session: Parameters<typeof beginRebuild>[0], plan: Outcome<ClonePlan>): Promise<Outcome<Rebuild>> {
  if (!plan.ok) return plan;
  const { target, source } = plan.value;
  return beginRebuild(session, {
    server: target.name,
    kind: 'clone',
    method: target.clone_method,
    source: source.name,
  });
}

function rebuildEnd({ target, master }: ClonePlan, end: CloneEnd, interrupted: boolean): RebuildEnd {
  if (end.kind === 'done') return { kind: 'done', details: end.details, master: master.name };
  const why = interrupted ? `it was interrupted; ${LEFT[end.left]}` : end.error.message;
  const whole = end.not_undone === '' ? why : `${why}; not undone: ${end.not_undone}`;
  return end.left === 'as_it_was'
    ? { kind: 'untouched', why: whole, enabled: target.enabled }
    : { kind: 'broken', why: whole };
}

const LEFT = {
  as_it_was: 'its data directory is as it was',
  nothing: 'what was copied was removed, and no slot is left',
  copy: 'the copy is whole, and stopped; no slot is left',
} as const;

/** The record is one sentence; the operator is told what to do about the failure itself. */
function worded(end: CloneEnd, told: Failure): Failure {
  if (end.kind === 'done' || end.error.hint === undefined || told.code === 'lock_busy') return told;
  return { ...told, hint: `${end.error.hint}; ${told.hint ?? ''}` };
}

/** The state is written by one at a time. */
function turns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };
}

function refusedServer(server: string, source: string | null, error: Failure): ClonedServer {
  return { ...viewOf(server, source, '', error), bytes: 0, seconds: 0 };
}

function viewOf(
  server: string,
  source: string | null,
  details: string,
  error: Failure | null,
): Omit<ClonedServer, 'bytes' | 'seconds'> {
  if (error === null) return { server, source, result: 'SUCCESS', details, exit_code: EXIT.success };
  const hint = error.hint === undefined || error.hint === '' ? {} : { hint: error.hint };
  return { server, source, result: 'FAIL', details: error.message, exit_code: ERROR_EXIT[error.code], ...hint };
}

function reportOf(servers: readonly ClonedServer[]): CloneReport {
  const exit_code = servers.map((one) => one.exit_code).reduce((a, b) => (a > b ? a : b), EXIT.success);
  const result = exit_code === EXIT.success ? 'SUCCESS' : 'FAIL';
  const [only] = servers;
  if (servers.length === 1 && only !== undefined) {
    const hint = only.hint === undefined ? {} : { hint: only.hint };
    return { result, details: only.details, exit_code, ...hint, servers };
  }
  const good = servers.filter((one) => one.result === 'SUCCESS').length;
  return { result, details: `${good} of ${servers.length} servers were cloned`, exit_code, servers };
}
