import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor, withCluster } from '../pg/harness.js';
import { calmLab, recovering } from './lab.js';

test('restart_master: a crashed master is started again, and nobody is promoted', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { restart_master: true } });
    await cluster.master.killTree();
    await cluster.master.collected();
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: false, decision: { diagnosis: 'master_healthy' } });
    expect(await recovering(cluster.master)).toBe(false);
    expect(await recovering(cluster.server('db2'))).toBe(true);
  });
});

test('restart_master: one that does not start is replaced in the same check', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { restart_master: true, recovery_retries: 2 } });
    await cluster.master.killTree();
    await cluster.master.collected();
    await appendFile(join(cluster.master.pgdata, 'postgresql.conf'), '\nno_such_setting = on\n');
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true, operation: { new_master: 'db2' } });
  });
});

test('master_shut_down: somebody stopped it; the retries are waited for, and the loss is proved to be none', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { max_data_loss: 'none' } });
    await cluster.master.stop('fast');
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true, decision: { diagnosis: 'master_shut_down' } });
    expect(report.operation?.loss).toContain('none');
    expect(report.decision.evidence[0]?.text).toContain('3 of 3 looks');
  });
});

test('max_data_loss: none is refused without a proof, and synchronous replication is one', async () => {
  const settings = { synchronous_standby_names: 'FIRST 1 (db2, db3)' };
  await withCluster({ replicas: 2, server_settings: { db1: settings } }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { max_data_loss: 'none' } });
    await cluster.master.killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true });
    expect(report.operation?.loss).toContain('none (synchronous');
  });
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { max_data_loss: 'none' } });
    await cluster.master.killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 1, failed_over: false });
    expect(report.decision.vetoes.map((veto) => veto.name)).toEqual(['too_much_loss']);
    const forced = await lab.handyrep.promote('db3', { force: true });
    expect(forced).toMatchObject({ exit_code: 0, operation: { new_master: 'db3' } });
  });
});

test('extra commands and alerts: told once, with the facts, and never in the way', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const told = join(cluster.folder, 'told');
    const sent = join(cluster.folder, 'sent');
    const lab = await calmLab(cluster, {
      handyrep: { push_alert_method: ['push_to_file', 'push_broken'] },
      extra_failover_commands: {
        fails: { command: 'run_command', parameters: ['false'] },
        tells: {
          command: 'run_command',
          parameters: ['sh', '-c', 'echo "$1" >> "$2"', 'sh', '{{ old_master }} {{ new_master }}', told],
        },
      },
      plugins: { push_to_file: { file: sent } },
      plugin_files: { 'push_to_file.mjs': PUSH_TO_FILE, 'push_broken.mjs': 'throw new Error("no mail today");' },
    });
    await cluster.master.killTree();
    const report = await lab.check();
    expect(report).toMatchObject({ exit_code: 0, failed_over: true });
    expect(report.details).toContain('extra_commands: fails');
    expect(await readFile(told, 'utf8')).toBe('db1 db2\n');
    await lab.handyrep.settled();
    const alerts = (await readFile(sent, 'utf8')).trim().split('\n');
    // A method that cannot be loaded is told by the verify: db1 was in warning for it, and is disabled now.
    expect(alerts.filter((line) => line.startsWith('db1 is warning: '))).toHaveLength(1);
    expect(alerts.filter((line) => line.startsWith('db1 is no longer watched'))).toHaveLength(1);
    expect(alerts.some((line) => line.startsWith('begins: '))).toBe(true);
    expect(alerts.some((line) => line.includes('failed over from db1 to db2'))).toBe(true);
    const log = await lab.handyrep.readLog({ lines: 200, category: 'ALERT' });
    expect(JSON.stringify(log)).toContain('no mail today');
  });
});

const PUSH_TO_FILE = `
import { appendFileSync } from 'node:fs';
export default {
  kind: 'push_alert_method',
  description: 'one line an alert',
  settings: (z) => z.strictObject({ file: z.string() }),
  run: ({ file }) => async (_context, alert) => {
    appendFileSync(file, alert.message + '\\n');
    return { ok: true, value: 'sent' };
  },
};
`;

test('failover-check --for sees a master die between its rounds', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster);
    const reports: { readonly exit_code: number; readonly failed_over: boolean }[] = [];
    for await (const report of lab.handyrep.failoverChecks({ for: 20_000, every: 200 })) {
      if (!('failed_over' in report)) throw new Error(report.details);
      reports.push(report);
      if (reports.length === 3) await cluster.master.killTree();
      if (report.failed_over) break;
    }
    expect(reports.slice(0, 3).every((one) => one.exit_code === 0 && !one.failed_over)).toBe(true);
    expect(reports.at(-1)).toMatchObject({ exit_code: 0, failed_over: true });
  });
});

test('a replica that lags is lagged after a verify, and healthy again after the next', async () => {
  await withCluster({ replicas: 1 }, async (cluster) => {
    const lab = await calmLab(cluster, { server_defaults: { lag_limit: '1MB' } });
    const replica = cluster.server('db2');
    await replica.sql('SELECT pg_wal_replay_pause()');
    await cluster.master.sql(
      'CREATE TABLE filler AS SELECT repeat(md5(n::text), 50) AS text FROM generate_series(1, 5000) n',
    );
    const lagged = await waitFor(
      async () => {
        const report = await lab.verify();
        return report.servers.some((one) => one.status === 'lagged') ? report : null;
      },
      { deadline: 20_000, what: 'the replica to lag' },
    );
    expect(lagged.cluster.status).toBe('warning');
    await replica.sql('SELECT pg_wal_replay_resume()');
    // A poll tells up from down only: it does not turn lagged into healthy.
    expect((await lab.poll()).servers.find((one) => one.name === 'db2')?.status).toBe('lagged');
    const well = await waitFor(
      async () => {
        const report = await lab.verify();
        return report.cluster.status === 'healthy' ? report : null;
      },
      { deadline: 20_000, what: 'the replica to catch up' },
    );
    expect(well.servers.every((one) => one.status === 'healthy')).toBe(true);
  });
});
