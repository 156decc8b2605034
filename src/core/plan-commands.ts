import type { FenceWay, ServerDef, Step } from './model.js';
import { slotName } from './slot.js';

/** Who is meant by the names in a plan; `new_master` is null where the choice is made on the way. */
export interface PlanServers {
  readonly servers: Readonly<Record<string, ServerDef>>;
  readonly new_master: string | null;
  readonly replication_user: string;
}

/** What a step runs, and where: SQL as it is sent, programs as a person would type them. For `--dry-run`. */
export function stepCommands(step: Step, who: PlanServers): readonly string[] {
  switch (step.kind) {
    case 'before_commands':
      return step.commands.map((name) => `this host: extra_failover_commands.${name}`);
    case 'fence_old_master':
      return fence(who, step.server, step.way);
    case 'stop_receivers':
      return step.servers.map((name) =>
        on(name, 'ALTER SYSTEM SET primary_conninfo to a host that does not exist; SELECT pg_reload_conf()'),
      );
    case 'choose':
      return step.candidates.map(({ server }) =>
        on(server, 'SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()'),
      );
    case 'checkpoint':
      return step.servers.map((name) => on(name, 'CHECKPOINT'));
    case 'pause_connections':
      return [`${step.method}: let the clients wait`];
    case 'stop_old_master': {
      const server = who.servers[step.server];
      return [
        on(step.server, `touch ${server?.pgdata ?? 'PGDATA'}/standby.signal`),
        on(step.server, `${server?.restart_method ?? 'restart_method'}: stop, fast`),
        on(step.server, `read ${server?.pgdata ?? 'PGDATA'}/global/pg_control until it says "shut down"`),
      ];
    }
    case 'prove_candidate':
      return [
        on(step.server, 'SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(): past the shutdown checkpoint'),
      ];
    case 'promote':
      return [on(master(who), promotion(who))];
    case 'prove_writes':
      return [on(master(who), `SELECT pg_logical_emit_message(true, 'handyrep', …)`)];
    case 'record':
      return [];
    case 'move_connections':
      return [`${step.method}: move the clients to ${master(who)}`];
    case 'remaster':
      return step.servers.filter((name) => name !== who.new_master).flatMap((name) => follow(who, name));
    case 'return_old_master':
      return [...slot(who, step.server), ...comeBack(who, step.server)];
    case 'extra_commands':
      return [];
  }
}

function on(server: string, command: string): string {
  return `${server}: ${command}`;
}

function master({ new_master }: PlanServers): string {
  return new_master ?? 'the chosen server';
}

function promotion({ servers, new_master }: PlanServers): string {
  const method = new_master === null ? null : servers[new_master]?.promotion_method;
  return method === 'promote_sql' ? 'SELECT pg_promote()' : (method ?? 'its promotion_method');
}

function fence({ servers }: PlanServers, server: string, way: FenceWay): readonly string[] {
  const pgdata = servers[server]?.pgdata ?? 'PGDATA';
  const signal = on(server, `touch ${pgdata}/standby.signal`);
  switch (way.kind) {
    case 'signal':
      return [signal, on(server, `kill -9 whatever is left of ${pgdata}`)];
    case 'kill':
      return [signal, on(server, `kill -9 every process of ${pgdata}`)];
    case 'plugin':
      return [`${way.method}: power ${server} off`];
    case 'owed':
      return [];
  }
}

function slot(who: PlanServers, replica: string): readonly string[] {
  if (who.servers[replica]?.use_slots === false) return [];
  return [on(master(who), `SELECT pg_create_physical_replication_slot('${slotName(replica)}', true)`)];
}

function conninfo({ servers, new_master, replication_user }: PlanServers, replica: string): string {
  const server = new_master === null ? undefined : servers[new_master];
  const address = server === undefined ? 'host=NEW_MASTER' : `host=${server.hostname} port=${server.port}`;
  return `${address} user=${replication_user} application_name=${replica} …`;
}

function follow(who: PlanServers, replica: string): readonly string[] {
  const name = who.servers[replica]?.use_slots === false ? '' : slotName(replica);
  const settings = `ALTER SYSTEM SET primary_conninfo = '${conninfo(who, replica)}'; ALTER SYSTEM SET primary_slot_name = '${name}'`;
  return [...slot(who, replica), on(replica, `${settings}; SELECT pg_reload_conf()`)];
}

function comeBack(who: PlanServers, server: string): readonly string[] {
  const def = who.servers[server];
  return [
    on(server, `primary_conninfo = '${conninfo(who, server)}' into ${def?.pgdata ?? 'PGDATA'}/postgresql.auto.conf`),
    on(server, `${def?.restart_method ?? 'restart_method'}: start`),
  ];
}
