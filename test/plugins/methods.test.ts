import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type DemoCluster, startCluster, withCluster } from '../pg/harness.js';
import { waitFor } from '../pg/wait.js';
import type { PluginContext } from '../../src/index.js';
import { type LabOptions, calmLab, createLab, recovering } from '../scenarios/lab.js';

describe('promotion methods', () => {
  test('promote_pg_ctl promotes by a command on the host', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, { server_defaults: { promotion_method: 'promote_pg_ctl' } });
      await cluster.master.killTree();
      expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: true });
      expect(await recovering(cluster.server('db2'))).toBe(false);
    });
  });

  test('promote_sql says why it could not, and the next candidate is taken', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster, { handyrep: { postgres_superuser: 'app' } });
      // Neither our role nor the superuser may call it on any server: the grants are taken away.
      await cluster.master.sql('REVOKE EXECUTE ON FUNCTION pg_promote FROM handyrep');
      const may = `SELECT has_function_privilege('handyrep', 'pg_promote(boolean, integer)', 'EXECUTE') AS may`;
      const gone = async (): Promise<boolean> =>
        (await Promise.all(cluster.replicas.map((one) => one.sql(may)))).every(([row]) => row?.['may'] === 'f');
      await waitFor(gone, { deadline: 10_000, what: 'the replicas to know it' });
      await cluster.master.killTree();
      await cluster.master.collected();
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 1, failed_over: false });
      const log = await lab.handyrep.readLog({ lines: 100, category: 'FAILOVER' });
      expect(JSON.stringify(log)).toContain('permission denied for function pg_promote');
      // Nothing was begun, so nobody had to be stopped; and the old master is started again.
      expect(await Promise.all(cluster.servers.map(recovering))).toEqual([false, true, true]);
    });
  });
});

describe('poll_isready', () => {
  let cluster: DemoCluster;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
  }, 60_000);

  const options = (): LabOptions => ({
    failover: { poll_method: 'poll_isready' },
    plugins: { poll_isready: { path: join(cluster.binaries.bin_dir, 'pg_isready'), timeout: 1 } },
  });

  test('tells up from down, and a failover stands on what a verify learned', async () => {
    if (!existsSync(join(cluster.binaries.bin_dir, 'pg_isready'))) return;
    const lab = await calmLab(cluster, options());
    expect((await lab.poll()).servers.map((one) => one.status)).toEqual(['healthy', 'healthy']);
    await cluster.master.killTree();
    const down = await lab.poll();
    expect(down.exit_code).toBe(1);
    expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: true });
  });

  test('a missing program is trouble of this host, and no evidence', async () => {
    await withCluster({ replicas: 1 }, async (own) => {
      const missing = { poll_isready: { path: '/nonexistent/pg_isready' } };
      const lab = await createLab(own, { ...options(), plugins: missing });
      await lab.init();
      await lab.verify();
      await own.master.killTree();
      const report = await lab.check();
      expect(report).toMatchObject({
        exit_code: 1,
        decision: { rule: 0, diagnosis: 'resolver_failing', action: 'none' },
      });
      expect(report.decision.evidence[0]?.text).toContain('/nonexistent/pg_isready');
    });
  });
});

/** pg_ctlcluster and systemctl act on the machine itself: a program of the same name stands in and keeps its arguments. */
describe('restart methods that a service manager owns', () => {
  test.each([
    ['restart_service', { service: 'postgresql@15-main', sudo: false }, 'systemctl', 'start postgresql@15-main'],
    ['restart_service', { service: 'postgresql', command: 'service', sudo: false }, 'service', 'postgresql start'],
    ['restart_pg_ctlcluster', { version: '15', cluster: 'main' }, 'pg_ctlcluster', '15 main start'],
  ])('%s %j calls %s', async (method, settings, program, expected) => {
    await withCluster({ replicas: 0 }, async (cluster) => {
      const { createRegistry } = await import('../../src/plugin/registry.js');
      const registry = createRegistry({ plugins_dir: '/nonexistent', settings: { [method]: settings } });
      const plugin = await registry.get('restart_method', method);
      if (!plugin.ok) throw new Error(plugin.error.message);
      const calls: string[][] = [];
      const context = fakeContext(calls);
      const server = { ...(await savedDef(cluster)), pgdata: '/var/lib/postgresql/15/main' };
      const done = await plugin.value(context, { server, action: 'start', mode: 'fast', timeout: 1000 });
      expect(done).toMatchObject({ ok: true });
      const words = calls[0]?.join(' ') ?? '';
      expect(words).toContain(program);
      expect(words.endsWith(expected)).toBe(true);
    });
  });

  test('restart_pg_ctlcluster drives a real Debian cluster', async () => {
    if (process.getuid?.() !== 0 || !existsSync('/usr/bin/pg_createcluster')) return;
    const { takePorts } = await import('../../src/demo/ports.js');
    const [port = 0] = await takePorts(1);
    const name = `handyrep${String(process.pid)}`;
    const major = execFileSync('pg_lsclusters', ['-h'], { encoding: 'utf8' }).trim().split(/\s+/)[0] ?? '15';
    const version = /^\d+$/.test(major) ? major : '15';
    execFileSync('pg_createcluster', [version, name, '-p', String(port)], { stdio: 'ignore' });
    try {
      const { createHosts } = await import('../../src/io/hosts.js');
      const { createRegistry } = await import('../../src/plugin/registry.js');
      const registry = createRegistry({ plugins_dir: '/nonexistent', settings: {} });
      const plugin = await registry.get('restart_method', 'restart_pg_ctlcluster');
      if (!plugin.ok) throw new Error(plugin.error.message);
      const hosts = createHosts({
        postgres_os_user: 'postgres',
        ssh_timeout: 5000,
        command_timeout: 30_000,
        env: process.env,
      });
      await withCluster({ replicas: 0 }, async (cluster) => {
        const pgdata = `/var/lib/postgresql/${version}/${name}`;
        const server = { ...(await savedDef(cluster)), port, pgdata };
        const context = { ...fakeContext([]), hosts };
        const request = { server, mode: 'fast', timeout: 30_000 } as const;
        expect(await plugin.value(context, { ...request, action: 'start' })).toMatchObject({ ok: true });
        expect(readFileSync(join(pgdata, 'postmaster.pid'), 'utf8')).toContain(String(port));
        expect(await plugin.value(context, { ...request, action: 'stop' })).toMatchObject({ ok: true });
        expect(existsSync(join(pgdata, 'postmaster.pid'))).toBe(false);
        expect(await plugin.value(context, { ...request, action: 'stop' })).toMatchObject({ ok: false });
      });
    } finally {
      execFileSync('pg_dropcluster', ['--stop', version, name], { stdio: 'ignore' });
    }
  });
});

async function savedDef(cluster: DemoCluster) {
  const lab = await createLab(cluster);
  const [def] = lab.handyrep.configuredServers;
  if (def === undefined) throw new Error('no server');
  return def;
}

function fakeContext(calls: string[][]): PluginContext {
  const done = { ok: true, value: { exit_code: 0, stdout: '', stderr: '' } } as const;
  const unused = (): never => {
    throw new Error('not for this test');
  };
  return {
    cluster_name: 'test',
    servers: [],
    proxies: [],
    sql: { query: unused, look: unused, hold: unused, identify: unused, timelineHistory: unused },
    hosts: {
      run: (_server, argv) => {
        calls.push([...argv]);
        return Promise.resolve(done);
      },
      script: unused,
      long: unused,
    },
    console: { run: unused },
    writeFile: unused,
    template: unused,
    postgres_os_user: 'postgres',
    findBinary: unused,
    render: unused,
    log: () => undefined,
    signal: new AbortController().signal,
  };
}
