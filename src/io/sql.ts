import type { Reach } from '../core/observation.js';
import { ok, type Outcome } from '../core/outcome.js';
import type { SqlPort, SqlRow } from '../plugin/contract.js';
import { identify, timelineHistory } from './replication.js';
import { openFor, type Opener, type SessionSource, type SqlSettings } from './sql-session.js';

export type { SqlSettings } from './sql-session.js';

/**
 * SQL on the servers, each call with a connection of its own, or one that is `kept` open, and a deadline that nothing on the far side
 * can move.
 */
export function createSql(settings: SqlSettings, kept: SessionSource | null = null): SqlPort {
  const open: Opener = (server, options, replication, life) =>
    openFor(settings, server, options, replication, life, kept);
  return {
    query: async (server, text, params = [], options = {}) => {
      const session = await open(server, options, null);
      if (session.kind === 'none') return session.failed;
      const { outcome } = await session.run({ text, params });
      await session.close();
      return outcome;
    },
    look: async (server, statements, options = {}) => {
      const session = await open(server, options, null);
      if (session.kind === 'none') return { reach: session.reach, results: [] };
      const results: Outcome<SqlRow[]>[] = [];
      let reach: Reach = { kind: 'accepting', detail: 'it let us in' };
      for (const statement of statements) {
        const { outcome, lost } = await session.run(statement);
        results.push(outcome);
        if (lost !== null) reach = lost;
      }
      await session.close();
      return { reach, results };
    },
    hold: async (server, options = {}) => {
      const session = await open(server, options, null, 'held');
      if (session.kind === 'none') return session.failed;
      return ok({
        query: async (text, params = []) => (await session.run({ text, params })).outcome,
        ended: session.ended,
        close: () => session.close(),
      });
    },
    identify: (server, options = {}) => identify(open, server, options),
    timelineHistory: (server, timeline, options = {}) => timelineHistory(open, server, timeline, options),
  };
}
