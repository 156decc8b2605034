import { describe, expect, test } from 'vitest';
import { type Pool, type Shown, commandsFor, differences } from '../../../plugins/haproxy/pools.js';

/** A pool with db1 ready and db2 not. */
const POOL: Pool = {
  name: 'writers',
  bind: '*:5000',
  servers: [
    { name: 'db1', hostname: '10.0.0.1', port: 5432, ready: true },
    { name: 'db2', hostname: '10.0.0.2', port: 5433, ready: false },
  ],
};

function shown(server: 'db1' | 'db2', more: Partial<Shown> = {}): Shown {
  const usual = {
    db1: { addr: '10.0.0.1', port: 5432, maintenance: false },
    db2: { addr: '10.0.0.2', port: 5433, maintenance: true },
  };
  return { pool: 'writers', server, ...usual[server], ...more };
}

describe('what is otherwise than it should be', () => {
  test.each([
    { what: 'nothing', seen: [shown('db1'), shown('db2')], words: [] },
    { what: 'a server that is not there', seen: [shown('db2')], words: ['writers has no server db1'] },
    { what: 'one that is not there and should take nothing', seen: [shown('db1')], words: [] },
    {
      what: 'one in another pool',
      seen: [shown('db1', { pool: 'x' }), shown('db2')],
      words: ['writers has no server db1'],
    },
    {
      what: 'another address',
      seen: [shown('db1', { addr: '10.0.0.9' }), shown('db2')],
      words: ['writers/db1 is 10.0.0.9, not 10.0.0.1'],
    },
    {
      what: 'another port',
      seen: [shown('db1', { port: 1 }), shown('db2')],
      words: ['writers/db1 has port 1, not 5432'],
    },
    {
      what: 'maintenance, and none',
      seen: [shown('db1', { maintenance: true }), shown('db2', { maintenance: false })],
      words: ['writers/db1 takes no connections', 'writers/db2 takes connections'],
    },
  ])('$what', ({ seen, words }) => {
    expect(differences([POOL], seen)).toEqual(words);
  });
});

test('whoever goes is sent away from every pool before anybody comes into one', () => {
  expect(commandsFor([POOL, { ...POOL, name: 'all' }])).toEqual([
    'set server writers/db2 state maint',
    'shutdown sessions server writers/db2',
    'set server all/db2 state maint',
    'shutdown sessions server all/db2',
    'set server writers/db1 state ready',
    'set server all/db1 state ready',
  ]);
});
