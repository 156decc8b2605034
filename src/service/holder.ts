import type { StateHolder } from '../act/actor.js';
import type { SavedState } from '../core/model.js';
import { type Outcome, fail, ok } from '../core/outcome.js';
import { materialChange } from '../core/saved.js';
import type { SqlPort } from '../plugin/contract.js';
import { saveStateFile } from '../state/file.js';
import type { HeldLock } from '../state/lock.js';
import { type TableNames, writeTable } from '../state/table.js';

export interface HolderOptions {
  readonly path: string;
  readonly lock: HeldLock;
  readonly sql: SqlPort;
  readonly table: TableNames;
  readonly initial: SavedState;
}

/** The saved state of one run, with what a session alone may do to it. */
export interface SessionState extends StateHolder {
  /** Takes a newer copy, found in the cluster table, for the truth. Nothing is written. */
  adopt(state: SavedState): void;
  /** What the cluster table was last seen to hold. */
  seenInTable(state: SavedState | null): void;
}

export function createHolder(options: HolderOptions): SessionState {
  let current = options.initial;
  let published: SavedState | null = null;
  return {
    current: () => current,
    adopt: (state) => {
      current = state;
      published = state;
    },
    seenInTable: (state) => {
      published = state;
    },
    async save(change): Promise<Outcome<SavedState>> {
      if (!options.lock.held()) {
        return fail('lock_lost', 'the lock was taken from this run: it stops before its next effect', {
          hint: 'see which run holds the lock now; a suspended or clock-shifted host can cause this',
        });
      }
      const next = { ...change(current), generation: current.generation + 1, updated: new Date().toISOString() };
      const saved = await saveStateFile(options.path, next);
      if (!saved.ok) return saved;
      current = next;
      return ok(next);
    },
    async publish(master, always, signal) {
      // Replicas must replay each write of the row: only what matters to a new management host is worth one.
      if (!always && published !== null && !materialChange(published, current)) return ok(undefined);
      const written = await writeTable(options.sql, master, options.table, current, {
        ...(signal === undefined ? {} : { signal }),
      });
      if (!written.ok) return written;
      published = current;
      return ok(undefined);
    },
  };
}
