import { expect, test } from 'vitest';
import { withCluster } from '../pg/harness.js';
import { calmLab } from './lab.js';

/**
 * Asks at the one wrong moment: the replica has asked its postmaster for a WAL receiver, and the postmaster, which is stopped
 * until then, makes one and passes the request for a promotion on in one go. Tells how long the promotion took from there.
 */
const AT_THE_WRONG_MOMENT = `
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
export default {
  kind: 'promotion_method',
  description: 'asks for a promotion at the wrong moment',
  run: () => async (context, server) => {
    const held = await context.sql.hold(server, { timeout: 20000 });
    if (!held.ok) return held;
    const one = async (text) => {
      const rows = await held.value.query(text);
      if (!rows.ok) throw new Error(rows.error.message);
      return Object.values(rows.value[0])[0];
    };
    const doing = () => one("SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup'");
    while ((await doing()) !== 'RecoveryRetrieveRetryInterval') await sleep(5);
    const postmaster = Number(readFileSync(server.pgdata + '/postmaster.pid', 'utf8').split('\\n')[0]);
    process.kill(postmaster, 'SIGSTOP');
    try {
      while ((await doing()) !== 'RecoveryWalStream') await sleep(5);
      await one('SELECT pg_promote(false)');
    } finally {
      process.kill(postmaster, 'SIGCONT');
    }
    const began = performance.now();
    while ((await one('SELECT pg_is_in_recovery()')) === 't') await sleep(5);
    await held.value.close();
    return { ok: true, value: String(Math.round(performance.now() - began)) };
  },
};
`;

test('a promotion that PostgreSQL would sleep over for wal_retrieve_retry_interval happens at once', async () => {
  // By default it is 5 s, and so long it took.
  await withCluster({ replicas: 1, settings: { wal_retrieve_retry_interval: '6s' } }, async (cluster) => {
    const lab = await calmLab(cluster, {
      plugin_files: { 'promote_wrongly.mjs': AT_THE_WRONG_MOMENT },
      server_defaults: { promotion_method: 'promote_wrongly' },
    });
    await cluster.master.killTree();
    const report = await lab.check();
    expect(report, report.details).toMatchObject({ failed_over: true, master: 'db2' });
    const note = report.operation?.steps.find(({ step }) => step === 'promote it')?.note ?? '';
    expect(note).toMatch(/^\d+; it slept before that \(wal_retrieve_retry_interval\), and was woken$/);
    expect(Number.parseInt(note, 10)).toBeLessThan(3000);
  });
});
