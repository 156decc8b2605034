import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor, withCluster } from '../pg/harness.js';
import { mute, receiver, type Receiver } from '../plugins/alerting.js';
import { calmLab, runCommand } from './lab.js';

interface Told {
  readonly kind: string;
  readonly subject: string | null;
  readonly message: string;
  readonly duration_ms: number | null;
}

function told({ posted }: Receiver, subject: string | null = null): readonly Told[] {
  const all = posted.map(({ body }) => JSON.parse(body) as Told);
  return subject === null ? all : all.filter((one) => one.subject === subject);
}

test('a replica dies: an alert, repeats with growing pauses, its recovery, by failover-check as cron calls it', async () => {
  await using to = await receiver(200);
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster, {
      handyrep: { push_alert_method: 'push_webhook', alert_repeat: '2s', alert_repeat_max: '1h' },
      plugins: { push_webhook: { url: `http://127.0.0.1:${to.port}/hook` } },
    });
    await lab.handyrep.settled();
    to.posted.length = 0;
    const check = () => runCommand(lab, ['failover-check', '--verify']);
    expect((await check()).code).toBe(0);
    expect(told(to)).toEqual([]);

    await cluster.server('db3').killTree();
    await check();
    // The master is in warning for a slot that nobody reads; that it says the same of the cluster is not told.
    const about = () => told(to, 'server db3');
    expect(about().map(({ kind }) => kind)).toEqual(['failure']);
    expect(about()[0]?.message).toMatch(/^db3 is down: /);
    expect(told(to, 'cluster')).toEqual([]);
    const begun = performance.now();
    const checkUntil = (what: string, condition: () => boolean | Promise<boolean>) =>
      waitFor(
        async () => {
          await check();
          return condition();
        },
        { deadline: 40_000, what },
      );
    await checkUntil('two repeats', () => about().length >= 3);
    // Pauses of two and four seconds.
    expect(performance.now() - begun).toBeGreaterThan(5000);
    expect(about().map(({ kind }) => kind)).toEqual(['failure', 'repeat', 'repeat']);
    expect((await runCommand(lab, ['alert', 'list'])).stdout).toContain('db3 is down since ');

    await cluster.server('db3').start();
    await checkUntil('the recovery', () => about().some(({ kind }) => kind === 'recovery'));
    const last = about().at(-1);
    expect(last?.message).toMatch(/^db3 is healthy again after \d+/);
    expect(last?.duration_ms).toBeGreaterThan(5000);
    const list = () => runCommand(lab, ['alert', 'list']);
    await checkUntil('the end', async () => (await list()).stdout.includes('SUCCESS: 0 open alert(s)'));
    const sent = to.posted.length;
    await check();
    expect(to.posted).toHaveLength(sent);
  });
}, 120_000);

test('a failover: its beginning and its end are told; a receiver that hangs delays nothing, and a later run tells them', async () => {
  await using silent = await mute();
  await using to = await receiver(200);
  await withCluster({ replicas: 1 }, async (cluster) => {
    const settings = (port: number) => ({ push_webhook: { url: `http://127.0.0.1:${port}/hook`, retries: 0 } });
    const lab = await calmLab(cluster, {
      handyrep: { push_alert_method: 'push_webhook' },
      plugins: settings(silent.port),
    });
    await lab.handyrep.settled();
    await cluster.master.killTree();
    const book = () => readFile(join(lab.dir, 'servers.save.alerts'), 'utf8').catch(() => null);
    const before = await book();
    const begun = performance.now();
    expect(await lab.check({ dry_run: true })).toMatchObject({ failed_over: false });
    await lab.handyrep.settled();
    // A rehearsal tells nobody.
    expect(await book()).toBe(before);
    const report = await lab.check();
    const took = performance.now() - begun;
    expect(report).toMatchObject({ exit_code: 0, failed_over: true });
    await lab.handyrep.settled();
    const ended = performance.now() - begun;
    // Four seconds are what the webhook waits for an answer: the report did not wait for it.
    expect(ended - took).toBeGreaterThan(3000);

    const mended = await lab.reconfigure({ plugins: settings(to.port) });
    const later = await waitFor(
      async () => {
        await mended.check();
        await mended.handyrep.settled();
        return to.posted.length > 0 ? told(to) : null;
      },
      { deadline: 60_000, what: 'the alerts that were kept' },
    );
    const messages = later.map(({ message }) => message);
    expect(messages.findIndex((one) => one.startsWith('begins: '))).toBeGreaterThanOrEqual(0);
    expect(messages.some((one) => one.includes('failed over from db1 to db2'))).toBe(true);
    expect(messages.some((one) => one.startsWith('the cluster is warning: the former master db1'))).toBe(true);
    expect(new Set(later.map((one) => JSON.stringify(one))).size).toBe(later.length);
  });
}, 120_000);
