import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { isAlive } from '../../src/state/process.js';
import { waitFor } from '../pg/wait.js';
import { createLaboratory, laboratoryProblem, type Laboratory } from './laboratory.js';

const problem = await laboratoryProblem();
const made: Laboratory[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.destroy()));
});

async function twoHosts(): Promise<Laboratory> {
  const plan = { files: [], services: [], bin_dir: '' } as const;
  const laboratory = await createLaboratory([
    { ...plan, name: 'one', address: '10.0.0.11' },
    { ...plan, name: 'two', address: '10.0.0.12' },
  ]);
  made.push(laboratory);
  await Promise.all(laboratory.hosts.map((host) => host.powerOn()));
  return laboratory;
}

test('under CI hosts can be made', () => {
  expect(process.env['CI'] === 'true' ? problem : null).toBeNull();
});

describe.skipIf(problem !== null)(`hosts of a laboratory ${problem ?? ''}`, () => {
  test('each has a name, files and processes of its own, and the same addresses can be there twice', async () => {
    const [first, second] = await Promise.all([twoHosts(), twoHosts()]);
    const one = first.host('one');
    expect((await one.must(['hostname'])).trim()).toBe('one');
    expect((await one.must(['sh', '-c', 'echo $$ && echo here >/etc/mark'])).trim()).toMatch(/^\d+$/);
    expect(existsSync(first.host('two').path('/etc/mark'))).toBe(false);
    expect(existsSync(second.host('one').path('/etc/mark'))).toBe(false);
    expect(existsSync('/etc/mark')).toBe(false);
    expect((await one.must(['ps', '-A', '-o', 'comm='])).split('\n')).not.toContain('node');
    expect(await first.onSwitch(['ip', '-brief', 'link'])).toContain('one-1');
  });

  test('without power a host is silent and its processes are gone; its disk stays', async () => {
    const laboratory = await twoHosts();
    const [one, two] = [laboratory.host('one'), laboratory.host('two')];
    await one.must(['sh', '-c', 'echo kept >/etc/mark; sleep 1000 >/dev/null 2>&1 &']);
    const [pid = -1] = one.pids('sleep').slice(-1);
    const reach = ['bash', '-c', 'timeout 1 bash -c "exec 3<>/dev/tcp/10.0.0.11/9"; echo $?'];
    // Nobody listens there: a host that is on says so at once.
    expect((await two.must(reach)).trim()).toBe('1');
    const boot = await one.must(['cat', '/proc/sys/kernel/random/boot_id']);
    await one.powerOff();
    expect(isAlive(pid)).toBe(false);
    expect((await two.must(reach)).trim()).toBe('124');
    await one.powerOn();
    expect((await one.must(['cat', '/etc/mark'])).trim()).toBe('kept');
    expect(await one.must(['cat', '/proc/sys/kernel/random/boot_id'])).not.toBe(boot);
  });

  test('a killed test run leaves nothing that lives, and its folder to the next one; a living one keeps all', async () => {
    const living = await twoHosts();
    const owner = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'laboratory-owner.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) => {
      createInterface(owner.stdout).once('line', resolve);
    });
    const { pids, folder } = JSON.parse(line) as { pids: number[]; folder: string };
    expect(pids.length).toBeGreaterThan(0);
    expect(existsSync(folder)).toBe(true);
    owner.kill('SIGKILL');
    await waitFor(() => pids.every((pid) => !isAlive(pid)), { deadline: 20_000, what: 'its processes to be gone' });
    await twoHosts();
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(living.folder)).toBe(true);
    expect((await living.host('two').must(['hostname'])).trim()).toBe('two');
  });
});
