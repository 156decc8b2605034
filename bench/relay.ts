import { type Server, type Socket, connect, createServer } from 'node:net';
import { once } from 'node:events';
import { giveBackPorts, takePorts } from '../src/demo/ports.js';

/** A way to a server on 127.0.0.1 that takes as long as one to another city does. */
export interface Relay {
  readonly port: number;
  close(): void;
}

/**
 * Holds whatever it forwards, and the opening of a connection, for `delay` milliseconds in each direction. netem would need root and a
 * kernel that has it; this is the same wherever it runs, and answers no ping: only what goes through it is late.
 */
export async function startRelay(to: number, delay: number): Promise<Relay> {
  const [port = 0] = await takePorts(1);
  const open = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const [from, onto] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => setTimeout(() => onto.writable && onto.write(chunk), delay));
      from.on('end', () => setTimeout(() => onto.end(), delay));
      from.on('error', () => onto.destroy());
      from.on('close', () => open.delete(from));
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
      giveBackPorts([port]);
    },
  };
}
