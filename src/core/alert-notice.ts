import type { AlertPolicy, NewAlert } from './alert.js';

/** Something that a run has to tell people besides how the servers are. */
export interface Notice {
  readonly category: string;
  readonly server: string | null;
  readonly message: string;
  /** The same again and again is told with growing pauses: a failure, or the beginning of an attempt. */
  readonly recurring: boolean;
}

/** A recurring notice that people were told of. Times in ISO 8601. */
export interface ToldNotice {
  readonly key: string;
  readonly next: string;
  /** Milliseconds. */
  readonly pause: number;
  /** When it was raised last. */
  readonly raised: string;
}

export interface NoticeVerdict {
  readonly told: readonly ToldNotice[];
  readonly alerts: readonly NewAlert[];
}

/** Before a notice is new again, it must have been quiet for this many of its pauses. */
const QUIET = 2;
/** More different ones are not remembered. */
const MOST = 100;
/** Where alerts are not repeated, the same notice still is not told in every run. Milliseconds. */
const LEAST_PAUSE = 300_000;
/** Characters. */
const LONGEST_KEY = 300;

/** Decides which notices of a run people are told. `now` is milliseconds since the epoch. */
export function judgeNotices(
  told: readonly ToldNotice[],
  notices: readonly Notice[],
  now: number,
  policy: AlertPolicy,
): NoticeVerdict {
  const known = new Map(told.filter((one) => !isForgotten(one, now)).map((one) => [one.key, one]));
  const alerts: NewAlert[] = [];
  for (const notice of notices) {
    if (!notice.recurring) {
      alerts.push(alertOf(notice));
      continue;
    }
    const key = keyOf(notice);
    const before = known.get(key);
    if (before !== undefined && now < Date.parse(before.next) && now >= Date.parse(before.raised)) {
      known.set(key, { ...before, raised: stamp(now) });
      continue;
    }
    const first = policy.repeat === 0 ? LEAST_PAUSE : policy.repeat;
    const pause = before === undefined ? first : Math.min(before.pause * 2, Math.max(policy.longest, first));
    known.set(key, { key, next: stamp(now + pause), pause, raised: stamp(now) });
    alerts.push(alertOf(notice));
  }
  return { told: [...known.values()].slice(-MOST), alerts };
}

function isForgotten({ raised, pause }: ToldNotice, now: number): boolean {
  return now - Date.parse(raised) > QUIET * pause;
}

/** What is the same but for numbers, positions and times is the same. Names such as db2 keep their digits. */
function keyOf({ category, server, message }: Notice): string {
  const text = message.replaceAll(/\b[0-9A-F]+\/[0-9A-F]+\b|(?<![\w-])\d[\d.:-]*(?:T[\d:.]+Z)?/g, '#');
  return `${category} ${server ?? ''} ${text.slice(0, LONGEST_KEY)}`;
}

function alertOf({ category, server, message }: Notice): NewAlert {
  const none = { subject: null, status: null, since: null, duration_ms: null };
  return { kind: 'notice', server, category, message, recovery: false, ...none };
}

function stamp(now: number): string {
  return new Date(now).toISOString();
}
