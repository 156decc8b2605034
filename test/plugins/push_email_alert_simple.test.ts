import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alerting, deadPort, mute } from './alerting.js';

let dir: string;
let key: string;
let cert: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'handyrep-mail-'));
  const request = 'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost';
  const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')];
  execFileSync('openssl', [...request.split(' '), ...files], { stdio: 'ignore' });
  [key, cert] = await Promise.all([readFile(join(dir, 'key.pem'), 'utf8'), readFile(join(dir, 'cert.pem'), 'utf8')]);
});

afterAll(() => rm(dir, { recursive: true, force: true }));

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
  readonly encrypted: boolean;
  readonly user: string | null;
}

/** A real mail server. Whoever logs in must be ops with this password. */
async function mailServer(
  options: SMTPServerOptions = {},
): Promise<AsyncDisposable & { readonly port: number; readonly mails: Mail[] }> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    key,
    cert,
    authOptional: true,
    onAuth: ({ username, password }, _session, done) => {
      if (username === 'ops' && password === 'mail-password') done(null, { user: username });
      else done(new Error('Invalid username or password'));
    },
    onData: (stream, { envelope, secure, user }, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        const to = envelope.rcptTo.map(({ address }) => address);
        mails.push({
          from,
          to,
          text: Buffer.concat(chunks).toString('utf8'),
          encrypted: secure,
          user: typeof user === 'string' ? user : null,
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.server.address() as AddressInfo;
  const stop = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { port, mails, [Symbol.asyncDispose]: stop };
}

const PEOPLE = { from: 'HandyRep <handyrep@example.com>', to: ['ops@example.com', 'Night <night@example.com>'] };

function settings(port: number, more: object = {}) {
  return { push_email_alert_simple: { ...PEOPLE, host: 'localhost', port, ...more } };
}

describe('by SMTP', () => {
  test.each([
    { tls: 'starttls', server: {}, encrypted: true },
    { tls: 'tls', server: { secure: true }, encrypted: true },
    { tls: 'opportunistic', server: {}, encrypted: true },
    { tls: 'opportunistic', server: { disabledCommands: ['STARTTLS'] }, encrypted: false },
    { tls: 'none', server: {}, encrypted: false },
  ])('with tls: $tls, and a server with $server', async ({ tls, server, encrypted }) => {
    await using mail = await mailServer(server);
    await using host = await alerting(settings(mail.port, { tls, ca_file: join(dir, 'cert.pem') }));
    expect(await host.handyrep.testAlerts()).toMatchObject({ exit_code: 0, details: expect.any(String) as string });
    expect(mail.mails).toMatchObject([
      { from: 'handyrep@example.com', to: ['ops@example.com', 'night@example.com'], encrypted },
    ]);
    const text = mail.mails[0]?.text ?? '';
    expect(text).toMatch(/^Subject: \[app\] NOTICE this is a test\r$/m);
    expect(text).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(text).toMatch(/^cluster {2}app\r$/m);
  });

  test('with a login; a wrong one is told, and no password is printed or logged', async () => {
    await using mail = await mailServer({ authOptional: false });
    const right = { ca_file: join(dir, 'cert.pem'), user: 'ops', password: 'mail-password' };
    await using host = await alerting(settings(mail.port, right));
    expect(await host.handyrep.testAlerts()).toMatchObject({ exit_code: 0 });
    expect(mail.mails).toMatchObject([{ user: 'ops' }]);
    const file = join(dir, 'password');
    await writeFile(file, 'not-that-password\n', { mode: 0o600 });
    await using wrong = await alerting(settings(mail.port, { ...right, password: { file } }));
    const report = await wrong.handyrep.testAlerts();
    expect(report.details).toContain('Invalid username or password');
    expect(JSON.stringify(report) + (await wrong.log())).not.toContain('that-password');
    expect(wrong.handyrep.getSetting('plugins.push_email_alert_simple.password')).toBe('********');
  });

  test('an unknown certificate is refused, and so is a server without TLS where that is required', async () => {
    await using mail = await mailServer();
    await using strict = await alerting(settings(mail.port));
    expect((await strict.handyrep.testAlerts()).details).toMatch(/self-signed certificate/);
    await using lax = await alerting(settings(mail.port, { verify_certificate: false }));
    expect(await lax.handyrep.testAlerts()).toMatchObject({ exit_code: 0 });
    await using plain = await mailServer({ disabledCommands: ['STARTTLS'] });
    await using required = await alerting(settings(plain.port));
    expect((await required.handyrep.testAlerts()).exit_code).toBe(1);
    expect(plain.mails).toEqual([]);
  });

  test('nobody there, and somebody who says nothing: the reason, in bounded time', async () => {
    await using dead = await alerting(settings(await deadPort()));
    expect((await dead.handyrep.testAlerts()).details).toContain('ECONNREFUSED');
    await using silent = await mute();
    await using host = await alerting(settings(silent.port));
    const begun = performance.now();
    expect((await host.handyrep.testAlerts()).details).toMatch(/Greeting never received|timeout/i);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe('by the sendmail program', () => {
  test('it gets the whole mail and the addresses', async () => {
    const sendmail = join(dir, 'sendmail');
    await writeFile(sendmail, `#!/bin/sh\nprintf '%s\\n' "$@" > '${dir}/arguments'\ncat > '${dir}/mail'\n`);
    await chmod(sendmail, 0o755);
    await using host = await alerting({ push_email_alert_simple: { ...PEOPLE, transport: 'sendmail', sendmail } });
    expect(await host.handyrep.testAlerts()).toMatchObject({ exit_code: 0 });
    const words = (await readFile(join(dir, 'arguments'), 'utf8')).trim().split('\n');
    expect(words).toEqual(['-i', '-f', 'handyrep@example.com', '--', 'ops@example.com', 'night@example.com']);
    const mail = await readFile(join(dir, 'mail'), 'utf8');
    expect(mail).toMatch(/^To: ops@example.com, Night <night@example.com>$/m);
    expect(mail).toMatch(/^this is a test: alerts of this cluster arrive here$/m);
  });

  test('one that fails is told', async () => {
    const settings = { ...PEOPLE, transport: 'sendmail', sendmail: '/bin/false' };
    await using host = await alerting({ push_email_alert_simple: settings });
    expect((await host.handyrep.testAlerts()).details).toContain('/bin/false ended with 1');
  });
});
