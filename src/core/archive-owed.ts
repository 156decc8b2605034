import { ARCHIVE_RETRY_MS } from './limits.js';
import type { ArchiveRecord, SavedState } from './model.js';
import { type Situation, recordedMaster } from './situation.js';
import { managerSickness } from './suspicion.js';

/** What is to be done for the archive. */
export interface ArchiveWork {
  readonly master: string;
  /** Servers whose scripts are to be installed anew. */
  readonly install: readonly string[];
  /** The master is to archive what its predecessor had completed and may not have archived. */
  readonly gap: boolean;
}

function enabledServers(state: SavedState): readonly string[] {
  return Object.values(state.servers).flatMap(({ def }) => (def.enabled ? [def.name] : []));
}

/**
 * What a check with a master that is well is to do for the archive: all servers where another one became the master, by whatever
 * way, and what could not be done then, again after {@link ARCHIVE_RETRY_MS}. Null: nothing; so it is too where `archive start` was never used.
 */
export function archiveWork(s: Situation): ArchiveWork | null {
  const { state } = s;
  const { archive } = state;
  const master = recordedMaster(state);
  if (archive.master === null || master === null || state.operation !== null) return null;
  if (managerSickness(s).length > 0) return null;
  const enabled = enabledServers(state);
  if (archive.master !== master) return { master, install: enabled, gap: true };
  const since = archive.tried === null ? Infinity : s.now - Date.parse(archive.tried);
  // A clock that was set back does not keep it from being done.
  if (since >= 0 && since < ARCHIVE_RETRY_MS) return null;
  const install = enabled.filter((name) => archive.owed.includes(name));
  return install.length === 0 && !archive.gap ? null : { master, install, gap: archive.gap };
}

/**
 * Put on record before anything is done: whatever becomes of it, a later check goes on with it. `at` is ISO 8601; null: it is not
 * yet tried.
 */
export function withArchiveOwed(
  state: SavedState,
  { master, install, gap }: ArchiveWork,
  at: string | null,
): SavedState {
  return { ...state, archive: { master, owed: [...install].sort(), gap, tried: at } };
}

/** These servers have their scripts, and the gap is closed where `closed` says so. */
export function withArchiveDone(
  state: SavedState,
  { installed, closed }: { readonly installed: readonly string[]; readonly closed: boolean },
): SavedState {
  const { archive } = state;
  const owed = archive.owed.filter((one) => !installed.includes(one));
  const gap = archive.gap && !closed;
  return { ...state, archive: { ...archive, owed, gap, tried: owed.length === 0 && !gap ? null : archive.tried } };
}

/**
 * The record after a look: a server whose scripts are missing or otherwise than they should be is owed them again; not while
 * automatic action is off. `seen` says of the servers that could be looked at whether theirs are right.
 */
export function foldArchive(state: SavedState, seen: Readonly<Record<string, boolean>>): ArchiveRecord {
  const { archive, pause } = state;
  const wrong = Object.keys(seen).filter((name) => seen[name] === false);
  if (archive.master === null || Object.keys(seen).length === 0) return archive;
  const still = archive.owed.filter((name) => seen[name] !== true);
  const owed = pause === null ? [...new Set([...still, ...wrong])].sort() : still;
  const more = owed.some((name) => !archive.owed.includes(name));
  const nothing = owed.length === 0 && !archive.gap;
  return { ...archive, owed, tried: more || nothing ? null : archive.tried };
}

/** What is wrong with the archive, for the status of the cluster. */
export function archiveConcerns(state: SavedState): readonly string[] {
  const { owed, gap } = state.archive;
  const enabled = enabledServers(state);
  const waiting = owed.filter((name) => enabled.includes(name));
  return [
    ...(waiting.length === 0 ? [] : [`the archive scripts of ${waiting.join(', ')} are still to be installed`]),
    ...(gap ? ['WAL that the former master completed may not be in the archive yet'] : []),
  ];
}
