import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DemoCluster, waitFor, withCluster } from '../pg/harness.js';
import { type Lab, calmLab, createLab, recovering, runCommand } from './lab.js';
import { changeSaved } from './saved.js';

/** No host has this address (RFC 5737). */
const NOBODY = '192.0.2.1';

interface Told {
  readonly code: unknown;
  readonly report: Readonly<Record<string, unknown>>;
}

async function json(lab: Lab, ...args: readonly string[]): Promise<Told> {
  const done = await runCommand(lab, ['--json', 'adopt', ...args]);
  return { code: done.code, report: JSON.parse(done.stdout) as Told['report'] };
}

/** db2 becomes the master, and db1 its replica, without HandyRep: as a careful operator does it. */
async function switchByHand(cluster: DemoCluster): Promise<void> {
  const { master } = cluster;
  const db2 = cluster.server('db2');
  await master.stop('fast');
  await promoteByHand(cluster);
  await writeFile(join(master.pgdata, 'standby.signal'), '');
  const conninfo = `host=${db2.host} port=${db2.port.toString()} user=${cluster.roles.replication_user} application_name=db1`;
  await appendFile(join(master.pgdata, 'postgresql.auto.conf'), `\nprimary_conninfo = '${conninfo}'\n`);
  await master.start();
  await waitFor(
    async () => {
      const [row] = await db2.sql(
        "SELECT count(*) AS n FROM pg_stat_replication WHERE application_name = 'db1' AND state = 'streaming'",
      );
      return row?.['n'] === '1';
    },
    { deadline: 20_000, what: 'db1 to stream from db2', every: 100 },
  );
}

async function promoteByHand(cluster: DemoCluster): Promise<void> {
  const db2 = cluster.server('db2');
  await db2.sql('SELECT pg_promote()');
  await waitFor(async () => !(await recovering(db2)), { deadline: 10_000, what: 'db2 to take writes', every: 50 });
}

const roles = async (lab: Lab): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries(
    Object.values((await lab.saved()).servers).map(({ def }) => [def.name, `${def.role}${def.enabled ? '' : ' off'}`]),
  );

describe('the roles of the configuration are the wrong way round', () => {
  test('nothing is done until the operator adopts what is live; then a check is calm', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const known = await createLab(cluster);
      await known.init();
      const lab = await createLab(cluster, { servers: { db1: { role: 'replica' }, db2: { role: 'master' } } });
      const refused = await lab.handyrep.verify();
      expect(refused).toMatchObject({ exit_code: 4 });
      expect(refused.hint).toContain('`handyrep adopt`');

      const dry = await runCommand(lab, ['adopt', '--dry-run']);
      expect(dry.code).toBe(0);
      expect(dry.stdout).toContain('dry run, nothing was done: db1 is recorded as the master, db2 as a replica of it');
      expect(dry.stdout).toContain('  db1  is replica; becomes master');
      expect(dry.stdout).toContain('  db2  is master; becomes replica');
      expect(dry.stdout).toContain('  db3  stays replica');
      const unasked = await json(lab);
      expect(unasked).toMatchObject({
        code: 4,
        report: { error: { code: 'needs_confirmation' }, changed: false, master: 'db1' },
      });
      await expect(lab.saved()).rejects.toThrow();

      const other = await lab.handyrep.adopt({ yes: true, master: 'db3' });
      expect(other).toMatchObject({ exit_code: 4, changed: false });
      const done = await json(lab, '--yes');
      expect(done).toMatchObject({ code: 0, report: { changed: true, master: 'db1' } });
      expect(await roles(lab)).toEqual({ db1: 'master', db2: 'replica', db3: 'replica' });
      const saved = await lab.saved();
      expect(saved.former_masters).toEqual([]);
      expect(saved.history[0]).toMatchObject({
        kind: 'adopt',
        result: 'SUCCESS',
        old_master: 'db2',
        new_master: 'db1',
      });
      expect(await lab.verify()).toMatchObject({ exit_code: 0, cluster: { status: 'healthy' } });
      expect(await json(lab)).toMatchObject({ code: 0, report: { changed: false, master: 'db1' } });
      expect((await runCommand(lab, ['history'])).stdout).toContain('adopt (by hand)  SUCCESS  db2 -> db1');
    });
  });
});

describe('a switchover by hand, and servers.save is lost', () => {
  test('the old master is a replica already: it is recorded as one, and watched', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await rm(join(lab.dir, 'servers.save'));
      await switchByHand(cluster);
      const done = await json(lab, '--yes');
      expect(done).toMatchObject({ code: 0, report: { changed: true, master: 'db2' } });
      expect(await roles(lab)).toEqual({ db1: 'replica', db2: 'master', db3: 'replica' });
      expect((await lab.saved()).former_masters).toEqual([]);
      expect(await lab.check()).toMatchObject({ exit_code: 0, decision: { diagnosis: 'master_healthy' } });
      expect(await recovering(cluster.master)).toBe(true);
      // A new management host finds in the table what was adopted.
      await rm(join(lab.dir, 'servers.save'));
      await lab.verify();
      expect(await roles(lab)).toEqual({ db1: 'replica', db2: 'master', db3: 'replica' });
    });
  });
});

describe('ambiguous', () => {
  test('two servers accept writes: refused with both, and nothing is saved', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await promoteByHand(cluster);
      const before = await lab.saved();
      const refused = await runCommand(lab, ['--yes', 'adopt']);
      expect(refused.code).toBe(4);
      expect(refused.stdout).toContain('db1 (timeline 1) and db2 (timeline 2) accept writes');
      expect(refused.stdout).toContain('  - db3 is in recovery');
      expect((await lab.saved()).generation).toBe(before.generation);

      // As the hint says: the other one is stopped, then it is clear.
      await cluster.master.stop('fast');
      expect(await json(lab, '--yes')).toMatchObject({ code: 0, report: { master: 'db2' } });
      expect(await roles(lab)).toEqual({ db1: 'replica off', db2: 'master', db3: 'replica' });
    });
  });

  test('a disabled server accepts writes beside the master: it counts', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      expect(await lab.handyrep.disableServer('db2')).toMatchObject({ exit_code: 0 });
      await promoteByHand(cluster);
      expect(await json(lab, '--yes')).toMatchObject({
        code: 4,
        report: { error: { code: 'unsafe' }, changed: false },
      });
      await cluster.master.stop('fast');
      expect(await json(lab, '--yes')).toMatchObject({ code: 0, report: { master: 'db2' } });
      expect(await roles(lab)).toMatchObject({ db1: 'replica off', db2: 'master' });
    });
  });

  test('an operation is unfinished, or the configuration overrides what is saved', async () => {
    await withCluster({ replicas: 1 }, async (cluster) => {
      const lab = await calmLab(cluster);
      const overriding = await lab.reconfigure({ handyrep: { override_server_file: true } });
      expect(await overriding.handyrep.adopt({ yes: true })).toMatchObject({ exit_code: 4 });
      const back = await overriding.reconfigure({ handyrep: { override_server_file: false } });
      const { operation } = await import('../core/build.js');
      await changeSaved(back, (state) => ({ ...state, operation: operation() }));
      const refused = await json(back, '--yes');
      expect(refused).toMatchObject({ code: 4 });
      expect(refused.report['hint']).toContain('handyrep resolve');
    });
  });
});

describe('the recorded master does not answer', () => {
  test('its host shows that it is stopped: it becomes a former master, and the next check fences it', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster);
      await cluster.master.killTree();
      await promoteByHand(cluster);
      const done = await json(lab, '--yes');
      expect(done).toMatchObject({ code: 0, report: { changed: true, master: 'db2' } });
      expect(done.report['changes']).toContainEqual({
        server: 'db1',
        before: 'master',
        after: 'replica, disabled, former master, its fencing owed',
      });
      expect((await lab.saved()).former_masters).toMatchObject([{ server: 'db1', timeline: 2, fenced: null }]);
      expect(await lab.check()).toMatchObject({ exit_code: 0 });
      expect((await lab.saved()).former_masters).toMatchObject([
        { server: 'db1', fenced: expect.any(String) as string },
      ]);
    });
  });

  test('nothing reaches its host: adopted with the fencing owed where the timeline proves it, else refused', async () => {
    await withCluster({ replicas: 2 }, async (cluster) => {
      const lab = await calmLab(cluster, { handyrep: { connect_timeout: '1s', ssh_timeout: '1s' } });
      await cluster.master.killTree();
      await promoteByHand(cluster);
      const gone = { hostname: NOBODY, connection: 'ssh' } as const;
      await changeSaved(lab, (state) => {
        const { db1 } = state.servers;
        if (db1 === undefined) throw new Error('db1 is not known');
        // As where nothing of the old master's last position is known.
        return {
          ...state,
          master_position: null,
          servers: { ...state.servers, db1: { ...db1, def: { ...db1.def, ...gone } } },
        };
      });
      const refused = await json(lab, '--yes');
      expect(refused).toMatchObject({ code: 4, report: { error: { code: 'unsafe', server: 'db1' }, changed: false } });
      expect(refused.report['details']).toContain('no proof that it replaced db1');
      await changeSaved(lab, (state) => {
        const lsn = state.servers['db2']?.calm?.lsn ?? null;
        if (lsn === null) throw new Error('db2 was never seen');
        return { ...state, master_position: { at: state.updated, server: 'db1', timeline: 1, lsn } };
      });
      expect(await json(lab, '--yes')).toMatchObject({ code: 0, report: { master: 'db2' } });
      expect((await lab.saved()).former_masters).toMatchObject([{ server: 'db1', fenced: null }]);
    });
  });
});
