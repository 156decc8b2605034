import pg from 'pg';

export type Row = Readonly<Record<string, string | null>>;

export interface SqlTarget {
  /** A host name or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string | undefined;
  /** Milliseconds for connecting, and again for each statement. */
  readonly timeout: number;
}

const asText = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;

/** A client that gives values as text and cannot take the process down with it. */
export function openClient(target: SqlTarget): pg.Client {
  const client = new pg.Client({
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    password: target.password ?? '',
    ssl: false,
    connectionTimeoutMillis: target.timeout,
    query_timeout: target.timeout,
    types: asText,
  });
  // Without a listener a server that dies would end this process; the query that is under way reports it.
  client.on('error', () => undefined);
  return client;
}

/** One connection, one query, rows as text. Throws what `pg` throws; ends within twice the timeout. */
export async function runSql(target: SqlTarget, text: string, params: readonly unknown[] = []): Promise<Row[]> {
  const client = openClient(target);
  try {
    await client.connect();
    const result = await client.query<Record<string, string | null>>(text, [...params]);
    return result.rows;
  } finally {
    closeClient(client, target.timeout);
  }
}

/** Ends a client without waiting for a server that may never answer. */
export function closeClient(client: pg.Client, timeout: number): void {
  const timer = setTimeout(() => {
    destroyClient(client);
  }, timeout);
  timer.unref();
  client.end().then(
    () => {
      clearTimeout(timer);
    },
    () => {
      clearTimeout(timer);
    },
  );
}

/** Drops a client's connection at once: the only way after a timeout, when an answer may still be under way. */
export function destroyClient(client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
