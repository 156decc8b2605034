import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** The clocks of this host. The core gets times as values; this is where they come from. */
export interface Clock {
  /** Milliseconds since the epoch; can jump. */
  wall(): number;
  /** Milliseconds since this host booted, a suspend included; to a hundredth of a second. */
  uptime(): number;
  /** Milliseconds that never go backwards, for measuring; not comparable between processes. */
  monotonic(): number;
  /** Names this boot of this host. */
  bootId(): string;
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** The clocks of the operating system. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  uptime: () => Math.round(uptime() * 1000),
  monotonic: () => performance.now(),
  bootId: () => readBootId(BOOT_ID),
};

/**
 * The kernel's own name of this boot. Where there is none, the moment of the boot serves: a jump of the clock then
 * looks like a boot, after which HandyRep is careful for a round.
 */
export function readBootId(path: string): string {
  try {
    const id = readFileSync(path, 'utf8').trim();
    if (id !== '') return id;
  } catch {
    // Not Linux.
  }
  const minute = Math.round((Date.now() / 1000 - uptime()) / 60);
  return `booted-${String(minute)}`;
}
