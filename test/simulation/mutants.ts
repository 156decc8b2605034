import { decide } from '../../src/core/decide.js';
import type { Decision } from '../../src/core/decision.js';
import { planFrom } from '../../src/core/plan.js';
import { resume } from '../../src/core/resume.js';
import type { Situation } from '../../src/core/situation.js';

/** What decides and acts in a run. All but the sound one have a fault that the simulation must find. */
export interface Mutant {
  readonly name: string;
  readonly decide: typeof decide;
  readonly resume: typeof resume;
  /** Effects that are left out, or done wrongly. */
  readonly faults: ReadonlySet<ActFault>;
}

export type ActFault =
  /** The old master is believed to be fenced without being touched. */
  | 'skips the fence'
  /** It is killed, and standby.signal is not left. */
  | 'forgets standby.signal'
  /** A step that was begun is done again by the next run, whatever came of it. */
  | 'repeats blindly'
  /** A candidate whose promotion failed is left running when the next one is asked. */
  | 'leaves a failed candidate'
  /** A switchover promotes without the proof. */
  | 'skips the proof'
  /** The new master is not written down. */
  | 'does not record'
  /** The operation is journalled only when it is over. */
  | 'does not journal'
  /** The position of the last poll is taken for one of now. */
  | 'believes an old position';

function acts(fault: ActFault): Mutant {
  return { ...SOUND, name: fault, faults: new Set([fault]) };
}

function decides(name: string, change: (s: Situation, select: Parameters<typeof decide>[1]) => Decision): Mutant {
  return { ...SOUND, name, decide: change };
}

export const SOUND: Mutant = { name: 'sound', decide, resume, faults: new Set() };

/** As if this were different in what was seen. */
function blindTo(name: string, change: (s: Situation) => Situation): Mutant {
  return decides(name, (s, select) => decide(change(s), select));
}

export const MUTANTS: readonly Mutant[] = [
  acts('skips the fence'),
  acts('forgets standby.signal'),
  acts('repeats blindly'),
  acts('leaves a failed candidate'),
  acts('skips the proof'),
  acts('does not record'),
  acts('does not journal'),
  acts('believes an old position'),
  decides('ignores vetoes', (s, select) => {
    const decision = decide(s, select);
    const [candidate, ...others] = decision.fitness.flatMap((one) => (one.candidate === null ? [] : [one.candidate]));
    const { diagnosis } = decision;
    if (decision.vetoes.length === 0 || candidate === undefined || !('master' in diagnosis)) return decision;
    const replicas = [candidate, ...others].map(({ server }) => server);
    const parts = {
      old_master: diagnosis.master,
      fence: { kind: 'owed' },
      candidates: [candidate, ...others],
      replicas,
    } as const;
    return { ...decision, vetoes: [], action: { kind: 'fail_over', plan: planFrom(parts, s.policy) } };
  }),
  blindTo('asks no witness', (s) => ({
    ...s,
    policy: { ...s.policy, min_witnesses: 0 },
    closer: s.closer === null ? null : { ...s.closer, witnesses: [] },
  })),
  blindTo('believes a restarted host at once', (s) => ({
    ...s,
    state: {
      ...s.state,
      clock: { boot_id: s.manager.boot_id, wall_ms: s.manager.wall_ms, uptime_ms: s.manager.uptime_ms },
    },
  })),
  blindTo('forgets former masters', (s) => ({ ...s, state: { ...s.state, former_masters: [] } })),
];
