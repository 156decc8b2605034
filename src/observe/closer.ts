import type { ServerDef } from '../core/model.js';
import type { CloserLook, ServerObservation, TimelineHistory, WitnessLook } from '../core/observation.js';
import type { HostPort, SqlPort } from '../plugin/contract.js';
import { lookAtHost, lookAtPort } from './host.js';
import { type LightLook, lookAtServer } from './servers.js';

export interface CloserOptions {
  readonly light: LightLook;
  readonly hosts: HostPort;
  readonly master: ServerDef;
  /** Enabled replicas. */
  readonly replicas: readonly ServerDef[];
  /** Milliseconds for one remote look. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** Asks, all at once, everything that can tell a dead master from an unreachable one. */
export async function lookCloser(options: CloserOptions): Promise<CloserLook> {
  const { hosts, master, replicas, timeout, signal } = options;
  const [host, witnesses, candidate_hosts] = await Promise.all([
    lookAtHost(hosts, master, { timeout, signal }),
    Promise.all(replicas.map((replica) => askWitness(options, replica))),
    Promise.all(replicas.map((replica) => lookAtHost(hosts, replica, { timeout, signal }))),
  ]);
  return { host, witnesses, candidate_hosts };
}

async function askWitness(options: CloserOptions, replica: ServerDef): Promise<WitnessLook> {
  const { light, hosts, master, timeout, signal } = options;
  const [seen, port] = await Promise.all([
    lookAtServer(light, replica),
    lookAtPort(hosts, replica, master, { timeout, signal }),
  ]);
  return { server: replica.name, seen, port: port.port, port_detail: port.detail };
}

/** The history of the newest timeline, where a server is on an older one; null when nobody tells. */
export async function readHistory(
  sql: SqlPort,
  servers: readonly ServerDef[],
  seen: Readonly<Record<string, ServerObservation>>,
): Promise<TimelineHistory | null> {
  const timelines = servers.flatMap((def) => {
    const timeline = seen[def.name]?.facts?.timeline ?? null;
    return timeline === null ? [] : [{ def, timeline }];
  });
  const newest = Math.max(0, ...timelines.map((one) => one.timeline));
  if (timelines.every((one) => one.timeline === newest)) return null;
  for (const { def, timeline } of timelines) {
    if (timeline !== newest) continue;
    const history = await sql.timelineHistory(def, newest);
    if (history.ok) return history.value;
  }
  return null;
}
