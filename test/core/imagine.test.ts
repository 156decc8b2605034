import { describe, expect, it, test } from 'vitest';
import { type Fault, imagine } from '../../src/core/imagine.js';
import {
  type Change,
  HOSTS,
  MASTER_LSN,
  NOW,
  SYSTEM,
  TROUBLE,
  answers,
  looked,
  lookedCloser,
  noHost,
  notAsked,
  situation,
  state,
  where,
} from './build.js';

const kill = (server: string): Fault => ({ kind: 'kill', server });
const observed: Change = lookedCloser(HOSTS.alive, { db2: 'reaches', db3: 'reaches' });

describe('how a server would answer', () => {
  it.each<[what: string, fault: Fault, answer: string, ...changes: readonly Change[]]>([
    ['killed', kill('db2'), 'refused'],
    ['frozen', { kind: 'freeze', server: 'db2' }, 'timeout'],
    ['without a way from here', { kind: 'cut', ends: ['db2', 'manager'] }, 'timeout'],
    ['with every connection in use', { kind: 'busy', server: 'db2' }, 'saturated'],
    ['the same, and it did not answer before', { kind: 'busy', server: 'db2' }, 'starting', answers('db2', 'starting')],
    ['when another one is killed', kill('db3'), 'accepting'],
  ])('%s', (_, fault, answer, ...changes) => {
    const seen = imagine(situation(observed, ...changes), [fault]).servers['db2'];
    expect(seen?.reach.kind).toBe(answer);
    expect(seen?.facts === null).toBe(answer !== 'accepting');
  });
});

test('while the master answers nobody looks closer, and no time goes by', () => {
  for (const master of [kill('db2'), { kind: 'busy', server: 'db1' } as const]) {
    expect(imagine(situation(observed, where({ trouble_since: TROUBLE })), [master])).toMatchObject({
      closer: null,
      trouble_since: null,
      now: NOW,
    });
  }
  expect(imagine(situation(observed, notAsked('db1')), [kill('db1')]).closer).toBeNull();
});

test('a silent master is decided upon after every retry, and its trouble begins now, unless it has begun', () => {
  const [fresh, older] = [situation(observed), situation(observed, where({ trouble_since: TROUBLE }))];
  expect(imagine(fresh, [kill('db1')])).toMatchObject({
    now: NOW + 3000,
    trouble_since: NOW,
    attempts: { made: 4, wanted: 4 },
  });
  expect(imagine(older, [kill('db1')]).trouble_since).toBe(TROUBLE);
});

describe('what hosts would show', () => {
  it('of a master that was killed: no postmaster, and a control file that says that it ran', () => {
    const { closer } = imagine(situation(lookedCloser(HOSTS.shut_down)), [kill('db1')]);
    expect(closer?.host).toMatchObject({
      postmaster: { kind: 'not_running' },
      port: 'cannot_reach',
      control: { state: 'in production' },
    });
    const unread = imagine(situation(lookedCloser(looked('db1', { control: null }))), [kill('db1')]).closer;
    expect(unread?.host).toMatchObject({ postmaster: { kind: 'not_running' }, control: null });
  });

  it('nothing, where they did not answer before', () => {
    expect(imagine(situation(lookedCloser(noHost('db1'))), [kill('db1')]).closer?.host).toEqual(noHost('db1'));
  });

  it('where nobody looked: everything is taken to run as it is recorded, and no witness is made of what was not asked', () => {
    const { closer } = imagine(situation(notAsked('db3')), [kill('db1')]);
    expect(closer?.host).toMatchObject({
      server: 'db1',
      control: { state: 'in production', system_identifier: SYSTEM },
    });
    expect(closer?.candidate_hosts).toMatchObject([
      {
        server: 'db2',
        postmaster: { kind: 'running' },
        control: { state: 'in archive recovery', checkpoint_lsn: MASTER_LSN, timeline: 1 },
      },
      { server: 'db3', postmaster: { kind: 'running' } },
    ]);
    expect(closer?.witnesses.map(({ server, port }) => [server, port])).toEqual([['db2', 'cannot_reach']]);
  });

  it('the same where nothing was ever saved', () => {
    const bare = state({ system_identifier: null, master_position: null });
    expect(imagine(situation(bare), [kill('db1')]).closer?.host).toMatchObject({ control: null });
    const unplaced = state({ master_position: null });
    expect(imagine(situation(unplaced), [kill('db1')]).closer?.host).toMatchObject({
      control: { checkpoint_lsn: 0n, timeline: 1 },
    });
  });
});
