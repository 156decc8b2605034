import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerDef } from '../../src/core/model.js';
import { processTree } from '../../src/demo/processes.js';
import { takePorts } from '../../src/demo/ports.js';
import { createHosts } from '../../src/io/hosts.js';
import { controlFolder } from '../../src/io/ssh-control.js';
import { hasSshd, startSshd, type TestSshd } from '../hosts/sshd.js';
import { startFake } from '../hosts/tcp.js';
import { readProcess } from '../../src/state/process.js';
import { waitFor } from '../pg/wait.js';
import { serverDef } from './builders.js';

const me = userInfo();
const root = me.uid === 0;
const folder = mkdtempSync(join(tmpdir(), 'handyrep-hosts-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function settings(env: Record<string, string | undefined> = {}, more: Partial<Parameters<typeof createHosts>[0]> = {}) {
  return {
    postgres_os_user: 'postgres',
    ssh_timeout: 3000,
    command_timeout: 10_000,
    env: { ...process.env, ...env },
    ...more,
  };
}

describe('on this host', () => {
  const hosts = createHosts(settings({ PGPASSWORD: 'secret' }));
  const here = serverDef({ connection: 'local' });

  test('arguments arrive as they are, whatever is in them', async () => {
    const args = ['', '-n', "it's", '$(id)', 'a\nb', 'ü'];
    const done = await hosts.script(here, `for one; do printf '%s\\0' "$one"; done`, args);
    expect(done.ok && done.value.stdout.split('\0').slice(0, -1)).toEqual(args);
  });

  test('it speaks English, runs in /, and knows no libpq variable', async () => {
    const done = await hosts.script(
      here,
      'pwd; echo "$LC_ALL"; env | grep -c ^PG; case $PATH in */sbin*) echo sbin; esac',
      [],
    );
    expect(done.ok && done.value.stdout).toBe('/\nC\n0\nsbin\n');
  });

  test('an exit status is a result, a missing command is not', async () => {
    expect(await hosts.run(here, ['sh', '-c', 'exit 4'])).toMatchObject({ ok: true, value: { exit_code: 4 } });
    const gone = await hosts.run(here, ['no-such-program-here']);
    expect(gone).toMatchObject({ ok: false, error: { code: 'command_missing', server: 'db1' } });
  });

  test('a NUL is refused', async () => {
    expect(await hosts.run(here, ['echo', '\0'])).toMatchObject({ ok: false, error: { code: 'command_failed' } });
  });

  test('the deadline holds', async () => {
    const late = await hosts.run(here, ['sleep', '30'], { timeout: 200 });
    expect(late).toMatchObject({ ok: false, error: { code: 'command_timeout' } });
  });

  test.runIf(root)('root becomes the postgres OS user without sudo', async () => {
    const done = await hosts.run({ ...here, become: 'sudo' }, ['id', '-un']);
    expect(done).toMatchObject({ ok: true, value: { stdout: 'postgres\n' } });
    const login = await hosts.run({ ...here, become: 'sudo' }, ['id', '-un'], { as: 'login' });
    expect(login).toMatchObject({ ok: true, value: { stdout: 'root\n' } });
    const gone = await hosts.run({ ...here, become: 'sudo' }, ['no-such-program-here']);
    expect(gone).toMatchObject({ ok: false, error: { code: 'command_missing' } });
  });

  test('a user that we are already needs nothing', async () => {
    const own = createHosts(settings({}, { postgres_os_user: me.username }));
    const done = await own.run({ ...here, become: 'sudo' }, ['id', '-un']);
    expect(done).toMatchObject({ ok: true, value: { stdout: `${me.username}\n` } });
  });
});

describe.runIf(hasSshd())('over ssh', { timeout: 30_000 }, () => {
  let sshd: TestSshd;
  let far: ServerDef;
  let hosts: ReturnType<typeof createHosts>;

  beforeAll(async () => {
    sshd = await startSshd();
    far = serverDef({ connection: 'ssh', ssh_port: sshd.port });
    hosts = createHosts(settings({ HANDYREP_SSH_CONFIG: sshd.configFile }));
  }, 20_000);
  afterAll(() => sshd.stop());

  test('arguments arrive as they are; the command knows nothing of our environment', async () => {
    const args = ['', '-n', "it's", '$(id)', 'a\nb\n', 'ü', '`', '\\'];
    const done = await hosts.script(far, `pwd; echo $LC_ALL; for one; do printf '%s\\0' "$one"; done`, args);
    expect(done).toMatchObject({ ok: true, value: { exit_code: 0, stderr: '' } });
    if (done.ok) expect(done.value.stdout).toBe(`/\nC\n${args.map((one) => `${one}\0`).join('')}`);
  });

  test.each([0, 1, 125, 254, 255])("exit status %i is the command's own", async (code) => {
    const done = await hosts.script(far, 'echo out; echo err >&2; exit "$1"', [String(code)]);
    expect(done).toEqual({ ok: true, value: { exit_code: code, stdout: 'out\n', stderr: 'err\n' } });
  });

  test('input arrives, and only when there is some', async () => {
    const text = `pass word\n${'x'.repeat(200_000)}`;
    expect(await hosts.run(far, ['cat'], { input: text })).toMatchObject({ ok: true, value: { stdout: text } });
    expect(await hosts.run(far, ['cat'])).toMatchObject({ ok: true, value: { stdout: '' } });
  });

  test('one login serves many commands', async () => {
    for (let n = 0; n < 5; n++) expect((await hosts.run(far, ['true'])).ok).toBe(true);
    const logins = sshd.log().match(/Accepted publickey/g)?.length ?? 0;
    const shared = (await controlFolder(process.env)) !== null;
    if (shared) expect(logins).toBe(1);
  });

  test('many at once all come back', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, (_, n) => hosts.run(far, ['echo', String(n)])));
    expect(all.map((one) => one.ok && one.value.stdout)).toEqual(Array.from({ length: 8 }, (_, n) => `${String(n)}\n`));
  });

  test('a daemon that holds the outputs does not hold us', async () => {
    const began = performance.now();
    const done = await hosts.script(far, 'sleep 20 & echo $!', []);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(done.ok).toBe(true);
    if (done.ok) process.kill(Number(done.value.stdout.trim()));
  });

  test('a command that does not end is told from a host that does not answer', async () => {
    const late = await hosts.run(far, ['sleep', '20'], { timeout: 3500 });
    expect(late).toMatchObject({ ok: false, error: { code: 'command_timeout' } });
    if (!late.ok) expect(late.error.message).toMatch(/^db1: sleep did not end within 3500 ms/);
  });

  test('what is missing there', async () => {
    expect(await hosts.run(far, ['no-such-program-here'])).toMatchObject({
      ok: false,
      error: { code: 'command_missing' },
    });
  });

  test.runIf(root)('sudo makes us the postgres OS user', async () => {
    const done = await hosts.run({ ...far, become: 'sudo' }, ['id', '-un']);
    expect(done).toMatchObject({ ok: true, value: { stdout: 'postgres\n' } });
    const gone = await hosts.run({ ...far, become: 'sudo' }, ['no-such-program-here']);
    expect(gone).toMatchObject({ ok: false, error: { code: 'command_missing' } });
    const one = await hosts.script({ ...far, become: 'sudo' }, 'exit 1', []);
    expect(one).toMatchObject({ ok: true, value: { exit_code: 1, stderr: '' } });
    const warned = await hosts.script({ ...far, become: 'sudo' }, 'echo "sudo: like a refusal" >&2; exit 1', []);
    expect(warned).toMatchObject({ ok: true, value: { exit_code: 1, stderr: 'sudo: like a refusal\n' } });
    const input = await hosts.run({ ...far, become: 'sudo' }, ['cat'], { input: 'text' });
    expect(input).toMatchObject({ ok: true, value: { stdout: 'text' } });
  });

  test.runIf(root)('a refusal of sudo is named with the line that is missing', async () => {
    const other = createHosts(settings({ HANDYREP_SSH_CONFIG: sshd.configFile }, { postgres_os_user: 'root' }));
    const done = await other.run({ ...far, ssh_user: 'postgres', become: 'sudo' }, ['id']);
    expect(done).toMatchObject({ ok: false, error: { code: 'command_failed' } });
    if (!done.ok) expect(done.error.hint).toContain('postgres ALL=(root) NOPASSWD: ALL');
  });

  test('a key that is not let in', async () => {
    const done = await hosts.run({ ...far, ssh_user: 'no-such-user' }, ['true']);
    expect(done).toMatchObject({ ok: false, error: { code: 'ssh_connect' } });
    if (!done.ok) expect(done.error.message).toMatch(/permission denied/i);
    if (!done.ok) expect(done.error.hint).toContain('authorized_keys');
  });

  test('a host key that is unknown, and one that has changed', async () => {
    const known = join(folder, 'known_hosts');
    const config = join(folder, 'ssh_config');
    const text = readFileSync(sshd.configFile, 'utf8').replace(sshd.knownHosts, known);
    writeFileSync(config, `StrictHostKeyChecking no\n${text}`);
    const careful = createHosts(settings({ HANDYREP_SSH_CONFIG: config }));
    writeFileSync(known, '');
    const unknown = await careful.run(far, ['true']);
    expect(unknown).toMatchObject({ ok: false, error: { code: 'ssh_connect' } });
    if (!unknown.ok) expect(unknown.error.hint).toContain('ssh-keyscan');
    const other = readFileSync(`${sshd.keyFile}.pub`, 'utf8');
    writeFileSync(known, `[127.0.0.1]:${String(sshd.port)} ${other}`);
    const changed = await careful.run(far, ['true']);
    expect(changed).toMatchObject({ ok: false, error: { code: 'ssh_connect' } });
    if (!changed.ok) expect(changed.error.hint).toContain('nobody is in between');
  });

  test('a host that takes connections and says nothing is given up in time, and nothing was sent to it', async () => {
    const fake = await startFake(() => undefined);
    const quick = createHosts(settings({ HANDYREP_SSH_CONFIG: sshd.configFile }, { ssh_timeout: 1000 }));
    const began = performance.now();
    const done = await quick.run({ ...far, ssh_port: fake.port }, ['cat'], { input: 'secret' });
    expect(performance.now() - began).toBeLessThan(4000);
    expect(done).toMatchObject({ ok: false, error: { code: 'ssh_connect' } });
    expect(fake.received().toString()).not.toContain('secret');
    await fake.stop();
  });

  test('a closed port and a name that does not exist', async () => {
    const [port = 1] = await takePorts(1);
    const refused = await hosts.run({ ...far, ssh_port: port }, ['true']);
    expect(refused).toMatchObject({ ok: false, error: { code: 'ssh_connect' } });
    if (!refused.ok) expect(refused.error.message).toMatch(/connection refused/i);
    const lost = await hosts.run({ ...far, hostname: 'no-such-host.invalid' }, ['true']);
    expect(lost).toMatchObject({ ok: false, error: { code: 'ssh_connect' } });
    if (!lost.ok) expect(lost.error.hint).toContain('name resolution');
  });

  test('a shared connection that is frozen is dropped, and the command runs all the same', async () => {
    const patient = createHosts(settings({ HANDYREP_SSH_CONFIG: sshd.configFile }, { ssh_timeout: 8000 }));
    const own = { ...far, ssh_key: sshd.keyFile };
    const pid = await patient.script(own, 'ps -o ppid= -p "$PPID"', []);
    if (!pid.ok || (await controlFolder(process.env)) === null) return;
    // Our shell's parent is sshd's process for this connection: frozen, it answers nothing any more.
    const frozen = Number(pid.value.stdout.trim());
    process.kill(frozen, 'SIGSTOP');
    const file = join(folder, 'once');
    const began = performance.now();
    const done = await patient.script(own, `echo x >> "$1"`, [file]);
    expect(done).toMatchObject({ ok: true, value: { exit_code: 0 } });
    // Long before ssh would give it up.
    expect(performance.now() - began).toBeLessThan(6000);
    // What was sent to it must not run when it wakes up.
    process.kill(frozen, 'SIGCONT');
    const idle = (): boolean => readProcess(frozen)?.state === 'S' && processTree(frozen).length === 1;
    await waitFor(idle, { deadline: 10_000, what: 'the connection to be done with what was sent to it' });
    expect(readFileSync(file, 'utf8')).toBe('x\n');
  });

  test('a connection that is lost half-way is not called ended', async () => {
    const own = { ...far, ssh_user: sshd.user };
    const done = await hosts.script(own, 'kill -9 "$(ps -o ppid= -p "$PPID" | tr -d " ")"; sleep 20', []);
    expect(done).toMatchObject({ ok: false, error: { code: 'ssh_connect' } });
    if (!done.ok) expect(done.error.message).toContain('not known whether it ended');
  });

  test('the folder of the sockets is private', async () => {
    const found = await controlFolder({ XDG_RUNTIME_DIR: folder });
    expect(found).not.toBeNull();
    expect(existsSync(found ?? '')).toBe(true);
  });
});
