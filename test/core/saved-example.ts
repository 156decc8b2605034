import type { Lsn } from '../../src/core/lsn.js';
import type { SavedState, ServerDef } from '../../src/core/model.js';
import { proxyDef } from './build.js';
import { emptyState } from '../../src/core/saved.js';

export const NOW = '2026-03-01T12:00:00.000Z';

export function serverDef(name: string, more: Partial<ServerDef> = {}): ServerDef {
  return {
    name,
    hostname: `${name}.example.com`,
    port: 5432,
    role: name === 'db1' ? 'master' : 'replica',
    enabled: true,
    connection: 'ssh',
    ssh_user: 'handyrep',
    ssh_key: null,
    ssh_port: 22,
    become: 'sudo',
    pgdata: '/var/lib/postgresql/15/main',
    pgconf: null,
    bin_dir: null,
    restart_method: 'restart_pg_ctl',
    promotion_method: 'promote_sql',
    clone_method: 'clone_basebackup',
    use_slots: true,
    lag_limit: 100_000_000,
    failover_priority: 1,
    ...more,
  };
}

/** A state in which everything that may be there is there. */
export function fullState(more: Partial<SavedState> = {}): SavedState {
  const lsn = 0x16_b374_d848n as Lsn;
  const empty = emptyState('app', [serverDef('db1'), serverDef('db2')], NOW);
  const server = (name: string) => ({
    def: serverDef(name),
    status: { status: 'healthy', status_no: 1, status_ts: NOW, status_message: '12 ms' } as const,
    calm: { at: NOW, streaming: true, lsn, timeline: 1, application_name: name },
    facts: {
      at: NOW,
      in_recovery: true,
      timeline: 1,
      lsn,
      lag_bytes: 120,
      streaming: true,
      version: 150_018,
      took: 12,
    },
  });
  const steps = [
    {
      step: { kind: 'fence_old_master', server: 'db1', way: { kind: 'kill' } },
      state: 'done',
      begun: NOW,
      ended: NOW,
      note: 'killed',
    },
    {
      step: { kind: 'choose', candidates: [{ server: 'db2', lsn, timeline: 1 }] },
      state: 'begun',
      begun: NOW,
      ended: null,
      note: null,
    },
    { step: { kind: 'promote' }, state: 'pending', begun: null, ended: null, note: null },
  ] as const;
  return {
    ...empty,
    generation: 7,
    system_identifier: '7123456789012345678',
    servers: { db1: server('db1'), db2: server('db2') },
    proxies: {
      pgb1: {
        def: proxyDef('pgb1'),
        status: { status: 'warning', status_no: 3, status_ts: NOW, status_message: 'it sends app to db1' },
        route: { master: 'db2', replicas: ['db1'] },
        owed: NOW,
      },
    },
    routing: { route: { master: 'db2', replicas: [] }, owed: null },
    archive: { master: 'db1', owed: ['db2'], gap: true, tried: NOW },
    last_poll: NOW,
    last_verify: NOW,
    master_position: { at: NOW, server: 'db1', timeline: 1, lsn },
    sync: {
      at: NOW,
      setting: 'ANY 1 (*)',
      commit: 'on',
      standbys: [{ application_name: 'db2', sync_state: 'quorum' }],
    },
    former_masters: [{ server: 'db0', since: NOW, reason: 'lost', timeline: 1, fenced: null, rejoin_failures: 0 }],
    rebuilds: [
      {
        server: 'db2',
        kind: 'clone',
        method: 'clone_basebackup',
        source: 'db1',
        run: 'r',
        begun: NOW,
        owner: { pid: 1, started: '2', host: 'h', machine: 'm', boot_id: 'b' },
        touched: true,
        broken: null,
      },
    ],
    silent_since: NOW,
    rebooted_since_calm: true,
    pause: { since: NOW, until: null, reason: 'works' },
    clock: { boot_id: 'b', wall_ms: 1.5, uptime_ms: 2 },
    operation: {
      id: 'op',
      kind: 'failover',
      automatic: true,
      begun: NOW,
      run: 'r',
      old_master: 'db1',
      new_master: 'db2',
      failed_candidates: [],
      steps,
      former_upstreams: [{ server: 'db2', host: 'db1', hostaddr: null, port: '5432' }],
      shutdown_checkpoint: { timeline: 1, lsn },
      evidence: ['it is dead'],
      loss: 'none',
      moments: [
        { what: 'first look', at: NOW, ms: 3000 },
        { what: 'decision', at: NOW, ms: null },
      ],
    },
    last_failover: { ended: NOW, acknowledged: false },
    history: [],
    ...more,
  };
}
