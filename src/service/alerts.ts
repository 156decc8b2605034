import type { Alert, AlertPolicy, Watched } from '../core/alert.js';
import { type AlertBook, EMPTY_BOOK, takeNews } from '../core/alert-book.js';
import type { Notice } from '../core/alert-notice.js';
import { type QueuedAlert, type Turn, claim, settle } from '../core/alert-queue.js';
import { ALERT_BOOK_MS, SEND_ALERTS_MS, STOP_ALERT_MS } from '../core/limits.js';
import type { Event } from '../core/event.js';
import { type Outcome, describeFailure, fail } from '../core/outcome.js';
import { pause } from '../io/wait.js';
import type { PluginContext } from '../plugin/contract.js';
import type { Registry } from '../plugin/registry.js';
import { readAlertBook, updateAlertBook } from '../state/alert-file.js';

/** Who was killed while sending is not waited for longer. */
const LEASE_MS = SEND_ALERTS_MS + 10_000;

/** What a run hands over when its work is done. */
export interface RunNews {
  readonly run: string;
  readonly notices: readonly Notice[];
  /** How everything is; null: this run has not looked. */
  readonly watched: readonly Watched[] | null;
  readonly registry: Registry;
  context(signal: AbortSignal): PluginContext;
  tell(event: Event): void;
}

export interface DeskOptions {
  /** Of the alert book. */
  readonly path: string;
  /** Names of plugins. */
  readonly methods: readonly string[];
  readonly policy: AlertPolicy;
  readonly redact: (text: string) => string;
}

/** Tells people what runs have to say, beside whatever goes on: nothing waits for it, and it fails nothing. */
export interface AlertDesk {
  hand(news: RunNews): void;
  /** When everything that was handed over is sent, or kept for a later run. */
  settled(): Promise<void>;
}

export function createAlertDesk(options: DeskOptions): AlertDesk {
  // What people were told in this process, for when it cannot be written.
  const memory: Memory = { book: null };
  let work = Promise.resolve();
  return {
    hand: (news) => {
      if (options.methods.length === 0) return;
      work = work
        .then(() => send(options, memory, news))
        .catch((error: unknown) => {
          const message = `alerts were not sent: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
          news.tell({ category: 'ALERT', message, iserror: true });
        });
    },
    settled: () => work,
  };
}

/** The alert that an event is, if it is one. */
export function noticeOf(event: Event): Notice | null {
  // Every change of a status is told from the saved state, which knows what people were told before.
  if (event.alert === undefined || event.alert === false || event.alert === 'status') return null;
  const { category, message, server = null, iserror = false } = event;
  return { category, server, message, recurring: iserror || event.alert === 'announcement' };
}

interface Memory {
  book: AlertBook | null;
}

async function send(options: DeskOptions, memory: Memory, news: RunNews): Promise<void> {
  const now = Date.now();
  const clean = cleaned(options, news);
  const intake = (book: AlertBook): AlertBook => takeNews(book, { ...clean, now });
  if (memory.book === null && (await isQuiet(options.path, intake, now))) return;
  let due: readonly QueuedAlert[] = [];
  const take = (before: AlertBook): AlertBook => {
    const book = intake(before);
    const claimed = claim(book, now, LEASE_MS);
    ({ due } = claimed);
    return { ...book, ...claimed.queue };
  };
  await change(options, memory, news, take);
  const turns = await Promise.all(options.methods.map((method) => takeTurn(method, due, news)));
  const had = turns.filter(({ taken }) => taken.length > 0);
  if (had.length > 0) await change(options, memory, news, (book) => ({ ...book, ...settle(book, had, Date.now()) }));
}

function cleaned({ redact, methods, policy }: DeskOptions, { run, notices, watched }: RunNews) {
  return {
    run,
    methods,
    policy,
    notices: notices.map((one) => ({ ...one, message: redact(one.message) })),
    watched: watched?.map((one) => ({ ...one, message: redact(one.message) })) ?? null,
  };
}

/** In most runs there is nothing to tell, and nothing is written then. */
async function isQuiet(path: string, intake: (book: AlertBook) => AlertBook, now: number): Promise<boolean> {
  const read = await readAlertBook(path);
  if (!read.ok) return false;
  const next = intake(read.value);
  if (claim(next, now, 0).due.length > 0) return false;
  return JSON.stringify(next) === JSON.stringify(read.value);
}

/** The book that cannot be written is kept for as long as this process lives: better told too often than not at all. */
async function change(
  options: DeskOptions,
  memory: Memory,
  news: RunNews,
  how: (book: AlertBook) => AlertBook,
): Promise<void> {
  const { path } = options;
  const { run } = news;
  const done: Outcome<AlertBook> =
    memory.book === null
      ? await updateAlertBook(path, { run, wait_ms: ALERT_BOOK_MS }, how)
      : await updateAlertBook(path, { run, wait_ms: ALERT_BOOK_MS }, mergedWith(memory.book, how));
  if (done.ok) {
    memory.book = null;
    return;
  }
  const read = await readAlertBook(path);
  memory.book = how(memory.book ?? (read.ok ? read.value : EMPTY_BOOK));
  news.tell({ category: 'ALERT', message: `what was told is not kept: ${describeFailure(done.error)}`, iserror: true });
}

/** What we could not write comes in before what others wrote is forgotten. */
function mergedWith(ours: AlertBook, how: (book: AlertBook) => AlertBook): (book: AlertBook) => AlertBook {
  return (theirs) => {
    const known = new Set(ours.queue.map(({ method, alert }) => `${method} ${alert.id}`));
    const more = theirs.queue.filter(({ method, alert }) => !known.has(`${method} ${alert.id}`));
    return how({ ...ours, queue: [...more, ...ours.queue] });
  };
}

/** One method sends what is due, in order, until one fails or the time is over. */
async function takeTurn(method: string, due: readonly QueuedAlert[], news: RunNews): Promise<Turn> {
  const mine = due.filter((one) => one.method === method).map(({ alert }) => alert);
  const taken = mine.map(({ id }) => id);
  if (mine.length === 0) return { method, taken, sent: [], failed: null };
  const { sent, problem } = await sendBy(method, mine, news);
  const failed = mine[sent.length]?.id ?? null;
  if (problem === null) news.tell({ category: 'ALERT', message: `${method}: ${sent.length} alert(s) sent` });
  else {
    const message = `${method}: ${mine.length - sent.length} alert(s) not sent, kept for a later run: ${problem}`;
    news.tell({ category: 'ALERT', message, iserror: true });
  }
  return { method, taken, sent, failed };
}

/** Ids of the alerts that went out, and why the next one did not. */
interface Sent {
  readonly sent: readonly string[];
  readonly problem: string | null;
}

/** Sends alerts by one method, until one fails or the time is over; then what is under way is told to stop, and given up. */
export async function sendBy(
  method: string,
  alerts: readonly Alert[],
  { registry, context }: Pick<RunNews, 'registry' | 'context'>,
): Promise<Sent> {
  const plugin = await registry.get('push_alert_method', method);
  if (!plugin.ok) return { sent: [], problem: describeFailure(plugin.error) };
  const stop = new AbortController();
  const over = new AbortController();
  const lost = pause(SEND_ALERTS_MS, over.signal).then(async () => {
    stop.abort();
    await pause(STOP_ALERT_MS, over.signal);
    return fail('plugin_failed', `no end within ${SEND_ALERTS_MS / 1000} s`);
  });
  const sent: string[] = [];
  try {
    for (const alert of alerts) {
      const done = await Promise.race([plugin.value(context(stop.signal), alert), lost]);
      if (!done.ok) return { sent, problem: describeFailure(done.error) };
      sent.push(alert.id);
    }
    return { sent, problem: null };
  } finally {
    over.abort();
  }
}
