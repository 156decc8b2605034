import { describe, expect, test } from 'vitest';
import { becomeLine, serviceLine } from '../../src/core/sudoers.js';
import { blocks, read } from './markdown.js';

describe('what the documents say of the doctor', () => {
  test('the sudoers lines of the README are the ones that are enough', () => {
    const lines = blocks(read('README.md')).flatMap(({ text }) =>
      text.split('\n').filter((line) => line.includes('NOPASSWD')),
    );
    expect(lines).toEqual([
      becomeLine('handyrep', 'postgres'),
      serviceLine('handyrep', 'postgresql@15-main', 'systemctl'),
    ]);
  });

  test('each kind of finding is in the runbook', () => {
    const [, union = ''] = /DoctorName =([^;]*);/.exec(read('src/core/doctor.ts').text) ?? [];
    const names = [...union.matchAll(/'(\w+)'/g)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(20);
    const { text } = read('docs/runbook.md');
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
