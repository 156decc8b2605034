import { describe, expect, test } from 'vitest';
import { ruleTable } from '../../src/core/rules.js';
import { read, tableRows } from './markdown.js';

/** The names as the union of the core has them. */
const KINDS = [
  ...new Set([...read('src/core/diagnosis.ts').text.matchAll(/readonly kind: '(\w+)'/g)].map(([, kind = '']) => kind)),
];

test('each diagnosis is named in the architecture and the runbook', () => {
  expect(KINDS.length).toBeGreaterThan(20);
  for (const name of ['docs/architecture.md', 'docs/runbook.md']) {
    const { text } = read(name);
    expect(KINDS.filter((kind) => !text.includes(`\`${kind}\``))).toEqual([]);
  }
});

test('no rule names a diagnosis that does not exist, and every diagnosis has a rule', () => {
  expect(new Set(ruleTable().flatMap(({ situations }) => situations))).toEqual(new Set(KINDS));
});

describe('the table of rules', () => {
  const rows = tableRows(read('docs/architecture.md').text);
  test.each(ruleTable())('rule $number', ({ number, when, then, situations }) => {
    const row = rows.find(([first]) => first === String(number));
    expect(row?.slice(0, 3)).toEqual([String(number), when, then]);
    expect(row?.[3]?.replaceAll('`', '')).toBe(situations.join(', '));
  });
});
