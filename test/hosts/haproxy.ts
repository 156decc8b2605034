import { type ChildProcess, spawn } from 'node:child_process';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DemoCluster } from '../../src/demo/cluster.js';
import { serverUser } from '../../src/demo/os-user.js';
import { isFree, takePorts } from '../../src/demo/ports.js';
import { waitFor } from '../pg/wait.js';

/** A real haproxy of the machine, in front of a throwaway cluster. */
export interface Balancer {
  readonly name: string;
  /** Of the pools of the master and of the replicas. */
  readonly port: number;
  readonly replicas_port: number;
  readonly file: string;
  /** What a configuration of HandyRep says of it, and of the method. */
  readonly entry: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, unknown>>;
  start(): Promise<void>;
  kill(): Promise<void>;
}

/** Debian has it where only root's PATH leads. */
const PROGRAM = '/usr/sbin/haproxy';

/** Makes one with an empty configuration, and starts it in master-worker mode, as a service manager does. */
export async function startBalancer(cluster: DemoCluster, name: string): Promise<Balancer> {
  const folder = join(cluster.folder, name);
  const [port = 0, replicas_port = 0] = await takePorts(2);
  const user = await serverUser();
  const [file, socket, pidfile] = [join(folder, 'haproxy.cfg'), join(folder, 'admin.sock'), join(folder, 'pid')];
  await mkdir(folder);
  const empty = `global\n  stats socket ${socket} mode 660 level admin\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nlisten nobody\n  bind ${join(folder, 'nobody.sock')}\n`;
  await writeFile(file, empty);
  if (user !== null) for (const path of [folder, file]) await chown(path, user.uid, user.gid);
  let running: ChildProcess | null = null;
  const balancer: Balancer = {
    name,
    port,
    replicas_port,
    file,
    entry: { hostname: '127.0.0.1', role: 'haproxy', port, config_file: file },
    settings: {
      socket,
      run_as: 'postgres',
      program: PROGRAM,
      bind_address: '127.0.0.1',
      replicas_port,
      // The master process reloads on SIGUSR2.
      reload_command: ['sh', '-c', `kill -USR2 "$(cat ${pidfile})"`],
    },
    start: async () => {
      await rm(socket, { force: true });
      await rm(pidfile, { force: true });
      const who = user === null ? {} : { uid: user.uid, gid: user.gid };
      running = spawn(PROGRAM, ['-W', '-db', '-q', '-p', pidfile, '-f', file], { stdio: 'ignore', ...who });
      const up = async (): Promise<true | null> =>
        existsSync(pidfile) && (existsSync(socket) || !(await isFree(port))) ? true : null;
      await waitFor(up, { deadline: 10_000, what: `${name} to be up` });
    },
    kill: async () => {
      const child = running;
      if (child?.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      // Its workers end with it.
      child.kill('SIGTERM');
      await gone;
    },
  };
  await balancer.start();
  return balancer;
}
