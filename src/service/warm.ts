import type { ServerDef } from '../core/model.js';
import { pause } from '../io/wait.js';
import type { HostPort } from '../plugin/contract.js';

/**
 * Keeps the shared ssh connections to the servers' hosts open between two rounds of `failover-check --for`: a login takes longer
 * than all else that is asked of a host after a crash. What comes of it is nobody's concern: whether a host can be reached is
 * looked at by those who need it.
 */
export interface Warmth {
  /** From now on these hosts, and no others. */
  keep(servers: readonly ServerDef[]): void;
  close(): Promise<void>;
}

/** A shared connection outlives its last command by a minute; see `ControlPersist` in {@link file://../io/ssh.ts}. Milliseconds. */
const EVERY_MS = 40_000;

/** `timeout`: of one command, milliseconds. */
export function keepWarm(hosts: HostPort, timeout: number, signal: AbortSignal): Warmth {
  const ended = new AbortController();
  const over = AbortSignal.any([ended.signal, signal]);
  let servers: readonly ServerDef[] = [];
  let work: Promise<void> | null = null;
  const touch = async (): Promise<void> => {
    while (!over.aborted) {
      await Promise.all(servers.map((server) => hosts.run(server, ['true'], { as: 'login', timeout, signal: over })));
      await pause(EVERY_MS, over);
    }
  };
  return {
    keep: (wanted) => {
      servers = wanted.filter(({ connection, enabled }) => connection === 'ssh' && enabled);
      if (servers.length > 0) work ??= touch();
    },
    close: async () => {
      ended.abort();
      await work;
    },
  };
}
