import type { Moment } from '../core/moment.js';

/** Notes what a round did, and how long each part of it took. */
export interface Moments {
  /** Notes that something begins; to be called when it ends. */
  begin(what: string): () => void;
  /** A point in time, milliseconds since the epoch. */
  point(what: string, at: number): void;
  /** All so far, in the order in which they began. */
  all(): readonly Moment[];
}

export function createMoments(): Moments {
  const noted: { what: string; at: number; ms: number | null }[] = [];
  return {
    begin: (what) => {
      const began = performance.now();
      const one: (typeof noted)[number] = { what, at: Date.now(), ms: null };
      noted.push(one);
      return () => {
        one.ms ??= Math.round(performance.now() - began);
      };
    },
    point: (what, at) => void noted.push({ what, at, ms: null }),
    all: () =>
      noted.toSorted((a, b) => a.at - b.at).map(({ what, at, ms }) => ({ what, at: new Date(at).toISOString(), ms })),
  };
}
