import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerDef } from '../../src/core/model.js';
import { createHosts } from '../../src/io/hosts.js';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { waitFor } from '../pg/harness.js';
import { serverDef } from './builders.js';

const SECRET = 'a-secret-that-nobody-sees';
const root = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'handyrep-lifeline-'));
// The postgres OS user writes there.
chmodSync(folder, 0o777);
let sshd: TestSshd;
beforeAll(async () => {
  sshd = await startSshd();
}, 30_000);
afterAll(async () => {
  await sshd.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Says that it runs, starts a child and a grandchild, and cleans up when it is asked to end. */
const SCRIPT = `
trap 'echo cleaned > "$1.cleaned"; exit 143' TERM
printf %s "$HANDYREP_SECRET" > "$1.secret"
(sh -c 'sleep 300; :' & wait) &
echo begun > "$1.begun"
while :; do echo a word >&2; sleep 0.1; done
`;

const ways: readonly (readonly [string, () => Partial<ServerDef>])[] = [
  ['here', () => ({ connection: 'local', become: root ? 'sudo' : 'none' })],
  ['over ssh', () => ({ connection: 'ssh', ssh_port: sshd.port, ssh_user: sshd.user, become: root ? 'sudo' : 'none' })],
];

function commandLines(): readonly string[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [readFileSync(`/proc/${name}/cmdline`, 'utf8')] : [];
    } catch {
      return [];
    }
  });
}

const running = (mark: string): boolean => commandLines().some((line) => line.includes(mark));

function startOwner(server: Partial<ServerDef>, mark: string): ChildProcess {
  const owner = join(import.meta.dirname, 'lifeline-owner.ts');
  return spawn(process.execPath, ['--import', 'tsx', owner, SCRIPT, mark, JSON.stringify(server)], {
    stdio: 'ignore',
    env: { ...process.env, LIFELINE_SECRET: SECRET, HANDYREP_SSH_CONFIG: sshd.configFile },
  });
}

describe.each(ways)('a long script %s', (name, server) => {
  test.each(['SIGKILL', 'SIGINT'] as const)(
    'whose owner gets %s: it cleans up, and nothing of it is left',
    async (signal) => {
      const mark = join(folder, `${name.replaceAll(' ', '-')}-${signal}`);
      const owner = startOwner(server(), mark);
      await waitFor(() => existsSync(`${mark}.begun`), { deadline: 15_000, what: 'the script to begin' });
      expect(readFileSync(`${mark}.secret`, 'utf8')).toBe(SECRET);
      expect(commandLines().filter((line) => line.includes(SECRET))).toEqual([]);
      owner.kill(signal);
      await waitFor(() => existsSync(`${mark}.cleaned`), { deadline: 10_000, what: 'the trap' });
      await waitFor(() => !running(mark), { deadline: 10_000, what: 'the end of all its processes' });
    },
  );

  test('that is aborted has cleaned up when the call ends', async () => {
    const mark = join(folder, `${name.replaceAll(' ', '-')}-aborted`);
    const env = { ...process.env, HANDYREP_SSH_CONFIG: sshd.configFile };
    const hosts = createHosts({ postgres_os_user: 'postgres', ssh_timeout: 5000, command_timeout: 5000, env });
    const stop = new AbortController();
    let said = '';
    const done = hosts.long(serverDef(server()), SCRIPT, [mark], {
      timeout: 60_000,
      signal: stop.signal,
      onOutput: (text) => {
        said += text;
        if (said.includes('a word')) stop.abort();
      },
    });
    expect(await done).toMatchObject({ ok: false, error: { code: 'aborted' } });
    expect(existsSync(`${mark}.cleaned`)).toBe(true);
    await waitFor(() => !running(mark), { deadline: 5000, what: 'the end of all its processes' });
  });

  test('that ends by itself gives its exit status and what it said', async () => {
    const env = { ...process.env, HANDYREP_SSH_CONFIG: sshd.configFile };
    const hosts = createHosts({ postgres_os_user: 'postgres', ssh_timeout: 5000, command_timeout: 5000, env });
    const done = await hosts.long(serverDef(server()), 'echo "$1"; echo oops >&2; exit 7', ['a b'], {
      timeout: 10_000,
    });
    expect(done).toEqual({ ok: true, value: { exit_code: 7, stdout: 'a b\n', stderr: 'oops\n' } });
  });
});
