import { statSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import type { ProcessIdentity } from '../core/model.js';
import { fateOf, thisProcess } from './process-identity.js';

/** One lock directory, told from every other one that had or will have its place. */
export type DirectoryId = string & { readonly __directory: unique symbol };

/** Who holds the lock, as the file beside it says. It says so of one lock directory only. */
export interface LockOwner extends ProcessIdentity {
  readonly run: string;
  readonly command: string;
  /** ISO 8601. */
  readonly since: string;
  readonly directory: DirectoryId;
}

export type Holder =
  /** Nobody is known to hold it: its holder is about to say who it is, or died before it could. */
  { readonly kind: 'unknown' } | { readonly kind: 'alive' | 'dead' | 'elsewhere'; readonly owner: LockOwner };

/**
 * The identity of what is at a path now; null when nothing is. Without the device: btrfs and overlay give it another number with each
 * mount, so that after a reboot a lock that was left over would be nobody's, and waited for.
 */
export function directoryId(path: string): DirectoryId | null {
  try {
    const { ino, birthtimeNs } = statSync(path, { bigint: true });
    return `${ino.toString()}-${birthtimeNs.toString()}` as DirectoryId;
  } catch {
    return null;
  }
}

/** This process as an owner of the lock directory. */
export function ourselves(run: string, command: string, directory: DirectoryId): LockOwner {
  return { ...thisProcess(), run, command, since: new Date().toISOString(), directory };
}

export async function writeOwner(path: string, owner: LockOwner): Promise<void> {
  const fresh = uniqueName(path);
  await writeFile(fresh, JSON.stringify(owner), { mode: 0o600, flag: 'wx' });
  await rename(fresh, path);
}

/** Who holds the lock directory, and whether that process still lives. */
export async function judgeHolder(ownerPath: string, directory: DirectoryId): Promise<Holder> {
  const owner = await readOwner(ownerPath);
  if (owner?.directory !== directory) return { kind: 'unknown' };
  return { kind: fateOf(owner), owner };
}

async function readOwner(path: string): Promise<LockOwner | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isOwner(value) ? value : null;
  } catch {
    return null;
  }
}

function isOwner(value: unknown): value is LockOwner {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  const texts = ['started', 'host', 'machine', 'boot_id', 'run', 'command', 'since', 'directory'];
  return Number.isSafeInteger(fields['pid']) && texts.every((key) => typeof fields[key] === 'string');
}

/**
 * Whether this process, and no other that lives, may remove the lock directory of a dead holder. Claims on one directory
 * are numbered, each is made by one process only (hard link), and the next may be made only when the maker of the one
 * before is dead: so at any time at most one living process has the right.
 */
export async function claimRemoval(lockPath: string, directory: DirectoryId): Promise<string[] | null> {
  const claims: string[] = [];
  for (let n = 1; ; n++) {
    const claim = `${lockPath}.claim-${directory}-${n.toString()}`;
    const previous = claims.at(-1);
    const made = await makeClaim(claim, directory);
    claims.push(claim);
    if (made) {
      if (previous === undefined || (await isMakerDead(previous))) return claims;
      // The claims were dropped while we went from one to the next, and the first may be somebody else's by now.
      await rm(claim, { force: true });
      return null;
    }
    // A claim that is gone by now was dropped after the removal was done.
    if (!(await isMakerDead(claim))) return null;
  }
}

async function isMakerDead(claim: string): Promise<boolean> {
  const maker = await readOwner(claim);
  return maker !== null && fateOf(maker) === 'dead';
}

/** In the order in which they were made, so that the later one holds until the earlier is gone. */
export async function dropClaims(claims: readonly string[]): Promise<void> {
  for (const claim of claims) await rm(claim, { force: true });
}

async function makeClaim(claim: string, directory: DirectoryId): Promise<boolean> {
  const fresh = uniqueName(claim);
  await writeFile(fresh, JSON.stringify(ourselves('', 'claim', directory)), { mode: 0o600, flag: 'wx' });
  try {
    await link(fresh, claim);
    return true;
  } catch {
    return false;
  } finally {
    await rm(fresh, { force: true });
  }
}

export function uniqueName(path: string): string {
  return `${path}.${process.pid.toString()}-${randomBytes(6).toString('hex')}`;
}
