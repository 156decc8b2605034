import { describe, expect, test } from 'vitest';
import { type ClusterCheckup, judgeCluster } from '../../src/core/doctor-cluster.js';
import type { PreflightFinding, PreflightName } from '../../src/core/preflight.js';
import { serverDef } from '../io/builders.js';

const [DB1, DB2, DB3] = ['db1', 'db2', 'db3'].map((name) => serverDef({ name, hostname: name })) as [
  ReturnType<typeof serverDef>,
  ReturnType<typeof serverDef>,
  ReturnType<typeof serverDef>,
];
const POLICY = { min_witnesses: 1, max_data_loss: 'unlimited', fence_method: null, require_fencing: false } as const;

/** A cluster with which all is well. */
function cluster(more: Partial<ClusterCheckup> = {}): ClusterCheckup {
  return {
    policy: POLICY,
    servers: [DB1, DB2, DB3],
    master: 'db1',
    master_trouble: null,
    streaming: ['db2', 'db3'],
    witnesses: ['db2', 'db3'],
    settings: { synchronous_standby_names: 'ANY 1 (db2, db3)', synchronous_commit: 'on' },
    preflight: [],
    place: (server) => ({ hostname: server, port: 5432, superuser: 'postgres', database: 'postgres' }),
    ...more,
  };
}

function judged(more: Partial<ClusterCheckup>): (string | undefined)[][] {
  return judgeCluster(cluster(more)).map(({ severity, name, fix }) => [severity, name, fix?.lines[0]]);
}

describe('a cluster', () => {
  test('that is well is no finding', () => {
    expect(judged({})).toEqual([]);
    const [none, asynchronous] = [{ ...POLICY, max_data_loss: 'none' }, { synchronous_standby_names: '' }] as const;
    expect(judged({ policy: none })).toEqual([]);
    expect(judged({ policy: none, settings: null })).toEqual([]);
    expect(judged({ settings: asynchronous })).toEqual([]);
    expect(judged({ policy: none, settings: asynchronous, master: null }).map(([, name]) => name)).toEqual(['master']);
    const fenced = { ...POLICY, require_fencing: true, fence_method: 'fence_command' };
    expect(judged({ policy: fenced })).toEqual([]);
  });

  test.each<[what: string, more: Partial<ClusterCheckup>, name: string, line: string]>([
    ['no recorded master', { master: null, streaming: ['db1', 'db2'] }, 'master', 'handyrep verify'],
    ['a master that is down', { master_trouble: 'refused' }, 'master', 'handyrep failover-check --dry-run'],
    [
      'no replica',
      { servers: [DB1], streaming: [], witnesses: [], policy: { ...POLICY, min_witnesses: 0 } },
      'candidates',
      'handyrep server add NAME hostname=ADDRESS',
    ],
    [
      'no replica that may be promoted',
      { servers: [DB1, ...[DB2, DB3].map((one) => ({ ...one, failover_priority: null }))] },
      'candidates',
      'handyrep server alter db2 failover_priority=1',
    ],
    [
      'only disabled replicas',
      { servers: [DB1, { ...DB2, enabled: false }], witnesses: ['db2'] },
      'candidates',
      'handyrep server add NAME hostname=ADDRESS',
    ],
    [
      'no replica that streams',
      { streaming: [] },
      'candidates',
      'handyrep remaster db2    # or, where it fell out: handyrep rejoin db2',
    ],
    [
      'too few witnesses',
      { witnesses: ['db3'], policy: { ...POLICY, min_witnesses: 2 } },
      'witnesses',
      '# mend what is named for the other replicas, or, in the configuration:',
    ],
    [
      'a fence that is asked for and not there',
      { policy: { ...POLICY, require_fencing: true } },
      'fencing',
      'failover:',
    ],
    [
      'no loss allowed, and asynchronous replication',
      { policy: { ...POLICY, max_data_loss: 'none' }, settings: { synchronous_standby_names: '' } },
      'synchronous',
      `ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ("db2", "db3")';`,
    ],
    [
      'no loss allowed, and commits that do not wait',
      {
        policy: { ...POLICY, max_data_loss: 'none' },
        settings: { synchronous_standby_names: 'db2', synchronous_commit: 'local' },
      },
      'synchronous',
      'ALTER SYSTEM SET synchronous_commit = on;',
    ],
    [
      'no loss allowed, and commits that wait for nothing',
      {
        policy: { ...POLICY, max_data_loss: 'none' },
        settings: { synchronous_standby_names: 'db2', synchronous_commit: 'off' },
      },
      'synchronous',
      'ALTER SYSTEM SET synchronous_commit = on;',
    ],
  ])('with %s', (_what, more, name, line) => {
    expect(judged(more)).toEqual([['fails', name, line]]);
  });

  test.each<[words: string, more: Partial<ClusterCheckup>]>([
    ['there is no enabled replica to promote', { servers: [DB1], streaming: [] }],
    ['no replica has a failover_priority', { servers: [DB1, { ...DB2, failover_priority: null }] }],
    ['no replica that may be promoted streams (db2, db3)', { streaming: [] }],
    ['of the replicas none can look at the master', { witnesses: [] }],
    ['of the replicas db3 can look at the master', { witnesses: ['db3'], policy: { ...POLICY, min_witnesses: 2 } }],
  ])('is told that %s', (words, more) => {
    expect(judgeCluster(cluster(more)).map(({ text }) => text)).toEqual([expect.stringContaining(words)]);
  });

  test.each([
    [[], 1],
    [['db2', 'db3'], 2],
  ])('with the witnesses %j may wait for %d at most, and never for none', (witnesses, most) => {
    const [found] = judgeCluster(cluster({ witnesses, policy: { ...POLICY, min_witnesses: 3 } }));
    expect(found?.fix?.lines.at(-1)).toBe(`  min_witnesses: ${most}`);
  });

  const one = (name: PreflightName): PreflightFinding => ({
    name,
    server: 'db2',
    blocks: true,
    text: 'text',
    hint: 'mend it',
  });

  test.each<[name: PreflightName, severity: string | null, line?: string]>([
    ['no_free_slot', 'fails', 'ALTER SYSTEM SET max_replication_slots = 14;'],
    ['no_free_walsender', 'fails', 'ALTER SYSTEM SET max_wal_senders = 14;'],
    ['replay_paused', 'warning', 'SELECT pg_wal_replay_resume();'],
    ['synchronous_names', 'fails', `ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ("db1", "db3")';`],
    ['cannot_look', 'fails', 'handyrep init --print-sql    # and run that on the master'],
    ['replica_not_streaming', 'warning', 'handyrep remaster db2    # or, where it fell out: handyrep rejoin db2'],
    ['proxy', 'warning', 'handyrep proxy init db2    # mend it'],
    ['archiver_failing', 'warning', '# mend it'],
    ['logical_consumer', 'warning', '# mend it'],
    ['long_transaction', null],
    ['candidate_behind', null],
    ['low_disk', null],
    ['no_remote_commands', null],
  ])('whose preflight says %s', (name, severity, line) => {
    expect(judged({ preflight: [one(name)] })).toEqual(severity === null ? [] : [[severity, 'preflight', line]]);
  });
});
