import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROLES } from '../../src/demo/roles.js';
import type { Ack, WriterOptions } from '../../src/demo/writer.js';
import { waitFor } from '../pg/wait.js';
import type { HostCluster } from './cluster.js';
import type { Host } from './host.js';

/** A program that writes rows, on a host; it finds the server that takes writes by a list of all of them. */
export interface Application {
  readonly host: string;
  /** What servers said is committed, in the order in which it arrived. */
  readonly acks: readonly Ack[];
  /** Ends it. May be called again, also after its host lost power. */
  stop(): Promise<void>;
}

const PROGRAM = join(import.meta.dirname, 'writer-process.ts');
/** Numbers of one application; each has a range of its own. */
const RANGE = 1_000_000_000;

/** Starts one, and waits for its first write. `index` tells it from the other applications of a cluster. */
export async function startApplication(cluster: HostCluster, host: Host, index: number): Promise<Application> {
  const options: WriterOptions = {
    hosts: cluster.databases.map((one) => ({ host: one.address, port: 5432 })),
    user: ROLES.app,
    password: cluster.password,
    first_id: 1 + index * RANGE,
  };
  // With the host's network and among its processes, but with the files of this machine: the program is here.
  const argv = [process.execPath, '--import', 'tsx', PROGRAM, JSON.stringify(options)];
  const [program, ...args] = host.enter(['net', 'pid'], argv);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const acks: Ack[] = [];
  let said = '';
  child.stdin.on('error', () => undefined);
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', resolve));
  createInterface(child.stdout).on('line', (line) => acks.push(JSON.parse(line) as Ack));
  const stop = async (): Promise<void> => {
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  };
  await waitFor(() => acks.length > 0, { deadline: 60_000, what: `the application on ${host.name} to write` }).catch(
    async (error: unknown) => {
      await stop();
      throw new Error(`${String(error)}: ${said}`);
    },
  );
  return { host: host.name, acks, stop };
}
