import { bytesBehind } from '../../src/core/lsn.js';
import type { SwitchoverPlan } from '../../src/core/plan.js';
import { judgePreflight } from '../../src/core/preflight.js';
import type { Situation } from '../../src/core/situation.js';
import type { ServerObservation } from '../../src/core/observation.js';
import { unwritable } from '../../src/core/suspicion.js';
import { planSwitchover } from '../../src/core/switchover.js';
import type { Run } from './manager.js';

/** Who takes over from a master that lives, if nothing speaks against it, as src/service/switchover.ts finds out. */
export function planHandover(run: Run, observed: Situation, master: string): SwitchoverPlan | null {
  const situation = { ...observed, state: run.state };
  const choice = planSwitchover(situation, master, run.setup.select);
  if (choice.kind === 'nobody' || unwritable(situation).length > 0) {
    run.tell('nobody can take over');
    return null;
  }
  const { plan } = choice;
  const blocking = preflight(run, situation, plan).filter(({ blocks }) => blocks);
  if (blocking.length === 0 || situation.on_demand?.force === true) return plan;
  run.tell(`no handover: ${blocking.map(({ text }) => text).join('; ')}`);
  return null;
}

function preflight(run: Run, { servers, state }: Situation, plan: SwitchoverPlan): ReturnType<typeof judgePreflight> {
  const master = state.servers[plan.old_master]?.def;
  const candidate = state.servers[plan.new_master]?.def;
  if (master === undefined || candidate === undefined) throw new Error('the plan names a server that is not known');
  const others = Object.values(state.servers).filter(
    ({ def }) => def.enabled && def.role === 'replica' && def.name !== candidate.name,
  );
  const ahead = servers[master.name]?.facts?.lsn ?? null;
  const at = servers[candidate.name]?.facts?.lsn ?? null;
  return judgePreflight({
    master,
    candidate,
    others: others.map(({ def }) => ({ def, streaming: streams(servers[def.name]) })),
    known_names: Object.keys(state.servers),
    master_facts: { archiving: false, ready: 0, failing: null, walsenders: [], transactions: [] },
    candidate_facts: { replay_paused: false, free_slots: 10, free_walsenders: 10, sync_names: '' },
    behind: ahead === null || at === null ? null : bytesBehind(at, ahead),
    candidate_streams: streams(servers[candidate.name]),
    master_host: run.hostOf(master.name),
    candidate_host: run.hostOf(candidate.name),
    service_trouble: [],
    login_trouble: null,
    proxy_trouble: [],
  });
}

function streams(seen: ServerObservation | undefined): boolean {
  const receiver = seen?.facts?.receiver;
  return receiver?.kind === 'running' && receiver.status === 'streaming';
}
