/** What a copying program says of how far it is, read from its output as it comes. */

const KILO = 1024;

/** A position in a copy; `total` null where the program does not tell it. */
export interface CopyPosition {
  readonly bytes: number;
  readonly total: number | null;
}

/**
 * The last position in some output of `pg_basebackup --progress`: `12345/67890 kB (18%), 0/1 tablespace`. Null when there
 * is none. The total is an estimate and grows with what is copied.
 */
export function basebackupPosition(output: string): CopyPosition | null {
  const last = [...output.matchAll(/(?:^|[\r\n])\s*(\d+)(?:\/(\d+))?(?= kB|[\r\n])/g)].at(-1);
  if (last?.[1] === undefined) return null;
  const bytes = Number(last[1]) * KILO;
  const total = last[2] === undefined ? null : Number(last[2]) * KILO;
  // 0 stands for a total that is not known yet.
  return { bytes, total: total === null || total === 0 ? null : Math.max(total, bytes) };
}

/** The last position in some output of `rsync --info=progress2`: `  1,234,567  12%    1.21MB/s    0:00:01`. */
export function rsyncPosition(output: string): number | null {
  const last = [...output.matchAll(/(?:^|[\r\n])\s*([\d,.]+)\s+\d+%\s/g)].at(-1);
  return last?.[1] === undefined ? null : Number(last[1].replaceAll(/[,.]/g, ''));
}

/** A tablespace that lies outside of the data directory. */
export interface Tablespace {
  readonly oid: string;
  /** Where it lies on the server that is copied. */
  readonly location: string;
  readonly bytes: number;
}

/** Where a tablespace goes on the server that is made: the same path, or what it is mapped to. */
export function mappedLocation(location: string, mapping: Readonly<Record<string, string>>): string {
  return Object.hasOwn(mapping, location) ? (mapping[location] ?? location) : location;
}

/** A line of `tablespace_map` ("pg_backup_stop"): a newline or backslash in the path is escaped by a backslash. */
export function tablespaceMapLine(oid: string, path: string): string {
  return `${oid} ${path.replaceAll(/[\\\n\r]/g, '\\$&')}\n`;
}
