import { describe, expect, it, test } from 'vitest';
import { parseFacts } from '../../src/core/facts.js';
import type { SqlFacts } from '../../src/core/observation.js';
import { SYSTEM, lsn } from './build.js';

type Row = Readonly<Record<string, string | null>>;

const COMMON: Row = {
  system_identifier: SYSTEM,
  version: '150018',
  checkpoint_timeline: '1',
  recovery_timeline: '0',
  read_only: 'off',
  sync_setting: '',
  sync_commit: 'on',
  cluster_name: '',
};
const MASTER: Row = {
  ...COMMON,
  in_recovery: 'f',
  current_lsn: '0/5000060',
  walfile: '000000010000000000000005',
  standbys: null,
};
const REPLICA: Row = {
  ...COMMON,
  in_recovery: 't',
  receive_lsn: '0/5000060',
  replay_lsn: '0/5000028',
  replay_paused: 'f',
  replay_age_ms: '120',
  receiver_pid: '4711',
  receiver_status: 'streaming',
  receipt_age_ms: '35',
  sender_host: 'db1.example.com',
  sender_port: '5432',
  slot_name: 'handyrep_db2',
  received_tli: '1',
  receiver_conninfo: 'user=replicator host=db1.example.com application_name=db2',
};

test('a master', () => {
  expect(parseFacts(MASTER)).toEqual({
    in_recovery: false,
    system_identifier: SYSTEM,
    timeline: 1,
    version: 150_018,
    lsn: lsn(0x5000060),
    receive_lsn: null,
    replay_lsn: null,
    replay_paused: false,
    replay_age_ms: null,
    receiver: null,
    application_name: null,
    read_only: false,
    sync: { setting: '', commit: 'on', standbys: [] },
  } satisfies SqlFacts);
});

test('a replica', () => {
  expect(parseFacts(REPLICA)).toEqual({
    in_recovery: true,
    system_identifier: SYSTEM,
    timeline: 1,
    version: 150_018,
    lsn: lsn(0x5000060),
    receive_lsn: lsn(0x5000060),
    replay_lsn: lsn(0x5000028),
    replay_paused: false,
    replay_age_ms: 120,
    receiver: {
      kind: 'running',
      status: 'streaming',
      receipt_age_ms: 35,
      sender_host: 'db1.example.com',
      sender_port: 5432,
      slot_name: 'handyrep_db2',
      timeline: 1,
    },
    application_name: 'db2',
    read_only: false,
    sync: null,
  } satisfies SqlFacts);
});

describe('a master', () => {
  it.each<[string, Row, Partial<SqlFacts>]>([
    ['just promoted: the WAL file knows the new timeline', { walfile: '0000000A0000000000000005' }, { timeline: 10 }],
    ['that does not tell its WAL file', { walfile: null }, { timeline: null }],
    ['that was made read only', { read_only: 'on' }, { read_only: true }],
    ['with a position that cannot be read', { current_lsn: 'x' }, { lsn: null }],
  ])('%s', (_, row, expected) => {
    expect(parseFacts({ ...MASTER, ...row })).toMatchObject(expected);
  });

  it('tells its standbys; one that our role may not see says nothing', () => {
    const standbys = JSON.stringify([
      ['db2', 'streaming', 'sync', '0/5000000'],
      ['db3', 'catchup', 'async', null],
      [null, null, null, null],
    ]);
    expect(parseFacts({ ...MASTER, standbys, sync_setting: 'db2' }).sync).toEqual({
      setting: 'db2',
      commit: 'on',
      standbys: [
        { application_name: 'db2', state: 'streaming', sync_state: 'sync', flush_lsn: lsn(0x5000000) },
        { application_name: 'db3', state: 'catchup', sync_state: 'async', flush_lsn: null },
      ],
    });
  });
});

const NO_RECEIVER = { receiver_pid: null, receiver_status: null, received_tli: null, receiver_conninfo: null } as const;

describe('a replica', () => {
  it.each<[string, Row, Partial<SqlFacts>]>([
    [
      'just restarted: replayed beyond what it received',
      { receive_lsn: '0/4000000', replay_lsn: '0/406A230' },
      { lsn: lsn(0x406a230) },
    ],
    ['fed from an archive', { receive_lsn: null }, { lsn: lsn(0x5000028) }],
    ['that replayed nothing', { receive_lsn: null, replay_lsn: null }, { lsn: null }],
    ['paused', { replay_paused: 't' }, { replay_paused: true }],
    ['that replayed no commit', { replay_age_ms: null }, { replay_age_ms: null }],
    [
      'without a WAL receiver',
      NO_RECEIVER,
      { receiver: { kind: 'none' }, timeline: 1, application_name: 'walreceiver' },
    ],
    ['whose WAL receiver is hidden', { ...NO_RECEIVER, receiver_pid: '4711' }, { receiver: { kind: 'hidden' } }],
    ['that received a newer timeline than it replayed', { received_tli: '3', recovery_timeline: '2' }, { timeline: 3 }],
    ['on a newer timeline than its checkpoint', { ...NO_RECEIVER, recovery_timeline: '2' }, { timeline: 2 }],
    [
      'that does not tell its timeline',
      { ...NO_RECEIVER, recovery_timeline: null, checkpoint_timeline: null },
      { timeline: null },
    ],
    ['named by cluster_name', { receiver_conninfo: 'host=a', cluster_name: 'two' }, { application_name: 'two' }],
    ['named by nothing', { receiver_conninfo: 'host=a' }, { application_name: 'walreceiver' }],
    [
      'with a conninfo that cannot be read',
      { receiver_conninfo: 'host', cluster_name: 'two' },
      { application_name: 'two' },
    ],
  ])('%s', (_, row, expected) => {
    expect(parseFacts({ ...REPLICA, ...row })).toMatchObject(expected);
  });
});
