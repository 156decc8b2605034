import { readFileSync } from 'node:fs';
import { access, constants, copyFile, link, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SavedState } from '../core/model.js';
import { fail, ok, type Failure, type Outcome } from '../core/outcome.js';
import { formatState, parseState } from '../core/saved.js';
import { removeLeftovers, syncFolder, temporaryPath, writeDurably } from './durable.js';

/** What was found in `servers.save`, and what the operator should be told of it. */
export interface LoadedFile {
  /** Null: there is no saved state. */
  readonly state: SavedState | null;
  readonly warnings: readonly string[];
}

export interface LoadOptions {
  /** The state of another cluster is refused. */
  readonly cluster_name?: string;
  /** Only with the lock held: a damaged file is set aside and leftovers of dead runs are removed. */
  readonly repair: boolean;
  /** Names the file that is set aside. Milliseconds since the epoch. */
  readonly now: number;
}

/** Where the previous good copy is. */
export function previousPath(path: string): string {
  return `${path}.prev`;
}

/**
 * Reads the saved state. A damaged file is set aside, never deleted, and the previous copy used, with a warning. A file of
 * a later format or of another cluster, or one that cannot be read, is a failure and stays as it is.
 */
export async function loadStateFile(path: string, options: LoadOptions): Promise<Outcome<LoadedFile>> {
  if (options.repair) await removeLeftovers(path);
  const main = readState(path, options);
  if (main.kind === 'good') return ok({ state: main.state, warnings: [] });
  if (main.kind === 'refused') return { ok: false, error: main.error };
  const previous = readState(previousPath(path), options);
  if (previous.kind === 'refused') return { ok: false, error: previous.error };
  if (main.kind === 'absent') return ok(withoutMain(path, previous));
  const aside = options.repair ? await setAside(path, options.now) : null;
  const warnings = [
    `${path} is damaged (${main.reason})${aside === null ? '' : ` and was renamed to ${aside}`}; ` +
      (previous.kind === 'good'
        ? `its previous copy of ${previous.state.updated} is used`
        : 'there is no previous copy of it that is whole'),
  ];
  return ok({ state: previous.kind === 'good' ? previous.state : null, warnings });
}

/**
 * Writes the saved state so that a crash at any instant leaves the old or the new file, whole. Only with the lock held.
 */
export async function saveStateFile(path: string, state: SavedState): Promise<Outcome<void>> {
  const fresh = temporaryPath(path);
  const kept = temporaryPath(path);
  try {
    await writeDurably(fresh, formatState(state));
    if (await keepCopy(path, kept)) await rename(kept, previousPath(path));
    await rename(fresh, path);
    await syncFolder(path);
    return ok(undefined);
  } catch (error) {
    await Promise.all([fresh, kept].map((leftover) => rm(leftover, { force: true }).catch(() => undefined)));
    return fail('state_unwritable', `${path} cannot be written: ${words(error)}`, {
      hint: `look at the disk and at the permissions of ${dirname(path)}`,
      cause: errnoOf(error),
    });
  }
}

/** Null when `servers.save` could be written, else why not. Writes nothing. */
export async function whyUnwritable(path: string): Promise<string | null> {
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK);
    await access(path, constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && (await exists(dirname(path)))) return null;
    return `${path} cannot be written: ${words(error)}`;
  }
}

type ReadState =
  | { readonly kind: 'good'; readonly state: SavedState }
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'refused'; readonly error: Failure };

function readState(path: string, options: LoadOptions): ReadState {
  let text: string;
  try {
    // At once: for `status` to load what Node reads asynchronously with takes longer than to read.
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { kind: 'absent' };
    const message = `${path} cannot be read: ${words(error)}`;
    return { kind: 'refused', error: { code: 'state_unreadable', message, cause: errnoOf(error) } };
  }
  const parsed = parseState(text, options.cluster_name);
  if (parsed.ok) return { kind: 'good', state: parsed.value };
  if (parsed.error.cause === undefined) return { kind: 'damaged', reason: parsed.error.message };
  return { kind: 'refused', error: { ...parsed.error, message: `${path}: ${parsed.error.message}` } };
}

/** A damaged file was set aside before, and the run ended before it wrote a new one. */
function withoutMain(path: string, previous: ReadState): LoadedFile {
  if (previous.kind !== 'good') return { state: null, warnings: [] };
  const warning = `${path} is missing; its previous copy of ${previous.state.updated} is used (to begin anew, remove ${previousPath(path)} too)`;
  return { state: previous.state, warnings: [warning] };
}

async function setAside(path: string, now: number): Promise<string | null> {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let target = `${path}.corrupt-${stamp}`;
  for (let n = 1; await exists(target); n++) target = `${path}.corrupt-${stamp}-${n.toString()}`;
  return rename(path, target).then(
    () => target,
    () => null,
  );
}

/** A second name for the present file, so that there is no moment without a whole one; false when there is none. */
async function keepCopy(path: string, kept: string): Promise<boolean> {
  try {
    await link(path, kept);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    // A file system without hard links.
    await copyFile(path, kept, constants.COPYFILE_EXCL);
    return true;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
