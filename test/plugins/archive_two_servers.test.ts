import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { SEGMENT, ScriptBench, scriptsOf, trio } from './archive_scripts.js';

const SETTINGS = { hosts: ['db1', 'db2', 'db3', 'vault.example.com'], directory: '/srv/wal' };

/** The places of one server, in order, by name; `*` on its own host. */
async function places(settings: unknown, more: Parameters<typeof scriptsOf>[2]) {
  const { plan } = await scriptsOf('archive_two_servers', settings, more);
  const names = (list: typeof plan.places): string =>
    list.map((one) => one.name + (one.ssh.length === 0 ? '*' : '')).join(' ');
  return `${names(plan.places)} | ${names(plan.sources)}`;
}

describe('where WAL goes and comes from', () => {
  test.each([
    ['the master: its own disk last', {}, 'db2 db3 vault.example.com db1* | db1* db2 db3 vault.example.com'],
    [
      'a replica: never asks the master',
      { server: 'db2' },
      'db1 db3 vault.example.com db2* | db2* db3 vault.example.com',
    ],
    [
      'after a failover to db2: the old master is disabled',
      { server: 'db2', master: 'db2', servers: trio({ db1: { enabled: false, role: 'replica' } }) },
      'db3 vault.example.com db2* | db2* db3 vault.example.com',
    ],
  ])('%s', async (_, more, expected) => {
    expect(await places(SETTINGS, more)).toBe(expected);
  });

  test('with one copy only the master is asked, too', async () => {
    expect(await places({ ...SETTINGS, copies: 1 }, { server: 'db2' })).toContain('| db2* db1 db3');
  });

  test('too few are left: it is told, and nothing is pretended', async () => {
    const settings = { hosts: ['db1', 'db2'], directory: '/srv/wal' };
    const servers = trio({ db2: { enabled: false } });
    await expect(scriptsOf('archive_two_servers', settings, { servers })).rejects.toThrow(
      'archive_two_servers: db1 can archive to 1 of db1, db2, and copies is 2',
    );
    await expect(scriptsOf('archive_two_servers', { hosts: ['db1', 'db1'], directory: '/srv/wal' })).rejects.toThrow(
      'db1 is twice in hosts',
    );
  });

  test('how ssh is called', async () => {
    const hosts = ['db2', { name: 'vault', hostname: '10.0.0.9', user: 'wal', port: 2222, directory: '/vault' }];
    const { plan } = await scriptsOf('archive_two_servers', {
      hosts,
      directory: '/srv/wal',
      ssh_options: ['-i', '/k'],
    });
    const options = [
      '-o',
      'BatchMode=yes',
      '-o',
      'ConnectTimeout=3',
      '-o',
      'ServerAliveInterval=5',
      '-o',
      'ServerAliveCountMax=3',
    ];
    expect(plan.places.map(({ ssh, directory }) => [directory, ...ssh])).toEqual([
      ['/srv/wal', 'ssh', ...options, '-i', '/k', '-p', '22', 'db2.example.com'],
      ['/vault', 'ssh', ...options, '-i', '/k', '-p', '2222', '-l', 'wal', '10.0.0.9'],
    ]);
  });

  test.each([
    [{ hosts: ['db1', '-oProxyCommand=x'], directory: '/srv/wal' }, 'hosts'],
    [{ hosts: ['db1', 'db2'], directory: 'srv' }, 'directory'],
    [{ hosts: ['db1', 'db2'], directory: '/srv/a\nb' }, 'directory'],
    [{ hosts: ['db1'], directory: '/srv' }, 'hosts'],
  ])('no such setting: %j', async (settings, key) => {
    await expect(scriptsOf('archive_two_servers', settings)).rejects.toThrow(`plugins.archive_two_servers.${key}`);
  });
});

describe('by a real sshd', () => {
  const bench = new ScriptBench();
  const content = Buffer.alloc(300_000, 'wal');
  let sshd: TestSshd;
  let path: string;
  const folders: Record<string, string> = {};

  /** Three "hosts" that are one, each with a folder of its own, and one that nobody reaches. */
  const settings = (names: readonly string[], more: object = {}) => ({
    hosts: names.map((name) =>
      name === 'lost'
        ? { name, hostname: '127.0.0.1', port: 1, directory: '/x' }
        : { name, hostname: '127.0.0.1', port: sshd.port, directory: folders[name] },
    ),
    directory: '/unused',
    ssh_options: ['-F', sshd.configFile],
    timeout: 20,
    ...more,
  });
  const install = async (names: readonly string[], more: object = {}, server = 'db1'): Promise<void> => {
    bench.install(await scriptsOf('archive_two_servers', settings(names, more), { script_dir: bench.scripts, server }));
  };

  beforeAll(async () => {
    sshd = await startSshd();
    for (const name of ['db1', 'db2', 'db3']) folders[name] = bench.archive(`${name}'s "wal" $(touch hacked) \\ %p`);
    path = bench.wal(SEGMENT, content);
  }, 30_000);
  afterAll(async () => {
    await sshd.stop();
    bench.end();
  });

  const has = (name: string): boolean => readdirSync(folders[name] ?? '').includes(SEGMENT);
  const forget = (): void => {
    for (const folder of Object.values(folders)) rmSync(join(folder, SEGMENT), { force: true });
  };

  test('two have it, whole, and nothing was run that a name holds', async () => {
    await install(['db2', 'db3', 'db1']);
    for (const name of ['archive.sh', 'restore.sh']) execFileSync('dash', ['-n', join(bench.scripts, name)]);
    expect(bench.run('archive', path, SEGMENT)).toEqual({ code: 0, said: '', out: '' });
    expect([has('db1'), has('db2'), has('db3')]).toEqual([false, true, true]);
    expect(readFileSync(join(folders['db2'] ?? '', SEGMENT)).equals(content)).toBe(true);
    expect(bench.run('archive', path, SEGMENT)).toEqual({ code: 0, said: '', out: '' });
    expect(bench.run('archive', '--has', SEGMENT).code).toBe(0);
    expect(bench.run('archive', '--check')).toEqual({ code: 0, said: '', out: '' });
    expect(readdirSync(bench.pgdata)).toEqual(['pg_wal']);
    expect(existsSync(join(homedir(), 'hacked'))).toBe(false);
  });

  test('one is lost: the next of the list gets it, and it is told', async () => {
    forget();
    await install(['lost', 'db2', 'db1']);
    const done = bench.run('archive', path, SEGMENT);
    expect(done.code).toBe(0);
    expect(done.said).toMatch(
      new RegExp(`^handyrep archive: ${SEGMENT} is safe; but lost: ssh: connect to host .* Connection refused$`),
    );
    expect([has('db1'), has('db2')]).toEqual([true, true]);
    const check = bench.run('archive', '--check');
    expect([check.code, check.said]).toEqual([0, expect.stringContaining('lost: ssh: connect') as string]);
  });

  test('fewer than two have it: no success, whatever one has', async () => {
    forget();
    await install(['lost', 'db2'], {}, 'db3');
    const done = bench.run('archive', path, SEGMENT);
    expect(done.code).toBe(1);
    expect(done.said).toContain(`${SEGMENT}: lost: ssh: connect`);
    expect(has('db2')).toBe(true);
    expect(bench.run('archive', '--has', SEGMENT).code).toBe(1);
  });

  test('a different one at one of the two: no success, and it stays as it is', async () => {
    forget();
    writeFileSync(join(folders['db3'] ?? '', SEGMENT), 'of another cluster');
    await install(['db2', 'db3'], {}, 'db1');
    const done = bench.run('archive', path, SEGMENT);
    expect(done.code).toBe(1);
    expect(done.said).toContain(
      `db3: ${folders['db3'] ?? ''} holds a different ${SEGMENT} already: it is left as it is`,
    );
    expect(readFileSync(join(folders['db3'] ?? '', SEGMENT), 'utf8')).toBe('of another cluster');
  });

  test('a segment comes from whoever has it; a silent host is not asked again for a minute', async () => {
    forget();
    writeFileSync(join(folders['db3'] ?? '', SEGMENT), content);
    await install(['lost', 'db2', 'db3'], {}, 'db2');
    const first = bench.run('restore', SEGMENT, 'pg_wal/RECOVERYXLOG');
    expect(first).toEqual({
      code: 0,
      said: 'handyrep restore: lost does not answer, and is not asked for a minute',
      out: '',
    });
    expect(readFileSync(join(bench.pgdata, 'pg_wal/RECOVERYXLOG')).equals(content)).toBe(true);
    expect(bench.run('restore', SEGMENT, 'pg_wal/RECOVERYXLOG')).toEqual({ code: 0, said: '', out: '' });
    expect(bench.run('restore', '00000009.history', 'pg_wal/RECOVERYHISTORY')).toEqual({ code: 1, said: '', out: '' });
  });

  test('a host that hangs is given up', async () => {
    forget();
    const slow = join(bench.folder, 'slow');
    mkdirSync(slow);
    writeFileSync(join(slow, 'ssh'), '#!/bin/sh\nexec sleep 300\n', { mode: 0o755 });
    const { archive, restore, ...rest } = await scriptsOf(
      'archive_two_servers',
      settings(['db2', 'db3'], { timeout: 1 }),
      {
        script_dir: bench.scripts,
      },
    );
    const late = (text: string): string =>
      text.replace('PATH=${PATH:-', `PATH='${slow.replaceAll("'", `'\\''`)}':\${PATH:-`);
    bench.install({ ...rest, archive: late(archive), restore: late(restore) });
    const began = performance.now();
    const done = bench.run('archive', path, SEGMENT);
    expect(done.code).toBe(1);
    expect(done.said).toContain('db2: it did not end within 1 s; db3: it did not end within 1 s');
    rmSync(join(bench.scripts, '.silent-db2'), { force: true });
    rmSync(join(bench.scripts, '.silent-db3'), { force: true });
    expect(bench.run('restore', SEGMENT, 'pg_wal/X').code).toBe(1);
    expect(performance.now() - began).toBeLessThan(15_000);
  }, 30_000);
});
