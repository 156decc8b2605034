import { expect, test } from 'vitest';
import { type DemoServer, waitFor, withCluster } from '../pg/harness.js';
import { calmLab, recovering, runCommand } from './lab.js';

/*
 * PostgreSQL numbers a new timeline by the history files that the promoted server has ("Timelines", continuous-archiving): two servers
 * that do not know of each other's promotion give the same number, and nothing in PostgreSQL tells the two timelines apart.
 */

async function timeline(server: DemoServer): Promise<number> {
  const [row] = await server.sql('SELECT pg_walfile_name(pg_current_wal_lsn()) AS file');
  return Number.parseInt(row?.['file']?.slice(0, 8) ?? '', 16);
}

test('who missed the last promotion is not promoted by its priority; who knows it is', async () => {
  await withCluster({ replicas: 3 }, async (cluster) => {
    const priorities = { db2: { failover_priority: 1 }, db3: { failover_priority: 2 }, db4: { failover_priority: 3 } };
    const lab = await calmLab(cluster, {
      failover: { remaster: false, selection_method: 'select_replica_priority' },
      servers: priorities,
    });
    await cluster.master.killTree();
    expect(await lab.check()).toMatchObject({ failed_over: true });
    expect((await lab.saved()).servers['db2']?.def.role).toBe('master');
    expect(await runCommand(lab, ['remaster', 'db4'])).toMatchObject({ code: 0 });
    // No poll sees who follows: what is known of db3 is that it streamed, from the first master.
    const db2 = cluster.server('db2');
    await db2.killTree();

    const second = await lab.check();
    expect(second).toMatchObject({ failed_over: true, decision: { action: 'fail_over' } });
    expect((await lab.saved()).servers['db4']?.def.role).toBe('master');
    expect(await timeline(cluster.server('db4'))).toBe(3);
    expect(await recovering(cluster.server('db3'))).toBe(true);
    const { candidates } = second.decision;
    expect(candidates.find(({ server }) => server === 'db3')?.unfit).toContainEqual({
      reason: 'missed_timeline',
      text: 'it is on timeline 1 and knows nothing of timeline 2: promoted, it would use that number a second time',
    });
  });
});

test('a server that was master on another timeline of the same number is not taken for a replica of this one', async () => {
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { auto_failover: false } });
    const [db2, db3] = [cluster.server('db2'), cluster.server('db3')];
    await cluster.master.killTree();
    for (const server of [db2, db3]) {
      await server.sql('SELECT pg_promote()');
      await waitFor(async () => !(await recovering(server)), {
        deadline: 30_000,
        what: `${server.name} to be promoted`,
      });
    }
    expect([await timeline(db2), await timeline(db3)]).toEqual([2, 2]);
    await db3.sql('CREATE TABLE only_on_the_other ()');
    await db3.killTree();
    await db2.sql('CREATE TABLE here ()');
    await db2.sql('CHECKPOINT');
    expect(await lab.check()).toMatchObject({ exit_code: 0, decision: { diagnosis: 'master_healthy' } });
    expect((await lab.saved()).servers['db2']?.def.role).toBe('master');

    const rejoined = await runCommand(lab, ['rejoin', 'db3', '--reclone', '--yes']);
    expect(rejoined.stderr).toMatch(
      /it has diverged: it(s timeline 2 began elsewhere| was a master on timeline 2 itself)/,
    );
    expect(rejoined.stderr).toContain('1 committed transaction(s) that the master does not have');
    expect(rejoined).toMatchObject({ code: 0 });
    expect(await recovering(db3)).toBe(true);
    expect(await db3.sql("SELECT to_regclass('here') IS NOT NULL AS ours")).toEqual([{ ours: 't' }]);
  });
});

test('who missed a promotion and is all that is left is promoted by a person, and adopted', async () => {
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster, { failover: { remaster: false } });
    await cluster.master.killTree();
    expect(await lab.check()).toMatchObject({ failed_over: true });
    const { servers } = await lab.saved();
    const [second, left] = servers['db2']?.def.role === 'master' ? ['db2', 'db3'] : ['db3', 'db2'];
    await cluster.server(second).killTree();

    const held = await lab.check();
    expect(held).toMatchObject({ exit_code: 1, failed_over: false });
    expect(await runCommand(lab, ['promote', left, '--force', '--yes'])).toMatchObject({ code: 4 });
    expect(await recovering(cluster.server(left))).toBe(true);
    await cluster.server(left).sql('SELECT pg_promote()');
    expect(await timeline(cluster.server(left))).toBe(2);
    expect(await runCommand(lab, ['adopt', '--yes'])).toMatchObject({ code: 0 });
    expect(await lab.check()).toMatchObject({ exit_code: 0, decision: { diagnosis: 'master_healthy' } });

    const rejoined = await runCommand(lab, ['rejoin', second, '--reclone', '--yes']);
    expect(rejoined.stderr).toMatch(
      /it has diverged: it(s timeline 2 began elsewhere| was a master on timeline 2 itself)/,
    );
    expect(rejoined).toMatchObject({ code: 0 });
  });
});
