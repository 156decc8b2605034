import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { type EvidenceEntry, readEntry } from '../core/evidence.js';
import { decodeJson, encodeJson } from '../core/json.js';
import { type Outcome, fail } from '../core/outcome.js';
import { isObject } from '../core/shape.js';
import { redactDeep } from './redact.js';

/** What a packed entry may grow to when it is unpacked: no line of ours comes near it. Bytes. */
const LARGEST = 64 * 1024 * 1024;

/**
 * An entry as its line, without the end of line. `packed`: all but its name is compressed, for the repeats, of which there
 * are thousands a day. Every line can be read without any other.
 */
export function formatLine(
  entry: EvidenceEntry,
  { redact, packed }: { readonly redact: (text: string) => string; readonly packed: boolean },
): string {
  const whole = redactDeep(entry, redact);
  if (!packed) return encodeJson(whole);
  const { ts, format, run, seq } = entry;
  return encodeJson({ ts, format, run, seq, packed: deflateRawSync(encodeJson(whole)).toString('base64') });
}

/** Reads one line, packed or not. */
export function parseEvidence(line: string): Outcome<EvidenceEntry> {
  const decoded = decodeJson(line);
  if (!decoded.ok) return unreadable(decoded.error.message);
  const { value } = decoded;
  if (!isObject(value) || typeof value['packed'] !== 'string') return readEntry(value);
  const whole = unpack(value['packed']);
  return whole.ok ? readEntry(whole.value) : whole;
}

function unpack(packed: string): Outcome<unknown> {
  try {
    const text = inflateRawSync(Buffer.from(packed, 'base64'), { maxOutputLength: LARGEST }).toString('utf8');
    const decoded = decodeJson(text);
    return decoded.ok ? decoded : unreadable(`packed: ${decoded.error.message}`);
  } catch {
    return unreadable('packed cannot be unpacked: it is damaged');
  }
}

function unreadable(message: string): Outcome<never> {
  return fail('evidence_unreadable', message);
}
