import type { Config } from '../config/effective.js';
import type { Operation } from '../core/model.js';
import type { BeforeHook } from '../core/plan.js';
import type { Situation } from '../core/situation.js';
import type { Session } from './session.js';

type OperationParts = Pick<
  Operation,
  'kind' | 'automatic' | 'old_master' | 'new_master' | 'steps' | 'evidence' | 'moments'
>;

/** The commands that may veto an operation; an operator's force makes their word count for nothing. */
export function beforeHook(config: Config, { on_demand }: Pick<Situation, 'on_demand'>): BeforeHook {
  const before = Object.entries(config.extra_failover_commands).filter(([, one]) => one.when === 'before');
  return { commands: before.map(([name]) => name), force: on_demand?.force === true };
}

/** An operation that has not begun. */
export function newOperation(session: Session, parts: OperationParts): Operation {
  const begun = new Date().toISOString();
  const prefix = parts.kind === 'switchover' ? 'switchover' : 'failover';
  return {
    ...parts,
    id: `${prefix}-${begun.replaceAll(/[-:.]/g, '')}-${session.run}`,
    begun,
    run: session.run,
    failed_candidates: [],
    former_upstreams: [],
    shutdown_checkpoint: null,
    loss: 'not yet known',
  };
}
