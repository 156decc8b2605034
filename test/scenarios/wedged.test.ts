import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Freezable, freezableDisk } from '../hosts/freezable.js';
import { type DemoServer, withCluster } from '../pg/harness.js';
import { calmLab } from './lab.js';

/** Its WAL on a disk of its own. */
async function moveWal(server: DemoServer, disk: Freezable): Promise<void> {
  await server.stop('fast');
  const wal = join(server.pgdata, 'pg_wal');
  execFileSync('cp', ['-a', wal, disk.folder]);
  execFileSync('rm', ['-rf', wal]);
  symlinkSync(join(disk.folder, 'pg_wal'), wal);
  await server.start();
}

// Only root may mount and freeze a file system.
describe.skipIf(process.getuid?.() !== 0)('a WAL disk that hangs', () => {
  test('master_wedged: told by verify and by every check after it, nobody is promoted, and the end is seen', async () => {
    const disk = freezableDisk(400);
    try {
      await withCluster({ replicas: 1 }, async (cluster) => {
        await moveWal(cluster.master, disk);
        const lab = await calmLab(cluster, { handyrep: { statement_timeout: '2s' } });
        disk.freeze();
        try {
          const seen = await lab.verify();
          expect(seen).toMatchObject({
            exit_code: 1,
            decision: { rule: 5, diagnosis: 'master_wedged', action: 'none' },
          });
          expect(seen.hint).toContain('handyrep stop db1 --mode immediate');
          expect(seen.servers.find(({ name }) => name === 'db1')).toMatchObject({ status: 'down' });
          for (let round = 0; round < 2; round++) {
            const check = await lab.check();
            expect(check).toMatchObject({ exit_code: 1, failed_over: false, cluster: { status: 'down' } });
            expect(check.details).toMatch(/a write has waited for \d+ s: \S+/);
          }
          // The one that hangs is enough: what watches must not fill the server with more of them.
          const hanging = await cluster.master.sql(
            `SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_logical_emit_message%' AND state = 'active'`,
          );
          expect(hanging).toHaveLength(1);
        } finally {
          disk.thaw();
        }
        expect(await lab.check()).toMatchObject({ exit_code: 0, decision: { diagnosis: 'master_healthy' } });
      });
    } finally {
      disk.remove();
    }
  });
});
