/** Clocks of a server and of this host may differ by this much before it is told, milliseconds. */
const SKEW_LIMIT_MS = 2000;

/** A clock that is too far from this host's, in words; null: it is near enough. `skew`: how much it is ahead, milliseconds. */
export function describeSkew(skew: number): string | null {
  if (Math.abs(skew) <= SKEW_LIMIT_MS) return null;
  return `its clock is ${(Math.abs(skew) / 1000).toFixed(1)} s ${skew < 0 ? 'behind' : 'ahead of'} this host's`;
}
