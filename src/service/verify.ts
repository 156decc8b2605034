import { recordedMaster } from '../core/situation.js';
import type { ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import type { ReplicationView } from '../core/status.js';
import { type ThoroughOptions, lookThoroughly } from '../observe/thorough.js';
import type { Findings } from './keep.js';
import type { Session } from './session.js';

/** A remote look of a verify, beyond the time that ssh may take to connect, milliseconds. */
const LOOK_MS = 6000;

/** What a verify finds besides how the servers answer, for all of them at once. */
export async function findings(
  session: Session,
  servers: Readonly<Record<string, ServerObservation>>,
): Promise<Findings> {
  const state = session.state.current();
  const master = state.servers[recordedMaster(state) ?? '']?.def ?? null;
  const { handyrep } = session.config;
  const options: ThoroughOptions = {
    sql: session.sql,
    hosts: session.hosts,
    master,
    test_ssh_command: handyrep.test_ssh_command,
    timeout: handyrep.ssh_timeout + LOOK_MS,
    signal: session.signal,
  };
  const defs = Object.values(state.servers).flatMap(({ def }) =>
    def.enabled && servers[def.name] !== undefined ? [def] : [],
  );
  const issues = await Promise.all(
    defs.map(async (def) => {
      const seen = servers[def.name];
      return [def.name, seen === undefined ? [] : await lookThoroughly(options, def, seen)] as const;
    }),
  );
  return {
    depth: 'verify',
    issues: Object.fromEntries(issues),
    replication: replication(session, defs, servers, master),
  };
}

function replication(
  session: Session,
  defs: readonly ServerDef[],
  servers: Readonly<Record<string, ServerObservation>>,
  master: ServerDef | null,
): Readonly<Record<string, ReplicationView>> {
  const ahead = master === null ? null : (servers[master.name]?.facts ?? null);
  const views = defs.flatMap((def) => {
    const facts = servers[def.name]?.facts ?? null;
    if (def.role === 'master' || facts === null) return [];
    return [[def.name, session.plugins.replication_status({ def, replica: facts, master: ahead })] as const];
  });
  return Object.fromEntries(views);
}
