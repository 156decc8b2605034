import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Packed, installed as a user would, and then run far from the repository. */
const run = promisify(execFile);
const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
let folder: string;
let installed: string;
let command: string;

beforeAll(async () => {
  if (!existsSync('dist/bin/handyrep.js')) throw new Error('run `npm run build` first');
  folder = await mkdtemp(join(tmpdir(), 'handyrep-package-'));
  const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
  expect(packed.stdout).toContain('.tgz');
  const file = join(folder, `handyrep-${version}.tgz`);
  await run('npm', ['install', '--global', '--no-audit', '--no-fund', '--prefer-offline', '--prefix', folder, file]);
  installed = join(folder, 'lib/node_modules/handyrep');
  command = join(folder, 'bin/handyrep');
}, 240_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Without npm's and the test runner's variables, in a folder that has nothing to do with the repository. */
const outside = () => ({ cwd: folder, env: { PATH: process.env['PATH'], HOME: folder }, timeout: 60_000 });

describe('the installed package', () => {
  test('has a command that runs', async () => {
    expect((await run(command, ['--version'], outside())).stdout).toBe(`${version}\n`);
    expect((await run(command, ['--help'], outside())).stdout).toContain('failover-check');
    expect((await run(command, ['explain', '--rules'], outside())).stdout).toContain('1. when');
  });

  test('checks the sample configuration that comes with it', async () => {
    const sample = await readFile(join(installed, 'handyrep.conf.yaml'), 'utf8');
    const file = join(folder, 'handyrep.conf.yaml');
    await writeFile(file, sample, { mode: 0o600 });
    const { stdout } = await run(command, ['config', 'check'], outside());
    expect(stdout).toContain('is valid');
  });

  test('has the built-in templates', () => {
    expect(existsSync(join(installed, 'dist/templates/pgbouncer_databases.ini.liquid'))).toBe(true);
  });

  test("loads the user's own plugins", async () => {
    await mkdir(join(folder, 'plugins'), { recursive: true });
    const plugin = `export default {
      kind: 'extra_command',
      description: 'for this test',
      settings: (z) => z.strictObject({ colour: z.enum(['red', 'blue']) }),
      run: () => async () => ({ ok: true, value: 'done' }),
    };`;
    await writeFile(join(folder, 'plugins/paint.mjs'), plugin);
    const config = `servers: { db1: { hostname: db1, role: master } }
extra_failover_commands: { one: { command: paint } }
plugins: { paint: { colour: green } }
`;
    await writeFile(join(folder, 'own.yaml'), config, { mode: 0o600 });
    const failed = (await run(command, ['-c', 'own.yaml', 'config', 'check'], outside()).catch(
      (error: unknown) => error,
    )) as { code: number; stdout: string };
    expect(failed.code).toBe(2);
    expect(failed.stdout).toMatch(/colour/);
    await writeFile(join(folder, 'own.yaml'), config.replace('green', 'blue'), { mode: 0o600 });
    expect((await run(command, ['-c', 'own.yaml', 'config', 'check'], outside())).stdout).toContain('is valid');
  });

  test('needs none of its dependencies to run', async () => {
    await rm(join(folder, 'away'), { recursive: true, force: true });
    await run('cp', ['-r', installed, join(folder, 'away')]);
    await rm(join(folder, 'away/node_modules'), { recursive: true, force: true });
    const { stdout } = await run(process.execPath, ['away/dist/bin/handyrep.js', 'config', 'check'], outside());
    expect(stdout).toContain('is valid');
  });

  test('ships the licences of what it contains, and the schema', async () => {
    const licences = await readFile(join(installed, 'dist/THIRD_PARTY_LICENSES.txt'), 'utf8');
    for (const name of ['commander', 'pg', 'execa', 'yaml', 'zod'])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, 'm'));
    JSON.parse(await readFile(join(installed, 'dist/handyrep.schema.json'), 'utf8'));
  });

  test('is a library whose types need nothing of ours', async () => {
    const project = join(folder, 'project');
    await mkdir(join(project, 'node_modules/@types'), { recursive: true });
    await symlink(installed, join(project, 'node_modules/handyrep'));
    await symlink(resolve('node_modules/@types/node'), join(project, 'node_modules/@types/node'));
    await writeFile(
      join(project, 'use.ts'),
      `import { HandyRep, definePlugin, type Report } from 'handyrep';
const handyrep = await HandyRep.open('handyrep.conf.yaml');
export const report: Report = await handyrep.failoverCheck({ dry_run: true });
export const lag: number | null = 'servers' in report ? null : 0;
export default definePlugin({
  kind: 'extra_command',
  description: 'one',
  settings: (z) => z.strictObject({ a: z.string() }),
  run: (settings) => async () => ({ ok: true, value: settings.a }),
});
`,
    );
    const options = { module: 'nodenext', target: 'es2023', strict: true, skipLibCheck: false, noEmit: true };
    await writeFile(join(project, 'package.json'), '{"type":"module"}');
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
    const tsc = resolve('node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', project]).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(stdout).toBe('');
    const loaded = `import { HandyRep } from 'handyrep'; console.log(typeof HandyRep.open)`;
    await writeFile(join(project, 'use.mjs'), loaded);
    expect((await run(process.execPath, ['use.mjs'], { ...outside(), cwd: project })).stdout).toBe('function\n');
  });
});
