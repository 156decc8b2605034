import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { HandyRep } from '../../src/index.js';

/** A management host without a cluster, for what a test alert needs. */
export interface Alerting extends AsyncDisposable {
  readonly dir: string;
  readonly config: string;
  readonly handyrep: HandyRep;
  log(): Promise<string>;
}

/** `plugins`: each is a method of push_alert_method, with its settings. */
export async function alerting(
  plugins: Readonly<Record<string, object>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Alerting> {
  const dir = await mkdtemp(join(tmpdir(), 'handyrep-alerts-'));
  const config = join(dir, 'handyrep.conf.yaml');
  const text = stringify({
    handyrep: { cluster_name: 'app', push_alert_method: Object.keys(plugins) },
    servers: { db1: { hostname: 'db1.invalid', role: 'master' } },
    plugins,
  });
  await writeFile(config, text, { mode: 0o600 });
  return {
    dir,
    config,
    handyrep: await HandyRep.open(config, { env: { ...process.env, ...env } }),
    log: () => readFile(join(dir, 'handyrep.log'), 'utf8'),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

export interface Posted {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Somebody who takes webhooks, and answers each with the next of these statuses (the last one for ever); null: never. */
export interface Receiver extends AsyncDisposable {
  readonly port: number;
  readonly posted: Posted[];
  answer: (number | null)[];
}

export async function receiver(...answer: (number | null)[]): Promise<Receiver> {
  const posted: Posted[] = [];
  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      posted.push({ path, headers, body: Buffer.concat(chunks).toString('utf8') });
      const status = self.answer.length > 1 ? self.answer.shift() : self.answer[0];
      if (status === null || status === undefined) return;
      response.writeHead(status, status === 302 ? { Location: 'http://127.0.0.1:1/' } : {});
      response.end(status < 300 ? 'ok' : `no: ${path}`);
    });
  });
  const port = await listen(http);
  const self: Receiver = {
    port,
    posted,
    answer,
    [Symbol.asyncDispose]: () => closeAll(http),
  };
  return self;
}

function closeAll(http: Server): Promise<void> {
  http.closeAllConnections();
  return new Promise((resolve) => http.close(() => resolve()));
}

/** Somebody who takes connections and never says a word. */
export async function mute(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const tcp = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  const port = await listen(tcp);
  return {
    port,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => tcp.close(() => resolve()));
    },
  };
}

/** A port where nobody listens. */
export async function deadPort(): Promise<number> {
  const tcp = createTcpServer();
  const port = await listen(tcp);
  await new Promise((resolve) => tcp.close(resolve));
  return port;
}

async function listen(server: TcpServer): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
