/** WAL as a tree: each promotion begins a branch. Timelines are numbers only, and two branches may bear the same one. */
export interface Branch {
  readonly tli: number;
  /** Who writes it. */
  readonly owner: string;
  readonly parent: Branch | null;
  /** Where it left its parent. */
  readonly fork: number;
  /** What was committed on it, oldest first. */
  readonly commits: Commit[];
}

export interface Commit {
  /** Where its record ends. */
  readonly lsn: number;
  readonly at: number;
  /** When the client was told; null: it waits for a standby. */
  acked: number | null;
}

interface Position {
  readonly branch: Branch;
  readonly lsn: number;
}

export function newBranch(tli: number, owner: string, parent: Branch | null, fork: number): Branch {
  return { tli, owner, parent, fork, commits: [] };
}

/** How far the WAL of a branch belongs to the past of this position; null: not at all. */
function reaches(position: Position, branch: Branch): number | null {
  let end = position.lsn;
  for (let at: Branch | null = position.branch; at !== null; at = at.parent) {
    if (at === branch) return end;
    end = Math.min(end, at.fork);
  }
  return null;
}

/** Whether everything that `part` has is in the WAL of `whole`, so that it can go on from there. */
export function holds(whole: Position, part: Position): boolean {
  const end = reaches(whole, part.branch);
  return end !== null && part.lsn <= end;
}

/** Commits of this position's past that another does not have, oldest first. */
export function missing(from: Position, to: Position): readonly Commit[] {
  const lost: Commit[] = [];
  let end = from.lsn;
  for (let at: Branch | null = from.branch; at !== null; at = at.parent) {
    const kept = reaches(to, at) ?? -1;
    const last = end;
    for (let index = at.commits.length - 1; index >= 0; index--) {
      const commit = at.commits[index];
      if (commit === undefined || commit.lsn <= kept) break;
      if (commit.lsn <= last) lost.push(commit);
    }
    end = Math.min(end, at.fork);
  }
  return lost.reverse();
}

/** The history file of a branch. */
export function forksOf(branch: Branch): readonly { readonly timeline: number; readonly lsn: number }[] {
  const forks: { timeline: number; lsn: number }[] = [];
  for (let at = branch; at.parent !== null; at = at.parent) forks.unshift({ timeline: at.parent.tli, lsn: at.fork });
  return forks;
}
