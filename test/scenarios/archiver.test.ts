import { beforeAll, expect, test } from 'vitest';
import { type DemoCluster, startCluster, waitFor } from '../pg/harness.js';
import { type Lab, calmLab, runCommand } from './lab.js';

let cluster: DemoCluster;
let lab: Lab;
beforeAll(async () => {
  cluster = await startCluster({ replicas: 1, settings: { archive_mode: 'on', archive_command: 'true' } });
  lab = await calmLab(cluster, { archive: { delay_limit: '1s' } });
}, 60_000);

async function archiveBy(command: string): Promise<void> {
  await cluster.master.sql(`ALTER SYSTEM SET archive_command = '${command}'`);
  await cluster.master.sql('SELECT pg_reload_conf()');
  await cluster.master.sql("SELECT pg_logical_emit_message(true, 'test', 'x'); SELECT pg_switch_wal()");
}

/** The verify that says this of db1. */
function verifyUntil(what: string, said: (message: string, status: string) => boolean) {
  return waitFor(
    async () => {
      const report = await lab.verify();
      const master = report.servers.find(({ name }) => name === 'db1');
      return master !== undefined && said(master.status_message, master.status) ? report : null;
    },
    { deadline: 30_000, what, every: 300 },
  );
}

test('the archiver in verify: well, failing, well again, hung', async () => {
  await archiveBy('true');
  const well = await verifyUntil('an archived segment', (_message, status) => status === 'healthy');
  expect(well.archivers?.map(({ server, mode, in_recovery }) => [server, mode, in_recovery])).toEqual([
    ['db1', 'on', false],
    ['db2', 'on', true],
  ]);
  await waitFor(async () => ((await lab.verify()).archivers?.[0]?.last_archived_wal ?? null) !== null, {
    deadline: 10_000,
    what: 'a first segment',
  });
  const shown = await runCommand(lab, ['-v', 'verify']);
  expect(shown.stdout).toMatch(
    /WAL archive:\n {2}db1 {2}[0-9A-F]{24} at \S+Z; 0 segment\(s\) wait\n {2}db2 {2}archives when it is promoted/,
  );

  await archiveBy('false');
  const failing = await verifyUntil('a failing archiver', (message) => message.includes('its archiver fails on '));
  expect(failing.cluster.status).toBe('warning');
  expect(failing.archivers?.[0]).toMatchObject({ server: 'db1', ready: 1 });
  expect(failing.archivers?.[0]?.failed_count).toBeGreaterThan(0);

  await archiveBy('true');
  await verifyUntil('a recovered archiver', (_message, status) => status === 'healthy');

  await archiveBy('sleep 30');
  await verifyUntil('a hung archiver', (message) =>
    message.includes('its archive has fallen behind: a segment has waited for'),
  );
}, 90_000);
