import { LOCK_GRACE_MS } from '../core/limits.js';
import fs from 'node:fs';
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { formatDuration } from '../core/duration.js';
import { fail, HandyRepError, ok, type Outcome } from '../core/outcome.js';
import {
  claimRemoval,
  directoryId,
  dropClaims,
  judgeHolder,
  ourselves,
  uniqueName,
  writeOwner,
  type DirectoryId,
  type Holder,
} from './lock-owner.js';
import { readProcess } from './process.js';

/** A lock of another host, or of nobody known, that was not refreshed for so long is left over. Milliseconds. */
const STALE = 30_000;
const REFRESH = 5_000;

export interface LockOptions {
  /** This run's id, and its command, for whoever finds the lock taken. */
  readonly run: string;
  readonly command: string;
  /** Milliseconds to wait for another run to end; 0: not at all. */
  readonly wait_ms: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** The lock, held. */
export interface HeldLock {
  /** Whether it is still ours, looked up now. A run must ask before each effect. */
  held(): boolean;
  /** Aborted, with a {@link HandyRepError}, when the lock was found lost. */
  readonly signal: AbortSignal;
  /** Gives it back; never removes a lock that has become somebody else's. */
  release(): Promise<void>;
}

interface Place {
  readonly state: string;
  readonly lock: string;
  readonly owner: string;
}

/**
 * Takes the lock beside `servers.save`. A lock whose holder no longer lives on this host is taken over at once; one whose
 * holder lives here is never taken, however long it is held.
 */
export async function acquireLock(statePath: string, options: LockOptions): Promise<Outcome<HeldLock>> {
  const state = resolve(statePath);
  const place: Place = { state, lock: `${state}.lock`, owner: `${state}.owner` };
  const until = performance.now() + options.wait_ms;
  for (let attempt = 0; ; attempt++) {
    const taken = await tryLock(place, options);
    if (taken.kind === 'taken') return ok(taken.lock);
    if (taken.kind === 'failed') return taken.outcome;
    const directory = directoryId(place.lock);
    const holder: Holder = directory === null ? { kind: 'unknown' } : await judgeHolder(place.owner, directory);
    const removable = directory !== null && mayRemove(place, holder);
    if (removable) await removeDead(place, directory);
    // A lock that has just gone, or is about to, is worth other attempts, though not for ever: who removes it may hang.
    const grace = removable || directory === null ? LOCK_GRACE_MS : 0;
    if (performance.now() >= until + grace) return busy(place, holder);
    if (options.signal?.aborted === true) return fail('aborted', 'stopped while waiting for the lock');
    await sleep(directory === null ? 1 : 10 + Math.random() * Math.min(200, 20 * attempt));
  }
}

type Attempt =
  | { readonly kind: 'taken'; readonly lock: HeldLock }
  | { readonly kind: 'locked' }
  | { readonly kind: 'failed'; readonly outcome: ReturnType<typeof fail> };

async function tryLock(place: Place, options: LockOptions): Promise<Attempt> {
  const lost = new AbortController();
  const abort = () => {
    const message = 'the lock was taken from this run';
    lost.abort(new HandyRepError({ code: 'lock_lost', message, hint: 'another run goes on; look at its log' }));
  };
  const own = ownDirectory();
  try {
    const release = await lockfile.lock(place.state, {
      lockfilePath: place.lock,
      realpath: false,
      // Staleness is judged here, since proper-lockfile's way lets two takers remove each other's locks.
      stale: Infinity,
      update: REFRESH,
      fs: own.fs,
      onCompromised: abort,
    });
    const directory = own.id();
    if (directory === null) return { kind: 'locked' };
    await writeOwner(place.owner, ourselves(options.run, options.command, directory));
    await removeLeftovers(place);
    return { kind: 'taken', lock: heldLock({ place, directory, release, lost, abort }) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ELOCKED') return { kind: 'locked' };
    own.remove();
    const words = error instanceof Error ? error.message : String(error);
    const message = `the lock ${place.lock} cannot be made: ${words}`;
    const hint = `make the folder of server_file, ${dirname(place.state)}, and let the user that runs HandyRep write in it`;
    return { kind: 'failed', outcome: fail('state_unwritable', message, { hint, cause: code }) };
  }
}

interface Holding {
  readonly place: Place;
  readonly directory: DirectoryId;
  readonly release: () => Promise<void>;
  readonly lost: AbortController;
  readonly abort: () => void;
}

function heldLock({ place, directory, release, lost, abort }: Holding): HeldLock {
  let released = false;
  const held = () => {
    if (released || lost.signal.aborted) return false;
    if (directoryId(place.lock) === directory) return true;
    abort();
    return false;
  };
  return {
    held,
    signal: lost.signal,
    release: async () => {
      if (released) return;
      // The owner file first: after the directory is gone it may be the next holder's.
      if (held()) await rm(place.owner, { force: true }).catch(() => undefined);
      released = true;
      await release().catch(() => undefined);
    },
  };
}

/**
 * The file system as proper-lockfile gets it: it removes a directory only while that is the very one which it made. Its
 * own removals, at the release and at the exit of the process, go by name.
 */
function ownDirectory() {
  let made: DirectoryId | null = null;
  const isOurs = (path: string) => made !== null && directoryId(path) === made;
  let path: string | null = null;
  return {
    id: () => made,
    remove: () => {
      if (path !== null && isOurs(path)) fs.rmdirSync(path);
    },
    fs: {
      ...fs,
      mkdir: (name: string, callback: fs.NoParamCallback) => {
        fs.mkdir(name, (error) => {
          if (error === null) [path, made] = [name, directoryId(name)];
          callback(error);
        });
      },
      rmdir: (name: string, callback: fs.NoParamCallback) => {
        if (isOurs(name)) fs.rmdir(name, callback);
        else callback(null);
      },
      rmdirSync: (name: string) => {
        if (isOurs(name)) fs.rmdirSync(name);
      },
    },
  };
}

/** A holder that lives on this host keeps its lock: a clock that jumped must not make two of one. */
function mayRemove(place: Place, holder: Holder): boolean {
  switch (holder.kind) {
    case 'alive':
      return false;
    case 'dead':
      return true;
    case 'elsewhere':
    case 'unknown':
      return isStale(place.lock);
  }
}

function isStale(lock: string): boolean {
  try {
    return fs.statSync(lock).mtimeMs < Date.now() - STALE;
  } catch {
    return false;
  }
}

/** Makes room for a fresh lock; whoever removes the dead one then competes for it like everybody else. */
async function removeDead(place: Place, directory: DirectoryId): Promise<void> {
  const claims = await claimRemoval(place.lock, directory);
  if (claims === null) return;
  try {
    // Judged again: between the first look and the claim another process may have done it all.
    if (directoryId(place.lock) !== directory) return;
    if (!mayRemove(place, await judgeHolder(place.owner, directory))) return;
    const aside = uniqueName(`${place.lock}.dead`);
    await rename(place.lock, aside);
    if (directoryId(aside) === directory) await rmdir(aside);
    // Only a holder that had seemed dead can have changed it meanwhile; the lock that took its place is put back.
    else await rename(aside, place.lock);
  } catch {
    // Gone by another's hand: the next attempt sees what is there.
  } finally {
    await dropClaims(claims);
  }
}

/** What takers that were killed in the middle left behind. */
async function removeLeftovers(place: Place): Promise<void> {
  const folder = dirname(place.lock);
  const prefixes = [`${basename(place.lock)}.`, `${basename(place.owner)}.`];
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((entry) => prefixes.some((prefix) => entry.startsWith(prefix)))) {
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function busy(place: Place, holder: Holder): ReturnType<typeof fail> {
  if (holder.kind === 'unknown') {
    return fail('lock_busy', `another run holds the lock ${place.lock}; it does not say which`, {
      hint: 'wait for it to end, or use --lock-wait',
    });
  }
  const { pid, host, command, since, run } = holder.owner;
  const age = formatDuration(1000 * Math.max(0, Math.round((Date.now() - Date.parse(since)) / 1000)));
  const where = holder.kind === 'elsewhere' ? ` on ${host}` : '';
  const stopped =
    holder.kind === 'alive' && readProcess(pid)?.state === 'T' ? '; that process is stopped (SIGSTOP)' : '';
  const message = `another run holds the lock: pid ${pid.toString()}${where} (${command}) for ${age}${stopped}`;
  return fail('lock_busy', message, { hint: `wait for run ${run} to end, or use --lock-wait`, cause: pid.toString() });
}
