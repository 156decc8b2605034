import pg from 'pg';
import type { DemoCluster } from '../pg/harness.js';
import type { Bouncer } from '../hosts/pgbouncer.js';
import { type Lab, type LabOptions, calmLab } from './lab.js';

/** A lab whose clients come by these pgbouncers. */
export async function labWith(
  cluster: DemoCluster,
  proxies: readonly Bouncer[],
  options: LabOptions = {},
): Promise<Lab> {
  return calmLab(cluster, {
    ...options,
    failover: { connection_failover_method: 'multi_pgbouncer', ...options.failover },
    servers: { ...Object.fromEntries(proxies.map(({ name, entry }) => [name, entry])), ...options.servers },
    plugins: { multi_pgbouncer: { databases: ['postgres'], pause_timeout: 2, timeout: 2 }, ...options.plugins },
  });
}

/** One session of a client. */
export async function client(port: number, database = 'postgres'): Promise<pg.Client> {
  const made = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database, query_timeout: 10_000 });
  made.on('error', () => undefined);
  await made.connect();
  return made;
}

/** Which server answers behind a bouncer, by its port. */
export async function behind(port: number, database?: string): Promise<number> {
  const session = await client(port, database);
  try {
    const { rows } = await session.query<{ port: string }>("SELECT current_setting('port') AS port");
    return Number(rows[0]?.port);
  } finally {
    await session.end();
  }
}

/** What its console answers. */
export async function ask({ port }: Bouncer, statement: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const session = new pg.Client({ host: '127.0.0.1', port, user: 'pgbouncer', database: 'pgbouncer' });
  session.on('error', () => undefined);
  await session.connect();
  try {
    return (await session.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await session.end();
  }
}

/** The names whose clients wait. */
export async function paused(bouncer: Bouncer): Promise<readonly string[]> {
  const rows = await ask(bouncer, 'SHOW DATABASES');
  return rows.flatMap(({ name, paused: waits }) => (Number(waits) === 1 ? [String(name)] : []));
}
