import { describe, expect, it, test } from 'vitest';
import { type PreflightLook, type PreflightName, judgePreflight } from '../../src/core/preflight.js';
import { looked, noHost, serverDef } from './build.js';

const MB = 1024 * 1024;
const MASTER = { archiving: false, ready: 0, failing: null, walsenders: [], transactions: [] } as const;
const CANDIDATE = { replay_paused: false, free_slots: 10, free_walsenders: 10, sync_names: '' } as const;
const SENDER = {
  application_name: 'db2',
  state: 'streaming',
  slot_type: 'physical',
  slot_name: 'handyrep_db2',
} as const;

/** All is well: db1 would hand over to db2, and db3 follows. */
const CALM: PreflightLook = {
  master: serverDef('db1'),
  candidate: serverDef('db2'),
  others: [{ def: serverDef('db3'), streaming: true }],
  known_names: ['db1', 'db2', 'db3'],
  master_facts: { ...MASTER, walsenders: [SENDER, { ...SENDER, application_name: 'db3' }] },
  candidate_facts: CANDIDATE,
  behind: 0,
  candidate_streams: true,
  master_host: looked('db1'),
  candidate_host: looked('db2'),
  service_trouble: [],
  login_trouble: null,
  proxy_trouble: [],
};

function master(change: Partial<Exclude<PreflightLook['master_facts'], string>>): Partial<PreflightLook> {
  return { master_facts: { ...MASTER, ...change } };
}

function candidate(change: Partial<Exclude<PreflightLook['candidate_facts'], string>>): Partial<PreflightLook> {
  return { candidate_facts: { ...CANDIDATE, ...change } };
}

test('nothing is found where nothing is wrong', () => {
  expect(judgePreflight(CALM)).toEqual([]);
});

describe('finds', () => {
  it.each<[PreflightName, 'blocks' | 'notes', string, Partial<PreflightLook>]>([
    ['cannot_look', 'blocks', 'db1', { master_facts: 'permission denied' }],
    ['cannot_look', 'blocks', 'db2', { candidate_facts: 'permission denied' }],
    ['archiver_failing', 'blocks', 'db1', master({ archiving: true, failing: '000000010000000000000003', ready: 1 })],
    ['archiver_backlog', 'blocks', 'db1', master({ archiving: true, ready: 5 })],
    [
      'base_backup_running',
      'blocks',
      'db1',
      master({ walsenders: [{ ...SENDER, application_name: 'pg_basebackup', state: 'backup' }] }),
    ],
    [
      'logical_consumer',
      'blocks',
      'db1',
      master({ walsenders: [{ ...SENDER, application_name: 'sub', slot_type: 'logical' }] }),
    ],
    ['foreign_walsender', 'notes', 'db1', master({ walsenders: [{ ...SENDER, application_name: 'pg_receivewal' }] })],
    ['foreign_walsender', 'notes', 'db1', master({ walsenders: [{ ...SENDER, application_name: '' }] })],
    ['long_transaction', 'notes', 'db1', master({ transactions: [{ pid: '7', user: 'app', seconds: 90 }] })],
    ['long_transaction', 'notes', 'db1', master({ transactions: [{ pid: '7', user: 'app', seconds: 60 }] })],
    ['replica_not_streaming', 'blocks', 'db2', { candidate_streams: false }],
    ['replica_not_streaming', 'notes', 'db3', { others: [{ def: serverDef('db3'), streaming: false }] }],
    ['candidate_behind', 'notes', 'db2', { behind: 17 * MB }],
    ['candidate_behind', 'notes', 'db2', { behind: 100 * MB }],
    ['candidate_behind', 'blocks', 'db2', { behind: 100 * MB + 1 }],
    ['replay_paused', 'blocks', 'db2', candidate({ replay_paused: true })],
    ['no_free_slot', 'blocks', 'db2', candidate({ free_slots: 1 })],
    ['no_free_walsender', 'blocks', 'db2', candidate({ free_walsenders: 1 })],
    ['synchronous_names', 'blocks', 'db2', candidate({ sync_names: 'FIRST 1 (db2)' })],
    ['synchronous_names', 'blocks', 'db2', candidate({ sync_names: 'ANY 2 (db1, elsewhere)' })],
    ['low_disk', 'blocks', 'db2', { candidate_host: looked('db2', { free_bytes: 64 * MB - 1 }) }],
    ['low_disk', 'notes', 'db2', { candidate_host: looked('db2', { free_bytes: 64 * MB }) }],
    ['low_disk', 'notes', 'db1', { master_host: looked('db1', { free_bytes: 256 * MB - 1 }) }],
    ['no_remote_commands', 'blocks', 'db1', { master_host: noHost('db1') }],
    ['no_remote_commands', 'blocks', 'db2', { candidate_host: looked('db2', { postmaster: { kind: 'not_running' } }) }],
    ['service_method', 'blocks', 'db1', { service_trouble: [{ server: 'db1', text: 'db1: sudo refuses' }] }],
    ['replication_login', 'blocks', 'db1', { login_trouble: 'no pg_hba.conf entry' }],
    [
      'proxy',
      'blocks',
      'pgb1',
      { proxy_trouble: [{ server: 'pgb1', blocks: true, text: 'pgb1: nothing listens', hint: 'start it' }] },
    ],
  ])('%s, which %s, on %s', (name, how, server, change) => {
    const findings = judgePreflight({ ...CALM, ...change });
    expect(findings.map((one) => [one.name, one.blocks ? 'blocks' : 'notes', one.server])).toEqual([
      [name, how, server],
    ]);
    expect(findings.every(({ text, hint }) => text.includes(server) && hint !== '')).toBe(true);
  });
});

describe('finds nothing in', () => {
  it.each<[string, Partial<PreflightLook>]>([
    ['a busy archiver', master({ archiving: true, ready: 4 })],
    ['what waits where nothing is archived', master({ archiving: false, ready: 900, failing: 'x' })],
    ['a short transaction', master({ transactions: [{ pid: '7', user: 'app', seconds: 59 }] })],
    [
      'a replica under another name that is known',
      {
        ...master({ walsenders: [{ ...SENDER, application_name: 'walreceiver' }] }),
        known_names: ['db2', 'walreceiver'],
      },
    ],
    ['a candidate that is a little behind', { behind: 16 * MB }],
    ['a position that cannot be told', { behind: null }],
    ['synchronous names that the followers have', candidate({ sync_names: 'ANY 1 (DB1, db3)' })],
    ['synchronous names that fit everybody', candidate({ sync_names: '*' })],
    [
      'slots that nobody needs',
      { ...candidate({ free_slots: 0 }), master: serverDef('db1', { use_slots: false }), others: [] },
    ],
    ['just as many slots and connections as replicas will need', candidate({ free_slots: 2, free_walsenders: 2 })],
    ['just as many synchronous names as commits wait for', candidate({ sync_names: 'FIRST 2 (db1, db3, elsewhere)' })],
    ['just enough room', { master_host: looked('db1', { free_bytes: 256 * MB }) }],
    ['a disk of unknown size', { candidate_host: looked('db2', { free_bytes: null }) }],
  ])('%s', (_, change) => {
    expect(judgePreflight({ ...CALM, ...change })).toEqual([]);
  });
});

test('what blocks comes first', () => {
  const findings = judgePreflight({
    ...CALM,
    ...master({ transactions: [{ pid: '7', user: 'a', seconds: 90 }] }),
    candidate_streams: false,
  });
  expect(findings.map(({ name }) => name)).toEqual(['replica_not_streaming', 'long_transaction']);
});

test.each<[string, Partial<PreflightLook>]>([
  [
    'pgdata is not readable',
    { candidate_host: looked('db2', { postmaster: { kind: 'unknown', detail: 'pgdata is not readable' } }) },
  ],
  [
    'no postmaster of its data directory runs',
    { candidate_host: looked('db2', { postmaster: { kind: 'not_running' } }) },
  ],
  ['only 200 MB are free', { candidate_host: looked('db2', { free_bytes: 200 * MB }) }],
  ['none will follow it', candidate({ sync_names: 'elsewhere' })],
  ['only db3 will follow it', candidate({ sync_names: 'FIRST 2 (db3, elsewhere)' })],
  [
    'sub reads the logical slot feed',
    master({ walsenders: [{ ...SENDER, application_name: 'sub', slot_type: 'logical', slot_name: 'feed' }] }),
  ],
  ['a client without a name receives WAL', master({ walsenders: [{ ...SENDER, application_name: '' }] })],
])('it is told that %s', (words, change) => {
  expect(judgePreflight({ ...CALM, ...change }).map(({ text }) => text)).toEqual([expect.stringContaining(words)]);
});
