import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Lsn } from '../../src/core/lsn.js';
import { failoverSteps, switchoverSteps } from '../../src/core/plan.js';
import { type DemoCluster, lostWrites, startCluster, startClusterWriter, waitFor, WRITTEN_IDS } from '../pg/harness.js';
import { killAtStep, killAtWord, killWhen, stepState } from './killer.js';
import { type Lab, calmLab, recovering, runCommand } from './lab.js';

/*
 * HandyRep is killed by SIGKILL, everywhere: what it leaves is one master, nothing lost, nothing left behind, and no server
 * forgotten. The steps are the code's own list, so that a new one is covered by itself; the end of one step and the beginning of
 * the next are one write of the state, so this is after each step too.
 */
const PLAN = {
  old_master: 'db1',
  new_master: 'db2',
  others: ['db3'],
  connection_method: 'successplugin',
  remaster: true,
};
const HOOK = { commands: ['ask'], force: false };
const SWITCHOVER = switchoverSteps(PLAN, HOOK).map((step) => step.kind);
const FAILOVER = failoverSteps(
  {
    ...PLAN,
    fence: { kind: 'signal' },
    replicas: ['db2', 'db3'],
    candidates: [{ server: 'db2', lsn: 0n as Lsn, timeline: 1 }],
  },
  HOOK,
).map((step) => step.kind);

let cluster: DemoCluster;
let lab: Lab;
let writer: Awaited<ReturnType<typeof startClusterWriter>> | null = null;
beforeAll(async () => {
  // So that a master that dies takes no acknowledged commit with it.
  cluster = await startCluster({ replicas: 2, settings: { synchronous_standby_names: 'ANY 1 (db1, db2, db3)' } });
  const ask = { command: 'run_command', parameters: ['true'], when: 'before' };
  lab = await calmLab(cluster, {
    extra_failover_commands: { ask },
    failover: { connection_failover_method: PLAN.connection_method },
  });
}, 90_000);
afterEach(async () => {
  await writer?.stop();
  writer = null;
});
afterAll(() => cluster.destroy());

async function write(): Promise<void> {
  writer = await startClusterWriter(cluster);
}

async function masterName(): Promise<string> {
  return (await lab.poll()).master ?? '';
}

/** Ends healthy with one master, every server in its place; gives the master's name. */
async function expectWhole(): Promise<string> {
  const { master } = await waitFor(
    async () => {
      const report = await lab.verify();
      return report.cluster.status === 'healthy' ? report : null;
    },
    { deadline: 60_000, what: 'a healthy cluster' },
  );
  await writer?.stop();
  const now = await lab.saved();
  expect([now.operation, now.former_masters, now.rebuilds, now.routing.owed]).toEqual([null, [], [], null]);
  for (const server of cluster.servers) {
    expect(await recovering(server)).toBe(server.name !== master);
    expect(await unusedSlots(server.name)).toEqual([]);
  }
  const rows = await cluster.server(master ?? '').sql(WRITTEN_IDS);
  expect(lostWrites(writer?.acks ?? [], rows)).toEqual([]);
  return master ?? '';
}

async function unusedSlots(name: string): Promise<readonly unknown[]> {
  return cluster.server(name).sql('SELECT slot_name FROM pg_replication_slots WHERE NOT active');
}

/** Kills the master; the next check makes another one. Gives the dead one's name. */
async function loseMaster(): Promise<string> {
  const old = await masterName();
  await cluster.server(old).killTree();
  return old;
}

describe('a switchover that is killed at every step', () => {
  test.each(SWITCHOVER)('%s', async (kind) => {
    await write();
    const master = await masterName();
    const to = master === 'db1' ? 'db2' : 'db1';
    const killed = await killAtStep(lab, ['--yes', 'failover', '--to', to], kind);
    const promoting = stepState(lab, 'promote');
    expect((await lab.check()).exit_code).toBe(0);
    const whole = await expectWhole();
    if (killed && promoting !== null) expect(whole).toBe(promoting === 'pending' ? master : to);
  });
});

describe('a failover that is killed at every step', () => {
  test.each(FAILOVER)('%s', async (kind) => {
    await write();
    const old = await loseMaster();
    await killAtStep(lab, ['failover-check'], kind);
    expect((await lab.check()).exit_code).toBe(0);
    const master = await masterName();
    expect(master).not.toBe(old);
    expect((await lab.saved()).former_masters).toMatchObject([{ server: old }]);
    expect(await runCommand(lab, ['--yes', 'rejoin', old])).toMatchObject({ code: 0 });
    expect(await expectWhole()).toBe(master);
  });
});

/** Commits that only the old master has: as after a careless repair, it came up writable once more. */
async function diverge(name: string): Promise<void> {
  const server = cluster.server(name);
  await rm(join(server.pgdata, 'standby.signal'), { force: true });
  await server.start();
  await server.sql('SET synchronous_commit = local; CREATE TABLE IF NOT EXISTS only_here (n int)');
  expect((await lab.check()).exit_code).toBe(0);
  expect(server.isRunning()).toBe(false);
}

describe('a rejoin that is killed whatever it was doing', () => {
  test.each(['has diverged', 'kept in', 'rewinding', 'rewound'])('"%s" was its last word', async (word) => {
    await write();
    const old = await loseMaster();
    expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: true });
    await diverge(old);
    const master = await masterName();
    expect(await killAtWord(lab, ['--yes', 'rejoin', old], word)).toBe(true);
    expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: false });
    await expectNoSlotFor(old, master);
    // Where it was broken off in the rewind, the data directory is no good, which is said, and a copy is the way.
    const again = await runCommand(lab, ['--yes', '--json', 'rejoin', old]);
    if (again.code !== 0) {
      expect(again.stdout).toMatch(/is no good and must not be started.*handyrep clone/s);
      expect(await runCommand(lab, ['--yes', 'clone', old, '--reclone'])).toMatchObject({ code: 0 });
    }
    expect(await expectWhole()).toBe(master);
  });
});

/** What its data directory shows, in this order, while a replica is made anew. */
const CLONING = {
  'its old data is there': () => true,
  'it is emptied': (pgdata) => !existsSync(join(pgdata, 'PG_VERSION')),
  'it is copied': (pgdata) => existsSync(join(pgdata, 'base')),
  'it is a replica': (pgdata) => existsSync(join(pgdata, 'standby.signal')),
  'it starts': (pgdata) => existsSync(join(pgdata, 'postmaster.pid')),
} satisfies Record<string, (pgdata: string) => boolean>;
type Stage = keyof typeof CLONING;

/** True when the copy has come as far as this; asked over and over. */
function reaches(stage: Stage, pgdata: string): () => boolean {
  const stages = Object.keys(CLONING) as Stage[];
  const ahead = stages.slice(0, stages.indexOf(stage) + 1).map((one) => CLONING[one]);
  return () => {
    while (ahead[0]?.(pgdata) === true) ahead.shift();
    return ahead.length === 0;
  };
}

describe('a clone that is killed whatever it was doing', () => {
  test.each(Object.keys(CLONING) as Stage[])('%s', async (stage) => {
    await write();
    const master = await masterName();
    const target = master === 'db3' ? 'db2' : 'db3';
    const due = reaches(stage, cluster.server(target).pgdata);
    const argv = ['--yes', 'clone', target, '--reclone'];
    expect(await killWhen(lab, argv, (run) => run.onRecord(target) && due())).toBe(true);
    expect(await lab.check()).toMatchObject({ exit_code: 0, failed_over: false });
    await expectNoSlotFor(target, master);
    expect(await runCommand(lab, ['--yes', 'clone', target, '--reclone'])).toMatchObject({ code: 0 });
    expect(await expectWhole()).toBe(master);
  });
});

/** Whatever was under way on the servers ends by itself, and nothing keeps WAL for a server that is none. */
async function expectNoSlotFor(name: string, master: string): Promise<void> {
  const gone = async (): Promise<true | null> => ((await unusedSlots(master)).length === 0 ? true : null);
  await waitFor(gone, { deadline: 20_000, what: `no slot of ${name} on ${master}` });
}
