import { readFile, stat, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckReport } from '../../src/index.js';
import { type Bouncer, startBouncer } from '../hosts/pgbouncer.js';
import { initPgbench, startPgbench } from '../hosts/pgbench.js';
import { type DemoCluster, startCluster, waitFor, withCluster } from '../pg/harness.js';
import { ask, behind, client, labWith, paused } from './bouncers.js';
import { killAtStep } from './killer.js';
import { type Lab, runCommand } from './lab.js';

const bouncers: Bouncer[] = [];
afterAll(async () => {
  await Promise.all(bouncers.map((one) => one.kill()));
});

async function bouncer(cluster: DemoCluster, name: string): Promise<Bouncer> {
  const made = await startBouncer(cluster, { name });
  bouncers.push(made);
  return made;
}

async function failover(lab: Lab, ...argv: readonly string[]): Promise<CheckReport> {
  const { stdout, stderr } = await runCommand(lab, ['--json', '--yes', 'failover', ...argv]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as CheckReport;
}

describe('a switchover behind two pgbouncers', () => {
  let cluster: DemoCluster;
  let lab: Lab;
  let pgb1: Bouncer;
  let pgb2: Bouncer;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
    pgb1 = await bouncer(cluster, 'pgb1');
    pgb2 = await bouncer(cluster, 'pgb2');
    await initPgbench(cluster);
    lab = await labWith(cluster, [pgb1, pgb2]);
  }, 90_000);

  test('there and back: pgbench sees no error, and the longest wait is told', async () => {
    const loads = await Promise.all(
      [pgb1, pgb2].map(({ port }) =>
        startPgbench(cluster, ['-h', '127.0.0.1', '-p', port.toString(), '-U', 'postgres', 'postgres']),
      ),
    );
    for (const to of ['db2', 'db1']) {
      const report = await failover(lab, '--to', to);
      expect(report).toMatchObject({ exit_code: 0, failed_over: true, master: to, cluster: { status: 'healthy' } });
      expect(report.operation?.steps.map(({ note }) => note).join('\n')).toContain('clients of postgres wait');
      for (const { port } of [pgb1, pgb2]) expect(await behind(port)).toBe(cluster.server(to).port);
      expect(report.proxies.map(({ status, owed, route }) => [status, owed, route?.master])).toEqual([
        ['healthy', null, to],
        ['healthy', null, to],
      ]);
    }
    for (const load of loads) {
      const bench = await load.stop();
      expect([bench.failed, bench.said]).toEqual([0, expect.not.stringContaining('ERROR')]);
      expect(bench.transactions).toBeGreaterThan(100);
      console.log(`${bench.transactions} transactions, the longest waited ${bench.longest_wait.toFixed(0)} ms`);
    }
  });

  test('a transaction that does not end: nothing is stopped, and everybody goes on; --force goes on without', async () => {
    const busy = await client(pgb1.port);
    try {
      await busy.query('BEGIN');
      await busy.query('SELECT 1');
      const report = await failover(lab, '--to', 'db2');
      expect(report).toMatchObject({ exit_code: 1, failed_over: false, master: 'db1' });
      expect(report.details).toContain('did not end in 2 s');
      expect(report.details).toContain('--force');
      for (const one of [pgb1, pgb2]) {
        expect(await paused(one)).toEqual([]);
        expect(await behind(one.port)).toBe(cluster.server('db1').port);
      }
      // It was never disturbed.
      expect((await busy.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
      const steps = (await lab.saved()).history[0]?.steps.map(({ step, state }) => [step.kind, state]) ?? [];
      expect(steps).toContainEqual(['stop_old_master', 'pending']);

      expect(await failover(lab, '--to', 'db2', '--force')).toMatchObject({ failed_over: true, master: 'db2' });
      for (const one of [pgb1, pgb2]) expect(await behind(one.port)).toBe(cluster.server('db2').port);
    } finally {
      await busy.end().catch(() => undefined);
    }
    expect(await failover(lab, '--to', 'db1')).toMatchObject({ exit_code: 0, master: 'db1' });
  });

  test('killed while the clients wait: the next check lets them go on with the old master', async () => {
    expect(await killAtStep(lab, ['--yes', 'failover', '--to', 'db2'], 'stop_old_master')).toBe(true);
    const waiting = behind(pgb1.port);
    expect(await lab.check()).toMatchObject({ exit_code: 0, master: 'db1' });
    expect(await waiting).toBe(cluster.server('db1').port);
    for (const one of [pgb1, pgb2]) expect(await paused(one)).toEqual([]);
    expect(Object.values((await lab.saved()).proxies).map(({ owed }) => owed)).toEqual([null, null]);
  });

  test('killed when the new master is on record: the next check lets them go on with the new one', async () => {
    expect(await killAtStep(lab, ['--yes', 'failover', '--to', 'db2'], 'move_connections')).toBe(true);
    expect(await lab.check()).toMatchObject({ exit_code: 0, master: 'db2' });
    for (const one of [pgb1, pgb2]) {
      expect(await paused(one)).toEqual([]);
      expect(await behind(one.port)).toBe(cluster.server('db2').port);
    }
    expect(await failover(lab, '--to', 'db1')).toMatchObject({ exit_code: 0, master: 'db1' });
  });

  test('a replica that is ill gets no reader, and one that is well again does', async () => {
    const port = cluster.server('db2').port;
    expect(await behind(pgb1.port, 'postgres_ro')).toBe(port);
    await cluster.server('db2').stop();
    await lab.check();
    expect(await behind(pgb1.port, 'postgres_ro')).toBe(cluster.server('db3').port);
    await cluster.server('db2').start();
    await waitFor(async () => ((await lab.verify()).cluster.status === 'healthy' ? true : null), {
      deadline: 30_000,
      what: 'a healthy cluster',
    });
    await lab.check();
    expect(await behind(pgb1.port, 'postgres_ro')).toBe(port);
  });

  test('a file that somebody changed: verify says so, the next check mends it; owner and mode stay', async () => {
    const good = await readFile(pgb2.file, 'utf8');
    const before = await stat(pgb2.file);
    await writeFile(pgb2.file, good.replaceAll(String(cluster.server('db1').port), String(cluster.server('db3').port)));
    await ask(pgb2, 'RELOAD');
    const seen = await lab.verify();
    expect(seen).toMatchObject({ exit_code: 0, cluster: { status: 'warning' } });
    expect(seen.details).toContain('pgb2: it sends postgres to 127.0.0.1:' + String(cluster.server('db3').port));
    // The status tells at once that it is mended.
    expect(await lab.check()).toMatchObject({ exit_code: 0, cluster: { status: 'healthy' } });
    expect((await lab.saved()).cluster.status).toBe('healthy');
    expect(await readFile(pgb2.file, 'utf8')).toBe(good);
    const after = await stat(pgb2.file);
    expect([after.uid, after.gid, after.mode]).toEqual([before.uid, before.gid, before.mode]);
    expect(await lab.verify()).toMatchObject({ cluster: { status: 'healthy' } });
  });
});

test('a failover with one of two bouncers dead: the other is served at once, the dead one is mended when it is back', async () => {
  await withCluster({ replicas: 2 }, async (cluster) => {
    const [pgb1, pgb2] = [await bouncer(cluster, 'pgb1'), await bouncer(cluster, 'pgb2')];
    try {
      const settings = { databases: ['postgres'], timeout: 2, poll_user: 'postgres' };
      const lab = await labWith(cluster, [pgb1, pgb2], {
        failover: { poll_connection_proxy: true },
        plugins: { multi_pgbouncer: settings },
      });
      expect(await runCommand(lab, ['proxy', 'init'])).toMatchObject({ code: 0 });
      const old = await readFile(pgb2.file, 'utf8');
      await pgb2.kill();
      const watched = await lab.poll();
      expect(watched.proxies.map(({ name, status }) => [name, status])).toEqual([
        ['pgb1', 'healthy'],
        ['pgb2', 'down'],
      ]);
      const session = await client(pgb1.port);
      expect((await session.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      await cluster.master.killTree();
      const begun = performance.now();
      // It waits, and pgbouncer has been told that the master refuses: for 15 s it would not try again by itself.
      const asked = behind(pgb1.port);
      const report = await lab.check();
      expect(report).toMatchObject({ failed_over: true, cluster: { status: 'warning' } });
      expect(report.details).toContain('move_connections: pgb2:');
      // The session that was idle goes on, and never learns of it.
      expect((await session.query('SELECT pg_is_in_recovery() AS standby')).rows).toEqual([{ standby: false }]);
      const ended = performance.now();
      expect(await asked).toBe(cluster.server(report.master ?? '').port);
      expect(performance.now() - ended).toBeLessThan(1000);
      console.log(`served again ${(performance.now() - begun).toFixed(0)} ms after the check began`);
      await session.end();
      const master = cluster.server(report.master ?? '');
      expect(await behind(pgb1.port)).toBe(master.port);

      // It comes back as it was, and the old master too: as careless as can be.
      await writeFile(pgb2.file, old);
      await pgb2.start();
      expect((await lab.saved()).proxies['pgb2']).toMatchObject({ owed: expect.any(String) as string });
      const next = await lab.check();
      expect(await behind(pgb2.port)).toBe(master.port);
      expect(next.proxies.map(({ owed, route }) => [owed, route?.master])).toEqual([
        [null, master.name],
        [null, master.name],
      ]);
    } finally {
      await Promise.all([pgb1.kill(), pgb2.kill()]);
    }
  });
});

test('a file that cannot be written: nobody is sent to the old master, and the next check mends it', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const pgb1 = await bouncer(cluster, 'pgb1');
    try {
      const lab = await labWith(cluster, [pgb1], {
        servers: { pgb1: { ...pgb1.entry, config_file: '/nonexistent/x.ini' } },
      });
      await cluster.master.killTree();
      const report = await lab.check();
      expect(report).toMatchObject({ failed_over: true, master: 'db2' });
      expect(report.details).toContain('the folder /nonexistent does not exist');
      expect(report.details).toContain('clients of postgres wait until then');
      expect(await paused(pgb1)).toEqual(['postgres']);
      const altered = await runCommand(lab, ['server', 'alter', 'pgb1', `config_file=${pgb1.file}`]);
      expect(altered).toMatchObject({ code: 0 });
      const waiting = behind(pgb1.port);
      await lab.check();
      expect(await waiting).toBe(cluster.server('db2').port);
    } finally {
      await pgb1.kill();
    }
  });
});

test('a pgbouncer is added, enabled, told where the master is, disabled and forgotten', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const pgb1 = await bouncer(cluster, 'pgb1');
    try {
      const lab = await labWith(cluster, []);
      const run = async (...argv: string[]) => {
        const { code, stdout } = await runCommand(lab, ['--json', ...argv]);
        return { code, report: JSON.parse(stdout) as Record<string, unknown> };
      };
      // Nothing is known of any proxy: there is nobody to move.
      const nobody = await run('proxy', 'init');
      expect(nobody).toMatchObject({ code: 1 });
      expect(nobody.report['details']).toContain('no enabled server with role: pgbouncer');

      const where = ['hostname=127.0.0.1', `port=${pgb1.port}`, `config_file=${pgb1.file}`];
      const refused = await run('server', 'add', 'pgb1', 'role=pgbouncer', ...where, 'lag_limit=1MB');
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.report['details']).toContain('lag_limit means nothing for a proxy');
      expect(await run('server', 'add', 'pgb1', 'role=pgbouncer', ...where)).toMatchObject({
        code: 0,
        report: { server: null, proxy: { name: 'pgb1', enabled: false, definition: { role: 'pgbouncer' } } },
      });
      const taken = await run('server', 'add', 'db9', 'hostname=127.0.0.1', `port=${pgb1.port}`, 'pgdata=/x');
      expect(taken.report['details']).toContain('those of pgb1 too');
      expect(await run('server', 'alter', 'pgb1', 'role=replica')).toMatchObject({ code: 2 });
      expect(await run('server', 'alter', 'db2', 'role=pgbouncer')).toMatchObject({ code: 2 });
      expect(await run('proxy', 'init', 'pgb1')).toMatchObject({ code: 4, report: { details: 'pgb1 is disabled' } });

      expect(await run('server', 'enable', 'pgb1')).toMatchObject({ code: 0 });
      const astray = await run('proxy', 'status');
      expect(astray).toMatchObject({ code: 1, report: { proxies: [{ status: 'warning' }] } });
      expect(astray.report['details']).toContain('it does not offer postgres_ro');
      expect(await lab.check()).toMatchObject({ exit_code: 0 });
      expect(await run('proxy', 'status')).toMatchObject({
        code: 0,
        report: { master: 'db1', proxies: [{ name: 'pgb1', status: 'healthy', owed: null, route: { master: 'db1' } }] },
      });
      expect(await behind(pgb1.port, 'postgres_ro')).toBe(cluster.server('db2').port);
      const text = await runCommand(lab, ['status']);
      expect(text.stdout).toMatch(/pgb1 +pgbouncer +127\.0\.0\.1:\d+ +healthy +db1, db2 /);
      const shown = await runCommand(lab, ['server', 'show', 'pgb1']);
      expect(shown.stdout).toContain('clients_go_to: db1, db2');

      const typo = await run('proxy', 'init', 'pgb11');
      expect(typo).toMatchObject({ code: 2, report: { hint: expect.stringContaining('pgb1') as string } });
      expect((await runCommand(lab, ['proxy', 'statsu'])).stderr).toContain('did you mean status');
      await pgb1.kill();
      expect(await run('proxy', 'init')).toMatchObject({ code: 1, report: { proxies: [{ status: 'down' }] } });
      expect(await run('failover', '--yes')).toMatchObject({ code: 4, report: { preflight: [{ name: 'proxy' }] } });
      expect(await run('server', 'disable', 'pgb1')).toMatchObject({ code: 0 });
      expect(await run('failover', '--yes')).toMatchObject({ code: 0, report: { failed_over: true } });
      expect(await run('server', 'remove', 'pgb1')).toMatchObject({ code: 4 });
      expect(await run('server', 'remove', 'pgb1', '--yes')).toMatchObject({ code: 0, report: { proxy: null } });
      expect((await lab.saved()).proxies).toEqual({});
    } finally {
      await pgb1.kill();
    }
  });
});
