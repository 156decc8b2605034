import { spawn } from 'node:child_process';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DemoCluster } from '../../src/demo/cluster.js';
import { serverUser } from '../../src/demo/os-user.js';
import { takePorts } from '../../src/demo/ports.js';
import { waitGone } from '../../src/demo/processes.js';
import { waitFor } from '../pg/wait.js';

/** A real pgbouncer of the machine, in front of a throwaway cluster. */
export interface Bouncer {
  readonly name: string;
  readonly port: number;
  /** The file that its configuration includes into `[databases]`. */
  readonly file: string;
  /** What a configuration of HandyRep says of it. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** How a host starts it, in the background; {@link kill} ends that one too. */
  readonly start_command: readonly string[];
  start(): Promise<void>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  log(): Promise<string>;
}

export interface BouncerOptions {
  readonly name: string;
  /** More lines for its section `[pgbouncer]`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Makes one that sends `postgres` to the cluster's master, and starts it. Whoever starts it kills it. */
export async function startBouncer(cluster: DemoCluster, { name, settings = {} }: BouncerOptions): Promise<Bouncer> {
  const folder = join(cluster.folder, name);
  const [port = 0] = await takePorts(1);
  const user = await serverUser();
  const file = join(folder, 'databases.ini');
  const ini = join(folder, 'pgbouncer.ini');
  const pidfile = join(folder, 'pid');
  const { master, roles } = cluster;
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port.toString(),
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: join(folder, 'users'),
    admin_users: 'pgbouncer',
    pool_mode: 'transaction',
    logfile: join(folder, 'log'),
    pidfile,
    ...settings,
  };
  const texts: readonly (readonly [string, string])[] = [
    [
      ini,
      `[databases]\n%include ${file}\n[pgbouncer]\n${Object.entries(lines)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join('')}`,
    ],
    [file, `[databases]\npostgres = host=${master.host} port=${master.port.toString()}\n`],
    [join(folder, 'users'), ['postgres', 'pgbouncer', roles.app].map((one) => `"${one}" ""\n`).join('')],
  ];
  await mkdir(folder);
  for (const [path, text] of texts) await writeFile(path, text);
  if (user !== null) for (const path of [folder, ...texts.map(([one]) => one)]) await chown(path, user.uid, user.gid);
  const log = (): Promise<string> => readFile(join(folder, 'log'), 'utf8').catch(() => '');
  const bouncer: Bouncer = {
    name,
    port,
    file,
    entry: { hostname: '127.0.0.1', role: 'pgbouncer', port, config_file: file },
    start_command: ['pgbouncer', '-q', '-d', ...(cluster.os_user === null ? [] : ['-u', cluster.os_user]), ini],
    start: async () => {
      const before = (await log()).length;
      const who = user === null ? {} : { uid: user.uid, gid: user.gid };
      spawn('pgbouncer', ['-q', ini], { stdio: 'ignore', ...who });
      const up = async (): Promise<true | null> => ((await log()).slice(before).includes('process up') ? true : null);
      await waitFor(up, { deadline: 10_000, what: `${name} to be up` });
    },
    kill: async () => {
      const pid = Number(await readFile(pidfile, 'utf8').catch(() => '0'));
      if (pid > 0) process.kill(pid, 'SIGKILL');
      if (!(await waitGone(pid > 0 ? [pid] : [], 10_000))) throw new Error(`${name} outlived SIGKILL`);
      await rm(pidfile, { force: true });
    },
    log,
  };
  await bouncer.start();
  return bouncer;
}
