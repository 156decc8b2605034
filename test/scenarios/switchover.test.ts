import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckReport } from '../../src/index.js';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import {
  type DemoCluster,
  type DemoServer,
  lostWrites,
  startClusterWriter,
  waitFor,
  withCluster,
  WRITTEN_IDS,
} from '../pg/harness.js';
import { type Lab, calmLab, recovering, runCommand } from './lab.js';

type FailoverReport = CheckReport & { readonly error?: { readonly code: string } };

async function failover(lab: Lab, ...argv: readonly string[]): Promise<FailoverReport> {
  const { stdout, stderr } = await runCommand(lab, ['--json', '--yes', 'failover', ...argv]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as FailoverReport;
}

/** One master, and everybody else streams from it. */
async function expectWhole(lab: Lab, cluster: DemoCluster, master: string): Promise<void> {
  const report = await lab.verify();
  expect(report.cluster).toMatchObject({ status: 'healthy' });
  expect(report.master).toBe(master);
  for (const server of cluster.servers) expect(await recovering(server)).toBe(server.name !== master);
  const replicas = report.servers.filter(({ name }) => name !== master);
  expect(replicas.map(({ enabled, streaming }) => [enabled, streaming])).toEqual(replicas.map(() => [true, true]));
  expect((await lab.saved()).former_masters).toEqual([]);
}

async function slotsOf(server: DemoServer): Promise<readonly string[]> {
  const rows = await server.sql('SELECT slot_name FROM pg_replication_slots ORDER BY 1');
  return rows.map((row) => String(row['slot_name']));
}

describe('a switchover', () => {
  test('there and back: no acknowledged commit is lost, everybody streams, no slot is left behind', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      const writer = await startClusterWriter(cluster);
      for (const to of ['db2', 'db1']) {
        const report = await failover(lab, '--to', to);
        expect(report.details).toMatch(new RegExp(`^switched over from db\\d to ${to}, loss none`));
        expect(report).toMatchObject({ exit_code: 0, failed_over: true, master: to, preflight: [] });
        await expectWhole(lab, cluster, to);
        for (const { name, sql } of cluster.servers) {
          const others = ['db1', 'db2', 'db3'].filter((one) => one !== name).map((one) => `handyrep_${one}`);
          expect(await slotsOf({ sql } as DemoServer)).toEqual(name === to ? others : []);
        }
      }
      const { acknowledged } = await writer.stop();
      expect(acknowledged).toBeGreaterThan(50);
      for (const server of cluster.servers) {
        const rows = await waitFor(
          async () => {
            const found = await server.sql(WRITTEN_IDS);
            return lostWrites(writer.acks, found).length === 0 ? found : null;
          },
          { deadline: 10_000, what: `${server.name} to have every acknowledged row` },
        );
        expect(rows.length).toBeGreaterThanOrEqual(acknowledged);
      }
      const [last] = (await lab.saved()).history;
      expect(last).toMatchObject({ kind: 'switchover', automatic: false, result: 'SUCCESS', new_master: 'db1' });
    });
  });

  test('a WAL receiver that is frozen: nobody is promoted, and the old master takes writes again', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      const writer = await startClusterWriter(cluster);
      const [row] = await cluster.server('db2').sql('SELECT pid FROM pg_stat_wal_receiver');
      const receiver = Number(row?.['pid']);
      process.kill(receiver, 'SIGSTOP');
      try {
        const report = await failover(lab, '--to', 'db2');
        expect(report).toMatchObject({ exit_code: 1, failed_over: false, master: 'db1' });
        expect(report.details).toContain('db2 does not hold the shutdown checkpoint');
        expect(report.details).toContain('db1 takes writes again');
        const before = writer.acks.length;
        await waitFor(() => writer.acks.length > before + 10, { deadline: 10_000, what: 'writes on the old master' });
        expect(writer.acks.at(-1)?.port).toBe(cluster.master.port);
      } finally {
        process.kill(receiver, 'SIGCONT');
      }
      await writer.stop();
      expect(existsSync(join(cluster.master.pgdata, 'standby.signal'))).toBe(false);
      expect(await recovering(cluster.server('db2'))).toBe(true);
      expect((await lab.saved()).history[0]).toMatchObject({ kind: 'switchover', result: 'ROLLED BACK' });
      expect(lostWrites(writer.acks, await cluster.master.sql(WRITTEN_IDS))).toEqual([]);
    });
  });

  test('a candidate whose promotion fails: the old master takes writes again', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, { servers: { db2: { promotion_method: 'failplugin' } } });
      const report = await failover(lab);
      expect(report).toMatchObject({ exit_code: 1, failed_over: false, master: 'db1' });
      expect(report.details).toContain('db1 takes writes again');
      expect(await recovering(cluster.master)).toBe(false);
      expect(await recovering(cluster.server('db2'))).toBe(true);
      expect((await lab.saved()).operation).toBeNull();
    });
  });

  test('a master that cannot be stopped goes on as it was', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, { servers: { db1: { restart_method: 'failplugin' } } });
      const report = await failover(lab);
      expect(report).toMatchObject({ exit_code: 1, failed_over: false, master: 'db1', cluster: { status: 'healthy' } });
      expect(report.details).toContain('db1 did not shut down');
      expect(existsSync(join(cluster.master.pgdata, 'standby.signal'))).toBe(false);
      expect(await recovering(cluster.server('db2'))).toBe(true);
    });
  });

  test.each([
    ['ctrl-C', 'SIGINT'],
    ['the terminal is lost', 'SIGHUP'],
  ])('%s while the master is down: it takes writes again', async (_, signal) => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, {
        server_defaults: { restart_method: 'restart_dying' },
        plugins: { restart_dying: { mark: join(cluster.folder, 'died'), signal } },
        plugin_files: { 'restart_dying.mjs': RESTART_DYING },
      });
      expect(await failover(lab)).toMatchObject({ exit_code: 1, failed_over: false, master: 'db1' });
      const { operation, history } = await lab.saved();
      expect([operation, history[0]?.result]).toEqual([null, 'ROLLED BACK']);
      expect(history[0]?.details).toContain('interrupted before its step prove_candidate');
      expect(await recovering(cluster.master)).toBe(false);
      expect(await recovering(cluster.server('db2'))).toBe(true);
    });
  });

  test('what the preflight finds: refused with its name, shown by --dry-run, overridden by --force', async () => {
    const settings = { archive_mode: 'on', archive_command: 'false' };
    await withCluster({ replicas: 1, settings }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.sql('SELECT pg_switch_wal()');
      await waitFor(
        async () => (await cluster.master.sql('SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0')).length === 1,
        { deadline: 20_000, what: 'the archiver to fail' },
      );
      const refused = await failover(lab);
      expect(refused).toMatchObject({
        exit_code: 4,
        failed_over: false,
        preflight: [{ name: 'archiver_failing', blocks: true }],
      });
      expect(refused.hint).toContain('--force');
      const shown = await runCommand(lab, ['failover', '--dry-run']);
      expect(shown.code).toBe(4);
      expect(shown.stdout).toContain('BLOCKS  archiver_failing');
      expect(shown.stdout).toContain('db2: SELECT pg_promote()');
      expect((await lab.saved()).history).toEqual([]);
      expect(await failover(lab, '--force')).toMatchObject({ exit_code: 0, failed_over: true, master: 'db2' });
      // Whole but for its archiver, which cannot archive here either: a verify says so.
      await waitFor(
        async () => {
          const { master, servers } = await lab.verify();
          const said = servers.find(({ name }) => name === master)?.status_message ?? '';
          return master === 'db2' && said.startsWith('its archiver fails on ');
        },
        { deadline: 20_000, what: 'the failing archiver of the new master' },
      );
      for (const server of cluster.servers) expect(await recovering(server)).toBe(server.name !== 'db2');
    });
  });

  test('refusals: each with its code and reason, and nothing is touched', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      const before = await lab.saved();
      expect(await failover(lab, '--to', 'db9')).toMatchObject({ exit_code: 2, error: { code: 'unknown_server' } });
      expect(await failover(lab, '--to', 'db1')).toMatchObject({ exit_code: 4, details: 'db1 is the master already' });
      const unasked = await runCommand(lab, ['--json', 'failover']);
      expect(unasked.code).toBe(4);
      expect(JSON.parse(unasked.stdout)).toMatchObject({
        error: { code: 'needs_confirmation' },
        hint: expect.stringContaining('--yes') as string,
      });
      const typo = await runCommand(lab, ['failover', '--too', 'db2']);
      expect([typo.code, typo.stderr]).toEqual([2, expect.stringContaining('--to')]);

      await cluster.server('db2').sql('SELECT pg_wal_replay_pause()');
      expect(await failover(lab)).toMatchObject({ exit_code: 4, preflight: [{ name: 'replay_paused' }] });
      await cluster.server('db2').sql('SELECT pg_wal_replay_resume()');
      await cluster.server('db2').stop();
      const nobody = await failover(lab);
      expect(nobody).toMatchObject({ exit_code: 4, master: 'db1' });
      expect(nobody.details).toContain('no replica can take over from db1');
      expect(await recovering(cluster.master)).toBe(false);
      expect((await lab.saved()).history).toEqual(before.history);
    });
  });

  test('--no-remaster leaves the others; a dead master is replaced on demand, though auto_failover is off', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster, { failover: { auto_failover: false } });
      expect(await failover(lab, '--to', 'db2', '--no-remaster')).toMatchObject({ exit_code: 0, master: 'db2' });
      const [row] = await cluster.server('db3').sql("SELECT current_setting('primary_conninfo') AS conninfo");
      expect(row?.['conninfo']).toContain(String(cluster.master.port));

      await cluster.server('db2').killTree();
      const dry = await failover(lab, '--dry-run');
      expect(dry.plan[0]).toContain('fence db2');
      expect(dry.commands.flat()).toContain('db1: SELECT pg_promote()');
      const report = await failover(lab);
      expect(report).toMatchObject({
        exit_code: 0,
        failed_over: true,
        decision: { diagnosis: 'master_crashed' },
        master: 'db1',
      });
      expect((await lab.saved()).history[0]).toMatchObject({ kind: 'failover', automatic: false, old_master: 'db2' });
    });
  });
});

/** A restart method that sends its own run a signal as soon as it has told the master to stop, the first time. */
const RESTART_DYING = `
import { existsSync, writeFileSync } from 'node:fs';
export default {
  kind: 'restart_method',
  description: 'dies',
  settings: (z) => z.strictObject({ mark: z.string(), signal: z.string().default('SIGKILL') }),
  run: ({ mark, signal }) => async (context, { server, action, mode }) => {
    const tool = await context.findBinary(server, 'pg_ctl');
    if (!tool.ok) return tool;
    const dies = action === 'stop' && !existsSync(mark);
    const log = action === 'start' ? ['-l', '/dev/null'] : ['-m', mode];
    const done = await context.hosts.run(server, [tool.value, action, '-D', server.pgdata, dies ? '-W' : '-w', ...log]);
    if (dies) {
      writeFileSync(mark, '');
      process.kill(process.pid, signal);
    }
    return done.ok ? { ok: true, value: action } : done;
  },
};
`;

describe('a run that is killed in the middle of a switchover', () => {
  test('when the master is down and nobody was asked to promote: the next check starts it again', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, {
        server_defaults: { restart_method: 'restart_dying' },
        plugins: { restart_dying: { mark: join(cluster.folder, 'died') } },
        plugin_files: { 'restart_dying.mjs': RESTART_DYING },
      });
      const killed = await runCommand(lab, ['--yes', 'failover']);
      expect(killed.code).toBe('SIGKILL');
      const { operation } = await lab.saved();
      expect(operation?.steps.map(({ step, state }) => [step.kind, state]).slice(1, 3)).toEqual([
        ['stop_old_master', 'begun'],
        ['prove_candidate', 'pending'],
      ]);
      const done = await lab.check();
      expect(done).toMatchObject({ exit_code: 0, master: 'db1' });
      expect(done.details).toContain('db1 takes writes again');
      expect((await lab.saved()).operation).toBeNull();
      expect(await recovering(cluster.master)).toBe(false);
      expect(await recovering(cluster.server('db2'))).toBe(true);
    });
  });
});

describe('over ssh', () => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd();
  }, 30_000);
  afterAll(() => sshd.stop());

  test('with sudo: the old master hands over and comes back', async () => {
    await withCluster({ replicas: 1, password: 'p w' }, async (cluster) => {
      const become = process.getuid?.() === 0 ? 'sudo' : 'none';
      const lab = await calmLab(cluster, {
        passwords: { handyrep_db_pass: 'p w', replication_pass: 'p w', superuser_pass: 'p w' },
        server_defaults: { connection: 'ssh', ssh_port: sshd.port, ssh_user: sshd.user, become },
        env: { HANDYREP_SSH_CONFIG: sshd.configFile },
      });
      const done = await runCommand(lab, ['--json', '--yes', 'failover'], { HANDYREP_SSH_CONFIG: sshd.configFile });
      expect(JSON.parse(done.stdout)).toMatchObject({ exit_code: 0, failed_over: true, master: 'db2', preflight: [] });
      await expectWhole(lab, cluster, 'db2');
      for (const name of await readdir(lab.dir)) {
        if (name === 'handyrep.conf.yaml' || name === 'plugins') continue;
        expect([name, (await readFile(join(lab.dir, name), 'utf8')).includes('p w')]).toEqual([name, false]);
      }
    });
  });
});
