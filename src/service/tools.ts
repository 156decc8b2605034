import { POLL_SLACK_MS } from '../core/limits.js';
import type { ActSettings, Tools } from '../act/actor.js';
import type { LoadedConfig } from '../config/loaded.js';
import type { Event } from '../core/event.js';
import { type LightLook, lookAtServer } from '../observe/servers.js';
import type { HostPort, PluginContext, PluginKinds, SqlPort } from '../plugin/contract.js';
import type { Registry } from '../plugin/registry.js';

export interface ToolParts {
  readonly run: string;
  readonly loaded: LoadedConfig;
  readonly sql: SqlPort;
  readonly hosts: HostPort;
  readonly registry: Registry;
  readonly context: PluginContext;
  /** poll_connect: role, timeline and positions. */
  readonly ask: PluginKinds['poll_method'];
  tell(event: Event): void;
}

/** The ways to act on servers that a run has, with the lock or without; its context's signal ends what is under way. */
export function makeTools({ run, loaded, sql, hosts, registry, context, ask, tell }: ToolParts): Tools {
  const look = lightLookOf(loaded, ask, context);
  return {
    run,
    sql,
    hosts,
    registry,
    plugin_context: context,
    signal: context.signal,
    settings: actSettings(loaded),
    look: (server) => lookAtServer(look, server),
    now: () => Date.now(),
    tell,
  };
}

/** One look at one server by a poll method, with a deadline whatever that does. */
export function lightLookOf(loaded: LoadedConfig, poll: LightLook['poll'], context: PluginContext): LightLook {
  const { connect_timeout, statement_timeout } = loaded.config.handyrep;
  return { poll, context, deadline: connect_timeout + statement_timeout + POLL_SLACK_MS };
}

function actSettings({ config, secrets }: LoadedConfig): ActSettings {
  const { handyrep_db, handyrep_user, replication_user, connect_timeout, ssh_timeout, command_timeout } =
    config.handyrep;
  return {
    handyrep_db,
    handyrep_user,
    replication_user,
    replication_pass: secrets.replication_pass,
    handyrep_pass: secrets.handyrep_db_pass,
    connect_timeout,
    ssh_timeout,
    command_timeout,
    recovery_timeout: config.failover.recovery_retries * 1000,
    extra_commands: Object.entries(config.extra_failover_commands).map(([name, one]) => ({ name, ...one })),
  };
}
