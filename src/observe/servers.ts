import type { ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { describeFailure } from '../core/outcome.js';
import type { PluginContext, PluginKinds, PollResult } from '../plugin/contract.js';

export interface LightLook {
  readonly poll: PluginKinds['poll_method'];
  readonly context: PluginContext;
  /** Milliseconds for one server, whatever the plugin does. */
  readonly deadline: number;
}

/** Looks at one server with the configured poll method; always ends, and a plugin's exception is our own trouble. */
export async function lookAtServer(look: LightLook, server: ServerDef): Promise<ServerObservation> {
  const at = Date.now();
  const began = performance.now();
  const result = await Promise.race([polled(look, server), overdue(look.deadline)]);
  return { server: server.name, at, took: Math.round(performance.now() - began), ...result };
}

async function polled(look: LightLook, server: ServerDef): Promise<PollResult> {
  try {
    const result = await look.poll(look.context, server);
    return result.reach.kind === 'saturated' ? await saturated(look, server, result) : result;
  } catch (error) {
    const detail = `the poll method failed: ${error instanceof Error ? error.message : String(error)}`;
    return { reach: { kind: 'unresolved', detail }, facts: null };
  }
}

/** A full server still answers on a replication connection, which tells its position and timeline. */
async function saturated(look: LightLook, server: ServerDef, result: PollResult): Promise<PollResult> {
  const identity = await look.context.sql.identify(server, { signal: look.context.signal });
  const more = identity.ok
    ? `IDENTIFY_SYSTEM answers: timeline ${identity.value.timeline}`
    : `IDENTIFY_SYSTEM: ${describeFailure(identity.error)}`;
  return { ...result, reach: { ...result.reach, detail: `${result.reach.detail}; ${more}` } };
}

function overdue(deadline: number): Promise<PollResult> {
  return new Promise((resolve) => {
    const detail = `the poll method did not end within ${deadline} ms`;
    const timer = setTimeout(() => resolve({ reach: { kind: 'timeout', detail }, facts: null }), deadline);
    timer.unref();
  });
}

/** Looks at several servers at once. */
export async function lookAtServers(
  look: LightLook,
  servers: readonly ServerDef[],
): Promise<Readonly<Record<string, ServerObservation>>> {
  const seen = await Promise.all(servers.map((server) => lookAtServer(look, server)));
  return Object.fromEntries(seen.map((one) => [one.server, one]));
}
