import type { Action, Decision } from '../../../src/core/decision.js';
import type { HostLook, ServerObservation } from '../../../src/core/observation.js';
import type { FailoverPlan } from '../../../src/core/plan.js';
import type { Situation } from '../../../src/core/situation.js';

/** What the promises need to know of a situation, read off the observations by code of their own. */

export function recorded(s: Situation): string | null {
  const masters = Object.values(s.state.servers).filter(({ def }) => def.enabled && def.role === 'master');
  return masters.length === 1 ? (masters[0]?.def.name ?? null) : null;
}

export function seenMaster(s: Situation): ServerObservation | null {
  return s.servers[recorded(s) ?? ''] ?? null;
}

/** What the master's host said; null where it could not be asked. */
export function hostOf(s: Situation): Extract<HostLook, { kind: 'looked' }> | null {
  return s.closer?.host.kind === 'looked' ? s.closer.host : null;
}

export function isGone(host: ReturnType<typeof hostOf>): boolean {
  return host?.postmaster.kind === 'not_running';
}

export function writes({ reach, facts }: ServerObservation): boolean {
  return reach.kind === 'accepting' && facts?.in_recovery === false;
}

/** Not proved to be of another cluster. */
export function isOurs(s: Situation, { facts }: ServerObservation): boolean {
  const known = s.state.system_identifier;
  return known === null || facts?.system_identifier == null || facts.system_identifier === known;
}

/** What says that the recorded master lives; null: nothing does. */
export function mayStillWrite(s: Situation): string | null {
  const master = recorded(s);
  const seen = seenMaster(s);
  if (seen !== null && ['accepting', 'saturated', 'starting', 'stopping', 'rejected'].includes(seen.reach.kind)) {
    return 'it answers';
  }
  if (hostOf(s)?.port === 'reaches') return 'it answers to its own host';
  const contact = (s.closer?.witnesses ?? []).find(({ port, seen: { at, facts } }) => {
    if (port === 'reaches') return true;
    const receiver = facts?.receiver;
    if (receiver?.kind !== 'running' || receiver.status !== 'streaming' || receiver.receipt_age_ms === null)
      return false;
    const from = Object.values(s.state.servers).find(
      ({ def }) => def.hostname === receiver.sender_host && def.port === receiver.sender_port,
    );
    const heard = s.trouble_since !== null && at - receiver.receipt_age_ms > s.trouble_since;
    return heard && (from === undefined || from.def.name === master);
  });
  return contact === undefined ? null : `${contact.server} has contact with it`;
}

/** The clock, the host or the disk of HandyRep itself is not to be trusted. */
export function isSick(s: Situation): boolean {
  const { clock } = s.state;
  const { boot_id, wall_ms, uptime_ms, state_unwritable, began } = s.manager;
  if (state_unwritable !== null || clock?.boot_id !== boot_id) return true;
  if (began !== undefined && Math.abs(wall_ms - began.wall_ms - (uptime_ms - began.uptime_ms)) > 1000) return true;
  return Math.abs(wall_ms - clock.wall_ms - (uptime_ms - clock.uptime_ms)) > 10_000;
}

/** Whether this changes anything but what is looked at. */
export function actsOnServers(action: Action): boolean {
  return action.kind !== 'none' && action.kind !== 'look';
}

export function planOf({ action }: Decision): FailoverPlan | null {
  return action.kind === 'fail_over' ? action.plan : null;
}

/** How long before the trouble this was seen, milliseconds. Of a dead master that was not started since, before its end. */
export function staleness(s: Situation, at: string | undefined): number {
  const host = hostOf(s);
  const last = s.state.master_position?.lsn ?? null;
  const dead = isGone(host) && host?.control != null && last !== null && host.control.checkpoint_lsn <= last;
  const { silent_since } = s.state;
  const began = silent_since !== null && dead ? Date.parse(silent_since) : s.now;
  if (at === undefined) return Infinity;
  const { clock } = s.state;
  const same = clock?.boot_id === s.manager.boot_id;
  const jump = same ? s.manager.wall_ms - clock.wall_ms - (s.manager.uptime_ms - clock.uptime_ms) : 0;
  // Both were written down before the jump, or only one of them was.
  return began + (silent_since !== null && dead ? jump : 0) - Date.parse(at) - jump;
}
