import type { ServerDef } from '../core/model.js';
import type { WriteLook } from '../core/observation.js';
import { describeFailure } from '../core/outcome.js';
import { writeProbe } from '../io/write-probe.js';
import type { SqlPort } from '../plugin/contract.js';

/**
 * A write of ours that hangs cannot be cancelled: its session stays until the disk moves again (an
 * LWLock wait is not interruptible). It is seen, and no other one is sent after it, which would fill the server with them.
 */
const HANGING = `SELECT round(extract(epoch FROM clock_timestamp() - query_start)) AS seconds,
    coalesce(wait_event_type || ' ' || wait_event, 'no wait event') AS waits
  FROM pg_stat_activity
  WHERE usename = current_user AND state = 'active' AND pid <> pg_backend_pid()
    AND query LIKE 'SELECT pg_logical_emit_message(true, ''handyrep''%'
    AND query_start < clock_timestamp() - interval '2 seconds'
  ORDER BY query_start LIMIT 1`;

/** No word about the disk: the connection was lost, we may not, or it is a replica after all. SQLSTATEs. */
const OUR_TROUBLE: ReadonlySet<string> = new Set(['42501', '42883', '25006']);

/**
 * Whether this server acknowledges a write; null where that was not told, as by a connection that was lost, or where none
 * hangs and none may be tried.
 */
export async function lookAtWrite(
  sql: SqlPort,
  server: ServerDef,
  { may_write, signal }: { readonly may_write: boolean; readonly signal: AbortSignal },
): Promise<WriteLook | null> {
  const before = await sql.query(server, HANGING, [], { signal });
  const hanging = before.ok ? before.value[0] : undefined;
  if (hanging !== undefined) {
    const { seconds, waits } = hanging;
    return { kind: 'hangs', detail: `a write has waited for ${seconds ?? '?'} s: ${waits ?? ''}` };
  }
  if (!may_write) return null;
  const wrote = await writeProbe(sql, server, 'verify', { signal });
  if (wrote.ok) return { kind: 'acknowledged' };
  const { code, cause } = wrote.error;
  if (code === 'aborted' || code === 'sql_connect' || OUR_TROUBLE.has(cause ?? '')) return null;
  return { kind: code === 'sql_timeout' ? 'hangs' : 'fails', detail: describeFailure(wrote.error) };
}
