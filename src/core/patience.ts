import { LATE_LOOK_MS } from './limits.js';
import type { FailoverPolicy } from './model.js';

/** How many times its usual time a look may take before it is late. */
const LATE_TIMES = 3;

/**
 * When an unanswered look is late, milliseconds after it began. `usual`: what the last one that was answered took, null where that
 * is not known. A server that is far away or busy is never late for that alone.
 */
export function lateAfter(usual: number | null, connect_timeout: number): number {
  return usual === null ? connect_timeout / 2 : Math.max(LATE_LOOK_MS, LATE_TIMES * usual);
}

/**
 * When each retry begins, milliseconds from now: `fail_retry_interval` after the look before it, whose time-out is not waited for.
 * `since`: how long ago
 * the first of them began, or failed.
 */
export function retryTimes(
  { fail_retries, fail_retry_interval }: Pick<FailoverPolicy, 'fail_retries' | 'fail_retry_interval'>,
  since: number,
): readonly number[] {
  const first = Math.max(0, fail_retry_interval - Math.max(0, since));
  return Array.from({ length: fail_retries }, (_, index) => first + index * fail_retry_interval);
}
