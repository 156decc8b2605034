import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serverUser } from '../../src/demo/os-user.js';
import { type HostCluster, createHostCluster } from '../hosts/cluster.js';
import { CONFIG, KNOWN_HOSTS } from '../hosts/disks.js';
import type { Host } from '../hosts/host.js';
import { newKey } from '../hosts/keys.js';
import { laboratoryProblem } from '../hosts/laboratory.js';
import { waitFor } from '../pg/wait.js';

const HOME = '/var/lib/postgresql';
const SCRIPTS = `${HOME}/handyrep`;
const WAL = `${HOME}/wal`;
const problem = await laboratoryProblem();

/** As docs/plugins.md prints it: each host archives to the others, by ssh as postgres. */
describe.skipIf(problem !== null)(`archive_two_servers on three hosts ${problem ?? ''}`, () => {
  let cluster: HostCluster;
  const chosen = { master: '', other: '' };

  beforeAll(async () => {
    cluster = await createHostCluster({
      settings: {
        archive_mode: 'on',
        archive_command: `${SCRIPTS}/archive.sh %p %f || exit 1`,
        restore_command: `${SCRIPTS}/restore.sh %f %p || exit 1`,
      },
      archive: {
        archiving: true,
        archive_script_method: 'archive_two_servers',
        archive_delete_method: 'archive_delete_find',
      },
      plugins: {
        archive_two_servers: { hosts: ['db1', 'db2', 'db3'], directory: WAL },
        archive_delete_find: { keep_days: 1, keep_backups: 0 },
      },
    });
    const owner = (await serverUser()) ?? { uid: 0, gid: 0 };
    const key = newKey('postgres');
    const known = readFileSync(cluster.manager.path(KNOWN_HOSTS), 'utf8');
    for (const host of cluster.databases) {
      host.write({ path: `${HOME}/.ssh/id_ed25519`, text: key.secret, mode: 0o600, owner });
      host.write({ path: `${HOME}/.ssh/authorized_keys`, text: `${key.open}\n`, mode: 0o600, owner });
      host.write({ path: `${HOME}/.ssh/known_hosts`, text: known, mode: 0o644, owner });
      await host.must(['install', '-d', '-o', 'postgres', '-m', '0700', WAL]);
    }
  }, 120_000);
  afterAll(() => cluster.destroy());

  interface Report {
    readonly details: string;
    readonly master?: string | null;
    readonly failed_over?: boolean;
    readonly archivers?: readonly { readonly ready: number }[];
    readonly places?: readonly { readonly place: string }[];
    readonly cluster?: { readonly status: string; readonly status_message: string };
  }

  async function handyrep(...argv: string[]): Promise<{ readonly code: number | string; readonly report: Report }> {
    const options = { user: 'handyrep', timeout: 120_000 };
    const done = await cluster.manager.run(['handyrep', '--json', '-c', CONFIG, ...argv], options);
    return { code: done.code, report: JSON.parse(done.stdout) as Report };
  }

  async function fill(host: Host): Promise<string> {
    await host.sql("SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000))");
    const [row] = await host.sql('SELECT pg_walfile_name(pg_switch_wal()) AS name');
    return row?.['name'] ?? '';
  }
  const has = async (host: string, name: string): Promise<boolean> =>
    (await cluster.host(host).run(['test', '-s', `${WAL}/${name}`])).code === 0;
  const archivedOn = (name: string, ...hosts: string[]): Promise<unknown> =>
    waitFor(async () => (await Promise.all(hosts.map((host) => has(host, name)))).every(Boolean), {
      deadline: 60_000,
      what: `${name} on ${hosts.join(' and ')}`,
      every: 200,
    });
  const script = (host: string): Promise<string> => cluster.host(host).must(['cat', `${SCRIPTS}/archive.sh`]);
  /** The hosts of a script's list, in order. */
  const listed = async (host: string): Promise<readonly string[]> =>
    [...(await script(host)).matchAll(/^ {2}try '(\w+)'/gm)].map(([, name = '']) => name);

  test('archive start makes a folder of its own there, and PostgreSQL archives to both others', async () => {
    const { code, report } = await handyrep('archive', 'start');
    expect(report.details).toBe('archiving goes on: the scripts are installed on db1, db2, db3');
    expect(code).toBe(0);
    const [where, file] = [await cluster.host('db1').must(['stat', '-c', '%U %a', SCRIPTS]), `${SCRIPTS}/archive.sh`];
    expect(where).toBe('postgres 700\n');
    expect(await cluster.host('db1').must(['stat', '-c', '%U %a', file])).toBe('postgres 750\n');
    expect(await listed('db1')).toEqual(['db2', 'db3', 'db1']);
    const name = await fill(cluster.host('db1'));
    await archivedOn(name, 'db2', 'db3');
    expect(await has('db1', name)).toBe(false);
    await waitFor(async () => (await handyrep('archive', 'status')).code === 0, {
      deadline: 30_000,
      what: 'a good status',
    });
    expect((await handyrep('verify')).report.cluster?.status).toBe('healthy');
  }, 120_000);

  test('a host of the list is lost with the master: the new one archives without it', async () => {
    await handyrep('poll');
    await cluster.host('db1').powerOff();
    const began = performance.now();
    const { report } = await handyrep('failover-check');
    const took = performance.now() - began;
    expect(report).toMatchObject({ failed_over: true });
    // Fencing is owed, and nobody waits for what the dead host does not answer.
    expect(took).toBeLessThan(60_000);
    chosen.master = report.master ?? '';
    chosen.other = chosen.master === 'db2' ? 'db3' : 'db2';
    expect(await listed(chosen.master)).toEqual([chosen.other, chosen.master]);
    const name = await fill(cluster.host(chosen.master));
    expect(name.startsWith('00000002')).toBe(true);
    await archivedOn(name, chosen.master, chosen.other);
    await archivedOn('00000002.history', chosen.master, chosen.other);
    expect((await handyrep('archive', 'status')).code).toBe(0);
  }, 180_000);

  test('what is old is counted on both hosts', async () => {
    const { code, report } = await handyrep('archive', 'cleanup', '--dry-run');
    expect(report.places?.map(({ place }) => place)).toEqual([chosen.other, chosen.master]);
    expect(report.details).toMatch(/^db\d: 0 file\(s\) .* would be deleted, none from \w{16} on; db\d: 0 file\(s\)/);
    expect(code).toBe(0);
  }, 60_000);

  test('its host is back, and a replica again: the next verify lists it again', async () => {
    await cluster.host('db1').powerOn();
    await waitFor(async () => (await handyrep('failover-check')).code === 0, {
      deadline: 60_000,
      what: 'a check',
      every: 500,
    });
    const rejoined = await handyrep('--yes', 'rejoin', 'db1');
    expect([rejoined.code, rejoined.report.details]).toEqual([0, expect.any(String) as string]);
    await handyrep('failover-check', '--verify');
    expect(await listed(chosen.master)).toEqual(['db1', chosen.other, chosen.master]);
    expect(await listed('db1')).toEqual(
      [chosen.master, chosen.other, 'db1']
        .filter((one) => one !== 'db1')
        .sort()
        .concat('db1'),
    );
    const name = await fill(cluster.host(chosen.master));
    await archivedOn(name, 'db1', chosen.other);
    expect((await handyrep('archive', 'status')).code).toBe(0);
  }, 180_000);
});
