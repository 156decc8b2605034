import { describe, expect, test } from 'vitest';
import { type CloneSituation, about, judgeClone } from '../../src/core/clone.js';
import { serverDef } from '../io/builders.js';

const GB = 1024 ** 3;
const master = serverDef({ name: 'db1', port: 5432 });
const target = serverDef({ name: 'db3', port: 5433, pgdata: '/data', role: 'replica' });

/** A fresh server with its own configuration, for which everything is right. */
function situation(more: Partial<CloneSituation> = {}): CloneSituation {
  return {
    target,
    source: master,
    master,
    target_facts: null,
    look: look(),
    source_facts: {
      in_recovery: false,
      system_identifier: '42',
      major: 15,
      port: 5432,
      data_bytes: 10 * GB,
      wal_bytes: GB,
      tablespaces: [{ oid: '7', location: '/ts', bytes: 5 * GB }],
      free_senders: 2,
    },
    free_slots: 3,
    broken: false,
    reclone: false,
    force: false,
    ...more,
  };
}

function look(more: Partial<CloneSituation['look']> = {}): CloneSituation['look'] {
  return {
    directory: 'prepared',
    names: 'postgresql.conf',
    standby: false,
    postmaster: null,
    orphans: '',
    system_identifier: null,
    fingerprint: '',
    writable: true,
    has_conf: true,
    major: 15,
    program: '/bin/postgres',
    free_bytes: 11 * GB,
    waldir: null,
    outside: [{ location: '/ts', state: 'missing', free_bytes: 5 * GB }],
    ...more,
  };
}

const data = (more: Partial<CloneSituation['look']> = {}): CloneSituation['look'] =>
  look({ directory: 'data', system_identifier: '42', fingerprint: '2a', ...more });

const facts = (in_recovery: boolean, system_identifier = '42') =>
  ({ in_recovery, system_identifier }) as CloneSituation['target_facts'];

describe('done', () => {
  test.each<[string, Partial<CloneSituation>, { readonly stop: boolean; readonly replaces: boolean }]>([
    ['prepared', {}, { stop: false, replaces: false }],
    [
      'empty, on the port of the source',
      { target: { ...target, port: 5432 }, look: look({ directory: 'empty', has_conf: false }) },
      { stop: false, replaces: false },
    ],
    [
      'where nobody can say how much room there is',
      { look: look({ free_bytes: null, outside: [{ location: '/ts', state: 'own', free_bytes: null }] }) },
      { stop: false, replaces: false },
    ],
    [
      'without slots of ours, with one slot less',
      { target: { ...target, use_slots: false }, free_slots: 2 },
      { stop: false, replaces: false },
    ],
    ['a half copy of ours', { look: look({ directory: 'other' }), broken: true }, { stop: false, replaces: true }],
    ['a copy of ours that did not come up', { look: data(), broken: true }, { stop: false, replaces: true }],
    ['stopped, --reclone', { look: data(), reclone: true }, { stop: false, replaces: true }],
    [
      'a replica that runs, --reclone',
      { look: data({ postmaster: 9 }), target_facts: facts(true), reclone: true },
      { stop: true, replaces: true },
    ],
    [
      'a replica that does not let us in, --reclone',
      { look: data({ postmaster: 9, standby: true }), reclone: true },
      { stop: true, replaces: true },
    ],
    [
      'another cluster, --reclone --force',
      { look: data({ system_identifier: '43' }), reclone: true, force: true },
      { stop: false, replaces: true },
    ],
  ])('%s', (_, more, start) => {
    expect(judgeClone(situation(more))).toEqual({ ok: true, value: start });
  });
});

describe('refused', () => {
  test.each<[string, Partial<CloneSituation>, string]>([
    ['the master', { target: master, reclone: true, force: true }, 'it is the master'],
    [
      'accepts writes',
      { target_facts: facts(false), look: data({ postmaster: 9 }), reclone: true, force: true },
      'it answers and accepts writes at',
    ],
    [
      'another cluster accepts writes',
      { target_facts: facts(false, '43'), look: data({ postmaster: 9 }), reclone: true, force: true },
      'another cluster answers',
    ],
    ['answers from elsewhere', { target_facts: facts(true), look: data(), reclone: true }, 'none runs in /data'],
    ['runs', { target_facts: facts(true), look: data({ postmaster: 9 }) }, 'it runs (pid 9, /data)'],
    [
      'runs and says nothing',
      { look: data({ postmaster: 9 }), reclone: true },
      'does not say whether it accepts writes',
    ],
    ['processes are left', { look: data({ orphans: '8 9' }), reclone: true }, 'are left: 8 9'],
    ['holds data', { look: data() }, '/data holds a data directory'],
    ['of another cluster', { look: data({ system_identifier: '43' }), reclone: true }, 'of another cluster'],
    ['of nobody knows whom', { look: data({ system_identifier: null }), reclone: true }, 'nobody can say whose data'],
    [
      'holds something else',
      { look: look({ directory: 'other', names: 'a b' }), reclone: true, force: true },
      'neither empty nor a data directory: a b',
    ],
    ['not writable', { look: look({ writable: false }) }, 'cannot be written'],
    ['would get the wrong port', { look: look({ has_conf: false }) }, 'whose port is 5432, not 5433'],
    [
      'has no configuration of its own',
      { target: { ...target, pgconf: '/etc/x' }, look: look({ has_conf: false }) },
      'no postgresql.conf in /etc/x',
    ],
    [
      'a tablespace of somebody else',
      { look: look({ outside: [{ location: '/ts', state: 'used', free_bytes: 5 * GB }] }) },
      '/ts is not empty',
    ],
    [
      'a tablespace that may not be made',
      { look: look({ outside: [{ location: '/ts', state: 'unwritable', free_bytes: 5 * GB }] }) },
      '/ts cannot be made',
    ],
    ['no programs', { look: look({ major: null }) }, 'no server program of PostgreSQL 15'],
    ['other programs', { look: look({ major: 14 }) }, '/bin/postgres is PostgreSQL 14, and db1 is 15'],
    [
      'too little room',
      { look: look({ free_bytes: 10 * GB }) },
      'needs 11.0 GB (WAL included), and /data has room for 10.0 GB',
    ],
    [
      'too little room for a tablespace',
      { look: look({ outside: [{ location: '/ts', state: 'empty', free_bytes: GB }] }) },
      '/ts gets 5.0 GB and has room for 1.0 GB',
    ],
    [
      'too little room for WAL in a directory of its own',
      {
        look: look({
          outside: [
            { location: '/ts', state: 'empty', free_bytes: 5 * GB },
            { location: '/wal', state: 'empty', free_bytes: GB - 1 },
          ],
        }),
      },
      '/wal gets 1.0 GB',
    ],
    [
      'no slot, though ours are not used',
      { target: { ...target, use_slots: false }, free_slots: 1 },
      '2 replication slots',
    ],
    ['no slot', { free_slots: 2 }, '3 replication slots are needed on db1, and 2 are free'],
    ['no WAL sender', { source_facts: { ...situation().source_facts, free_senders: 1 } }, '2 WAL senders are needed'],
  ])('%s', (_, more, message) => {
    const judged = judgeClone(situation(more));
    expect(judged).toMatchObject({
      ok: false,
      error: { code: 'unsafe', message: expect.stringContaining(message) as string },
    });
    // Each says what to do.
    expect(judged.ok ? '' : (judged.error.hint ?? '')).not.toBe('');
  });
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 kB'],
  [1.5 * 1024 ** 3, '1.5 GB'],
  [2 * 1024 ** 4, '2.0 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(about(bytes)).toBe(text);
});
