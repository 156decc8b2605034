import type { ServerDef } from '../core/model.js';
import type { Outcome } from '../core/outcome.js';
import { waitFor } from '../io/wait.js';
import type { ServiceRequest } from '../plugin/contract.js';
import type { Tools } from './actor.js';

const START_EVERY_MS = 500;

/** Starts, stops or restarts a server by its restart method, which waits for the end; believed is what is seen afterwards. */
export async function service(
  tools: Tools,
  server: ServerDef,
  action: ServiceRequest['action'],
  more: Partial<Pick<ServiceRequest, 'mode' | 'timeout'>> = {},
): Promise<Outcome<string>> {
  const plugin = await tools.registry.get('restart_method', server.restart_method);
  if (!plugin.ok) return plugin;
  const { command_timeout: timeout } = tools.settings;
  return plugin.value(tools.plugin_context, { server, action, mode: 'fast', timeout, ...more });
}

/** A killed postmaster that init has not collected yet keeps a new one from starting: tried again for a while. */
export async function startEventually(tools: Tools, server: ServerDef): Promise<Outcome<string>> {
  let started = await service(tools, server, 'start');
  const { recovery_timeout: deadline } = tools.settings;
  const again = async (): Promise<boolean> => {
    if (!started.ok) started = await service(tools, server, 'start');
    return started.ok;
  };
  if (!started.ok) await waitFor(again, { deadline, every: START_EVERY_MS, signal: tools.signal });
  return started;
}
