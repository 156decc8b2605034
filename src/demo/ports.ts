import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HandyRepError } from '../core/outcome.js';
import { readProcess } from '../state/process.js';

/** Below the range from which the kernel takes the ports of outgoing connections. */
const LOWEST = 10_001;
const HIGHEST = 32_767;

/** One a user, as a folder of another one's could not be written. */
const folder = join(tmpdir(), `handyrep-ports-${(process.getuid?.() ?? 0).toString()}`);
const owner = `${process.pid.toString()} ${readProcess(process.pid)?.started ?? ''}`;

/**
 * Takes free TCP ports of 127.0.0.1 for as long as this process lives or until they are given back. A taken port is
 * written down, so that another process does not take the port of a server that is stopped for the moment.
 */
export async function takePorts(count: number): Promise<number[]> {
  const taken: number[] = [];
  for (let attempt = 0; taken.length < count; attempt++) {
    if (attempt > 500) throw new HandyRepError({ code: 'command_failed', message: 'no free port found on 127.0.0.1' });
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (!reserve(port)) continue;
    if (await isFree(port)) taken.push(port);
    else giveBackPorts([port]);
  }
  return taken;
}

/** Lets other processes have these ports again. */
export function giveBackPorts(ports: readonly number[]): void {
  for (const port of ports) {
    try {
      if (readFileSync(note(port), 'utf8') === owner) rmSync(note(port), { force: true });
    } catch {
      // Somebody tidied the folder of temporary files: nothing is left to give back.
    }
  }
}

/** Whether a port of 127.0.0.1 can be listened on now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

function note(port: number): string {
  return join(folder, port.toString());
}

function reserve(port: number): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!ownerLives(port)) rmSync(note(port), { force: true });
    writeFileSync(note(port), owner, { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

function ownerLives(port: number): boolean {
  try {
    const [pid = '', started = ''] = readFileSync(note(port), 'utf8').split(' ');
    // An empty note is one being written.
    return pid === '' || readProcess(Number(pid))?.started === started;
  } catch {
    return false;
  }
}
