import { describe, expect, test } from 'vitest';
import { type SlotFacts, type SlotInput, judgeSlots, viewSlot } from '../../src/core/slot-rules.js';

const MB = 1024 ** 2;
const GB = 1024 ** 3;

function slot(name: string, change: Partial<SlotFacts> = {}): SlotFacts {
  return { name, kind: 'physical', active: true, wal_status: 'reserved', retained: 0, ...change };
}

function input(slots: readonly SlotFacts[], change: Partial<SlotInput> = {}): SlotInput {
  return {
    server: 'db1',
    slots,
    free_bytes: 100 * GB,
    keep_size: 1000,
    known: ['db2', 'db-3'],
    expected: [],
    ...change,
  };
}

const IDLE = slot('handyrep_db2', { active: false });

describe('nothing is wrong with', () => {
  test.each<[string, SlotInput]>([
    ['no slot at all', input([])],
    ['an active slot, whatever it keeps', input([slot('handyrep_db2', { retained: 50 * GB, wal_status: 'extended' })])],
    ['an inactive one that keeps little', input([{ ...IDLE, retained: GB }])],
    [
      'an inactive one that keeps little, of free space that is not known',
      input([{ ...IDLE, retained: GB }], { free_bytes: null }),
    ],
    ['an inactive one that reserves nothing yet', input([{ ...IDLE, wal_status: null, retained: null }])],
    ['an active one without a limit', input([slot('handyrep_db2')], { keep_size: -1 })],
    ['a foreign one in use', input([slot('debezium', { kind: 'logical' })], { keep_size: -1 })],
    [
      'the slot of every server that should have one',
      input([slot('handyrep_db2'), slot('handyrep_db_3')], { expected: ['db2', 'db-3'] }),
    ],
  ])('%s', (_name, given) => {
    expect(judgeSlots(given)).toEqual([]);
  });
});

describe('it is told that', () => {
  test.each<[string, SlotInput, readonly string[]]>([
    [
      'over 1 GB',
      input([{ ...IDLE, retained: GB + 1 }]),
      ['slot handyrep_db2 is inactive and keeps 1 GB of WAL, 100 GB are free'],
    ],
    [
      'over a tenth of the free space',
      input([{ ...IDLE, retained: 101 * MB }], { free_bytes: 1000 * MB }),
      ['slot handyrep_db2 is inactive and keeps 101 MB of WAL, 1000 MB are free'],
    ],
    [
      'free space unknown',
      input([{ ...IDLE, retained: 2 * GB }], { free_bytes: null }),
      ['slot handyrep_db2 is inactive and keeps 2 GB of WAL'],
    ],
    [
      'lost',
      input([{ ...IDLE, wal_status: 'lost', retained: 9 * GB }], { keep_size: -1 }),
      ['slot handyrep_db2 has lost its WAL: its replica must be cloned anew'],
    ],
    [
      'unreserved, though active',
      input([slot('handyrep_db2', { wal_status: 'unreserved' })]),
      ['slot handyrep_db2 is about to lose its WAL (max_slot_wal_keep_size): its replica must catch up at once'],
    ],
    [
      'extended and inactive',
      input([{ ...IDLE, wal_status: 'extended' }]),
      ['slot handyrep_db2 is inactive and keeps more WAL than max_wal_size'],
    ],
    [
      'no limit',
      input([IDLE], { keep_size: -1 }),
      ['max_slot_wal_keep_size is -1: the inactive slot handyrep_db2 can fill the disk'],
    ],
    [
      'no limit, foreign too',
      input([IDLE, slot('barman', { active: false })], { keep_size: -1 }),
      ['max_slot_wal_keep_size is -1: the inactive slots handyrep_db2, barman can fill the disk'],
    ],
    [
      'nobody known',
      input([slot('handyrep_db9')]),
      ['slot handyrep_db9 serves no known server: drop it with pg_drop_replication_slot'],
    ],
    [
      'its own',
      input([slot('handyrep_db1')]),
      ['slot handyrep_db1 serves no known server: drop it with pg_drop_replication_slot'],
    ],
    [
      'none',
      input([slot('handyrep_db2')], { expected: ['db2', 'db-3'] }),
      ['it has no slot handyrep_db_3 for db-3, which has use_slots: run `handyrep remaster db-3 --to db1`'],
    ],
    ['limit unknown', input([IDLE], { keep_size: null }), []],
  ])('%s', (_name, given, expected) => {
    expect(judgeSlots(given)).toEqual(expected);
  });
});

test.each([
  ['handyrep_db2', 'ours', 'db2'],
  ['handyrep_db_3', 'ours', 'db-3'],
  ['handyrep_db9', 'ours', null],
  ['barman', 'foreign', null],
] as const)('%s is %s, for %s', (name, owner, replica) => {
  expect(viewSlot(input([]), slot(name))).toEqual({ ...slot(name), server: 'db1', owner, replica });
});
