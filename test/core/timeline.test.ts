import { describe, expect, test } from 'vitest';
import { parseLsn, type Lsn } from '../../src/core/lsn.js';
import { isAncestor, parseTimelineHistory, sameHistory } from '../../src/core/timeline.js';

function lsn(text: string): Lsn {
  const parsed = parseLsn(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

const FILE = `1\t0/4000000\tno recovery target specified

2\t0/5000060\tbefore 2000-01-01 00:00:00+00
`;

describe('parseTimelineHistory', () => {
  test('reads forks, oldest first, and skips comments and empty lines', () => {
    expect(parseTimelineHistory(3, `# a comment\n${FILE}`)).toEqual({
      timeline: 3,
      forks: [
        { timeline: 1, lsn: lsn('0/4000000') },
        { timeline: 2, lsn: lsn('0/5000060') },
      ],
    });
  });

  test.each([
    ['a line that is not one', '1 here\n'],
    ['a position that is not one', '1\t0/XYZ\twhy\n'],
    ['timelines that do not grow', '2\t0/4\twhy\n1\t0/5\twhy\n'],
    ['a position that is too long', '1\t0/123456789\twhy\n'],
    ['the same timeline twice', '1\t0/4\twhy\n1\t0/5\twhy\n'],
    ['a parent that is not older', '3\t0/4\twhy\n'],
  ])('gives null for %s', (_, text) => {
    expect(parseTimelineHistory(3, text)).toBeNull();
  });
});

describe('isAncestor', () => {
  const history = parseTimelineHistory(3, FILE);
  if (history === null) throw new Error('not parsed');

  test.each([
    [3, '9/0', true],
    [2, '0/5000060', true],
    [2, '0/5000061', false],
    [2, '0/1', true],
    [1, '0/4000000', true],
    [1, '0/4000001', false],
    [4, '0/1', false],
  ] as const)('timeline %i at %s: %s', (timeline, position, expected) => {
    expect(isAncestor(history, timeline, lsn(position))).toBe(expected);
  });
});

describe('sameHistory', () => {
  const one = parseTimelineHistory(3, FILE);
  if (one === null) throw new Error('not parsed');
  const [first, second] = one.forks;
  if (first === undefined || second === undefined) throw new Error('no forks');

  test.each([
    ['itself', one, true],
    ['its copy', { timeline: 3, forks: [{ ...first }, { ...second }] }, true],
    ['another number', { ...one, timeline: 4 }, false],
    ['less of a past', { ...one, forks: [second] }, false],
    ['more of a past', { ...one, forks: [first, second, second] }, false],
    ['another position', { ...one, forks: [first, { ...second, lsn: lsn('0/1') }] }, false],
    ['another parent', { ...one, forks: [{ ...first, timeline: 9 }, second] }, false],
  ])('%s', (_, other, expected) => {
    expect(sameHistory(one, other)).toBe(expected);
    expect(sameHistory(other, one)).toBe(expected);
  });
});
