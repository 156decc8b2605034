import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { takePorts } from '../../src/demo/ports.js';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { type DemoCluster, withCluster } from '../pg/harness.js';
import { type Lab, calmLab, recovering, runCommand } from './lab.js';

/** A promotion method that ends its own run by SIGKILL, before or after the promotion, the first time it is called. */
const dyingPromotion = (when: 'before' | 'after'): string => `
import { existsSync, writeFileSync } from 'node:fs';
export default {
  kind: 'promotion_method',
  description: 'dies',
  settings: (z) => z.strictObject({ mark: z.string() }),
  run: ({ mark }) => async (context, server) => {
    const first = !existsSync(mark);
    writeFileSync(mark, '');
    if (first && '${when}' === 'before') process.kill(process.pid, 'SIGKILL');
    const done = await context.sql.query(server, 'SELECT pg_promote() AS ok');
    if (first && '${when}' === 'after') process.kill(process.pid, 'SIGKILL');
    return done.ok ? { ok: true, value: server.name + ' promoted' } : done;
  },
};
`;

describe('a run that is killed in the middle of a failover', () => {
  test.each(['before', 'after'] as const)('%s the promotion: the next run ends with one master', async (when) => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const mark = join(cluster.folder, 'died');
      const lab = await calmLab(cluster, {
        server_defaults: { promotion_method: 'promote_dying' },
        plugins: { promote_dying: { mark } },
        plugin_files: { 'promote_dying.mjs': dyingPromotion(when) },
      });
      await cluster.master.killTree();
      const killed = await runCommand(lab, ['--json', 'failover-check']);
      expect(killed.code).toBe('SIGKILL');
      expect((await lab.saved()).operation).toMatchObject({ old_master: 'db1', new_master: 'db2' });
      expect((await lab.poll()).unfinished_operation).not.toBeNull();
      const done = await runCommand(lab, ['--json', 'failover-check']);
      expect(JSON.parse(done.stdout)).toMatchObject({ exit_code: 0, failed_over: true });
      expect(await recovering(cluster.server('db2'))).toBe(false);
      expect(await recovering(cluster.server('db3'))).toBe(true);
      const saved = await lab.saved();
      expect(saved).toMatchObject({ operation: null, cluster: { status: 'warning' } });
      expect(saved.history[0]).toMatchObject({ result: 'SUCCESS', old_master: 'db1', new_master: 'db2' });
    });
  });

  test('before anybody was asked: rolled back, and then decided anew', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await diedChoosing(cluster);
      expect((await lab.saved()).operation).toMatchObject({ new_master: null });
      const done = await runCommand(lab, ['--json', 'failover-check']);
      expect(JSON.parse(done.stdout)).toMatchObject({ exit_code: 0, failed_over: true });
      expect((await lab.saved()).operation).toBeNull();
    });
  });

  test('and nobody is fit any more: the old master is left as it was, and whoever starts it gets a master', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await diedChoosing(cluster);
      const signal = join(cluster.master.pgdata, 'standby.signal');
      expect(existsSync(signal)).toBe(true);
      await cluster.server('db2').killTree();
      expect(await lab.check()).toMatchObject({ exit_code: 1, failed_over: false });
      expect((await lab.saved()).operation).toBeNull();
      expect(existsSync(signal)).toBe(false);
      await cluster.master.start();
      expect(await recovering(cluster.master)).toBe(false);
    });
  });

  test('and somebody promoted one by hand: the old master keeps its standby.signal', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await diedChoosing(cluster);
      await cluster.server('db2').sql('SELECT pg_promote()');
      expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: false, master: 'db2' });
      expect((await lab.saved()).history[0]?.details).toContain('db1 keeps its standby.signal: db2 accepts writes');
      expect(existsSync(join(cluster.master.pgdata, 'standby.signal'))).toBe(true);
    });
  });

  test('a candidate whose promotion fails is stopped, and the next one takes over', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster, { servers: { db2: { promotion_method: 'failplugin' } } });
      await cluster.master.killTree();
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 0, failed_over: true, operation: { new_master: 'db3' } });
      expect(await recovering(cluster.server('db2'))).toBe(true);
      expect(await recovering(cluster.server('db3'))).toBe(false);
    });
  });

  test('no candidate is left: nobody is promoted, and the old master is started again', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, { server_defaults: { promotion_method: 'failplugin' } });
      await cluster.master.killTree();
      await cluster.master.collected();
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 1, failed_over: false });
      expect(await recovering(cluster.master)).toBe(false);
      expect((await lab.saved()).operation).toBeNull();
    });
  });
});

/** The master is dead, and the failover of it died before anybody was chosen. */
async function diedChoosing(cluster: DemoCluster): Promise<Lab> {
  const lab = await calmLab(cluster, {
    failover: { selection_method: 'select_dying' },
    plugin_files: { 'select_dying.mjs': SELECT_DYING },
  });
  await cluster.master.killTree();
  const killed = await runCommand(lab, ['failover-check'], { HANDYREP_TEST_CALLS: '1' });
  expect(killed.code).toBe('SIGKILL');
  return lab;
}

/** Dies at its second call of a run: the first is the decision, the second the choice by final positions. */
const SELECT_DYING = `
let calls = 0;
export default {
  kind: 'selection_method',
  description: 'dies',
  settings: (z) => z.strictObject({}),
  run: () => (candidates) => {
    calls += 1;
    const limit = Number(process.env.HANDYREP_TEST_CALLS ?? 0);
    if (limit > 0 && candidates.length > 0 && calls > limit) process.kill(process.pid, 'SIGKILL');
    return candidates.map((one) => one.server);
  },
};
`;

describe('a host that nothing reaches', () => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd();
  }, 30_000);
  afterAll(() => sshd.stop());

  /** A cluster whose master is reached through a gate that can be closed. */
  async function gatedLab(cluster: DemoCluster): Promise<{ readonly gate: Gate; readonly lab: Lab }> {
    const gate = await openGate(sshd.port);
    await allowHost(sshd, gate.port);
    const become = process.getuid?.() === 0 ? 'sudo' : 'none';
    const lab = await calmLab(cluster, {
      handyrep: { ssh_timeout: '2s' },
      server_defaults: { connection: 'ssh', ssh_port: sshd.port, ssh_user: sshd.user, become },
      servers: { db1: { ssh_port: gate.port } },
      env: { HANDYREP_SSH_CONFIG: sshd.configFile },
    });
    return { gate, lab };
  }

  test('master_host_lost: replaced with its fencing owed, which is paid when it returns', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const { gate, lab } = await gatedLab(cluster);
      cluster.master.freeze();
      gate.close();
      const report = await lab.check();
      expect(report).toMatchObject({
        exit_code: 0,
        failed_over: true,
        decision: { rule: 9, diagnosis: 'master_host_lost' },
      });
      expect(report.operation?.loss).toContain('and whatever db1 takes until it is fenced, if it lives');
      expect((await lab.saved()).former_masters).toMatchObject([{ server: 'db1', fenced: null }]);
      expect((await lab.poll()).cluster.status).toBe('warning');

      // The host is back, and its PostgreSQL with it, writable as it was.
      cluster.master.thaw();
      const unpaid = await lab.check();
      expect(unpaid).toMatchObject({ exit_code: 1, decision: { rule: 3, diagnosis: 'fenced_master_returned' } });
      await gate.open();
      const paid = await lab.check();
      expect(paid).toMatchObject({ exit_code: 0 });
      expect(cluster.master.isRunning()).toBe(false);
      expect((await lab.saved()).former_masters).toMatchObject([
        { server: 'db1', fenced: expect.any(String) as string },
      ]);
      const shown = (await lab.saved()).servers['db1']?.status.status_message;
      expect(shown).toMatch(/^former master, fenced: replaced by db[23] in failover-/);
      await cluster.master.start();
      expect(await recovering(cluster.master)).toBe(true);
      gate.close();
    });
  });

  test('its fencing is paid when the host is back, before PostgreSQL is started there', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const { gate, lab } = await gatedLab(cluster);
      cluster.master.freeze();
      gate.close();
      expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: true });
      await cluster.master.killTree();
      const signal = join(cluster.master.pgdata, 'standby.signal');
      expect(await lab.check()).toMatchObject({ exit_code: 0 });
      expect(existsSync(signal)).toBe(false);
      await gate.open();
      expect(await lab.check()).toMatchObject({ exit_code: 0 });
      expect(existsSync(signal)).toBe(true);
      expect((await lab.saved()).former_masters).toMatchObject([
        { server: 'db1', fenced: expect.any(String) as string },
      ]);
      gate.close();
    });
  });

  test('require_fencing: without a fence nothing is done', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, {
        handyrep: { ssh_timeout: '1s' },
        failover: { require_fencing: true },
        servers: { db1: { connection: 'ssh', ssh_port: 1, ssh_user: 'nobody' } },
      });
      cluster.master.freeze();
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 1, failed_over: false });
      expect(report.decision.vetoes.map((veto) => veto.name)).toEqual(['fencing_required']);
      cluster.master.thaw();
      expect((await lab.check()).exit_code).toBe(0);
    });
  });

  test('fence_command: its exit status is the proof', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster, {
        handyrep: { ssh_timeout: '1s' },
        failover: { require_fencing: true, fence_method: 'fence_command' },
        plugins: { fence_command: { command: ['sh', '-c', 'kill -9 "$1"', 'sh', String(cluster.master.pid())] } },
        servers: { db1: { connection: 'ssh', ssh_port: 1, ssh_user: 'nobody' } },
      });
      cluster.master.freeze();
      const report = await lab.check();
      expect(report).toMatchObject({ exit_code: 0, failed_over: true, operation: { new_master: 'db2' } });
      expect((await lab.saved()).former_masters).toMatchObject([
        { server: 'db1', fenced: expect.any(String) as string },
      ]);
    });
  });
});

interface Gate {
  readonly port: number;
  open(): Promise<void>;
  close(): void;
}

/** A port in front of another that can be shut: the way to a host whose network goes and comes back. */
async function openGate(target: number): Promise<Gate> {
  const [port = 0] = await takePorts(1);
  const sockets = new Set<net.Socket>();
  let server: net.Server | null = null;
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      server = net.createServer((inner) => {
        const outer = net.connect(target, '127.0.0.1');
        for (const socket of [inner, outer]) {
          sockets.add(socket);
          socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
        }
        inner.pipe(outer).pipe(inner);
      });
      server.listen(port, '127.0.0.1', resolve);
    });
  await open();
  return {
    port,
    open,
    close: () => {
      server?.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function allowHost(sshd: TestSshd, port: number): Promise<void> {
  const [known = ''] = (await readFile(sshd.knownHosts, 'utf8')).split('\n');
  await appendFile(sshd.knownHosts, `${known.replace(/^\S+/, `[127.0.0.1]:${String(port)}`)}\n`);
}
