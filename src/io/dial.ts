import { createConnection, type NetConnectOpts, type Socket } from 'node:net';
import type { Phase } from '../core/reach.js';
import { resolveHost } from './resolve.js';

/** Where a PostgreSQL server listens; a host that begins with `/` is the folder of its Unix socket. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** How far an attempt had come when it failed; `error` is what happened. */
export class PhaseError extends Error {
  readonly phase: Phase;
  readonly error: unknown;
  constructor(phase: Phase, error: unknown) {
    super(`in phase ${phase}`, { cause: error });
    this.name = 'PhaseError';
    this.phase = phase;
    this.error = error;
  }
}

/** Between the first try of one address and the next (RFC 8305); an earlier one is not given up for it. */
const STAGGER = 250;

/** How long an idle connection is trusted before the kernel asks. */
const KEEP_ALIVE = 10_000;

/** Whether an endpoint is a Unix socket. */
export function isUnixSocket(endpoint: Endpoint): boolean {
  return endpoint.host.startsWith('/');
}

/**
 * Opens a connection to the first address of the host that takes it. Throws a {@link PhaseError}: a name that does not
 * resolve in time is told apart from a server that does not answer, which Node's own connect does not do.
 */
export async function dial(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  if (isUnixSocket(endpoint)) {
    return connectAny([{ path: `${endpoint.host}/.s.PGSQL.${String(endpoint.port)}` }], signal);
  }
  const addresses = await addressesOf(endpoint.host, signal);
  const targets = addresses.map((host) => ({ host, port: endpoint.port }));
  const socket = await connectAny(targets, signal);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE);
  return socket;
}

async function addressesOf(host: string, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return await resolveHost(host, signal);
  } catch (error) {
    throw new PhaseError('resolve', error);
  }
}

function connectAny(targets: readonly NetConnectOpts[], signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    const errors: unknown[] = [];
    const waiting = [...targets];
    let timer: NodeJS.Timeout | undefined;
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      for (const socket of open) socket.destroy();
      act();
    };
    const giveUp = (): void => {
      settle(() => {
        const [only] = errors;
        reject(new PhaseError('connect', errors.length === 1 ? only : new AggregateError(errors)));
      });
    };
    const onAbort = (): void => {
      errors.push(signal.reason);
      giveUp();
    };
    const next = (): void => {
      clearTimeout(timer);
      const target = waiting.shift();
      if (target === undefined) return;
      open.add(
        attempt(target, {
          connected: (socket) => {
            open.delete(socket);
            settle(() => {
              resolve(socket);
            });
          },
          failed: (socket, error) => {
            if (!open.delete(socket)) return;
            errors.push(error);
            if (waiting.length > 0) next();
            else if (open.size === 0) giveUp();
          },
        }),
      );
      if (waiting.length > 0) timer = setTimeout(next, STAGGER);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else next();
  });
}

interface Attempt {
  readonly connected: (socket: Socket) => void;
  readonly failed: (socket: Socket, error: Error) => void;
}

function attempt(target: NetConnectOpts, on: Attempt): Socket {
  const socket = createConnection(target);
  socket.once('connect', () => {
    on.connected(socket);
  });
  // It stays: a socket without a listener for errors would end the process when its server dies.
  socket.on('error', (error) => {
    on.failed(socket, error);
  });
  return socket;
}
