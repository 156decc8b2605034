/** How many poll intervals may go by without a check, and for how long at least, milliseconds. */
const POLLS = 3;
const FLOOR_MS = 60_000;

/** Information older than this, milliseconds, bounds nothing and is not shown as good. */
export function staleAfter(poll_interval: number): number {
  return Math.max(POLLS * poll_interval, FLOOR_MS);
}
