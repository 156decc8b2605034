import { withReplica } from '../act/record.js';
import { dropSlot } from '../act/slots.js';
import type { HistoryEntry, Rebuild, SavedState, ServerStatus } from '../core/model.js';
import { SERVER_STATUS_NO } from '../core/model.js';
import { type Outcome, describeFailure, fail, ok } from '../core/outcome.js';
import { addHistory } from '../core/saved.js';
import { recordedMaster } from '../core/situation.js';
import { slotName } from '../core/slot.js';
import { fateOf, thisProcess } from '../state/process-identity.js';
import { publishState } from './keep.js';
import type { Session } from './session.js';

/** What is going to be made anew, and from what. */
export type RebuildPlan = Pick<Rebuild, 'server' | 'kind' | 'method' | 'source'>;

/** Why a rebuild of this server cannot begin now: another one is under way, or an operation is unfinished. */
export function whyNotNow(state: SavedState, server: string): Outcome<void> {
  const { operation } = state;
  if (operation !== null) {
    return fail('unsafe', `the ${operation.kind} ${operation.id} is unfinished, and comes first`, {
      hint: 'run `handyrep failover-check`, which finishes it or rolls it back',
    });
  }
  const other = state.rebuilds.find((one) => one.server === server && one.broken === null);
  if (other === undefined) return ok(undefined);
  const { pid, host } = other.owner;
  switch (fateOf(other.owner)) {
    case 'dead':
      return ok(undefined);
    case 'alive':
      return fail(
        'lock_busy',
        `${server}: a ${other.kind} is under way since ${other.begun} (pid ${pid}, run ${other.run})`,
        {
          server,
          hint: 'wait for its end, or interrupt that run',
        },
      );
    case 'elsewhere':
      return fail('lock_busy', `${server}: a ${other.kind} was begun at ${other.begun} on ${host} (pid ${pid})`, {
        server,
        hint: `wait for its end there; if that host is gone, \`handyrep server remove ${server}\` and add it again`,
      });
  }
}

/** Puts the rebuild on record and disables the server; from then on it takes no part in anything. */
export async function beginRebuild(session: Session, plan: RebuildPlan): Promise<Outcome<Rebuild>> {
  const free = whyNotNow(session.state.current(), plan.server);
  if (!free.ok) return free;
  const begun = new Date().toISOString();
  // Killed from here on, nobody can tell how far it came: the data directory counts as touched.
  const rebuild: Rebuild = { ...plan, run: session.run, begun, owner: thisProcess(), touched: true, broken: null };
  const saved = await session.state.save((state) => withRebuild(state, rebuild));
  if (!saved.ok) return saved;
  session.tell({
    category: categoryOf(rebuild),
    message: `${plan.kind} of ${plan.server} from ${plan.source} begins`,
    server: plan.server,
  });
  await publishState(session, false);
  return ok(rebuild);
}

function categoryOf(rebuild: Rebuild): 'CLONE' | 'REJOIN' {
  return rebuild.kind === 'clone' ? 'CLONE' : 'REJOIN';
}

function withRebuild(state: SavedState, rebuild: Rebuild): SavedState {
  const server = state.servers[rebuild.server];
  if (server === undefined) return state;
  const message = `being made anew: ${rebuild.kind} from ${rebuild.source}, begun at ${rebuild.begun}`;
  const def = { ...server.def, enabled: false };
  return {
    ...state,
    servers: {
      ...state.servers,
      [rebuild.server]: { ...server, def, calm: null, status: unavailable(rebuild.begun, message) },
    },
    rebuilds: [...state.rebuilds.filter((one) => one.server !== rebuild.server), rebuild],
  };
}

function unavailable(at: string, status_message: string): ServerStatus {
  return { status: 'unavailable', status_no: SERVER_STATUS_NO.unavailable, status_ts: at, status_message };
}

/** How a rebuild ended. */
export type RebuildEnd =
  /** It streams from the source and moves on. */
  | {
      readonly kind: 'done';
      readonly details: string;
      /** Whom it follows; default: the source. */ readonly master?: string;
    }
  /** The data directory is as it was before: nothing of the rebuild is left. */
  | {
      readonly kind: 'untouched';
      readonly why: string;
      /** What it was before; default false. */ readonly enabled?: boolean;
    }
  /** The data directory is no good now; it must not be started. */
  | { readonly kind: 'broken'; readonly why: string };

/**
 * Takes the end of a rebuild on record. A server that streams is enabled, unless somebody else became master meanwhile: then
 * it follows the wrong one and stays disabled.
 */
export async function endRebuild(
  session: Session,
  rebuild: Rebuild,
  end: RebuildEnd,
  more: Partial<Pick<HistoryEntry, 'automatic' | 'evidence'>> = {},
): Promise<Outcome<string>> {
  const current = session.state.current();
  const mine = current.rebuilds.find((one) => one.server === rebuild.server)?.run === rebuild.run;
  if (!mine) {
    return fail('lock_lost', `${rebuild.server}: another run has taken over what was done with it`, {
      server: rebuild.server,
    });
  }
  const master = recordedMaster(current);
  const settled: RebuildEnd =
    end.kind === 'done' && (end.master ?? rebuild.source) !== master
      ? {
          kind: 'broken',
          why: `${master ?? 'nobody'} is the master now, and it follows ${end.master ?? rebuild.source}`,
        }
      : end;
  const at = new Date().toISOString();
  const details =
    settled.kind === 'done' ? settled.details : `${rebuild.kind} of ${rebuild.server} failed: ${settled.why}`;
  const saved = await session.state.save((state) => {
    const next =
      settled.kind === 'done' ? withDone(state, rebuild.server, at, details) : withFailed(state, rebuild, settled, at);
    return { ...next, history: addHistory(next.history, { ...entryOf(rebuild, settled, details, at), ...more }) };
  });
  if (!saved.ok) return saved;
  const good = settled.kind === 'done';
  session.tell({
    category: categoryOf(rebuild),
    message: details,
    server: rebuild.server,
    iserror: !good,
    alert: true,
  });
  await publishState(session, true);
  if (good) return ok(details);
  return fail('step_failed', details, { server: rebuild.server, hint: hintOf(rebuild, settled) });
}

/** It was seen streaming and moving on a moment ago: that is its status, until the next check. */
function withDone(state: SavedState, name: string, at: string, status_message: string): SavedState {
  const next = withReplica(state, name);
  const server = next.servers[name];
  if (server === undefined) return next;
  const status = { status: 'healthy', status_no: SERVER_STATUS_NO.healthy, status_ts: at, status_message } as const;
  return { ...next, servers: { ...next.servers, [name]: { ...server, status } } };
}

function hintOf({ server, kind }: Rebuild, end: Exclude<RebuildEnd, { kind: 'done' }>): string {
  return end.kind === 'untouched'
    ? 'mend what is named, and try again'
    : `${server} stays disabled and must not be started; mend what is named, then \`handyrep clone ${server}${kind === 'clone' ? '' : ' --reclone'}\``;
}

function withFailed(
  state: SavedState,
  rebuild: Rebuild,
  end: Exclude<RebuildEnd, { kind: 'done' }>,
  at: string,
): SavedState {
  const server = state.servers[rebuild.server];
  if (server === undefined) return state;
  const status = unavailable(at, `its ${rebuild.kind} failed: ${end.why}`);
  const others = state.rebuilds.filter((one) => one.server !== rebuild.server);
  const def = end.kind === 'untouched' && end.enabled === true ? { ...server.def, enabled: true } : server.def;
  return {
    ...state,
    servers: { ...state.servers, [rebuild.server]: { ...server, def, status } },
    rebuilds: end.kind === 'untouched' ? others : [...others, { ...rebuild, broken: end.why }],
  };
}

function entryOf(rebuild: Rebuild, end: RebuildEnd, details: string, ended: string): HistoryEntry {
  return {
    id: `${rebuild.kind}-${rebuild.begun.replaceAll(/[-:.]/g, '')}-${rebuild.run}`,
    kind: rebuild.kind,
    automatic: false,
    begun: rebuild.begun,
    ended,
    result: end.kind === 'done' ? 'SUCCESS' : 'FAIL',
    details,
    old_master: null,
    new_master: null,
    evidence: [],
    loss: null,
    steps: [],
  };
}

/**
 * Finds rebuilds whose run died, drops the slot that it may have left on the master, so that no WAL is kept for nobody, and
 * says so. The record stays: the next `clone` starts clean by it, and nobody starts a half copy.
 */
export async function reapRebuilds(session: Session): Promise<void> {
  const dead = session.state.current().rebuilds.filter((one) => one.broken === null && fateOf(one.owner) === 'dead');
  for (const rebuild of dead) {
    const slots = await dropLeftSlot(session, rebuild.server);
    const why = `the run ${rebuild.run} (pid ${rebuild.owner.pid}) that did it died`;
    const at = new Date().toISOString();
    const saved = await session.state.save((state) => withFailed(state, rebuild, { kind: 'broken', why }, at));
    const told = saved.ok ? '' : `; ${describeFailure(saved.error)}`;
    session.tell({
      category: categoryOf(rebuild),
      message: `the ${rebuild.kind} of ${rebuild.server} was broken off: ${why}${slots}${told}`,
      server: rebuild.server,
      iserror: true,
      alert: true,
    });
  }
}

async function dropLeftSlot(session: Session, server: string): Promise<string> {
  const state = session.state.current();
  const master = state.servers[recordedMaster(state) ?? '']?.def;
  if (master === undefined) return '';
  const dropped = await dropSlot(session.sql, master, slotName(server));
  if (!dropped.ok) return `; its slot on ${master.name} could not be dropped: ${describeFailure(dropped.error)}`;
  return dropped.value ? `; its slot on ${master.name} was dropped` : '';
}
