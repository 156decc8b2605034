/**
 * A write-ahead log position as PostgreSQL's `pg_lsn`: a byte offset in the WAL, unsigned 64 bits
 * (PostgreSQL documentation, "pg_lsn Type").
 */
export type Lsn = bigint & { readonly __lsn: unique symbol };

const TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** Parses PostgreSQL's text form (`16/B374D848`); null when the text is not a position. */
export function parseLsn(text: string): Lsn | null {
  const match = TEXT.exec(text);
  if (match === null) return null;
  const [, high = '0', low = '0'] = match;
  return ((BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)) as Lsn;
}

/** A position from a raw 64-bit number, as pg_control stores it. */
export function lsnFromNumber(value: bigint): Lsn {
  return BigInt.asUintN(64, value) as Lsn;
}

/** PostgreSQL's text form: two upper-case hexadecimal halves. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}

/** The greater of two positions, where either may be absent. */
export function maxLsn(a: Lsn | null, b: Lsn | null): Lsn | null {
  if (a === null) return b;
  if (b === null) return a;
  return a > b ? a : b;
}

/** How many bytes `behind` is behind `ahead`; 0 when it is not behind. */
export function bytesBehind(behind: Lsn, ahead: Lsn): number {
  return behind >= ahead ? 0 : Number(ahead - behind);
}
