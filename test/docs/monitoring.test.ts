import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prometheus } from '../../src/report/formats/prometheus.js';
import { viewStatus } from '../../src/report/status.js';
import { DEFAULT_POLICY, NOW, situation } from '../core/build.js';
import { noPromtool, promtool } from '../report/promtool.js';
import { blocks, read } from './markdown.js';

const rules = blocks(read('docs/monitoring.md')).find(({ language }) => language === 'yml')?.text ?? '';

test.skipIf(noPromtool !== null)(`promtool accepts the printed rules ${noPromtool ?? ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'handyrep-rules-'));
  try {
    const file = join(folder, 'rules.yml');
    writeFileSync(file, rules);
    expect(promtool(['check', 'rules', file])).toContain('6 rules found');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the rules name metrics that there are', () => {
  const written = prometheus(viewStatus(situation().state, DEFAULT_POLICY, NOW));
  const named = new Set(rules.match(/handyrep_\w+/g));
  expect(named.size).toBeGreaterThan(4);
  for (const name of named) expect(written).toContain(`\n# TYPE ${name} gauge\n`);
});
