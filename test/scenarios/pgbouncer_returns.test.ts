import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Bouncer, startBouncer } from '../hosts/pgbouncer.js';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { type DemoCluster, startCluster, waitFor } from '../pg/harness.js';
import { ask, behind, client, labWith } from './bouncers.js';
import { startCommand } from './killer.js';
import { type LabOptions, runCommand } from './lab.js';

/** What becomes of a pgbouncer that died, and of a HandyRep that died while it changed one. */

let sshd: TestSshd;
beforeAll(async () => {
  sshd = await startSshd();
}, 30_000);
afterAll(() => sshd.stop());

let cluster: DemoCluster;
let pgb1: Bouncer;
beforeEach(async () => {
  cluster = await startCluster({ replicas: 2 });
  pgb1 = await startBouncer(cluster, { name: 'pgb1', settings: { server_login_retry: '7', default_pool_size: '1' } });
}, 90_000);
afterEach(() => pgb1.kill());

const plugin = (more: Readonly<Record<string, unknown>>) => ({
  multi_pgbouncer: { databases: ['postgres'], timeout: 2, ...more },
});
const overSsh = (): LabOptions => ({
  server_defaults: {
    connection: 'ssh',
    ssh_port: sshd.port,
    ssh_user: sshd.user,
    become: process.getuid?.() === 0 ? 'sudo' : 'none',
  },
  env: { HANDYREP_SSH_CONFIG: sshd.configFile },
});

describe('restart_if_down', () => {
  test.each<readonly [string, () => LabOptions]>([
    ['on this host', () => ({})],
    ['over ssh', overSsh],
  ])('%s: one that died is started, and sends its clients to the master of then', async (_, reach) => {
    const settings = { restart_if_down: true, restart_command: pgb1.start_command };
    const lab = await labWith(cluster, [pgb1], { ...reach(), plugins: plugin(settings) });
    expect(await runCommand(lab, ['proxy', 'init'], reach().env)).toMatchObject({ code: 0 });

    // In the calm a verify finds it, and the same check starts it.
    await pgb1.kill();
    const calm = await lab.check({ verify: true });
    expect(calm).toMatchObject({ exit_code: 0, cluster: { status: 'healthy' }, proxies: [{ status: 'healthy' }] });
    expect(await behind(pgb1.port)).toBe(cluster.master.port);

    await pgb1.kill();
    await cluster.master.killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ failed_over: true, proxies: [{ owed: null, route: { master: report.master } }] });
    expect(await behind(pgb1.port)).toBe(cluster.server(report.master ?? '').port);
  });

  test('what the command says when it fails is told, and the change stays owed', async () => {
    const settings = { restart_if_down: true, restart_command: ['sh', '-c', 'echo no such unit >&2; exit 5'] };
    const lab = await labWith(cluster, [pgb1], { plugins: plugin(settings) });
    expect(await runCommand(lab, ['proxy', 'init'])).toMatchObject({ code: 0 });
    await pgb1.kill();
    const report = await lab.check({ verify: true });
    expect(report).toMatchObject({ exit_code: 0, cluster: { status: 'warning' } });
    expect(report.cluster.status_message).toContain('sh ended with 5: no such unit');
    expect(report.proxies).toMatchObject([{ status: 'warning', owed: expect.any(String) as string }]);
    await pgb1.start();
    expect(await lab.check()).toMatchObject({ cluster: { status: 'healthy' }, proxies: [{ owed: null }] });
  });
});

test('HandyRep is killed while clients are made to hurry: the next check gives back the time between logins', async () => {
  const lab = await labWith(cluster, [pgb1]);
  expect(await runCommand(lab, ['proxy', 'init'])).toMatchObject({ code: 0 });
  const retry = async (): Promise<unknown> =>
    (await ask(pgb1, 'SHOW CONFIG')).find(({ key }) => key === 'server_login_retry')?.['value'];
  expect(await retry()).toBe('7');
  // The only connection of the pool is taken: whoever else comes waits.
  const busy = await client(pgb1.port);
  await busy.query('BEGIN');
  await busy.query('SELECT 1');
  const waiting = behind(pgb1.port);
  const run = startCommand(lab, ['proxy', 'init']);
  try {
    await waitFor(async () => ((await retry()) === '0' ? true : null), {
      deadline: 20_000,
      what: 'HandyRep to make pgbouncer hurry',
      every: 5,
    });
  } finally {
    await run.kill();
  }
  await busy.end();
  expect(await waiting).toBe(cluster.master.port);
  expect(await retry()).toBe('0');
  expect((await lab.saved()).proxies['pgb1']?.owed).not.toBeNull();
  expect(await lab.check()).toMatchObject({ exit_code: 0, proxies: [{ owed: null }] });
  expect(await retry()).toBe('7');
});
