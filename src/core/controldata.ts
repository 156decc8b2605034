import { type Lsn, parseLsn } from './lsn.js';

/** What pg_controldata says besides what {@link ControlFile} holds; null where it did not say it. */
export interface ControlData {
  readonly min_recovery: { readonly timeline: number; readonly lsn: Lsn } | null;
  readonly segment_bytes: number | null;
  readonly wal_log_hints: boolean | null;
  readonly checksums: boolean | null;
  readonly full_page_writes: boolean | null;
}

/** Reads the output of pg_controldata in the C locale (PostgreSQL 13 to 18). */
export function parseControlData(text: string): ControlData {
  const value = (label: string): string | null => {
    const line = text.split('\n').find((one) => one.startsWith(`${label}:`));
    return line === undefined ? null : line.slice(label.length + 1).trim();
  };
  const on = (label: string): boolean | null => {
    const said = value(label);
    return said === null ? null : said === 'on';
  };
  const lsn = parseLsn(value('Minimum recovery ending location') ?? '');
  const timeline = Number(value("Min recovery ending loc's timeline") ?? 0);
  const segment = Number(value('Bytes per WAL segment') ?? Number.NaN);
  const checksums = value('Data page checksum version');
  return {
    min_recovery: lsn === null || lsn === 0n || !(timeline > 0) ? null : { timeline, lsn },
    segment_bytes: Number.isInteger(segment) && segment > 0 ? segment : null,
    wal_log_hints: on('wal_log_hints setting'),
    checksums: checksums === null ? null : checksums !== '0',
    full_page_writes: on("Latest checkpoint's full_page_writes"),
  };
}
