import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { alerting, deadPort, mute, receiver } from './alerting.js';

const SECRET = 'a-shared-secret';
const PATH = '/services/T0000/B0000/XXXXXXXXXXXX';

function settings(port: number, more: object = {}): { readonly push_webhook: object } {
  return { push_webhook: { url: `http://127.0.0.1:${port}${PATH}`, ...more } };
}

test('it posts JSON, signed where a secret is given, and nothing of either is printed or logged', async () => {
  await using to = await receiver(200);
  const secrets = { secret: { env: 'SIGN' }, token: 'bearer-of-this' };
  await using host = await alerting(settings(to.port, secrets), { SIGN: SECRET });
  const report = await host.handyrep.testAlerts();
  expect(report).toMatchObject({ exit_code: 0, methods: [{ method: 'push_webhook', ok: true }] });
  const [one] = to.posted;
  if (one === undefined) throw new Error('nothing came');
  expect(one.path).toBe(PATH);
  expect(one.headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer bearer-of-this' });
  expect(one.headers['x-handyrep-signature']).toBe(
    `sha256=${createHmac('sha256', SECRET).update(one.body).digest('hex')}`,
  );
  expect(JSON.parse(one.body)).toMatchObject({ cluster: 'app', kind: 'test', recovery: false, server: null });
  const shown = JSON.stringify([report, await host.log(), host.handyrep.getSetting('plugins.push_webhook')]);
  for (const secret of [SECRET, 'bearer-of-this', PATH]) expect(shown).not.toContain(secret);
  expect(host.handyrep.getSetting('plugins.push_webhook')).toMatchObject({
    url: '********',
    secret: '********',
    token: '********',
  });
});

test('Slack gets a text', async () => {
  await using to = await receiver(200);
  await using host = await alerting(settings(to.port, { format: 'slack' }));
  await host.handyrep.testAlerts();
  const body = JSON.parse(to.posted[0]?.body ?? '') as { readonly text: string };
  expect(Object.keys(body)).toEqual(['text']);
  expect(body.text).toMatch(/^\*\[app\] NOTICE this is a test\*\nthis is a test: alerts of this cluster arrive here\n/);
});

test.each([
  { what: '500, then 200', answer: [500, 200], ok: true, posts: 2 },
  { what: '429, 503, then 204', answer: [429, 503, 204], ok: true, posts: 3 },
  { what: 'always 500: only so often', answer: [500], ok: false, posts: 3 },
  { what: '404: at once, it would not help', answer: [404], ok: false, posts: 1 },
  { what: 'a redirection, which is not followed', answer: [302], ok: false, posts: 1 },
])('an answer $what', async ({ answer, ok, posts }) => {
  await using to = await receiver(...answer);
  await using host = await alerting(settings(to.port));
  const report = await host.handyrep.testAlerts();
  expect(report).toMatchObject({ exit_code: ok ? 0 : 1 });
  expect(to.posted).toHaveLength(posts);
  // The far side repeats the path, which is the secret.
  expect(report.details).not.toContain(PATH);
  if (!ok) expect(report.details).toContain(`http://127.0.0.1:${to.port}: answered ${answer[0] ?? ''}`);
});

test('nobody there, and somebody who says nothing: the reason, in bounded time', async () => {
  const port = await deadPort();
  await using dead = await alerting(settings(port, { retries: 1 }));
  expect((await dead.handyrep.testAlerts()).details).toMatch(/ECONNREFUSED.*2 times tried/);
  await using silent = await mute();
  await using host = await alerting(settings(silent.port, { retries: 1, timeout: 0.5 }));
  const begun = performance.now();
  expect((await host.handyrep.testAlerts()).details).toContain('no answer in time, 2 times tried');
  expect(performance.now() - begun).toBeLessThan(5000);
});
