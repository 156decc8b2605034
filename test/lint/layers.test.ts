import { ESLint } from 'eslint';
import { describe, expect, test } from 'vitest';

/** The layers hold because lint breaks a build that breaks them: here each is broken on purpose. */
const eslint = new ESLint({
  // Types are not needed for this rule, and take seconds to load.
  overrideConfig: [{ languageOptions: { parserOptions: { projectService: false } } }],
  ruleFilter: ({ ruleId }) => ruleId === 'handyrep/import-layers',
});

async function findings(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return (result?.messages ?? []).map(({ ruleId, message }) => `${ruleId ?? 'fatal'}: ${message}`);
}

describe('imports', () => {
  test.each([
    ['src/core/lsn.ts', "import { runSql } from '../io/sql.js';", 'src/io/sql.js'],
    ['src/core/lsn.ts', "export type { Session } from '../service/session.js';", 'src/service/session.js'],
    ['src/core/lsn.ts', "export * from '../config/load.js';", 'src/config/load.js'],
    ['src/io/sql.ts', "import type { Session } from '../service/session.js';", 'src/service/session.js'],
    ['src/io/sql.ts', "await import('../plugin/registry.js');", 'src/plugin/registry.js'],
    ['src/report/text.ts', "import { check } from '../service/check.js';", 'src/service/check.js'],
    ['src/service/check.ts', "import { answer } from '../commands/context.js';", 'src/commands/context.js'],
    ['src/demo/cluster.ts', "import { HandyRep } from '../service/handyrep.js';", 'src/service/handyrep.js'],
    ['plugins/run_command.ts', "import { run } from '../src/io/exec.js';", 'src/io/exec.js'],
    ['src/index.ts', "export { run } from './io/exec.js';", 'src/io/exec.js'],
  ])('%s must not have %s', async (file, code, target) => {
    expect(await findings(file, code)).toEqual([expect.stringContaining(`not ${target}`)]);
  });

  test.each([
    ['src/core/lsn.ts', "import { fail } from './outcome.js';"],
    ['src/commands/demo.ts', "await import('../demo/demo.js');"],
    ['src/demo/demo.ts', "import { HandyRep } from '../service/handyrep.js';"],
    ['plugins/run_command.ts', "import { definePlugin } from '../src/plugin/contract.js';"],
  ])('%s may have %s', async (file, code) => {
    expect(await findings(file, code)).toEqual([]);
  });
});
