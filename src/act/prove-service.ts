import { CALM_LOOK_MS, LONGEST_START_MS } from '../core/limits.js';
import type { Role, ServerDef } from '../core/model.js';
import type { HostLook } from '../core/observation.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { describeReach } from '../core/situation.js';
import { pause, waitFor } from '../io/wait.js';
import { writeProbe } from '../io/write-probe.js';
import { lookAtHost } from '../observe/host.js';
import type { Tools } from './actor.js';

const LOOK_EVERY_MS = 100;

/** The host of a server, as it is now. */
export function lookAtItsHost(tools: Tools, server: ServerDef): Promise<HostLook> {
  const timeout = tools.settings.ssh_timeout + CALM_LOOK_MS;
  return lookAtHost(tools.hosts, server, { timeout, signal: tools.signal });
}

/**
 * Waits until a started server answers in its role: a replica in recovery, a master that acknowledges a write. One that
 * says that it is starting is waited for; one that says nothing has `recovery_timeout`.
 */
export async function proveStarted(tools: Tools, server: ServerDef, role: Role): Promise<Outcome<string>> {
  const began = performance.now();
  let spoke = began;
  for (;;) {
    const seen = await tools.look(server);
    if (tools.signal.aborted) return fail('aborted', `interrupted before ${server.name} was seen in its role`);
    const now = performance.now();
    const { kind } = seen.reach;
    if (kind === 'accepting' && seen.facts !== null) return inRole(tools, server, role, seen.facts.in_recovery);
    if (kind === 'starting') spoke = now;
    const given_up = kind === 'rejected' || kind === 'unresolved' || now - spoke > tools.settings.recovery_timeout;
    if (given_up || now - began > LONGEST_START_MS) return unproved(server, describeReach(seen));
    await pause(LOOK_EVERY_MS, tools.signal);
  }
}

function unproved(server: ServerDef, what: string): Outcome<never> {
  return fail('step_failed', `${server.name} runs, and does not answer in its role: ${what}`, {
    server: server.name,
    hint: `look at the log of ${server.name}, and ask again with \`handyrep poll ${server.name}\``,
  });
}

async function inRole(tools: Tools, server: ServerDef, role: Role, in_recovery: boolean): Promise<Outcome<string>> {
  if (role === 'replica') {
    if (in_recovery) return ok(`${server.name} answers, in recovery`);
    return fail('step_failed', `${server.name} accepts writes although it should be a replica`, {
      server: server.name,
      hint: `stop it at once with \`handyrep stop ${server.name}\``,
    });
  }
  if (in_recovery) {
    return fail('step_failed', `${server.name} is in recovery although it should be the master`, {
      server: server.name,
      hint: 'see `handyrep failover-check --dry-run`',
    });
  }
  const wrote = await writeProbe(tools.sql, server, 'start', { signal: tools.signal });
  return wrote.ok ? ok(`${server.name} takes writes`) : wrote;
}

/** Waits until no process of a server's data directory is left. */
export async function proveStopped(tools: Tools, server: ServerDef): Promise<Outcome<string>> {
  let why = '';
  const gone = async (): Promise<boolean> => {
    const look = await lookAtItsHost(tools, server);
    why = describePostmaster(look);
    return look.kind === 'looked' && look.postmaster.kind === 'not_running';
  };
  const { recovery_timeout: deadline } = tools.settings;
  if (await waitFor(gone, { deadline, every: LOOK_EVERY_MS, signal: tools.signal })) {
    return ok(`${server.name}: no process of its data directory is left`);
  }
  return fail('step_failed', `${server.name} was stopped, but ${why}`, {
    server: server.name,
    hint: `does a service manager start it again? Or try \`handyrep stop ${server.name} --mode immediate\``,
  });
}

/** What a look at a host says of the postmaster, in words. */
export function describePostmaster(look: HostLook): string {
  if (look.kind === 'no_answer') return `its host cannot be asked: ${look.detail}`;
  switch (look.postmaster.kind) {
    case 'running':
      return `its postmaster runs (pid ${look.postmaster.pid}, state ${look.postmaster.state})`;
    case 'not_running':
      return 'its postmaster does not run';
    case 'unknown':
      return `its data directory cannot be judged: ${look.postmaster.detail}`;
  }
}
