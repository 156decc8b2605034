import { type Alert, type AlertPolicy, type OpenAlert, type Watched, judgeAlerts } from './alert.js';
import { type Notice, type ToldNotice, judgeNotices } from './alert-notice.js';
import { type MethodTrouble, type Queue, type QueuedAlert, enqueue } from './alert-queue.js';
import { type Outcome, fail, ok } from './outcome.js';
import {
  type Check,
  type Fields,
  count,
  flag,
  listOf,
  moment,
  number,
  objectOf,
  oneOf,
  orNull,
  text,
} from './shape.js';

/** What people were told and what they are still to be told: kept between two runs. Holds no secret. */
export interface AlertBook extends Queue {
  readonly format: 1;
  readonly open: readonly OpenAlert[];
  readonly told: readonly ToldNotice[];
}

export const EMPTY_BOOK: AlertBook = { format: 1, open: [], told: [], queue: [], troubles: [] };

/** What a run brings. */
export interface AlertNews {
  readonly run: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly methods: readonly string[];
  readonly notices: readonly Notice[];
  /** How everything is; null: this run has not looked. */
  readonly watched: readonly Watched[] | null;
  readonly policy: AlertPolicy;
}

/** Takes in what a run brings: the alerts that follow from it are in the queue. */
export function takeNews(book: AlertBook, news: AlertNews): AlertBook {
  const { now, run, methods, policy } = news;
  const notices = judgeNotices(book.told, news.notices, now, policy);
  const statuses =
    news.watched === null ? { open: book.open, alerts: [] } : judgeAlerts(book.open, news.watched, now, policy);
  const at = new Date(now).toISOString();
  const alerts = [...notices.alerts, ...statuses.alerts].map((one, index): Alert => ({
    ...one,
    id: `${now}-${run}-${index}`,
    at,
    run,
  }));
  return { format: 1, open: statuses.open, told: notices.told, ...enqueue(book, alerts, methods, now) };
}

export function formatAlertBook(book: AlertBook): string {
  return `${JSON.stringify(book, null, 1)}\n`;
}

/** Reads what {@link formatAlertBook} wrote. */
export function parseAlertBook(written: string): Outcome<AlertBook> {
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch {
    return fail('state_unreadable', 'it is not JSON, or only a part of it');
  }
  const wrong = isBook(value, '');
  return wrong === null ? ok(value as AlertBook) : fail('state_unreadable', wrong);
}

const alertFields: Fields<Alert> = {
  id: text,
  kind: oneOf('failure', 'change', 'repeat', 'recovery', 'closed', 'notice', 'test'),
  at: moment,
  subject: orNull(text),
  server: orNull(text),
  category: text,
  message: text,
  recovery: flag,
  status: orNull(text),
  since: orNull(moment),
  duration_ms: orNull(number),
  run: text,
};

const openFields: Fields<OpenAlert> = {
  subject: text,
  server: orNull(text),
  since: moment,
  first: moment,
  times: count,
  known: count,
  status: text,
  worst: count,
  told: moment,
  next: moment,
  pause: number,
  calm: orNull(moment),
};

const toldFields: Fields<ToldNotice> = { key: text, next: moment, pause: number, raised: moment };

const queuedFields: Fields<QueuedAlert> = {
  method: text,
  alert: objectOf(alertFields),
  tries: count,
  claimed: orNull(moment),
};

const troubleFields: Fields<MethodTrouble> = { method: text, failures: count, tried: moment, retry: moment };

const bookFields: Fields<AlertBook> = {
  format: oneOf(1),
  open: listOf(objectOf(openFields)),
  told: listOf(objectOf(toldFields)),
  queue: listOf(objectOf(queuedFields)),
  troubles: listOf(objectOf(troubleFields)),
};

const isBook: Check = objectOf(bookFields);
