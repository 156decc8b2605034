import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { CheckedConfig, LoadOptions } from '../../src/config/load.js';
import { loadConfig } from '../../src/config/load.js';
import type { ConfigProblem } from '../../src/config/problem.js';
import { describeProblem } from '../../src/config/problem.js';

/** Two good servers, on four lines: for tests about everything else. */
export const SERVERS = [
  'servers:',
  '  db1: { hostname: db1.example.com, role: master }',
  '  db2: { hostname: db2.example.com, role: replica }',
  '',
].join('\n');

/** A folder of its own for the configurations of one test file. */
export class Workspace {
  dir = '';

  constructor() {
    beforeAll(async () => {
      this.dir = await mkdtemp(join(tmpdir(), 'handyrep-config-'));
    });
    afterAll(() => rm(this.dir, { recursive: true }));
  }

  async write(name: string, content: string | Uint8Array, mode = 0o600): Promise<string> {
    const file = join(this.dir, name);
    await writeFile(file, content);
    await chmod(file, mode);
    return file;
  }

  async load(yaml: string | Uint8Array, more: Partial<LoadOptions> & { readonly mode?: number } = {}) {
    const { mode = 0o600, ...options } = more;
    const file = await this.write('c.yaml', yaml, mode);
    return loadConfig({ file, env: {}, ...options });
  }

  async good(yaml: string, more: Partial<LoadOptions> = {}): Promise<CheckedConfig> {
    const result = await this.load(yaml, more);
    if (!result.ok) throw new Error(this.lines(result.problems).join('\n'));
    return result.value;
  }

  /** The problems as `LINE:COLUMN: PATH MESSAGE (HINT)`, the folder left out. */
  async problems(
    yaml: string | Uint8Array,
    more: Partial<LoadOptions> & { readonly mode?: number } = {},
  ): Promise<readonly string[]> {
    const result = await this.load(yaml, more);
    return result.ok ? [] : this.lines(result.problems);
  }

  lines(problems: readonly ConfigProblem[]): readonly string[] {
    return problems.map((problem) =>
      describeProblem(problem)
        .replaceAll(`${this.dir}/`, '')
        .replace(/^c\.yaml:\s?/, ''),
    );
  }
}
