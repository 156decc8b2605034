import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Alert, Watched } from '../../src/core/alert.js';
import { parseAlertBook } from '../../src/core/alert-book.js';
import type { Event } from '../../src/core/event.js';
import { type Outcome, fail, ok } from '../../src/core/outcome.js';
import type { PluginContext } from '../../src/index.js';
import type { Registry } from '../../src/plugin/registry.js';
import { type AlertDesk, type RunNews, createAlertDesk, noticeOf } from '../../src/service/alerts.js';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'handyrep-desk-'));
  path = join(dir, 'servers.save.alerts');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

type Send = (context: PluginContext, alert: Alert) => Promise<Outcome<string>>;

/** A process with these methods; what it logs. */
function desk(methods: Readonly<Record<string, Send>>, repeat = 300_000) {
  const log: Event[] = [];
  const registry = {
    get: async (_kind: string, name: string) => ok(methods[name]),
    tester: async () => ok(null),
  } as unknown as Registry;
  const policy = { repeat, longest: repeat };
  const made = createAlertDesk({
    path,
    methods: Object.keys(methods),
    policy,
    redact: (text) => text.replaceAll('s3cret', '***'),
  });
  const context = (signal: AbortSignal): PluginContext => ({ signal }) as unknown as PluginContext;
  const hand = async (news: Partial<RunNews>): Promise<void> => {
    made.hand({ run: 'r1', notices: [], watched: null, registry, context, tell: (event) => log.push(event), ...news });
    await made.settled();
  };
  return { desk: made satisfies AlertDesk, hand, log, problems: () => log.filter(({ iserror }) => iserror === true) };
}

function collector() {
  const got: string[] = [];
  const send: Send = async (_context, alert) => {
    got.push(`${alert.kind}: ${alert.message}`);
    return ok('sent');
  };
  return { got, send };
}

const refusing: Send = async () => fail('plugin_failed', 'the mail server is dead');
const down: Watched = {
  subject: 'server db2',
  server: 'db2',
  status: 'down',
  level: 4,
  message: 'refused',
  covered: false,
};
const well: Watched = { ...down, status: 'healthy', level: 0, message: 'streams' };

async function book() {
  const parsed = parseAlertBook(await readFile(path, 'utf8'));
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

test('several methods at once; one that fails gets it from a later run, the others only once', async () => {
  const mail = collector();
  const chat = collector();
  const first = desk({ mail: refusing, chat: chat.send });
  await first.hand({ watched: [down] });
  expect(chat.got).toEqual(['failure: db2 is down: refused']);
  expect(first.problems().map(({ message }) => message)).toEqual([
    'mail: 1 alert(s) not sent, kept for a later run: the mail server is dead',
  ]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  // A later run has something new: then what is older goes first. Its recovery is one message more.
  await desk({ mail: mail.send, chat: chat.send }).hand({ watched: [well] });
  expect(mail.got.map((one) => one.split(' ')[0])).toEqual(['failure:', 'recovery:']);
  expect(chat.got.map((one) => one.split(' ')[0])).toEqual(['failure:', 'recovery:']);
  expect((await book()).queue).toEqual([]);
});

test('a run that has nothing to tell writes nothing', async () => {
  await desk({ mail: refusing }).hand({ watched: [well] });
  expect(await readdir(dir)).toEqual([]);
});

test('two processes at once: each alert is sent by one of them, and a failure is told once', async () => {
  const mail = collector();
  const slow: Send = async (context, alert) => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return mail.send(context, alert);
  };
  const desks = Array.from({ length: 6 }, () => desk({ mail: slow }));
  await Promise.all(
    desks.map(({ hand }, index) =>
      hand({
        run: `r${index}`,
        watched: [down],
        notices: [{ category: 'FAILOVER', server: null, message: `by ${index}`, recurring: false }],
      }),
    ),
  );
  expect(mail.got.toSorted()).toEqual([
    'failure: db2 is down: refused',
    ...[0, 1, 2, 3, 4, 5].map((n) => `notice: by ${n}`),
  ]);
  expect((await book()).queue).toEqual([]);
});

test('a method that hangs is told to stop, and holds the others up no longer than ten seconds', async () => {
  const chat = collector();
  let stopped = false;
  const hung: Send = (context) => new Promise(() => context.signal.addEventListener('abort', () => (stopped = true)));
  const { hand, desk: one, problems } = desk({ mail: hung, chat: chat.send });
  const begun = performance.now();
  const work = hand({ watched: [down] });
  await work;
  await one.settled();
  expect(performance.now() - begun).toBeLessThan(12_000);
  expect(stopped).toBe(true);
  expect(chat.got).toHaveLength(1);
  expect(problems()[0]?.message).toContain('mail: 1 alert(s) not sent, kept for a later run: no end within 10 s');
}, 20_000);

test('where it cannot be kept people are told all the same, once a process', async () => {
  path = join(dir, 'not', 'there');
  const mail = collector();
  const { hand, problems } = desk({ mail: mail.send });
  for (const run of ['r1', 'r2', 'r3']) await hand({ run, watched: [down] });
  expect(mail.got).toEqual(['failure: db2 is down: refused']);
  expect(problems()[0]?.message).toContain('what was told is not kept');
});

test('what could not be kept is kept as soon as it can be', async () => {
  const mail = collector();
  path = join(dir, 'late', 'alerts');
  const { hand } = desk({ mail: mail.send, chat: refusing });
  await hand({ watched: [down] });
  const { mkdir } = await import('node:fs/promises');
  await mkdir(join(dir, 'late'));
  await hand({ watched: [down] });
  expect((await book()).open.map(({ subject }) => subject)).toEqual(['server db2']);
  expect((await book()).queue.map(({ method }) => method)).toEqual(['chat']);
  expect(mail.got).toHaveLength(1);
});

test('a damaged file is set aside', async () => {
  await writeFile(path, '{"format":1,"open":[');
  const mail = collector();
  await desk({ mail: mail.send }).hand({ watched: [down] });
  expect(mail.got).toHaveLength(1);
  expect(await readFile(`${path}.corrupt`, 'utf8')).toContain('"open":[');
});

test('no secret is sent or kept', async () => {
  const mail = collector();
  const notices = [{ category: 'STATE', server: null, message: 'token s3cret is bad', recurring: true }];
  await desk({ mail: mail.send, chat: refusing }).hand({ watched: [{ ...down, message: 's3cret' }], notices });
  expect(mail.got).toEqual(['notice: token *** is bad', 'failure: db2 is down: ***']);
  expect(await readFile(path, 'utf8')).not.toContain('s3cret');
});

test('nobody to tell: nothing is done', async () => {
  await desk({}).hand({ watched: [down] });
  expect(await readdir(dir)).toEqual([]);
});

describe('which events are notices', () => {
  test.each<{ event: Partial<Event>; recurring: boolean | null }>([
    { event: {}, recurring: null },
    { event: { alert: false }, recurring: null },
    { event: { alert: 'status' }, recurring: null },
    { event: { alert: true }, recurring: false },
    { event: { alert: true, iserror: true }, recurring: true },
    { event: { alert: 'announcement' }, recurring: true },
  ])('$event', ({ event, recurring }) => {
    expect(noticeOf({ category: 'FAILOVER', message: 'x', ...event })?.recurring ?? null).toBe(recurring);
  });
});
