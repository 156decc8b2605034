import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type DoctorFinding,
  describeHealth,
  isShared,
  shellWord,
  sortFindings,
  sqlFix,
} from '../../src/core/doctor.js';

const PLACE = { hostname: 'db1', port: 5432, superuser: 'postgres', database: 'postgres' };

function finding(more: Partial<DoctorFinding>): DoctorFinding {
  return { name: 'ssh', server: 'db1', severity: 'fails', text: 'it is broken', fix: null, ...more };
}

describe('findings', () => {
  test('what makes a failover fail comes first, then by server', () => {
    const [a, b, c, d] = [
      finding({ server: 'db2', severity: 'warning' }),
      finding({ server: 'db2' }),
      finding({ server: null, severity: 'warning' }),
      finding({ server: 'db1' }),
    ] as const;
    expect(sortFindings([a, b, c, d])).toEqual([d, b, c, a]);
  });

  test.each<[findings: readonly DoctorFinding[], servers: number, words: string]>([
    [[], 3, 'a failover finds what it needs: 3 servers and this host were looked at'],
    [
      [finding({ severity: 'warning' })],
      1,
      'a failover finds what it needs, with 1 warning: 1 server and this host were looked at',
    ],
    [
      [finding({}), finding({ severity: 'warning' })],
      2,
      '1 thing would make a failover fail and 1 warning: 2 servers and this host were looked at',
    ],
    [
      [finding({ severity: 'warning' }), finding({ severity: 'warning' })],
      2,
      'a failover finds what it needs, with 2 warnings: 2 servers and this host were looked at',
    ],
    [[finding({})], 2, '1 thing would make a failover fail: 2 servers and this host were looked at'],
    [
      [finding({}), finding({}), finding({ severity: 'warning' }), finding({ severity: 'warning' })],
      2,
      '2 things would make a failover fail and 2 warnings: 2 servers and this host were looked at',
    ],
  ])('in one sentence', (findings, servers, words) => {
    expect(describeHealth(findings, servers)).toBe(words);
  });
});

test('of one server, they stand by name', () => {
  const [a, b, c] = [finding({ name: 'sudo' }), finding({ name: 'programs' }), finding({ name: 'ssh' })] as const;
  expect(sortFindings([a, b, c])).toEqual([b, c, a]);
});

test.each([
  ['/', true],
  ['/var/log', true],
  ['/var/log//', true],
  ['/var/log/handyrep', false],
  ['/var/lib/postgresql/', false],
])('%s is a folder of everybody: %s', (folder, shared) => {
  expect(isShared(folder)).toBe(shared);
});

describe('a fix', () => {
  test('in SQL ends each statement once, and says where it is run', () => {
    expect(sqlFix({ ...PLACE, database: "o'db" }, ['SELECT 1', 'SELECT 2;'])).toEqual({
      where: `SQL, as superuser: psql -h db1 -p 5432 -U postgres -d 'o'\\''db'`,
      lines: ['SELECT 1;', 'SELECT 2;'],
    });
  });

  test('holds words that a shell reads as they are meant', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii' }).filter((text) => !text.includes('\0')),
        (text) => {
          expect(execFileSync('/bin/sh', ['-c', `printf '%s|' ${shellWord(text)}`], { encoding: 'utf8' })).toBe(
            `${text}|`,
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});
