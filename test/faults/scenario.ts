import type { HostClusterOptions } from '../hosts/cluster.js';
import type { Condition } from './conditions.js';
import type { Fault, Scene, Who } from './faults.js';

/** A situation that a cluster gets into, and what must come of it. */
export interface Scenario {
  /** As in the table of results. */
  readonly name: string;
  /** What happens, in a sentence. */
  readonly what: string;
  readonly topology?: HostClusterOptions;
  /** The hosts that applications write from; default: only `client`. */
  readonly applications?: readonly Who[];
  readonly story: readonly Step[];
  /** Who is the master in the end, and the only one that takes writes. */
  readonly master: 'db1' | 'promoted';
  /** `stated`: no acknowledged commit beyond what the failover said. `none`: not one. */
  readonly lost: 'none' | 'stated';
  /** Whether two servers may take writes for as long as neither ssh nor a fence reaches the old master. */
  readonly two_masters: 'never' | 'while_cut_off';
  /** How many replicas stream from the master in the end. */
  readonly streaming: number;
  /** Runs in the short selection too. */
  readonly fast?: boolean;
}

/** A part of a story. */
export type Step =
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'undo'; readonly fault: Fault }
  | {
      readonly kind: 'run';
      readonly argv: readonly string[];
      readonly expected: Expected;
      readonly until: Condition | null;
    }
  | { readonly kind: 'do'; readonly what: string; readonly act: (scene: Scene) => Promise<void> }
  | { readonly kind: 'wait'; readonly until: Condition };

/** What a run of handyrep must report. */
export interface Expected {
  readonly exit_code: number;
  readonly diagnosis?: string;
  readonly failed_over?: boolean;
  /** The names of all vetoes. */
  readonly vetoes?: readonly string[];
}

export function happens(fault: Fault): Step {
  return { kind: 'fault', fault };
}

export function ends(fault: Fault): Step {
  return { kind: 'undo', fault };
}

/** The cron job, once. */
export function check(diagnosis: string, expected: Partial<Expected> = {}): Step {
  return run(['failover-check'], { exit_code: 0, diagnosis, failed_over: false, ...expected });
}

/** The cron job, which must fail over. */
export function failsOver(diagnosis: string): Step {
  return check(diagnosis, { failed_over: true });
}

/** The cron job again and again, each time with this answer, until something is true. */
export function checkUntil(until: Condition, diagnosis: string, expected: Partial<Expected> = {}): Step {
  const all = { exit_code: 0, diagnosis, failed_over: false, ...expected };
  return { kind: 'run', argv: ['failover-check'], expected: all, until };
}

export function run(argv: readonly string[], expected: Expected): Step {
  return { kind: 'run', argv, expected, until: null };
}

export function does(what: string, act: (scene: Scene) => Promise<void>): Step {
  return { kind: 'do', what, act };
}

export function wait(until: Condition): Step {
  return { kind: 'wait', until };
}
