/** Milliseconds in each unit, largest first. */
const DURATION_UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** Bytes in each unit, largest first: PostgreSQL's multiples of 1024 ("Parameter Names and Values"). */
const SIZE_UNITS = { TB: 1024 ** 4, GB: 1024 ** 3, MB: 1024 ** 2, kB: 1024, B: 1 } as const;

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?$/;
const SIZE = /^(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB)?$/i;

/**
 * Milliseconds of a duration: a number is seconds; text has a unit (`500ms`, `5s`, `2m`, `1h`, `1d`), or none for
 * seconds. Fractions of a millisecond are rounded. Null when it is not a duration, negative ones included.
 */
export function parseDuration(value: number | string): number | null {
  if (typeof value === 'number') return whole(value * DURATION_UNITS.s);
  const match = DURATION.exec(value.trim());
  if (match === null) return null;
  const [, amount = '', unit = 's'] = match;
  const name = unit === 'min' ? 'm' : unit;
  return isDurationUnit(name) ? whole(Number(amount) * DURATION_UNITS[name]) : null;
}

/** The shortest exact text of a duration in milliseconds: in the largest unit that divides it. */
export function formatDuration(milliseconds: number): string {
  return inLargestUnit(milliseconds, DURATION_UNITS, '0s');
}

/**
 * Bytes of a size: a number is MB; text has a unit (`100B`, `512kB`, `16MB`, `1GB`, `1TB`, multiples of 1024), or none
 * for MB. Null when it is not a size, negative ones included.
 */
export function parseSize(value: number | string): number | null {
  if (typeof value === 'number') return whole(value * SIZE_UNITS.MB);
  const match = SIZE.exec(value.trim());
  if (match === null) return null;
  const [, amount = '', written = 'MB'] = match;
  const bytes = Object.entries(SIZE_UNITS).find(([unit]) => unit.toLowerCase() === written.toLowerCase())?.[1];
  return bytes === undefined ? null : whole(Number(amount) * bytes);
}

/** The shortest exact text of a size in bytes: in the largest unit that divides it. */
export function formatSize(bytes: number): string {
  return inLargestUnit(bytes, SIZE_UNITS, '0B');
}

function isDurationUnit(unit: string): unit is keyof typeof DURATION_UNITS {
  return Object.hasOwn(DURATION_UNITS, unit);
}

function whole(value: number): number | null {
  const rounded = Math.round(value);
  return Number.isSafeInteger(rounded) && value >= 0 ? rounded : null;
}

function inLargestUnit(value: number, units: Readonly<Record<string, number>>, zero: string): string {
  if (value === 0) return zero;
  const [unit, each] = Object.entries(units).find(([, each]) => value % each === 0) ?? ['', 1];
  return `${String(value / each)}${unit}`;
}

/** A size that was measured, for people: three digits are enough. */
export function roughSize(bytes: number): string {
  const [unit, each] = Object.entries(SIZE_UNITS).find(([, size]) => bytes >= size) ?? ['B', 1];
  return `${String(Number((bytes / each).toPrecision(3)))} ${unit}`;
}

/** A time that was measured or added up, for people: the two largest units of it, and three digits below a minute. */
export function roughDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${String(Math.round(milliseconds))} ms`;
  if (milliseconds < 60_000) return `${String(Number((milliseconds / 1000).toPrecision(3)))} s`;
  const seconds = Math.round(milliseconds / 1000);
  const parts = (
    [
      ['d', Math.floor(seconds / 86_400)],
      ['h', Math.floor(seconds / 3600) % 24],
      ['m', Math.floor(seconds / 60) % 60],
      ['s', seconds % 60],
    ] as const
  ).filter(([, amount]) => amount > 0);
  return parts
    .slice(0, 2)
    .map(([unit, amount]) => `${String(amount)} ${unit}`)
    .join(' ');
}
