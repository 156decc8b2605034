import { existsSync, statSync } from 'node:fs';
import { PGDATA } from '../hosts/host.js';
import type { Scene, Who } from './faults.js';
import { STATE } from './journal.js';

/** Something that becomes true sooner or later. */
export interface Condition {
  readonly what: string;
  holds(scene: Scene): Promise<boolean>;
}

/** A server is there, and takes no writes: it does not run and would start read only, or is in recovery. */
export function fenced(who: Who): Condition {
  return {
    what: `${who} to be fenced`,
    holds: async (scene) => {
      const host = scene.host(who);
      if (!host.isOn()) return false;
      if (host.pids('postgres').length === 0) return existsSync(host.path(`${PGDATA}/standby.signal`));
      const [row] = await host.sql('SELECT pg_is_in_recovery() AS standby');
      return row?.['standby'] === 't';
    },
  };
}

export function answers(who: Who): Condition {
  return {
    what: `${who} to answer`,
    holds: async (scene) => (await scene.host(who).sql('SELECT 1')).length > 0,
  };
}

/** One host reaches another's PostgreSQL port. What asked for its address while the wire was down fails for some seconds more. */
export function reaches(from: Who, to: Who): Condition {
  return {
    what: `${from} to reach ${to}`,
    holds: async (scene) => {
      const open = `exec 3<>/dev/tcp/${scene.host(to).address}/5432`;
      const { code } = await scene.host(from).run(['timeout', '2', 'bash', '-c', open]);
      return code === 0;
    },
  };
}

/** No replica has got anything of its master for longer than a check takes: what an unanswered connection still sends is soon over. */
export function unheardBy(...who: readonly Who[]): Condition {
  return {
    what: `${who.join(', ')} to hear nothing of the master`,
    holds: async (scene) => {
      const text = "SELECT last_msg_receipt_time < now() - interval '10 seconds' AS quiet FROM pg_stat_wal_receiver";
      const all = await Promise.all(who.map((one) => scene.host(one).sql(text)));
      return all.every((rows) => rows.every((row) => row['quiet'] === 't'));
    },
  };
}

/** So many replicas stream from a server. */
export function streamsFrom(who: Who, count: number): Condition {
  return {
    what: `${count.toString()} replicas to stream from ${who}`,
    holds: async (scene) => {
      const text = "SELECT count(*) AS n FROM pg_stat_replication WHERE state = 'streaming'";
      const [row] = await scene.host(who).sql(text);
      return row?.['n'] === count.toString();
    },
  };
}

/**
 * The lock that a run on the management host left counts as left over. After a real restart that is at once; the hosts
 * of a laboratory have another PID namespace after each start, so that they look like other machines, and it takes 30 s.
 */
export const lockLeftOver: Condition = {
  what: 'the lock of the lost run to be left over',
  holds: async (scene) => {
    const lock = statSync(scene.host('manager').path(`${STATE}.lock`), { throwIfNoEntry: false });
    return lock === undefined || Date.now() - lock.mtimeMs > 31_000;
  },
};
