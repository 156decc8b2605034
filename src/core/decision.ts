import type { Diagnosis } from './diagnosis.js';
import type { Fitness } from './eligibility.js';
import type { Loss } from './loss.js';
import type { ClusterStatusName } from './model.js';
import type { FailoverPlan } from './plan.js';
import type { Evidence } from './situation.js';

/** What is to be done. */
export type Action =
  | { readonly kind: 'none' }
  | { readonly kind: 'look'; readonly what: 'closer_look' | 'retry' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'fence_returned'; readonly servers: readonly [string, ...string[]] }
  | { readonly kind: 'record_master'; readonly old_master: string; readonly new_master: string }
  | { readonly kind: 'restart_master'; readonly server: string }
  | { readonly kind: 'fail_over'; readonly plan: FailoverPlan };

/** A reason that kept HandyRep from acting, and what would lift it. */
export interface Veto {
  readonly rule: number;
  readonly name: VetoName;
  readonly text: string;
  readonly hint: string;
}

export type VetoName =
  | 'manager_sick'
  | 'auto_failover_off'
  | 'paused'
  | 'too_soon'
  | 'no_candidate'
  | 'too_much_loss'
  | 'fencing_required'
  | 'witness_unsure'
  | 'writer_unasked'
  | 'hung_left_alone';

export interface Decision {
  readonly rule: number;
  readonly diagnosis: Diagnosis;
  readonly action: Action;
  /** One sentence. */
  readonly details: string;
  readonly hint: string | null;
  readonly evidence: readonly Evidence[];
  readonly vetoes: readonly Veto[];
  readonly fitness: readonly Fitness[];
  readonly loss: Loss | null;
  readonly cluster_status: ClusterStatusName;
  /** Whether a check that ends here is a success: the master is up, or there is nothing for us to do. */
  readonly success: boolean;
  readonly alarm: boolean;
}
