import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Whether a port of 127.0.0.1 takes connections. */
export function probeTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

/** A server that behaves as badly as it is told to. */
export interface FakeServer {
  readonly port: number;
  /** Everything that clients sent. */
  received(): Buffer;
  connections(): number;
  stop(): Promise<void>;
}

/** Listens on 127.0.0.1 and does `behave` with every connection. */
export async function startFake(behave: (socket: Socket) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  const received: Buffer[] = [];
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    behave(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    received: () => Buffer.concat(received),
    connections: () => connections,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
    },
  };
}
