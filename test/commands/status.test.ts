import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../src/commands/program.js';
import { formatState } from '../../src/core/saved.js';
import { situation, state } from '../core/build.js';

let folder = '';
let config = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'handyrep-status-'));
  config = join(folder, 'handyrep.conf.yaml');
  const servers = ['  db1: { hostname: 127.0.0.1, role: master }', '  db2: { hostname: 127.0.0.2, role: replica }'];
  writeFileSync(config, ['handyrep: { cluster_name: app }', 'servers:', ...servers, ''].join('\n'), { mode: 0o600 });
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A check found this, so many seconds ago. */
function saved(age: number): void {
  const at = new Date(Date.now() - age * 1000).toISOString();
  const { state: found } = situation(state({ last_poll: at }));
  writeFileSync(join(folder, 'servers.save'), formatState(found), { mode: 0o600 });
}

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function status(...flags: readonly string[]): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    ({
      write: (chunk: string | Uint8Array) => {
        said[name] += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
        return true;
      },
    }) as unknown as NodeJS.WriteStream;
  const code = await run(['-c', config, 'status', ...flags], {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env: {},
  });
  return { code, ...said };
}

describe('a Nagios plugin', () => {
  it('ends with 0 where all is well', async () => {
    saved(1);
    const { code, stdout } = await status('--format', 'nagios');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^HANDYREP OK - app: the master db1 is up \| /)]);
  });

  it.each<[string, () => void, readonly string[], RegExp]>([
    [
      'checks have stopped',
      () => {
        saved(3600);
      },
      [],
      /^HANDYREP UNKNOWN - app: the last check was at/,
    ],
    ['nothing is saved', () => undefined, [], /^HANDYREP UNKNOWN - .*no saved state/],
    [
      'the configuration is wrong',
      () => {
        writeFileSync(config, 'servers: 7', { mode: 0o600 });
      },
      [],
      /^HANDYREP UNKNOWN - /,
    ],
    [
      'an option is wrong',
      () => {
        saved(1);
      },
      ['--check', 'often'],
      /^HANDYREP UNKNOWN - --check is cached/,
    ],
  ])('is UNKNOWN, code 3, and says why on standard output: %s', async (_, make, flags, words) => {
    make();
    const { code, stdout } = await status('--format', 'nagios', ...flags);
    expect([code, stdout]).toEqual([3, expect.stringMatching(words)]);
    expect(stdout.split('|').length).toBeLessThan(3);
  });
});

describe('--output', () => {
  it.each(['text', 'json', 'nagios', 'prometheus', 'html'])(
    'gets the status as %s, for everybody to read',
    async (format) => {
      saved(1);
      const file = join(folder, 'out');
      writeFileSync(file, 'of before, and longer than what comes'.repeat(1000), { mode: 0o600 });
      const { code, stdout } = await status('--format', format, '--output', file);
      expect([code, stdout]).toEqual([0, '']);
      const text = readFileSync(file, 'utf8');
      expect(text).toContain('app');
      expect(text).not.toContain('of before');
      expect(text).not.toContain('\u001b');
      expect(statSync(file).mode & 0o777).toBe(0o644);
      expect(readdirSync(folder).filter((name) => name.includes('.tmp-'))).toEqual([]);
    },
  );

  it('says what is wrong with the page too, with the exit code of the check', async () => {
    const file = join(folder, 'status.html');
    expect((await status('--format', 'html', '--output', file)).code).toBe(1);
    expect(readFileSync(file, 'utf8')).toMatch(/STALE: FAIL: there is no saved state/);
  });

  it.each<[string, string]>([
    ['its folder does not exist', 'absent/out'],
    ['it is a folder', 'taken'],
  ])('is refused, and named: %s', async (_, name) => {
    saved(1);
    mkdirSync(join(folder, 'taken'));
    const { code, stderr } = await status('--format', 'html', '--output', join(folder, name));
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${join(folder, name)} cannot be written`)]);
  });
});

it('a template of the user comes before ours, and its mistakes are named', async () => {
  saved(1);
  mkdirSync(join(folder, 'templates'));
  const template = join(folder, 'templates', 'status.html.liquid');
  writeFileSync(template, '{{ cluster_name }} is {{ status }}');
  expect(await status('--format', 'html')).toMatchObject({ code: 0, stdout: 'app is healthy\n' });
  writeFileSync(template, '{{ clustername }}');
  const { code, stderr } = await status('--format', 'html');
  expect([code, stderr]).toEqual([1, expect.stringContaining('clustername')]);
});

it.each([
  ['an unknown format', ['--format', 'xml'], '--format is text, json, nagios, prometheus or html, not xml'],
  ['two formats', ['--json', '--format', 'html'], 'two formats'],
])('%s is a usage error', async (_, flags, words) => {
  saved(1);
  const { code, stdout, stderr } = await status(...flags);
  expect([code, `${stdout}${stderr}`]).toEqual([2, expect.stringContaining(words)]);
});
