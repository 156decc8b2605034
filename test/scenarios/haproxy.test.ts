import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Balancer, startBalancer } from '../hosts/haproxy.js';
import { type DemoCluster, startCluster, waitFor } from '../pg/harness.js';
import { type Lab, calmLab, runCommand } from './lab.js';

/** A step of an operation, as a report has it. */
interface Step {
  readonly step: string;
  readonly state: string;
  readonly note: string | null;
}

/** Which server answers behind a pool, by its port; null: nobody does. */
async function behind(port: number): Promise<number | null> {
  const session = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    connectionTimeoutMillis: 2000,
    query_timeout: 2000,
  });
  session.on('error', () => undefined);
  try {
    await session.connect();
    const { rows } = await session.query<{ port: string }>("SELECT current_setting('port') AS port");
    return Number(rows[0]?.port);
  } catch {
    return null;
  } finally {
    await session.end().catch(() => undefined);
  }
}

describe.each([
  ['by its socket', true],
  ['by a reload', false],
])('haproxy, %s', (_, bySocket) => {
  let cluster: DemoCluster;
  let balancer: Balancer;
  let lab: Lab;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
    balancer = await startBalancer(cluster, 'ha1');
    const settings = bySocket ? balancer.settings : { ...balancer.settings, socket: null };
    lab = await calmLab(cluster, {
      failover: { connection_failover_method: 'haproxy_update' },
      servers: { ha1: balancer.entry },
      plugins: { haproxy_update: settings },
    });
  }, 90_000);
  afterAll(() => balancer.kill());

  const portOf = (name: string): number => cluster.server(name).port;
  const settles = (port: number, expected: number): Promise<true> =>
    waitFor(async () => ((await behind(port)) === expected ? true : null), { deadline: 5000, what: `${expected}` });

  test('proxy init: pools for the master and for the replicas; owner and mode stay', async () => {
    const before = await stat(balancer.file);
    expect(await runCommand(lab, ['proxy', 'init'])).toMatchObject({ code: 0 });
    await settles(balancer.port, portOf('db1'));
    const readers = new Set<number | null>();
    for (let n = 0; n < 6; n++) readers.add(await behind(balancer.replicas_port));
    expect([...readers].sort()).toEqual([portOf('db2'), portOf('db3')].sort());
    const after = await stat(balancer.file);
    expect([after.uid, after.gid, after.mode]).toEqual([before.uid, before.gid, before.mode]);
    expect(await runCommand(lab, ['proxy', 'status'])).toMatchObject({ code: 0 });
    expect(await lab.verify()).toMatchObject({ cluster: { status: 'healthy' }, proxies: [{ status: 'healthy' }] });
  });

  test('a switchover: the clients find the new master, readers the others', async () => {
    const done = await runCommand(lab, ['--json', '--yes', 'failover', '--to', 'db2']);
    expect(JSON.parse(done.stdout)).toMatchObject({ exit_code: 0, master: 'db2', cluster: { status: 'healthy' } });
    await settles(balancer.port, portOf('db2'));
    const readers = new Set<number | null>();
    for (let n = 0; n < 6; n++) readers.add(await behind(balancer.replicas_port));
    expect([...readers].sort()).toEqual([portOf('db1'), portOf('db3')].sort());
  });

  test('a replica that is down gets no connection', async () => {
    await cluster.server('db3').stop();
    await lab.check();
    expect(await readFile(balancer.file, 'utf8')).toMatch(/handyrep_replicas\n(?:.*\n)*? {2}server db3 .* disabled/);
    await settles(balancer.replicas_port, portOf('db1'));
    for (let n = 0; n < 6; n++) expect(await behind(balancer.replicas_port)).toBe(portOf('db1'));
    await cluster.server('db3').start();
    await waitFor(async () => ((await lab.verify()).cluster.status === 'healthy' ? true : null), {
      deadline: 30_000,
      what: 'a healthy cluster',
    });
  });

  test('a template that haproxy refuses: told, the file left as it was, and clients moved where there is a socket', async () => {
    const before = await readFile(balancer.file, 'utf8');
    const good = await readFile(join(import.meta.dirname, '../../templates/haproxy.cfg.liquid'), 'utf8');
    const own = join(lab.dir, 'templates', 'haproxy.cfg.liquid');
    await mkdir(dirname(own), { recursive: true });
    await writeFile(own, `${good}\nnonsense here\n`);
    try {
      const { stdout } = await runCommand(lab, ['--json', '--yes', 'failover', '--to', 'db3']);
      const report = JSON.parse(stdout) as {
        readonly master: string;
        readonly operation: { readonly steps: readonly Step[] };
      };
      expect(report.master).toBe('db3');
      const moved = report.operation.steps.find(({ step }) => step.startsWith('move the connections'));
      expect(moved?.state).toBe('failed');
      expect(moved?.note).toMatch(/haproxy does not accept the new configuration, and .* is as it was: .*'nonsense'/);
      expect(await readFile(balancer.file, 'utf8')).toBe(before);
      if (bySocket) expect(moved?.note).toContain('its clients were moved all the same');
      if (bySocket) await settles(balancer.port, portOf('db3'));
    } finally {
      await rm(own);
    }
    expect(await lab.check()).toMatchObject({ proxies: [{ owed: null, route: { master: 'db3' } }] });
    await settles(balancer.port, portOf('db3'));
    expect(await readFile(balancer.file, 'utf8')).toContain('Master: db3.');
    const back = await runCommand(lab, ['--yes', 'failover', '--to', 'db2']);
    expect(back.code).toBe(0);
  });

  test('a failover while haproxy is dead: mended when it is back', async () => {
    await lab.check();
    await balancer.kill();
    await cluster.server('db2').killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ failed_over: true });
    expect(report.proxies[0]?.owed).not.toBeNull();
    await balancer.start();
    expect(await lab.check()).toMatchObject({ proxies: [{ owed: null, route: { master: report.master } }] });
    await settles(balancer.port, portOf(report.master ?? ''));
  });
});
