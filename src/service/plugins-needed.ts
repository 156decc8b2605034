import type { Config } from '../config/effective.js';
import type { ServerDef } from '../core/model.js';
import type { PluginKind } from '../plugin/contract.js';

/** A plugin that will be called for a server. */
export interface NeededPlugin {
  readonly kind: PluginKind;
  readonly name: string;
  /** `afterwards`: what brings servers back. */
  readonly needed_for: 'failover' | 'afterwards';
}

/** Every plugin that the configuration names for this server; those of the cluster as a whole with the master. */
export function pluginsNeeded(config: Config, def: ServerDef): readonly NeededPlugin[] {
  const { fence_method, connection_failover_method: connections, rejoin_method } = config.failover;
  const one = (kind: PluginKind, name: string, needed_for: NeededPlugin['needed_for'] = 'failover'): NeededPlugin => ({
    kind,
    name,
    needed_for,
  });
  const own = [
    one('promotion_method', def.promotion_method),
    one('restart_method', def.restart_method),
    one('clone_method', def.clone_method, 'afterwards'),
    one('rejoin_method', rejoin_method, 'afterwards'),
  ];
  if (def.role !== 'master') return own;
  const { archiving, archive_script_method: scripts, archive_delete_method: deletes } = config.archive;
  return [
    ...own,
    ...(fence_method === null ? [] : [one('fence_method', fence_method)]),
    ...(connections === null ? [] : [one('connection_failover_method', connections)]),
    ...(archiving && scripts !== null ? [one('archive_script_method', scripts, 'afterwards')] : []),
    ...(archiving && deletes !== null ? [one('archive_delete_method', deletes, 'afterwards')] : []),
    ...config.handyrep.push_alert_method.map((name) => one('push_alert_method', name)),
    ...Object.values(config.extra_failover_commands).map(({ command }) => one('extra_command', command)),
  ];
}
