import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serverUser } from '../../src/demo/os-user.js';
import { ROLES } from '../../src/demo/roles.js';
import { type HostCluster, createHostCluster } from '../hosts/cluster.js';
import { CONFIG, SUDOERS } from '../hosts/disks.js';
import { laboratoryProblem } from '../hosts/laboratory.js';
import { waitFor } from '../pg/wait.js';

const FILE = '/etc/pgbouncer/databases.ini';
const INI = '/etc/pgbouncer/pgbouncer.ini';
const USERS = '/etc/pgbouncer/users';
const LOG = '/var/log/postgresql';
const problem = await laboratoryProblem();

describe.skipIf(problem !== null)(`a pgbouncer on another host, whose file belongs to root ${problem ?? ''}`, () => {
  let cluster: HostCluster;
  beforeAll(async () => {
    cluster = await createHostCluster({
      replicas: 1,
      failover: { connection_failover_method: 'multi_pgbouncer' },
      plugins: { multi_pgbouncer: { databases: ['postgres'], config_file: FILE, run_as: 'root' } },
    });
    await startThere();
  }, 120_000);
  afterAll(() => cluster.destroy());

  /** On the host of db2, in a folder that only root writes in. */
  async function startThere(): Promise<void> {
    const host = cluster.host('db2');
    const { gid = 0 } = (await serverUser()) ?? {};
    const owner = { uid: 0, gid };
    const lines = [
      '[databases]',
      `%include ${FILE}`,
      '[pgbouncer]',
      'listen_addr = *',
      'listen_port = 6432',
      'unix_socket_dir =',
      'auth_type = trust',
      `auth_file = ${USERS}`,
      'admin_users = pgbouncer',
      'pool_mode = transaction',
      `logfile = ${LOG}/pgbouncer.log`,
      `pidfile = ${LOG}/pgbouncer.pid`,
      '',
    ];
    host.write({ path: INI, text: lines.join('\n'), mode: 0o640, owner });
    host.write({ path: FILE, text: '[databases]\n', mode: 0o640, owner });
    host.write({ path: USERS, text: `"pgbouncer" ""\n"${ROLES.app}" "${cluster.password}"\n`, mode: 0o640, owner });
    await host.must(['install', '-d', '-o', 'postgres', '-m', '0755', LOG]);
    await host.must(['pgbouncer', '-q', '-d', INI], { user: 'postgres' });
  }

  async function handyrep(...argv: string[]): Promise<{ readonly code: number | string; readonly report: Report }> {
    const done = await cluster.manager.run(['handyrep', '--json', '-c', CONFIG, ...argv], { user: 'handyrep' });
    return { code: done.code, report: JSON.parse(done.stdout) as Report };
  }
  interface Report {
    readonly details: string;
    readonly master?: string | null;
    readonly cluster?: { readonly status_message: string };
  }

  /** The address of the server that answers a client. */
  async function behind(): Promise<string> {
    const where = ['-h', 'db2', '-p', '6432', '-U', ROLES.app, 'postgres'];
    return (await cluster.client.must(['psql', '-X', '-At', '-c', 'SELECT host(inet_server_addr())', ...where])).trim();
  }
  const ownerAndMode = (): Promise<string> => cluster.host('db2').must(['stat', '-c', '%U:%G %a', FILE]);

  test('it is added and enabled by its console alone', async () => {
    await waitFor(async () => (await handyrep('server', 'add', 'pgb1', 'role=pgbouncer', 'hostname=db2')).code === 0, {
      deadline: 20_000,
      what: 'pgb1 to be added',
    });
    expect(await handyrep('server', 'enable', 'pgb1')).toMatchObject({ code: 0 });
  });

  test('where sudo does not let us be root: it is told, and the change stays owed', async () => {
    const refused = await handyrep('proxy', 'init');
    expect(refused.code).toBe(1);
    expect(refused.report.details).toContain(`pgb1: ${FILE} was not written: sudo: a password is required`);
    expect(await handyrep('failover-check')).toMatchObject({
      report: { cluster: { status: 'warning' }, proxies: [{ owed: expect.any(String) as string }] },
    });
  });

  test('where it does: the next check writes the file, with owner and mode as they were', async () => {
    const before = await ownerAndMode();
    const root = 'handyrep ALL=(root) NOPASSWD: /bin/sh, /usr/bin/sh\n';
    cluster.host('db2').write({ path: '/etc/sudoers.d/handyrep', text: SUDOERS + root, mode: 0o440 });
    const mended = await handyrep('failover-check');
    expect(mended).toMatchObject({
      code: 0,
      report: { proxies: [{ status: 'healthy', owed: null, route: { master: 'db1' } }] },
    });
    expect(mended.report.cluster?.status_message).not.toContain('pgb1');
    expect(await behind()).toBe(cluster.host('db1').address);
    expect(await ownerAndMode()).toBe(before);
    expect(before).toBe('root:postgres 640\n');
    expect(await cluster.host('db2').must(['sh', '-c', 'ls -A /etc/pgbouncer | grep handyrep || true'])).toBe('');
  });

  test('a switchover to the host that it is on: its clients are behind the new master', async () => {
    expect(await handyrep('--yes', 'failover', '--to', 'db2')).toMatchObject({ code: 0, report: { master: 'db2' } });
    expect(await behind()).toBe(cluster.host('db2').address);
    expect(await ownerAndMode()).toBe('root:postgres 640\n');
    expect(await handyrep('proxy', 'status')).toMatchObject({ code: 0 });
  });
});
