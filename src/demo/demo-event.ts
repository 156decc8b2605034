import type { StatusView } from '../report/status.js';
import type { CheckReport } from '../service/reports.js';

/** What the demo tells while it happens; whoever runs it decides how that looks. */
export type DemoEvent =
  | { readonly kind: 'scene'; readonly text: string }
  | { readonly kind: 'fact'; readonly text: string }
  | { readonly kind: 'status'; readonly status: StatusView }
  | { readonly kind: 'check'; readonly report: CheckReport };

export type Tell = (event: DemoEvent) => void;

/** Something that HandyRep promises, and whether it held here. */
export interface DemoPromise {
  readonly promise: string;
  readonly kept: boolean;
  /** What was seen. */
  readonly seen: string;
}

/** What the demo came to. */
export interface DemoResult {
  /** PostgreSQL's major version. */
  readonly postgresql: number;
  readonly old_master: string;
  readonly new_master: string | null;
  /** Milliseconds that one `failover-check` took. */
  readonly check_ms: number;
  /** Milliseconds without an acknowledged write. */
  readonly outage_ms: number;
  /** Rows that a master acknowledged. */
  readonly acknowledged: number;
  /** Those of them that the new master does not hold. */
  readonly missing: number;
  readonly promises: readonly DemoPromise[];
}
