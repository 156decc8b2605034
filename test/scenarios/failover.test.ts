import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { type DemoCluster, lostWrites, startClusterWriter, waitFor, withCluster, WRITTEN_IDS } from '../pg/harness.js';
import { type Lab, type LabOptions, createLab } from './lab.js';

let sshd: TestSshd;
beforeAll(async () => {
  sshd = await startSshd();
}, 30_000);
afterAll(() => sshd.stop());

const overSsh = (): LabOptions => ({
  server_defaults: {
    connection: 'ssh',
    ssh_port: sshd.port,
    ssh_user: sshd.user,
    become: process.getuid?.() === 0 ? 'sudo' : 'none',
  },
  env: { HANDYREP_SSH_CONFIG: sshd.configFile },
});

async function value(server: DemoCluster['master'], text: string): Promise<string | null> {
  const [row] = await server.sql(`SELECT (${text})::text AS value`);
  return row?.['value'] ?? null;
}

async function takesWrites(server: DemoCluster['master']): Promise<boolean> {
  return (await value(server, 'NOT pg_is_in_recovery()')) === 'true';
}

/** A cluster whose state is known, ready for what comes. */
async function calmLab(cluster: DemoCluster, options: LabOptions = {}): Promise<Lab> {
  const lab = await createLab(cluster, options);
  await lab.init();
  const verified = await lab.verify();
  expect(verified.cluster).toMatchObject({ status: 'healthy' });
  return lab;
}

/** What must be true after every failover of db1. */
async function provedFailover(cluster: DemoCluster, lab: Lab): Promise<DemoCluster['master']> {
  const saved = await lab.saved();
  const name = Object.values(saved.servers).find(({ def }) => def.role === 'master')?.def.name ?? '';
  const master = cluster.server(name);
  expect(name).not.toBe('db1');
  expect(await takesWrites(master)).toBe(true);
  await master.sql('CREATE TABLE IF NOT EXISTS proof (n int)');
  await master.sql('INSERT INTO proof VALUES (1)');
  // One server fewer than before: it works, and something is to be done.
  expect(saved).toMatchObject({ operation: null, cluster: { status: 'warning' } });
  expect(saved.servers['db1']?.def).toMatchObject({ role: 'replica', enabled: false });
  const row = await value(master, `SELECT state ->> 'generation' FROM handyrep.handyrep`);
  expect(Number(row)).toBe(saved.generation);
  const roles = await value(master, `SELECT state -> 'servers' -> 'db1' -> 'def' ->> 'enabled' FROM handyrep.handyrep`);
  expect(roles).toBe('false');
  return master;
}

describe.each([
  ['locally', (): LabOptions => ({})],
  ['over ssh', overSsh],
])('a master that dies, %s', (_how, transport) => {
  test('master_crashed: the whole tree is killed, one check fails over', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster, transport());
      const started = await Promise.all(cluster.replicas.map((one) => value(one, 'pg_postmaster_start_time()')));
      const writer = await startClusterWriter(cluster);
      await waitFor(() => writer.acks.length > 50, { deadline: 10_000, what: 'the writer' });
      await lab.poll();
      await cluster.master.killTree();
      const report = await lab.check();
      expect(report).toMatchObject({
        exit_code: 0,
        failed_over: true,
        decision: { rule: 7, diagnosis: 'master_crashed', action: 'fail_over' },
      });
      const master = await provedFailover(cluster, lab);
      const acked = writer.acks.length;
      await waitFor(() => writer.acks.length > acked + 20, { deadline: 10_000, what: 'writes on the new master' });
      await writer.stop();
      expect(lostWrites(writer.acks, await master.sql(WRITTEN_IDS)).length).toBeLessThan(5);
      // Streaming from the new master, without having been restarted.
      const other = cluster.replicas.find((one) => one.name !== master.name);
      expect(await value(master, `SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'`)).toBe('1');
      expect(await Promise.all(cluster.replicas.map((one) => value(one, 'pg_postmaster_start_time()')))).toEqual(
        started,
      );
      expect(other === undefined ? null : await value(other, 'SELECT sender_port FROM pg_stat_wal_receiver')).toBe(
        String(master.port),
      );
      expect(existsSync(join(cluster.master.pgdata, 'standby.signal'))).toBe(true);
      expect((await lab.check()).exit_code).toBe(0);
    });
  });

  test('master_hung: frozen, killed, and no write after it would have gone on', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster, transport());
      const pid = cluster.master.pid();
      cluster.master.freeze();
      const report = await lab.check();
      expect(report).toMatchObject({
        exit_code: 0,
        failed_over: true,
        decision: { rule: 8, diagnosis: 'master_hung' },
      });
      cluster.master.thaw();
      expect(cluster.master.isRunning()).toBe(false);
      expect(cluster.master.pid()).not.toBe(pid);
      await provedFailover(cluster, lab);
      // Started again as a service manager would: it comes up read only.
      await cluster.master.start();
      expect(await takesWrites(cluster.master)).toBe(false);
    });
  });
});

describe('a master that is not lost, or may not be replaced', () => {
  test('auto_failover: false, and paused: the reason in words', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, { failover: { auto_failover: false } });
      await cluster.master.killTree();
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 1, decision: { rule: 10, action: 'none' }, plan: [] });
      expect(report.decision.vetoes.map((veto) => veto.name)).toEqual(['auto_failover_off']);
      expect(report.hint).toContain('handyrep promote');
      expect(await value(cluster.server('db2'), 'pg_is_in_recovery()')).toBe('true');
      // What an operator then does.
      const promoted = await lab.handyrep.promote('db2');
      expect(promoted).toMatchObject({ exit_code: 0, failed_over: true });
      await provedFailover(cluster, lab);
    });
  });

  test('promote is refused while the master lives (exit code 4)', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      expect(await lab.handyrep.promote('db2')).toMatchObject({ exit_code: 4, result: 'FAIL' });
      expect(await lab.handyrep.promote('db2', { force: true })).toMatchObject({ exit_code: 4 });
      expect(await lab.handyrep.promote('db9')).toMatchObject({ exit_code: 2 });
      expect(await lab.handyrep.promote('db1')).toMatchObject({ exit_code: 4 });
      expect(await takesWrites(cluster.master)).toBe(true);
    });
  });

  test('manager_cut_off: nothing reachable at all', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      for (const server of cluster.servers) server.freeze();
      const report = await lab.check();
      expect(report).toMatchObject({
        exit_code: 1,
        decision: { rule: 0, diagnosis: 'manager_cut_off', action: 'none' },
      });
      expect(report.cluster.status).toBe('unknown');
      for (const server of cluster.servers) server.thaw();
      expect((await lab.check()).exit_code).toBe(0);
    });
  });

  test('master_starting: in recovery after a crash', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.killTree();
      await cluster.master.collected();
      // Archive recovery that waits for its archive: up, and not usable for as long as the test wants.
      await appendFile(join(cluster.master.pgdata, 'postgresql.auto.conf'), `restore_command = 'sleep 20; exit 1'\n`);
      await appendFile(join(cluster.master.pgdata, 'recovery.signal'), '');
      const starting = cluster.master.start().catch(() => undefined);
      const report = await waitFor(
        async () => {
          const polled = await lab.poll();
          return polled.decision.diagnosis === 'master_starting' ? lab.check() : null;
        },
        { deadline: 15_000, what: 'the master to say that it starts', every: 100 },
      );
      expect(report).toMatchObject({
        exit_code: 1,
        decision: { rule: 5, diagnosis: 'master_starting', action: 'none' },
      });
      expect(await value(cluster.server('db2'), 'pg_is_in_recovery()')).toBe('true');
      await cluster.master.stop('immediate').catch(() => undefined);
      await cluster.master.killTree();
      await starting;
    });
  });

  test('two_masters: a replica was promoted beside a living master', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.server('db2').sql('SELECT pg_promote()');
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 1, decision: { rule: 4, diagnosis: 'two_masters', action: 'none' } });
      expect(report.cluster.status).toBe('down');
      expect(await takesWrites(cluster.master)).toBe(true);
      expect(await takesWrites(cluster.server('db2'))).toBe(true);
    });
  });

  test('the only replica belongs to another cluster: nobody is promoted', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      await withCluster({ replicas: 0, fresh: true }, async (other) => {
        const lab = await calmLab(cluster);
        const moved = await lab.reconfigure({
          handyrep: { override_server_file: true },
          servers: { db2: { port: other.master.port } },
        });
        expect((await moved.verify()).servers.find((one) => one.name === 'db2')?.status).toBe('down');
        await cluster.master.killTree();
        const report = await moved.check();
        expect(report).toMatchObject({ exit_code: 1, failed_over: false, decision: { action: 'none' } });
        expect(report.hint).toBeTruthy();
        expect((await moved.saved()).servers['db1']?.def.role).toBe('master');
      });
    });
  });

  test('first_round_after_boot: recognised, and only reported', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      const saved = await lab.saved();
      const { saveStateFile } = await import('../../src/state/file.js');
      const clock = saved.clock === null ? null : { ...saved.clock, boot_id: 'another boot' };
      await saveStateFile(join(lab.dir, 'servers.save'), { ...saved, clock, generation: saved.generation + 10 });
      await cluster.master.killTree();
      const first = await lab.check();
      expect(first).toMatchObject({ exit_code: 1, decision: { rule: 0, action: 'none', diagnosis: 'master_crashed' } });
      expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: true });
    });
  });
});

describe('what comes after a failover', () => {
  test('fenced_master_returned: started writable by hand, it is stopped by the next check', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.killTree();
      await lab.check();
      const { rm } = await import('node:fs/promises');
      await rm(join(cluster.master.pgdata, 'standby.signal'));
      await cluster.master.start();
      expect(await takesWrites(cluster.master)).toBe(true);
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 0, decision: { diagnosis: 'master_healthy' } });
      expect(cluster.master.isRunning()).toBe(false);
      expect(existsSync(join(cluster.master.pgdata, 'standby.signal'))).toBe(true);
      await provedFailover(cluster, lab);
    });
  });

  test('promoted_by_hand: the newer timeline is recorded as master, and the old one fenced where its host answers', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.killTree();
      await cluster.server('db2').sql('SELECT pg_promote()');
      const report = await lab.check();
      expect(report.decision.diagnosis).toBe('master_healthy');
      const saved = await lab.saved();
      expect(saved.servers['db2']?.def.role).toBe('master');
      expect(saved.former_masters).toMatchObject([{ server: 'db1', fenced: expect.any(String) as string }]);
    });
  });

  test('a failover that is too soon after the last one waits', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster, { failover: { min_failover_interval: '10m' } });
      await cluster.master.killTree();
      expect(await lab.check()).toMatchObject({ failed_over: true });
      const master = await provedFailover(cluster, lab);
      await master.killTree();
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 1, failed_over: false });
      expect(report.decision.vetoes.map((veto) => veto.name)).toEqual(['too_soon']);
      expect(await lab.handyrep.pause({ for: 600_000, reason: 'a test' })).toMatchObject({ exit_code: 0 });
      expect(await lab.handyrep.ack()).toMatchObject({ exit_code: 0 });
      const paused = await lab.check();
      expect(paused.decision.vetoes.map((veto) => veto.name)).toEqual(['paused']);
      expect(await lab.handyrep.resume()).toMatchObject({ exit_code: 0 });
      expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: true });
    });
  });
});

describe('clients without a proxy', () => {
  test('a list of hosts with target_session_attrs finds the new master by itself', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      const hosts = cluster.servers.map(({ host }) => host).join(',');
      const ports = cluster.servers.map(({ port }) => port.toString()).join(',');
      const uri = `postgresql://postgres@/postgres?host=${hosts}&port=${ports}&target_session_attrs=read-write&connect_timeout=2`;
      const ask = (): Promise<string> =>
        promisify(execFile)(join(cluster.binaries.bin_dir, 'psql'), [
          uri,
          '-Atc',
          "SELECT current_setting('port')",
        ]).then(
          ({ stdout }) => stdout.trim(),
          (error: unknown) => String(error),
        );
      expect(await ask()).toBe(cluster.master.port.toString());
      await cluster.master.killTree();
      const lost = performance.now();
      expect(await ask()).not.toMatch(/^\d+$/);
      const report = await lab.check();
      expect(report).toMatchObject({ failed_over: true });
      expect(await ask()).toBe(cluster.server(report.master ?? '').port.toString());
      console.log(`found again ${(performance.now() - lost).toFixed(0)} ms after the master was lost`);
    });
  });
});
