import { describe, expect, test } from 'vitest';
import { type DemoCluster, withCluster } from '../pg/harness.js';
import { type Lab, calmLab, recovering, runCommand } from './lab.js';
import { changeSaved, rebuildOf } from './saved.js';

/** Ends its own run by SIGKILL where the environment says so, before or after the promotion. */
const DYING = `
export default {
  kind: 'promotion_method',
  description: 'dies',
  settings: (z) => z.strictObject({}),
  run: () => async (context, server) => {
    const when = process.env.HANDYREP_TEST_DIE;
    if (when === 'before') process.kill(process.pid, 'SIGKILL');
    const done = await context.sql.query(server, 'SELECT pg_promote()');
    if (when === 'after') process.kill(process.pid, 'SIGKILL');
    return done.ok ? { ok: true, value: server.name + ' promoted' } : done;
  },
};
`;

/** Dies when it is asked again: before anybody was asked to promote itself. */
const CHOOSING = `
let calls = 0;
export default {
  kind: 'selection_method',
  description: 'dies',
  settings: (z) => z.strictObject({}),
  run: () => (candidates) => {
    calls += 1;
    if (process.env.HANDYREP_TEST_DIE === 'choose' && candidates.length > 0 && calls > 1) process.kill(process.pid, 'SIGKILL');
    return candidates.map((one) => one.server);
  },
};
`;

/** A cluster whose failover was killed at this moment. */
async function brokenOff(
  when: 'choose' | 'before' | 'after',
  use: (lab: Lab, cluster: DemoCluster) => Promise<void>,
): Promise<void> {
  await withCluster({ replicas: 2 }, async (cluster) => {
    const lab = await calmLab(cluster, {
      failover: { selection_method: 'select_dying', recovery_retries: 5 },
      server_defaults: { promotion_method: 'promote_dying' },
      plugin_files: { 'promote_dying.mjs': DYING, 'select_dying.mjs': CHOOSING },
    });
    await cluster.master.killTree();
    const killed = await runCommand(lab, ['failover-check'], { HANDYREP_TEST_DIE: when });
    expect(killed.code).toBe('SIGKILL');
    await use(lab, cluster);
  });
}

async function json(
  lab: Lab,
  ...args: readonly string[]
): Promise<{ readonly code: unknown; readonly report: Record<string, unknown> }> {
  const done = await runCommand(lab, ['--json', ...args]);
  return { code: done.code, report: JSON.parse(done.stdout) as Record<string, unknown> };
}

describe('nobody was asked to promote itself', () => {
  test('it is shown, and changed by nothing but --finish or --abandon, which undo it', async () => {
    await brokenOff('choose', async (lab) => {
      const before = await lab.saved();
      const shown = await runCommand(lab, ['resolve']);
      expect(shown.code).toBe(0);
      expect(shown.stdout).toContain('the next check rolls it back (no server had been asked to promote itself)');
      expect(shown.stdout).toMatch(/done {4}fence db1/);
      expect(shown.stdout).toMatch(/begun {3}choose the new master/);
      expect((await lab.saved()).generation).toBe(before.generation);
      expect(await json(lab, 'resolve', '--finish', '--abandon')).toMatchObject({ code: 2 });
      expect(await json(lab, 'resolve', '--abandon')).toMatchObject({
        code: 0,
        report: { did: 'rolled_back', resumption: { kind: 'roll_back' }, operation: { old_master: 'db1' } },
      });
      expect((await lab.saved()).operation).toBeNull();
      expect((await lab.saved()).history[0]).toMatchObject({ result: 'ROLLED BACK', new_master: null });
      expect(await json(lab, 'resolve', '--finish')).toMatchObject({
        code: 0,
        report: { details: 'no operation is unfinished' },
      });
    });
  });
});

describe('a server had been asked', () => {
  test('and was promoted: it cannot be given up, and is finished', async () => {
    await brokenOff('after', async (lab, cluster) => {
      const shown = await json(lab, 'resolve');
      expect(shown).toMatchObject({
        code: 0,
        report: { did: 'nothing', resumption: { kind: 'forward', why: 'db2 has been promoted' } },
      });
      const refused = await json(lab, '--yes', 'resolve', '--abandon');
      expect(refused.code).toBe(4);
      expect(refused.report['details']).toContain('db2 has been promoted and accepts writes');
      expect(await json(lab, 'resolve', '--finish')).toMatchObject({
        code: 0,
        report: { did: 'finished', operation: { new_master: 'db2' } },
      });
      expect(await lab.handyrep.getMasterName()).toBe('db2');
      expect(await recovering(cluster.server('db2'))).toBe(false);
    });
  });

  test('and had not done it: --finish asks again; history tells it', async () => {
    await brokenOff('before', async (lab, cluster) => {
      const done = await runCommand(lab, ['resolve', '--finish']);
      expect(done.code).toBe(0);
      expect(done.stdout).toContain('failed over from db1 to db2');
      expect(await recovering(cluster.server('db2'))).toBe(false);

      const short = await runCommand(lab, ['history', '--limit', '1']);
      expect(short.stdout).toMatch(/failover \(automatic\) {2}SUCCESS {2}db1 -> db2 {2}[\d.]+ s/);
      const long = await runCommand(lab, ['-v', 'history']);
      expect(long.stdout).toMatch(/done {4}promote it \(\d+ ms\)/);
      expect(await json(lab, 'history')).toMatchObject({
        code: 0,
        report: {
          history: [
            {
              kind: 'failover',
              result: 'SUCCESS',
              took: expect.any(Number) as number,
              evidence: expect.any(Array) as unknown,
            },
          ],
        },
      });
      expect(await json(lab, 'history', '--limit', '0')).toMatchObject({ report: { history: [] } });
      expect(await json(lab, 'history', '--limit', 'x')).toMatchObject({ code: 2 });
    });
  });

  test('and hangs: given up, it is stopped at once, so that it cannot become a master later', async () => {
    await brokenOff('before', async (lab, cluster) => {
      const db2 = cluster.server('db2');
      db2.freeze();
      const given = await json(lab, 'resolve', '--abandon', '--yes');
      expect(given).toMatchObject({
        code: 0,
        report: { did: 'abandoned', details: expect.stringContaining('db2 was stopped') as string },
      });
      expect(db2.isRunning()).toBe(false);
      expect((await lab.saved()).former_masters).toMatchObject([
        { server: 'db2', fenced: expect.any(String) as string },
      ]);
    });
  });

  test('and is gone: nothing finishes it; given up only after a yes, and fenced', async () => {
    await brokenOff('before', async (lab, cluster) => {
      await cluster.server('db2').killTree();
      expect(await json(lab, 'resolve', '--finish')).toMatchObject({
        code: 1,
        report: { did: 'nothing', resumption: { kind: 'wait' } },
      });
      const asked = await runCommand(lab, ['resolve', '--abandon']);
      expect(asked.code).toBe(4);
      expect(asked.stdout).toContain('db2 is disabled and stopped, now or when it comes back as a master');
      expect((await lab.saved()).operation).not.toBeNull();
      const given = await json(lab, 'resolve', '--abandon', '--yes');
      expect(given).toMatchObject({ code: 0, report: { did: 'abandoned' } });
      const saved = await lab.saved();
      expect(saved.former_masters).toMatchObject([{ server: 'db2', fenced: expect.any(String) as string }]);
      expect(saved.servers['db2']?.def).toMatchObject({ role: 'replica', enabled: false });
      expect(saved.history[0]).toMatchObject({ result: 'FAIL', new_master: 'db2' });
      const next = await lab.check();
      expect(next).toMatchObject({ exit_code: 0, failed_over: true, operation: { new_master: 'db3' } });
    });
  });
});

test('nothing is unfinished, nothing is on record; a rebuild that was broken off is told', async () => {
  await withCluster({ replicas: 0 }, async (cluster) => {
    const lab = await calmLab(cluster);
    expect(await runCommand(lab, ['resolve'])).toMatchObject({
      code: 0,
      stdout: 'SUCCESS: no operation is unfinished\n',
    });
    expect(await runCommand(lab, ['history'])).toMatchObject({
      code: 0,
      stdout: 'SUCCESS: no operation is on record\n',
    });
    expect(await json(lab, 'resolve', '--finsih')).toMatchObject({ code: 2 });
    await changeSaved(lab, (state) => ({
      ...state,
      rebuilds: [rebuildOf('db2', { touched: true, broken: 'killed' })],
    }));
    const told = await runCommand(lab, ['resolve']);
    expect(told.stdout).toContain('the rejoin of db2 was broken off');
    expect(told.stdout).toContain('its data directory is half made and is not to be started');
  });
});
