/**
 * The candidate that `word` is most likely a misspelling of; null when none is near enough (a third of its letters may
 * differ, one in a short word). Letter case and the difference of `-` and `_` do not count. The first of equals wins.
 */
export function suggest(word: string, candidates: Iterable<string>): string | null {
  const typed = normal(word);
  let best: string | null = null;
  let least = Math.max(1, Math.floor(typed.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed, normal(candidate));
    if (distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current.push(
        Math.min(
          cell(last, column) + 1,
          cell(current, column - 1) + 1,
          cell(last, column - 1) + (same ? 0 : 1),
          swapped ? cell(beforeLast, column - 2) + 1 : Infinity,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return cell(last, b.length);
}

/** A hint for a word that is not among the known ones: "did you mean", else null. */
export function didYouMean(word: string, candidates: Iterable<string>): string | null {
  const found = suggest(word, candidates);
  return found === null ? null : `did you mean ${found}?`;
}

function normal(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
