import { describe, expect, test } from 'vitest';
import { BENCHES } from '../../bench/catalogue.js';
import { type Section, sectionText, terminalText, withSection } from '../../bench/document.js';

const NAMES = ['one', 'two', 'three'];

function section(name: string, more: Partial<Section> = {}): Section {
  return {
    name,
    title: `Title of ${name}`,
    what: `What ${name} measures.`,
    machine: 'a machine',
    findings: {
      figures: [
        { name: 'floor', unit: 'ms', values: [100, 200, 400] },
        { name: 'ours', unit: 'ms', values: [150, 250, 600], against: 'floor', aim: { of: 'ratio', at_most: 1.25 } },
      ],
    },
    ...more,
  };
}

describe('a section', () => {
  test('has its machine, a line for each figure, and its aim beside it, missed or met', () => {
    const text = sectionText(section('one'));
    expect(text).toContain('## Title of one\n\nWhat one measures.\n\na machine\n');
    expect(text).toContain('| floor, ms | 100 | 200 | 400 |  |  |  |\n');
    expect(text).toContain(
      '| ours, ms | 150 | 250 | 600 | floor | 1.50 (1.25 to 1.50) | at most 1.25 times: **missed** |\n',
    );
  });

  test('keeps what is a column of its own out of the columns', () => {
    const figures = [{ name: '`a | b`', unit: 'ms', values: [1] }];
    expect(sectionText(section('one', { findings: { figures } }))).toContain('| `a \\| b`, ms | 1.00 |');
  });

  test('tells what a reader must know besides', () => {
    const findings = { figures: [{ name: 'floor', unit: 's', values: [1] }], notes: ['nobody slept', 'it rained'] };
    expect(sectionText(section('one', { findings }))).toContain('\n- nobody slept\n- it rained\n');
    expect(terminalText(section('one', { findings }))).toContain('  nobody slept\n  it rained\n');
  });
});

describe('the document', () => {
  const of = (...names: readonly string[]): string =>
    names.reduce((document, name) => withSection(document, name, sectionText(section(name)), NAMES), '');

  test('has its sections in their order, whichever was measured first', () => {
    const document = of('three', 'one', 'two');
    expect([...document.matchAll(/^## Title of (\w+)$/gm)].map(([, name]) => name)).toEqual(NAMES);
    expect(document).toBe(of('one', 'two', 'three'));
  });

  test('gets one section anew, and keeps the others to the letter', () => {
    const before = of('one', 'two', 'three');
    const text = sectionText(section('two', { title: 'A new title' }));
    const after = withSection(before, 'two', text, NAMES);
    expect(after).toContain('## A new title');
    expect(after).not.toContain('Title of two');
    expect(withSection(after, 'two', sectionText(section('two')), NAMES)).toBe(before);
  });

  test('drops a section whose bench is no more', () => {
    expect(withSection(of('one', 'two'), 'one', sectionText(section('one')), ['one'])).not.toContain('Title of two');
  });
});

test('every bench is there, and has a bound', async () => {
  for (const { minutes, load } of Object.values(BENCHES)) {
    expect(minutes).toBeGreaterThan(0);
    expect(await load()).toBeTypeOf('function');
  }
});
