import type { Evidence } from './situation.js';

/**
 * Every named situation. The same names stand in logs, documentation, alerts and test folders. A `lost` diagnosis is
 * the only kind that a failover can follow.
 */
export type Diagnosis =
  | { readonly kind: 'no_master_recorded' }
  | { readonly kind: 'manager_cut_off' }
  | { readonly kind: 'resolver_failing' }
  | { readonly kind: 'not_active'; readonly detail: string }
  | { readonly kind: 'operation_unfinished'; readonly operation: string }
  | { readonly kind: 'fenced_master_returned'; readonly servers: readonly [string, ...string[]] }
  | { readonly kind: 'two_masters'; readonly servers: readonly string[] }
  | { readonly kind: 'foreign_master'; readonly master: string }
  | { readonly kind: 'promoted_by_hand'; readonly old_master: string; readonly new_master: string }
  | { readonly kind: 'unrecorded_writer'; readonly master: string; readonly writer: string }
  | { readonly kind: 'master_in_recovery'; readonly master: string }
  | { readonly kind: 'master_on_old_timeline'; readonly master: string; readonly newer: string }
  | { readonly kind: 'master_read_only'; readonly master: string }
  /** It answers reads and acknowledges no write. */
  | { readonly kind: 'master_wedged'; readonly master: string; readonly detail: string }
  | { readonly kind: 'master_healthy'; readonly master: string }
  | { readonly kind: 'master_saturated'; readonly master: string }
  | { readonly kind: 'master_starting'; readonly master: string }
  | { readonly kind: 'master_stopping'; readonly master: string }
  | { readonly kind: 'master_rejects_us'; readonly master: string }
  | { readonly kind: 'master_silent'; readonly master: string; readonly next: 'closer_look' | 'retry' }
  | {
      readonly kind: 'master_seen_by_replica';
      readonly master: string;
      readonly witnesses: readonly string[];
      /** Its postmaster runs, and lets nobody in on its own host either: what the replicas hear are sessions that were open. */
      readonly hangs: boolean;
    }
  | { readonly kind: 'too_few_witnesses'; readonly master: string; readonly have: number }
  | { readonly kind: 'master_alive_to_its_host'; readonly master: string }
  | { readonly kind: 'master_untold'; readonly master: string; readonly why: string }
  | LostMaster;

/** A master that is believed lost, and how it can be fenced. */
export type LostMaster =
  | { readonly kind: 'master_crashed'; readonly master: string }
  | { readonly kind: 'master_shut_down'; readonly master: string }
  | { readonly kind: 'master_stopped'; readonly master: string }
  | { readonly kind: 'master_hung'; readonly master: string }
  | { readonly kind: 'master_host_lost'; readonly master: string };

export type DiagnosisKind = Diagnosis['kind'];

export interface Diagnosed {
  /** The number of the rule that spoke. */
  readonly rule: number;
  readonly diagnosis: Diagnosis;
  readonly evidence: readonly Evidence[];
}

export function isLost(diagnosis: Diagnosis): diagnosis is LostMaster {
  switch (diagnosis.kind) {
    case 'master_crashed':
    case 'master_shut_down':
    case 'master_stopped':
    case 'master_hung':
    case 'master_host_lost':
      return true;
    case 'no_master_recorded':
    case 'manager_cut_off':
    case 'resolver_failing':
    case 'not_active':
    case 'operation_unfinished':
    case 'fenced_master_returned':
    case 'two_masters':
    case 'foreign_master':
    case 'promoted_by_hand':
    case 'unrecorded_writer':
    case 'master_in_recovery':
    case 'master_on_old_timeline':
    case 'master_read_only':
    case 'master_wedged':
    case 'master_healthy':
    case 'master_saturated':
    case 'master_starting':
    case 'master_stopping':
    case 'master_rejects_us':
    case 'master_silent':
    case 'master_seen_by_replica':
    case 'too_few_witnesses':
    case 'master_alive_to_its_host':
    case 'master_untold':
      return false;
  }
}

/** Its own host says that no postmaster of it runs. */
export function isProcessGone({ kind }: Diagnosis): boolean {
  return kind === 'master_crashed' || kind === 'master_shut_down' || kind === 'master_stopped';
}
