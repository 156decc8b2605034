import { describe, expect, test } from 'vitest';
import { type WalNeed, judgeNeeded } from '../../src/core/archive-cleanup.js';
import { segmentSuffix } from '../../src/core/divergence.js';
import { type Lsn, parseLsn } from '../../src/core/lsn.js';

const MB = 1024 * 1024;
const lsn = (text: string): Lsn => parseLsn(text) ?? (0n as Lsn);

/** As `SELECT pg_walfile_name(…)` says them, without the timeline. */
test.each([
  ['0/0', 16, '0000000000000000'],
  ['0/1000000', 16, '0000000000000001'],
  ['0/1FFFFFF', 16, '0000000000000001'],
  ['0/FF000028', 16, '00000000000000FF'],
  ['1/0', 16, '0000000100000000'],
  ['16/B374D848', 16, '00000016000000B3'],
  ['16/B374D848', 1, '0000001600000B37'],
  ['16/B374D848', 1024, '0000001600000002'],
])('%s in segments of %d MB: %s', (position, size, digits) => {
  expect(segmentSuffix(lsn(position), size * MB)).toBe(digits);
});

describe('what must stay', () => {
  const need = (server: string, redo: string | null, slots: string | null = null): WalNeed => ({
    server,
    redo: redo === null ? null : lsn(redo),
    slots: slots === null ? null : lsn(slots),
    trouble: redo === null ? 'nothing listens on its port' : null,
  });

  test.each<[when: string, needs: readonly WalNeed[], needed_from: string, why: string]>([
    ['one server', [need('db1', '0/5000028')], '0000000000000005', 'db1 would begin its recovery at 0/5000028'],
    [
      'a replica whose restart point is older',
      [need('db1', '0/9000000'), need('db2', '0/4000000')],
      '0000000000000004',
      'db2 would begin its recovery at 0/4000000',
    ],
    [
      'a slot that is older than all of them',
      [need('db1', '0/9000000', '0/3000000'), need('db2', '0/4000000')],
      '0000000000000003',
      'a replication slot on db1 is at 0/3000000',
    ],
  ])('%s', (_, needs, needed_from, why) => {
    expect(judgeNeeded(needs, 16 * MB)).toEqual({ ok: true, value: { needed_from, why } });
  });

  test('everything, where one cannot be asked', () => {
    expect(judgeNeeded([need('db1', '0/9000000'), need('db2', null)], 16 * MB)).toEqual({
      ok: false,
      error: {
        code: 'unsafe',
        message: 'nothing is deleted: what db2 still needs cannot be told: nothing listens on its port',
        server: 'db2',
        hint: 'bring db2 back; or, where it is lost, `handyrep server disable db2`',
      },
    });
  });

  test('everything, where nobody could be asked, or nobody said how large a segment is', () => {
    expect(judgeNeeded([], 16 * MB)).toMatchObject({ ok: false, error: { code: 'unsafe' } });
    expect(judgeNeeded([need('db1', '0/9000000')], 0)).toMatchObject({ ok: false, error: { code: 'unsafe' } });
  });
});
