import { randomNumbers } from '../../random.js';

/** Named levels of what can differ: one dimension of a space. */
export type Dimensions = Readonly<Record<string, readonly string[]>>;
/** One level of every dimension. */
export type Row = Readonly<Record<string, string>>;

/** Random rows that are tried for each row that is kept. */
const TRIES = 30;

/**
 * Rows in which every combination of the levels of any `strength` dimensions stands at least once (a covering array). Faults
 * that need two or three things together are found by it, without the full product. Always the same rows.
 */
export function covering(dimensions: Dimensions, strength: 2 | 3): readonly Row[] {
  const names = Object.keys(dimensions);
  const open = openCombinations(dimensions, names, strength);
  const random = randomNumbers(7);
  const sets = subsets(names, strength);
  const rows: Row[] = [];
  while (open.size > 0) {
    // One open combination is always part of the row, so that each row covers something.
    const [seed = ''] = open;
    let best: { readonly row: Row; readonly gain: readonly string[] } | null = null;
    for (let count = 0; count < TRIES; count++) {
      const row = { ...randomRow(dimensions, random), ...parse(seed) };
      const gain = sets.map((set) => keyOf(set, row)).filter((key) => open.has(key));
      if (best === null || gain.length > best.gain.length) best = { row, gain };
    }
    if (best === null) break;
    for (const key of best.gain) open.delete(key);
    rows.push(best.row);
  }
  return rows;
}

/** Every row that differs from the plain one, of first levels, in at most `most` dimensions. */
export function differences(dimensions: Dimensions, most: number): readonly Row[] {
  const plain = Object.fromEntries(Object.entries(dimensions).map(([name, [first = '']]) => [name, first]));
  const names = Object.keys(dimensions);
  return Array.from({ length: most + 1 }, (_, size) => subsets(names, size)).flatMap((sets) =>
    sets.flatMap((set) => {
      const others = Object.fromEntries(set.map((name) => [name, dimensions[name]?.slice(1) ?? []]));
      return [...product(others)].map((row) => ({ ...plain, ...row }));
    }),
  );
}

/** Every row there is. */
export function* product(dimensions: Dimensions): Generator<Row> {
  const entries = Object.entries(dimensions);
  const total = entries.reduce((count, [, levels]) => count * levels.length, 1);
  for (let number = 0; number < total; number++) {
    let rest = number;
    const row: Record<string, string> = {};
    for (const [name, levels] of entries) {
      row[name] = levels[rest % levels.length] ?? '';
      rest = Math.floor(rest / levels.length);
    }
    yield row;
  }
}

/** The first level of a dimension is the plain one: mostly that, so that what holds back does not hide all the rest. */
const PLAIN = 0.6;

function randomRow(dimensions: Dimensions, random: () => number): Row {
  const row: Record<string, string> = {};
  for (const [name, levels] of Object.entries(dimensions)) {
    row[name] = levels[random() < PLAIN ? 0 : Math.floor(random() * levels.length)] ?? '';
  }
  return row;
}

function openCombinations(dimensions: Dimensions, names: readonly string[], strength: number): Set<string> {
  const open = new Set<string>();
  for (const set of subsets(names, strength)) {
    const some = Object.fromEntries(set.map((name) => [name, dimensions[name] ?? []]));
    for (const row of product(some)) open.add(keyOf(set, row));
  }
  return open;
}

function subsets(names: readonly string[], size: number): readonly (readonly string[])[] {
  if (size === 0) return [[]];
  return names.flatMap((name, index) => subsets(names.slice(index + 1), size - 1).map((rest) => [name, ...rest]));
}

function keyOf(set: readonly string[], row: Row): string {
  return set.map((name) => `${name}=${row[name] ?? ''}`).join('|');
}

function parse(key: string): Row {
  return Object.fromEntries(key.split('|').map((pair) => pair.split('=') as [string, string]));
}
