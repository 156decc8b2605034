import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestSshd, startSshd } from '../hosts/sshd.js';
import { SEGMENT, ScriptBench, scriptsOf } from './archive_scripts.js';

const hasBarman = existsSync('/usr/bin/barman') && process.getuid?.() === 0;

test('how it is reached', async () => {
  const { plan } = await scriptsOf('archive_barman_staging', {
    host: 'backup',
    directory: '/b/incoming',
    barman_server: 'app',
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
  const place = {
    name: 'backup',
    directory: '/b/incoming',
    ssh: ['ssh', ...options, '-p', '22', '-l', 'barman', 'backup'],
    get: ['barman', 'get-wal', 'app'],
  };
  expect(plan).toMatchObject({ places: [place], sources: [place], copies: 1 });
  expect(plan.kept_by).toBe('barman deletes what its retention_policy lets go');
});

/** Debian's barman, by a real sshd: it takes what we put there, and gives it back. */
describe.skipIf(!hasBarman)('with barman', () => {
  const bench = new ScriptBench();
  const home = join(bench.folder, 'home');
  const incoming = join(home, 'app/incoming');
  const config = join(bench.folder, 'barman.conf');
  let sshd: TestSshd;
  let path: string;

  // A page of WAL begins with a magic number and says which timeline it is; the rest of it barman does not read.
  const segment = Buffer.alloc(16 * 1024 * 1024, 0);
  segment.writeUInt16LE(0xd110, 0);

  const barman = (...argv: string[]): string =>
    execFileSync('barman', ['-c', config, ...argv], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  beforeAll(async () => {
    sshd = await startSshd();
    for (const folder of ['app/incoming', 'app/wals', 'app/errors', 'app/base', 'app/streaming', 'bin']) {
      mkdirSync(join(home, folder), { recursive: true });
    }
    const lines = [
      '[barman]',
      `barman_user = ${sshd.user}`,
      `barman_home = ${home}`,
      `log_file = ${join(bench.folder, 'barman.log')}`,
      '[app]',
      'description = app',
      'conninfo = host=/nonexistent dbname=postgres',
      'backup_method = postgres',
      'archiver = on',
      '',
    ];
    writeFileSync(config, lines.join('\n'));
    const scripts = await scriptsOf(
      'archive_barman_staging',
      {
        host: '127.0.0.1',
        directory: incoming,
        barman_server: 'app',
        user: sshd.user,
        port: sshd.port,
        ssh_options: ['-F', sshd.configFile],
      },
      { script_dir: bench.scripts },
    );
    // Its configuration is not where it usually is.
    const get = `barman '-c' '${config.replaceAll("'", `'\\''`)}'`;
    bench.install({
      ...scripts,
      restore: scripts.restore.replace(`'\\''barman'\\''`, get.replaceAll("'", `'\\''`)),
    });
    path = bench.wal(SEGMENT, segment);
  }, 30_000);
  afterAll(async () => {
    await sshd.stop();
    bench.end();
  });

  test('its staging folder gets whole files, and barman sees no half ones', () => {
    for (const name of ['archive.sh', 'restore.sh']) execFileSync('dash', ['-n', join(bench.scripts, name)]);
    expect(bench.run('archive', '--check')).toEqual({ code: 0, said: '', out: '' });
    expect(bench.run('archive', path, SEGMENT)).toEqual({ code: 0, said: '', out: '' });
    expect(readdirSync(incoming)).toEqual([SEGMENT]);
    // Barman takes every file of the folder whose name does not begin with a dot.
    writeFileSync(join(incoming, `.${SEGMENT}.a1B2c3`), 'half');
    barman('archive-wal', 'app');
    expect(readdirSync(incoming)).toEqual([`.${SEGMENT}.a1B2c3`]);
    expect(readdirSync(join(home, 'app/errors'))).toEqual([]);
    expect(readFileSync(join(home, 'app/wals', SEGMENT.slice(0, 16), SEGMENT)).equals(segment)).toBe(true);
  }, 60_000);

  test('what barman has taken comes back by barman get-wal, what it has not from the folder', () => {
    expect(bench.run('restore', SEGMENT, 'pg_wal/RECOVERYXLOG')).toEqual({ code: 0, said: '', out: '' });
    expect(readFileSync(join(bench.pgdata, 'pg_wal/RECOVERYXLOG')).equals(segment)).toBe(true);
    const fresh = '000000010000000000000008';
    expect(bench.run('archive', bench.wal(fresh, 'fresh'), fresh).code).toBe(0);
    expect(bench.run('restore', fresh, 'pg_wal/RECOVERYXLOG').code).toBe(0);
    expect(readFileSync(join(bench.pgdata, 'pg_wal/RECOVERYXLOG'), 'utf8')).toBe('fresh');
    expect(bench.run('restore', '0000000100000000000000FF', 'pg_wal/NONE')).toEqual({ code: 1, said: '', out: '' });
    expect(existsSync(join(bench.pgdata, 'pg_wal/NONE'))).toBe(false);
  }, 60_000);

  test('sent again after barman took it: barman sorts it out', () => {
    expect(bench.run('archive', path, SEGMENT)).toEqual({ code: 0, said: '', out: '' });
    barman('archive-wal', 'app');
    expect(readdirSync(incoming).filter((name) => name === SEGMENT)).toEqual([]);
    expect(readFileSync(join(home, 'app/wals', SEGMENT.slice(0, 16), SEGMENT)).equals(segment)).toBe(true);
  }, 60_000);
});
