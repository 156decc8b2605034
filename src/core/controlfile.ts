import { lsnFromNumber } from './lsn.js';
import type { ControlFile, ControlState } from './observation.js';

/** DBState of pg_control.h, in pg_controldata's words. */
const STATES: readonly ControlState[] = [
  'starting up',
  'shut down',
  'shut down in recovery',
  'shutting down',
  'in crash recovery',
  'in archive recovery',
  'in production',
];

/** Where ControlFileData's checksum may stand, bytes: its place differs between versions and is found by its value. */
const CRC_FROM = 200;
const CRC_TO = 400;

/**
 * Reads the head of `global/pg_control` as hexadecimal digits: the part that is the same in PostgreSQL 13 to 18 on a
 * little-endian machine (src/include/catalog/pg_control.h). Read raw, because `pg_controldata` is not always
 * installed and this needs one round trip. Null when the file is cut short or its CRC-32C is not found: then nothing
 * may be concluded from it.
 */
export function parseControlFile(hex: string): ControlFile | null {
  const bytes = fromHex(hex);
  if (bytes === null || bytes.length < CRC_TO) return null;
  const view = new DataView(bytes.buffer);
  const version = view.getUint32(8, true);
  if (version < 1300 || version > 1999 || !hasValidCrc(bytes, view)) return null;
  const state = STATES[view.getInt32(16, true)];
  if (state === undefined) return null;
  return {
    system_identifier: view.getBigUint64(0, true).toString(),
    state,
    checkpoint_lsn: lsnFromNumber(view.getBigUint64(32, true)),
    timeline: view.getUint32(48, true),
  };
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> | null {
  if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) return null;
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

function hasValidCrc(bytes: Uint8Array, view: DataView): boolean {
  let crc = 0xffffffff;
  for (let at = 0; at < CRC_TO; at++) {
    if (at >= CRC_FROM && at % 4 === 0 && view.getUint32(at, true) === (crc ^ 0xffffffff) >>> 0) return true;
    crc = crc32c(crc, bytes[at] ?? 0);
  }
  return false;
}

function crc32c(crc: number, byte: number): number {
  let value = (crc ^ byte) >>> 0;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0x82f63b78;
  return value >>> 0;
}
