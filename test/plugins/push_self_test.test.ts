import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { expect, test } from 'vitest';
import { createHosts } from '../../src/io/hosts.js';
import type { PluginContext } from '../../src/index.js';
import { createRegistry } from '../../src/plugin/registry.js';
import { serverDef } from '../core/saved-example.js';
import { deadPort, mute, receiver } from './alerting.js';

/** What a plugin says of itself before it is needed. */
async function selfTest(name: string, settings: object) {
  const registry = createRegistry({
    plugins_dir: '/nonexistent',
    settings: { [name]: settings },
    redact: (text) => text.replaceAll('s3cret-token', '********'),
  });
  const tester = await registry.tester(name);
  if (!tester.ok || tester.value === null) throw new Error(`${name} has no test`);
  const timeouts = { ssh_timeout: 1000, command_timeout: 1000 };
  const hosts = createHosts({ postgres_os_user: 'nobody', ...timeouts, env: process.env });
  const context = { hosts, signal: new AbortController().signal, servers: [] } as unknown as PluginContext;
  const done = await tester.value(context, serverDef('db1'));
  return done.ok ? done.value : `FAIL ${done.error.message}`;
}

test('push_webhook asks whether anybody is there, and posts nothing', async () => {
  await using to = await receiver(405);
  expect(await selfTest('push_webhook', { url: `http://127.0.0.1:${to.port}/s3cret-token` })).toBe(
    `http://127.0.0.1:${to.port} answers`,
  );
  expect(to.posted.map(({ body }) => body)).toEqual(['']);
  const port = await deadPort();
  expect(await selfTest('push_webhook', { url: `http://127.0.0.1:${port}/s3cret-token` })).toMatch(
    /^FAIL .*ECONNREFUSED/,
  );
  await using silent = await mute();
  const said = await selfTest('push_webhook', { url: `http://127.0.0.1:${silent.port}/s3cret-token`, timeout: 0.3 });
  expect(said).toBe(`FAIL http://127.0.0.1:${silent.port}: no answer in time`);
});

test('push_command looks for its program', async () => {
  expect(await selfTest('push_command', { command: ['sh', '-c', 'exit 1'] })).toBe('sh is there');
  expect(await selfTest('push_command', { command: ['/etc/passwd'] })).toMatch(
    /^FAIL \/etc\/passwd is not an executable/,
  );
  expect(await selfTest('push_command', { command: ['no such program'] })).toMatch(/^FAIL /);
});

test('push_email_alert_simple logs in and sends nothing', async () => {
  let mails = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (_stream, _session, done) => {
      mails++;
      done();
    },
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.server.address() as AddressInfo;
  const people = { from: 'a@example.com', to: ['b@example.com'] };
  expect(await selfTest('push_email_alert_simple', { ...people, port, tls: 'none' })).toBe(`localhost:${port} took it`);
  expect(mails).toBe(0);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  expect(await selfTest('push_email_alert_simple', { ...people, port, tls: 'none' })).toMatch(
    /^FAIL mail server .*ECONNREFUSED/,
  );
  const sendmail = { ...people, transport: 'sendmail', sendmail: '/nonexistent/sendmail' };
  expect(await selfTest('push_email_alert_simple', sendmail)).toMatch(/^FAIL \/nonexistent\/sendmail is not/);
});
