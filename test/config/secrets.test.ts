import { describe, expect, it } from 'vitest';
import { SERVERS, Workspace } from './workspace.js';

const workspace = new Workspace();
const config = (lines: string) => `passwords:\n${lines}\n${SERVERS}`;

describe('a password', () => {
  it('is text, an environment variable or a file, and never in the configuration', async () => {
    await workspace.write('replication.pass', 'from file\r\n');
    const yaml = config(
      '  handyrep_db_pass: literal\n  replication_pass: { file: replication.pass }\n  superuser_pass: { env: PW }',
    );
    const loaded = await workspace.good(yaml, { env: { PW: 'from env' } });
    expect(loaded.secrets).toEqual({
      handyrep_db_pass: 'literal',
      replication_pass: 'from file',
      superuser_pass: 'from env',
    });
    expect(JSON.stringify(loaded.config)).not.toMatch(/literal|from (file|env)/);
  });

  it('may be absent', async () => {
    const { secrets } = await workspace.good(config('  # none'));
    expect(secrets).toEqual({ handyrep_db_pass: null, replication_pass: null, superuser_pass: null });
  });

  it.each([0o644, 0o640, 0o604])('as text in a file of mode %o is refused', async (mode) => {
    expect(await workspace.problems(config('  handyrep_db_pass: hunter2'), { mode })).toEqual([
      `2:3: passwords.handyrep_db_pass is a secret in a file that others can read (mode 0${mode.toString(8)}) ` +
        '(run: chmod 600 c.yaml; or write { env: NAME } or { file: PATH } instead)',
    ]);
  });

  it('elsewhere lets the file be read by others', async () => {
    const options = { mode: 0o644, env: { PW: 'x' } };
    expect(await workspace.problems(config('  handyrep_db_pass: { env: PW }'), options)).toEqual([]);
  });

  it('that cannot be had is a problem each', async () => {
    await workspace.write('open.pass', 'x', 0o644);
    await workspace.write('empty.pass', '\n');
    await workspace.write('long.pass', 'a\nb\n');
    const hint = '(create it with the secret on one line, mode 0600, owned by the user that runs HandyRep)';
    const table: readonly (readonly [string, string])[] = [
      [
        '{ env: NOPE }',
        'takes its value from the environment variable NOPE, which is not set (export NOPE where HandyRep runs; cron starts with an almost empty environment)',
      ],
      [
        '{ env: EMPTY }',
        'takes its value from the environment variable EMPTY, which is empty (export EMPTY where HandyRep runs; cron starts with an almost empty environment)',
      ],
      ['{ file: nope.pass }', `takes its value from nope.pass, which cannot be read: ENOENT ${hint}`],
      [
        '{ file: open.pass }',
        'takes its value from open.pass, which others can read (mode 0644) (run: chmod 600 open.pass)',
      ],
      ['{ file: empty.pass }', 'takes its value from empty.pass, which is empty (write the secret into it)'],
      [
        '{ file: long.pass }',
        'takes its value from long.pass, which holds more than one line of text (the file holds the secret and nothing else)',
      ],
    ];
    for (const [source, problem] of table) {
      expect(await workspace.problems(config(`  superuser_pass: ${source}`), { env: { EMPTY: '' } })).toEqual([
        `2:19: passwords.superuser_pass ${problem}`,
      ]);
    }
  });

  it.each([
    '  handyrep_db_pass: [hunter2]',
    '  handyrep_db_pass: { envv: hunter2 }',
    '  handyrep_db_pass: { env: "hunter2 !" }',
    '  handyrep_db_pass: { env: hunter2, file: hunter2 }',
    '  handyrep_db_pass: "hunter2\n  replication_pass: x',
    '  handyrep_db_pass: hunter2: x',
    '  handyrep_db_pass: !hunter2 x',
    '  handyrep_db_pass: &hunter2',
    '  handyrep_db_pass: *hunter2',
    '  handyrep_db_pass: #hunter2',
    '  handyrep_db_pass: |hunter2',
    '  handyrep_db_pass: %hunter2',
    '  handyrep_db_pass: @hunter2',
    '  handyrep_db_pass: "a" hunter2',
    '  handyrep_db_pass: "\\qhunter2"',
    '  handyrep_db_pass: [hunter2',
    '  handyrep_db_pass: hunter2 *: x',
    '  handyrep_db_pass:hunter2',
    '  { handyrep_db_pass:hunter2 }',
    '  - hunter2',
    '  hunter2',
  ])('is never repeated in a problem: %j', async (lines) => {
    const problems = await workspace.problems(config(lines), { mode: 0o644 });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join('\n')).not.toContain('hunter2');
  });
});
