import { expect, test } from 'vitest';
import { withCluster } from '../pg/harness.js';
import { calmLab, runCommand } from './lab.js';

test('a replica that was seen to take writes is gone: nobody is promoted in its stead, until a person says so', async () => {
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster);
    const db2 = cluster.server('db2');
    await cluster.master.killTree();
    await db2.sql('SELECT pg_promote()');
    // A poll tells what it sees, and records no other master.
    await runCommand(lab, ['poll']);
    expect((await lab.saved()).servers['db2']?.facts).toMatchObject({ in_recovery: false, timeline: 2 });
    await db2.sql('CREATE TABLE only_here ()');
    await db2.killTree();

    const held = await lab.check();
    expect(held).toMatchObject({ exit_code: 1, failed_over: false, decision: { rule: 10, action: 'none' } });
    expect(held.details).toContain('db2 was seen to take writes on timeline 2');
    const forced = await runCommand(lab, ['--json', 'promote', 'db3', '--force', '--yes']);
    expect(forced).toMatchObject({ code: 4 });
    expect(await cluster.server('db3').sql('SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: 't' }]);

    await db2.start();
    // It is recorded, and looked at again.
    const recorded = await lab.check();
    expect(recorded).toMatchObject({ exit_code: 0, decision: { diagnosis: 'master_healthy' } });
    expect((await lab.saved()).servers['db2']?.def.role).toBe('master');
  });
});
