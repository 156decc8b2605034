import { type Outcome, ok } from '../core/outcome.js';
import { OWN_CODE, classifyReach, codeOf } from '../core/reach.js';
import type { ConsolePort, ConsoleTarget, SqlRow } from '../plugin/contract.js';
import { startDeadline, within } from './deadline.js';
import { PhaseError } from './dial.js';
import { findPassword } from './passfile.js';
import { type Login, openSession } from './session.js';
import { connectFailure, queryFailure } from './sql-failure.js';
import type { TlsSettings } from './tls.js';

export interface ConsoleSettings extends TlsSettings {
  /** Milliseconds. */
  readonly connect_timeout: number;
  /** Where `PGPASSFILE` and `HOME` are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Sessions with poolers: no start-up option, which they refuse, and the simple query protocol, which is all their consoles know. */
export function createConsole(settings: ConsoleSettings): ConsolePort {
  return {
    run: async (target, statements, { timeout, signal }) => {
      const call = startDeadline(timeout, `no answer in ${String(timeout)} ms`, signal);
      const patience = Math.min(timeout, settings.connect_timeout);
      const connecting = startDeadline(patience, `no answer in ${String(patience)} ms`, call.signal);
      try {
        return await talk(settings, target, statements, { call: call.signal, connecting: connecting.signal });
      } finally {
        connecting.cancel();
        call.cancel();
      }
    },
  };
}

async function talk(
  settings: ConsoleSettings,
  target: ConsoleTarget,
  statements: readonly string[],
  signals: { readonly call: AbortSignal; readonly connecting: AbortSignal },
): Promise<Outcome<readonly (readonly SqlRow[])[]>> {
  const { hostname: host, port } = target;
  const secrets = [target.password];
  const session = await openSession(
    { host, port },
    login(settings, target, secrets),
    settings,
    signals.connecting,
  ).catch((thrown: unknown) => {
    const { phase, error } = thrown instanceof PhaseError ? thrown : new PhaseError('local', thrown);
    return connectFailure(target, target.user, classifyReach(error, phase), error);
  });
  if ('ok' in session) {
    return { ok: false, error: { ...session.error, hint: `see that it runs, and lets ${target.user} in` } };
  }
  const results: (readonly SqlRow[])[] = [];
  for (const text of statements) {
    try {
      const result = await within(session.client.query<SqlRow>(text), signals.call);
      results.push(result.rows);
    } catch (error) {
      const late = codeOf(error) === OWN_CODE.deadline || codeOf(error) === OWN_CODE.aborted;
      if (late) session.destroy();
      else await session.close();
      const failed = queryFailure(target, error, secrets);
      return { ok: false, error: { ...failed.error, message: `${failed.error.message} (${text})` } };
    }
  }
  await session.close();
  return ok(results);
}

function login(settings: ConsoleSettings, target: ConsoleTarget, secrets: (string | null)[]): Login {
  const { hostname: host, port, user, database } = target;
  return {
    user,
    database,
    replication: null,
    statement_timeout: null,
    password: async () => {
      if (target.password !== null) return { password: target.password };
      const found = await findPassword({ host, port, database, user }, settings.env);
      if (found.kind === 'absent') return { why: found.why };
      secrets.push(found.password);
      return { password: found.password };
    },
  };
}
