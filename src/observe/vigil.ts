import { VIGIL_MS } from '../core/limits.js';
import type { ServerDef } from '../core/model.js';
import type { ServerObservation } from '../core/observation.js';
import { knownOf } from '../core/vigil.js';
import { pause } from '../io/wait.js';
import { type LightLook, lookAtServer } from './servers.js';

/**
 * Looks at a silent server again and again, so that whether it is back is known at any moment: a failover asks that more than once,
 * and the time-out of a fresh look would be waited for each time.
 */
export interface Vigil {
  /** What a fresh look would come to, where that is known; see {@link knownOf}. */
  known(server: ServerDef): ServerObservation | null;
  end(): void;
}

/** Goes on until it is ended. `patience`: how long a look may take, milliseconds. */
export function keepVigil(look: LightLook, server: ServerDef, patience: number, signal: AbortSignal): Vigil {
  const ended = new AbortController();
  const over = AbortSignal.any([ended.signal, signal]);
  const looks: { began: number; seen: ServerObservation | null }[] = [];
  const one = async (): Promise<void> => {
    const mine: { began: number; seen: ServerObservation | null } = { began: Date.now(), seen: null };
    looks.push(mine);
    mine.seen = await lookAtServer(look, server);
  };
  const watch = async (): Promise<void> => {
    while (!over.aborted) {
      void one();
      await pause(VIGIL_MS, over);
    }
  };
  void watch();
  return {
    known: ({ name }) => (name === server.name ? knownOf(looks, Date.now(), patience) : null),
    end: () => {
      ended.abort();
    },
  };
}
