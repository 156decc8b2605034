import type { SavedState } from '../core/model.js';
import { type HistoryView, viewHistory } from '../report/history.js';
import { type Report, success } from '../report/report.js';

export interface HistoryOptions {
  /** At most so many; absent: all that are kept. */
  readonly limit?: number;
}

/** Answer of `history`: newest first. */
export type HistoryReport = Report & { readonly history: readonly HistoryView[] };

export function historyReport(state: SavedState | null, { limit }: HistoryOptions): HistoryReport {
  const entries = (state?.history ?? []).slice(0, limit).map(viewHistory);
  const details = entries.length === 0 ? 'no operation is on record' : `${entries.length} operation(s), newest first`;
  return success(details, { history: entries });
}
