import { formatLsn, parseLsn, type Lsn } from './lsn.js';
import { fail, ok, type Outcome } from './outcome.js';

/**
 * Writes a value as JSON, positions as `pg_lsn` text. Positions must be under a key `lsn` or one that ends in `_lsn`, by
 * which {@link decodeJson} knows them again.
 */
export function encodeJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, inner: unknown) => (typeof inner === 'bigint' ? formatLsn(inner as Lsn) : inner),
    indent,
  );
}

/** Reads what {@link encodeJson} wrote; text under a position's key that is no position is a failure. */
export function decodeJson(text: string): Outcome<unknown> {
  const wrong: string[] = [];
  try {
    const value: unknown = JSON.parse(text, (key, inner: unknown) => {
      if (typeof inner !== 'string' || !isLsnKey(key)) return inner;
      const lsn = parseLsn(inner);
      if (lsn === null) wrong.push(`${key} is not a WAL position: ${JSON.stringify(inner.slice(0, 40))}`);
      return lsn;
    });
    const [first] = wrong;
    return first === undefined ? ok(value) : fail('state_unreadable', first);
  } catch {
    // JSON.parse's own words quote the text, which may be anything.
    return fail('state_unreadable', text.trim() === '' ? 'it is empty' : 'it is not JSON, or only a part of it');
  }
}

function isLsnKey(key: string): boolean {
  return key === 'lsn' || key.endsWith('_lsn');
}
