import type { SavedState } from './model.js';
import { isPaused } from './pause.js';

/** How many attempts `auto_rejoin` makes before it leaves a server to a person. */
export const MOST_ATTEMPTS = 3;

/** What a check came to, as far as it matters here. */
export interface CheckEnd {
  /** Name of the diagnosis. */
  readonly diagnosis: string;
  readonly rule: number;
  readonly vetoes: readonly unknown[];
  readonly failed_over: boolean;
}

/** Whether a check was one after which an old master may come back: the master is well, and this HandyRep acts. */
export function mayRejoinAfter({ diagnosis, rule, vetoes, failed_over }: CheckEnd): boolean {
  return failed_over || (diagnosis === 'master_healthy' && rule !== 0 && vetoes.length === 0);
}

/** The former masters that may be made replicas again by themselves in this state, `now` in milliseconds. */
export function waitingToRejoin(state: SavedState, now: number): readonly string[] {
  const { pause, operation, rebuilds, former_masters } = state;
  if (isPaused(pause, now) || operation !== null) return [];
  const underWork = rebuilds.filter(({ broken }) => broken === null).map(({ server }) => server);
  return former_masters
    .filter(({ server, rejoin_failures }) => rejoin_failures < MOST_ATTEMPTS && !underWork.includes(server))
    .map(({ server }) => server);
}
